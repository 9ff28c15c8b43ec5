/*
 * worker/proxy/probe_http.c - a health check as a request of our own: it goes through proxy_run as
 * those of clients do, to a group of one peer, and what comes back is judged instead of sent on.
 *
 * The request never meets the phases: there is no client, and nothing of the answer is obeyed. All
 * that the location says of the way to its origin counts: TLS, fields, parameters, timeouts.
 */
#include "worker/proxy/probe_http.h"

#include <stdlib.h>

#include "worker/codec/uri.h"
#include "worker/http/wire.h"
#include "worker/proxy/fastcgi.h"
#include "worker/proxy/probe_grpc.h"
#include "worker/proxy/proxy_run.h"
#include "worker/proxy/upstream_vars.h"
#include "worker/upstream/check_match.h"

struct ask;

/* Of a probe. */
struct http_talk {
    struct pool *pool;
    void **conf;             /* the location's, but for the module that speaks */
    struct proxy_pass pass;  /* to the one peer */
    struct ask *ask;         /* the request under way; NULL: none is */
};

/* A request. */
struct ask {
    struct request r;
    struct http_fields in, out;
    struct probe *probe;
    struct post news;        /* of the body */
    char *body;              /* malloc, when a test looks at it */
    size_t len, cap;
    bool read_all;           /* the body's end is awaited */
};

static const struct http_check *check_of(const struct probe *p)
{
    return p->check->talk;
}

/* The configuration ---------------------------------------------------------------------------- */

/* What the location says of the way there, and nothing of what it does with answers. */
static void tame(struct origin_conf *conf, const struct probe *p)
{
    conf->ignore = ~INT64_C(0);
    conf->intercept_errors = conf->buffering = conf->pass_body = conf->force_ranges = false;
    conf->ignore_client_abort = conf->request_buffering = true;
    conf->limit_rate = 0;
    conf->next = NEXT_OFF;
    conf->dial.retry = 0;
    conf->dial.next_timeout_ms = 0;
    conf->dial.same = false;
    conf->dial.budget = (struct retry_budget){0};
    conf->dial.keepalive = p->check->keepalive_time_ms > 0;
    conf->store = NULL;
    conf->store_by_uri = false;
    conf->set_body = NULL;
    if (check_of(p)->grpc != NULL)
        conf->set_body = (struct template *)(uintptr_t)&check_of(p)->grpc->body;
}

static void open_talk(struct probe *p)
{
    const struct http_check *c = check_of(p);
    struct pool *pool = pool_create(POOL_BLOCK);
    struct http_talk *t = pool_zalloc(pool, sizeof(*t));
    struct origin_conf *own = pool_alloc(pool, c->conf_bytes);

    memcpy(own, c->conf, c->conf_bytes);
    tame(own, p);
    t->pool = pool;
    t->pass = *own->pass;
    t->pass.group = &p->group;
    t->pass.uri = STR("");
    own->pass = &t->pass;
    if (c->index == fastcgi_index)
        ((struct fastcgi_conf *)(void *)own)->keep_conn = own->dial.keepalive;
    if (c->plan != NULL) {
        ((struct proxy_conf *)(void *)own)->plan = c->plan;
        ((struct proxy_conf *)(void *)own)->method = NULL;
    }
    t->conf = pool_alloc(pool, module_count * sizeof(*t->conf));
    memcpy(t->conf, c->scope_conf, module_count * sizeof(*t->conf));
    t->conf[c->index] = own;
    p->talk = t;
}

static void close_talk(struct probe *p)
{
    struct http_talk *t = p->talk;

    pool_destroy(t->pool);
}

/* The end -------------------------------------------------------------------------------------- */

static void destroy(struct ask *ask)
{
    struct http_talk *t = ask->probe->talk;

    t->ask = NULL;
    ask->r.answered = true;
    post_cancel(&ask->r.post);
    post_cancel(&ask->news);
    source_close(ask->r.out.body);
    pool_destroy(request_pool(&ask->r));
    free(ask->body);
    conn_collect(ask, sizeof(*ask));
}

static struct proxy_run *run_of(const struct ask *ask)
{
    return ask->r.upstreams == NULL ? NULL : ask->r.upstreams->run;
}

static void end(struct ask *ask, uint16_t status, const char *fault)
{
    const struct proxy_run *run = run_of(ask);
    enum dial_fault dialled = run == NULL ? DIAL_NO_FAULT : run->dial.fault;
    struct probe *p = ask->probe;

    destroy(ask);
    probe_end(p, status, fault, dialled);
}

static void cancel(struct probe *p)
{
    struct http_talk *t = p->talk;

    p->fault = t->ask->r.log.doing;
    destroy(t->ask);
}

/* The answer ----------------------------------------------------------------------------------- */

static const char *fault_of(struct ask *ask)
{
    const struct http_check *c = check_of(ask->probe);
    const struct check_match *match = ask->probe->check->match;
    const struct proxy_run *run = run_of(ask);
    struct str body = {ask->body == NULL ? "" : ask->body, ask->body == NULL ? 0 : ask->len};

    if (c->grpc != NULL)
        return probe_grpc_fault(c->grpc, run, body);
    if (c->memcached && match == NULL && run->answer.status == 404)
        return NULL;
    return check_match_fault(match, run->answer.status, &run->answer.fields, body, &ask->r.scope);
}

static void judge(struct ask *ask)
{
    const char *fault = fault_of(ask);

    end(ask, run_of(ask)->answer.status, fault);
}

static bool wants_body(const struct probe *p)
{
    return check_match_wants_body(p->check->match) || check_of(p)->grpc != NULL;
}

static void keep(struct ask *ask, const char *data, size_t len)
{
    if (wants_body(ask->probe)) {
        if (ask->cap - ask->len < len) {
            ask->cap = MAX(2 * ask->cap, ask->len + len);
            ask->body = realloc(ask->body, ask->cap);
            must(ask->body != NULL);
        }
        memcpy(ask->body + ask->len, data, len);
    }
    ask->len += len;
}

static void take_pieces(struct ask *ask, struct chain *pieces)
{
    while (!chain_empty(pieces)) {
        const struct piece *piece = chain_head(pieces);

        must(piece->kind == PIECE_MEMORY);
        keep(ask, piece->data, piece->len);
        chain_consume(pieces, piece->len);
    }
}

/* As far as it is here and anybody looks. */
static enum pull pull_body(struct ask *ask)
{
    enum pull pull = PULL_MORE;
    struct chain pieces;

    chain_init(&pieces);
    while (pull == PULL_MORE && ask->len < CHECK_BODY_MOST) {
        pull = source_pull(ask->r.out.body, &pieces, CHECK_BODY_MOST - ask->len);
        take_pieces(ask, &pieces);
    }
    chain_fini(&pieces);
    return pull;
}

/* Where nobody looks at it, what is here is read all the same: the origin would see a reset of a
   connection that is closed with its answer unread. */
static void read_body(struct ask *ask)
{
    enum pull pull = pull_body(ask);

    if (!ask->read_all || pull == PULL_MORE || pull == PULL_END)
        judge(ask);
    else if (pull == PULL_ERROR)
        end(ask, run_of(ask)->answer.status, "reading response body");
}

static void on_body(struct post *post)
{
    read_body(CONTAINER(post, struct ask, news));
}

static void answered(struct ask *ask)
{
    const struct proxy_run *run = run_of(ask);
    struct source *body = ask->r.out.body;

    ask->r.answered = true;
    if (run == NULL || run->state != RUN_ANSWER) {
        end(ask, 0, ask->r.log.doing);
        return;
    }
    if (body == NULL) {
        judge(ask);
        return;
    }
    ask->r.log.doing = "reading response body";
    body->waiter = &ask->news;
    body->file_ok = false;
    read_body(ask);
}

/* The engine's post, in its place. */
static void on_post(struct post *post)
{
    struct request *r = CONTAINER(post, struct request, post);
    struct ask *ask = CONTAINER(r, struct ask, r);

    if (check_of(ask->probe)->handler(r) != WAIT_EVENT)
        answered(ask);
}

/* The request ---------------------------------------------------------------------------------- */

static void send_nothing(struct request *r, int status, const struct http_fields *fields)
{
}

static void no_upgrade(struct request *r, take_fn *take)
{
}

static struct source *no_body(struct request *r)
{
    return NULL;
}

static const struct wire_ops wire = {
    .name = "health check", .interim = send_nothing, .body = no_body, .upgrade = no_upgrade,
};

static struct location *location_of(const struct http_check *c)
{
    return c->location != NULL ? c->location : &c->http->servers->base;
}

/* Who a client would have asked for: the server's name, if it is one. */
static struct str host_of(const struct request *r, const struct proxy_pass *pass)
{
    struct str name = r->server->first_name;

    if (name.len == 0 || strchr("~.*_", name.data[0]) != NULL || str_find(name, '*') >= 0)
        return pass->host;
    return name;
}

static void set_question(struct request *r, struct str target, const struct proxy_pass *pass)
{
    struct str host = host_of(r, pass);
    struct uri uri;

    uri_parse(&uri, target, false, request_pool(r));
    r->method = METHOD_GET;
    r->method_text = STR("GET");
    r->version = 11;
    r->target = target;
    r->uri = uri.path;
    r->args = uri.args;
    r->ext = uri.ext;
    r->uri_raw_ok = true;
    r->uri_quoted = uri.quoted;
    r->has_host = true;
    r->host = host;
    fields_add(r->fields, STR("Host"), host, FIELD_HOST);
}

static void begin(struct probe *p)
{
    const struct http_check *c = check_of(p);
    struct http_talk *t = p->talk;
    struct ask *ask = conn_alloc(sizeof(*ask));
    struct request *r = &ask->r;

    t->ask = ask;
    ask->probe = p;
    ask->news.run = on_body;
    ask->read_all = wants_body(p) || p->check->keepalive_time_ms > 0;
    request_vars = c->vars;
    request_init(r, NULL, &wire, ask, &ask->in, &ask->out);
    fields_init(&ask->in, request_pool(r));
    fields_init(&ask->out, request_pool(r));
    r->post.run = on_post;
    r->server = location_of(c)->server;
    if (r->server->listens.count > 0)
        r->listen = *(struct listen_spec **)array_at(&r->server->listens, 0);
    request_enter(r, location_of(c));
    r->scope.conf = t->conf;
    r->log = p->log;
    set_question(r, p->check->uri, &t->pass);
    if (c->grpc != NULL)
        probe_grpc_question(r);
    if (c->memcached)
        scope_set(&r->scope, c->key, r->uri);
    r->line = pool_printf(request_pool(r), "%" STR_FMT " %" STR_FMT " HTTP/1.1",
                          STR_ARG(r->method_text), STR_ARG(r->target));
    post_now(&r->post);
}

const struct probe_ops probe_http = {
    .name = "http", .open = open_talk, .begin = begin, .cancel = cancel, .close = close_talk,
};
