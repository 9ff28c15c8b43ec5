/*
 * worker/proxy/proxy_url.h - the URL of a proxy_pass: taken apart at load, or for each request.
 */
#pragma once

#include "worker/http/request.h"
#include "worker/proxy/proxy.h"

struct proxy_url {
    struct str scheme, host_port, uri;
    struct str host, port; /* as $proxy_host and $proxy_port have them */
    int default_port;
    bool tls;              /* https */
};

/* "http://host:port/uri", "https://host", "http://unix:/path:/uri". NULL, or what is wrong. */
const char *proxy_url_split(struct pool *pool, struct str text, struct proxy_url *out);

/* Applies one proxy_pass. */
bool proxy_url_load(struct conf_call *call);

/*
 * Where this request goes: the configuration's, or worked out in the pool; if its group is NULL a
 * name has to be looked up first. Without an answer: NULL, logged, and *status is what to say.
 */
const struct proxy_pass *proxy_url_target(struct request *r, const struct proxy_pass *pass,
                                          int *status);
