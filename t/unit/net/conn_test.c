/*
 * t/unit/net/conn_test.c - a connection's bytes in and out, its flags, its end, and its memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "common/core_conf.h"
#include "common/listen_spec.h"
#include "t/unit/net/net_kit.h"

struct toy {
    struct conn conn;
    int events;
    int drained;
};

static void on_event(struct event *ev)
{
    CONTAINER(ev, struct toy, conn.ev)->events++;
}

static void on_drain(struct conn *c, bool successor)
{
    struct toy *toy = CONTAINER(c, struct toy, conn);

    toy->drained = successor ? 2 : 1;
    if (toy->events == 0)
        return;
    conn_close(c);
    conn_collect(toy, sizeof(*toy));
}

static const struct conn_owner owner = {"toy", on_drain};

static struct toy *toy_open(int fd)
{
    struct toy *toy = conn_alloc(sizeof(*toy));

    if (conn_open(&toy->conn, fd, &conn_plain, &owner, on_event) != RC_OK)
        abort();
    return toy;
}

static void toy_close(struct toy *toy)
{
    conn_close(&toy->conn);
    conn_collect(toy, sizeof(*toy));
}

/* What the other end of the pair has received. */
static struct str received(int fd)
{
    static char text[1 << 20];
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, text + len, sizeof(text) - len)) > 0)
        len += (size_t)n;
    return (struct str){text, len};
}

static void a_short_read_saves_the_next(void)
{
    int fds[2];
    struct toy *toy;
    char in[8];

    kit_pair(fds);
    toy = toy_open(fds[0]);
    kit_write(fds[1], "hello world");
    loop_turn(&kit_loop, 1000);
    ok(toy->conn.ev.readable, "readable");
    is_int(conn_recv(&toy->conn, in, 8), 8, "a full read");
    ok(toy->conn.ev.readable, "leaves it readable");
    is_int(conn_recv(&toy->conn, in, 8), 3, "a short read");
    ok(!toy->conn.ev.readable, "means that nothing is left");
    is_int(conn_recv(&toy->conn, in, 8), CONN_AGAIN, "which is so");

    kit_write(fds[1], "bye");
    close(fds[1]);
    loop_turn(&kit_loop, 1000);
    ok(toy->conn.ev.hangup, "the peer will send no more");
    is_int(conn_recv(&toy->conn, in, 8), 3, "its last bytes");
    ok(toy->conn.ev.readable, "after a hang-up reading goes on");
    is_int(conn_recv(&toy->conn, in, 8), CONN_EOF, "to the end");
    toy_close(toy);
}

static int memory_file(const char *text)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    kit_write(fd, text);
    return fd;
}

static void pieces_of_all_kinds_leave_in_order(void)
{
    int fds[2], pipe_fds[2], file = memory_file("0123456789");
    struct toy *toy;
    struct chain out;

    kit_pair(fds);
    if (pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC) != 0)
        abort();
    kit_write(pipe_fds[1], "<pipe>");
    toy = toy_open(fds[0]);
    chain_init(&out);
    chain_add(&out, "head ", 5);
    chain_add(&out, "more ", 5);
    chain_add_file(&out, file, 2, 5);
    chain_add(&out, " tail ", 6);
    chain_add_pipe(&out, pipe_fds[0], 6);
    is_int(conn_send(&toy->conn, &out, 12), RC_OK, "as much as asked for");
    is_slice(received(fds[1]), "head more 23", "across pieces");
    is_int(conn_send(&toy->conn, &out, SIZE_MAX), RC_OK, "the rest");
    is_slice(received(fds[1]), "456 tail <pipe>", "in order");
    ok(chain_empty(&out), "and all was consumed");
    is_int((int64_t)toy->conn.sent, 27, "bytes are counted");
    toy_close(toy);
    close(fds[1]);
    close(file);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void many_pieces_leave_too(void)
{
    static char text[1000];
    struct chain out;
    struct toy *toy;
    int fds[2];

    memset(text, 'x', sizeof(text));
    kit_pair(fds);
    toy = toy_open(fds[0]);
    chain_init(&out);
    for (size_t i = 0; i < 500; i++)
        chain_add(&out, text + 2 * i, 1); /* not neighbours */
    is_int(conn_send(&toy->conn, &out, SIZE_MAX), RC_OK, "more pieces than one call takes");
    is_int((int64_t)received(fds[1]).len, 500, "all of them");
    toy_close(toy);
    close(fds[1]);
}

static void a_full_socket_says_so(void)
{
    static char big[1 << 20];
    struct chain out;
    struct toy *toy;
    size_t got = 0;
    int fds[2];

    kit_pair(fds);
    toy = toy_open(fds[0]);
    loop_turn(&kit_loop, 1000);
    ok(toy->conn.ev.writable, "writable at first");
    chain_init(&out);
    chain_add(&out, big, sizeof(big));
    is_int(conn_send(&toy->conn, &out, SIZE_MAX), RC_AGAIN, "full");
    ok(!toy->conn.ev.writable, "not writable any more");
    while (!chain_empty(&out) && got < sizeof(big)) {
        got += received(fds[1]).len;
        loop_turn(&kit_loop, 1000);
        if (toy->conn.ev.writable)
            conn_send(&toy->conn, &out, SIZE_MAX);
    }
    got += received(fds[1]).len;
    is_int((int64_t)got, sizeof(big), "an edge came each time there was room");
    toy_close(toy);
    close(fds[1]);
}

static void a_file_that_shrank_is_an_error(void)
{
    int fds[2], file = memory_file("0123456789");
    struct toy *toy;
    struct chain out;

    kit_pair(fds);
    toy = toy_open(fds[0]);
    chain_init(&out);
    chain_add_file(&out, file, 0, 100);
    is_int(conn_send(&toy->conn, &out, SIZE_MAX), RC_ERROR, "never a silent cut");
    chain_clear(&out);
    toy_close(toy);
    close(fds[1]);
    close(file);
}

static void a_peer_that_is_gone_is_an_error(void)
{
    struct toy *toy;
    struct chain out;
    int fds[2];

    kit_pair(fds);
    toy = toy_open(fds[0]);
    close(fds[1]);
    chain_init(&out);
    chain_add(&out, "x", 1);
    is_int(conn_send(&toy->conn, &out, SIZE_MAX), RC_ERROR, "and no signal");
    chain_clear(&out);
    is_int(conn_log_level(&toy->conn, EPIPE), LOG_ERROR, "of an origin: an error");
    toy->conn.listen = &(struct listen_spec){.fd = -1};
    is_int(conn_log_level(&toy->conn, EPIPE), LOG_INFO, "of a client: worth a mention");
    toy_close(toy);
}

static void memory_is_reused_in_a_later_turn(void)
{
    struct toy *a = conn_alloc(sizeof(*a)), *b, *c;

    a->events = 1;
    conn_collect(a, sizeof(*a));
    b = conn_alloc(sizeof(*b));
    ok(a != b, "not in the turn in which it died");
    loop_turn(&kit_loop, 0);
    c = conn_alloc(sizeof(*c));
    ok(a == c && c->events == 0, "in the next, zeroed");
    conn_collect(b, sizeof(*b));
    conn_collect(c, sizeof(*c));
    loop_turn(&kit_loop, 0);
}

static void draining_reaches_every_connection(void)
{
    struct toy *toys[6];
    int fds[6][2];

    for (int i = 0; i < 6; i++) {
        kit_pair(fds[i]);
        toys[i] = toy_open(fds[i][0]);
        toys[i]->events = i % 2;
    }
    is_int(conn_stats.open, 6, "six are open");
    conn_drain_all(true);
    is_int(conn_stats.open, 3, "some closed on the spot");
    for (int i = 0; i < 6; i += 2)
        is_int(toys[i]->drained, 2, "the others heard of it");
    conn_cut_all();
    for (int i = 0; i < 6; i++) {
        char byte;

        is_int(read(fds[i][1], &byte, 1), 0, "cut");
        close(fds[i][1]);
    }
    loop_turn(&kit_loop, 1000);
    for (int i = 0; i < 6; i += 2) {
        ok(toys[i]->conn.ev.hangup, "and its machine is told");
        toy_close(toys[i]);
    }
    loop_turn(&kit_loop, 0);
}

static void knows_its_addresses(void)
{
    struct addr want = {.len = sizeof(want.in)}, got, peer;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, fd2;
    struct toy *toy;

    want.in.sin_family = AF_INET;
    want.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, &want.sa, want.len) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, &want.sa, &want.len) != 0)
        abort();
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, &want.sa, want.len) != 0)
        abort();
    peer.len = sizeof(peer.any);
    fd2 = accept4(listener, &peer.sa, &peer.len, SOCK_NONBLOCK);
    toy = toy_open(fd2);
    conn_set_peer(&toy->conn, &peer);
    is_int(conn_local(&toy->conn, &got), RC_OK, "a local address");
    ok(addr_eq(&got, &want), "is the one that it came to");
    conn_peer(&toy->conn, &got);
    ok(addr_eq(&got, &peer), "its peer is kept");
    conn_nodelay(&toy->conn);
    conn_reset(&toy->conn);
    conn_collect(toy, sizeof(*toy));
    is_int(read(fd, &got, 1), -1, "a reset reaches the peer");
    is_int(errno, ECONNRESET, "as such");
    close(fd);
    close(listener);
}

static void a_named_peer_is_logged_in_full(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct array nets = array_of(struct cidr, pool);
    struct cidr *net = array_push(&nets);
    struct addr peer = {.len = sizeof(peer.in)};
    struct conn c = {.listen = NULL};

    net->addr.in.sin_family = AF_INET;
    net->addr.in.sin_addr.s_addr = htonl(0x0a010200);
    net->prefix = 23;
    conn_debug_peers(&nets);
    peer.in.sin_family = AF_INET;
    peer.in.sin_addr.s_addr = htonl(0x0a010405);
    conn_set_peer(&c, &peer);
    ok(!c.debug, "10.1.4.5 is not in 10.1.2.0/23");
    peer.in.sin_addr.s_addr = htonl(0x0a010305);
    conn_set_peer(&c, &peer);
    ok(c.debug && c.log.level == LOG_ALL, "10.1.3.5 is");
    conn_debug_peers(NULL);
    pool_destroy(pool);
}

int main(void)
{
    kit_start();
    a_short_read_saves_the_next();
    pieces_of_all_kinds_leave_in_order();
    many_pieces_leave_too();
    a_full_socket_says_so();
    a_file_that_shrank_is_an_error();
    a_peer_that_is_gone_is_an_error();
    memory_is_reused_in_a_later_turn();
    draining_reaches_every_connection();
    knows_its_addresses();
    a_named_peer_is_logged_in_full();
    is_int(conn_stats.open, 0, "none is left");
    printf("# struct conn: %zu bytes\n", sizeof(struct conn));
    loop_turn(&kit_loop, 0);
    loop_fini(&kit_loop);
    return tap_done();
}
