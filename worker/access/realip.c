/*
 * worker/access/realip.c - the client's address as a trusted proxy tells it.
 *
 * Asked twice: when the request was read, for what the server says, and when its location is known,
 * for what that says; the first answer holds. The connection keeps its own peer.
 */
#include "worker/access/realip.h"

#include "common/fmt.h"
#include "common/generation.h"
#include "worker/http/phase.h"
#include "worker/http/server.h"
#include "worker/net/proxy_protocol.h"
#include "worker/vars/forwarded.h"

static uint32_t realip_index;

enum source_kind { FROM_FIELD, FROM_LIST, FROM_PROXY };

struct realip_conf {
    struct trusted *from;       /* NULL: nobody is trusted */
    struct array *all;          /* struct trusted *, of all scopes: built when names are known */
    enum source_kind kind;
    struct str field;
    bool recursive;
};

/* Configuration -------------------------------------------------------------------------------- */

static struct array *all_of(struct conf_call *call)
{
    struct realip_conf *conf = call->conf;

    if (conf->all == NULL) {
        conf->all = pool_alloc(call->pool, sizeof(*conf->all));
        *conf->all = array_of(struct trusted *, call->pool);
    }
    return conf->all;
}

static bool set_from(struct conf_call *call)
{
    struct realip_conf *conf = call->conf;

    if (conf->from == NULL) {
        conf->from = pool_alloc(call->pool, sizeof(*conf->from));
        trusted_init(conf->from, call->pool);
        *(struct trusted **)array_push(all_of(call)) = conf->from;
    }
    return trusted_add(call, call->node, 1, true, conf->from);
}

static bool set_header(struct conf_call *call)
{
    struct realip_conf *conf = call->conf;

    all_of(call); /* the outermost scope comes here, if only for the default */
    conf->field = conf_arg(call, 0);
    conf->kind = str_eq(conf->field, STR("proxy_protocol"))              ? FROM_PROXY
                 : str_eq_nocase(conf->field, STR("X-Forwarded-For")) ? FROM_LIST
                                                                        : FROM_FIELD;
    return true;
}

static bool load_done(struct generation *gen)
{
    const struct http_conf *http = gen->http;

    if (http == NULL || http->scope == NULL)
        return true;
    EACH (struct trusted *, trusted, CONF(http->scope, realip_index, struct realip_conf)->all)
        trusted_build(*trusted, gen->pool);
    return true;
}

static const struct directive directives[] = {
    {.name = "set_real_ip_from", .where = IN_WEB, .args = "address|CIDR|unix:", .apply = set_from,
     .field = FIELD(struct realip_conf, from), .repeat = true,
     .doc = "A proxy that is believed what it says about its client's address."},
    {.name = "real_ip_header", .where = IN_WEB, .args = "field|proxy_protocol",
     .apply = set_header, .initial = "X-Real-IP",
     .doc = "Where such a proxy says it: a header field, or the PROXY header."},
    {.name = "real_ip_recursive", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = FIELD(struct realip_conf, recursive), .initial = "off",
     .doc = "Go back over all trusted addresses of the list, not one."},
};

/* At run time ---------------------------------------------------------------------------------- */

static struct str joined_fields(struct request *r, enum field_id id)
{
    const struct http_field *f = fields_find(r->fields, id);
    struct str text = f == NULL ? STR_NONE : f->value;

    while (f != NULL && (f = fields_next_same(r->fields, f)) != NULL)
        text = pool_printf(request_pool(r), "%" STR_FMT ", %" STR_FMT, STR_ARG(text),
                           STR_ARG(f->value));
    return text;
}

/* What the proxy says; data NULL: nothing. */
static struct str find_claim(struct request *r, const struct realip_conf *conf)
{
    const struct proxy_header *header = conn_proxy(r->scope.conn);
    const struct http_field *field;
    char *text;

    switch (conf->kind) {
    case FROM_LIST:
        return joined_fields(r, FIELD_X_FORWARDED_FOR);
    case FROM_FIELD:
        field = fields_find_name(r->fields, conf->field);
        return field == NULL ? STR_NONE : field->value;
    case FROM_PROXY:
        break;
    }
    if (header == NULL)
        return STR_NONE;
    text = pool_bytes(request_pool(r), ADDR_TEXT);
    return (struct str){text, addr_print(&header->from, text, ADDR_TEXT)};
}

static enum verdict find_client(struct request *r)
{
    const struct realip_conf *conf = REQUEST_CONF(r, realip_index, struct realip_conf);
    struct addr addr, *kept;
    struct str claim;

    if (conf->from == NULL || r->scope.client != NULL || r->scope.conn == NULL)
        return GO_ON;
    claim = find_claim(r, conf);
    conn_peer(r->scope.conn, &addr);
    if (claim.data == NULL || !forwarded_addr(conf->from, claim, conf->recursive, &addr))
        return GO_ON;
    kept = pool_alloc(request_pool(r), sizeof(*kept));
    *kept = addr;
    r->scope.client = kept;
    return GO_ON;
}

/* The connection's own peer. */
static void get_peer_host(struct scope *scope, struct var_value *out, uintptr_t data)
{
    char *text = pool_bytes(scope->pool, ADDR_TEXT);
    struct addr peer;

    if (scope->conn == NULL) {
        var_missing(out);
        return;
    }
    conn_peer(scope->conn, &peer);
    var_found(out, (struct str){text, addr_print_host(&peer, text, ADDR_TEXT)});
}

static void get_peer_port(struct scope *scope, struct var_value *out, uintptr_t data)
{
    char *text = pool_bytes(scope->pool, 20);
    struct addr peer;

    if (scope->conn == NULL) {
        var_missing(out);
        return;
    }
    conn_peer(scope->conn, &peer);
    if (addr_port(&peer) == 0)
        var_found(out, STR(""));
    else
        var_found(out, str_range(text, fmt_uint(text, (uint64_t)addr_port(&peer))));
}

static const struct var_def variables[] = {
    {.name = "realip_remote_addr", .get = get_peer_host},
    {.name = "realip_remote_port", .get = get_peer_port},
};

const struct module realip_module = {
    .name = "realip", .nginx_name = "http_realip_module",
    .doc = "The client's address as a trusted proxy tells it.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct realip_conf),
    .variables = TABLE(variables), .load_done = load_done,
    .phase = PHASE_POST_READ, .handler = find_client, .index = &realip_index,
    .idle_without = &realip_module,
};

const struct module realip_late_module = {
    .name = "realip_late", .doc = "The same for what a location says.",
    .family = FAMILY_HTTP,
    .phase = PHASE_PREACCESS, .handler = find_client,
    .idle_without = &realip_module,
};
