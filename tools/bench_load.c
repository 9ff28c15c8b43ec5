/*
 * tools/bench_load.c - a load generator that accounts for every request.
 *
 *     bench_load load PORT CONNECTIONS SECONDS TARGET...   closed loop; one request in flight each
 *     bench_load idle PORT CONNECTIONS TARGET              one request each, then silence
 *     bench_load tunnel PORT CONNECTIONS TARGET            the same, upgraded to a websocket's tunnel
 *
 * A target is URI=SIZE, the size of the body that must come back; URI=SIZE+BYTES posts a body of so
 * many bytes; //HOST/URI=SIZE asks that host. Connections take the targets in turn.
 *
 * Bodies are compared with bench_body byte by byte. `load` ends after SECONDS or when stdin closes,
 * finishes what is in flight, and prints one JSON object. A connection that the server ends is a
 * failed request unless the response before said `Connection: close`, for a request was already on
 * its way. `idle` and `tunnel` print "ready", wait for stdin to close and print how many connections
 * lived; before, a byte goes through each tunnel and back.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench_body.h"

#define HEAD_MAX 4096
#define TARGETS_MAX 1024
#define POST_MAX 65536
#define REQUEST_TIMEOUT_MS 5000
#define RECONNECT_MS 2

enum conn_state { CONNECTING, IN_HEAD, IN_BODY, IN_TUNNEL, IDLE, WAITING };

struct target {
    char *request;
    size_t request_size, body_size;
};

struct conn {
    int fd;
    enum conn_state state;
    unsigned turn;                          /* picks the target */
    const struct target *target;
    int64_t since_us;                       /* of the request, or when to connect again */
    char head[HEAD_MAX];
    size_t head_used, body_got;
    bool reused, last;                      /* answered before; the server said close */
};

static struct {
    uint64_t requests, bytes, closes;
    uint64_t connect, unanswered, partial, timeout, status, body, framing;
    uint64_t statuses[1000];                /* those seen in place of 200 */
    int64_t longest_us, pause_us, last_us, total_us;
} tally;

static struct target targets[TARGETS_MAX];
static unsigned target_count;
static struct sockaddr_in server;
static char *body, scratch[1 << 18];
static int epoll;
static bool stopping, only_once, tunnels;
static int running;

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void hang_up(struct conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void connect_later(struct conn *c)
{
    hang_up(c);
    c->state = WAITING;
    c->since_us = now_us() + RECONNECT_MS * 1000;
    if (stopping)
        running--;
}

static void failed(struct conn *c, uint64_t *kind)
{
    ++*kind;
    connect_later(c);
}

static void send_request(struct conn *c)
{
    c->target = &targets[c->turn++ % target_count];
    c->head_used = c->body_got = 0;
    c->last = false;
    c->state = IN_HEAD;
    c->since_us = now_us();
    ssize_t n = write(c->fd, c->target->request, c->target->request_size);
    if (n != (ssize_t)c->target->request_size)
        failed(c, &tally.unanswered);
}

static void start_connect(struct conn *c)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c };
    int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) {
        perror("socket");
        exit(1);
    }
    c->state = CONNECTING;
    c->reused = false;
    c->since_us = now_us();
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
    if (connect(c->fd, (struct sockaddr *)&server, sizeof(server)) < 0 && errno != EINPROGRESS)
        failed(c, &tally.connect);
}

static void on_connected(struct conn *c)
{
    int error = 0;
    socklen_t size = sizeof(error);

    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0)
        failed(c, &tally.connect);
    else
        send_request(c);
}

static void answered(struct conn *c)
{
    int64_t now = now_us();

    tally.requests++;
    tally.bytes += c->target->body_size;
    tally.total_us += now - c->since_us;
    if (now - c->since_us > tally.longest_us)
        tally.longest_us = now - c->since_us;
    if (tally.last_us != 0 && now - tally.last_us > tally.pause_us)
        tally.pause_us = now - tally.last_us;
    tally.last_us = now;
    c->reused = true;
    if (only_once) {
        c->state = IDLE;
        running--;
    } else if (stopping) {
        hang_up(c);
        c->state = WAITING;
        running--;
    } else if (c->last) {
        tally.closes++;
        hang_up(c);
        start_connect(c);
    } else {
        send_request(c);
    }
}

static bool wrong_status(struct conn *c)
{
    unsigned status = (unsigned)strtoul(c->head + 9, NULL, 10);

    tally.statuses[status < 1000 ? status : 0]++;
    failed(c, &tally.status);
    return false;
}

/* Behind the 101 a byte goes to the origin and back. */
static bool enter_tunnel(struct conn *c)
{
    if (strncmp(c->head, "HTTP/1.1 101", 12) != 0)
        return wrong_status(c);
    c->state = IN_TUNNEL;
    if (write(c->fd, "?", 1) == 1)
        return true;
    failed(c, &tally.unanswered);
    return false;
}

/* The head is complete: checks it and takes what came of the body. False: the connection is gone. */
static bool take_head(struct conn *c, size_t head_size)
{
    char *length = strcasestr(c->head, "\r\ncontent-length:");

    if (tunnels)
        return enter_tunnel(c);
    if (strncmp(c->head, "HTTP/1.1 200", 12) != 0)
        return wrong_status(c);
    if (length == NULL || strtoul(length + 17, NULL, 10) != c->target->body_size) {
        failed(c, &tally.framing);
        return false;
    }
    c->last = strcasestr(c->head, "\r\nconnection: close") != NULL;
    c->state = IN_BODY;
    c->body_got = c->head_used - head_size;
    if (c->body_got > c->target->body_size
        || memcmp(c->head + head_size, body, c->body_got) != 0) {
        failed(c, &tally.body);
        return false;
    }
    return true;
}

static bool read_head(struct conn *c, ssize_t n)
{
    c->head_used += (size_t)n;
    c->head[c->head_used] = '\0';
    char *end = memmem(c->head, c->head_used, "\r\n\r\n", 4);
    if (end == NULL)
        return true;
    end[2] = '\0';                          /* searches stop at the end of the head */
    return take_head(c, (size_t)(end - c->head) + 4);
}

static bool read_body(struct conn *c, ssize_t n)
{
    if (c->body_got + (size_t)n > c->target->body_size
        || memcmp(scratch, body + c->body_got, (size_t)n) != 0) {
        failed(c, &tally.body);
        return false;
    }
    c->body_got += (size_t)n;
    return true;
}

static void on_end(struct conn *c)
{
    if (c->state == IDLE)
        hang_up(c);
    else if (c->state == IN_HEAD && c->head_used == 0)
        failed(c, &tally.unanswered);
    else
        failed(c, &tally.partial);
}

static void on_readable(struct conn *c)
{
    while (c->fd >= 0 && c->state != CONNECTING) {
        bool in_head = c->state == IN_HEAD;
        ssize_t n = in_head ? read(c->fd, c->head + c->head_used, HEAD_MAX - 1 - c->head_used)
                            : read(c->fd, scratch, sizeof(scratch));
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            on_end(c);
            return;
        }
        if (c->state == IN_TUNNEL) {
            answered(c);
            continue;
        }
        if (!(in_head ? read_head(c, n) : read_body(c, n)))
            return;
        if (c->state == IN_BODY && c->body_got == c->target->body_size)
            answered(c);
    }
}

static void check_clocks(struct conn *conns, int count)
{
    int64_t now = now_us();

    for (int i = 0; i < count; i++) {
        struct conn *c = &conns[i];
        if (c->state == WAITING && !stopping && now >= c->since_us)
            start_connect(c);
        else if (c->state != WAITING && c->state != IDLE
                 && now - c->since_us > REQUEST_TIMEOUT_MS * 1000)
            failed(c, &tally.timeout);
    }
}

/* Takes events for at most a millisecond or so. */
static void turn(struct conn *conns, int count)
{
    struct epoll_event events[512];
    int n = epoll_wait(epoll, events, 512, 1);

    for (int i = 0; i < n; i++) {
        struct conn *c = events[i].data.ptr;
        if (c->fd < 0)
            continue;
        if (c->state == CONNECTING)
            on_connected(c);
        if (c->fd >= 0)
            on_readable(c);
    }
    check_clocks(conns, count);
}

static bool stdin_closed(void)
{
    fd_set set;
    struct timeval none = { 0, 0 };
    char byte;

    FD_ZERO(&set);
    FD_SET(0, &set);
    return select(1, &set, NULL, NULL, &none) > 0 && read(0, &byte, 1) == 0;
}

static void print_statuses(void)
{
    const char *comma = "";

    printf("\"statuses\": {");
    for (int i = 0; i < 1000; i++) {
        if (tally.statuses[i] == 0)
            continue;
        printf("%s\"%d\": %llu", comma, i, (unsigned long long)tally.statuses[i]);
        comma = ", ";
    }
    printf("}, ");
}

static void print_tally(int alive)
{
    printf("{");
    print_statuses();
    printf("\"requests\": %llu, \"bytes\": %llu, \"announced_closes\": %llu, \"alive\": %d, "
           "\"failed\": {\"connect\": %llu, \"unanswered\": %llu, \"partial\": %llu, "
           "\"timeout\": %llu, \"status\": %llu, \"body\": %llu, \"framing\": %llu}, "
           "\"longest_ms\": %.3f, \"pause_ms\": %.3f, \"mean_ms\": %.4f}\n",
           (unsigned long long)tally.requests, (unsigned long long)tally.bytes,
           (unsigned long long)tally.closes, alive, (unsigned long long)tally.connect,
           (unsigned long long)tally.unanswered, (unsigned long long)tally.partial,
           (unsigned long long)tally.timeout, (unsigned long long)tally.status,
           (unsigned long long)tally.body, (unsigned long long)tally.framing,
           (double)tally.longest_us / 1e3, (double)tally.pause_us / 1e3,
           tally.requests == 0 ? 0.0 : (double)tally.total_us / 1e3 / (double)tally.requests);
    fflush(stdout);
}

static const char *request_line(char *uri, char *host, size_t room)
{
    char *slash;

    snprintf(host, room, "localhost");
    if (strncmp(uri, "//", 2) != 0 || (slash = strchr(uri + 2, '/')) == NULL)
        return uri;
    snprintf(host, room, "%.*s", (int)(slash - uri - 2), uri + 2);
    return slash;
}

static void print_request(struct target *t, char *uri, size_t post)
{
    char host[256], more[128] = "";
    const char *path = request_line(uri, host, sizeof(host));
    size_t room = strlen(uri) + post + 512;

    t->request = malloc(room);
    if (t->request == NULL)
        abort();
    if (tunnels)
        snprintf(more, sizeof(more), "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    if (post > 0)
        snprintf(more, sizeof(more), "Content-Length: %zu\r\n", post);
    t->request_size = (size_t)snprintf(t->request, room, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n",
                                       post > 0 ? "POST" : "GET", path, host, more);
    memset(t->request + t->request_size, 'p', post);
    t->request_size += post;
}

static void add_target(char *text)
{
    struct target *t = &targets[target_count];
    char *equals = strrchr(text, '='), *plus = equals == NULL ? NULL : strchr(equals, '+');
    size_t post = plus == NULL ? 0 : strtoul(plus + 1, NULL, 10);

    if (equals == NULL || target_count == TARGETS_MAX || post > POST_MAX) {
        fprintf(stderr, "not URI=SIZE: %s\n", text);
        exit(2);
    }
    *equals = '\0';
    t->body_size = strtoul(equals + 1, NULL, 10);
    print_request(t, text, post);
    target_count++;
}

static size_t largest_body(void)
{
    size_t largest = 0;

    for (unsigned i = 0; i < target_count; i++)
        largest = targets[i].body_size > largest ? targets[i].body_size : largest;
    return largest;
}

static int run_load(struct conn *conns, int count, double seconds)
{
    int64_t end = now_us() + (int64_t)(seconds * 1e6);

    for (int i = 0; i < count; i++) {
        conns[i].turn = (unsigned)i;
        start_connect(&conns[i]);
    }
    while (now_us() < end && !stdin_closed())
        turn(conns, count);
    running = 0;
    for (int i = 0; i < count; i++)
        running += conns[i].state != WAITING;
    stopping = true;
    while (running > 0)
        turn(conns, count);
    print_tally(0);
    return 0;
}

static int run_idle(struct conn *conns, int count)
{
    int alive = 0, started = 0;

    only_once = true;
    running = count;
    while (running > 0) {
        for (int batch = 0; batch < 64 && started < count; batch++)
            start_connect(&conns[started++]);
        turn(conns, started);
    }
    printf("ready\n");
    fflush(stdout);
    while (!stdin_closed())
        turn(conns, count);
    for (int i = 0; i < count; i++)
        alive += conns[i].fd >= 0;
    print_tally(alive);
    return 0;
}

int main(int argc, char **argv)
{
    bool idle = argc > 4 && (strcmp(argv[1], "idle") == 0 || strcmp(argv[1], "tunnel") == 0);
    int first = idle ? 4 : 5;
    struct rlimit files = { 100000, 100000 };

    if (argc <= first || (!idle && strcmp(argv[1], "load") != 0)) {
        fprintf(stderr, "usage: bench_load load PORT CONNECTIONS SECONDS TARGET...\n"
                        "       bench_load idle|tunnel PORT CONNECTIONS TARGET\n");
        return 2;
    }
    tunnels = strcmp(argv[1], "tunnel") == 0;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_NOFILE, &files);
    server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2])),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int count = atoi(argv[3]);
    struct conn *conns = calloc((size_t)count, sizeof(*conns));
    if (conns == NULL)
        return 1;
    for (int i = first; i < argc; i++)
        add_target(argv[i]);
    body = bench_body(largest_body());
    epoll = epoll_create1(0);
    return idle ? run_idle(conns, count) : run_load(conns, count, atof(argv[4]));
}
