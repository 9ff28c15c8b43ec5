/*
 * worker/proxy/proxy_way.c - what the configuration says of each server before it is tried.
 */
#include "worker/proxy/proxy_way.h"

#include "worker/net/proxy_protocol.h"
#include "worker/upstream/keepalive.h"

#define HEADER_MOST MAX(PROXY_V1_MOST, PROXY_V2_PRINTED)

/* proxy_protocol: who the client is. A health check has none. */
static struct str header_for(struct request *r, int64_t version)
{
    struct addr from = {.sa.sa_family = AF_UNSPEC}, to = from;
    char *out = pool_bytes(request_pool(r), HEADER_MOST);

    if (r->scope.conn != NULL && scope_client(&r->scope, &from) &&
        conn_local(r->scope.conn, &to) != RC_OK)
        to.sa.sa_family = AF_UNSPEC;
    return (struct str){out, version == 1 ? proxy_print_v1(&from, &to, out)
                                          : proxy_print_v2(&from, &to, out)};
}

static const struct dial_options *options_of(struct proxy_run *run)
{
    const struct dial_options *options = origin_dial_options(run->r, run->conf);
    struct dial_options *own;

    if (likely(run->dial.preface.len == 0))
        return options;
    own = pool_alloc(request_pool(run->r), sizeof(*own));
    *own = *options;
    own->keepalive = false;
    return own;
}

static bool allows(struct dial *d)
{
    struct proxy_run *run = CONTAINER(d, struct proxy_run, dial);

    if (run->conf->bind_dynamic)
        d->options = options_of(run);
    return run->conf->allow == NULL || origin_allows(run->r, run->conf);
}

struct login {
    const struct upstream_group *group;
    uint32_t client;
};

static void log_out(void *arg)
{
    const struct login *login = arg;

    keepalive_leave(login->group, login->client);
}

/* Who logs in by NTLM does so for a connection, not for a request (RFC 4559, 6). */
static void bind_client(struct proxy_run *run)
{
    struct str said = fields_value(run->r->fields, FIELD_AUTHORIZATION);
    struct conn *client = run->r->scope.conn;
    struct login *login;

    run->dial.client = client->log.conn_number;
    run->dial.binds = str_starts_nocase(said, STR("NTLM")) ||
                      str_starts_nocase(said, STR("Negotiate"));
    if (!run->dial.binds)
        return;
    login = pool_alloc(conn_pool(client), sizeof(*login));
    *login = (struct login){run->target->group, run->dial.client};
    pool_on_destroy(conn_pool(client), log_out, login);
}

void proxy_way_prepare(struct proxy_run *run)
{
    const struct origin_conf *conf = run->conf;

    if (unlikely(run->http != NULL && run->http->protocol != 0))
        run->dial.preface = header_for(run->r, run->http->protocol);
    run->dial.options = options_of(run);
    if (unlikely(conf->allow != NULL || (conf->bind_dynamic && conf->bind != NULL)))
        run->dial.allows = allows;
    if (unlikely(run->target->group->ntlm))
        bind_client(run);
}
