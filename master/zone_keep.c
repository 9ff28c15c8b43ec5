/*
 * master/zone_keep.c - a zone lives as long as some generation asks for it unchanged.
 *
 * Two generations may name the same struct zone while a reload is undecided, or the older one
 * drains: it is destroyed with the last.
 */
#include "master/zone_keep.h"

#include <errno.h>
#include <stdlib.h>

#include "common/generation.h"
#include "common/log.h"
#include "common/zone.h"
#include "master/inherit.h"

static struct zone *find_kept(const struct generation *before, const struct zone_spec *spec)
{
    if (before == NULL)
        return NULL;
    for (const struct zone_spec *z = before->zones; z != NULL; z = z->next)
        if (z->zone != NULL &&
            zone_matches(z->zone, spec->kind, spec->name, (size_t)spec->bytes))
            return z->zone;
    return NULL;
}

static struct zone *find_inherited(struct inheritance *in, const struct zone_spec *spec)
{
    const char *why = "";
    struct zone *zone;
    int fd = in != NULL ? inherit_take_zone(in, spec->name) : -1;

    if (fd < 0)
        return NULL;
    zone = zone_attach(spec->kind, spec->name, (size_t)spec->bytes, fd, &why);
    if (zone != NULL)
        return zone;
    log_error(&process_log, LOG_NOTICE, 0, "zone \"%" STR_FMT "\" starts empty: %s",
              STR_ARG(spec->name), why);
    inherit_return_zone(in, spec->name);
    return NULL;
}

static struct zone *create(const struct zone_spec *spec)
{
    const char *why = "";
    struct zone *zone = zone_create(spec->kind, spec->name, (size_t)spec->bytes, &why);

    if (zone == NULL)
        log_error(&process_log, LOG_EMERG, errno, "zone \"%" STR_FMT "\" cannot be made: %s",
                  STR_ARG(spec->name), why);
    return zone;
}

/* How many generations have each --------------------------------------------------------------- */

struct held {
    struct zone *zone;
    unsigned generations;
    struct held *next;
};

static struct held *all;

static void hold(struct zone *zone)
{
    struct held *h = all;

    while (h != NULL && h->zone != zone)
        h = h->next;
    if (h == NULL) {
        h = calloc(1, sizeof(*h));
        must(h != NULL);
        *h = (struct held){.zone = zone, .next = all};
        all = h;
    }
    h->generations++;
}

static void drop(const struct zone *zone)
{
    struct held **at = &all, *h;

    while ((*at)->zone != zone)
        at = &(*at)->next;
    h = *at;
    if (--h->generations > 0)
        return;
    *at = h->next;
    zone_destroy(h->zone);
    free(h);
}

bool zone_keep_open(struct generation *gen, const struct generation *before,
                    struct inheritance *inherited, struct slots *slots)
{
    for (struct zone_spec *spec = gen->zones; spec != NULL; spec = spec->next) {
        struct zone *zone = find_kept(before, spec);

        if (zone == NULL)
            zone = find_inherited(inherited, spec);
        if (zone == NULL)
            zone = create(spec);
        if (zone == NULL)
            return false;
        hold(zone);
        zone->slots = slots;
        zone_set_generation(zone, gen->number);
        spec->zone = zone;
    }
    return true;
}

void zone_keep_close(struct generation *gen)
{
    for (struct zone_spec *spec = gen->zones; spec != NULL; spec = spec->next) {
        if (spec->zone != NULL)
            drop(spec->zone);
        spec->zone = NULL;
    }
}

void zone_keep_in_child(void)
{
    for (struct held *h = all; h != NULL; h = h->next)
        shm_forget_fd(&h->zone->shm);
}
