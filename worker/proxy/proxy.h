/*
 * worker/proxy/proxy.h - settings of proxy_pass and its kin: a struct for http, server, location.
 */
#pragma once

#include "common/hash.h"
#include "common/module.h"
#include "common/template.h"
#include "worker/http/location.h"
#include "worker/upstream/dial.h"

struct scope_regex;
struct temp_path;

/* proxy_next_upstream, beyond the faults that dial knows. */
enum {
    NEXT_ERROR = DIAL_ERROR,
    NEXT_TIMEOUT = DIAL_TIMEOUT,
    NEXT_INVALID_HEADER = 1 << 4,
    NEXT_500 = 1 << 5,
    NEXT_502 = 1 << 6,
    NEXT_503 = 1 << 7,
    NEXT_504 = 1 << 8,
    NEXT_403 = 1 << 9,
    NEXT_404 = 1 << 10,
    NEXT_429 = 1 << 11,
    NEXT_NON_IDEMPOTENT = 1 << 12,
    NEXT_OFF = 1 << 13,
};

/* proxy_ignore_headers. */
enum {
    IGNORE_ACCEL_REDIRECT = 1 << 0,
    IGNORE_ACCEL_EXPIRES = 1 << 1,
    IGNORE_ACCEL_LIMIT_RATE = 1 << 2,
    IGNORE_ACCEL_BUFFERING = 1 << 3,
    IGNORE_ACCEL_CHARSET = 1 << 4,
    IGNORE_EXPIRES = 1 << 5,
    IGNORE_CACHE_CONTROL = 1 << 6,
    IGNORE_SET_COOKIE = 1 << 7,
    IGNORE_VARY = 1 << 8,
};

/* Where a proxy_pass leads: known at load, or worked out of `url` for each request. */
struct proxy_pass {
    struct template *url;         /* with variables; NULL: all else is set */
    struct upstream_group *group;
    struct str scheme;            /* "http://" */
    struct str host;              /* $proxy_host: with the port unless it is the default */
    struct str port;              /* $proxy_port */
    struct str uri;               /* empty: the request's own is passed */
    struct str base;              /* scheme, host and uri: what `proxy_redirect default` replaces */
    struct location *location;
};

/* One field to send, in order. */
enum send_kind { SEND_TEMPLATE, SEND_HOST, SEND_CONNECTION, SEND_LENGTH, SEND_CODING };

struct send_field {
    struct str name;
    uint8_t id;                   /* enum field_id */
    enum send_kind kind;
    struct template *value;
};

/* A set of field names. */
struct name_set {
    uint64_t ids[(FIELD_IDS + 63) / 64];
    struct hash others;           /* names without an id */
};

/* What is sent to the origin: the configured fields, then ours that they do not replace; the
   client's follow, but for names in `replaced`. */
struct send_plan {
    const struct array *source;   /* the proxy_set_header list it was made of */
    struct send_field *fields;
    uint32_t count;
    struct name_set replaced;
};

enum rewrite_kind { REWRITE_TEXT, REWRITE_REGEX };

/* proxy_redirect, proxy_cookie_domain, proxy_cookie_path. */
struct rewrite_rule {
    struct template *from;        /* NULL: the target of proxy_pass (`default`) */
    struct scope_regex *regex;
    struct template *to;
};

struct proxy_conf {
    struct proxy_pass *pass;
    struct array *set_headers;    /* struct send_field */
    struct send_plan *plan;
    struct template *set_body, *method;
    bool pass_headers, pass_body;
    int64_t http_version;         /* 10, 11 */

    struct array *redirects;      /* struct rewrite_rule; NULL: default */
    struct array *cookie_domains, *cookie_paths;
    struct array *cookie_flags;   /* struct cookie_rule */
    struct array *hide, *pass_names; /* struct str */
    const struct array *hidden_of[2];
    struct name_set *hidden;
    int64_t ignore;               /* IGNORE_... */
    bool intercept_errors, pass_trailers;

    bool buffering, request_buffering;
    int64_t buffer_bytes;
    struct buf_count buffers;
    int64_t limit_rate;           /* bytes per second; 0: none */
    int64_t busy_bytes, max_temp_bytes, temp_write_bytes;
    struct temp_path *temp;

    struct dial_options dial;
    int64_t send_timeout_ms, read_timeout_ms;
    int64_t next;                 /* NEXT_... */
    bool ignore_client_abort;
    int64_t hash_size;            /* of tables that size themselves */
    struct addr *bind;
};

extern const struct module proxy_module;
extern uint32_t proxy_index;

#define PROXY_CONF(r) REQUEST_CONF(r, proxy_index, struct proxy_conf)

bool name_set_has(const struct name_set *set, struct str name, uint8_t id);
