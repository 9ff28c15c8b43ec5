/*
 * worker/http/listen.c - the `listen` directive: parsing, and one address for all that share it.
 */
#include "worker/http/listen.h"

#include <unistd.h>

#include "common/conf_value.h"
#include "common/generation.h"

static void options_init(struct listen_spec *o)
{
    *o = (struct listen_spec){
        .backlog = 511, .rcvbuf = -1, .sndbuf = -1, .fastopen = -1, .ipv6only = 1, .keepalive = -1,
        .fd = -1,
    };
}

static bool positive(struct str text, int *out)
{
    int64_t n;

    if (!conf_int(text, &n) || n < 1 || n > INT32_MAX)
        return false;
    *out = (int)n;
    return true;
}

static bool size_value(struct str text, int *out)
{
    int64_t n;

    if (!conf_size(text, &n) || n < 1 || n > INT32_MAX)
        return false;
    *out = (int)n;
    return true;
}

/* so_keepalive=on|off|[idle]:[interval]:[count] */
static bool keepalive_value(struct str text, struct listen_spec *o)
{
    struct str parts[3];
    int64_t seconds;

    o->keepalive = 1;
    if (str_eq(text, STR("on")))
        return true;
    if (str_eq(text, STR("off"))) {
        o->keepalive = 0;
        return true;
    }
    for (int i = 0; i < 3; i++)
        parts[i] = str_cut(&text, ':');
    if (text.data != NULL || parts[0].len + parts[1].len + parts[2].len == 0)
        return false;
    for (int i = 0; i < 2; i++) {
        if (parts[i].len == 0)
            continue;
        if (!conf_sec(parts[i], &seconds) || seconds < 1 || seconds > INT32_MAX)
            return false;
        *(i == 0 ? &o->keepidle : &o->keepintvl) = (int)seconds;
    }
    return parts[2].len == 0 || positive(parts[2], &o->keepcnt);
}

/* One "key=value" option; *known is false when there is no such key. */
static bool read_value(const struct conf_call *call, uint32_t i, struct listen_spec *o, bool *known)
{
    struct str v;

    *known = true;
    if (conf_arg_is(call, i, "backlog=", &v))
        return positive(v, &o->backlog);
    if (conf_arg_is(call, i, "rcvbuf=", &v))
        return size_value(v, &o->rcvbuf);
    if (conf_arg_is(call, i, "sndbuf=", &v))
        return size_value(v, &o->sndbuf);
    if (conf_arg_is(call, i, "fastopen=", &v))
        return positive(v, &o->fastopen);
    if (conf_arg_is(call, i, "so_keepalive=", &v))
        return keepalive_value(v, o);
    if (conf_arg_is(call, i, "ipv6only=", &v)) {
        o->ipv6only = str_eq(v, STR("on"));
        return o->ipv6only || str_eq(v, STR("off"));
    }
    *known = false;
    return true;
}

/* One option without a value; false when there is no such word. */
static bool read_word(struct str word, struct listen_wish *w)
{
    static const struct str words[] = {STR_INIT("bind"), STR_INIT("reuseport"),
                                       STR_INIT("deferred"), STR_INIT("multipath")};
    bool *const flags[] = {&w->options.bind, &w->options.reuseport, &w->options.deferred,
                           &w->options.multipath};

    if (str_eq(word, STR("default_server")) || str_eq(word, STR("default"))) {
        w->is_default = true;
        return true;
    }
    if (str_eq(word, STR("ssl"))) {
        w->tls = true;
        return true;
    }
    if (str_eq(word, STR("proxy_protocol"))) {
        w->options.proxy_protocol = true;
        return true;
    }
    for (size_t i = 0; i < COUNT(words); i++) {
        if (str_eq(word, words[i])) {
            *flags[i] = true;
            w->set = true;
            return true;
        }
    }
    return false;
}

static bool read_option(struct conf_call *call, uint32_t i, struct listen_wish *w)
{
    struct str word = conf_arg(call, i);
    bool known;

    if (str_eq(word, STR("http2"))) {
        w->http2 = true;
        conf_warn(call, "the \"listen ... http2\" directive is deprecated, use the \"http2\" "
                        "directive instead");
        return true;
    }
    if (str_eq(word, STR("quic"))) {
        conf_fail_arg(call, i, "the \"%" STR_FMT "\" parameter of \"listen\" is not supported by "
                               "this version of Weir", STR_ARG(word));
        return false;
    }
    if (!read_value(call, i, &w->options, &known))
        return conf_fail_arg(call, i, "invalid parameter \"%" STR_FMT "\"", STR_ARG(word));
    if (known) {
        w->set = w->options.bind = true;
        return true;
    }
    if (str_starts(word, STR("accept_filter="))) {
        conf_warn(call, "accept filters are not supported on this platform, ignored");
        return true;
    }
    if (!read_word(word, w)) {
        conf_fail_arg(call, i, "invalid parameter \"%" STR_FMT "\"", STR_ARG(word));
        return conf_hint(call, "takes: %s", call->directive->args);
    }
    w->options.bind |= w->set;
    return true;
}

static struct listen_wish *new_wish(struct pool *pool, struct http_server *server,
                                    const struct conf_node *node)
{
    struct listen_wish *w = pool_zalloc(pool, sizeof(*w));

    options_init(&w->options);
    w->server = server;
    w->node = node;
    *server->last_wish = w;
    server->last_wish = &w->next;
    return w;
}

static bool load_one(struct conf_call *call, struct http_server *server, struct str address)
{
    struct listen_wish *w = new_wish(call->pool, server, call->node);
    const char *why;

    if (!addr_parse(&w->fixed, address, 80, &why)) {
        if (strcmp(why, "host is a name") == 0)
            w->address = addr_list_add(call->gen, call->node, address, 80, &why);
        if (w->address == NULL)
            return conf_fail_arg(call, 0, "%s in \"%" STR_FMT "\" of the \"listen\" directive", why,
                                 STR_ARG(conf_arg(call, 0)));
    }
    for (uint32_t i = 1; i < call->count; i++) {
        if (!read_option(call, i, w))
            return false;
    }
    return true;
}

static ssize_t find_last(struct str text, char c)
{
    ssize_t at = (ssize_t)text.len - 1;

    while (at >= 0 && text.data[at] != c)
        at--;
    return at;
}

/* "host:8080-8085", "8080-8085": what stands before the ports, and both of them. */
static bool read_ports(struct str text, struct str *host, int64_t *first, int64_t *last)
{
    ssize_t dash = find_last(text, '-'), start;

    if (dash < 0 || str_starts(text, STR("unix:")))
        return false;
    *host = (struct str){text.data, (size_t)dash};
    start = find_last(*host, ':') + 1;
    host->len = (size_t)start;
    return conf_int(str_range(text.data + start, text.data + dash), first) && *first > 0 &&
           conf_int(str_from(text, (size_t)dash + 1), last) && *last <= 65535;
}

bool listen_load(struct conf_call *call, struct http_server *server)
{
    int64_t first, last;
    struct str host;

    if (!read_ports(conf_arg(call, 0), &host, &first, &last))
        return load_one(call, server, conf_arg(call, 0));
    if (last < first)
        return conf_fail_arg(call, 0, "invalid port range in \"%" STR_FMT "\" of the \"listen\" "
                                      "directive", STR_ARG(conf_arg(call, 0)));
    for (int64_t port = first; port <= last; port++)
        if (!load_one(call, server, pool_printf(call->pool, "%" STR_FMT "%d", STR_ARG(host),
                                                (int)port)))
            return false;
    return true;
}

static void add_default(struct generation *gen, struct http_server *server)
{
    struct listen_wish *w = new_wish(gen->pool, server, server->node);
    const char *why;

    addr_parse(&w->fixed, geteuid() == 0 ? STR("*:80") : STR("*:8000"), 80, &why);
}

static struct http_address *address_of(struct generation *gen, struct listen_spec *spec, bool fresh)
{
    struct http_address *a;

    if (!fresh)
        return spec->owner;
    a = pool_zalloc(gen->pool, sizeof(*a));
    a->spec = spec;
    a->servers = array_of(struct http_server *, gen->pool);
    spec->family = FAMILY_HTTP;
    spec->owner = a;
    return a;
}

/* The socket's options come from one of its `listen` lines; two that both give some must not be. */
static bool take_options(struct generation *gen, struct http_address *a, struct listen_wish *w)
{
    struct listen_spec *spec = a->spec, kept = *spec;

    if (w->options.proxy_protocol)
        spec->proxy_protocol = true;
    if (!w->set)
        return true;
    if (a->options_node != NULL)
        return conf_fail_at(gen, w->node, "duplicate listen options for %" STR_FMT,
                            STR_ARG(spec->text));
    a->options_node = w->node;
    *spec = w->options;
    spec->addr = kept.addr;
    spec->kind = kept.kind;
    spec->family = kept.family;
    spec->owner = kept.owner;
    spec->node = w->node;
    spec->text = kept.text;
    spec->next = kept.next;
    spec->proxy_protocol |= kept.proxy_protocol;
    if (spec->addr.sa.sa_family != AF_INET6)
        spec->ipv6only = -1;
    return true;
}

/* One `listen` of an address with `ssl` makes all of it TLS, as in nginx. */
static void take_tls(struct generation *gen, struct http_address *a, const struct listen_wish *w)
{
    if (a->servers.count > 1 && a->tls != w->tls && !a->tls_warned) {
        conf_warn_at(gen, w->node, "protocol options redefined for %" STR_FMT,
                     STR_ARG(a->spec->text));
        a->tls_warned = true;
    }
    if (w->tls && !a->tls)
        a->tls_node = w->node;
    a->tls |= w->tls;
    a->http2 |= w->http2;
}

static bool take_default(struct generation *gen, struct http_address *a, struct listen_wish *w)
{
    if (a->servers.count == 1)
        a->first = w->server;
    if (!w->is_default)
        return true;
    if (a->default_node != NULL)
        return conf_fail_at(gen, w->node, "a duplicate default server for %" STR_FMT,
                            STR_ARG(a->spec->text));
    a->default_node = w->node;
    a->first = w->server;
    return true;
}

static bool add_address(struct generation *gen, struct listen_wish *w, const struct addr *addr)
{
    bool fresh;
    struct listen_spec *spec = listen_spec_get(gen, addr, LISTEN_TCP, &fresh);
    struct http_address *a = address_of(gen, spec, fresh);
    size_t last = a->servers.count;

    if (fresh)
        spec->node = w->node;
    if (last > 0 && *(struct http_server **)array_at(&a->servers, last - 1) == w->server)
        return conf_fail_at(gen, w->node, "a duplicate listen %" STR_FMT, STR_ARG(spec->text));
    *(struct http_server **)array_push(&a->servers) = w->server;
    *(struct listen_spec **)array_push(&w->server->listens) = spec;
    take_tls(gen, a, w);
    return take_options(gen, a, w) && take_default(gen, a, w);
}

static bool finish_server(struct generation *gen, struct http_server *server)
{
    bool good = true;

    if (server->wishes == NULL)
        add_default(gen, server);
    for (struct listen_wish *w = server->wishes; w != NULL; w = w->next) {
        if (w->address == NULL) {
            good &= add_address(gen, w, &w->fixed);
            continue;
        }
        for (uint32_t i = 0; i < w->address->count; i++)
            good &= add_address(gen, w, &w->address->addrs[i]);
    }
    return good;
}

bool listen_finish(struct generation *gen, struct http_conf *http)
{
    bool good = true;

    for (struct http_server *server = http->servers; server != NULL; server = server->next)
        good &= finish_server(gen, server);
    return good;
}
