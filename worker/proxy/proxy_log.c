/*
 * worker/proxy/proxy_log.c - what log lines say of a request that is on its way to an origin.
 */
#include <stdio.h>

#include "worker/codec/escape.h"
#include "worker/proxy/proxy_run.h"

void proxy_log_doing(struct proxy_run *run, const char *doing)
{
    run->r->log.doing = doing;
    if (run->dial.exchange != NULL)
        run->dial.exchange->conn.log.doing = doing;
}

size_t proxy_log_describe(const struct proxy_pass *target, const struct dial *d, struct str uri,
                          char *out, size_t room)
{
    struct str peer;
    char escaped[512];
    int n;

    if (d->tries == NULL)
        return 0;
    peer = d->peer != NULL ? d->peer->name : target->group->name;
    n = snprintf(out, room, ", upstream: \"%" STR_FMT "%" STR_FMT "%s%.*s\"",
                 STR_ARG(target->scheme), STR_ARG(peer), str_starts(peer, STR("unix:")) ? ":" : "",
                 (int)log_escape(escaped, sizeof(escaped), uri), escaped);
    return n < 0 ? 0 : MIN((size_t)n, room);
}
