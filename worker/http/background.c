/*
 * worker/http/background.c - subrequests of a copy of a request, which they may outlive.
 */
#include "worker/http/background.h"

#include "common/clock.h"
#include "worker/http/body.h"
#include "worker/http/location.h"
#include "worker/http/server.h"
#include "worker/net/conn.h"

#define TURN_BYTES (2 << 20) /* of an answer, dropped before others have their turn */
#define PULL_BYTES (256 * 1024)

struct background {
    struct request whole;       /* never runs, never answers */
    struct http_fields fields, out_fields;
    uint32_t holds;             /* subrequests, and who adds more */
};

struct part {
    struct background *of;
    struct request *sub;
    struct post news;
};

/* The copy ------------------------------------------------------------------------------------- */

static void copy_str(struct pool *pool, struct str *s)
{
    if (s->data != NULL)
        *s = pool_str(pool, *s);
}

static void copy_fields(struct http_fields *to, const struct http_fields *from, struct pool *pool)
{
    fields_init(to, pool);
    EACH_FIELD (f, from) {
        struct http_field *copy =
            fields_add(to, pool_str(pool, f->name), pool_str(pool, f->value), f->id);

        if (copy != NULL)
            copy->flags = f->flags;
    }
}

static bool begins_with_any(struct str name, const char *const *prefixes)
{
    for (; *prefixes != NULL; prefixes++)
        if (str_starts(name, str_of(*prefixes)))
            return true;
    return false;
}

/* Variables that cannot be computed later, or would be something else then. */
static bool is_of_now(const struct var *var, enum background_kind kind)
{
    static const char *const of_connection[] = {"ssl_", "tcpinfo_", NULL};
    static const char *const of_response[] = {
        "status", "upstream_", "sent_http_", "sent_trailer_", "request_time", "request_completion",
        "bytes_sent", "body_bytes_sent", "gzip_ratio", NULL,
    };

    return begins_with_any(var->name, of_connection) ||
           (kind == BACKGROUND_OF_THE_END && begins_with_any(var->name, of_response));
}

/* What is known stays known; what is computed at each read is left to be. */
static struct var_value *copy_values(struct request *r, enum background_kind kind,
                                     struct pool *pool)
{
    size_t count = r->scope.vars->vars.count;
    struct var_value *values = pool_zalloc(pool, count * sizeof(*values));

    for (uint32_t i = 0; i < count; i++) {
        const struct var *var = *(struct var **)array_at(&r->scope.vars->vars, i);
        struct var_value *value = &values[i];

        if (is_of_now(var, kind))
            *value = *scope_var(&r->scope, i);
        else if (r->scope.values != NULL && !r->scope.values[i].uncached)
            *value = r->scope.values[i];
        value->uncached = 0;
        if (value->state == VAR_FOUND && value->len > 0)
            value->data = pool_str(pool, (struct str){value->data, value->len}).data;
    }
    return values;
}

static struct scope copy_scope(struct request *r, enum background_kind kind, struct pool *pool)
{
    struct scope scope = {.pool = pool, .conf = r->scope.conf, .vars = r->scope.vars};

    scope.values = copy_values(r, kind, pool);
    if (r->scope.conn != NULL)
        scope.conn = conn_shadow(pool, r->scope.conn);
    if (r->scope.client != NULL) {
        struct addr *client = pool_alloc(pool, sizeof(*client));

        *client = *r->scope.client;
        scope.client = client;
    }
    return scope;
}

/* Of the request only what its subrequests inherit. */
static void copy_asked(struct request *whole)
{
    struct pool *pool = whole->scope.pool;

    copy_str(pool, &whole->method_text);
    copy_str(pool, &whole->line);
    copy_str(pool, &whole->target);
    copy_str(pool, &whole->uri);
    copy_str(pool, &whole->args);
    copy_str(pool, &whole->ext);
    copy_str(pool, &whole->host);
}

/* It is over before it begins: only its subrequests run. */
static void forget_run(struct request *whole)
{
    request_anew(whole);
    whole->main = whole->parent = whole;
    whole->wire = NULL;
    whole->wire_data = NULL;
    whole->answered = true;
    whole->fields_of_part = NULL;
    whole->body = NULL;
}

static void copy_request(struct background *b, struct request *r, enum background_kind kind,
                         struct pool *pool)
{
    struct request *whole = &b->whole;

    *whole = *r;
    whole->scope = copy_scope(r, kind, pool);
    forget_run(whole);
    copy_asked(whole);
    copy_fields(&b->fields, r->fields, pool);
    whole->fields = &b->fields;
    fields_init(&b->out_fields, pool);
    whole->out = (struct response){.length = -1, .fields = &b->out_fields};
    if (kind != BACKGROUND_WITHOUT_BODY)
        body_share(whole, r->body);
    if (whole->body == NULL) {
        whole->content_length = -1;
        whole->chunked = false;
    }
}

/* Its life ------------------------------------------------------------------------------------- */

static bool may_begin(struct request *r)
{
    static int64_t said_ms = -1000;
    uint32_t most = MAX(conn_stats.limit / 2, 16);

    if (conn_stats.background < most)
        return true;
    if (clock_mono_ms - said_ms >= 1000) { /* there may be very many of them */
        said_ms = clock_mono_ms;
        log_error(&r->log, LOG_ERROR, 0, "%u background requests are running: no more begin",
                  conn_stats.background);
    }
    return false;
}

struct background *background_begin(struct request *r, enum background_kind kind)
{
    struct background *b;
    struct pool *pool;

    if (!may_begin(r))
        return NULL;
    pool = pool_create(POOL_BLOCK);
    b = pool_alloc(pool, sizeof(*b));
    copy_request(b, r, kind, pool);
    b->holds = 1;
    conn_stats.background++;
    return b;
}

void background_let_go(struct background *b)
{
    if (--b->holds > 0)
        return;
    conn_stats.background--;
    pool_destroy(b->whole.scope.pool);
}

static void end_part(struct part *part)
{
    struct background *b = part->of;

    request_sub_end(part->sub);
    background_let_go(b);
}

/* Reads on, so that the origin sees its answer taken and its connection can be used again. */
static enum pull drop_answer(struct part *part)
{
    struct source *body = part->sub->out.body;
    enum pull result = PULL_MORE;
    struct chain dropped;
    size_t bytes = 0;

    if (body == NULL)
        return PULL_END;
    chain_init(&dropped);
    body->waiter = &part->news;
    body->file_ok = true;
    while (result == PULL_MORE && bytes < TURN_BYTES) {
        result = source_pull(body, &dropped, PULL_BYTES);
        bytes += dropped.bytes;
        chain_clear(&dropped);
    }
    chain_fini(&dropped);
    part->sub->body_sent += bytes;
    return result;
}

static void on_news(struct post *post)
{
    struct part *part = CONTAINER(post, struct part, news);

    switch (drop_answer(part)) {
    case PULL_MORE:
        post_turn_end(&part->news);
        break;
    case PULL_WAIT:
        break;
    case PULL_END:
    case PULL_ERROR:
        end_part(part);
        break;
    }
}

static void on_answer(struct request *sub, void *arg)
{
    post_now(&((struct part *)arg)->news);
}

static struct request *begin_sub(struct background *b, struct str uri, struct str args,
                                 struct part *part)
{
    struct request *whole = &b->whole, *sub;
    bool named = uri.len > 0 && uri.data[0] == '@';

    if (named && location_find_named(whole->server, uri) == NULL) {
        log_error(&whole->log, LOG_ERROR, 0, "could not find named location \"%" STR_FMT "\"",
                  STR_ARG(uri));
        return NULL;
    }
    sub = request_sub(whole, named ? whole->uri : uri, named ? whole->args : args, true, on_answer,
                      part);
    if (sub != NULL && named)
        request_go_named(sub, uri);
    return sub;
}

void background_run(struct background *b, struct str uri, struct str args)
{
    struct part *part = pool_zalloc(b->whole.scope.pool, sizeof(*part));

    part->of = b;
    part->news.run = on_news;
    part->sub = begin_sub(b, uri, args, part);
    if (part->sub == NULL)
        return;
    part->sub->method = b->whole.method;
    part->sub->method_text = b->whole.method_text;
    b->holds++;
}
