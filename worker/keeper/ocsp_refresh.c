/*
 * worker/keeper/ocsp_refresh.c - a machine for each certificate with a stapled response: ask,
 * judge, store, rest.
 *
 * A response is asked for anew after an hour, or five minutes before it ends. One that is no good
 * changes nothing: what is there is given out until its own end. What an earlier keeper left in the
 * zone counts. Few are asked for at a time: a responder often stands for many certificates.
 */
#include "worker/keeper/ocsp_refresh.h"

#include <stdlib.h>

#include "common/clock.h"
#include "worker/event/loop.h"
#include "worker/keeper/turns.h"
#include "worker/net/ocsp_fetch.h"
#include "worker/net/tls_staple.h"

#define AT_ONCE      8
#define OFTEN_S      300  /* not sooner than that, and when it failed */
#define SELDOM_S     3600
#define LOOK_S       60   /* whether a certificate has been replaced */

enum refresh_state {
    OCSP_REST,
    OCSP_TURN,   /* others ask */
    OCSP_ASK,
    OCSP_STATES
};

struct refresh {
    struct tls_staple *staple;
    enum refresh_state state;
    struct ocsp_fetch fetch;
    struct pool *pool;        /* of the question; NULL: none is under way */
    struct turn turn;
    struct post post;
    struct timer timer;
    uint32_t version;         /* of the certificate when it was asked for last */
    int64_t due_s;
};

static struct refresh *all;
static uint32_t count;
static struct turns turns;
static struct zone *zone;

/* Answers -------------------------------------------------------------------------------------- */

static void complain(const struct refresh *r, const char *what)
{
    log_error(&process_log, LOG_ERROR, 0,
              "%s while requesting certificate status, responder: %" STR_FMT
              ", certificate: \"%" STR_FMT "\"", what, STR_ARG(r->fetch.url.host),
              STR_ARG(r->staple->path));
}

static int64_t next_s(int64_t valid_s)
{
    int64_t now_s = clock_wall_s();

    return MAX(MIN(valid_s - OFTEN_S, now_s + SELDOM_S), now_s + OFTEN_S);
}

static void store_answer(struct refresh *r)
{
    struct tls_staple *s = r->staple;
    const struct tls_certificate *cert = &s->identity->certs[s->which];
    struct ocsp_verdict verdict;
    struct ocsp_known known;
    char text[128];

    ocsp_judge(r->fetch.answer, &s->subject, cert->chain, s->store, s->settings->verify, &verdict);
    if (verdict.sound && verdict.status != V_OCSP_CERTSTATUS_GOOD) {
        snprintf(text, sizeof(text), "certificate status \"%s\" in the OCSP response",
                 OCSP_cert_status_str(verdict.status));
        complain(r, text);
        return;
    }
    if (!verdict.sound) {
        complain(r, verdict.why);
        return;
    }
    r->due_s = next_s(verdict.valid_s);
    known = (struct ocsp_known){.status = verdict.status, .valid_s = verdict.valid_s,
                                .refresh_s = r->due_s, .response = r->fetch.answer};
    ocsp_zone_put(zone, s->key, &known);
    log_error(&process_log, LOG_INFO, 0,
              "OCSP response fetched for certificate \"%" STR_FMT "\"", STR_ARG(s->path));
}

static void stop_asking(struct refresh *r)
{
    ocsp_fetch_end(&r->fetch);
    pool_destroy(r->pool);
    r->pool = NULL;
    turns_give(&turns);
}

/* Steps ---------------------------------------------------------------------------------------- */

static enum refresh_state await_turn(struct refresh *r)
{
    return turns_take(&turns, &r->turn) ? OCSP_ASK : OCSP_TURN;
}

/* A certificate that has been replaced needs another response at once. */
static enum refresh_state rest(struct refresh *r)
{
    int64_t now_s = clock_wall_s();

    if (!tls_staple_look(r->staple))
        r->due_s = now_s + LOOK_S;
    else if (r->version != r->staple->version)
        r->due_s = now_s;
    if (now_s >= r->due_s)
        return await_turn(r);
    timer_set(&r->timer, MIN(r->due_s - now_s, LOOK_S) * 1000);
    return OCSP_REST;
}

static enum refresh_state await_answer(struct refresh *r)
{
    if (r->fetch.state != FETCH_DONE && r->fetch.state != FETCH_FAILED)
        return OCSP_ASK;
    r->due_s = clock_wall_s() + OFTEN_S;
    if (r->fetch.state == FETCH_DONE && keeper_may_act() && tls_staple_look(r->staple) &&
        r->version == r->staple->version)
        store_answer(r);
    stop_asking(r);
    return OCSP_REST;
}

static void begin_ask(struct refresh *r)
{
    struct tls_staple *s = r->staple;

    r->pool = pool_create(POOL_BLOCK);
    r->version = s->version;
    r->fetch = (struct ocsp_fetch){.names = s->settings->names, .about = s->path,
                                   .done = &r->post};
    r->fetch.request = ocsp_request(r->pool, &s->subject);
    ocsp_url_read(&r->fetch.url, pool_str(r->pool, s->responder.len > 0 ? s->responder
                                                                        : s->settings->responder));
    ocsp_fetch_start(&r->fetch);
}

static const struct {
    enum refresh_state (*step)(struct refresh *r);
    uint32_t leads_to;
    void (*begin)(struct refresh *r);
} steps[OCSP_STATES] = {
    [OCSP_REST] = {rest, BIT(OCSP_TURN) | BIT(OCSP_ASK), NULL},
    [OCSP_TURN] = {await_turn, BIT(OCSP_ASK), NULL},
    [OCSP_ASK]  = {await_answer, BIT(OCSP_REST), begin_ask},
};

static void enter(struct refresh *r, enum refresh_state next)
{
    must(steps[r->state].leads_to & BIT(next));
    r->state = next;
    if (steps[next].begin != NULL)
        steps[next].begin(r);
}

static void run(struct post *post)
{
    struct refresh *r = CONTAINER(post, struct refresh, post);
    enum refresh_state next;

    while ((next = steps[r->state].step(r)) != r->state)
        enter(r, next);
}

static void on_timer(struct timer *timer)
{
    post_now(&CONTAINER(timer, struct refresh, timer)->post);
}

/* The job -------------------------------------------------------------------------------------- */

static const struct conf_node *wanted(const struct generation *gen)
{
    const struct tls_staple *first = tls_staple_first(gen);

    return first == NULL ? NULL : first->settings->node;
}

/* What is in the zone already need not be asked for. */
static void begin(struct refresh *r, struct tls_staple *s)
{
    struct ocsp_known known;

    *r = (struct refresh){.staple = s, .post.run = run, .timer.on_timer = on_timer,
                          .turn.post = &r->post};
    if (tls_staple_look(s) && ocsp_zone_find(zone, s->key, &known)) {
        r->due_s = known.refresh_s;
        r->version = s->version;
        OPENSSL_free((char *)(uintptr_t)known.response.data);
    }
    post_now(&r->post);
}

static void start(const struct generation *gen)
{
    struct refresh *next;

    zone = tls_staple_zone_of(gen);
    turns_init(&turns, AT_ONCE);
    count = 0;
    for (struct tls_staple *s = tls_staple_first(gen); s != NULL; s = s->next)
        count++;
    next = all = calloc(count, sizeof(*all));
    must(all != NULL && zone != NULL);
    for (struct tls_staple *s = tls_staple_first(gen); s != NULL; s = s->next)
        begin(next++, s);
}

static void stop(void)
{
    for (uint32_t i = 0; i < count; i++) {
        ocsp_fetch_end(&all[i].fetch);
        if (all[i].pool != NULL)
            pool_destroy(all[i].pool);
        timer_cancel(&all[i].timer);
        post_cancel(&all[i].post);
    }
    free(all);
    all = NULL;
    count = 0;
}

const struct keeper_job ocsp_refresh_job = {
    .name = "ocsp", .wanted = wanted, .start = start, .stop = stop,
};
