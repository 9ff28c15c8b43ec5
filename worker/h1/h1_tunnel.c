/*
 * worker/h1/h1_tunnel.c - a connection that carries no requests any more: somebody else's bytes.
 */
#include "common/clock.h"
#include "worker/h1/h1_conn.h"
#include "worker/http/http_core.h"
#include "worker/http/intake.h"

/* RFC 9110, 9.3.6: there is no path. Locations are found as for "/". */
enum uri_fault h1_connect_target(struct h1_conn *c)
{
    struct request *r = &c->stream->r;
    enum uri_fault fault = intake_target(r, STR("/"));

    r->target = c->stream->heads->in.target;
    r->uri_raw_ok = false;
    return fault;
}

/* Behind what was read, or in the pool. */
static void *room_for(struct h1_conn *c, size_t bytes)
{
    char *at = c->in.last + (-(uintptr_t)c->in.last & 15);

    if (at > c->in.end || bytes > (size_t)(c->in.end - at))
        return pool_alloc(request_pool(&c->stream->r), bytes);
    c->in.pos = c->in.last = at + bytes;
    return at;
}

/* A tunnel may be silent for days, and only the line in the log will look back at the heads: they
   are kept as small as they are. */
static void pack_heads(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;
    struct request *r = &s->r;

    r->fields = fields_pack(r->fields, room_for(c, fields_packed_bytes(r->fields)));
    r->out.fields = fields_pack(r->out.fields, room_for(c, fields_packed_bytes(r->out.fields)));
    h1_heads_give(s->heads);
    s->heads = NULL;
    buf_give(&s->head);
}

static void begin_tunnel(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;

    s->tunnel = s->take(&s->r, &c->conn, buf_str(&c->in));
    pack_heads(c);
    c->in.pos = c->in.last;
}

/* What the client still sends when the other side has ended must not cost it that side's last
   bytes. */
static enum h1_state end_tunnel(struct h1_conn *c)
{
    c->linger_until_ms = clock_mono_ms + c->conf->lingering_time_ms;
    return c->conn.ev.hangup || c->conn.ev.failed ? H1_CLOSED : H1_LINGER;
}

enum h1_state h1_step_tunnel(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;

    if (s->tunnel_over)
        return end_tunnel(c);
    if (s->tunnel == NULL)
        begin_tunnel(c);
    else
        post_now(s->tunnel);
    return H1_TUNNEL;
}
