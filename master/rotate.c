/*
 * master/rotate.c - logs that are rotated by the master.
 *
 * A child's word is only a reason to look: the file itself says how large it is.
 */
#include "master/rotate.h"

#include "common/clock.h"
#include "common/generation.h"
#include "common/log_rotate.h"
#include "master/child.h"
#include "master/crew.h"
#include "master/master.h"
#include "master/privilege.h"
#include "master/reopen.h"

void rotate_note(const struct child_proc *c, int64_t index)
{
    struct log_file *file = c->crew->gen->log_files;

    while (file != NULL && index-- > 0)
        file = file->next;
    if (file != NULL && file->rotation != NULL)
        file->rotate_asked = true;
}

static void rotate(struct master *m, struct log_file *file)
{
    bool moved;

    file->rotate_asked = false;
    privilege_raise(PRIVILEGE_FILES);
    moved = log_rotate(file);
    privilege_lower();
    if (moved && !reopen_path(m, file->path))
        log_rotate_failed(file);
}

static void rotate_generation(struct master *m, struct generation *gen)
{
    for (struct log_file *file = gen->log_files; file != NULL; file = file->next)
        if (file->rotation != NULL &&
            (file->rotate_asked || clock_mono_ms >= file->rotate_at_ms))
            rotate(m, file);
}

/* What only an older generation has is rotated when its children ask. */
void rotate_logs(struct master *m)
{
    if (m->gen != NULL)
        rotate_generation(m, m->gen);
    for (struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        if (crew->gen != m->gen)
            rotate_generation(m, crew->gen);
}

static int64_t sooner(const struct generation *gen, int64_t deadline_ms)
{
    for (const struct log_file *file = gen->log_files; file != NULL; file = file->next)
        if (file->rotation != NULL && file->fd >= 0)
            deadline_ms = MIN(deadline_ms, MAX(file->rotate_at_ms, file->rotate_rest_ms));
    return deadline_ms;
}

int64_t rotate_deadline(const struct master *m, int64_t deadline_ms)
{
    if (m->gen != NULL)
        deadline_ms = sooner(m->gen, deadline_ms);
    for (const struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        if (crew->gen != m->gen)
            deadline_ms = sooner(crew->gen, deadline_ms);
    return deadline_ms;
}
