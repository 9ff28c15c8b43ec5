/*
 * worker/proxy/proxy_way.c - what the configuration says of each server before it is tried.
 */
#include "worker/proxy/proxy_way.h"

static bool allows(struct dial *d)
{
    struct proxy_run *run = CONTAINER(d, struct proxy_run, dial);

    if (run->conf->bind_dynamic)
        d->options = origin_dial_options(run->r, run->conf);
    return run->conf->allow == NULL || origin_allows(run->r, run->conf);
}

void proxy_way_prepare(struct proxy_run *run)
{
    const struct origin_conf *conf = run->conf;

    run->dial.options = origin_dial_options(run->r, conf);
    if (unlikely(conf->allow != NULL || (conf->bind_dynamic && conf->bind != NULL)))
        run->dial.allows = allows;
}
