/*
 * common/buf.c - buffers on free lists, one list per size.
 *
 * Sizes above LARGEST go straight to malloc and back. What lies idle on the lists is bounded; used
 * by one thread per process, like pools.
 */
#include "common/buf.h"

#include <stdlib.h>

#include "common/poison.h"
#include "common/pool.h"

#define STEP       512
#define LARGEST    (128 * 1024)
#define IDLE_LIMIT (16 * 1024 * 1024) /* bytes kept on all lists together */

struct idle {
    struct idle *next;
};

static struct idle *idle_lists[LARGEST / STEP + 1]; /* by size / STEP */
static size_t idle_bytes;

void buf_take(struct buf *b, size_t bytes)
{
    struct idle *memory;
    size_t class;

    must(bytes <= SIZE_MAX / 2);
    class = MAX((bytes + STEP - 1) / STEP, 1);
    bytes = class * STEP;
    if (bytes <= LARGEST && (memory = idle_lists[class]) != NULL) {
        idle_lists[class] = memory->next;
        idle_bytes -= bytes;
        unpoison(memory, bytes);
    } else {
        memory = pool_malloc(bytes);
    }
    b->start = b->pos = b->last = (char *)memory;
    b->end = b->start + bytes;
}

void buf_give(struct buf *b)
{
    struct idle *memory = (struct idle *)(void *)b->start;
    size_t bytes = (size_t)(b->end - b->start);

    *b = (struct buf){NULL, NULL, NULL, NULL};
    if (memory == NULL)
        return;
    if (bytes > LARGEST || idle_bytes + bytes > IDLE_LIMIT) {
        free(memory);
        return;
    }
    memory->next = idle_lists[bytes / STEP];
    idle_lists[bytes / STEP] = memory;
    idle_bytes += bytes;
    poison(memory + 1, bytes - sizeof(*memory));
}

const char *buf_grow(struct buf *b, size_t bytes)
{
    struct buf old = *b;
    const char *old_start = old.start;
    size_t filled = (size_t)(old.last - old.start);

    must(bytes >= filled);
    buf_take(b, bytes);
    if (filled > 0)
        memcpy(b->start, old.start, filled);
    b->pos += old.pos - old.start;
    b->last += filled;
    buf_give(&old);
    return old_start;
}

void buf_compact(struct buf *b)
{
    size_t used = buf_used(b);

    if (b->pos == b->start)
        return;
    memmove(b->start, b->pos, used);
    b->pos = b->start;
    b->last = b->start + used;
}

void buf_trim(size_t keep)
{
    for (size_t class = COUNT(idle_lists); class-- > 0 && idle_bytes > keep;)
        while (idle_lists[class] != NULL && idle_bytes > keep) {
            struct idle *memory = idle_lists[class];

            idle_lists[class] = memory->next;
            idle_bytes -= class * STEP;
            unpoison(memory, class * STEP);
            free(memory);
        }
}
