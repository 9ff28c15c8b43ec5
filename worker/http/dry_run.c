/*
 * worker/http/dry_run.c - what would happen to a request.
 */
#include "worker/http/dry_run.h"

#include "common/core_conf.h"
#include "worker/codec/uri.h"
#include "worker/http/http_core.h"
#include "worker/http/server_names.h"
#include "worker/http/wire.h"

struct dry {
    struct request r;
    struct recorder recorder;
    struct http_fields in, out;
    struct dry_answer *answer;
    struct pool *pool;
};

static void keep_note(struct recorder *recorder, struct request *r, const char *what,
                      const char *text)
{
    struct dry *dry = CONTAINER(recorder, struct dry, recorder);
    struct dry_note *note = array_push(&dry->answer->notes);

    note->what = what;
    note->text = pool_str(dry->pool, str_of(text));
}

static void respond(struct request *r)
{
    struct dry *dry = CONTAINER(r, struct dry, r);

    dry->answer->status = r->out.status;
    dry->answer->location = pool_str(dry->pool, r->out.location);
}

static void log_nothing(struct request *r)
{
}

static const struct phase_ops dry_ops = {.dry = true, .respond = respond, .log = log_nothing};

static struct source *no_body(struct request *r)
{
    return NULL;
}

static void send_nothing(struct request *r, int status, const struct http_fields *fields)
{
}

static void no_upgrade(struct request *r, take_fn *take)
{
}

static const struct wire_ops dry_wire = {
    .name = "dry", .respond = respond, .interim = send_nothing, .body = no_body,
    .upgrade = no_upgrade,
};

static void choose_server(struct request *r, const struct dry_question *q)
{
    r->host = q->host;
    r->has_host = q->host.len > 0;
    r->listen = q->address->spec;
    r->server = server_names_find(&r->scope, q->address, q->host);
    request_enter(r, &r->server->base);
}

static void set_question(struct request *r, const struct dry_question *q, const struct uri *uri)
{
    r->method = (uint8_t)method_find(q->method);
    r->method_text = q->method;
    r->header_only = r->method == METHOD_HEAD;
    r->version = 11;
    r->target = q->target;
    r->line = pool_printf(request_pool(r), "%" STR_FMT " %" STR_FMT " HTTP/1.1",
                          STR_ARG(q->method), STR_ARG(q->target));
    r->uri = uri->path;
    r->args = uri->args;
    r->ext = uri->ext;
    r->uri_raw_ok = true;
    r->uri_quoted = uri->quoted;
}

static void copy_fields(struct http_fields *to, const struct http_fields *from)
{
    for (uint32_t i = 0; from != NULL && i < from->count; i++)
        fields_add(to, from->items[i].name, from->items[i].value, from->items[i].id);
}

enum rc dry_run(struct pool *pool, const struct dry_question *q, struct dry_answer *answer)
{
    struct dry *dry = pool_zalloc(pool, sizeof(*dry));
    struct request *r = &dry->r;
    struct uri uri;

    *answer = (struct dry_answer){.notes = array_of(struct dry_note, pool)};
    dry->answer = answer;
    dry->pool = pool;
    dry->recorder.note = keep_note;
    request_init(r, NULL, &dry_wire, dry, &dry->in, &dry->out);
    fields_init(&dry->in, request_pool(r));
    fields_init(&dry->out, request_pool(r));
    copy_fields(&dry->in, q->fields);
    r->ops = &dry_ops;
    r->recorder = &dry->recorder;
    choose_server(r, q);
    if (uri_parse(&uri, q->target, HTTP_CORE(r)->merge_slashes, request_pool(r)) != URI_OK) {
        pool_destroy(request_pool(r));
        return RC_ERROR;
    }
    set_question(r, q, &uri);
    record(r, "server", "\"%" STR_FMT "\" at %" STR_FMT, STR_ARG(r->server->first_name),
           STR_ARG(q->address->spec->text));
    r->phase = PHASE_POST_READ;
    phase_run(&r->post);
    if (!r->answered)
        record(r, "answer", "would wait in phase %d", r->phase);
    answer->handled_by = pool_str(pool, r->location->name);
    request_done(r);
    return RC_OK;
}
