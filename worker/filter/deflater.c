/*
 * worker/filter/deflater.c - zlib's compressors, kept for reuse.
 */
#include "worker/filter/deflater.h"

#include <stdlib.h>

#define IDLE_MOST   16
#define GZIP_FORMAT 16 /* added to the window bits: gzip's header and trailer, not zlib's */

static struct deflater *idle;
static uint32_t idle_count;

static struct deflater *find_idle(int level, int window_bits, int memory_level)
{
    struct deflater **at = &idle, *d;

    for (; (d = *at) != NULL; at = &d->next) {
        if (d->level != level || d->window_bits != window_bits ||
            d->memory_level != memory_level)
            continue;
        *at = d->next;
        idle_count--;
        return d;
    }
    return NULL;
}

static void destroy(struct deflater *d)
{
    deflateEnd(&d->z);
    free(d);
}

struct deflater *deflater_take(int level, int window_bits, int memory_level)
{
    struct deflater *d = find_idle(level, window_bits, memory_level);

    if (d != NULL) {
        must(deflateReset(&d->z) == Z_OK);
        return d;
    }
    d = calloc(1, sizeof(*d));
    if (d == NULL)
        return NULL;
    d->level = level;
    d->window_bits = window_bits;
    d->memory_level = memory_level;
    if (deflateInit2(&d->z, level, Z_DEFLATED, window_bits + GZIP_FORMAT, memory_level,
                     Z_DEFAULT_STRATEGY) == Z_OK)
        return d;
    free(d);
    return NULL;
}

/* The oldest of too many goes. */
void deflater_give(struct deflater *d)
{
    struct deflater **at = &idle;

    if (idle_count == IDLE_MOST) {
        while ((*at)->next != NULL)
            at = &(*at)->next;
        destroy(*at);
        *at = NULL;
        idle_count--;
    }
    d->next = idle;
    idle = d;
    idle_count++;
}

void deflater_drop_idle(void)
{
    struct deflater *d;

    while ((d = idle) != NULL) {
        idle = d->next;
        destroy(d);
    }
    idle_count = 0;
}
