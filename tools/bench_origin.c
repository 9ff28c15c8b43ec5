/*
 * tools/bench_origin.c - an origin too cheap to be the bottleneck of a benchmark.
 *
 * bench_origin PORT answers a request for /b/N with the first N bytes of bench_body, for as long as it
 * lives. It reads a body that the head announces by its length, closes if told to, and sends back
 * what comes through a tunnel. One thread, edge-triggered epoll, one read and one writev per small
 * request.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench_body.h"

#define BODY_MAX (16u << 20)
#define FDS_MAX 65536

struct conn {
    char in[16384];
    size_t in_used;
    char head[160];
    size_t head_size, body_size, sent;      /* of the answer on its way */
    size_t unread;                          /* of the request's body: the answer waits for it */
    bool last, tunnel;
};

static struct conn *conns[FDS_MAX];
static char *body;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_on(int port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 4096) < 0)
        fail("listen");
    return fd;
}

static void drop(int fd)
{
    close(fd);
    free(conns[fd]);
    conns[fd] = NULL;
}

/* True when the whole answer is out, false when the socket is full or gone. */
static bool send_answer(int fd, struct conn *c)
{
    while (c->sent < c->head_size + c->body_size) {
        size_t in_head = c->sent < c->head_size ? c->head_size - c->sent : 0;
        size_t in_body = c->sent > c->head_size ? c->sent - c->head_size : 0;
        struct iovec parts[2] = { { c->head + (c->head_size - in_head), in_head },
                                  { body + in_body, c->body_size - in_body } };
        ssize_t n = writev(fd, in_head > 0 ? parts : parts + 1, in_head > 0 ? 2 : 1);

        if (n < 0)
            return false;
        c->sent += (size_t)n;
    }
    c->head_size = c->body_size = c->sent = 0;
    return true;
}

/* The head of the answer to the request whose head, without its last line, is `in`. */
static void print_head(struct conn *c, const char *in)
{
    const char *path = strstr(in, " /b/"), *length = strcasestr(in, "\r\ncontent-length: ");

    c->unread = length == NULL ? 0 : strtoul(length + 18, NULL, 10);
    c->last = strcasestr(in, "\r\nconnection: close") != NULL;
    c->tunnel = strcasestr(in, "\r\nupgrade: ") != NULL;
    if (c->tunnel) {
        c->head_size = (size_t)snprintf(c->head, sizeof(c->head),
                                        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                                        "Upgrade: websocket\r\n\r\n");
        return;
    }
    c->body_size = path == NULL ? 0 : strtoul(path + 4, NULL, 10);
    if (c->body_size > BODY_MAX)
        c->body_size = BODY_MAX;
    c->head_size = (size_t)snprintf(c->head, sizeof(c->head),
                                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%s"
                                    "Content-Length: %zu\r\n\r\n",
                                    c->last ? "Connection: close\r\n" : "", c->body_size);
}

/* Takes one request's head out of the buffer and makes its answer; false when none is complete. */
static bool next_request(struct conn *c)
{
    char *end = memmem(c->in, c->in_used, "\r\n\r\n", 4);

    if (end == NULL)
        return false;
    *end = '\0';
    print_head(c, c->in);
    end += 4;
    c->in_used -= (size_t)(end - c->in);
    memmove(c->in, end, c->in_used);
    return true;
}

/* Drops what is here of a body. */
static void skip_body(struct conn *c)
{
    size_t n = c->unread < c->in_used ? c->unread : c->in_used;

    c->unread -= n;
    c->in_used -= n;
    memmove(c->in, c->in + n, c->in_used);
}

/* What the socket has, into the buffer; from a tunnel back into the socket. */
static ssize_t take(int fd, struct conn *c)
{
    ssize_t n = read(fd, c->in + c->in_used, sizeof(c->in) - 1 - c->in_used);

    if (n <= 0)
        return n;
    if (c->tunnel)
        return write(fd, c->in, (size_t)n);
    c->in_used += (size_t)n;
    c->in[c->in_used] = '\0';
    return n;
}

static void serve(int fd)
{
    struct conn *c = conns[fd];

    for (;;) {
        skip_body(c);
        if (c->head_size > 0 && c->unread == 0) {
            if (!send_answer(fd, c)) {
                if (errno != EAGAIN)
                    drop(fd);
                return;
            }
            if (c->last) {
                drop(fd);
                return;
            }
        }
        if (c->head_size == 0 && !c->tunnel && next_request(c))
            continue;
        ssize_t n = take(fd, c);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            drop(fd);
            return;
        }
    }
}

static void accept_all(int listener, int epoll)
{
    int fd, on = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd };

        if (fd >= FDS_MAX || (conns[fd] = calloc(1, sizeof(struct conn))) == NULL) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: bench_origin PORT\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    body = bench_body(BODY_MAX);
    int listener = listen_on(atoi(argv[1]));
    int epoll = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };
    struct epoll_event events[256];

    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                accept_all(listener, epoll);
            else if (conns[events[i].data.fd] != NULL)
                serve(events[i].data.fd);
        }
    }
}
