/*
 * worker/http/phase.c - the engine that takes a request through its phases.
 *
 * Waiting is WAIT_EVENT from a handler: the engine returns and is posted again by request_resume;
 * it then calls the same handler once more. Each phase is a function that says what comes next.
 */
#include "worker/http/phase.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/generation.h"
#include "worker/http/body.h"
#include "worker/http/error_page.h"
#include "worker/http/file_path.h"
#include "worker/http/http_core.h"
#include "worker/http/output.h"
#include "worker/http/server.h"
#include "worker/http/wire.h"

#define HANDLERS_MAX 48

static struct {
    phase_fn *handlers[HANDLERS_MAX];
    uint32_t count;
} phases[PHASES];

static uint8_t following[PHASES]; /* the next phase that has something to do */

bool phase_needs(const struct generation *gen, const struct module *m)
{
    for (uint32_t i = 0; m->idle_without != NULL; i++)
        if (modules[i] == m->idle_without)
            return gen->named[i];
    return true;
}

static bool is_of_engine(int phase)
{
    return phase == PHASE_FIND_LOCATION || phase == PHASE_POST_REWRITE ||
           phase == PHASE_POST_ACCESS || phase == PHASE_CONTENT;
}

void phase_collect(const struct generation *gen)
{
    for (int phase = 0; phase < PHASES; phase++)
        phases[phase].count = 0;
    for (const struct module *const *m = modules; *m != NULL; m++) {
        if ((*m)->handler == NULL || (*m)->family != FAMILY_HTTP || !phase_needs(gen, *m))
            continue;
        must(phases[(*m)->phase].count < HANDLERS_MAX);
        phases[(*m)->phase].handlers[phases[(*m)->phase].count++] = (*m)->handler;
    }
    output_collect(gen);
    for (int phase = PHASES - 1, next = PHASE_CONTENT; phase >= 0; phase--) {
        following[phase] = (uint8_t)next;
        if (phase != PHASE_LOG && (phases[phase].count > 0 || is_of_engine(phase)))
            next = phase;
    }
}

void phase_record(struct request *r, const char *what, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    r->recorder->note(r->recorder, r, what, text);
}

static void log_phase(struct request *r)
{
    for (uint32_t i = 0; i < phases[PHASE_LOG].count; i++)
        phases[PHASE_LOG].handlers[i](r);
}

static void respond_live(struct request *r)
{
    r->wire->respond(r);
}

const struct phase_ops phase_ops_live = {.dry = false, .respond = respond_live, .log = log_phase};

/* What a step of the engine says. */
enum next { NEXT_HANDLER, NEXT_PHASE, SAME_PHASE, PAUSE, ANSWER };

static enum next to_next(struct request *r, enum verdict verdict)
{
    switch (verdict) {
    case GO_ON:
    case ALLOW:
        return NEXT_HANDLER;
    case WAIT_EVENT:
        return PAUSE;
    case ANSWERED:
        return ANSWER;
    case REROUTE: /* the phase was set by request_go_to and its like */
        return SAME_PHASE;
    }
    return ANSWER;
}

static enum next run_list(struct request *r)
{
    uint8_t phase = r->phase;

    for (; r->handler_at < phases[phase].count; r->handler_at++) {
        enum verdict verdict = phases[phase].handlers[r->handler_at](r);

        if (verdict != GO_ON && verdict != ALLOW)
            return to_next(r, verdict);
    }
    return NEXT_PHASE;
}

static enum next location_is_set(struct request *r)
{
    struct location *location = r->location;

    if (location->internal && !r->internal) {
        request_fail(r, 404, "location.internal");
        return ANSWER;
    }
    if (r->body != NULL && r->main == r && body_check_limit(r) != RC_OK) {
        request_fail(r, 413, "body.too_large");
        return ANSWER;
    }
    return NEXT_PHASE;
}

static enum next add_slash(struct request *r)
{
    struct str to = pool_printf(request_pool(r), "%" STR_FMT "/%s%" STR_FMT, STR_ARG(r->uri),
                                r->args.len > 0 ? "?" : "", STR_ARG(r->args));

    record(r, "location", "redirect to \"%" STR_FMT "\"", STR_ARG(to));
    request_redirect_to(r, 301, to);
    return ANSWER;
}

static enum next find_location(struct request *r)
{
    struct location *location = &r->server->base;

    r->uri_changed = r->rewritten_inside = false;
    if (location_find(r, r->server->locations, &location) == LOCATION_ADD_SLASH)
        return add_slash(r);
    request_enter(r, location);
    record(r, "location", "\"%" STR_FMT "\"", STR_ARG(location->name));
    return location_is_set(r);
}

static enum next post_rewrite(struct request *r)
{
    if (!r->uri_changed)
        return NEXT_PHASE;
    if (--r->uri_changes == 0) {
        log_error(&r->log, LOG_ERROR, 0,
                  "rewrite or internal redirection cycle while processing \"%" STR_FMT "\"",
                  STR_ARG(r->uri));
        request_fail(r, 500, "rewrite.cycle");
        return ANSWER;
    }
    r->phase = PHASE_FIND_LOCATION;
    r->handler_at = 0;
    return SAME_PHASE;
}

/* auth_delay: a 401 waits, so that guessing passwords takes time. */
struct delay {
    struct timer timer;
    struct request *request;
};

static void on_delay(struct timer *timer)
{
    request_resume(CONTAINER(timer, struct delay, timer)->request);
}

static void cancel_delay(void *arg)
{
    timer_cancel(&((struct delay *)arg)->timer);
}

static enum next refuse(struct request *r)
{
    int64_t ms = HTTP_CORE(r)->auth_delay_ms;
    struct delay *delay;

    if (r->out.status != 401 || ms == 0 || r->ops->dry)
        return ANSWER;
    log_error(&r->log, LOG_INFO, 0, "delaying unauthorized request");
    delay = pool_zalloc(request_pool(r), sizeof(*delay));
    delay->timer.on_timer = on_delay;
    delay->request = r;
    pool_on_destroy(request_pool(r), cancel_delay, delay);
    timer_set(&delay->timer, ms);
    r->access_delayed = true;
    return PAUSE;
}

/* A refusal under `satisfy any` is only remembered: another rule may yet let the request in. Of
   several, one that asks for a password counts. */
static enum next forgive(struct request *r)
{
    if (r->access_status != 401)
        r->access_status = r->out.status;
    r->out.status = 0;
    r->out.is_error_page = false;
    r->fail_reason = NULL;
    return NEXT_HANDLER;
}

/* Another rule let the request in: what those before asked for is not said. */
static void forget_refusal(struct request *r)
{
    r->access_status = 0;
    EACH_FIELD (f, r->out.fields) {
        if (f->id == FIELD_WWW_AUTHENTICATE)
            f->flags |= FIELD_DELETED;
    }
}

static enum next run_access(struct request *r)
{
    bool any = HTTP_CORE(r)->satisfy != 0;
    enum verdict verdict;

    if (r->access_delayed) {
        r->access_delayed = false;
        return ANSWER;
    }
    if (r != r->main || r->handler_at >= phases[PHASE_ACCESS].count)
        return NEXT_PHASE;
    verdict = phases[PHASE_ACCESS].handlers[r->handler_at](r);
    if (verdict == ALLOW && any) {
        forget_refusal(r);
        r->handler_at = 0;
        r->phase = PHASE_PRECONTENT;
        return SAME_PHASE;
    }
    if (verdict == ANSWERED && any && (r->out.status == 401 || r->out.status == 403))
        return forgive(r);
    return verdict == ANSWERED ? refuse(r) : to_next(r, verdict);
}

static enum next post_access(struct request *r)
{
    if (r->access_delayed) {
        r->access_delayed = false;
        return ANSWER;
    }
    if (r->access_status == 0 || r != r->main)
        return NEXT_PHASE;
    if (r->access_status == 403)
        log_error(&r->log, LOG_ERROR, 0, "access forbidden by rule");
    request_fail(r, r->access_status, "access.denied");
    r->access_status = 0;
    return refuse(r);
}

static enum next run_content(struct request *r)
{
    enum next next;

    if (unlikely(r->method == METHOD_CONNECT))
        return to_next(r, r->server->connect != NULL ? r->server->connect(r)
                                                     : request_fail(r, 405, "request.method"));
    if (r->location->handler != NULL && r->ops->dry) {
        record(r, "handler", "the location's own, assumed to answer 200");
        request_answer(r, 200, STR(""), STR(""));
        return ANSWER;
    }
    if (r->location->handler != NULL)
        return to_next(r, r->location->handler(r));
    next = run_list(r);
    if (next != NEXT_PHASE)
        return next;
    if (request_names_directory(r)) {
        log_error(&r->log, LOG_ERROR, 0, "directory index of \"%" STR_FMT "\" is forbidden",
                  STR_ARG(file_path(r, 0)));
        request_fail(r, 403, "content.none");
    } else {
        log_error(&r->log, LOG_ERROR, 0, "no handler found");
        request_fail(r, 404, "content.none");
    }
    return ANSWER;
}

static enum next step(struct request *r)
{
    switch (r->phase) {
    case PHASE_FIND_LOCATION:
        return find_location(r);
    case PHASE_POST_REWRITE:
        return post_rewrite(r);
    case PHASE_ACCESS:
        return run_access(r);
    case PHASE_POST_ACCESS:
        return post_access(r);
    case PHASE_CONTENT:
        return run_content(r);
    default:
        return run_list(r);
    }
}

/* False when a filter made an error of it, which is to be answered now. */
static bool try_answer(struct request *r)
{
    r->answered = true;
    r->close_silently = r->out.is_error_page && error_page_is_silent(r->out.status);
    record(r, "answer", "%d", r->out.status);
    if (!output_finish(r)) {
        r->answered = false;
        return false;
    }
    r->ops->respond(r);
    return true;
}

void phase_answer(struct request *r)
{
    while (!try_answer(r))
        continue;
}

/* An error that is nothing but its status. */
static bool answer_parent(struct request *r)
{
    r->answered = true;
    r->ops->respond(r);
    return false;
}

/* An error's page, ours or configured; then the filters and the wire. True: the engine goes on. */
static bool answer_again(struct request *r)
{
    do {
        if (r->out.is_error_page && r->out.status >= 300) {
            if (r->errors_are_parents)
                return answer_parent(r);
            if (error_page_apply(r) == REROUTE)
                return true;
        }
    } while (!try_answer(r));
    return false;
}

void phase_run(struct post *post)
{
    struct request *r = CONTAINER(post, struct request, post);

    must(!r->running);
    r->running = true;
    while (!r->answered) {
        switch (step(r)) {
        case NEXT_HANDLER:
            r->handler_at++;
            break;
        case NEXT_PHASE:
            r->phase = following[r->phase];
            r->handler_at = 0;
            break;
        case SAME_PHASE:
            break;
        case PAUSE:
            r->running = false;
            return;
        case ANSWER:
            if (!answer_again(r)) {
                r->running = false;
                return;
            }
            break;
        }
    }
    r->running = false;
}
