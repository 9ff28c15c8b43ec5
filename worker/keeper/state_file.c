/*
 * worker/keeper/state_file.c - `server` lines, written aside and renamed.
 *
 * Keepers of two generations may write at once. Each locks the file aside, and makes sure that what
 * it has locked is still there, and after the rename that the servers are still those it wrote.
 */
#include "worker/keeper/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/generation.h"
#include "common/log.h"
#include "worker/event/timer.h"
#include "worker/keeper/keeper.h"
#include "worker/upstream/changes.h"

#define AGAIN_MS 10000
#define TRIES    10

static const struct generation *served;
static struct timer again;

/* A server's line as it is now. */
static void print_server(FILE *out, const struct array *changes, const struct upstream_server *s,
                         struct pool *pool)
{
    const struct upstream_server *configured = s->configured != NULL ? s->configured : s;
    uint64_t over = server_is_new(s) ? 0
                                     : server_line_hash(server_line_text(configured, pool));
    const struct server_change *c = s->changed ? changes_find(changes, s->text, over) : NULL;
    struct str line = c != NULL ? c->line : server_line_text(configured, pool);

    fprintf(out, "server %" STR_FMT ";\n", STR_ARG(line));
}

static struct str print_all(const struct upstream_group *group, struct pool *pool,
                            uint64_t *number)
{
    struct array changes = changes_read(group, pool, number);
    struct array servers = changes_apply(group, &changes, pool);
    struct str text;
    size_t len;
    char *data;
    FILE *out = open_memstream(&data, &len);

    must(out != NULL);
    fputs("# Written by the server: change it with \"weir ctl upstream\".\n", out);
    EACH (const struct upstream_server, s, &servers)
        print_server(out, &changes, s, pool);
    must(fclose(out) == 0);
    text = pool_str(pool, (struct str){data, len});
    free(data);
    return text;
}

static bool is_written(const char *path, struct str text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* it may be no file */
    char *have = fd < 0 ? NULL : malloc(text.len + 1);
    bool same = have != NULL && read(fd, have, text.len + 1) == (ssize_t)text.len &&
                memcmp(have, text.data, text.len) == 0;

    free(have);
    if (fd >= 0)
        close(fd);
    return same;
}

/* -1 with errno. What is no file makes nobody wait. */
static int open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    struct stat st;

    if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
        return fd;
    close(fd);
    errno = EINVAL;
    return -1;
}

/* The file aside, ours alone; -1 with errno, EAGAIN when another keeper has it. */
static int open_aside(const char *path)
{
    int fd = open_file(path);
    struct stat own, there;

    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (fstat(fd, &own) == 0 && lstat(path, &there) == 0 && own.st_ino == there.st_ino &&
            own.st_dev == there.st_dev)
            return fd;
        errno = EAGAIN;
    }
    close(fd);
    return -1;
}

static bool write_all(int fd, struct str text)
{
    if (ftruncate(fd, 0) != 0)
        return false;
    while (text.len > 0) {
        ssize_t n = write(fd, text.data, text.len);

        if (n < 0 && errno != EINTR)
            return false;
        text = str_from(text, (size_t)MAX(n, 0));
    }
    return fdatasync(fd) == 0;
}

static bool replace(const char *path, struct str text)
{
    char aside[PATH_MAX];
    bool written;
    int fd, err;

    if (snprintf(aside, sizeof(aside), "%s.new", path) >= (int)sizeof(aside)) {
        errno = ENAMETOOLONG;
        return false;
    }
    fd = open_aside(aside);
    if (fd < 0)
        return false;
    written = write_all(fd, text) && rename(aside, path) == 0;
    err = errno;
    if (!written)
        unlink(aside);
    close(fd);
    errno = err;
    return written;
}

/* Until what is in the file is what is so. False with errno. */
static bool write_group(const struct upstream_group *group)
{
    uint64_t number, now = 0;
    bool written = true;

    for (int tries = TRIES; written && tries > 0; tries--) {
        struct pool *pool = pool_create(POOL_BLOCK);
        struct str text = print_all(group, pool, &number);

        written = is_written(group->state.data, text) || replace(group->state.data, text);
        changes_read(group, pool, &now);
        pool_destroy(pool);
        if (now == number)
            break;
    }
    return written;
}

int state_file_write(const struct upstream_group *group)
{
    int err;

    if (group->state.len == 0 || write_group(group))
        return 0;
    err = errno;
    timer_set(&again, err == EAGAIN ? 100 : AGAIN_MS);
    if (err != EAGAIN)
        log_error(&process_log, LOG_ERROR, err, "state file \"%" STR_FMT "\" cannot be written",
                  STR_ARG(group->state));
    return err == EAGAIN ? 0 : err;
}

/* Only those that were changed: a file that is as it was read needs no writing. */
static void on_again(struct timer *timer)
{
    const struct upstream_set *set = served->upstreams;
    struct pool *pool = pool_create(POOL_BLOCK);

    for (const struct upstream_group *g = set->first; g != NULL; g = g->next)
        if (g->state.len > 0 && changes_read(g, pool, NULL).count > 0)
            state_file_write(g);
    pool_destroy(pool);
}

void state_file_start(const struct generation *gen)
{
    served = gen;
    again.on_timer = on_again;
    timer_set(&again, AGAIN_MS);
}

void state_file_stop(void)
{
    timer_cancel(&again);
}
