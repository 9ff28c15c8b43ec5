/*
 * worker/http/subrequest.c - requests that a request makes to its own server: auth_request, SSI,
 * addition, mirror, slice.
 *
 * A subrequest shares its main request's pool, connection and fields. Its wire is the parent: when
 * the head is ready the parent is told, and pulls the body if it wants it.
 */
#include "common/clock.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"
#include "worker/http/server.h"
#include "worker/http/wire.h"

static void sub_respond(struct request *sub)
{
    sub->sub_done(sub, sub->sub_arg);
}

static void sub_interim(struct request *sub, int status, const struct http_fields *fields)
{
}

static struct source *sub_body(struct request *sub)
{
    return NULL;
}

static void sub_upgrade(struct request *sub, take_fn *take)
{
    log_error(&sub->log, LOG_ERROR, 0, "a subrequest cannot be upgraded");
}

static const struct wire_ops sub_wire = {
    .name = "subrequest", .respond = sub_respond, .interim = sub_interim, .body = sub_body,
    .upgrade = sub_upgrade,
};

static struct http_fields *new_fields(struct pool *pool)
{
    struct http_fields *fields = pool_alloc(pool, sizeof(*fields));

    fields_init(fields, pool);
    return fields;
}

/* Variables are those of the whole request: $request_id is the same for a subrequest, and what it
   sets is there for its parent. Only uncacheable ones differ. */
static struct var_value *shared_values(struct request *r)
{
    if (r->scope.values == NULL)
        r->scope.values = pool_zalloc(request_pool(r),
                                      r->scope.vars->vars.count * sizeof(*r->scope.values));
    return r->scope.values;
}

struct request *request_sub(struct request *r, struct str uri, struct str args, bool header_only,
                            void (*done)(struct request *sub, void *arg), void *arg)
{
    struct pool *pool = request_pool(r);
    struct request *sub;

    if (r->main->subrequests_left == 0) {
        log_error(&r->log, LOG_ERROR, 0, "subrequests cycle while processing \"%" STR_FMT "\"",
                  STR_ARG(uri));
        return NULL;
    }
    r->main->subrequests_left--;
    sub = pool_alloc(pool, sizeof(*sub));
    *sub = *r;
    sub->parent = r;
    sub->wire = &sub_wire;
    sub->post = (struct post){.run = r->post.run};
    sub->log.about = sub;
    sub->scope.log = &sub->log;
    sub->scope.values = shared_values(r);
    sub->scope.captures = NULL;
    sub->ctx = NULL;
    sub->recorder = r->recorder;
    sub->out = (struct response){.length = -1, .fields = new_fields(pool)};
    sub->method = METHOD_GET;
    sub->method_text = STR("GET");
    sub->header_only = header_only;
    sub->internal = true;
    sub->running = sub->answered = sub->uri_changed = sub->in_error_page = false;
    sub->error_status = sub->access_status = 0;
    sub->uri_changes = 11;
    sub->client_gone = NULL;
    sub->upstreams = NULL;
    sub->describe_upstream = NULL;
    sub->sub_done = done;
    sub->sub_arg = arg;
    request_set_uri(sub, uri, args);
    sub->subs = NULL;
    sub->next_sub = r->main->subs;
    r->main->subs = sub;
    sub->phase = PHASE_SERVER_REWRITE;
    sub->handler_at = 0;
    request_enter(sub, &sub->server->base);
    post_now(&sub->post);
    return sub;
}

void request_sub_end(struct request *sub)
{
    post_cancel(&sub->post);
    if (HTTP_CORE(sub)->log_subrequest)
        sub->ops->log(sub);
    source_close(sub->out.body);
    sub->out.body = NULL;
}
