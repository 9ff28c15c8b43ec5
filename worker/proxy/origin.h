/*
 * worker/proxy/origin.h - what is configured alike for every protocol spoken to origins.
 *
 * The configuration struct of each such module begins with a struct origin_conf, so that the
 * machine (proxy_run) and the rows (origin_rows.h) serve them all.
 */
#pragma once

#include "common/module.h"
#include "common/template.h"
#include "worker/http/location.h"
#include "worker/proxy/name_set.h"
#include "worker/proxy/origin_tls.h"
#include "worker/upstream/dial.h"

struct conf_call;
struct request;
struct origin_schemes;
struct temp_path;

/* ..._next_upstream, beyond the faults that dial knows. */
enum {
    NEXT_ERROR = DIAL_ERROR,
    NEXT_TIMEOUT = DIAL_TIMEOUT,
    NEXT_DENIED = DIAL_DENIED,
    NEXT_INVALID_HEADER = DIAL_INVALID,
    NEXT_500 = DIAL_500,
    NEXT_502 = DIAL_502,
    NEXT_503 = DIAL_503,
    NEXT_504 = DIAL_504,
    NEXT_403 = DIAL_403,
    NEXT_404 = DIAL_404,
    NEXT_429 = DIAL_429,
    NEXT_NON_IDEMPOTENT = 1 << 12,
    NEXT_OFF = 1 << 13,
    NEXT_SAME = 1 << 14,
};

/* ..._ignore_headers. */
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

/* Where a request is passed: known at load, or worked out of `url` for each request. */
struct proxy_pass {
    struct template *url;         /* with variables; NULL: all else is set */
    struct upstream_group *group; /* NULL: `lookup` has to be resolved for this request */
    struct str lookup;
    int lookup_port;
    struct str scheme;            /* "http://" */
    struct str host;              /* $proxy_host: with the port unless it is the default */
    struct str port;              /* $proxy_port */
    struct str uri;               /* empty: the request's own is passed */
    struct str base;              /* scheme, host and uri: what `proxy_redirect default` replaces */
    struct location *location;
    bool tls;                     /* spoken to over TLS; may be, where `url` says */
    const struct origin_schemes *schemes; /* of other passes than proxy_pass */
};

struct origin_conf {
    struct proxy_pass *pass;
    bool pass_headers, pass_body;
    bool pass_request_trailers;   /* fields behind the body: for codecs that can send them */
    bool open_ended;              /* a body of unknown length can be sent as it arrives */
    struct template *set_body;    /* sent in place of the client's body */

    struct array *hide, *pass_names; /* struct str */
    const struct array *hidden_of[2];
    struct name_set *hidden;
    int64_t ignore;               /* IGNORE_... */
    bool intercept_errors;

    bool buffering, request_buffering, force_ranges;
    int64_t buffer_bytes;
    struct buf_count buffers;
    int64_t limit_rate;           /* bytes per second; 0: none */
    int64_t busy_bytes, max_temp_bytes, temp_write_bytes;
    struct temp_path *temp;

    struct origin_tls tls;
    struct dial_options dial;
    int64_t send_timeout_ms, read_timeout_ms, send_lowat;
    int64_t total_timeout_ms;     /* for all tries and the whole answer; 0: any time */
    int64_t next;                 /* NEXT_... */
    bool ignore_client_abort;
    struct template *store;       /* the path of a file for the answer; NULL: none */
    bool store_by_uri;            /* or the one that root or alias give */
    int64_t store_access;         /* mode of such files */
    struct template *bind;        /* with variables; else it is in `dial` */
    bool bind_dynamic;            /* which are asked for each try */
    struct array *allow;          /* struct template *: a server may be connected to if all say so;
                                     NULL: any may */
};

extern const struct word origin_ignore_words[];

/* Apply functions of the shared rows. */
bool origin_set_bind(struct conf_call *call);
bool origin_set_allow(struct conf_call *call);
bool origin_set_backoff(struct conf_call *call);
bool origin_set_budget(struct conf_call *call);
bool origin_set_temp_path(struct conf_call *call);
bool origin_set_hide(struct conf_call *call);
bool origin_set_pass_header(struct conf_call *call);

/* From a module's scope_done: checks and derives. `hidden`: the fields of answers that clients see
   only if told by ..._pass_header; NULL ends them. The module's name is the directives' prefix. */
bool origin_finish(struct conf_call *call, const char *const *hidden);

/* Options for the way of a request: conf->dial, or what variables make of it, in the pool. */
const struct dial_options *origin_dial_options(struct request *r, const struct origin_conf *conf);

/* ..._allow_upstream, for the server that is about to be tried. */
bool origin_allows(struct request *r, const struct origin_conf *conf);

/* An array that a repeated directive fills, made when first needed. */
struct array *origin_list(struct conf_call *call, struct array **list, size_t item_bytes);
