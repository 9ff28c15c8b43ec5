/*
 * tools/bench_origin.c - an origin too cheap to be the bottleneck of a benchmark.
 *
 * bench_origin PORT [FASTCGI_PORT] answers a request for /b/N with the first N bytes of bench_body,
 * for as long as it lives. It reads a body that the head announces by its length, closes if told to,
 * and sends back what comes through a tunnel. On the second port it is a FastCGI responder for
 * requests without a body and answers of at most 60,000 bytes. One thread, edge-triggered epoll, one
 * read and one writev per small request.
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
#define FASTCGI_MOST 60000

struct conn {
    char in[16384];
    size_t in_used;
    char head[160];
    char tail[16];
    size_t head_size, body_size, tail_size, sent; /* of the answer on its way */
    size_t unread;                          /* of the request's body: the answer waits for it */
    bool last, tunnel, fastcgi;
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
    while (c->sent < c->head_size + c->body_size + c->tail_size) {
        struct iovec parts[3] = { { c->head, c->head_size }, { body, c->body_size },
                                  { c->tail, c->tail_size } };
        size_t skip = c->sent;
        int first = 0;

        while (skip >= parts[first].iov_len)
            skip -= parts[first++].iov_len;
        parts[first].iov_base = (char *)parts[first].iov_base + skip;
        parts[first].iov_len -= skip;
        ssize_t n = writev(fd, parts + first, 3 - first);
        if (n < 0)
            return false;
        c->sent += (size_t)n;
    }
    c->head_size = c->body_size = c->tail_size = c->sent = 0;
    return true;
}

static void put_record(char *at, int type, size_t content)
{
    memcpy(at, "\1\0\0\1\0\0\0\0", 8);
    at[1] = (char)type;
    at[4] = (char)(content >> 8);
    at[5] = (char)content;
}

/* The answer to a FastCGI request whose parameters are in `params`. */
static void print_fastcgi(struct conn *c, const char *params, size_t size)
{
    const char *path = memmem(params, size, "/b/", 3);
    int head;

    c->body_size = path == NULL ? 0 : strtoul(path + 3, NULL, 10);
    if (c->body_size > FASTCGI_MOST)
        c->body_size = FASTCGI_MOST;
    head = snprintf(c->head + 8, sizeof(c->head) - 8,
                    "Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                    c->body_size);
    put_record(c->head, 6, (size_t)head + c->body_size);
    c->head_size = (size_t)head + 8;
    put_record(c->tail, 3, 8);
    memset(c->tail + 8, 0, 8);
    c->tail_size = 16;
}

/* As next_request; a request ends with an empty record of its standard input. */
static bool next_fastcgi(struct conn *c)
{
    size_t at = 0, params = 0, params_size = 0;

    while (at + 8 <= c->in_used) {
        const unsigned char *r = (const unsigned char *)c->in + at;
        size_t content = (size_t)(r[4] << 8 | r[5]);

        if (at + 8 + content + r[6] > c->in_used)
            return false;
        if (r[1] == 1)
            c->last = (r[10] & 1) == 0;
        if (r[1] == 4 && content > 0) {
            params = at + 8;
            params_size = content;
        }
        at += 8 + content + r[6];
        if (r[1] != 5 || content > 0)
            continue;
        print_fastcgi(c, c->in + params, params_size);
        c->in_used -= at;
        memmove(c->in, c->in + at, c->in_used);
        return true;
    }
    return false;
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
        if (c->head_size == 0 && !c->tunnel && (c->fastcgi ? next_fastcgi(c) : next_request(c)))
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

static void accept_all(int listener, bool fastcgi, int epoll)
{
    int fd, on = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd };

        if (fd >= FDS_MAX || (conns[fd] = calloc(1, sizeof(struct conn))) == NULL) {
            close(fd);
            continue;
        }
        conns[fd]->fastcgi = fastcgi;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: bench_origin PORT [FASTCGI_PORT]\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    body = bench_body(BODY_MAX);
    int listeners[2] = { -1, -1 };
    int epoll = epoll_create1(0);
    struct epoll_event events[256];

    for (int i = 0; i + 1 < argc; i++) {
        listeners[i] = listen_on(atoi(argv[i + 1]));
        struct epoll_event event = { .events = EPOLLIN, .data.fd = listeners[i] };
        epoll_ctl(epoll, EPOLL_CTL_ADD, listeners[i], &event);
    }
    for (;;) {
        int n = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listeners[0] || events[i].data.fd == listeners[1])
                accept_all(events[i].data.fd, events[i].data.fd == listeners[1], epoll);
            else if (conns[events[i].data.fd] != NULL)
                serve(events[i].data.fd);
        }
    }
}
