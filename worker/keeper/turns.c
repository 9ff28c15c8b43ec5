/*
 * worker/keeper/turns.c - who waits stays in the queue until it has its turn: between a call and
 * its answer others may come by.
 */
#include "worker/keeper/turns.h"

void turns_init(struct turns *turns, uint32_t most)
{
    *turns = (struct turns){.most = most};
    list_init(&turns->waiting);
}

static void call_next(const struct turns *turns)
{
    if (turns->taken < turns->most && !list_empty(&turns->waiting))
        post_now(CONTAINER(list_first(&turns->waiting), struct turn, link)->post);
}

bool turns_take(struct turns *turns, struct turn *turn)
{
    if (!link_in_list(&turn->link))
        list_append(&turns->waiting, &turn->link);
    if (turns->taken == turns->most || list_first(&turns->waiting) != &turn->link)
        return false;
    list_remove(&turn->link);
    turns->taken++;
    call_next(turns);
    return true;
}

void turns_give(struct turns *turns)
{
    turns->taken--;
    call_next(turns);
}
