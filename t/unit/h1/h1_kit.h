/*
 * t/unit/h1/h1_kit.h - clients on socketpairs, talking to HTTP/1 connections in the test's loop.
 *
 * The clock stands still until kit_pass moves it. A module of the test's own has content handlers
 * (`toy NAME`), and keeps what each request was logged with. KIT_MODULES may name further modules,
 * each with a comma behind it.
 */
#pragma once

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core_conf.h"
#include "common/listen_spec.h"
#include "common/role.h"
#include "t/unit/http/http_kit.h"
#include "t/unit/tap.h"
#include "worker/h1/h1_conn.h"
#include "worker/http/body.h"
#include "worker/http/http_block.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"
#include "worker/http/request_vars.h"
#include "worker/http/rewrite.h"
#include "worker/http/wire.h"

/* Handlers ------------------------------------------------------------------------------------- */

static struct request *parked; /* by `toy park` */
static phase_fn *custom;       /* what `toy custom` does */

/* Answers with the body that was sent. */
static enum verdict toy_echo(struct request *r)
{
    switch (body_read_all(r)) {
    case RC_AGAIN:
        return WAIT_EVENT;
    case RC_ERROR:
        return request_fail(r, r->body->status, NULL);
    case RC_OK:
        break;
    }
    r->out.status = 200;
    r->out.length = body_length(r);
    r->out.body = r->out.length > 0 ? body_source(r) : NULL;
    return ANSWERED;
}

/* Answers with as much, of unknown length. */
static enum verdict toy_chunks(struct request *r)
{
    enum verdict verdict = toy_echo(r);

    if (verdict == ANSWERED && !r->out.is_error_page)
        r->out.length = -1;
    return verdict;
}

static enum verdict toy_park(struct request *r)
{
    if (parked == r) {
        parked = NULL;
        return request_answer(r, 200, STR("text/plain"), STR("parked\n"));
    }
    parked = r;
    return WAIT_EVENT;
}

/* A hint before the answer. */
static enum verdict toy_hint(struct request *r)
{
    struct http_fields *fields = pool_alloc(request_pool(r), sizeof(*fields));

    fields_init(fields, request_pool(r));
    fields_add(fields, STR("Link"), STR("</x>"), FIELD_OTHER);
    r->wire->interim(r, 103, fields);
    return request_answer(r, 200, STR("text/plain"), STR("hinted\n"));
}

static enum verdict toy_custom(struct request *r)
{
    return custom(r);
}

static const struct {
    struct str name;
    phase_fn *handler;
} toys[] = {{STR_INIT("echo"), toy_echo}, {STR_INIT("chunks"), toy_chunks},
            {STR_INIT("park"), toy_park}, {STR_INIT("hint"), toy_hint},
            {STR_INIT("custom"), toy_custom}};

static bool set_toy(struct conf_call *call)
{
    for (size_t i = 0; i < COUNT(toys); i++) {
        if (str_eq(toys[i].name, conf_arg(call, 0)))
            http_block_location(call->scope)->handler = toys[i].handler;
    }
    return true;
}

/* The log -------------------------------------------------------------------------------------- */

static struct logged {
    int status;
    bool complete;
    uint64_t body_sent, head_sent;
} logged[4096];
static uint32_t logged_count;

static enum verdict keep_log(struct request *r)
{
    logged[logged_count++ % COUNT(logged)] =
        (struct logged){r->out.status, !r->send_failed, r->body_sent, r->head_sent};
    return GO_ON;
}

static const struct directive toy_rows[] = {
    {.name = "toy", .where = IN_LOCATION, .args = "name", .apply = set_toy, .doc = "Answers."},
};
static const struct module toy_module = {
    .name = "toy", .family = FAMILY_HTTP, .directives = TABLE(toy_rows),
};
static const struct module toy_log_module = {
    .name = "toy_log", .family = FAMILY_HTTP, .phase = PHASE_LOG, .handler = keep_log,
};

const struct module *const modules[] = {
    &core_module, &http_core_module, &http_variables_module, &server_rewrite_module,
    &rewrite_module, &toy_module, &toy_log_module,
#ifdef KIT_MODULES
    KIT_MODULES
#endif
    &http_block_module, NULL,
};
const struct role *const roles[] = {NULL};

/* Time and turns ------------------------------------------------------------------------------- */

static int64_t kit_now = 1000000;

static inline void kit_turns(int count)
{
    for (int i = 0; i < count; i++)
        loop_turn(loop, 0);
}

static inline void kit_pass(int64_t ms)
{
    kit_now += ms;
    clock_fake(kit_now, 1700000000000 + kit_now);
    kit_turns(4);
}

static inline struct kit *h1_kit(const char *config)
{
    struct kit *kit;

    clock_fake(kit_now, 1700000000000 + kit_now);
    kit = kit_load(config);
    must(kit != NULL);
    return kit;
}

/* Everything has been given back. */
static inline void h1_kit_end(struct kit *kit)
{
    kit_turns(4);
    is_int(conn_stats.open, 0, "no connection is left");
    is_int(conn_stats.reading + conn_stats.writing, 0, "and none is counted");
    kit_free(kit);
}

/* Clients -------------------------------------------------------------------------------------- */

static inline int client_open(const struct kit *kit)
{
    struct addr peer;
    const char *why;
    int fds[2];

    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    must(addr_parse(&peer, STR("192.0.2.1:1234"), 80, &why));
    h1_conn_open(fds[0], &peer, kit_address(kit)->spec);
    kit_turns(2);
    return fds[1];
}

static inline void client_send(int fd, struct str text)
{
    while (text.len > 0) {
        ssize_t n = send(fd, text.data, text.len, MSG_NOSIGNAL);

        if (n > 0)
            text = str_from(text, (size_t)n);
        else
            must(errno == EAGAIN || errno == EPIPE);
        if (n < 0 && errno == EPIPE)
            return;
        kit_turns(1);
    }
    kit_turns(4);
}

static inline void client_say(int fd, const char *text)
{
    client_send(fd, str_of(text));
}

/* What came since the last call; *ended: the server closed. In memory that is used anew. */
static inline struct str client_hear(int fd, bool *ended)
{
    static char text[4 << 20];
    size_t len = 0;
    ssize_t n;

    for (;;) {
        n = read(fd, text + len, sizeof(text) - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        kit_turns(1);
    }
    if (ended != NULL)
        *ended = n == 0 || errno == ECONNRESET;
    text[len] = '\0';
    return (struct str){text, len};
}

/* How often `what` occurs. */
static inline int occurrences(struct str in, const char *what)
{
    int count = 0;

    for (ssize_t at; (at = str_search(in, str_of(what))) >= 0; count++)
        in = str_from(in, (size_t)at + strlen(what));
    return count;
}

static inline bool client_closed(int fd)
{
    bool ended;

    client_hear(fd, &ended);
    return ended;
}
