/*
 * t/unit/net/resolver_test.c - what the cache of names keeps, asks, gives and forgets: the test is
 * the name server and the clock.
 */
#include "common/addr_list.h"
#include "common/pool.h"
#include "t/unit/net/net_kit.h"
#include "worker/net/resolver.h"

#define ASKED_MOST (4 * RESOLVER_NAMES_MOST)

/* The name server ------------------------------------------------------------------------------ */

static struct {
    struct dns_query *query;
    char name[64];
} asked[ASKED_MOST];
static unsigned asked_count; /* not answered yet, in order */
static unsigned questions;   /* ever */
static uint32_t opened_with;

static struct dns *open_dns(const struct addr *servers, uint32_t count)
{
    opened_with = count;
    return (struct dns *)&opened_with;
}

static void ask(struct dns *dns, struct dns_query *q)
{
    if (asked_count == ASKED_MOST)
        abort();
    asked[asked_count].query = q;
    snprintf(asked[asked_count++].name, sizeof(asked->name), "%s", q->name);
    questions++;
}

static struct dns_query *take_question(const char *name, enum dns_type type)
{
    for (unsigned i = 0; i < asked_count; i++) {
        struct dns_query *q = asked[i].query;

        if (q->type != type || strcmp(asked[i].name, name) != 0)
            continue;
        memmove(&asked[i], &asked[i + 1], (--asked_count - i) * sizeof(*asked));
        return q;
    }
    return NULL;
}

static void close_dns(struct dns *dns)
{
    static const struct dns_reply closed = {.code = DNS_CLOSED};

    while (asked_count > 0) {
        struct dns_query *q = asked[--asked_count].query;

        q->on_reply(q, &closed);
    }
}

static const struct dns_ops server = {.open = open_dns, .ask = ask, .close = close_dns};

static void run_posts(void)
{
    post_run_all(&loop->posts);
}

static void pass(int64_t ms)
{
    clock_mono_ms += ms;
    timers_run(&loop->timers, clock_mono_ms);
    run_posts();
}

/* Answers a question that is open; false when there is none. */
static bool reply(const char *name, enum dns_type type, const struct dns_reply *r)
{
    struct dns_query *q = take_question(name, type);

    if (q != NULL)
        q->on_reply(q, r);
    run_posts();
    return q != NULL;
}

static bool say(const char *name, enum dns_type type, enum dns_code code)
{
    return reply(name, type, &(struct dns_reply){.code = code});
}

/* 10.0.0.N or fd00::N. */
static bool give(const char *name, enum dns_type type, uint8_t n, uint32_t ttl_s)
{
    struct dns_record record = {.family = AF_INET, .bytes = {10, 0, 0, n}};

    if (type == DNS_AAAA)
        record = (struct dns_record){.family = AF_INET6, .bytes = {0xfd, [15] = n}};
    return reply(name, type, &(struct dns_reply){.ttl_s = ttl_s, .count = 1, .records = &record});
}

/* Askers --------------------------------------------------------------------------------------- */

static struct resolver_spec spec = {.text = STR_INIT("127.0.0.1 ipv6=off"), .no_ipv6 = true};
static struct resolver_spec both = {.text = STR_INIT("127.0.0.1"), .id = 1};
static struct resolver_spec brief = {.text = STR_INIT("valid=2s"), .id = 2, .no_ipv6 = true,
                                     .valid_ms = 2000};
static unsigned told;

static void on_done(struct post *post)
{
    told++;
}

static struct post done[8] = {{.run = on_done}, {.run = on_done}, {.run = on_done},
                              {.run = on_done}};

static struct resolve asker(const char *name, unsigned i)
{
    return (struct resolve){.name = str_of(name), .timeout_ms = 30000, .done = &done[i]};
}

static const char *first_addr(const struct resolve *r)
{
    static char text[ADDR_TEXT];
    struct addr addr;

    if (r->state != RESOLVE_FOUND)
        return NULL;
    resolve_addr(r, 0, 80, &addr);
    text[addr_print(&addr, text, sizeof(text) - 1)] = '\0';
    return text;
}

/* Asks and ends at once: what is known without waiting. */
static const char *known(const struct resolver_spec *s, const char *name)
{
    struct resolve r = asker(name, 0);
    const char *text;

    resolve_start(s, &r);
    text = first_addr(&r);
    resolve_end(&r);
    run_posts();
    return text;
}

static void forget_all(void)
{
    resolver_stop();
    run_posts();
    asked_count = questions = told = 0;
}

/* Tests ---------------------------------------------------------------------------------------- */

static void keeps_what_it_is_told(void)
{
    struct resolve r = asker("Host.Example.", 0);

    resolve_start(&spec, &r);
    is_int(r.state, RESOLVE_WAITS, "a new name takes a while");
    run_posts();
    ok(give("host.example", DNS_A, 1, 60), "asked in lower case, without the dot");
    is_int(told, 1, "the asker is told");
    is_str(first_addr(&r), "10.0.0.1:80", "with the address");
    is_int(r.valid_ms, 60000, "and how long it holds");
    resolve_end(&r);
    pass(59999);
    is_str(known(&spec, "host.example"), "10.0.0.1:80", "known until its time is up");
    is_int(questions, 1, "without asking again");
    forget_all();
}

static void asks_once_for_many(void)
{
    struct resolve a = asker("a", 0), b = asker("a", 1), c = asker("a", 2);

    resolve_start(&spec, &a);
    run_posts();
    resolve_start(&spec, &b);
    resolve_start(&spec, &c);
    run_posts();
    is_int(questions, 1, "one question for three askers");
    resolve_end(&b);
    give("a", DNS_A, 1, 60);
    is_int(told, 2, "the two that still wait are told");
    ok(first_addr(&a) != NULL && first_addr(&c) != NULL, "both have it");
    is_int(b.state, RESOLVE_IDLE, "one that has left is not touched");
    resolve_end(&a);
    is_str(first_addr(&c), "10.0.0.1:80", "an answer lives as long as somebody holds it");
    resolve_end(&c);
    forget_all();
}

static void nobody_waits_any_more(void)
{
    struct resolve r = asker("a", 0);

    resolve_start(&spec, &r);
    run_posts();
    resolve_end(&r);
    ok(give("a", DNS_A, 7, 60), "the question stays open");
    is_str(known(&spec, "a"), "10.0.0.7:80", "its answer is for the next");
    forget_all();
}

static void both_families(void)
{
    struct resolve r = asker("a", 0);

    resolve_start(&both, &r);
    run_posts();
    is_int(questions, 2, "A and AAAA at once");
    give("a", DNS_AAAA, 9, 5);
    is_int(r.state, RESOLVE_WAITS, "one alone is not enough");
    give("a", DNS_A, 9, 60);
    is_int(r.answer->count, 2, "both in one answer");
    is_int(r.valid_ms, 5000, "it holds as long as the shorter");
    resolve_end(&r);
    forget_all();

    r = asker("a", 0);
    resolve_start(&both, &r);
    run_posts();
    say("a", DNS_AAAA, DNS_SERVER_FAILURE);
    give("a", DNS_A, 9, 60);
    is_int(r.state, RESOLVE_FOUND, "one family is enough when the other fails");
    resolve_end(&r);
    forget_all();
}

static void rotates(void)
{
    struct dns_record records[4] = {
        {.family = AF_INET, .bytes = {10, 0, 0, 1}}, {.family = AF_INET, .bytes = {10, 0, 0, 2}},
        {.family = AF_INET, .bytes = {10, 0, 0, 3}}, {.family = AF_INET, .bytes = {10, 0, 0, 4}},
    };
    unsigned seen = 0;

    known(&spec, "a");
    reply("a", DNS_A, &(struct dns_reply){.ttl_s = 60, .count = 4, .records = records});
    for (int i = 0; i < 1000 && seen != 0x1e; i++) {
        const char *text = known(&spec, "a");

        seen |= 1u << (text[7] - '0');
    }
    is_int(seen, 0x1e, "each address comes first at times");
    forget_all();
}

static void no_such_name(void)
{
    struct resolve r = asker("a", 0);

    resolve_start(&spec, &r);
    run_posts();
    say("a", DNS_A, DNS_NO_NAME);
    is_int(r.state, RESOLVE_FAILED, "there is no such name");
    is_int(r.fault, DNS_NO_NAME, "and that is said");
    resolve_end(&r);
    r = asker("a", 0);
    resolve_start(&spec, &r);
    is_int(r.state, RESOLVE_FAILED, "known for a while");
    resolve_end(&r);
    is_int(questions, 1, "without asking");
    pass(5000);
    known(&spec, "a");
    is_int(questions, 2, "then it is asked again");
    forget_all();
}

static void refuses_what_is_no_name(void)
{
    static const char *const bad[] = {
        "", ".", "a..b", ".a", "a b", "a\\046b", "a/b", "a\nb", "a%b",
        "0123456789012345678901234567890123456789012345678901234567890123.x",
        "a.23456789.23456789.23456789.23456789.23456789.23456789.23456789.23456789.23456789."
        "23456789.23456789.23456789.23456789.23456789.23456789.23456789.23456789.23456789."
        "23456789.23456789.23456789.23456789.23456789.23456789.23456789.23456789.23456789."
        "234567890",
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct resolve r = asker(bad[i], 0);

        resolve_start(&spec, &r);
        if (r.state != RESOLVE_FAILED || r.fault != DNS_NO_NAME)
            printf("# \"%s\"\n", bad[i]);
        ok(r.state == RESOLVE_FAILED && r.fault == DNS_NO_NAME, "no name, no question");
        resolve_end(&r);
    }
    run_posts();
    is_int(questions, 0, "the servers heard nothing of it");
    forget_all();
}

static void gives_what_has_just_become_old(void)
{
    known(&spec, "a");
    give("a", DNS_A, 1, 10);
    pass(10000 + 4999);
    is_str(known(&spec, "a"), "10.0.0.1:80", "a little too old: given at once");
    is_int(asked_count, 1, "and asked for behind that");
    is_str(known(&spec, "a"), "10.0.0.1:80", "to everybody");
    is_int(asked_count, 1, "one question");
    give("a", DNS_A, 2, 10);
    is_str(known(&spec, "a"), "10.0.0.2:80", "until the new one is here");
    pass(10000 + 5000);
    ok(known(&spec, "a") == NULL, "far too old: the asker waits");
    forget_all();
}

static void outlives_its_servers(void)
{
    struct resolve r = asker("a", 0);

    known(&spec, "a");
    give("a", DNS_A, 1, 10);
    pass(600000);
    resolve_start(&spec, &r);
    is_int(r.state, RESOLVE_WAITS, "an old answer is not given before the servers were asked");
    run_posts();
    say("a", DNS_A, DNS_TIMEOUT);
    is_str(first_addr(&r), "10.0.0.1:80", "but when they do not answer");
    resolve_end(&r);
    is_str(known(&spec, "a"), "10.0.0.1:80", "and for a second after");
    is_int(asked_count, 0, "in which they are left alone");
    pass(1000);
    known(&spec, "a");
    say("a", DNS_A, DNS_SERVER_FAILURE);
    is_str(known(&spec, "a"), "10.0.0.1:80", "a failure does not take it away");
    pass(1000);
    known(&spec, "a");
    say("a", DNS_A, DNS_NO_NAME);
    ok(known(&spec, "a") == NULL, "its own servers saying so does");
    forget_all();
}

static void too_old_is_gone(void)
{
    struct resolve r = asker("a", 0);

    known(&spec, "a");
    give("a", DNS_A, 1, 10);
    pass(10000 + 3600000);
    resolve_start(&spec, &r);
    run_posts();
    say("a", DNS_A, DNS_SERVER_FAILURE);
    is_int(r.fault, DNS_SERVER_FAILURE, "an hour old is too old");
    resolve_end(&r);
    pass(1500);
    ok(known(&spec, "a") == NULL, "for good");
    forget_all();
}

static void waits_for_silent_servers(void)
{
    struct resolve r = asker("a", 0), late = asker("a", 1);

    resolve_start(&spec, &r);
    run_posts();
    say("a", DNS_A, DNS_TIMEOUT);
    is_int(r.state, RESOLVE_WAITS, "silence is no answer");
    is_int(asked_count, 0, "a pause");
    pass(500);
    is_int(asked_count, 1, "then another round");
    pass(25000);
    resolve_start(&spec, &late);
    pass(5000);
    is_int(r.state, RESOLVE_FAILED, "the time of the asker is up");
    is_int(r.fault, DNS_TIMEOUT, "and that is said");
    is_int(late.state, RESOLVE_WAITS, "of one who came later it is not");
    give("a", DNS_A, 3, 60);
    is_str(first_addr(&late), "10.0.0.3:80", "who gets the answer");
    resolve_end(&r);
    resolve_end(&late);
    forget_all();
}

static void stops_asking_when_nobody_waits(void)
{
    struct resolve r = asker("a", 0);

    resolve_start(&spec, &r);
    run_posts();
    say("a", DNS_A, DNS_TIMEOUT);
    resolve_end(&r);
    run_posts();
    pass(60000);
    is_int(questions, 1, "no more rounds for nobody");
    forget_all();
}

static void valid_replaces_their_time(void)
{
    known(&brief, "a");
    give("a", DNS_A, 1, 3600);
    pass(2000);
    known(&brief, "a");
    is_int(questions, 2, "asked again after `valid`");
    forget_all();

    known(&brief, "a");
    give("a", DNS_A, 1, 0);
    pass(1999);
    known(&brief, "a");
    is_int(questions, 1, "and not before");
    forget_all();

    known(&brief, "a");
    say("a", DNS_A, DNS_NO_NAME);
    pass(2000);
    known(&brief, "a");
    is_int(questions, 2, "nor is it longer for names that do not exist");
    forget_all();
}

static void follows_aliases(void)
{
    struct resolve r = asker("a", 0);
    unsigned hops = 0;

    resolve_start(&spec, &r);
    run_posts();
    reply("a", DNS_A, &(struct dns_reply){.code = DNS_NO_NAME, .alias = "b"});
    ok(give("b", DNS_A, 2, 60), "what the name stands for is asked next");
    is_str(first_addr(&r), "10.0.0.2:80", "and is the answer");
    resolve_end(&r);
    forget_all();

    r = asker("a", 0);
    resolve_start(&spec, &r);
    run_posts();
    while (hops < 100 &&
           reply("a", DNS_A, &(struct dns_reply){.code = DNS_NO_NAME, .alias = "a"}))
        hops++;
    is_int(r.state, RESOLVE_FAILED, "a circle ends");
    is_int(hops, 17, "after sixteen");
    resolve_end(&r);
    forget_all();
}

static void services(void)
{
    static const struct dns_record hosts[] = {
        {.host = "one", .port = 8001, .priority = 1, .weight = 5},
        {.host = "two", .port = 8002, .priority = 2, .weight = 0},
        {.host = "gone", .port = 8003, .priority = 1},
    };
    struct resolve r = asker("_http._tcp.a", 0);
    struct addr addr;

    r.kind = RESOLVE_SERVICE;
    resolve_start(&both, &r);
    run_posts();
    is_int(questions, 1, "one question for the service");
    reply("_http._tcp.a", DNS_SRV,
          &(struct dns_reply){.ttl_s = 60, .count = 3, .records = hosts});
    is_int(asked_count, 6, "then its hosts");
    give("one", DNS_A, 1, 60);
    say("one", DNS_AAAA, DNS_NO_NAME);
    give("two", DNS_A, 2, 20);
    give("two", DNS_AAAA, 2, 30);
    is_int(r.state, RESOLVE_WAITS, "all of them");
    say("gone", DNS_A, DNS_NO_NAME);
    say("gone", DNS_AAAA, DNS_NO_NAME);
    is_int(r.state, RESOLVE_FOUND, "those that exist are enough");
    is_int(r.answer->count, 3, "each address is one");
    is_int(r.valid_ms, 20000, "for the least time of all");
    for (uint32_t i = 0; i < 3; i++) {
        const struct resolved_addr *a = &r.answer->addrs[(r.first + i) % 3];

        resolve_addr(&r, i, 0, &addr);
        is_int(addr_port(&addr), a->port, "with its port");
        is_int(a->weight, a->port == 8001 ? 5 : 0, "weight");
        is_int(a->priority, a->port - 8000, "and priority");
    }
    resolve_end(&r);
    ok(known(&both, "one") != NULL, "its hosts are known too");
    forget_all();
}

static void services_without_hosts(void)
{
    static const struct dns_record none[] = {{.host = ""}}, one[] = {{.host = "h"}};
    struct resolve r = asker("s", 0);

    r.kind = RESOLVE_SERVICE;
    resolve_start(&spec, &r);
    run_posts();
    reply("s", DNS_SRV, &(struct dns_reply){.ttl_s = 60, .count = 1, .records = none});
    is_int(r.fault, DNS_NO_NAME, "decidedly not available");
    resolve_end(&r);
    forget_all();

    r = asker("s", 0);
    r.kind = RESOLVE_SERVICE;
    resolve_start(&spec, &r);
    run_posts();
    reply("s", DNS_SRV, &(struct dns_reply){.ttl_s = 60, .count = 1, .records = one});
    say("h", DNS_A, DNS_REFUSED);
    is_int(r.fault, DNS_REFUSED, "the host's fault is the service's");
    resolve_end(&r);
    forget_all();
}

static void is_bounded(void)
{
    char name[32];
    unsigned before;
    struct resolve r = asker("one.more", 0);

    for (unsigned i = 0; i < RESOLVER_NAMES_MOST; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        known(&spec, name);
    }
    resolve_start(&spec, &r);
    is_int(r.fault, DNS_SERVER_FAILURE, "as many questions as may be open");
    resolve_end(&r);
    for (unsigned i = 0; i < RESOLVER_NAMES_MOST; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        give(name, DNS_A, 1, 600);
    }
    before = questions;
    known(&spec, "n0");
    known(&spec, "one.more");
    is_int(questions, before + 1, "an old one makes room for a new one");
    known(&spec, "n0");
    is_int(questions, before + 1, "one that was used lately stays");
    known(&spec, "n1");
    is_int(questions, before + 2, "the least recently used went");
    forget_all();
}

static void ends_with_its_process(void)
{
    struct resolve r = asker("a", 0), s = asker("s", 1);
    static const struct dns_record one[] = {{.host = "h"}};

    s.kind = RESOLVE_SERVICE;
    resolve_start(&spec, &r);
    resolve_start(&spec, &s);
    run_posts();
    reply("s", DNS_SRV, &(struct dns_reply){.ttl_s = 60, .count = 1, .records = one});
    resolver_stop();
    is_int(r.state, RESOLVE_FAILED, "who still waits is let go");
    is_int(s.state, RESOLVE_FAILED, "whatever for");
    run_posts();
    resolve_end(&r);
    resolve_end(&s);
    asked_count = questions = told = 0;
}

int main(void)
{
    static struct addr address;
    static struct addr_list list = {.addrs = &address, .count = 1};
    struct pool *pool = pool_create(1024);
    const char *why;

    kit_start();
    addr_parse(&address, STR("127.0.0.1:53"), 53, &why);
    spec.servers = both.servers = brief.servers = array_of(struct addr_list *, pool);
    *(struct addr_list **)array_push(&spec.servers) = &list;
    both.servers = brief.servers = spec.servers;
    resolver_dns = &server;

    keeps_what_it_is_told();
    asks_once_for_many();
    nobody_waits_any_more();
    both_families();
    rotates();
    no_such_name();
    refuses_what_is_no_name();
    gives_what_has_just_become_old();
    outlives_its_servers();
    too_old_is_gone();
    waits_for_silent_servers();
    stops_asking_when_nobody_waits();
    valid_replaces_their_time();
    follows_aliases();
    services();
    services_without_hosts();
    is_bounded();
    ends_with_its_process();
    pool_destroy(pool);
    return tap_done();
}
