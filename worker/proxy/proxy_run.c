/*
 * worker/proxy/proxy_run.c - the machine that takes a request to an origin and brings the answer.
 *
 * It runs when the engine calls the content handler, and when its post is run: the exchange, the
 * dial or a body had news. What it has to say to the engine is a verdict; when that comes later the
 * request is resumed and the handler asked again.
 */
#include "worker/proxy/proxy_run.h"

#include <errno.h>

#include "common/clock.h"
#include "worker/codec/escape.h"
#include "worker/codec/uri.h"
#include "worker/http/body.h"
#include "worker/http/error_page.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"
#include "worker/http/wire.h"
#include "worker/proxy/origin_lookup.h"
#include "worker/proxy/proxy_way.h"
#include "worker/proxy/store.h"
#include "worker/proxy/tunnel.h"
#include "worker/proxy/upstream_vars.h"
#include "worker/upstream/sticky.h"

#define SPARE      64
#define PASSED_MOST 10
#define READS_MOST 32 /* of a head, at once; then others have a turn */

/* Memory --------------------------------------------------------------------------------------- */

static struct proxy_run *spare[SPARE];
static uint32_t spare_count;

/* Zeroed as far as its struct says. */
static struct proxy_run *run_take(void)
{
    struct proxy_run *run;

    if (spare_count == 0)
        return conn_alloc(sizeof(*run));
    run = spare[--spare_count];
    memset(run, 0, offsetof(struct proxy_run, out));
    return run;
}

static void run_give(struct proxy_run *run)
{
    if (spare_count < SPARE)
        spare[spare_count++] = run;
    else
        conn_collect(run, sizeof(*run));
}

/* What belongs to the way there and back; the answer's bytes stay. */
static void let_go(struct proxy_run *run)
{
    proxy_send_end(run);
    if (run->store != NULL)
        store_end(run, false);
    if (run->lookup != NULL)
        resolve_end(run->lookup);
    run->lookup = NULL;
    if (run->dial.state != DIAL_IDLE)
        dial_cancel(&run->dial);
    timer_cancel(&run->total);
    run->x = NULL;
}

void proxy_run_release(struct proxy_run *run)
{
    struct request *r = run->r;

    *run->slot = NULL;
    if (r->upstreams->run == run)
        r->upstreams->run = NULL;
    if (r->client_gone_arg == run)
        r->client_gone = NULL;
    let_go(run);
    relay_fini(run);
    post_cancel(&run->post);
    chain_fini(&run->out);
    chain_fini(&run->early);
    buf_give(&run->head);
    run_give(run);
}

static void destroy(void *arg)
{
    struct proxy_run **slot = arg;

    if (*slot != NULL)
        proxy_run_release(*slot);
}

/* The log -------------------------------------------------------------------------------------- */

static size_t describe(const struct request *r, char *out, size_t room)
{
    const struct proxy_run *run = r->upstreams->run;

    return run == NULL ? 0 : proxy_log_describe(run->target, &run->dial, run->uri, out, room);
}

/* Outcomes ------------------------------------------------------------------------------------- */

static enum run_state fail(struct proxy_run *run, int status, const char *why)
{
    run->status = (uint16_t)status;
    run->why = why;
    return RUN_FAIL;
}

static const char *lack_reason(const struct dial *d)
{
    if (d->refused)
        return "upstream.breaker";
    switch (d->lack) {
    case LACK_ROOM:
        return "upstream.queue_full";
    case LACK_TIME:
        return "upstream.queue_timeout";
    case LACK_LIVE:
        break;
    }
    return group_is_empty(d->group) ? "upstream.unresolved" : "upstream.none_live";
}

static enum run_state dial_failed(struct proxy_run *run)
{
    switch (run->dial.fault) {
    case DIAL_TIMEOUT:
        return fail(run, 504, "upstream.connect_timeout");
    case DIAL_NO_PEER:
        return fail(run, 502, lack_reason(&run->dial));
    case DIAL_DENIED:
        return fail(run, 403, "upstream.denied");
    case DIAL_UNFIT:
        return fail(run, 500, "upstream.certificate");
    case DIAL_LOCAL:
        return fail(run, 500, "upstream.local");
    default:
        return fail(run, 502, "upstream.connect");
    }
}

static enum run_state dialled(struct proxy_run *run)
{
    switch (run->dial.state) {
    case DIAL_READY:
        return RUN_TALK;
    case DIAL_FAIL:
        return dial_failed(run);
    default:
        return RUN_DIAL;
    }
}

/* As far as both the client and the origin know it. */
static bool is_idempotent(const struct proxy_run *run)
{
    return method_is_idempotent(run->method) && method_is_idempotent(run->r->method);
}

/* May the request be sent once more, as far as it and its body are concerned? */
static bool may_repeat(const struct proxy_run *run)
{
    if (run->kept_short)
        return false;
    return !run->sent_any || is_idempotent(run) ||
           (run->conf->next & NEXT_NON_IDEMPOTENT) != 0;
}

static bool may_go_on(struct proxy_run *run, enum dial_fault cause)
{
    return may_repeat(run) && dial_may_retry(&run->dial, cause);
}

static enum run_state try_next(struct proxy_run *run, enum dial_fault fault, bool counts)
{
    proxy_send_rewind(run);
    run->x = NULL;
    proxy_log_doing(run, "connecting to upstream");
    dial_next(&run->dial, fault, counts);
    return RUN_DIAL;
}

/* An idle connection that its origin was about to close: not the origin's failure. */
static bool was_stale(const struct proxy_run *run)
{
    return run->dial.reused && !run->again && run->dial.try->bytes_received == 0 &&
           !run->kept_short && (!run->sent_any || is_idempotent(run));
}

/* With the same peer, over another connection. */
static enum run_state once_more(struct proxy_run *run)
{
    proxy_send_rewind(run);
    run->x = NULL;
    dial_again(&run->dial);
    return RUN_DIAL;
}

/* The try failed before an answer. */
static enum run_state try_failed(struct proxy_run *run, enum dial_fault cause, int status,
                                 const char *why)
{
    struct dial *d = &run->dial;

    d->try->status = (uint16_t)status;
    if (cause == DIAL_ERROR && was_stale(run)) {
        run->again = true;
        return once_more(run);
    }
    if (may_go_on(run, cause))
        return try_next(run, cause, true);
    proxy_send_end(run);
    run->x = NULL;
    d->try->fault = (uint16_t)cause;
    dial_end(d, PEER_FAILED, false);
    return fail(run, status, why);
}

/* The client's body ---------------------------------------------------------------------------- */

static bool wants_stream(const struct proxy_run *run)
{
    const struct request *r = run->r;
    const struct origin_conf *conf = run->conf;

    return !conf->request_buffering && conf->pass_body && conf->set_body == NULL &&
           r->body != NULL && r == r->main && !r->body->complete &&
           (!r->chunked || conf->open_ended);
}

static enum run_state body_read(const struct proxy_run *run)
{
    return likely(run->target->group != NULL) ? RUN_DIAL : RUN_LOOK_UP;
}

static enum run_state read_body(struct proxy_run *run)
{
    struct request *r = run->r;

    run->streaming = wants_stream(run);
    if (run->streaming)
        return proxy_send_peek(run) == RC_OK ? body_read(run)
                                             : fail(run, r->body->status, body_fail_reason(r));
    if (r != r->main)
        return body_read(run);
    switch (body_read_all(r)) {
    case RC_OK:
        return body_read(run);
    case RC_AGAIN:
        return RUN_BODY;
    case RC_ERROR:
        break;
    }
    return fail(run, r->body->status, body_fail_reason(r));
}

/* The way there -------------------------------------------------------------------------------- */

static enum run_state look_up(struct proxy_run *run)
{
    const struct proxy_pass *found;

    if (run->lookup == NULL)
        run->lookup = origin_ask(run->r, run->target, &run->post);
    if (run->lookup->state == RESOLVE_WAITS)
        return RUN_LOOK_UP;
    found = origin_found(run->r, run->target, run->lookup);
    if (found == NULL)
        return fail(run, 502, "upstream.unresolved");
    run->target = upstream_summary_get(run->r)->target = found;
    return RUN_DIAL;
}

static void on_try(struct dial *d)
{
    struct proxy_run *run = CONTAINER(d, struct proxy_run, dial);
    struct upstream_summary *summary = upstream_summary_get(run->r);

    if (summary->tries == NULL)
        summary->tries = d->tries;
    if (unlikely(d->secure != NULL)) { /* what is asked may tell of the peer */
        if (run->conf->tls.name != NULL)
            d->name = scope_eval(&run->r->scope, run->conf->tls.name);
        d->shown = origin_tls_choose(run->r, &run->conf->tls);
    }
    run->r->log.doing = "connecting to upstream";
    record(run->r, "upstream", "%" STR_FMT, STR_ARG(d->try->addr));
}

/* Tries of an earlier run are followed by a mark and ours. */
static void append_tries(struct proxy_run *run)
{
    struct dial_try *last = upstream_summary_get(run->r)->tries, *mark;

    if (last == NULL)
        return;
    while (last->next != NULL)
        last = last->next;
    mark = pool_zalloc(request_pool(run->r), sizeof(*mark));
    last->next = mark;
    run->dial.tries = mark;
}

static void secure(struct proxy_run *run)
{
    const struct origin_tls *tls = &run->conf->tls;

    run->dial.secure = &tls->secure;
    run->dial.name = tls->name != NULL ? scope_eval(&run->r->scope, tls->name) : run->target->host;
}

static void on_total(struct timer *timer)
{
    struct proxy_run *run = CONTAINER(timer, struct proxy_run, total);

    run->late = true;
    post_now(&run->post);
}

/* By the configuration or by the client itself, whichever is shorter. */
static void bound_all(struct proxy_run *run)
{
    int64_t ms = run->conf->total_timeout_ms;

    if (ms == 0 || (run->client_ms > 0 && run->client_ms < ms))
        ms = run->client_ms;
    if (ms == 0)
        return;
    run->total.on_timer = on_total;
    timer_set(&run->total, ms);
}

static enum run_state go_there(struct proxy_run *run)
{
    struct dial *d = &run->dial;

    if (d->state != DIAL_IDLE || run->begun)
        return dialled(run);
    run->begun = true;
    run->method = run->r->method;
    if (!run->codec->write_head(run))
        return fail(run, 500, "upstream.request");
    d->group = run->target->group;
    proxy_way_prepare(run);
    d->log = &run->r->log;
    d->pool = request_pool(run->r);
    d->scope = &run->r->scope;
    if (run->target->tls)
        secure(run);
    d->done = &run->post;
    d->on_try = on_try;
    dial_init(d);
    bound_all(run);
    append_tries(run);
    dial_start(d);
    return dialled(run);
}

/* Talking -------------------------------------------------------------------------------------- */

/* A new exchange: everything from the start. */
static void begin_talk(struct proxy_run *run)
{
    run->x = run->dial.exchange;
    run->codec->reset(run);
    proxy_send_begin(run);
    proxy_log_doing(run, "sending request to upstream");
    if (run->dial.reused && !run->again && is_idempotent(run) && !run->streaming)
        run->x->conn.log.level = LOG_CRIT; /* that it is dead is no news: another will do */
}

static enum run_state sending_failed(struct proxy_run *run)
{
    const struct request_body *body = run->r->body;

    if (!run->send_broken && body != NULL && body->failed)
        return fail(run, body->status, body_fail_reason(run->r));
    return RUN_TALK;
}

static enum run_state timed_out(struct proxy_run *run)
{
    run->x->timed_out = false;
    log_error(&run->r->log, LOG_ERROR, ETIMEDOUT, "upstream timed out");
    return try_failed(run, DIAL_TIMEOUT, 504, "upstream.timeout");
}

static enum run_state no_answer(struct proxy_run *run, ssize_t n)
{
    if (n == CONN_EOF && !was_stale(run))
        log_error(&run->r->log, LOG_ERROR, 0, "upstream prematurely closed connection");
    return try_failed(run, DIAL_ERROR, 502, "upstream.closed");
}

static void note_head(struct proxy_run *run)
{
    struct upstream_summary *summary = upstream_summary_get(run->r);

    run->dial.try->status = run->answer.status;
    run->dial.try->head_ms = clock_mono_ms;
    summary->fields = &run->answer.fields;
    summary->trailers = run->trailers;
}

/* X-Accel-Buffering, X-Accel-Limit-Rate and X-Accel-Charset, unless ignored. */
static void take_orders(struct proxy_run *run)
{
    struct str buffering =
        proxy_response_control(run, FIELD_X_ACCEL_BUFFERING, IGNORE_ACCEL_BUFFERING);
    struct str rate =
        proxy_response_control(run, FIELD_X_ACCEL_LIMIT_RATE, IGNORE_ACCEL_LIMIT_RATE);
    int64_t bytes;

    run->r->out.override_charset =
        proxy_response_control(run, FIELD_X_ACCEL_CHARSET, IGNORE_ACCEL_CHARSET);
    if (buffering.len > 0)
        run->relay.buffering = str_eq_nocase(buffering, STR("yes"));
    if (rate.len > 0 && str_to_int(rate, &bytes))
        run->r->limit_rate = bytes;
}

static bool is_intercepted(const struct proxy_run *run)
{
    if (run->codec->own_404 && run->answer.status == 404)
        return true;
    return run->answer.status >= 300 && run->conf->intercept_errors &&
           error_page_exists(run->r, run->answer.status);
}

/* X-Accel-Redirect, unless ignored. One that is empty leads nowhere. */
static bool is_sent_elsewhere(struct proxy_run *run)
{
    run->redirect = proxy_response_control(run, FIELD_X_ACCEL_REDIRECT, IGNORE_ACCEL_REDIRECT);
    return run->redirect.data != NULL && !is_intercepted(run);
}

static enum run_state head_done(struct proxy_run *run)
{
    enum dial_fault cause = dial_fault_of(run->answer.status);
    bool counts = cause != DIAL_403 && cause != DIAL_404, elsewhere;

    note_head(run);
    dial_answered(&run->dial);
    if (cause != DIAL_NO_FAULT && may_go_on(run, cause))
        return try_next(run, cause, counts);
    if (unlikely(run->dial.group->sticky != NULL))
        sticky_learn(&run->dial, false);
    proxy_log_doing(run, "reading upstream");
    take_orders(run);
    if (run->answer.status == 101)
        return RUN_ANSWER;
    elsewhere = is_sent_elsewhere(run);
    if (!elsewhere)
        store_begin(run);
    relay_begin(run);
    return elsewhere ? RUN_LEAVE : RUN_ANSWER;
}

/* The origin did nothing with it (RFC 9113, 8.7): whatever it asks for, it may be asked again. */
static enum run_state refused(struct proxy_run *run)
{
    log_error(&run->r->log, LOG_ERROR, 0, "upstream refused the stream");
    run->sent_any = false;
    if (run->again || !may_repeat(run))
        return try_failed(run, DIAL_ERROR, 502, "upstream.closed");
    run->again = true;
    return once_more(run);
}

/* Where many requests share a connection, its end passes many of them over; and so may the next. */
static enum run_state passed_over(struct proxy_run *run)
{
    run->sent_any = false;
    if (run->passed == PASSED_MOST || !may_repeat(run))
        return refused(run);
    run->passed++;
    return once_more(run);
}

static enum run_state head_read(struct proxy_run *run, enum head_result result)
{
    switch (result) {
    case HEAD_DONE:
        return head_done(run);
    case HEAD_TOO_BIG:
        return try_failed(run, DIAL_INVALID, 502, "upstream.head_too_big");
    case HEAD_BAD:
        return try_failed(run, DIAL_INVALID, 502, "upstream.head_invalid");
    case HEAD_UNASKED:
        return try_failed(run, DIAL_INVALID, 502, "upstream.switched");
    case HEAD_REFUSED:
        return refused(run);
    case HEAD_PASSED:
        return passed_over(run);
    case HEAD_RESET:
        run->again = true; /* no dead connection: it was asked */
        return try_failed(run, DIAL_ERROR, 502, "upstream.closed");
    case HEAD_LOST:
        return no_answer(run, CONN_EOF);
    case HEAD_MORE:
        break;
    }
    return RUN_TALK;
}

/* Heads that do not come as bytes. */
static enum run_state look_for_head(struct proxy_run *run)
{
    enum head_result result;

    run->x->conn.log.level = run->r->log.level;
    run->x->conn.ev.readable = false;
    result = run->codec->read_head(run);
    run->x->conn.ev.readable = result != HEAD_MORE;
    return head_read(run, result);
}

static enum run_state read_answer(struct proxy_run *run)
{
    if (run->codec->streams)
        return look_for_head(run);
    for (int reads = 0; reads < READS_MOST; reads++) {
        enum head_result result;
        ssize_t n = relay_read_head(run);

        if (n == CONN_AGAIN)
            return RUN_TALK;
        if (n <= 0)
            return no_answer(run, n);
        run->x->conn.log.level = run->r->log.level;
        result = run->codec->read_head(run);
        if (result != HEAD_MORE)
            return head_read(run, result);
        if (!run->x->conn.ev.readable)
            return RUN_TALK;
    }
    post_turn_end(&run->post);
    return RUN_TALK;
}

/* ..._try_timeout: what is left of a try's time, and no more than `ms`. A body that comes from the
   client at its own pace is not held against the origin: then the time counts from its end. */
static int64_t bounded(struct proxy_run *run, int64_t ms)
{
    int64_t limit_ms = run->conf->dial.try_timeout_ms, from_ms = run->dial.try->started_ms;

    if (likely(limit_ms == 0) || (run->streaming && !run->sent_all))
        return ms;
    if (run->streaming && run->whole_ms == 0)
        run->whole_ms = clock_mono_ms;
    if (run->streaming)
        from_ms = run->whole_ms;
    return MIN(ms, MAX(from_ms + limit_ms - clock_mono_ms, 0));
}

/* What bounds the wait: the origin's taking, the origin's answer, or nothing of ours while the
   client's body is awaited. */
static void arm(struct proxy_run *run)
{
    struct timer *timer = &run->x->conn.timer;

    if (run->sent_all || run->send_broken)
        timer_set(timer, bounded(run, run->conf->read_timeout_ms));
    else if (!chain_empty(&run->out))
        timer_set(timer, bounded(run, run->conf->send_timeout_ms));
    else
        timer_cancel(timer);
}

/* All that is to be known of a tunnel's other end. */
static enum run_state connected(struct proxy_run *run)
{
    run->x = run->dial.exchange;
    run->sent_all = true;
    run->dial.try->head_ms = clock_mono_ms;
    run->answer.status = 200;
    return RUN_ANSWER;
}

static enum run_state talk(struct proxy_run *run)
{
    enum run_state next;

    if (unlikely(run->codec->raw))
        return connected(run);
    if (run->x == NULL)
        begin_talk(run);
    if (run->x->timed_out)
        return timed_out(run);
    if (!run->sent_all && !run->send_broken) {
        switch (proxy_send(run)) {
        case RC_OK:
            proxy_log_doing(run, "reading response header from upstream");
            break;
        case RC_AGAIN:
            break;
        case RC_ERROR:
            next = sending_failed(run);
            if (next != RUN_TALK)
                return next;
            run->x->conn.ev.readable = true; /* it may have said why */
            break;
        }
    }
    if (run->x->conn.ev.readable) {
        next = read_answer(run);
        if (next != RUN_TALK || run->x == NULL)
            return next;
    }
    arm(run);
    return RUN_TALK;
}

/* The answer ----------------------------------------------------------------------------------- */

/* The rest of the request goes out while the answer comes in. */
static void send_more(struct proxy_run *run)
{
    if (run->x != NULL && !run->sent_all && !run->send_broken && proxy_send(run) == RC_ERROR)
        run->send_broken = true;
}

static enum run_state answer(struct proxy_run *run)
{
    if (run->answer.status != 101)
        send_more(run);
    if (run->relay.open)
        relay_news(run);
    return RUN_ANSWER;
}

/* ..._total_timeout. It is the fault of the one origin that was asked; of several, nobody's. */
static enum run_state total_over(struct proxy_run *run)
{
    struct dial *d = &run->dial;
    bool alone = d->retries == 0 && run->client_ms == 0;

    run->late = false;
    if (run->state == RUN_ANSWER) {
        relay_cut(run);
        return RUN_ANSWER;
    }
    log_error(&run->r->log, LOG_ERROR, ETIMEDOUT, "the time for all of a request is over");
    if (d->try != NULL && d->try->ended_ms < 0) {
        d->try->status = 504;
        d->try->fault = DIAL_TIMEOUT;
    }
    proxy_send_end(run);
    run->x = NULL;
    if (d->state == DIAL_READY)
        dial_end(d, alone ? PEER_FAILED : PEER_UNJUDGED, false);
    return fail(run, 504, "upstream.total_timeout");
}

static enum run_state rest(struct proxy_run *run)
{
    return run->state;
}

/* The machine ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum run_state (*step)(struct proxy_run *run);
    uint32_t leads_to;
} steps[RUN_STATES] = {
    [RUN_BODY]   = {"body", read_body, BIT(RUN_LOOK_UP) | BIT(RUN_DIAL) | BIT(RUN_FAIL)},
    [RUN_LOOK_UP] = {"look up", look_up, BIT(RUN_DIAL) | BIT(RUN_FAIL)},
    [RUN_DIAL]   = {"dial", go_there, BIT(RUN_TALK) | BIT(RUN_FAIL)},
    [RUN_TALK]   = {"talk", talk,
                    BIT(RUN_DIAL) | BIT(RUN_ANSWER) | BIT(RUN_FAIL) | BIT(RUN_LEAVE)},
    [RUN_ANSWER] = {"answer", answer, 0},
    [RUN_FAIL]   = {"fail", rest, 0},
    [RUN_LEAVE]  = {"leave", rest, 0},
};

static bool has_verdict(const struct proxy_run *run)
{
    return run->state == RUN_ANSWER || run->state == RUN_FAIL || run->state == RUN_LEAVE;
}

static enum run_state step(struct proxy_run *run)
{
    if (unlikely(run->late) && run->state != RUN_FAIL && run->state != RUN_LEAVE)
        return total_over(run);
    return steps[run->state].step(run);
}

static void go(struct proxy_run *run)
{
    enum run_state next;

    must(!run->running);
    run->running = true;
    while ((next = step(run)) != run->state) {
        must(steps[run->state].leads_to & BIT(next));
        log_debug(&run->r->log, "proxy: %s -> %s", steps[run->state].name, steps[next].name);
        run->state = next;
    }
    run->running = false;
}

static void on_post(struct post *post)
{
    struct proxy_run *run = CONTAINER(post, struct proxy_run, post);

    if (run->ended)
        return;
    go(run);
    if (has_verdict(run) && !run->r->answered)
        request_resume(run->r);
}

/* The client hung up: its machine ends the request, and the pool's cleanup does the rest. */
static void client_gone(struct request *r, void *arg)
{
    log_error(&r->log, LOG_INFO, 0,
              "epoll_wait() reported that client prematurely closed connection, so upstream "
              "connection is closed too");
    r->client_left = true;
}

/* Verdicts ------------------------------------------------------------------------------------- */

static enum verdict conclude_failure(struct proxy_run *run)
{
    let_go(run);
    run->ended = true;
    run->r->client_gone = NULL;
    return request_fail(run->r, run->status, run->why);
}

/* Another answer takes the place of this one, of whose body nothing is passed on. */
static void pass_over(struct proxy_run *run)
{
    let_go(run);
    run->dial.try->body_bytes = 0;
    run->ended = true;
    run->r->client_gone = NULL;
}

/* Fields that the place behind X-Accel-Redirect does not say itself. */
static void keep_fields(struct proxy_run *run)
{
    proxy_response_bind(run);
    EACH_FIELD (f, &run->answer.fields) {
        switch (f->id) {
        case FIELD_SET_COOKIE:
        case FIELD_CONTENT_DISPOSITION:
        case FIELD_CACHE_CONTROL:
        case FIELD_EXPIRES:
        case FIELD_ACCEPT_RANGES:
            if (!name_set_has(run->conf->hidden, f->name, f->id))
                request_add_field(run->r, f->name, f->value, (enum field_id)f->id);
            break;
        case FIELD_CONTENT_TYPE:
            upstream_summary_get(run->r)->accel_type = f->value;
            break;
        default:
            break;
        }
    }
}

static enum verdict go_elsewhere(struct proxy_run *run)
{
    struct request *r = run->r;
    struct str uri = run->redirect, args = STR_NONE;
    ssize_t mark;

    pass_over(run);
    keep_fields(run);
    if (str_starts(uri, STR("@")))
        return request_go_named(r, uri);
    if (r->method != METHOD_HEAD) {
        r->method = METHOD_GET;
        r->method_text = STR("GET");
    }
    mark = str_find(uri, '?');
    if (mark >= 0) {
        args = str_from(uri, (size_t)mark + 1);
        uri.len = (size_t)mark;
    }
    uri = unescape(request_pool(r), uri, UNESCAPE_ALL);
    if (uri.len == 0 || uri.data[0] != '/' || !uri_is_safe(uri)) {
        log_error(&r->log, LOG_ERROR, 0, "unsafe URI \"%" STR_FMT "\" was detected", STR_ARG(uri));
        return request_fail(r, 404, "upstream.redirect_unsafe");
    }
    return request_go_to(r, uri, args);
}

static enum verdict conclude_intercept(struct proxy_run *run)
{
    pass_over(run);
    request_fail(run->r, run->answer.status, "upstream.status");
    if (run->answer.status != 401)
        return ANSWERED;
    EACH_FIELD (f, &run->answer.fields)
        if (f->id == FIELD_WWW_AUTHENTICATE)
            request_add_field(run->r, f->name, f->value, FIELD_WWW_AUTHENTICATE);
    return ANSWERED;
}

static enum verdict conclude_answer(struct proxy_run *run)
{
    struct request *r = run->r;

    if (run->codec->raw || run->answer.status == 101) {
        timer_cancel(&run->total);
        return tunnel_answer(run);
    }
    if (is_intercepted(run))
        return conclude_intercept(run);
    proxy_response_fill(run);
    r->log.doing = NULL;
    return ANSWERED;
}

static enum verdict verdict_of(struct proxy_run *run)
{
    switch (run->state) {
    case RUN_ANSWER:
        return conclude_answer(run);
    case RUN_FAIL:
        return conclude_failure(run);
    case RUN_LEAVE:
        return go_elsewhere(run);
    default:
        return WAIT_EVENT;
    }
}

static void begin(struct proxy_run **slot, struct request *r, const struct proxy_codec *codec,
                  const struct proxy_pass *target)
{
    struct proxy_run *run = *slot = run_take();
    struct upstream_summary *summary = upstream_summary_get(r);

    run->r = r;
    run->slot = slot;
    run->conf = r->scope.conf[*codec->index];
    run->http = codec->http ? r->scope.conf[*codec->index] : NULL;
    run->codec = codec;
    run->target = target;
    run->state = RUN_BODY;
    run->post.run = on_post;
    chain_init(&run->out);
    chain_init(&run->early);
    relay_init(run);
    pool_on_destroy(request_pool(r), destroy, slot);
    summary->run = run;
    summary->target = target;
    summary->http = codec->http;
    r->describe_upstream = describe;
    if (!run->conf->ignore_client_abort) {
        r->client_gone = client_gone;
        r->client_gone_arg = run;
    }
}

/* The engine's dry run: an origin is assumed that answers 200. */
static enum verdict assume(struct request *r, const struct proxy_pass *target)
{
    record(r, "upstream", "%" STR_FMT "%" STR_FMT " (assumed to answer 200)",
           STR_ARG(target->scheme), STR_ARG(target->host));
    return request_answer(r, 200, STR("text/plain"), STR(""));
}

struct proxy_ctx {
    struct proxy_run *run;
};

enum verdict proxy_run_request(struct request *r, const struct proxy_codec *codec)
{
    struct proxy_ctx *ctx = request_ctx(r, proxy_index, sizeof(*ctx));
    const struct origin_conf *conf = r->scope.conf[*codec->index];
    const struct proxy_pass *target;
    int status;

    if (ctx->run == NULL) {
        target = codec->target(r, conf->pass, &status);
        if (target == NULL)
            return request_fail(r, status, "upstream.unresolved");
        if (r->ops->dry)
            return assume(r, target);
        begin(&ctx->run, r, codec, target);
    }
    go(ctx->run);
    return verdict_of(ctx->run);
}
