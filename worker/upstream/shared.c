/*
 * worker/upstream/shared.c - connections to origins that carry several exchanges at once.
 *
 * Those that may be used by others stand in the group's list, the idle ones among them last.
 */
#include "worker/upstream/shared.h"

#include "common/clock.h"
#include "worker/upstream/keepalive.h"
#include "worker/upstream/moving.h"
#include "worker/upstream/peer_use.h"
#include "worker/upstream/secure.h"

#define FOLLOWERS_MOST 100 /* what an origin takes before it said how many (RFC 9113, 6.5.2) */

/* Joining -------------------------------------------------------------------------------------- */

static bool is_worn(const struct exchange *x)
{
    const struct upstream_conf *conf = x->peer->group->conf;

    return x->requests >= conf->keepalive_requests ||
           clock_mono_ms - x->opened_ms >= conf->keepalive_time_ms;
}

static bool may_join(const struct exchange *x, const struct dial *d)
{
    if (x->peer != d->peer || x->shared != d->options->shared ||
        (d->group->conf->keepalive_local && x->place != d->options->exchange.place) ||
        !secure_matches(x, d->secure, d->name, d->shown))
        return false;
    return !x->conn.ev.hangup && !x->conn.ev.failed && !is_worn(x) && x->shared->has_room(x);
}

struct exchange *shared_join(struct dial *d)
{
    struct group_live *live = peer_group_live(d->group);

    if (live == NULL || !d->options->keepalive || d->group->ntlm)
        return NULL;
    LIST_EACH(struct exchange, x, &live->shared, idle_link)
        if (may_join(x, d))
            return x->shared->open(x);
    return NULL;
}

/* Waiting for one that is under way ------------------------------------------------------------ */

static bool leads_to(const struct dial *leader, const struct dial *d)
{
    return leader->peer == d->peer && leader->options->shared == d->options->shared &&
           leader->options->exchange.place == d->options->exchange.place &&
           leader->secure == d->secure && str_eq(leader->name, d->name) &&
           secure_shows_same(leader->shown, d->shown) &&
           leader->followers < FOLLOWERS_MOST;
}

bool shared_follow(struct dial *d)
{
    struct group_live *live = peer_group_live(d->group);

    if (live == NULL || !d->options->keepalive || d->group->conf->keepalive == 0 || d->group->ntlm)
        return false;
    LIST_EACH(struct dial, leader, &live->leaders, lead)
    {
        if (!leads_to(leader, d))
            continue;
        leader->followers++;
        d->leader = leader;
        list_append(&live->followers, &d->lead);
        return true;
    }
    list_append(&live->leaders, &d->lead);
    return false;
}

void shared_leave(struct dial *d, enum dial_fault fault)
{
    struct group_live *live;

    if (!link_in_list(&d->lead))
        return;
    list_remove(&d->lead);
    if (d->leader != NULL) {
        d->leader->followers--;
        d->leader = NULL;
        return;
    }
    live = peer_group_live(d->group);
    LIST_EACH(struct dial, follower, &live->followers, lead)
    {
        if (follower->leader != d)
            continue;
        list_remove(&follower->lead);
        follower->leader = NULL;
        follower->led = fault;
        post_now(&follower->post);
    }
    d->followers = 0;
}

bool shared_begin(struct dial *d)
{
    struct exchange *whole = d->exchange;
    struct group_live *live = peer_group_live(d->group);

    if (d->options->shared->start(whole) != RC_OK)
        return false;
    whole->shared = d->options->shared;
    if (whole->peer != NULL)
        whole->peer = moving_same(whole->peer);
    if (whole->peer != NULL && d->options->keepalive && d->group->conf->keepalive > 0)
        list_prepend(&live->shared, &whole->idle_link);
    d->exchange = whole->shared->open(whole);
    exchange_use(d->exchange, d->done, d->log);
    shared_leave(d, DIAL_NO_FAULT);
    return true;
}

/* Idle ones ------------------------------------------------------------------------------------ */

static bool may_rest(const struct exchange *x, const struct group_live *live)
{
    const struct upstream_conf *conf;

    if (!link_in_list(&x->idle_link) || conn_draining)
        return false;
    conf = x->peer->group->conf;
    return live->idle_count < conf->keepalive && conf->keepalive_timeout_ms > 0 && !is_worn(x) &&
           !x->conn.ev.hangup && !x->conn.ev.failed;
}

bool shared_rest(struct exchange *x)
{
    struct group_live *live = x->peer == NULL ? NULL : peer_group_live(x->peer->group);

    if (live == NULL || !may_rest(x, live))
        return false;
    live->idle_count++;
    x->resting = true;
    peer_use_end(&x->use);
    list_remove(&x->idle_link);
    list_append(&live->shared, &x->idle_link);
    timer_set(&x->conn.timer, x->peer->group->conf->keepalive_timeout_ms);
    return true;
}

void shared_wake(struct exchange *x)
{
    if (!x->resting)
        return;
    x->resting = false;
    peer_use_begin(&x->use, x->peer);
    peer_group_live(x->peer->group)->idle_count--;
    timer_cancel(&x->conn.timer);
}

/* The group ------------------------------------------------------------------------------------ */

void shared_move(struct group_live *live)
{
    LIST_EACH(struct exchange, x, &live->shared, idle_link)
    {
        const struct peer *same = moving_same(x->peer);

        if (same != NULL) {
            x->peer = same;
            continue;
        }
        shared_wake(x);
        list_remove(&x->idle_link);
        x->peer = NULL;
        x->shared->retire(x);
    }
}

void shared_close_all(struct group_live *live)
{
    LIST_EACH(struct exchange, x, &live->shared, idle_link)
    {
        list_remove(&x->idle_link);
        x->resting = false;
        x->peer = NULL;
        x->shared->retire(x);
    }
}
