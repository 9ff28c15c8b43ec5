/*
 * worker/net/ocsp_fetch.c - a question carried to an OCSP responder over HTTP, and its answer back.
 *
 * GET where the question is short, as RFC 6960 (A.1) has it, for such answers can be cached; POST
 * where it is long. HTTP/1.0: the answer ends with its length or with the connection.
 */
#include "worker/net/ocsp_fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base64.h"
#include "worker/net/conn.h"

#define WHOLE_MS    60000  /* for all of it */
#define CONNECT_MS  10000  /* for one address of several */
#define GET_MAX     255    /* of the question in base64 */

struct fetch_conn {
    struct conn conn; /* first */
    struct ocsp_fetch *fetch;
};

/* The log -------------------------------------------------------------------------------------- */

static size_t describe(const void *about, char *out, size_t room)
{
    const struct ocsp_fetch *f = about;
    char peer[ADDR_TEXT];
    size_t len = f->conn == NULL ? 0 : addr_print(&f->addrs[f->next - 1], peer, sizeof(peer));
    int n = snprintf(out, room, ", responder: %" STR_FMT "%s%.*s, certificate: \"%" STR_FMT "\"",
                     STR_ARG(f->url.host), len > 0 ? ", peer: " : "", (int)len, peer,
                     STR_ARG(f->about));

    return n < 0 ? 0 : MIN((size_t)n, room);
}

static struct log log_of(const struct ocsp_fetch *f)
{
    struct log log = process_log;

    log.doing = "requesting certificate status";
    log.describe = describe;
    log.about = f;
    return log;
}

static enum fetch_state fail(struct ocsp_fetch *f, int err, const char *what)
{
    struct log log = log_of(f);

    log_error(&log, LOG_ERROR, err, "%s", what);
    return FETCH_FAILED;
}

/* The request ---------------------------------------------------------------------------------- */

static void put(struct buf *b, struct str text)
{
    memcpy(b->last, text.data, text.len);
    b->last += text.len;
}

/* '+', '/' and '=' stand for themselves in base64, but not in a path. */
static void put_escaped(struct buf *b, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.data[i]) {
        case '+':
            put(b, STR("%2B"));
            break;
        case '/':
            put(b, STR("%2F"));
            break;
        case '=':
            put(b, STR("%3D"));
            break;
        default:
            *b->last++ = text.data[i];
        }
    }
}

static void write_request(struct ocsp_fetch *f)
{
    bool get = (f->request.len + 2) / 3 * 4 <= GET_MAX;
    char base64[GET_MAX + 1], length[80];
    struct buf *b = &f->head;

    buf_take(b, f->url.path.len + f->url.host.len + f->request.len + 3 * GET_MAX + 256);
    put(b, get ? STR("GET ") : STR("POST "));
    put(b, f->url.path);
    if (get) {
        if (!str_ends(f->url.path, STR("/")))
            put(b, STR("/"));
        put_escaped(b, (struct str){base64, base64_encode(base64, f->request)});
    }
    put(b, STR(" HTTP/1.0\r\nHost: "));
    put(b, f->url.host);
    if (!get) {
        snprintf(length, sizeof(length),
                 "\r\nContent-Type: application/ocsp-request\r\nContent-Length: %zu",
                 f->request.len);
        put(b, str_of(length));
    }
    put(b, STR("\r\nConnection: close\r\n\r\n"));
    if (!get)
        put(b, f->request);
    chain_add(&f->out, b->pos, buf_used(b));
}

/* The response --------------------------------------------------------------------------------- */

/* "HTTP/1.1 200 OK" */
static bool is_good_status(struct str line)
{
    return line.len >= 12 && str_starts(line, STR("HTTP/1.")) && line.data[8] == ' ' &&
           memcmp(line.data + 9, "200", 3) == 0 && (line.len == 12 || line.data[12] == ' ');
}

static struct str next_line(struct str *rest)
{
    struct str line = str_cut(rest, '\n');

    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* -1: none is given; -2: nonsense. */
static int64_t read_fields(struct str head, const char **why)
{
    int64_t length = -1;

    while (head.data != NULL) {
        struct str line = next_line(&head), name = str_cut(&line, ':');
        struct str value = line.data == NULL ? STR("") : str_trim(line);

        if (str_eq_nocase(name, STR("content-length")) && !str_to_int(value, &length))
            *why = "OCSP responder sent invalid \"Content-Length\" header";
        else if (str_eq_nocase(name, STR("transfer-encoding")))
            *why = "OCSP responder sent a \"Transfer-Encoding\" in reply to HTTP/1.0";
        else if (str_eq_nocase(name, STR("content-type")) &&
                 !str_starts_nocase(value, STR("application/ocsp-response")))
            *why = "OCSP responder sent invalid \"Content-Type\" header";
    }
    return length;
}

/* Where the body begins; 0: not yet. */
static size_t head_bytes(struct str text)
{
    ssize_t two = str_search(text, STR("\n\r\n")), one = str_search(text, STR("\n\n"));

    if (two >= 0 && (one < 0 || two < one))
        return (size_t)two + 3;
    return one < 0 ? 0 : (size_t)one + 2;
}

struct str ocsp_fetch_body(struct str text, bool ended, const char **why)
{
    size_t bytes = head_bytes(text);
    struct str head = {text.data, bytes}, body = str_from(text, bytes);
    int64_t length;

    *why = NULL;
    if (bytes == 0) {
        if (ended || text.len >= 8192)
            *why = "OCSP responder sent no valid response";
        return STR_NONE;
    }
    if (!is_good_status(next_line(&head))) {
        *why = "OCSP responder sent another status than 200";
        return STR_NONE;
    }
    length = read_fields(head, why);
    if (*why != NULL)
        return STR_NONE;
    if (length > OCSP_ANSWER_MAX)
        *why = "OCSP responder sent a response that is too long";
    else if (ended && (body.len == 0 || (int64_t)body.len < length))
        *why = "OCSP responder prematurely closed connection";
    if (*why != NULL || (length < 0 && !ended) || (int64_t)body.len < length)
        return STR_NONE;
    return length < 0 ? body : (struct str){body.data, (size_t)length};
}

/* The connection ------------------------------------------------------------------------------- */

static void on_event(struct event *ev)
{
    post_now(&CONTAINER(ev, struct fetch_conn, conn.ev)->fetch->post);
}

static void on_timer(struct timer *timer)
{
    struct fetch_conn *c = CONTAINER(timer, struct fetch_conn, conn.timer);

    c->conn.ev.failed = true; /* as if it had been refused */
    post_now(&c->fetch->post);
}

static const struct conn_owner owner = {.name = "ocsp"};

static void drop_conn(struct ocsp_fetch *f)
{
    if (f->conn == NULL)
        return;
    conn_close(&f->conn->conn);
    conn_collect(f->conn, sizeof(*f->conn));
    f->conn = NULL;
}

/* To the next address. False: it cannot be. */
static bool connect_next(struct ocsp_fetch *f)
{
    const struct addr *to = &f->addrs[f->next++];
    int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct fetch_conn *c;

    if (fd < 0 || (connect(fd, &to->sa, to->len) != 0 && errno != EINPROGRESS)) {
        fail(f, errno, "connect() failed");
        if (fd >= 0)
            close(fd);
        return false;
    }
    c = conn_alloc(sizeof(*c));
    c->fetch = f;
    conn_set_peer(&c->conn, to);
    if (conn_open(&c->conn, fd, &conn_plain, &owner, on_event) != RC_OK) {
        close(fd);
        conn_collect(c, sizeof(*c));
        return false;
    }
    c->conn.log = log_of(f);
    c->conn.ev.writable = false; /* not before it is connected */
    c->conn.timer.on_timer = on_timer;
    timer_set(&c->conn.timer, CONNECT_MS);
    f->conn = c;
    return true;
}

/* Steps ---------------------------------------------------------------------------------------- */

static void add_address(struct ocsp_fetch *f, const struct resolved_addr *found)
{
    if (f->count < FETCH_ADDRS)
        resolved_addr(found, f->url.port, &f->addrs[f->count++]);
}

static bool take_addresses(struct ocsp_fetch *f)
{
    if (f->resolve.state == RESOLVE_FOUND)
        for (uint32_t i = 0; i < f->resolve.answer->count; i++)
            add_address(f, &f->resolve.answer->addrs[i]);
    if (f->lookup != NULL)
        for (uint32_t i = 0; i < f->lookup->count; i++)
            add_address(f, &f->lookup->addrs[i]);
    return f->count > 0;
}

static enum fetch_state await_name(struct ocsp_fetch *f)
{
    const char *why = f->lookup != NULL ? f->lookup->fault : NULL;
    char text[160];

    if (f->late)
        return fail(f, ETIMEDOUT, "OCSP responder timed out");
    if (f->count == 0 && (f->resolve.state == RESOLVE_WAITS ||
                          (f->lookup != NULL && !f->lookup->done)))
        return FETCH_NAME;
    if (f->count > 0 || take_addresses(f))
        return FETCH_CONNECT;
    if (f->resolve.state == RESOLVE_FAILED)
        why = resolve_fault_text(f->resolve.fault);
    snprintf(text, sizeof(text), "%.*s could not be resolved (%s)", (int)MIN(f->url.host.len, 100),
             f->url.host.data, why != NULL ? why : "too many questions");
    return fail(f, 0, text);
}

static bool is_connected(const struct conn *c, int *err)
{
    socklen_t len = sizeof(*err);

    return getsockopt(c->ev.fd, SOL_SOCKET, SO_ERROR, err, &len) == 0 && *err == 0 &&
           c->ev.writable && !c->ev.failed;
}

/* The outcome of one address, and on to the next. */
static enum fetch_state await_connection(struct ocsp_fetch *f)
{
    while (true) {
        const struct conn *c = f->conn != NULL ? &f->conn->conn : NULL;
        int err = 0;

        if (c != NULL && !c->ev.failed && !c->ev.hangup && !c->ev.writable && !f->late)
            return FETCH_CONNECT;
        if (c != NULL && is_connected(c, &err))
            return FETCH_SEND;
        if (c != NULL)
            fail(f, err != 0 ? err : ETIMEDOUT, "connect() failed");
        drop_conn(f);
        if (f->next == f->count || f->late)
            return FETCH_FAILED;
        connect_next(f);
    }
}

static enum fetch_state send_request(struct ocsp_fetch *f)
{
    if (f->late)
        return fail(f, ETIMEDOUT, "OCSP responder timed out");
    switch (conn_send(&f->conn->conn, &f->out, SIZE_MAX)) {
    case RC_OK:
        return FETCH_READ;
    case RC_AGAIN:
        return FETCH_SEND;
    case RC_ERROR:
        break;
    }
    return FETCH_FAILED;
}

static enum fetch_state read_response(struct ocsp_fetch *f)
{
    const char *why;
    ssize_t n;

    do {
        if (f->late)
            return fail(f, ETIMEDOUT, "OCSP responder timed out");
        if (buf_room(&f->in) == 0)
            return fail(f, 0, "OCSP responder sent a response that is too long");
        n = conn_recv(&f->conn->conn, f->in.last, buf_room(&f->in));
        if (n == CONN_ERROR)
            return FETCH_FAILED;
        f->in.last += n > 0 ? n : 0;
        f->answer = ocsp_fetch_body(buf_str(&f->in), n == CONN_EOF, &why);
        if (why != NULL)
            return fail(f, 0, why);
        if (f->answer.data != NULL)
            return FETCH_DONE;
    } while (n > 0);
    return FETCH_READ;
}

static enum fetch_state rest(struct ocsp_fetch *f)
{
    return f->state;
}

static void begin_name(struct ocsp_fetch *f)
{
    if (addr_parse_ip(&f->addrs[0], f->url.host)) {
        addr_set_port(&f->addrs[0], f->url.port);
        f->count = 1;
    } else if (f->names->resolver == NULL) {
        f->lookup = system_lookup_start(f->url.host, &f->post);
    } else {
        f->resolve = (struct resolve){.name = f->url.host, .timeout_ms = f->names->timeout_ms,
                                      .kind = RESOLVE_HOST, .done = &f->post};
        resolve_start(f->names->resolver, &f->resolve);
    }
}

static void begin_connect(struct ocsp_fetch *f)
{
    connect_next(f);
}

static void begin_read(struct ocsp_fetch *f)
{
    timer_cancel(&f->conn->conn.timer);
    buf_take(&f->in, OCSP_ANSWER_MAX + 8192);
}

static void finish(struct ocsp_fetch *f)
{
    timer_cancel(&f->timer);
    drop_conn(f);
    post_now(f->done);
}

static const struct {
    const char *name;
    enum fetch_state (*step)(struct ocsp_fetch *f);
    uint32_t leads_to;
    void (*begin)(struct ocsp_fetch *f);
} steps[FETCH_STATES] = {
    [FETCH_IDLE]    = {"idle", rest, BIT(FETCH_NAME), NULL},
    [FETCH_NAME]    = {"name", await_name, BIT(FETCH_CONNECT) | BIT(FETCH_FAILED), begin_name},
    [FETCH_CONNECT] = {"connect", await_connection, BIT(FETCH_SEND) | BIT(FETCH_FAILED),
                       begin_connect},
    [FETCH_SEND]    = {"send", send_request, BIT(FETCH_READ) | BIT(FETCH_FAILED), write_request},
    [FETCH_READ]    = {"read", read_response, BIT(FETCH_DONE) | BIT(FETCH_FAILED), begin_read},
    [FETCH_DONE]    = {"done", rest, 0, finish},
    [FETCH_FAILED]  = {"failed", rest, 0, finish},
};

static void enter(struct ocsp_fetch *f, enum fetch_state next)
{
    must(steps[f->state].leads_to & BIT(next));
    log_debug(&process_log, "ocsp: %s -> %s", steps[f->state].name, steps[next].name);
    f->state = next;
    if (steps[next].begin != NULL)
        steps[next].begin(f);
}

static void run(struct post *post)
{
    struct ocsp_fetch *f = CONTAINER(post, struct ocsp_fetch, post);
    enum fetch_state next;

    while ((next = steps[f->state].step(f)) != f->state)
        enter(f, next);
}

static void on_late(struct timer *timer)
{
    struct ocsp_fetch *f = CONTAINER(timer, struct ocsp_fetch, timer);

    f->late = true;
    post_now(&f->post);
}

void ocsp_fetch_start(struct ocsp_fetch *f)
{
    f->post.run = run;
    f->timer.on_timer = on_late;
    chain_init(&f->out);
    timer_set(&f->timer, WHOLE_MS);
    enter(f, FETCH_NAME);
    post_now(&f->post);
}

void ocsp_fetch_end(struct ocsp_fetch *f)
{
    if (f->state == FETCH_IDLE)
        return;
    timer_cancel(&f->timer);
    post_cancel(&f->post);
    drop_conn(f);
    resolve_end(&f->resolve);
    if (f->lookup != NULL)
        system_lookup_end(f->lookup);
    chain_fini(&f->out);
    buf_give(&f->head);
    buf_give(&f->in);
    f->state = FETCH_IDLE;
}
