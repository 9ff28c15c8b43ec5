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
#include "master/log_files.h"
#include "master/master.h"

static void tell_children(struct master *m, const struct generation *gen, int64_t index, int fd)
{
    for (struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        for (uint32_t i = 0; crew->gen == gen && i < crew->count; i++)
            child_tell(&crew->children[i], CHANNEL_REOPEN_LOG, index, fd);
}

static void reopen_file(struct master *m, struct generation *gen, struct log_file *file,
                        int64_t index)
{
    int fd = log_files_reopen(file, core_conf(gen)->uid);

    if (fd < 0)
        return;
    if (dup3(fd, file->fd, O_CLOEXEC) < 0)
        log_error(&process_log, LOG_ALERT, errno, "dup3() failed while reopening \"%s\"",
                  file->path);
    else
        tell_children(m, gen, index, fd);
    close(fd);
}

static void reopen_generation(struct master *m, struct generation *gen)
{
    int64_t index = 0;

    for (struct log_file *file = gen->log_files; file != NULL; file = file->next, index++)
        if (file->path != NULL && file->fd >= 0)
            reopen_file(m, gen, file, index);
}

/* A generation may have two crews. */
static bool is_done(const struct master *m, const struct crew *crew)
{
    for (const struct crew *newer = m->crews; newer != crew; newer = newer->older)
        if (newer->gen == crew->gen)
            return true;
    return crew->gen == m->gen;
}

void reopen_logs(struct master *m)
{
    int error_fd;

    log_error(&process_log, LOG_NOTICE, 0, "reopening logs");
    if (m->gen != NULL)
        reopen_generation(m, m->gen);
    for (struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        if (!is_done(m, crew))
            reopen_generation(m, crew->gen);
    error_fd = m->gen != NULL ? log_files_error_fd(m->gen) : -1;
    if (m->daemonized && error_fd > STDERR_FILENO)
        dup2(error_fd, STDERR_FILENO);
}
