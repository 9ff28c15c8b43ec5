/*
 * worker/http/http_core.h - the http core module's settings, one struct for http, server, location.
 */
#pragma once

#include "common/module.h"
#include "common/template.h"

struct mime_table;

struct http_core_conf {
    /* Reading requests (http, server). */
    int64_t client_header_timeout_ms;
    int64_t client_header_buffer_bytes;
    struct buf_count large_header_buffers;
    int64_t max_headers;
    int64_t connection_pool_bytes, request_pool_bytes;
    bool ignore_invalid_headers, underscores_in_headers, merge_slashes;

    /* Bodies. */
    int64_t client_max_body_bytes;    /* 0: any */
    int64_t client_body_buffer_bytes;
    int64_t client_body_timeout_ms;
    struct temp_path *client_body_temp;
    int64_t client_body_in_file_only; /* enum */
    bool client_body_in_single_buffer;

    /* Files. */
    struct template *root;            /* absolute; `root` or `alias` */
    int64_t alias_len;                /* 0: root; else how much of the uri `alias` replaces */
    const struct conf_node *path_node;/* the block that set root or alias */
    struct mime_table *types;
    struct str default_type;
    bool sendfile;
    int64_t sendfile_max_chunk;
    int64_t if_modified_since;        /* enum: 0 off, 1 exact, 2 before */
    int64_t max_ranges;               /* -1: no limit */
    bool etag, log_not_found;
    struct buf_count output_buffers;

    /* Sending. */
    bool tcp_nopush, tcp_nodelay, chunked, reset_timedout;
    int64_t send_timeout_ms, send_lowat, postpone_output;

    /* The connection. */
    int64_t keepalive_timeout_ms;     /* 0: off */
    int64_t keepalive_header_s;       /* Keep-Alive: timeout=; 0: not sent */
    int64_t keepalive_min_timeout_ms;
    bool keepalive_min_set;
    int64_t keepalive_requests, keepalive_time_ms;
    int64_t keepalive_disable;        /* bits: msie6, safari */
    int64_t lingering;                /* enum: 0 off, 1 on, 2 always */
    int64_t lingering_time_ms, lingering_timeout_ms;

    /* Answers. */
    struct array *error_pages;  /* error_page.c's; NULL: none */
    bool recursive_error_pages, absolute_redirect, server_name_in_redirect, port_in_redirect;
    bool msie_padding, msie_refresh;
    int64_t satisfy;                  /* enum: 0 all, 1 any */
    struct str server_header;         /* "weir/0.1.0", "weir", "" */
    struct template *server_text;     /* instead, where it has variables; or NULL */
    int64_t auth_delay_ms;
    bool log_subrequest;
    int64_t subrequest_output_bytes;
    struct str post_action;           /* empty: none */
    int64_t ignored_size;             /* sizes of tables that size themselves */
};

#define KEEPALIVE_MSIE6  1 /* bits of keepalive_disable */
#define KEEPALIVE_SAFARI 2

#define ALIAS_REGEX (-1) /* alias_len in a regex location: the whole uri */

extern const struct module http_core_module;
extern uint32_t http_core_index;

#define HTTP_CORE(r) REQUEST_CONF(r, http_core_index, struct http_core_conf)

/* The Content-Type of an extension, or default_type. */
struct str http_core_type(const struct http_core_conf *conf, struct str ext);

/* How we name ourselves in Server and on error pages; empty: not at all. Computed at each call, if
   it has variables. */
struct str http_core_signature(struct request *r);
