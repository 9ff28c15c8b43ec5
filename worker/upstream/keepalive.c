/*
 * worker/upstream/keepalive.c - the idle connections of each group.
 */
#include "worker/upstream/keepalive.h"

#include "common/clock.h"
#include "worker/upstream/moving.h"
#include "worker/upstream/secure.h"
#include "worker/upstream/shared.h"

/* Nothing may have come on a connection that nobody asked anything of. */
static bool is_alive(struct exchange *x)
{
    return !x->conn.ev.hangup && !x->conn.ev.failed && !x->timed_out &&
           (!x->conn.ev.readable || secure_is_quiet(x));
}

static void leave_list(struct exchange *x)
{
    list_remove(&x->idle_link);
    peer_group_live(x->peer->group)->idle_count--;
}

static void close_idle(struct exchange *x)
{
    leave_list(x);
    exchange_close(x);
}

static struct exchange *take(const struct peer *peer, const void *place,
                             const struct secure_options *secure, struct str name,
                             const struct secure_shown *shown, uint32_t client)
{
    struct group_live *live = peer_group_live(peer->group);
    bool local = peer->group->conf->keepalive_local;

    if (live == NULL)
        return NULL;
    LIST_EACH(struct exchange, x, &live->idle, idle_link)
    {
        if (x->peer != peer || x->client != client || (local && x->place != place) ||
            !secure_matches(x, secure, name, shown))
            continue;
        if (!is_alive(x)) {
            close_idle(x);
            continue;
        }
        leave_list(x);
        return x;
    }
    return NULL;
}

struct exchange *keepalive_take(const struct peer *peer, const void *place,
                                const struct secure_options *secure, struct str name,
                                const struct secure_shown *shown, uint32_t client)
{
    struct exchange *x = client == 0 ? NULL : take(peer, place, secure, name, shown, client);

    return x != NULL ? x : take(peer, place, secure, name, shown, 0);
}

const struct peer *keepalive_peer_of(const struct upstream_group *group, uint32_t client)
{
    struct group_live *live = peer_group_live(group);

    LIST_EACH(struct exchange, x, &live->idle, idle_link)
        if (x->client == client && x->peer->group == group && is_alive(x))
            return x->peer;
    return NULL;
}

void keepalive_leave(const struct upstream_group *group, uint32_t client)
{
    if (peer_attached() == NULL)
        return;
    LIST_EACH(struct exchange, x, &peer_group_live(group)->idle, idle_link)
    {
        if (x->client != client)
            continue;
        x->timed_out = true;
        post_now(&x->conn.post);
    }
}

static bool may_stay(struct exchange *x)
{
    const struct upstream_conf *conf;

    if (x->peer == NULL || conn_draining || !is_alive(x))
        return false;
    conf = x->peer->group->conf;
    return conf->keepalive > 0 && x->requests < conf->keepalive_requests &&
           clock_mono_ms - x->opened_ms < conf->keepalive_time_ms && conf->keepalive_timeout_ms > 0;
}

void keepalive_put(struct exchange *x)
{
    struct group_live *live;

    if (x->part) {
        exchange_close(x);
        return;
    }
    x->requests++;
    if (x->peer != NULL)
        x->peer = moving_same(x->peer);
    if (!may_stay(x)) {
        exchange_close(x);
        return;
    }
    live = peer_group_live(x->peer->group);
    if (live->idle_count >= x->peer->group->conf->keepalive)
        close_idle(CONTAINER(list_last(&live->idle), struct exchange, idle_link));
    list_prepend(&live->idle, &x->idle_link);
    live->idle_count++;
    exchange_use(x, NULL, &process_log);
    timer_set(&x->conn.timer, x->peer->group->conf->keepalive_timeout_ms);
}

void keepalive_check(struct post *post)
{
    struct exchange *x = CONTAINER(post, struct exchange, conn.post);

    if (x->user == NULL && (conn_draining || !is_alive(x)))
        close_idle(x);
}

void keepalive_move(struct group_live *group)
{
    shared_move(group);
    LIST_EACH(struct exchange, x, &group->idle, idle_link)
    {
        const struct peer *same = moving_same(x->peer);

        if (same == NULL)
            close_idle(x);
        else
            x->peer = same;
    }
}

void keepalive_drop(struct exchange *x)
{
    close_idle(x);
}

void keepalive_close_all(struct group_live *group)
{
    shared_close_all(group);
    LIST_EACH(struct exchange, x, &group->idle, idle_link)
        close_idle(x);
}
