/*
 * t/unit/master/pidfile_test.c - whose pid is in the file, and what is no pid.
 */
#include "master/pidfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/module.h"
#include "common/role.h"
#include "t/unit/tap.h"

const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

static char dir[] = "/tmp/weir-pidfile-XXXXXX";
static char path[64], old[80];

static void put(const char *text)
{
    FILE *file = fopen(path, "w");

    fputs(text, file);
    fclose(file);
}

static bool exists(const char *name)
{
    struct stat st;

    return stat(name, &st) == 0;
}

static void writes_and_removes_its_own(void)
{
    put("1\n");
    ok(pidfile_write(path), "over what a dead master left");
    is_int(pidfile_read(path), getpid(), "our pid");
    ok(pidfile_rename(path, true) && exists(old) && !exists(path), "moved for a new binary");
    pidfile_remove(path);
    ok(exists(old), "nothing else goes");
    ok(pidfile_rename(path, false) && exists(path), "and back");
    pidfile_remove(path);
    ok(!exists(path), "removed");
}

static void leaves_anothers(void)
{
    put("1\n");
    pidfile_remove(path);
    ok(exists(path), "the file of another process stays");
}

static void reads_only_pids(void)
{
    put("4711\n");
    is_int(pidfile_read(path), 4711, "a pid");
    put("4711");
    is_int(pidfile_read(path), 4711, "without a newline");
    put("");
    is_int(pidfile_read(path), 0, "nothing");
    put("12a\n");
    is_int(pidfile_read(path), 0, "something else");
    put("-1\n");
    is_int(pidfile_read(path), 0, "all processes");
    put("99999999999\n");
    is_int(pidfile_read(path), 0, "too large");
    unlink(path);
    is_int(pidfile_read(path), 0, "no file");
    ok(!pidfile_write("/nonexistent/weir.pid"), "no directory");
}

int main(void)
{
    ok(mkdtemp(dir) != NULL, "a directory");
    snprintf(path, sizeof(path), "%s/weir.pid", dir);
    snprintf(old, sizeof(old), "%s" PIDFILE_OLD, path);
    writes_and_removes_its_own();
    leaves_anothers();
    reads_only_pids();
    rmdir(dir);
    return tap_done();
}
