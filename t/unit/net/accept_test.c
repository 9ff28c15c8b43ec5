/*
 * t/unit/net/accept_test.c - what is accepted, when it pauses, and which listen it counts for.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include "common/generation.h"
#include "t/unit/net/net_kit.h"
#include "worker/net/accept.h"

static const struct conn_owner owner = {"toy", NULL};
static struct conn *opened[64];
static const struct listen_spec *opened_by[64];
static int opened_count;

static void on_event(struct event *ev)
{
}

static void open_toy(int fd, const struct addr *peer, const struct listen_spec *listen)
{
    struct conn *c = conn_alloc(sizeof(*c));

    if (conn_open(c, fd, &conn_plain, &owner, on_event) != RC_OK)
        abort();
    c->listen = listen;
    conn_set_peer(c, peer);
    opened_by[opened_count] = listen;
    opened[opened_count++] = c;
}

static void close_last(void)
{
    struct conn *c = opened[--opened_count];

    conn_close(c);
    conn_collect(c, sizeof(*c));
}

static void close_all(void)
{
    while (opened_count > 0)
        close_last();
    loop_turn(&kit_loop, 0);
}

/* Listens on a free port of that address and notes it in the spec. */
static void bind_spec(struct listen_spec *spec, uint32_t host)
{
    spec->family = FAMILY_HTTP;
    spec->addr.len = sizeof(spec->addr.in);
    spec->addr.in.sin_family = AF_INET;
    spec->addr.in.sin_addr.s_addr = htonl(host);
    spec->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(spec->fd, &spec->addr.sa, spec->addr.len) != 0 || listen(spec->fd, 64) != 0 ||
        getsockname(spec->fd, &spec->addr.sa, &spec->addr.len) != 0)
        abort();
}

static unsigned queued(const struct listen_spec *spec)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    if (getsockopt(spec->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        abort();
    return info.tcpi_unacked; /* of a listening socket: who waits to be accepted */
}

/* Its last segment may still be under way when connect() returns. */
static int connect_to(const struct listen_spec *spec, uint32_t host)
{
    struct addr to = spec->addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned before = queued(spec);

    to.in.sin_addr.s_addr = htonl(host);
    if (connect(fd, &to.sa, to.len) != 0)
        abort();
    while (queued(spec) == before)
        usleep(100);
    return fd;
}

static void one_wake_takes_one_or_all(struct generation *gen)
{
    int fds[3];

    is_int(accept_start(gen, 0), RC_OK, "started");
    for (int i = 0; i < 3; i++)
        fds[i] = connect_to(gen->listens, INADDR_LOOPBACK);
    loop_turn(&kit_loop, 1000);
    is_int(opened_count, 1, "one per wake");
    accept_multi(true);
    loop_turn(&kit_loop, 1000);
    is_int(opened_count, 3, "or all that wait");
    accept_multi(false);
    is_int((int64_t)conn_stats.accepted, 3, "counted");
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close_all();
}

static void a_merged_listen_is_found_by_address(struct generation *gen)
{
    struct listen_spec *wild = gen->listens;
    struct listen_spec merged = *wild;
    int a, b;

    merged.addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    merged.through = wild;
    merged.fd = -1;
    merged.next = NULL;
    wild->next = &merged;
    accept_start(gen, 0);
    a = connect_to(wild, INADDR_LOOPBACK);
    loop_turn(&kit_loop, 1000);
    b = connect_to(wild, INADDR_LOOPBACK + 1);
    loop_turn(&kit_loop, 1000);
    is_int(opened_count, 2, "both came through the one socket");
    ok(opened_by[0] == &merged, "the named address has its own listen");
    ok(opened_by[1] == wild, "any other is the wildcard's");
    close(a);
    close(b);
    close_all();
    wild->next = NULL;
}

static void pauses_at_the_limit(struct generation *gen)
{
    int fds[3];

    conn_stats.limit = 2;
    accept_start(gen, 0);
    for (int i = 0; i < 3; i++)
        fds[i] = connect_to(gen->listens, INADDR_LOOPBACK);
    for (int i = 0; i < 5; i++)
        loop_turn(&kit_loop, 10);
    is_int(opened_count, 2, "two are allowed");
    close_last();
    for (int i = 0; i < 3; i++)
        loop_turn(&kit_loop, 10);
    is_int(opened_count, 2, "a place became free and was taken at once");
    conn_stats.limit = 0;
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close_all();
}

static void pauses_without_descriptors(struct generation *gen)
{
    struct rlimit before, none;
    int fd, probe;
    uint32_t turns;

    accept_start(gen, 0);
    fd = connect_to(gen->listens, INADDR_LOOPBACK);
    probe = dup(0);
    close(probe);
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = (rlim_t)probe;
    setrlimit(RLIMIT_NOFILE, &none);
    loop_turn(&kit_loop, 1000);
    is_int(opened_count, 0, "nothing can be accepted");
    turns = kit_loop.turn;
    loop_turn(&kit_loop, 100);
    is_int(kit_loop.turn, turns + 1, "and the loop sleeps instead of trying");
    setrlimit(RLIMIT_NOFILE, &before);
    while (opened_count == 0)
        loop_turn(&kit_loop, 1000);
    is_int(opened_count, 1, "it is tried again by itself");
    close(fd);
    close_all();
}

/* Other workers sleep on: EPOLLEXCLUSIVE woke one, and that one stops. */
static void takes_what_woke_it(struct generation *gen)
{
    int keep = dup(gen->listens->fd), fds[3];

    accept_start(gen, 0);
    for (int i = 0; i < 2; i++)
        fds[i] = connect_to(gen->listens, INADDR_LOOPBACK);
    accept_stop(true);
    is_int(opened_count, 2, "what came before others serve alone is taken");
    close_all();
    gen->listens->fd = dup(keep);
    accept_start(gen, 0);
    fds[2] = connect_to(gen->listens, INADDR_LOOPBACK);
    accept_stop(false);
    is_int(opened_count, 0, "where nobody serves on, it is not");
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close(keep);
}

int main(void)
{
    struct listen_spec specs[5] = {{.fd = -1}};
    struct generation gen = {.pool = NULL};
    uint32_t hosts[] = {INADDR_LOOPBACK, INADDR_ANY, INADDR_LOOPBACK, INADDR_LOOPBACK,
                        INADDR_LOOPBACK};
    void (*const tests[])(struct generation *) = {
        one_wake_takes_one_or_all,
        a_merged_listen_is_found_by_address,
        pauses_at_the_limit,
        pauses_without_descriptors,
        takes_what_woke_it,
    };

    kit_start();
    accept_family(FAMILY_HTTP, open_toy);
    for (size_t i = 0; i < COUNT(tests); i++) {
        bind_spec(&specs[i], hosts[i]);
        gen.listens = &specs[i];
        tests[i](&gen);
        accept_stop(false);
    }
    loop_fini(&kit_loop);
    return tap_done();
}
