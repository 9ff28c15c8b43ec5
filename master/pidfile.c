/*
 * master/pidfile.c - the pid file appears whole, by rename, once every socket listens.
 */
#include "master/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/default_paths.h"
#include "common/dir.h"
#include "common/log.h"
#include "master/privilege.h"

/* Reads at most `room` bytes, NUL-terminated. */
static ssize_t read_text(const char *path, char *out, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -1;
    n = read(fd, out, room - 1);
    close(fd);
    if (n >= 0)
        out[n] = '\0';
    return n;
}

/* The pid a text stands for, 0 for none. nginx forgives trailing newlines only. */
static pid_t parse_pid(char *text)
{
    size_t len = strlen(text);
    int64_t pid;

    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    text[len] = '\0';
    return str_to_int((struct str){text, len}, &pid) && pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

/* Writes `aside`, which is to become `path`. */
static bool write_all(const char *aside, const char *path, const char *text, size_t len)
{
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    bool written;

    if (fd < 0) {
        log_error(&process_log, LOG_EMERG, errno, "open() \"%s\" failed", path);
        return false;
    }
    written = write(fd, text, len) == (ssize_t)len;
    if (!written)
        log_error(&process_log, LOG_EMERG, errno, "write() to \"%s\" failed", path);
    close(fd);
    return written;
}

bool pidfile_write(const char *path)
{
    char text[16], aside[PATH_MAX];
    int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    bool written;

    if (snprintf(aside, sizeof(aside), "%s.%d", path, (int)getpid()) >= (int)sizeof(aside)) {
        log_error(&process_log, LOG_EMERG, ENAMETOOLONG, "open() \"%s\" failed", path);
        return false;
    }
    privilege_raise(PRIVILEGE_FILES);
    if (strcmp(path, default_paths.pid) == 0)
        dir_make_above(path, 0755); /* nobody was asked where it should be */
    written = write_all(aside, path, text, (size_t)len);
    if (written && rename(aside, path) != 0) {
        log_error(&process_log, LOG_EMERG, errno, "rename() \"%s\" to \"%s\" failed", aside, path);
        unlink(aside);
        written = false;
    }
    privilege_lower();
    return written;
}

void pidfile_remove(const char *path)
{
    char text[64];

    privilege_raise(PRIVILEGE_FILES);
    if (read_text(path, text, sizeof(text)) > 0 && parse_pid(text) == getpid() &&
        unlink(path) != 0)
        log_error(&process_log, LOG_ALERT, errno, "unlink() \"%s\" failed", path);
    privilege_lower();
}

bool pidfile_rename(const char *path, bool to_old)
{
    char old[PATH_MAX];
    const char *from = to_old ? path : old, *to = to_old ? old : path;
    bool renamed;

    snprintf(old, sizeof(old), "%s" PIDFILE_OLD, path);
    privilege_raise(PRIVILEGE_FILES);
    renamed = rename(from, to) == 0;
    if (!renamed)
        log_error(&process_log, LOG_ALERT, errno, "rename() \"%s\" to \"%s\" failed", from, to);
    privilege_lower();
    return renamed;
}

pid_t pidfile_read(const char *path)
{
    char text[64];
    pid_t pid;

    privilege_raise(PRIVILEGE_FILES);
    if (read_text(path, text, sizeof(text)) < 0) {
        log_error(&process_log, LOG_ERROR, errno, "open() \"%s\" failed", path);
        privilege_lower();
        return 0;
    }
    privilege_lower();
    pid = parse_pid(text);
    if (pid == 0)
        log_error(&process_log, LOG_ERROR, 0, "invalid PID number \"%s\" in \"%s\"", text, path);
    return pid;
}
