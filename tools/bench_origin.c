/*
 * tools/bench_origin.c - an origin too cheap to be the bottleneck of a benchmark.
 *
 * bench_origin PORT answers GET /b/N with the first N bytes of bench_body, kept alive, for as long as
 * it lives. One thread, edge-triggered epoll, one read and one writev per small request.
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
    char in[4096];
    size_t in_used;
    char head[160];
    size_t head_size, body_size, sent;      /* of the answer on its way */
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

/* Takes one request out of the buffer and makes its answer; false when none is complete. */
static bool next_request(struct conn *c)
{
    char *end = memmem(c->in, c->in_used, "\r\n\r\n", 4);
    unsigned long size = 0;

    if (end == NULL)
        return false;
    end += 4;
    if (memcmp(c->in, "GET /b/", 7) == 0)
        size = strtoul(c->in + 7, NULL, 10);
    if (size > BODY_MAX)
        size = BODY_MAX;
    c->body_size = size;
    c->head_size = (size_t)snprintf(c->head, sizeof(c->head),
                                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                    "Content-Length: %lu\r\n\r\n", size);
    c->in_used -= (size_t)(end - c->in);
    memmove(c->in, end, c->in_used);
    return true;
}

static void serve(int fd)
{
    struct conn *c = conns[fd];

    for (;;) {
        if (c->head_size > 0 && !send_answer(fd, c)) {
            if (errno != EAGAIN)
                drop(fd);
            return;
        }
        if (next_request(c))
            continue;
        ssize_t n = read(fd, c->in + c->in_used, sizeof(c->in) - 1 - c->in_used);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            drop(fd);
            return;
        }
        c->in_used += (size_t)n;
        c->in[c->in_used] = '\0';
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
