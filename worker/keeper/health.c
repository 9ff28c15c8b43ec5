/*
 * worker/keeper/health.c - the job that makes health checks.
 *
 * A group under checks is a ward; a check of one of its peers a watch, which rests or asks. Where
 * a group's peers are others by now, watches of those that stay go on.
 */
#include "worker/keeper/health.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "worker/event/timer.h"
#include "worker/keeper/check_schedule.h"
#include "worker/upstream/moving.h"
#include "worker/upstream/probe.h"

#define LOOK_MS        500 /* between looks at groups, whose servers may be others by now */
#define FULL_MS        50  /* until a check is tried again for which there was no room */
#define FILES_RESERVED 64  /* descriptors that are not for checks */

struct watch {
    struct watch *next;
    const struct health_check *check;
    const struct peer *peer;      /* of its ward's version */
    struct probe probe;
    struct post done;
    struct timer timer;           /* of the rest, or of what the check may take */
    int64_t began_ms;
    bool again;                   /* it was made once */
    bool kept;                    /* its peer is in the new version too */
};

struct ward {
    struct ward *next;
    const struct upstream_group *group;   /* as configured */
    const struct upstream_group *version; /* the peers that there are */
    struct pool *hold;                    /* keeps that version */
    struct watch *watches;
};

static struct ward *wards;
static struct timer look_timer;
static uint32_t watch_count, asking_count, asking_most;

/* A check -------------------------------------------------------------------------------------- */

static void rest(struct watch *w, bool first)
{
    const struct health_check *c = w->check;
    int64_t next_ms = schedule_next(first, watch_count, c->interval_ms, c->jitter_ms);

    timer_set(&w->timer, MAX(w->began_ms + next_ms - clock_mono_ms, 1));
}

static void tell(struct watch *w, enum check_news news)
{
    struct log log = w->probe.log;

    log.level = process_log.level;
    log.doing = news == CHECK_TURNED_BAD ? w->probe.fault : NULL;
    if (news == CHECK_TURNED_BAD)
        log_error(&log, LOG_WARN, 0, "peer is unhealthy");
    else if (news == CHECK_TURNED_GOOD)
        log_error(&log, LOG_NOTICE, 0, "peer is healthy");
}

static void conclude(struct watch *w)
{
    bool first = !w->again;

    asking_count--;
    w->again = true;
    if (keeper_may_act() && !w->probe.unasked)
        tell(w, check_note(w->check, w->peer, w->probe.passed, w->probe.status));
    rest(w, first);
}

static void on_done(struct post *post)
{
    struct watch *w = CONTAINER(post, struct watch, done);

    timer_cancel(&w->timer);
    conclude(w);
}

static void ask(struct watch *w)
{
    if (w->peer->server->down || !keeper_may_act()) {
        w->began_ms = clock_mono_ms;
        rest(w, false);
        return;
    }
    if (asking_count >= asking_most) {
        timer_set(&w->timer, FULL_MS);
        return;
    }
    asking_count++;
    w->began_ms = clock_mono_ms;
    timer_set(&w->timer, w->check->timeout_ms);
    probe_begin(&w->probe, check_verdict(w->check, peer_state(w->peer)) == CHECK_BAD);
}

static void on_timer(struct timer *timer)
{
    struct watch *w = CONTAINER(timer, struct watch, timer);

    if (!w->probe.asking) {
        ask(w);
        return;
    }
    probe_time_out(&w->probe);
    conclude(w);
}

/* Watches -------------------------------------------------------------------------------------- */

static struct watch *add_watch(struct ward *ward, const struct health_check *check,
                               const struct peer *peer)
{
    struct watch *w = calloc(1, sizeof(*w));

    must(w != NULL);
    w->check = check;
    w->peer = peer;
    w->kept = true;
    w->done.run = on_done;
    w->timer.on_timer = on_timer;
    w->next = ward->watches;
    ward->watches = w;
    probe_open(&w->probe, check, peer, &w->done);
    watch_count++;
    return w;
}

static void end_watch(struct watch *w)
{
    asking_count -= w->probe.asking || post_queued(&w->done);
    watch_count--;
    timer_cancel(&w->timer);
    post_cancel(&w->done);
    probe_close(&w->probe);
    free(w);
}

static struct watch *find_watch(const struct ward *ward, const struct health_check *check,
                                const struct peer *peer)
{
    struct watch *w = ward->watches;

    while (w != NULL && (w->check != check || w->peer->server->backup != peer->server->backup ||
                         !addr_eq(&w->peer->addr, &peer->addr)))
        w = w->next;
    return w;
}

/* One for each check of each peer; those of others end. */
static void set_watches(struct ward *ward, bool begin)
{
    const struct upstream_group *v = ward->version;
    struct watch **at = &ward->watches;

    for (struct watch *w = ward->watches; w != NULL; w = w->next)
        w->kept = false;
    for (uint32_t i = 0; i < v->primaries + v->backups; i++) {
        for (const struct health_check *c = v->checks; c != NULL; c = c->next) {
            struct watch *w = find_watch(ward, c, &v->peers[i]);

            if (w == NULL) {
                w = add_watch(ward, c, &v->peers[i]);
                if (begin)
                    timer_set(&w->timer, 0);
            }
            w->peer = &v->peers[i];
            w->kept = true;
        }
    }
    while (*at != NULL) {
        struct watch *w = *at;

        if (w->kept) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        end_watch(w);
    }
}

/* Wards ---------------------------------------------------------------------------------------- */

static void take_version(struct ward *ward, bool begin)
{
    struct pool *old = ward->hold, *hold = pool_create(POOL_BLOCK);
    const struct upstream_group *version = moving_hold(ward->group, hold);

    if (version == ward->version) {
        pool_destroy(hold);
        return;
    }
    ward->version = version;
    ward->hold = hold;
    set_watches(ward, begin);
    if (old != NULL)
        pool_destroy(old);
}

static void on_look(struct timer *timer)
{
    for (struct ward *ward = wards; ward != NULL; ward = ward->next)
        if (moving_may_differ(ward->group))
            take_version(ward, true);
    timer_set(timer, LOOK_MS);
}

static void set_limits(void)
{
    struct rlimit files = {.rlim_cur = 1024};

    getrlimit(RLIMIT_NOFILE, &files);
    asking_most = (uint32_t)MIN(files.rlim_cur, UINT32_MAX);
    asking_most = asking_most > 2 * FILES_RESERVED ? asking_most - FILES_RESERVED
                                                   : asking_most / 2 + 1;
}

/* All in single file. */
static void begin_watches(void)
{
    uint32_t k = 0;

    for (struct ward *ward = wards; ward != NULL; ward = ward->next)
        for (struct watch *w = ward->watches; w != NULL; w = w->next)
            timer_set(&w->timer, schedule_first(k++, watch_count, w->check->interval_ms));
}

static const struct conf_node *wanted(const struct generation *gen)
{
    const struct upstream_set *set = gen->upstreams;

    if (set != NULL)
        for (const struct upstream_group *g = set->first; g != NULL; g = g->next)
            if (g->checks != NULL)
                return g->checks->node;
    return NULL;
}

static void start(const struct generation *gen)
{
    struct upstream_set *set = gen->upstreams;
    struct ward **last = &wards;

    peer_attach(set, gen->number);
    set_limits();
    for (const struct upstream_group *g = set->first; g != NULL; g = g->next) {
        if (g->checks == NULL)
            continue;
        *last = calloc(1, sizeof(**last));
        must(*last != NULL);
        (*last)->group = g;
        take_version(*last, false);
        last = &(*last)->next;
    }
    begin_watches();
    look_timer.on_timer = on_look;
    timer_set(&look_timer, LOOK_MS);
}

static void end_ward(struct ward *ward)
{
    while (ward->watches != NULL) {
        struct watch *w = ward->watches;

        ward->watches = w->next;
        end_watch(w);
    }
    pool_destroy(ward->hold);
    free(ward);
}

static void stop(void)
{
    timer_cancel(&look_timer);
    while (wards != NULL) {
        struct ward *ward = wards;

        wards = ward->next;
        end_ward(ward);
    }
    peer_detach();
}

const struct keeper_job health_job = {
    .name = "health", .wanted = wanted, .start = start, .stop = stop,
};
