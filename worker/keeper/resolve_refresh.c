/*
 * worker/keeper/resolve_refresh.c - a machine for each `server NAME resolve`: ask, store, rest.
 *
 * A name that is not there any more takes its peers away. Servers that fail or are silent change
 * nothing: the peers stay, and they are asked again soon.
 */
#include "worker/keeper/resolve_refresh.h"

#include <stdlib.h>

#include "common/clock.h"
#include "worker/event/loop.h"
#include "worker/net/resolver_conf.h"
#include "worker/upstream/moving.h"

#define LEAST_REST_MS 1000

enum refresh_state {
    REFRESH_ASK,   /* an answer is awaited */
    REFRESH_REST,  /* for as long as the last one holds */
    REFRESH_STATES
};

struct refresh {
    const struct upstream_group *group;
    const struct upstream_server *server;
    const struct resolver_conf *conf;
    enum refresh_state state;
    struct resolve resolve;
    struct post post;
    struct timer rest;
};

static struct refresh *all;
static uint32_t count;

/* Steps ---------------------------------------------------------------------------------------- */

static void store(struct refresh *r)
{
    const struct resolve_answer *answer = r->resolve.answer;
    bool found = r->resolve.state == RESOLVE_FOUND;
    uint32_t addrs = found ? answer->count : 0;

    if (!found)
        log_error(&process_log, LOG_ERROR, 0,
                  "%" STR_FMT " could not be resolved (%d: %s), upstream: \"%" STR_FMT "\"",
                  STR_ARG(r->server->lookup), (int)r->resolve.fault,
                  resolve_fault_text(r->resolve.fault), STR_ARG(r->group->name));
    if (!keeper_may_act())
        return;
    if (!found && r->resolve.fault != DNS_NO_NAME)
        moving_store_failure(r->group, r->server);
    else if (moving_store(r->group, r->server, found ? answer->addrs : NULL, addrs) == RC_OK)
        log_error(&process_log, LOG_INFO, 0,
                  "%" STR_FMT " has %u addresses now, upstream: \"%" STR_FMT "\"",
                  STR_ARG(r->server->lookup), addrs, STR_ARG(r->group->name));
}

static enum refresh_state take_answer(struct refresh *r)
{
    if (r->resolve.state == RESOLVE_WAITS)
        return REFRESH_ASK;
    store(r);
    return REFRESH_REST;
}

static enum refresh_state rest(struct refresh *r)
{
    return timer_is_set(&r->rest) ? REFRESH_REST : REFRESH_ASK;
}

static void begin_ask(struct refresh *r)
{
    r->resolve = (struct resolve){
        .name = r->server->lookup, .timeout_ms = r->conf->timeout_ms, .fresh = true,
        .kind = r->server->service.len > 0 ? RESOLVE_SERVICE : RESOLVE_HOST, .done = &r->post,
    };
    resolve_start(r->conf->resolver, &r->resolve);
}

static void begin_rest(struct refresh *r)
{
    timer_set(&r->rest, MAX(r->resolve.valid_ms, LEAST_REST_MS));
    resolve_end(&r->resolve);
}

static const struct {
    enum refresh_state (*step)(struct refresh *r);
    uint32_t leads_to;
    void (*begin)(struct refresh *r);
} steps[REFRESH_STATES] = {
    [REFRESH_ASK]  = {take_answer, BIT(REFRESH_REST), begin_ask},
    [REFRESH_REST] = {rest, BIT(REFRESH_ASK), begin_rest},
};

static void enter(struct refresh *r, enum refresh_state next)
{
    must(steps[r->state].leads_to & BIT(next));
    r->state = next;
    steps[next].begin(r);
}

static void run(struct post *post)
{
    struct refresh *r = CONTAINER(post, struct refresh, post);
    enum refresh_state next;

    while ((next = steps[r->state].step(r)) != r->state)
        enter(r, next);
}

static void on_rested(struct timer *timer)
{
    post_now(&CONTAINER(timer, struct refresh, rest)->post);
}

/* The job -------------------------------------------------------------------------------------- */

static const struct conf_node *wanted(const struct generation *gen)
{
    const struct upstream_set *set = gen->upstreams;

    if (set == NULL || !set->moves)
        return NULL;
    for (const struct upstream_group *g = set->first; g != NULL; g = g->next)
        if (g->moves)
            return g->node;
    return NULL;
}

static uint32_t count_names(const struct upstream_set *set)
{
    uint32_t names = 0;

    for (const struct upstream_group *g = set->first; g != NULL; g = g->next)
        EACH (struct upstream_server, s, &g->servers)
            names += s->resolve;
    return names;
}

static void begin(struct refresh *r, const struct upstream_group *group,
                  const struct upstream_server *server)
{
    *r = (struct refresh){.group = group, .server = server, .state = REFRESH_REST,
                          .conf = CONF(group->scope, resolver_index, struct resolver_conf),
                          .post.run = run, .rest.on_timer = on_rested};
    post_now(&r->post);
}

static void start(const struct generation *gen)
{
    const struct upstream_set *set = gen->upstreams;
    struct refresh *next;

    count = count_names(set);
    next = all = calloc(count, sizeof(*all));
    must(all != NULL);
    for (const struct upstream_group *g = set->first; g != NULL; g = g->next)
        EACH (struct upstream_server, s, &g->servers)
            if (s->resolve)
                begin(next++, g, s);
}

static void stop(void)
{
    for (uint32_t i = 0; i < count; i++) {
        resolve_end(&all[i].resolve);
        timer_cancel(&all[i].rest);
        post_cancel(&all[i].post);
    }
    free(all);
    all = NULL;
    count = 0;
}

const struct keeper_job resolve_refresh_job = {
    .name = "resolve", .wanted = wanted, .start = start, .stop = stop,
};
