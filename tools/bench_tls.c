/*
 * tools/bench_tls.c - load over TLS 1.3, for measuring what the server spends on it.
 *
 *     bench_tls keep PORT CONNECTIONS SECONDS TARGET     requests on connections that stay
 *     bench_tls full PORT CONNECTIONS SECONDS            handshakes, nothing else
 *     bench_tls resumed PORT CONNECTIONS SECONDS TARGET  the same, of a session fetched at first
 *     bench_tls once PORT CONNECTIONS SECONDS TARGET     resumed, and one request with its answer
 *     bench_tls idle PORT CONNECTIONS TARGET             one request each, then silence
 *
 * Each says "ready" when its connections are there, and waits: for a byte on stdin to begin, `idle`
 * for its end. A target is URI=SIZE. The loop is blunt: all connections of a batch are written to, then all are
 * read, so that the server always has several to work on. What it prints is what bench_load prints,
 * as far as it applies. Bodies are compared byte by byte.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench_body.h"

#define ANSWER_MAX (64 * 1024)
#define WAIT_S     5

static struct {
    unsigned long long requests, connect, unanswered, status, body;
} tally;

static SSL_CTX *ctx;
static SSL_SESSION *session;
static int port;
static char request[1024], *body;
static size_t body_size;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int connect_to(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval wait = {WAIT_S, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    return fd;
}

/* NULL: counted. */
static SSL *begin(bool resume)
{
    int fd = connect_to();
    SSL *ssl;

    if (fd < 0) {
        tally.connect++;
        return NULL;
    }
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    if (resume)
        SSL_set_session(ssl, session);
    return ssl;
}

static void end(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);

    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

static int keep_session(SSL *ssl, SSL_SESSION *fresh)
{
    SSL_SESSION_free(session);
    session = fresh;
    return 1;
}

static bool ask(SSL *ssl)
{
    return SSL_write(ssl, request, (int)strlen(request)) > 0;
}

static bool answer(SSL *ssl)
{
    static char text[ANSWER_MAX + 1];
    size_t used = 0, head = 0;

    while (head == 0 || used < head + body_size) {
        int n = SSL_read(ssl, text + used, (int)(ANSWER_MAX - used));
        char *end_of_head;

        if (n <= 0) {
            tally.unanswered++;
            return false;
        }
        used += (size_t)n;
        text[used] = '\0';
        end_of_head = head == 0 ? strstr(text, "\r\n\r\n") : NULL;
        if (end_of_head != NULL)
            head = (size_t)(end_of_head - text) + 4;
    }
    if (strncmp(text + 9, "200", 3) != 0)
        tally.status++;
    else if (used != head + body_size || memcmp(text + head, body, body_size) != 0)
        tally.body++;
    else
        tally.requests++;
    return true;
}

/* Modes ---------------------------------------------------------------------------------------- */

static SSL *open_one(void)
{
    SSL *ssl = begin(false);

    if (ssl == NULL || SSL_connect(ssl) != 1) {
        fprintf(stderr, "no handshake\n");
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    return ssl;
}

static double until_after(double seconds)
{
    char byte;

    printf("ready\n");
    fflush(stdout);
    if (read(STDIN_FILENO, &byte, 1) < 0)
        exit(1);
    return now() + seconds;
}

static void keep(int count, double seconds)
{
    SSL **all = calloc((size_t)count, sizeof(*all));
    double until;

    for (int i = 0; i < count; i++)
        all[i] = open_one();
    until = until_after(seconds);
    while (now() < until) {
        for (int i = 0; i < count; i++)
            if (all[i] != NULL)
                ask(all[i]);
        for (int i = 0; i < count; i++) {
            if (all[i] != NULL && !answer(all[i])) {
                end(all[i]);
                all[i] = NULL;
            }
        }
    }
    for (int i = 0; i < count; i++)
        if (all[i] != NULL)
            end(all[i]);
    free(all);
}

/* The handshake counts as a request, or the request behind it does. */
static void count_shaken(SSL *ssl, bool resume, bool once)
{
    if (SSL_connect(ssl) != 1 || (resume && !SSL_session_reused(ssl)))
        tally.unanswered++;
    else if (!once)
        tally.requests++;
    else if (!ask(ssl))
        tally.unanswered++;
    else
        answer(ssl);
}

/* A first flight from each, then the rest of each: the server has several at a time. */
static void shake(int count, double seconds, bool resume, bool once)
{
    SSL **all = calloc((size_t)count, sizeof(*all));
    double until = until_after(seconds);

    while (now() < until) {
        for (int i = 0; i < count; i++)
            all[i] = begin(resume);
        for (int i = 0; i < count; i++) {
            if (all[i] == NULL)
                continue;
            count_shaken(all[i], resume, once);
            end(all[i]);
        }
    }
    free(all);
}

static void fetch_session(void)
{
    SSL *ssl;

    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    ssl = open_one();
    if (!ask(ssl) || !answer(ssl) || session == NULL) {
        fprintf(stderr, "no session\n");
        exit(1);
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_sess_set_new_cb(ctx, NULL);
    end(ssl);
    tally.requests = 0;
}

static int idle(int count)
{
    SSL **all = calloc((size_t)count, sizeof(*all));
    int alive = 0;
    char byte;

    for (int i = 0; i < count; i++) {
        all[i] = open_one();
        if (!ask(all[i]) || !answer(all[i]))
            exit(1);
    }
    printf("ready\n");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    for (int i = 0; i < count; i++) {
        struct pollfd p = {.fd = SSL_get_fd(all[i]), .events = POLLRDHUP};

        alive += poll(&p, 1, 0) == 0;
    }
    return alive;
}

static void read_target(char *target)
{
    char *size = strrchr(target, '=');

    if (size == NULL)
        exit(2);
    *size = '\0';
    body_size = strtoul(size + 1, NULL, 10);
    body = bench_body(body_size);
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    int count, alive = 0;
    double seconds;
    bool resume, once;

    if (argc < 5)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    port = atoi(argv[2]);
    count = atoi(argv[3]);
    if (strcmp(argv[1], "full") != 0)
        read_target(argv[strcmp(argv[1], "idle") == 0 ? 4 : 5]);
    once = strcmp(argv[1], "once") == 0;
    resume = once || strcmp(argv[1], "resumed") == 0;
    if (resume)
        fetch_session();
    seconds = atof(argv[4]);
    if (strcmp(argv[1], "keep") == 0)
        keep(count, seconds);
    else if (strcmp(argv[1], "idle") == 0)
        alive = idle(count);
    else
        shake(count, seconds, resume, once);
    printf("{\"statuses\": {}, \"requests\": %llu, \"alive\": %d, \"failed\": {\"connect\": %llu, "
           "\"unanswered\": %llu, \"status\": %llu, \"body\": %llu}}\n", tally.requests, alive,
           tally.connect, tally.unanswered, tally.status, tally.body);
    return 0;
}
