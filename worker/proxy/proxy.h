/*
 * worker/proxy/proxy.h - settings of proxy_pass and its kin: a struct for http, server, location.
 */
#pragma once

#include "worker/proxy/origin.h"

struct scope_regex;

/* One field to send, in order. */
enum send_kind {
    SEND_TEMPLATE, SEND_HOST, SEND_CONNECTION, SEND_LENGTH, SEND_CODING,
    SEND_TRAILERS, /* TE, where the client's lists trailers and the protocol has them */
};

struct send_field {
    struct str name;
    uint8_t id;                   /* enum field_id */
    enum send_kind kind;
    struct template *value;
};

/* What is sent to the origin: the configured fields, then ours that they do not replace; the
   client's follow, but for names in `replaced`. */
struct send_plan {
    const struct array *source;   /* the proxy_set_header list it was made of */
    struct send_field *fields;
    uint32_t count;
    struct name_set replaced;
    bool sets_upgrade;            /* Upgrade is configured: proxy_upgrade has no say */
    bool sets_connection;         /* so is Connection */
};

/* proxy_redirect, proxy_cookie_domain, proxy_cookie_path. */
struct rewrite_rule {
    struct template *from;        /* NULL: the target of proxy_pass (`default`) */
    struct scope_regex *regex;
    struct template *to;
};

struct proxy_conf {
    struct origin_conf origin;    /* first */
    struct array *set_headers;    /* struct send_field */
    struct send_plan *plan;
    struct template *method;
    int64_t http_version;         /* 10, 11, 20 */
    int64_t upgrade;              /* UPGRADE_... */
    int64_t protocol;             /* the version of the PROXY header sent first; 0: none */

    struct array *redirects;      /* struct rewrite_rule; NULL: default */
    struct array *cookie_domains, *cookie_paths;
    struct array *cookie_flags;   /* struct cookie_rule */
    bool pass_trailers;
    int64_t hash_size;            /* of tables that size themselves */
};

extern const struct module proxy_module;
extern uint32_t proxy_index;

#define PROXY_CONF(r) REQUEST_CONF(r, proxy_index, struct proxy_conf)
