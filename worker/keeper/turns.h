/*
 * worker/keeper/turns.h - so many at a time, in the order in which they came.
 */
#pragma once

#include "common/list.h"
#include "worker/event/post.h"

struct turns {
    uint32_t most, taken;
    struct list waiting;
};

/* Who wants one. All zero but for the post at first. */
struct turn {
    struct link link;
    struct post *post;
};

void turns_init(struct turns *turns, uint32_t most);

/* False: others are before it. Its post runs when it may be asked for again, which it must be. */
bool turns_take(struct turns *turns, struct turn *turn);

/* One that was taken is over. */
void turns_give(struct turns *turns);
