/*
 * worker/keeper/resolve_refresh.c - a machine for each `server NAME resolve`, each name not found
 * at load, and each that was found and is followed: ask, store, rest.
 *
 * With `resolve`, a name that is not there any more takes its peers away. Servers that fail or are
 * silent change nothing: the peers stay, and they are asked again soon. A name that was not found
 * at load keeps what it once had, as one does that was.
 */
#include "worker/keeper/resolve_refresh.h"

#include "common/clock.h"
#include "common/random.h"
#include "worker/event/loop.h"
#include "worker/net/system_lookup.h"
#include "worker/net/resolver_conf.h"
#include "worker/upstream/changes.h"
#include "worker/upstream/moving.h"

#define LEAST_REST_MS  1000
#define SYSTEM_REST_MS 5000
#define DOUBT_REST_MS  60000
#define SPREAD_MS      10 /* per name, at the start */

enum refresh_state {
    REFRESH_ASK,   /* an answer is awaited */
    REFRESH_REST,  /* for as long as the last one holds */
    REFRESH_DONE,  /* found, for good */
    REFRESH_STATES
};

struct refresh {
    const struct upstream_group *group;
    const struct upstream_server *server;
    enum refresh_state state;
    struct resolve resolve;       /* where there is a resolver */
    struct system_lookup *lookup; /* else */
    struct follow *follow;        /* of a server that follows its name; else NULL */
    struct post post;
    struct timer rest;
};

/*
 * A server that has addresses of its load follows its name only when the resolver is found to speak
 * of the same host: when it once gave an address that the system knew, at load or when asked again.
 */
struct follow {
    bool trusted;
    bool ask_system;              /* the next question is for the system */
    bool asked_system;            /* since the last doubt */
    bool told;                    /* that the resolver does not know it, or knows another */
    uint32_t count;
    struct resolved_addr known[SYSTEM_ADDRS_MOST]; /* to the system */
};

static struct refresh *all;
static uint32_t count;
static struct pool *pool;               /* of servers that were added; while acting */
static const struct generation *served;

/* Answers -------------------------------------------------------------------------------------- */

static void complain(const struct refresh *r, int code, const char *why)
{
    log_error(&process_log, LOG_ERROR, 0,
              "%" STR_FMT " could not be resolved (%d: %s), upstream: \"%" STR_FMT "\"",
              STR_ARG(r->server->lookup), code, why, STR_ARG(r->group->name));
}

/* What it has now, if anybody knows. */
static void store(const struct refresh *r, bool known, const struct resolved_addr *addrs,
                  uint32_t number)
{
    if (!keeper_may_act())
        return;
    if (!known)
        moving_store_failure(r->group, r->server);
    else if (moving_store(r->group, r->server, addrs, number) == RC_OK)
        log_error(&process_log, LOG_INFO, 0,
                  "%" STR_FMT " has %u addresses now, upstream: \"%" STR_FMT "\"",
                  STR_ARG(r->server->lookup), number, STR_ARG(r->group->name));
}

static int64_t take_resolved(struct refresh *r)
{
    bool found = r->resolve.state == RESOLVE_FOUND;
    int64_t valid_ms = MAX(r->resolve.valid_ms, LEAST_REST_MS);

    if (found) {
        store(r, true, r->resolve.answer->addrs, r->resolve.answer->count);
    } else {
        complain(r, (int)r->resolve.fault, resolve_fault_text(r->resolve.fault));
        store(r, r->resolve.fault == DNS_NO_NAME && !r->server->unresolved, NULL, 0);
    }
    resolve_end(&r->resolve);
    return valid_ms;
}

/* Following ------------------------------------------------------------------------------------ */

static void tell_once(struct refresh *r, const char *why)
{
    if (!r->follow->told)
        log_error(&process_log, LOG_NOTICE, 0,
                  "%" STR_FMT " keeps the addresses that it has: %s, upstream: \"%" STR_FMT "\"",
                  STR_ARG(r->server->lookup), why, STR_ARG(r->group->name));
    r->follow->told = true;
}

static bool is_known(const struct follow *f, const struct resolved_addr *addr)
{
    for (uint32_t i = 0; i < f->count; i++)
        if (f->known[i].family == addr->family &&
            memcmp(f->known[i].bytes, addr->bytes, sizeof(addr->bytes)) == 0)
            return true;
    return false;
}

static void judge(struct follow *f, const struct resolve_answer *answer)
{
    for (uint32_t i = 0; i < answer->count && !f->trusted; i++)
        f->trusted = is_known(f, &answer->addrs[i]);
}

/* Milliseconds until the next question. */
static int64_t follow_answer(struct refresh *r, const struct resolve_answer *answer,
                             int64_t valid_ms)
{
    struct follow *f = r->follow;

    judge(f, answer);
    if (!f->trusted && !f->asked_system) {
        f->ask_system = f->asked_system = true;
        return 0;
    }
    f->asked_system = false;
    if (!f->trusted) {
        tell_once(r, "the resolver gives others than the system");
        return MAX(valid_ms, DOUBT_REST_MS);
    }
    f->told = false;
    if (keeper_may_act() &&
        moving_follow(r->group, r->server, answer->addrs, answer->count) == RC_OK)
        log_error(&process_log, LOG_INFO, 0,
                  "%" STR_FMT " has %u addresses now, upstream: \"%" STR_FMT "\"",
                  STR_ARG(r->server->lookup), answer->count, STR_ARG(r->group->name));
    return valid_ms;
}

static int64_t take_followed(struct refresh *r)
{
    int64_t rest_ms = MAX(r->resolve.valid_ms, LEAST_REST_MS);

    if (r->resolve.state == RESOLVE_FOUND)
        rest_ms = follow_answer(r, r->resolve.answer, rest_ms);
    else
        tell_once(r, resolve_fault_text(r->resolve.fault));
    resolve_end(&r->resolve);
    return rest_ms;
}

static int64_t take_system(struct refresh *r)
{
    struct follow *f = r->follow;

    f->ask_system = false;
    if (r->lookup->count > 0) {
        f->count = r->lookup->count;
        memcpy(f->known, r->lookup->addrs, f->count * sizeof(f->known[0]));
    }
    system_lookup_end(r->lookup);
    r->lookup = NULL;
    return 0;
}

static struct follow *new_follow(const struct upstream_server *server)
{
    struct follow *f = pool_zalloc(pool, sizeof(*f));

    for (uint32_t i = 0; i < server->addrs->count && f->count < SYSTEM_ADDRS_MOST; i++)
        f->known[f->count++] = moving_plain_addr(&server->addrs->addrs[i]);
    return f;
}

/* Once found it is as good as it would have been at load. -1: no need to ask again. */
static int64_t take_looked_up(struct refresh *r)
{
    uint32_t number = r->lookup->count;

    if (number == 0)
        complain(r, DNS_NO_NAME, r->lookup->fault);
    store(r, number > 0, r->lookup->addrs, number);
    system_lookup_end(r->lookup);
    r->lookup = NULL;
    return number > 0 ? -1 : SYSTEM_REST_MS;
}

/* Steps ---------------------------------------------------------------------------------------- */

static bool waits(const struct refresh *r)
{
    return r->resolve.state == RESOLVE_WAITS || (r->lookup != NULL && !r->lookup->done);
}

static enum refresh_state take_answer(struct refresh *r)
{
    int64_t rest_ms = SYSTEM_REST_MS;

    if (waits(r))
        return REFRESH_ASK;
    if (r->resolve.state != RESOLVE_IDLE)
        rest_ms = r->follow != NULL ? take_followed(r) : take_resolved(r);
    else if (r->lookup != NULL)
        rest_ms = r->follow != NULL ? take_system(r) : take_looked_up(r);
    if (rest_ms < 0)
        return REFRESH_DONE;
    timer_set(&r->rest, rest_ms);
    return REFRESH_REST;
}

static enum refresh_state rest(struct refresh *r)
{
    return timer_is_set(&r->rest) ? REFRESH_REST : REFRESH_ASK;
}

static enum refresh_state done(struct refresh *r)
{
    return REFRESH_DONE;
}

static void begin_ask(struct refresh *r)
{
    const struct resolver_conf *names = r->group->names;

    if (names->resolver == NULL || (r->follow != NULL && r->follow->ask_system)) {
        r->lookup = system_lookup_start(r->server->lookup, &r->post);
        return;
    }
    r->resolve = (struct resolve){
        .name = r->server->lookup, .timeout_ms = names->timeout_ms, .fresh = true,
        .kind = r->server->service.len > 0 ? RESOLVE_SERVICE : RESOLVE_HOST, .done = &r->post,
    };
    resolve_start(names->resolver, &r->resolve);
}

static const struct {
    enum refresh_state (*step)(struct refresh *r);
    uint32_t leads_to;
    void (*begin)(struct refresh *r);
} steps[REFRESH_STATES] = {
    [REFRESH_ASK]  = {take_answer, BIT(REFRESH_REST) | BIT(REFRESH_DONE), begin_ask},
    [REFRESH_REST] = {rest, BIT(REFRESH_ASK), NULL},
    [REFRESH_DONE] = {done, 0, NULL},
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

static void on_rested(struct timer *timer)
{
    post_now(&CONTAINER(timer, struct refresh, rest)->post);
}

/* The job -------------------------------------------------------------------------------------- */

static const struct conf_node *wanted(const struct generation *gen)
{
    const struct upstream_set *set = gen->upstreams;

    if (set == NULL || (!set->moves && !set->follows))
        return NULL;
    for (const struct upstream_group *g = set->first; g != NULL; g = g->next)
        if (g->moves || g->follows)
            return g->node;
    return NULL;
}

static void begin(struct refresh *r, const struct upstream_group *group,
                  const struct upstream_server *server)
{
    *r = (struct refresh){.group = group, .server = server, .state = REFRESH_REST,
                          .post.run = run, .rest.on_timer = on_rested,
                          .follow = server->follows ? new_follow(server) : NULL};
    if (r->follow != NULL)
        timer_set(&r->rest, random_below(1 + SPREAD_MS * count)); /* there may be thousands */
    post_now(&r->post);
}

/* Under way or not: those that were added at run time are as good as configured ones. */
static struct array names_of(const struct generation *gen)
{
    const struct upstream_set *set = gen->upstreams;
    struct array names = array_of(struct refresh, pool);

    for (const struct upstream_group *g = set == NULL ? NULL : set->first; g != NULL; g = g->next) {
        struct array servers = g->implicit ? g->servers : changes_servers(g, pool);

        EACH (const struct upstream_server, s, &servers)
            if (s->resolve || s->follows)
                *(struct refresh *)array_push(&names) = (struct refresh){.group = g, .server = s};
    }
    return names;
}

static void start(const struct generation *gen)
{
    struct array names;

    served = gen;
    pool = pool_create(POOL_BLOCK);
    names = names_of(gen);
    all = names.items;
    count = (uint32_t)names.count;
    for (uint32_t i = 0; i < count; i++)
        begin(&all[i], all[i].group, all[i].server);
}

static void stop(void)
{
    for (uint32_t i = 0; i < count; i++) {
        resolve_end(&all[i].resolve);
        if (all[i].lookup != NULL)
            system_lookup_end(all[i].lookup);
        timer_cancel(&all[i].rest);
        post_cancel(&all[i].post);
    }
    pool_destroy(pool);
    pool = NULL;
    all = NULL;
    count = 0;
}

void resolve_refresh_again(void)
{
    if (pool == NULL)
        return;
    stop();
    start(served);
}

const struct keeper_job resolve_refresh_job = {
    .name = "resolve", .changes = true, .wanted = wanted, .start = start, .stop = stop,
};
