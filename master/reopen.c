/*
 * master/reopen.c - new files behind old descriptors.
 *
 * The descriptor's number stays, here and in the children, so that nothing else has to know.
 */
#include "master/reopen.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/core_conf.h"
#include "common/generation.h"
#include "common/log.h"
#include "common/log_rotate.h"
#include "master/log_files.h"
#include "master/master.h"

static void tell_children(struct master *m, const struct generation *gen, int64_t index, int fd)
{
    for (struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        for (uint32_t i = 0; crew->gen == gen && i < crew->count; i++)
            child_tell(&crew->children[i], CHANNEL_REOPEN_LOG, index, fd);
}

static bool reopen_file(struct master *m, struct generation *gen, struct log_file *file,
                        int64_t index, int64_t owner)
{
    int fd = log_files_reopen(file, owner);
    bool good = fd >= 0 && dup3(fd, file->fd, O_CLOEXEC) >= 0;

    if (fd < 0)
        return false;
    if (!good) {
        log_error(&process_log, LOG_ALERT, errno, "dup3() failed while reopening \"%s\"",
                  file->path);
    } else {
        log_rotate_schedule(file);
        tell_children(m, gen, index, fd);
    }
    close(fd);
    return good;
}

/* `path` NULL: all. */
static bool reopen_generation(struct master *m, struct generation *gen, const char *path)
{
    int64_t owner = path == NULL ? core_conf(gen)->uid : -1, index = 0;
    bool all = true;

    for (struct log_file *file = gen->log_files; file != NULL; file = file->next, index++)
        if (file->path != NULL && file->fd >= 0 &&
            (path == NULL || strcmp(file->path, path) == 0))
            all &= reopen_file(m, gen, file, index, owner);
    return all;
}

/* A generation may have two crews. */
static bool is_done(const struct master *m, const struct crew *crew)
{
    for (const struct crew *newer = m->crews; newer != crew; newer = newer->older)
        if (newer->gen == crew->gen)
            return true;
    return crew->gen == m->gen || crew->gen == m->reload.gen;
}

static bool reopen_all(struct master *m, const char *path)
{
    bool all = true;

    if (m->gen != NULL)
        all &= reopen_generation(m, m->gen, path);
    if (m->reload.gen != NULL && m->reload.gen != m->gen)
        all &= reopen_generation(m, m->reload.gen, path);
    for (struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        if (!is_done(m, crew))
            all &= reopen_generation(m, crew->gen, path);
    return all;
}

bool reopen_path(struct master *m, const char *path)
{
    return reopen_all(m, path);
}

void reopen_logs(struct master *m)
{
    int error_fd;

    log_error(&process_log, LOG_NOTICE, 0, "reopening logs");
    reopen_all(m, NULL);
    error_fd = m->gen != NULL ? log_files_error_fd(m->gen) : -1;
    if (m->daemonized && error_fd > STDERR_FILENO)
        dup2(error_fd, STDERR_FILENO);
}
