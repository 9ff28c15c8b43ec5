/*
 * worker/http/request.c - the life of a request, and how a handler answers or sends it elsewhere.
 */
#include "worker/http/request.h"

#include <stdio.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/core_conf.h"
#include "common/generation.h"
#include "worker/codec/escape.h"
#include "worker/codec/uri.h"
#include "worker/http/background.h"
#include "worker/http/body.h"
#include "worker/http/error_log_tag.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"
#include "worker/http/server.h"
#include "worker/http/user_agent.h"
#include "worker/http/wire.h"

const struct var_table *request_vars;
const struct wire_protocol *wire_h2;

#define URI_CHANGES      11
#define SUBREQUESTS      51 /* levels */

/* ", client: 1.2.3.4, server: a, request: "GET / HTTP/1.1", host: "a"" */
static size_t describe(const void *about, char *out, size_t room)
{
    struct request *r = (struct request *)(uintptr_t)about;
    struct str host = fields_value(r->fields, FIELD_HOST);
    struct str referrer = fields_value(r->fields, FIELD_REFERER);
    struct addr client;
    size_t used = 0;

#define APPEND(...)                                                                                \
    do {                                                                                           \
        int n = snprintf(out + used, room - used, __VA_ARGS__);                                    \
        used = n < 0 ? used : MIN(used + (size_t)n, room);                                         \
    } while (0)
    if (scope_client(&r->scope, &client)) {
        char text[ADDR_TEXT];

        APPEND(", client: %.*s", (int)addr_print_host(&client, text, sizeof(text)), text);
    }
    if (r->server != NULL)
        APPEND(", server: %" STR_FMT, STR_ARG(r->server->first_name));
    if (r->line.len > 0) {
        char text[512];

        APPEND(", request: \"%.*s\"", (int)log_escape(text, sizeof(text), r->line), text);
    }
    if (r->main != r)
        APPEND(", subrequest: \"%" STR_FMT "\"", STR_ARG(r->uri));
    if (r->describe_upstream != NULL)
        used += r->describe_upstream(r, out + used, room - used);
    if (host.data != NULL) {
        char text[256];

        APPEND(", host: \"%.*s\"", (int)log_escape(text, sizeof(text), host), text);
    }
    if (referrer.data != NULL) {
        char text[256];

        APPEND(", referrer: \"%.*s\"", (int)log_escape(text, sizeof(text), referrer), text);
    }
#undef APPEND
    return used + error_log_tags(r, out + used, room - used);
}

void request_init(struct request *r, struct conn *c, const struct wire_ops *wire, void *wire_data,
                  struct http_fields *in, struct http_fields *out)
{
    memset(r, 0, sizeof(*r));
    r->scope.conn = c;
    r->scope.pool = pool_create(POOL_SMALL);
    r->scope.log = &r->log;
    r->scope.vars = request_vars;
    r->log = c != NULL ? c->log : process_log;
    r->log.describe = describe;
    r->log.about = r;
    r->wire = wire;
    r->wire_data = wire_data;
    r->ops = &phase_ops_live;
    r->post.run = phase_run;
    r->main = r;
    r->fields = in;
    r->out.fields = out;
    r->out.length = -1;
    r->content_length = -1;
    r->host_port = -1;
    r->limit_rate = -1;
    r->uri_changes = URI_CHANGES;
    r->subrequests_left = SUBREQUESTS;
    r->started_ms = clock_wall_ms;
    r->started_mono_ms = clock_mono_ms;
}

void request_resume(struct request *r)
{
    if (!r->answered)
        post_now(&r->post);
}

static void close_body(struct request *r)
{
    source_close(r->out.body);
    r->out.body = NULL;
}

/* Nobody waits for it, and the log has been written: it tells of the response. */
static void run_post_action(struct request *r)
{
    struct background *b;
    struct str args = HTTP_CORE(r)->post_action, uri = str_cut(&args, '?');

    if (r->uri.len == 0 || r->ops->dry || (b = background_begin(r, BACKGROUND_OF_THE_END)) == NULL)
        return;
    background_run(b, uri, args);
    background_let_go(b);
}

static void finish(struct request *r)
{
    post_cancel(&r->post);
    r->answered = true;
    r->ops->log(r);
    if (unlikely(HTTP_CORE(r)->post_action.len > 0))
        run_post_action(r);
    close_body(r);
    while (r->subs != NULL) {
        r->subs->logged = true; /* what is cut off is the whole request's affair */
        request_sub_end(r->subs);
    }
    pool_destroy(r->scope.pool);
    r->scope.pool = NULL;
}

void request_done(struct request *r)
{
    r->complete = !r->send_failed;
    finish(r);
}

void request_abort(struct request *r)
{
    if (r->out.status == 0 || !r->answered)
        r->out.status = r->client_left ? 499 : r->out.status;
    if (r->out.status == 499)
        r->fail_reason = "client.gone";
    r->send_failed = true;
    finish(r);
}

/* keepalive_disable: browsers that cannot be trusted with it after a POST (msie6), or at all. */
static bool is_disabled(const struct http_core_conf *conf, const struct request *r)
{
    struct str agent = fields_value(r->fields, FIELD_USER_AGENT);

    return agent.data != NULL &&
           (((conf->keepalive_disable & KEEPALIVE_MSIE6) && r->method == METHOD_POST &&
             user_agent_is_msie6(agent)) ||
            ((conf->keepalive_disable & KEEPALIVE_SAFARI) && user_agent_is_safari(agent)));
}

bool request_may_keep(const struct request *r)
{
    const struct http_core_conf *conf = HTTP_CORE(r);

    return conf->keepalive_timeout_ms > 0 &&
           (int64_t)r->conn_requests < conf->keepalive_requests &&
           clock_mono_ms - r->conn_opened_ms < conf->keepalive_time_ms &&
           (conf->keepalive_disable == 0 || !is_disabled(conf, r));
}

static void enter(struct request *r, struct location *location)
{
    void **outer = r->scope.conf;
    const struct core_conf *before = outer == NULL ? NULL : outer[core_module_index];
    const struct core_conf *core;

    if (unlikely(location->except != NULL) &&
        !(location->except_methods & METHOD_BIT(r->method)))
        location = location->except;
    r->location = location;
    r->scope.conf = location->scope->conf;
    core = r->scope.conf[core_module_index];
    if (core != before)
        log_attach(&r->log, core->error_log);
}

void request_anew(struct request *copy)
{
    copy->post = (struct post){.run = copy->post.run};
    copy->scope.log = &copy->log;
    copy->log.about = copy;
    copy->log.doing = NULL;
    copy->ctx = NULL;
    copy->running = copy->answered = copy->logged = copy->complete = copy->send_failed = false;
    copy->fail_reason = NULL;
    copy->client_gone = NULL;
    copy->client_left = false;
    copy->upstreams = NULL;
    copy->describe_upstream = NULL;
    copy->subs = copy->next_sub = NULL;
    copy->subs_running = copy->subs_made = copy->subs_in_turn = 0;
}

void request_start(struct request *r)
{
    r->phase = PHASE_POST_READ;
    r->handler_at = 0;
    enter(r, &r->server->base);
    post_now(&r->post);
}

void request_enter(struct request *r, struct location *location)
{
    enter(r, location);
    r->keep_alive = r->keep_alive && request_may_keep(r);
}

/* Throws away what a handler may have begun to answer. Where it sent the client is still said: the
   page of a redirect (error_page 301 ...) comes with its Location, as in nginx. */
static void reset_answer(struct request *r)
{
    source_close(r->out.body);
    r->out = (struct response){.fields = r->out.fields, .length = -1,
                               .location = r->out.location,
                               .intercepted = r->out.intercepted};
    if (r->error_status == 0) /* else this is the page of an error, whose cause stays */
        r->fail_reason = NULL;
}

enum verdict request_fail(struct request *r, int status, const char *why)
{
    reset_answer(r);
    r->out.status = (uint16_t)status;
    r->out.is_error_page = true;
    r->error_status = 0; /* an error of the error page itself is what counts now */
    if (why != NULL && status >= 400)
        r->fail_reason = why;
    if (status == 400 || status == 413 || status == 414 || (status >= 495 && status <= 497) ||
        status == 500 || status == 501)
        r->keep_alive = false;
    return ANSWERED;
}

enum verdict request_answer(struct request *r, int status, struct str type, struct str text)
{
    reset_answer(r);
    r->out.status = (uint16_t)status;
    r->out.type = type;
    r->out.length = (int64_t)text.len;
    r->out.body = text.len > 0 ? source_memory(request_pool(r), text) : NULL;
    return ANSWERED;
}

enum verdict request_redirect_to(struct request *r, int status, struct str location)
{
    struct str safe = field_safe_value(request_pool(r), location);

    request_fail(r, status, NULL);
    r->out.location =
        safe.data == location.data ? location : escape(request_pool(r), location, ESCAPE_TARGET);
    return ANSWERED;
}

/* One more internal step; false when there were too many. */
static bool spend_change(struct request *r)
{
    if (--r->uri_changes > 0)
        return true;
    log_error(&r->log, LOG_ERROR, 0,
              "rewrite or internal redirection cycle while internally redirecting to \"%" STR_FMT
              "\"", STR_ARG(r->uri));
    request_fail(r, 500, "rewrite.cycle");
    return false;
}

/* Modules start anew after an internal redirect; what they booked is undone with the pool. */
static void restart(struct request *r, enum phase phase)
{
    reset_answer(r);
    r->internal = true;
    r->uri_behind_alias = false;
    r->handler_at = 0;
    r->phase = (uint8_t)phase;
    r->uri_changed = r->rewritten_inside = false;
    r->access_status = 0;
    r->ctx = NULL;
}

void request_set_uri(struct request *r, struct str uri, struct str args)
{
    struct uri parts = {.path = uri};

    uri_set_ext(&parts);
    r->uri = uri;
    r->args = args;
    r->ext = parts.ext;
    r->uri_raw_ok = false;
}

enum verdict request_go_to(struct request *r, struct str uri, struct str args)
{
    if (!spend_change(r))
        return ANSWERED;
    if (uri.len == 0) {
        log_error(&r->log, LOG_ERROR, 0, "an internal redirect to an empty URI");
        return request_fail(r, 500, "redirect.empty");
    }
    log_debug(&r->log, "internal redirect: \"%" STR_FMT "?%" STR_FMT "\"", STR_ARG(uri),
              STR_ARG(args));
    restart(r, PHASE_SERVER_REWRITE);
    request_set_uri(r, uri, args);
    request_enter(r, &r->server->base);
    return REROUTE;
}

enum verdict request_go_named(struct request *r, struct str name)
{
    struct location *location = location_find_named(r->server, name);

    if (!spend_change(r))
        return ANSWERED;
    if (location == NULL) {
        log_error(&r->log, LOG_ERROR, 0, "could not find named location \"%" STR_FMT "\"",
                  STR_ARG(name));
        return request_fail(r, 500, "location.unknown");
    }
    restart(r, PHASE_REWRITE);
    request_enter(r, location);
    record(r, "location", "\"%" STR_FMT "\"", STR_ARG(name));
    return REROUTE;
}

void *request_ctx(struct request *r, uint32_t module_index, size_t bytes)
{
    void *found = request_ctx_find(r, module_index);
    struct request_ctx *ctx;

    if (found != NULL)
        return found;
    ctx = pool_zalloc(request_pool(r), sizeof(*ctx) + bytes);
    ctx->next = r->ctx;
    ctx->module_index = module_index;
    r->ctx = ctx;
    return ctx->data;
}

void request_add_field(struct request *r, struct str name, struct str value, enum field_id id)
{
    fields_add(r->out.fields, name, value, (uint8_t)id);
}
