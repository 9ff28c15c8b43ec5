/*
 * master/crew.c - one generation's children as a whole.
 */
#include "master/crew.h"

#include <stdlib.h>

#include "common/generation.h"
#include "common/log.h"
#include "common/slots.h"
#include "master/master.h"

static uint32_t count_children(const struct generation *gen)
{
    uint32_t count = 0;

    for (const struct role *const *role = roles; *role != NULL; role++)
        count += (*role)->wanted(gen);
    return count;
}

static void add_child(struct crew *crew, const struct role *role)
{
    struct child_proc *c = &crew->children[crew->count];

    child_init(c, crew, role, crew->count++);
    c->row = slots_assign(&crew->master->slots, c->slot, crew->number);
    if (c->row == SLOTS_NONE)
        log_error(&process_log, LOG_ALERT, 0, "too many processes: no row left for slot %u",
                  c->slot);
}

static void add_children(struct crew *crew, const struct role *role)
{
    for (uint32_t i = role->wanted(crew->gen); i > 0; i--)
        add_child(crew, role);
}

void crew_add_keeper(struct crew *crew)
{
    for (const struct role *const *role = roles; *role != NULL; role++)
        if ((*role)->takes_control)
            add_child(crew, *role);
}

struct crew *crew_create(struct master *m, struct generation *gen)
{
    struct crew *crew = calloc(1, sizeof(*crew));

    must(crew != NULL);
    *crew = (struct crew){.master = m, .gen = gen, .number = gen->number, .older = m->crews};
    crew->children = calloc(count_children(gen) + 1, sizeof(*crew->children)); /* a keeper more */
    must(crew->children != NULL);
    for (const struct role *const *role = roles; *role != NULL; role++)
        add_children(crew, *role);
    m->crews = crew;
    return crew;
}

void crew_want(struct crew *crew, enum child_want want, bool has_successor)
{
    crew->has_successor = has_successor;
    for (uint32_t i = 0; i < crew->count; i++)
        crew->children[i].want = MAX(crew->children[i].want, want);
}

bool crew_run(struct crew *crew)
{
    bool moved = false;

    for (uint32_t i = 0; i < crew->count; i++)
        moved = machine_run(&crew->children[i].life) || moved;
    return moved;
}

bool crew_is_serving(const struct crew *crew)
{
    for (uint32_t i = 0; i < crew->count; i++)
        if (!child_is_serving(&crew->children[i]))
            return false;
    return true;
}

bool crew_is_stillborn(const struct crew *crew)
{
    for (uint32_t i = 0; i < crew->count; i++)
        if (crew->children[i].stillborn)
            return true;
    return false;
}

bool crew_is_gone(const struct crew *crew)
{
    for (uint32_t i = 0; i < crew->count; i++)
        if (!child_is_gone(&crew->children[i]))
            return false;
    return true;
}

bool crew_is_closed(const struct crew *crew)
{
    for (uint32_t i = 0; i < crew->count; i++)
        if (crew->children[i].channel >= 0 && !crew->children[i].closed)
            return false;
    return true;
}

void crew_last_call(struct crew *crew, uint32_t index)
{
    for (uint32_t i = 0; i < crew->count; i++)
        child_tell(&crew->children[i], CHANNEL_LAST_CALL, index, -1);
}

struct child_proc *crew_find(const struct crew *crews, pid_t pid)
{
    for (; crews != NULL; crews = crews->older)
        for (uint32_t i = 0; i < crews->count; i++)
            if (crews->children[i].pid == pid)
                return &crews->children[i];
    return NULL;
}

void crew_release_row(struct crew *crew, struct child_proc *c)
{
    if (c->row != SLOTS_NONE)
        slots_release(&crew->master->slots, c->row);
    c->row = SLOTS_NONE;
}

void crew_destroy(struct crew *crew)
{
    struct crew **at = &crew->master->crews;

    while (*at != crew)
        at = &(*at)->older;
    *at = crew->older;
    for (uint32_t i = 0; i < crew->count; i++)
        child_fini(&crew->children[i]);
    free(crew->children);
    free(crew);
}
