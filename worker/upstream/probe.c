/*
 * worker/upstream/probe.c - what all health checks have in common: a peer apart from its group, and
 * a log that says which check speaks.
 */
#include "worker/upstream/probe.h"

#include <errno.h>
#include <stdio.h>

#include "worker/upstream/balancer.h"
#include "worker/upstream/keepalive.h"

static size_t describe(const void *about, char *out, size_t room)
{
    const struct probe *p = about;
    int n = snprintf(out, room,
                     ", health check \"%" STR_FMT "\" of peer %" STR_FMT " in upstream \"%" STR_FMT
                     "\"",
                     STR_ARG(p->check->match_name), STR_ARG(p->peer.name),
                     STR_ARG(p->check->group->name));

    return n < 0 ? 0 : MIN((size_t)n, room);
}

static void set_peer(struct probe *p, const struct peer *peer)
{
    p->peer = (struct peer){.addr = peer->addr, .server = &p->server, .group = &p->group,
                            .id = PEER_FOUND};
    if (p->check->port > 0 && peer->addr.sa.sa_family != AF_UNIX)
        addr_set_port(&p->peer.addr, (int)p->check->port);
    p->peer.name = (struct str){p->name, addr_print(&p->peer.addr, p->name, sizeof(p->name))};
}

void probe_open(struct probe *p, const struct health_check *check, const struct peer *peer,
                struct post *done)
{
    bool keeps = check->keepalive_time_ms > 0;

    *p = (struct probe){
        .check = check, .done = done, .server = {.weight = 1},
        .conf = {.keepalive = keeps, .keepalive_time_ms = check->keepalive_time_ms,
                 .keepalive_timeout_ms = check->keepalive_time_ms,
                 .keepalive_requests = INT64_MAX},
    };
    set_peer(p, peer);
    group_live_init(&p->live);
    p->group = (struct upstream_group){
        .name = p->peer.name, .implicit = true, .single = true, .peers = &p->peer, .primaries = 1,
        .tries = 1, .balancer = &in_order, .conf = &p->conf, .live = &p->live, .id = PEER_PASSING,
    };
    if (check->ops->open != NULL)
        check->ops->open(p);
}

void probe_close(struct probe *p)
{
    if (p->asking)
        p->check->ops->cancel(p);
    p->asking = false;
    keepalive_close_all(&p->live);
    if (p->check->ops->close != NULL)
        p->check->ops->close(p);
}

void probe_begin(struct probe *p, bool quiet)
{
    must(!p->asking);
    p->log = process_log;
    p->log.describe = describe;
    p->log.about = p;
    if (quiet)
        p->log.level = MIN(p->log.level, LOG_CRIT);
    p->log.doing = "connecting to upstream";
    p->asking = true;
    p->check->ops->begin(p);
}

void probe_time_out(struct probe *p)
{
    must(p->asking);
    p->asking = false;
    p->passed = p->unasked = false;
    p->status = 0;
    p->fault = NULL;
    p->check->ops->cancel(p);
    p->log.doing = p->fault;
    log_error(&p->log, LOG_ERROR, ETIMEDOUT, "health check timed out");
}

void probe_end(struct probe *p, uint16_t status, const char *fault, enum dial_fault dialled)
{
    must(p->asking);
    p->asking = false;
    p->unasked = dialled == DIAL_LOCAL;
    p->passed = fault == NULL;
    p->status = status;
    p->fault = fault;
    post_now(p->done);
}
