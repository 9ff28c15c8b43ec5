/*
 * worker/h1/h1_begin.c - what comes before a connection's first request: a PROXY header, a TLS
 * handshake.
 */
#include "worker/h1/h1_conn.h"
#include "worker/http/http_core.h"
#include "worker/http/http_ssl.h"
#include "worker/http/server_names.h"
#include "worker/net/proxy_protocol.h"
#include "worker/net/tls.h"

#define PROXY_HEADER_MAX 4096

enum h1_state h1_step_proxy(struct h1_conn *c)
{
    struct proxy_header header;
    const char *why;
    ssize_t n;

    if (c->in.start == NULL)
        buf_take(&c->in, PROXY_HEADER_MAX);
    n = conn_recv(&c->conn, c->in.last, buf_room(&c->in));
    if (n == CONN_AGAIN)
        return H1_PROXY;
    if (n <= 0)
        return H1_CLOSED;
    c->in.last += n;
    switch (proxy_parse(buf_str(&c->in), &header, &why)) {
    case PROXY_MORE:
        return buf_room(&c->in) > 0 ? H1_PROXY : H1_CLOSED;
    case PROXY_BAD:
        log_error(&c->conn.log, LOG_ERROR, 0, "broken header: %s while reading PROXY protocol",
                  why);
        return H1_CLOSED;
    case PROXY_DONE:
        break;
    }
    c->in.pos += header.bytes;
    conn_set_proxy(&c->conn, &header);
    if (buf_used(&c->in) == 0)
        buf_give(&c->in);
    return c->address->tls ? H1_SECURE : H1_WAIT;
}

/* The server that a client asks for in its handshake; its Host may yet name another. */
static const struct tls_host *pick_host(struct conn *conn, struct str name)
{
    struct h1_conn *c = CONTAINER(conn, struct h1_conn, conn);

    if (name.len > 0) {
        c->server = server_names_find(NULL, c->address, name);
        c->conf = c->server->scope->conf[http_core_index];
    }
    return http_ssl_host(c->server);
}

static bool speaks_h2(const struct h1_conn *c)
{
    return wire_h2 != NULL && wire_h2->allowed(c->address, c->server);
}

static struct str protocols(struct conn *conn)
{
    if (speaks_h2(CONTAINER(conn, struct h1_conn, conn)))
        return STR("\x02h2\x08http/1.1\x08http/1.0\x08http/0.9");
    return STR("\x08http/1.1\x08http/1.0\x08http/0.9");
}

enum h1_state h1_step_secure(struct h1_conn *c)
{
    if (c->conn.tls == NULL)
        tls_accept(&c->conn, http_ssl_host(c->server), pick_host, protocols, &c->in);
    switch (tls_handshake(&c->conn)) {
    case TLS_DONE:
        return str_eq(tls_protocol(&c->conn), STR("h2")) ? H1_SWITCH : H1_WAIT;
    case TLS_WAIT:
        return H1_SECURE;
    case TLS_PLAIN:
        tls_end(&c->conn, &c->in);
        return H1_WAIT;
    case TLS_FAILED:
        break;
    }
    return H1_CLOSED;
}
