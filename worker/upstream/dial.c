/*
 * worker/upstream/dial.c - the machine that gets a request to an origin.
 *
 * A single peer without max_conns is chosen without a lock, and an idle connection to it is ready
 * within the same call: that is the ordinary case.
 */
#include "worker/upstream/dial.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/booking.h"
#include "common/clock.h"
#include "common/random.h"
#include "common/sock.h"
#include "worker/net/tls.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/breaker.h"
#include "worker/upstream/keepalive.h"
#include "worker/upstream/moving.h"
#include "worker/upstream/queue.h"
#include "worker/upstream/secure.h"
#include "worker/upstream/shared.h"
#include "worker/upstream/sticky.h"

#define NAMES_LOOK_MS 20
#define NAMES_MOST_MS 10000

/* Tries ---------------------------------------------------------------------------------------- */

static void mark_tried(struct dial *d, const struct peer *peer)
{
    uint32_t place = (uint32_t)(peer - d->group->peers);
    uint32_t count = d->group->primaries + d->group->backups;

    if (place < 64) {
        d->tried[0] |= UINT64_C(1) << place;
        return;
    }
    if (d->tried_more == NULL)
        d->tried_more = pool_zalloc(d->pool, (count / 64 + 1) * sizeof(uint64_t));
    d->tried_more[place / 64] |= UINT64_C(1) << (place % 64);
}

static void begin_try(struct dial *d, struct str addr, struct str server)
{
    struct dial_try *try = pool_zalloc(d->pool, sizeof(*try)), **end = &d->tries;

    while (*end != NULL)
        end = &(*end)->next;
    *end = d->try = try;
    try->addr = addr;
    try->server = server;
    try->started_ms = clock_mono_ms;
    try->queued_ms = -1;
    try->connected_ms = try->head_ms = try->ended_ms = -1;
}

/* For whoever asks how its origins are. */
static void count_try(const struct dial *d)
{
    struct peer_state *state = d->peer == NULL ? NULL : peer_state(d->peer);
    const struct dial_try *try = d->try;
    struct peer_counts *counts;

    if (state == NULL)
        return;
    counts = &state->counts;
    atomic_fetch_add_explicit(&counts->requests, 1, memory_order_relaxed);
    if (try->status >= 100 && try->status < 600)
        atomic_fetch_add_explicit(&counts->answers[try->status / 100 - 1], 1,
                                  memory_order_relaxed);
    else if ((try->fault & ~(uint32_t)DIAL_OURS) != DIAL_NO_FAULT)
        atomic_fetch_add_explicit(&counts->faults, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->sent, (uint64_t)try->bytes_sent, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->received, (uint64_t)try->bytes_received,
                              memory_order_relaxed);
}

static void end_try(struct dial *d, enum dial_fault fault)
{
    if (d->try == NULL || d->try->ended_ms >= 0)
        return;
    d->try->ended_ms = clock_mono_ms;
    if (d->try->fault == DIAL_NO_FAULT)
        d->try->fault = (uint16_t)fault;
    if (d->exchange != NULL)
        d->try->bytes_sent += (int64_t)d->exchange->conn.sent;
    count_try(d);
}

static void judge(struct dial *d, uint32_t cause)
{
    int64_t end_ms = d->try->head_ms >= 0 ? d->try->head_ms : clock_mono_ms;

    d->judged = true;
    breaker_judge(d->peer, cause, end_ms - d->try->started_ms, d->probing, d->log);
}

/* Whoever gave up waiting, it was too slow. */
static bool was_too_slow(const struct dial *d)
{
    int64_t slow_ms = d->group->breaker->slow_ms;

    return slow_ms > 0 && clock_mono_ms - d->try->started_ms > slow_ms;
}

/* The try is over: if it was not judged by its answer it is by its end. */
static void end_judging(struct dial *d, enum peer_result result)
{
    if (!d->judged && (result != PEER_UNJUDGED || was_too_slow(d)))
        judge(d, d->try->fault);
    if (d->probing)
        breaker_probe_ends(d->peer, d->probe);
    d->probing = false;
    d->probe = NULL;
}

/* For balancers by time. Failures count if they took long; tunnels say nothing of answers. */
static void note_time(struct dial *d, enum peer_result result)
{
    enum peer_timing what = d->group->balancer->timing;
    bool failed = result == PEER_FAILED;

    peer_time_end(d->peer, &d->wait);
    if (result == PEER_UNJUDGED || d->try->status == 101 ||
        (what == TIMING_HEAD && d->try->head_ms >= 0))
        return;
    if (failed || what == TIMING_LAST_BYTE)
        peer_time_note(d->peer, what, clock_mono_ms - d->try->started_ms, failed);
}

static void book(struct dial *d, enum peer_result result)
{
    if (unlikely(d->group->breaker != NULL) && d->peer != NULL)
        end_judging(d, result);
    if (!d->chosen)
        return;
    d->chosen = false;
    if (unlikely(d->group->balancer->timing != TIMING_NONE))
        note_time(d, result);
    peer_result(d->peer, result, d->booking, d->log);
    d->booking = NULL;
    if (unlikely(d->group->queue > 0))
        queue_freed(d->group);
}

static void drop_exchange(struct dial *d)
{
    if (d->exchange != NULL)
        exchange_close(d->exchange);
    d->exchange = NULL;
}

enum dial_fault dial_fault_of(int status)
{
    switch (status) {
    case 403: return DIAL_403;
    case 404: return DIAL_404;
    case 429: return DIAL_429;
    case 500: return DIAL_500;
    case 502: return DIAL_502;
    case 503: return DIAL_503;
    case 504: return DIAL_504;
    default: return DIAL_NO_FAULT;
    }
}

bool dial_may_retry(struct dial *d, enum dial_fault fault)
{
    int64_t limit_ms = d->options->next_timeout_ms;

    if (d->tries_left == 0 || (fault & ~d->options->retry) != 0 ||
        (limit_ms != 0 && clock_mono_ms - d->started_ms >= limit_ms))
        return false;
    if (retry_budget_take(&d->options->budget, d->group))
        return true;
    log_error(d->log, LOG_WARN, 0, "no other server is tried: the budget of retries is spent");
    return false;
}

/* The pause before the next retry: evenly distributed, so that those who failed together do not
   come back together; and no longer than there may be a retry. */
static int64_t draw_pause(const struct dial *d)
{
    const struct dial_options *o = d->options;
    int64_t most_ms = o->backoff_ms;

    for (uint32_t i = 1; i < d->retries && most_ms < o->backoff_most_ms; i++)
        most_ms *= 2;
    most_ms = MIN(most_ms, o->backoff_most_ms);
    if (o->next_timeout_ms > 0)
        most_ms = MIN(most_ms, d->started_ms + o->next_timeout_ms - clock_mono_ms - 1);
    return most_ms <= 0 ? 0 : random_below((uint32_t)MIN(most_ms, INT32_MAX) + 1);
}

static enum dial_state retry(struct dial *d)
{
    d->retries++;
    if (likely(d->options->backoff_ms == 0))
        return DIAL_PICK;
    d->pause_ms = draw_pause(d);
    return d->pause_ms > 0 ? DIAL_PAUSE : DIAL_PICK;
}

/* The try is over before there was a connection. */
static void give_try_up(struct dial *d, enum dial_fault fault, enum peer_result result)
{
    end_try(d, fault);
    shared_leave(d, fault);
    drop_exchange(d);
    book(d, result);
    d->fault = fault;
}

static enum dial_state failed(struct dial *d, enum dial_fault fault)
{
    give_try_up(d, fault, PEER_FAILED);
    return dial_may_retry(d, fault) ? retry(d) : DIAL_FAIL;
}

/* Steps ---------------------------------------------------------------------------------------- */

static bool may_try_single(const struct dial *d)
{
    const struct peer *peer = &d->group->peers[0];
    const struct peer_state *state = peer_state(peer);

    return !peer->server->down && (!peer->server->drain || sticky_is_bound(d, peer)) &&
           !dial_was_tried(d, 0) && (state == NULL || !peer_is_barred(peer, state));
}

/* To which the client has a connection of its own. */
static const struct peer *pick_own(struct dial *d)
{
    const struct peer *peer = keepalive_peer_of(d->group, d->client);

    if (peer == NULL || dial_was_tried(d, (uint32_t)(peer - d->group->peers)) ||
        !peer_usable(peer, peer_state(peer), clock_mono_ms / 1000))
        return NULL;
    return peer;
}

static const struct peer *pick(struct dial *d)
{
    const struct peer *peer = NULL;

    if (d->fresh)
        return d->peer;
    if (unlikely(d->client != 0))
        peer = pick_own(d);
    if (peer == NULL && unlikely(d->bound != 0))
        peer = sticky_pick(d);
    return peer != NULL ? peer : d->group->balancer->pick(d);
}

static const struct peer *choose(struct dial *d)
{
    const struct upstream_group *g = d->group;
    int64_t now_s = clock_mono_ms / 1000;
    const struct peer *peer;

    if (g->single && !g->counted && (may_try_single(d) || g->breaker == NULL))
        return may_try_single(d) ? &g->peers[0] : NULL;
    if (group_is_empty(g))
        return NULL;
    if (g->id == PEER_PASSING)
        return g->balancer->pick(d); /* nothing is shared, nothing to be booked */
    peer_lock(g);
    peer = pick(d);
    if (peer != NULL)
        peer_chosen(peer, now_s, &d->booking);
    if (peer != NULL && unlikely(g->breaker != NULL))
        d->probing = breaker_chosen(peer, &d->probe);
    if (peer != NULL && unlikely(g->balancer->inflight))
        peer_time_begin(peer, &d->wait);
    peer_unlock(g);
    d->chosen = peer != NULL;
    return peer;
}

/* All were tried, and may be tried once more: those that are left alone for their failures too,
   for there is nobody else; the last one then. */
static const struct peer *choose_again(struct dial *d)
{
    const struct peer *last = d->peer, *peer;
    uint32_t count = d->group->primaries + d->group->backups;

    if (!d->options->same || last == NULL || d->tries_left == 0)
        return NULL;
    d->tried[0] = 0;
    if (d->tried_more != NULL)
        memset(d->tried_more, 0, (count / 64 + 1) * sizeof(uint64_t));
    peer = choose(d);
    if (peer != NULL || last->server->down || peer_is_barred(last, peer_state(last)))
        return peer;
    d->fresh = true;
    return choose(d);
}

static enum dial_state no_peer(struct dial *d, enum dial_lack lack)
{
    static const char *const texts[] = {
        [LACK_LIVE] = "no live upstreams",
        [LACK_ROOM] = "no upstream is free and the queue is full",
        [LACK_TIME] = "no upstream became free in time",
    };

    begin_try(d, d->group->name, d->group->name);
    d->refused = breaker_refuses(d->group);
    d->peer = NULL;
    if (d->on_try != NULL)
        d->on_try(d);
    log_error(d->log, LOG_ERROR, 0, "%s", d->refused ? "no live upstreams: breakers are open"
                                                     : texts[lack]);
    d->fault = DIAL_NO_PEER;
    d->lack = lack;
    end_try(d, DIAL_NO_PEER);
    return DIAL_FAIL;
}

/* Before the first answer there is nobody to be tried, and no reason to say so. */
static bool waits_for_names(const struct dial *d)
{
    int64_t limit_ms = MIN(d->options->exchange.connect_timeout_ms, NAMES_MOST_MS);

    return d->group->unasked && group_is_empty(d->group) &&
           clock_mono_ms - d->started_ms < limit_ms;
}

static void begin_choice(struct dial *d)
{
    int64_t tries = d->group->tries;

    if (d->group->balancer->begin != NULL && d->group->primaries > 0)
        d->group->balancer->begin(d);
    if (unlikely(d->group->sticky != NULL))
        sticky_begin(d);
    if (d->options->same)
        tries = d->options->tries > 0 ? d->options->tries : 2 * tries;
    else if (d->options->tries > 0)
        tries = MIN(d->options->tries, tries);
    d->tries_left = (uint32_t)tries;
}

/* The keeper cannot wake us: we look. */
static enum dial_state look_at_names(struct dial *d)
{
    if (timer_is_set(&d->timer))
        return DIAL_NAMES;
    if (moving_is_current(d->group) && waits_for_names(d)) {
        timer_set(&d->timer, NAMES_LOOK_MS);
        return DIAL_NAMES;
    }
    d->group = moving_hold(d->group, d->pool);
    begin_choice(d);
    return DIAL_PICK;
}

static enum dial_state pause(struct dial *d)
{
    if (d->pause_ms > 0)
        timer_set(&d->timer, d->pause_ms);
    d->pause_ms = 0;
    return timer_is_set(&d->timer) ? DIAL_PAUSE : DIAL_PICK;
}

/* A bound for a part of the try, which has one itself. */
static int64_t bounded(const struct dial *d, int64_t ms)
{
    int64_t limit_ms = d->options->try_timeout_ms;

    if (likely(limit_ms == 0))
        return ms;
    return MIN(ms, MAX(d->try->started_ms + limit_ms - clock_mono_ms, 1));
}

static void connected(struct dial *d)
{
    d->try->connected_ms = clock_mono_ms;
    d->exchange->conn.sent = 0;
    if (unlikely(d->binds))
        d->exchange->client = d->client;
}

/* A part of a connection that others use too, or is on its way for others; or one to be shared. */
static enum dial_state share(struct dial *d)
{
    d->exchange = shared_join(d);
    d->reused = d->exchange != NULL;
    if (d->reused) {
        exchange_use(d->exchange, d->done, d->log);
        connected(d);
        return DIAL_READY;
    }
    if (!shared_follow(d))
        return DIAL_CONNECT;
    d->led = DIAL_NO_FAULT;
    timer_set(&d->timer, bounded(d, d->options->exchange.connect_timeout_ms));
    return DIAL_FOLLOW;
}

/* No failure of the peer's, and no other would do better. */
static enum dial_state ours(struct dial *d, enum dial_fault fault)
{
    give_try_up(d, fault, PEER_UNJUDGED);
    return DIAL_FAIL;
}

/* The leader of this dial is there, or is not. */
static enum dial_state was_led(struct dial *d)
{
    timer_cancel(&d->timer);
    if (d->led == DIAL_NO_FAULT)
        return share(d);
    return (d->led & DIAL_OURS) != 0 ? ours(d, d->led) : failed(d, d->led);
}

static enum dial_state follow(struct dial *d)
{
    if (d->leader == NULL)
        return was_led(d);
    if (timer_is_set(&d->timer))
        return DIAL_FOLLOW;
    log_error(d->log, LOG_ERROR, ETIMEDOUT, "upstream timed out");
    return failed(d, DIAL_TIMEOUT);
}

/* No failure of the peer's. */
static enum dial_state denied(struct dial *d)
{
    log_error(d->log, LOG_ERROR, 0, "access to upstream server is denied");
    end_try(d, DIAL_DENIED);
    book(d, PEER_UNJUDGED);
    d->fault = DIAL_DENIED;
    if (!dial_may_retry(d, DIAL_DENIED))
        return DIAL_FAIL;
    d->retries++;
    post_now(&d->post);
    return DIAL_PICK;
}

static enum dial_state go_to(struct dial *d, const struct peer *peer)
{
    bool fresh = d->fresh;

    d->fresh = d->judged = false;
    d->peer = peer;
    if (d->tries_left > 0)
        d->tries_left--;
    mark_tried(d, peer);
    begin_try(d, peer->name, peer->server->text);
    if (d->on_try != NULL)
        d->on_try(d);
    d->exchange = NULL;
    if (unlikely(d->allows != NULL) && !d->allows(d))
        return denied(d);
    if (d->options->shared != NULL)
        return share(d);
    if (d->options->keepalive && !fresh)
        d->exchange = keepalive_take(peer, d->options->exchange.place, d->secure, d->name,
                                     d->shown, d->client);
    d->reused = d->exchange != NULL;
    if (!d->reused)
        return DIAL_CONNECT;
    exchange_use(d->exchange, d->done, d->log);
    connected(d);
    return DIAL_READY;
}

static enum dial_state nobody(struct dial *d)
{
    d->fresh = false;
    if (likely(d->group->queue == 0) || !queue_is_of_use(d))
        return no_peer(d, LACK_LIVE);
    return queue_enter(d) ? DIAL_QUEUE : no_peer(d, LACK_ROOM);
}

static enum dial_state pick_peer(struct dial *d)
{
    bool must_wait = d->group->queue > 0 && !d->fresh && queue_is_ahead(d);
    const struct peer *peer = must_wait ? NULL : choose(d);

    if (peer == NULL && waits_for_names(d))
        return DIAL_NAMES;
    if (peer == NULL && !must_wait)
        peer = choose_again(d);
    return peer == NULL ? nobody(d) : go_to(d, peer);
}

/* Peers may have come and gone while it waited. */
static void renew_group(struct dial *d)
{
    if (d->try != NULL || !moving_may_differ(d->group) || moving_is_current(d->group))
        return;
    d->group = moving_hold(d->group, d->pool);
    begin_choice(d);
}

static enum dial_state look_for_peer(struct dial *d)
{
    const struct peer *peer;
    enum dial_state next;

    if (!timer_is_set(&d->timer)) {
        queue_leave(d);
        return no_peer(d, LACK_TIME);
    }
    if (!d->woken)
        return DIAL_QUEUE;
    d->woken = false;
    renew_group(d);
    peer = choose(d);
    if (peer == NULL) {
        queue_pass_by(d);
        return DIAL_QUEUE;
    }
    queue_leave(d);
    next = go_to(d, peer);
    d->try->queued_ms = clock_mono_ms - d->queued_ms;
    queue_go_on(peer_group_live(d->group));
    return next;
}

static enum dial_state ready(struct dial *d)
{
    if (d->options->shared != NULL && !shared_begin(d))
        return failed(d, DIAL_ERROR);
    connected(d);
    return DIAL_READY;
}

/* A new socket has room for it. */
static bool send_preface(struct dial *d)
{
    ssize_t n = send(d->exchange->conn.ev.fd, d->preface.data, d->preface.len,
                     MSG_NOSIGNAL | MSG_MORE);

    if (n == (ssize_t)d->preface.len)
        return true;
    log_error(d->log, LOG_ERROR, n < 0 ? errno : 0, "send() of the PROXY header failed");
    return false;
}

/* The socket is. */
static enum dial_state plainly_connected(struct dial *d)
{
    if (unlikely(d->preface.len > 0) && !send_preface(d))
        return failed(d, DIAL_ERROR);
    return d->secure != NULL ? DIAL_SECURE : ready(d);
}

static enum dial_state start_connect(struct dial *d)
{
    switch (exchange_open(&d->exchange, d->peer, &d->options->exchange, &d->post, d->log)) {
    case EXCHANGE_READY:
        return plainly_connected(d);
    case EXCHANGE_BEGUN:
        timer_set(&d->exchange->conn.timer,
                  bounded(d, d->options->exchange.connect_timeout_ms));
        return DIAL_CONNECT;
    case EXCHANGE_LACKING:
        return ours(d, DIAL_LOCAL);
    case EXCHANGE_REFUSED:
        break;
    }
    return failed(d, DIAL_ERROR);
}

static enum dial_state connect_peer(struct dial *d)
{
    const struct event *ev;
    int err;

    if (d->exchange == NULL)
        return start_connect(d);
    ev = &d->exchange->conn.ev;
    if (d->exchange->timed_out) {
        log_error(d->log, LOG_ERROR, ETIMEDOUT, "upstream timed out");
        return failed(d, DIAL_TIMEOUT);
    }
    if (!ev->writable && !ev->failed && !ev->hangup)
        return DIAL_CONNECT;
    err = ev->failed || ev->hangup ? sock_error(ev->fd) : 0;
    if (err != 0) {
        log_error(d->log, LOG_ERROR, err, "connect() failed");
        return failed(d, DIAL_ERROR);
    }
    return plainly_connected(d);
}

static enum dial_state secure_peer(struct dial *d)
{
    struct conn *c = &d->exchange->conn;

    if (d->exchange->secure == NULL) {
        if (secure_begin(d->exchange, d->secure, d->name) != RC_OK)
            return failed(d, DIAL_ERROR);
        if (unlikely(d->shown != NULL) && secure_show(d->exchange, d->shown, d->pool) != RC_OK)
            return ours(d, DIAL_UNFIT);
        secure_resume(d->exchange);
        timer_set(&c->timer, bounded(d, d->options->exchange.connect_timeout_ms));
    }
    if (d->exchange->timed_out) {
        log_error(&c->log, LOG_ERROR, ETIMEDOUT, "upstream timed out");
        return failed(d, DIAL_TIMEOUT);
    }
    switch (tls_handshake(c)) {
    case TLS_WAIT:
        return DIAL_SECURE;
    case TLS_DONE:
        break;
    default:
        return failed(d, DIAL_ERROR);
    }
    if (!secure_check(d->exchange, d->name))
        return failed(d, DIAL_ERROR);
    return ready(d);
}

static enum dial_state rest(struct dial *d)
{
    return d->state;
}

static const struct {
    const char *name;
    enum dial_state (*step)(struct dial *d);
    uint32_t leads_to;
} steps[DIAL_STATES] = {
    [DIAL_IDLE]    = {"idle", rest, BIT(DIAL_PICK)},
    [DIAL_NAMES]   = {"names", look_at_names, BIT(DIAL_PICK)},
    [DIAL_QUEUE]   = {"queue", look_for_peer,
                      BIT(DIAL_PICK) | BIT(DIAL_FOLLOW) | BIT(DIAL_CONNECT) | BIT(DIAL_READY) |
                          BIT(DIAL_FAIL)},
    [DIAL_PICK]    = {"pick", pick_peer,
                      BIT(DIAL_NAMES) | BIT(DIAL_QUEUE) | BIT(DIAL_FOLLOW) | BIT(DIAL_CONNECT) |
                          BIT(DIAL_READY) | BIT(DIAL_FAIL)},
    [DIAL_FOLLOW]  = {"follow", follow,
                      BIT(DIAL_CONNECT) | BIT(DIAL_READY) | BIT(DIAL_PICK) | BIT(DIAL_PAUSE) |
                          BIT(DIAL_FAIL)},
    [DIAL_CONNECT] = {"connect", connect_peer,
                      BIT(DIAL_SECURE) | BIT(DIAL_READY) | BIT(DIAL_PICK) | BIT(DIAL_PAUSE) |
                          BIT(DIAL_FAIL)},
    [DIAL_SECURE]  = {"secure", secure_peer,
                      BIT(DIAL_READY) | BIT(DIAL_PICK) | BIT(DIAL_PAUSE) | BIT(DIAL_FAIL)},
    [DIAL_PAUSE]   = {"pause", pause, BIT(DIAL_PICK)},
    [DIAL_READY]   = {"ready", rest, BIT(DIAL_PICK) | BIT(DIAL_PAUSE) | BIT(DIAL_IDLE)},
    [DIAL_FAIL]    = {"fail", rest, BIT(DIAL_IDLE) | BIT(DIAL_PICK)},
};

static void enter(struct dial *d, enum dial_state next)
{
    must(steps[d->state].leads_to & BIT(next));
    log_debug(d->log, "dial: %s -> %s", steps[d->state].name, steps[next].name);
    d->state = next;
    if (next == DIAL_READY)
        d->exchange->user = d->done;
}

static void run(struct dial *d)
{
    enum dial_state next;

    must(!d->running);
    d->running = true;
    while ((next = steps[d->state].step(d)) != d->state)
        enter(d, next);
    d->running = false;
}

static void on_post(struct post *post)
{
    struct dial *d = CONTAINER(post, struct dial, post);

    run(d);
    if (d->state == DIAL_READY || d->state == DIAL_FAIL)
        post_now(d->done);
}

/* For the owner -------------------------------------------------------------------------------- */

static void on_timer(struct timer *timer)
{
    post_now(&CONTAINER(timer, struct dial, timer)->post);
}

void dial_init(struct dial *d)
{
    d->post.run = on_post;
    d->timer.on_timer = on_timer;
    d->state = DIAL_IDLE;
}

static void go(struct dial *d, enum dial_state from)
{
    enter(d, from);
    run(d);
}

void dial_start(struct dial *d)
{
    d->started_ms = clock_mono_ms;
    if (unlikely(moving_may_differ(d->group)))
        d->group = moving_hold(d->group, d->pool);
    begin_choice(d);
    retry_budget_note(&d->options->budget, d->group);
    go(d, DIAL_PICK);
}

void dial_answered(struct dial *d)
{
    if (unlikely(d->group->breaker != NULL))
        judge(d, dial_fault_of(d->try->status));
    if (likely(d->group->balancer->timing != TIMING_HEAD) || !d->chosen)
        return;
    peer_time_end(d->peer, &d->wait);
    peer_time_note(d->peer, TIMING_HEAD, d->try->head_ms - d->try->started_ms, false);
}

void dial_suffices(struct dial *d)
{
    if (unlikely(d->group->breaker != NULL))
        judge(d, DIAL_NO_FAULT);
}

void dial_broke(struct dial *d, enum dial_fault fault)
{
    if (unlikely(d->group->breaker != NULL))
        judge(d, fault);
}

void dial_next(struct dial *d, enum dial_fault fault, bool counts)
{
    must(d->state == DIAL_READY);
    end_try(d, fault);
    drop_exchange(d);
    book(d, counts ? PEER_FAILED : PEER_UNJUDGED);
    go(d, retry(d));
}

void dial_again(struct dial *d)
{
    uint32_t place = (uint32_t)(d->peer - d->group->peers);

    must(d->state == DIAL_READY);
    end_try(d, DIAL_ERROR);
    drop_exchange(d);
    book(d, PEER_UNJUDGED);
    if (place < 64)
        d->tried[0] &= ~(UINT64_C(1) << place);
    d->fresh = true;
    d->tries_left++;
    go(d, DIAL_PICK);
}

struct exchange *dial_take_exchange(struct dial *d, enum peer_result result)
{
    struct exchange *x = d->exchange;

    must(d->state == DIAL_READY);
    end_try(d, result == PEER_FAILED ? DIAL_ERROR : DIAL_NO_FAULT);
    d->exchange = NULL;
    book(d, result);
    enter(d, DIAL_IDLE);
    return x;
}

void dial_end(struct dial *d, enum peer_result result, bool keep)
{
    bool may_keep = keep && d->options->keepalive;
    struct exchange *x = dial_take_exchange(d, result);

    if (may_keep)
        keepalive_put(x);
    else
        exchange_close(x);
}

void dial_move(struct dial *to, struct dial *from)
{
    must(from->state == DIAL_READY && !from->running);
    post_cancel(&from->post);
    timer_cancel(&from->timer);
    *to = *from;
    to->done = NULL;
    to->on_try = NULL;
    to->allows = NULL;
    *from = (struct dial){.state = DIAL_IDLE};
}

void dial_cancel(struct dial *d)
{
    post_cancel(&d->post);
    queue_leave(d);
    timer_cancel(&d->timer);
    end_try(d, DIAL_NO_FAULT);
    shared_leave(d, DIAL_NO_FAULT);
    drop_exchange(d);
    book(d, PEER_UNJUDGED);
    d->state = DIAL_IDLE;
}
