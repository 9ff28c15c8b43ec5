/*
 * worker/http/http_ssl.h - TLS for http: the directives, and what a request owes to its handshake.
 */
#pragma once

#include "common/module.h"
#include "worker/http/request.h"
#include "worker/net/tls_cert_cache.h"
#include "worker/net/tls_context.h"
#include "worker/net/tls_ocsp.h"
#include "worker/net/tls_staple.h"

struct http_address;
struct http_server;

struct http_ssl_conf {
    struct tls_settings tls;
    struct array *certificates, *keys;  /* struct tls_file */
    struct str password_file;
    struct tls_staple_settings staple;
    struct tls_ocsp_settings ocsp;
    struct tls_cert_cache_conf cache;
    bool watch;
    int64_t expiry_warn_s;
    bool reject;
    bool loaded;                        /* `host` is filled in */
    struct tls_host host;
};

extern const struct module http_ssl_module;
extern uint32_t http_ssl_index;

/* What a new connection to the address shows until its client says whom it wants. */
const struct tls_host *http_ssl_host(const struct http_server *server);
