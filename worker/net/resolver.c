/*
 * worker/net/resolver.c - the cache of names, and the machine of each that is being asked for.
 */
#include "worker/net/resolver.h"

#include <stdlib.h>

#include "common/addr_list.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/pool.h"
#include "common/random.h"
#include "worker/event/loop.h"

#define BUCKETS        1024
#define NAME_MOST      253        /* RFC 1035, 2.3.4, without the last dot */
#define LABEL_MOST     63
#define ALIASES_MOST   16         /* one after another */
#define TARGETS_MOST   64         /* hosts of a service */
#define ADDRS_MOST     (2 * DNS_RECORDS_MOST)
#define NO_NAME_MS     5000       /* how long a negative answer holds */
#define FAILURE_MS     1000       /* and that nobody knows */
#define LEAST_MS       1000       /* of a record that says 0: for those who ask just now */
#define OLD_MS         5000       /* an answer that old is given out while it is renewed */
#define OLDEST_MS      3600000    /* and this one when it cannot be */
#define PAUSE_MS       500        /* between rounds while no server answers */
#define TARGET_WAIT_MS 30000
#define EVICT_LOOKS    64

#ifdef WEIR_CARES
const struct dns_ops *resolver_dns = &dns_cares;
#else
const struct dns_ops *resolver_dns;
#endif

enum name_state {
    NAME_KNOWN,    /* nothing runs; what is known, if anything, is in answer and fault */
    NAME_ASK,      /* questions are out */
    NAME_TARGETS,  /* the hosts of a service are looked up */
    NAME_PAUSE,    /* no server answered, and somebody still waits */
    NAME_STATES
};

/* One record type asked for. */
struct question {
    struct dns_query query;
    struct name *name;
    bool wanted, out;
    uint8_t aliases;              /* followed so far */
    enum dns_code code;
    char *alias;                  /* what is asked for in place of the name, or NULL */
    char *next;                   /* what is asked for next */
};

/* A host of a service. */
struct target {
    struct resolve resolve;
    char *host;
    uint16_t port, priority, weight;
};

struct name {
    struct name *chain;           /* in its bucket */
    struct link use;              /* in the resolver's list, the last used first */
    struct resolver *resolver;
    uint64_t hash;
    enum resolve_kind kind;
    enum name_state state;
    struct post post;
    struct timer pause;
    struct list waiters;          /* struct resolve */

    /* What is known. */
    struct resolve_answer *answer; /* the last good one, or NULL */
    enum dns_code fault;          /* of the last round */
    bool known;                   /* there was a round */
    int64_t until_ms;             /* the outcome holds */
    int64_t answer_until_ms;      /* the answer was good */

    /* What is being learned. */
    bool wanted;                  /* somebody needs it anew */
    struct question questions[2];
    struct resolve_answer *heap;  /* what came so far */
    uint32_t ttl_s;
    struct target *targets;
    uint32_t target_count;

    uint16_t len;
    char text[];                  /* ends in NUL */
};

struct resolver {
    const struct resolver_spec *spec;
    struct dns *dns;
    struct list by_use;           /* struct name */
    uint32_t count;
    int64_t unanswered_ms, failed_ms; /* the last lines about that */
    struct name *buckets[BUCKETS];
};

static struct resolver **resolvers; /* of this process, by id of the spec */
static uint32_t resolver_count;

const char *resolve_fault_text(enum dns_code fault)
{
    switch (fault) {
    case DNS_FORMAT_ERROR:
        return "Format error";
    case DNS_SERVER_FAILURE:
        return "Server failure";
    case DNS_NO_NAME:
        return "Host not found";
    case DNS_NOT_IMPLEMENTED:
        return "Unimplemented";
    case DNS_REFUSED:
        return "Operation refused";
    case DNS_TIMEOUT:
        return "Operation timed out";
    default:
        return "Unknown error";
    }
}

/* Answers -------------------------------------------------------------------------------------- */

static void drop_answer(struct resolve_answer *a)
{
    if (a != NULL && --a->refs == 0)
        free(a);
}

/* What is gathered grows in place: nobody else holds it yet. */
static struct resolved_addr *add_addr(struct name *n)
{
    static const struct resolve_answer empty = {.refs = 1};
    struct resolve_answer *a = n->heap;
    uint32_t count = a == NULL ? 0 : a->count;

    if (count >= ADDRS_MOST)
        return NULL;
    if (a == NULL || (count >= 4 && (count & (count - 1)) == 0)) {
        a = realloc(a, sizeof(*a) + MAX(count * 2, 4) * sizeof(a->addrs[0]));
        must(a != NULL);
        if (count == 0)
            *a = empty;
        n->heap = a;
    }
    a->addrs[a->count] = (struct resolved_addr){0};
    return &a->addrs[a->count++];
}

static void forget_heap(struct name *n)
{
    drop_answer(n->heap);
    n->heap = NULL;
}

void resolved_addr(const struct resolved_addr *found, int port, struct addr *out)
{
    *out = (struct addr){.sa.sa_family = (sa_family_t)found->family};
    if (found->family == AF_INET) {
        memcpy(&out->in.sin_addr, found->bytes, 4);
        out->len = sizeof(out->in);
    } else {
        memcpy(&out->in6.sin6_addr, found->bytes, 16);
        out->len = sizeof(out->in6);
    }
    addr_set_port(out, port != 0 ? port : found->port);
}

void resolve_addr(const struct resolve *r, uint32_t i, int port, struct addr *out)
{
    resolved_addr(&r->answer->addrs[(r->first + i) % r->answer->count], port, out);
}

/* Askers --------------------------------------------------------------------------------------- */

static void settle(struct resolve *r, struct name *n, enum dns_code fault)
{
    bool found = fault == DNS_FOUND;

    timer_cancel(&r->timer);
    list_remove(&r->link);
    r->question = NULL;
    r->state = found ? RESOLVE_FOUND : RESOLVE_FAILED;
    r->fault = fault;
    r->valid_ms = n == NULL ? 0 : MAX(n->until_ms - clock_mono_ms, 0);
    if (!found)
        return;
    n->answer->refs++;
    r->answer = n->answer;
    r->first = random_below(n->answer->count);
}

static void settle_later(struct resolve *r, struct name *n, enum dns_code fault)
{
    settle(r, n, fault);
    post_now(r->done);
}

/* May the last good answer still be given to those who cannot have a new one? */
static bool is_old_usable(const struct name *n)
{
    return n->answer != NULL && clock_mono_ms - n->answer_until_ms < OLDEST_MS;
}

static void on_timeout(struct timer *timer)
{
    struct resolve *r = CONTAINER(timer, struct resolve, timer);
    struct name *n = r->question;

    settle_later(r, n, is_old_usable(n) ? DNS_FOUND : DNS_TIMEOUT);
    if (list_empty(&n->waiters) && n->state == NAME_PAUSE)
        post_now(&n->post);
}

static void forget_answer(struct name *n)
{
    drop_answer(n->answer);
    n->answer = NULL;
}

static void use_old(struct name *n)
{
    if (log_allowed(&n->resolver->failed_ms))
        log_error(&process_log, LOG_WARN, 0,
                  "%s could not be resolved (%d: %s): its last addresses are used", n->text,
                  (int)n->fault, resolve_fault_text(n->fault));
    n->fault = DNS_FOUND;
}

/* A round is over: what it found holds for a while, and all who waited learn of it. */
static void conclude(struct name *n, enum dns_code fault)
{
    int64_t valid_ms = n->resolver->spec->valid_ms;

    n->known = true;
    n->wanted = false;
    n->fault = fault;
    if (fault == DNS_FOUND) {
        drop_answer(n->answer);
        n->answer = n->heap;
        n->heap = NULL;
        n->until_ms = clock_mono_ms + (valid_ms > 0 ? valid_ms
                                                    : MAX((int64_t)n->ttl_s * 1000, LEAST_MS));
        n->answer_until_ms = n->until_ms;
    } else if (fault == DNS_NO_NAME) {
        forget_answer(n);
        n->until_ms = clock_mono_ms + (valid_ms > 0 ? MIN(valid_ms, NO_NAME_MS) : NO_NAME_MS);
    } else {
        n->until_ms = clock_mono_ms + FAILURE_MS;
        if (is_old_usable(n))
            use_old(n);
        else
            forget_answer(n);
    }
    forget_heap(n);
    LIST_EACH(struct resolve, r, &n->waiters, link)
        settle_later(r, n, n->fault);
}

/* Questions ------------------------------------------------------------------------------------ */

static void gather(struct name *n, const struct dns_reply *reply)
{
    for (uint32_t i = 0; i < reply->count; i++) {
        const struct dns_record *record = &reply->records[i];
        struct resolved_addr *a = add_addr(n);

        if (a == NULL)
            return;
        a->family = record->family;
        memcpy(a->bytes, record->bytes, sizeof(a->bytes));
    }
}

/* A service's records name hosts, each of which is asked for like any other name. */
static void gather_targets(struct name *n, const struct dns_reply *reply)
{
    uint32_t count = MIN(reply->count, TARGETS_MOST);

    n->targets = calloc(MAX(count, 1), sizeof(*n->targets));
    must(n->targets != NULL);
    for (uint32_t i = 0; i < count; i++) {
        const struct dns_record *record = &reply->records[i];
        struct target *t = &n->targets[n->target_count];

        if (record->host[0] == '\0' || strcmp(record->host, ".") == 0)
            continue; /* RFC 2782: the service is decidedly not available */
        *t = (struct target){.host = strdup(record->host), .port = record->port,
                             .priority = record->priority, .weight = record->weight};
        must(t->host != NULL);
        n->target_count++;
    }
}

static void on_reply(struct dns_query *query, const struct dns_reply *reply)
{
    struct question *q = CONTAINER(query, struct question, query);
    struct name *n = q->name;

    q->out = false;
    q->code = reply->code;
    post_now(&n->post);
    if (reply->code == DNS_NO_NAME && reply->alias != NULL && q->aliases < ALIASES_MOST) {
        q->aliases++;
        q->next = strdup(reply->alias);
        must(q->next != NULL);
    }
    if (reply->code != DNS_FOUND)
        return;
    n->ttl_s = MIN(n->ttl_s, reply->ttl_s);
    if (n->kind == RESOLVE_SERVICE)
        gather_targets(n, reply);
    else
        gather(n, reply);
}

static void ask(struct name *n, struct question *q, const char *name)
{
    q->out = true;
    q->query.name = name;
    resolver_dns->ask(n->resolver->dns, &q->query);
}

static void forget_aliases(struct question *q)
{
    free(q->alias);
    free(q->next);
    q->alias = q->next = NULL;
}

/* What an alias stands for is asked next. */
static bool follow_aliases(struct name *n)
{
    bool any = false;

    for (unsigned i = 0; i < COUNT(n->questions); i++) {
        struct question *q = &n->questions[i];

        if (q->next == NULL)
            continue;
        any = true;
        free(q->alias);
        q->alias = q->next;
        q->next = NULL;
        ask(n, q, q->alias);
    }
    return any;
}

static bool any_out(const struct name *n)
{
    return n->questions[0].out || n->questions[1].out;
}

/* Of two outcomes the one that says more: found, no such name, a server's failure, silence. */
static enum dns_code outcome(const struct name *n)
{
    static const enum dns_code order[] = {DNS_FOUND, DNS_CLOSED, DNS_TIMEOUT, DNS_SERVER_FAILURE,
                                          DNS_REFUSED, DNS_NOT_IMPLEMENTED, DNS_FORMAT_ERROR,
                                          DNS_NO_NAME};

    for (size_t i = 0; i < COUNT(order); i++)
        for (unsigned k = 0; k < COUNT(n->questions); k++)
            if (n->questions[k].wanted && n->questions[k].code == order[i])
                return order[i];
    return DNS_SERVER_FAILURE;
}

/* Steps ---------------------------------------------------------------------------------------- */

static enum name_state know(struct name *n)
{
    return n->wanted ? NAME_ASK : NAME_KNOWN;
}

static void begin_round(struct name *n)
{
    const struct resolver_spec *spec = n->resolver->spec;
    bool wanted[] = {n->kind == RESOLVE_SERVICE || !spec->no_ipv4,
                     n->kind == RESOLVE_HOST && !spec->no_ipv6};

    forget_heap(n);
    n->ttl_s = UINT32_MAX;
    for (unsigned i = 0; i < COUNT(n->questions); i++) {
        struct question *q = &n->questions[i];

        forget_aliases(q);
        *q = (struct question){.name = n, .wanted = wanted[i], .query.on_reply = on_reply};
        q->query.type = n->kind == RESOLVE_SERVICE ? DNS_SRV : i == 0 ? DNS_A : DNS_AAAA;
        q->out = q->wanted; /* both, before the first is answered */
    }
    for (unsigned i = 0; i < COUNT(n->questions); i++)
        if (n->questions[i].wanted)
            ask(n, &n->questions[i], n->text);
}

static enum name_state no_server(struct name *n)
{
    if (!list_empty(&n->waiters) && !is_old_usable(n)) {
        if (log_allowed(&n->resolver->unanswered_ms))
            log_error(&process_log, LOG_WARN, 0, "no answer from resolver %" STR_FMT " about %s",
                      STR_ARG(n->resolver->spec->text), n->text);
        return NAME_PAUSE;
    }
    conclude(n, DNS_TIMEOUT);
    return NAME_KNOWN;
}

static enum name_state take_replies(struct name *n)
{
    enum dns_code code;

    if (any_out(n) || follow_aliases(n))
        return NAME_ASK;
    code = outcome(n);
    if (code == DNS_TIMEOUT)
        return no_server(n);
    if (code == DNS_FOUND && n->kind == RESOLVE_SERVICE)
        return NAME_TARGETS;
    conclude(n, code);
    return NAME_KNOWN;
}

static bool any_target_waits(const struct name *n)
{
    for (uint32_t i = 0; i < n->target_count; i++)
        if (n->targets[i].resolve.state == RESOLVE_WAITS)
            return true;
    return false;
}

static void start_targets(struct name *n)
{
    for (uint32_t i = 0; i < n->target_count; i++) {
        struct target *t = &n->targets[i];

        t->resolve = (struct resolve){.name = str_of(t->host), .kind = RESOLVE_HOST,
                                      .timeout_ms = TARGET_WAIT_MS, .fresh = true,
                                      .done = &n->post};
        resolve_start(n->resolver->spec, &t->resolve);
    }
}

static void end_targets(struct name *n)
{
    for (uint32_t i = 0; i < n->target_count; i++) {
        resolve_end(&n->targets[i].resolve);
        free(n->targets[i].host);
    }
    free(n->targets);
    n->targets = NULL;
    n->target_count = 0;
}

static void gather_target(struct name *n, const struct target *t)
{
    const struct resolve_answer *answer = t->resolve.answer;

    n->ttl_s = (uint32_t)MIN((int64_t)n->ttl_s, t->resolve.valid_ms / 1000);
    for (uint32_t i = 0; i < answer->count; i++) {
        struct resolved_addr *a = add_addr(n);

        if (a == NULL)
            return;
        *a = answer->addrs[i];
        a->port = t->port;
        a->priority = t->priority;
        a->weight = t->weight;
    }
}

static enum name_state take_targets(struct name *n)
{
    enum dns_code fault = DNS_NO_NAME;

    if (any_target_waits(n))
        return NAME_TARGETS;
    for (uint32_t i = 0; i < n->target_count; i++) {
        if (n->targets[i].resolve.state == RESOLVE_FOUND)
            gather_target(n, &n->targets[i]);
        else if (n->targets[i].resolve.fault != DNS_NO_NAME)
            fault = n->targets[i].resolve.fault;
    }
    end_targets(n);
    conclude(n, n->heap != NULL ? DNS_FOUND : fault);
    return NAME_KNOWN;
}

static enum name_state wait_a_little(struct name *n)
{
    if (!timer_is_set(&n->pause))
        return NAME_ASK;
    if (!list_empty(&n->waiters))
        return NAME_PAUSE;
    timer_cancel(&n->pause);
    conclude(n, DNS_TIMEOUT);
    return NAME_KNOWN;
}

static const struct {
    const char *name;
    enum name_state (*step)(struct name *n);
    uint32_t leads_to;
    void (*begin)(struct name *n);
} steps[NAME_STATES] = {
    [NAME_KNOWN]   = {"known", know, BIT(NAME_ASK), NULL},
    [NAME_ASK]     = {"ask", take_replies,
                      BIT(NAME_KNOWN) | BIT(NAME_TARGETS) | BIT(NAME_PAUSE), begin_round},
    [NAME_TARGETS] = {"targets", take_targets, BIT(NAME_KNOWN), start_targets},
    [NAME_PAUSE]   = {"pause", wait_a_little, BIT(NAME_ASK) | BIT(NAME_KNOWN), NULL},
};

static void enter(struct name *n, enum name_state next)
{
    must(steps[n->state].leads_to & BIT(next));
    log_debug(&process_log, "resolve %s: %s -> %s", n->text, steps[n->state].name,
              steps[next].name);
    n->state = next;
    if (next == NAME_PAUSE)
        timer_set(&n->pause, PAUSE_MS);
    if (steps[next].begin != NULL)
        steps[next].begin(n);
}

static void run(struct post *post)
{
    struct name *n = CONTAINER(post, struct name, post);
    enum name_state next;

    while ((next = steps[n->state].step(n)) != n->state)
        enter(n, next);
}

static void on_pause(struct timer *timer)
{
    post_now(&CONTAINER(timer, struct name, pause)->post);
}

/* The cache ------------------------------------------------------------------------------------ */

static struct name **place_of(struct resolver *v, struct str text, enum resolve_kind kind,
                              uint64_t hash)
{
    struct name **at = &v->buckets[hash % BUCKETS];

    while (*at != NULL && ((*at)->hash != hash || (*at)->kind != kind ||
                           !str_eq((struct str){(*at)->text, (*at)->len}, text)))
        at = &(*at)->chain;
    return at;
}

static void destroy_name(struct name *n)
{
    struct name **at = place_of(n->resolver, (struct str){n->text, n->len}, n->kind, n->hash);

    *at = n->chain;
    list_remove(&n->use);
    n->resolver->count--;
    LIST_EACH(struct resolve, r, &n->waiters, link)
        settle(r, NULL, DNS_CLOSED);
    timer_cancel(&n->pause);
    post_cancel(&n->post);
    for (unsigned i = 0; i < COUNT(n->questions); i++)
        forget_aliases(&n->questions[i]);
    end_targets(n);
    forget_heap(n);
    drop_answer(n->answer);
    free(n);
}

/* Nothing runs for it, and nobody looks at it. */
static bool is_idle(const struct name *n)
{
    return n->state == NAME_KNOWN && !n->wanted && list_empty(&n->waiters) &&
           !post_queued(&n->post);
}

static bool make_room(struct resolver *v)
{
    struct link *at = v->by_use.head.prev;

    if (v->count < RESOLVER_NAMES_MOST)
        return true;
    for (int looks = 0; looks < EVICT_LOOKS && at != &v->by_use.head; looks++, at = at->prev) {
        struct name *n = CONTAINER(at, struct name, use);

        if (!is_idle(n))
            continue;
        destroy_name(n);
        return true;
    }
    return false;
}

static struct name *get_name(struct resolver *v, struct str text, enum resolve_kind kind)
{
    uint64_t hash = str_hash(text) + kind;
    struct name *n = *place_of(v, text, kind, hash);

    if (n != NULL) {
        list_remove(&n->use);
        list_prepend(&v->by_use, &n->use);
        return n;
    }
    if (!make_room(v))
        return NULL;
    n = calloc(1, sizeof(*n) + text.len + 1);
    must(n != NULL);
    n->resolver = v;
    n->hash = hash;
    n->kind = kind;
    n->post.run = run;
    n->pause.on_timer = on_pause;
    n->len = (uint16_t)text.len;
    memcpy(n->text, text.data, text.len);
    list_init(&n->waiters);
    *place_of(v, text, kind, hash) = n;
    list_prepend(&v->by_use, &n->use);
    v->count++;
    return n;
}

/* Resolvers ------------------------------------------------------------------------------------ */

static struct dns *open_servers(const struct resolver_spec *spec)
{
    struct dns *dns;
    struct addr *all;
    uint32_t count = 0;

    EACH (struct addr_list *, list, &spec->servers)
        count += (*list)->count;
    if (count == 0)
        return NULL;
    all = calloc(count, sizeof(*all));
    must(all != NULL);
    count = 0;
    EACH (struct addr_list *, list, &spec->servers)
        for (uint32_t i = 0; i < (*list)->count; i++)
            all[count++] = (*list)->addrs[i];
    dns = resolver_dns->open(all, count);
    free(all);
    return dns;
}

/* This process's resolver for the spec, ready to ask; NULL when it cannot be. */
static struct resolver *get_resolver(const struct resolver_spec *spec)
{
    struct resolver *v;

    if (spec->id >= resolver_count) {
        resolvers = realloc(resolvers, (spec->id + 1) * sizeof(struct resolver *));
        must(resolvers != NULL);
        while (resolver_count <= spec->id)
            resolvers[resolver_count++] = NULL;
    }
    v = resolvers[spec->id];
    if (v == NULL) {
        v = resolvers[spec->id] = calloc(1, sizeof(*v));
        must(v != NULL);
        v->spec = spec;
        list_init(&v->by_use);
    }
    if (v->dns == NULL && resolver_dns != NULL)
        v->dns = open_servers(spec);
    return v->dns == NULL ? NULL : v;
}

void resolver_stop(void)
{
    for (uint32_t i = 0; i < resolver_count; i++) {
        struct resolver *v = resolvers[i];

        if (v == NULL)
            continue;
        if (v->dns != NULL)
            resolver_dns->close(v->dns);
        LIST_EACH(struct name, n, &v->by_use, use)
            end_targets(n);
        LIST_EACH(struct name, n, &v->by_use, use)
            destroy_name(n);
        free(v);
    }
    free(resolvers);
    resolvers = NULL;
    resolver_count = 0;
}

/* Asking --------------------------------------------------------------------------------------- */

/* What a host's name, or a service's, may be made of. Others have no address: nothing that a client
   sends gets as far as the servers in a form that means something else to them. */
static bool is_name(struct str text)
{
    size_t label = 0;

    if (text.len == 0 || text.len > NAME_MOST)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == '.' && label == 0)
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > LABEL_MOST ||
            (c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z')))
            return false;
    }
    return label > 0;
}

/* In lower case, without the last dot, in `memory` of NAME_MOST + 2 bytes. */
static struct str plain(struct str text, char *memory)
{
    text.len = MIN(text.len, NAME_MOST + 2);
    for (size_t i = 0; i < text.len; i++)
        memory[i] = ascii_lower(text.data[i]);
    if (text.len > 0 && memory[text.len - 1] == '.')
        text.len--;
    return (struct str){memory, text.len};
}

static void want(struct name *n)
{
    if (n->state == NAME_KNOWN && !n->wanted) {
        n->wanted = true;
        post_now(&n->post);
    }
}

static void wait_for(struct resolve *r, struct name *n)
{
    r->state = RESOLVE_WAITS;
    r->question = n;
    list_append(&n->waiters, &r->link);
    r->timer.on_timer = on_timeout;
    if (r->timeout_ms > 0)
        timer_set(&r->timer, r->timeout_ms);
    want(n);
}

void resolve_start(const struct resolver_spec *spec, struct resolve *r)
{
    char memory[NAME_MOST + 2];
    struct str text = plain(r->name, memory);
    struct resolver *v = get_resolver(spec);
    struct name *n;

    must(r->state == RESOLVE_IDLE);
    if (v == NULL || !is_name(text)) {
        settle(r, NULL, v == NULL ? DNS_SERVER_FAILURE : DNS_NO_NAME);
        return;
    }
    n = get_name(v, text, r->kind);
    if (n == NULL) {
        settle(r, NULL, DNS_SERVER_FAILURE);
        return;
    }
    if (n->known && clock_mono_ms < n->until_ms) {
        settle(r, n, n->fault);
    } else if (!r->fresh && n->answer != NULL && clock_mono_ms - n->until_ms < OLD_MS) {
        want(n);
        settle(r, n, DNS_FOUND);
    } else {
        wait_for(r, n);
    }
}

void resolve_end(struct resolve *r)
{
    struct name *n = r->question;

    timer_cancel(&r->timer);
    list_remove(&r->link);
    drop_answer(r->answer);
    r->answer = NULL;
    r->question = NULL;
    r->state = RESOLVE_IDLE;
    if (n != NULL && list_empty(&n->waiters) && n->state == NAME_PAUSE)
        post_now(&n->post);
}
