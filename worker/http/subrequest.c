/*
 * worker/http/subrequest.c - requests that a request makes to its own server: auth_request, SSI,
 * addition, mirror, slice.
 *
 * A subrequest shares its main request's connection, fields and variables' values; all else lies in
 * a pool of its own, so that a page of a thousand includes needs the memory of those that run. Its
 * wire is the parent: when the head is ready the parent is told, and pulls the body if it wants it.
 */
#include "common/clock.h"
#include "worker/event/loop.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"
#include "worker/http/server.h"
#include "worker/http/wire.h"

#define MOST_SUBS   64535 /* of one request, as in nginx */
#define SUBS_A_TURN 64    /* of one request; then others have their turn */
#define URI_CHANGES 11

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
static void share_values(struct request *r, struct request *sub)
{
    struct scope *whole = &r->main->scope;

    if (whole->values == NULL)
        whole->values =
            pool_zalloc(whole->pool, whole->vars->vars.count * sizeof(*whole->values));
    sub->scope.values = whole->values;
    sub->scope.shared = whole->pool;
    sub->scope.captures = NULL;
    sub->scope.capture_count = 0;
}

static bool may_begin(struct request *r, struct str uri)
{
    const char *what = r->subrequests_left == 0         ? "subrequests cycle"
                       : r->main->subs_made == MOST_SUBS ? "too many subrequests"
                                                         : NULL;

    if (what != NULL)
        log_error(&r->log, LOG_ERROR, 0, "%s while processing \"%" STR_FMT "\"", what,
                  STR_ARG(uri));
    return what == NULL;
}

/* What there is to know about the parent's own way so far is not the subrequest's. */
static void forget_parent(struct request *sub, struct pool *pool)
{
    request_anew(sub);
    sub->scope.pool = pool;
    sub->out = (struct response){.length = -1, .fields = new_fields(pool)};
    sub->uri_changed = sub->rewritten_inside = sub->uri_behind_alias = sub->uri_quoted = false;
    sub->in_error_page = sub->errors_are_parents = sub->access_delayed = false;
    sub->close_silently = sub->args_changed = false;
    sub->error_status = sub->access_status = 0;
    sub->uri_changes = URI_CHANGES;
    sub->body_sent = sub->head_sent = 0;
    sub->started_ms = clock_wall_ms;
    sub->started_mono_ms = clock_mono_ms;
}

static void link_in(struct request *sub)
{
    struct request *whole = sub->main;

    sub->next_sub = whole->subs;
    whole->subs = sub;
    whole->subs_running++;
    whole->subs_made++;
}

static void unlink_sub(struct request *sub)
{
    struct request **at = &sub->main->subs;

    while (*at != sub)
        at = &(*at)->next_sub;
    *at = sub->next_sub;
    sub->main->subs_running--;
}

/* Pages that include pages can be very many: the worker is not theirs alone. */
static void begin(struct request *sub)
{
    struct request *whole = sub->main;

    if (whole->subs_turn != loop->turn) {
        whole->subs_turn = loop->turn;
        whole->subs_in_turn = 0;
    }
    if (whole->subs_in_turn++ < SUBS_A_TURN)
        post_now(&sub->post);
    else
        post_turn_end(&sub->post);
}

struct request *request_sub(struct request *r, struct str uri, struct str args, bool header_only,
                            void (*done)(struct request *sub, void *arg), void *arg)
{
    struct request *sub;
    struct pool *pool;

    if (!may_begin(r, uri))
        return NULL;
    pool = pool_create(POOL_BLOCK);
    sub = pool_alloc(pool, sizeof(*sub));
    *sub = *r;
    sub->parent = r;
    sub->subrequests_left--;
    sub->wire = &sub_wire;
    share_values(r, sub);
    forget_parent(sub, pool);
    sub->method = METHOD_GET;
    sub->method_text = STR("GET");
    sub->header_only = header_only;
    sub->internal = true;
    sub->sub_done = done;
    sub->sub_arg = arg;
    request_set_uri(sub, pool_str(pool, uri), args.data == NULL ? STR_NONE : pool_str(pool, args));
    link_in(sub);
    sub->phase = PHASE_SERVER_REWRITE;
    sub->handler_at = 0;
    request_enter(sub, &sub->server->base);
    begin(sub);
    return sub;
}

void request_sub_log(struct request *sub)
{
    if (sub->logged)
        return;
    sub->logged = true;
    if (HTTP_CORE(sub)->log_subrequest)
        sub->ops->log(sub);
}

void request_sub_end(struct request *sub)
{
    assert(!sub->running);
    post_cancel(&sub->post);
    request_sub_log(sub);
    source_close(sub->out.body);
    unlink_sub(sub);
    pool_destroy(sub->scope.pool);
}

/* The client hangs up -------------------------------------------------------------------------- */

bool request_minds_hangup(const struct request *r)
{
    bool minds = r->client_gone != NULL;

    for (const struct request *sub = r->subs; sub != NULL && !minds; sub = sub->next_sub)
        minds = sub->client_gone != NULL;
    return minds;
}

static void tell(struct request *r, struct request *whole)
{
    void (*gone)(struct request *, void *) = r->client_gone;

    if (gone == NULL)
        return;
    r->client_gone = NULL;
    gone(r, r->client_gone_arg);
    whole->client_left |= r->client_left;
}

bool request_hangup(struct request *r)
{
    tell(r, r);
    for (struct request *sub = r->subs; sub != NULL; sub = sub->next_sub)
        tell(sub, r);
    return r->client_left;
}
