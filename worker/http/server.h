/*
 * worker/http/server.h - virtual servers and the addresses they listen on.
 */
#pragma once

#include "common/conf_load.h"
#include "common/growing_map.h"
#include "common/listen_spec.h"
#include "worker/http/location.h"

struct listen_wish;

struct server_name {
    struct str text;              /* as written, lower case */
    struct scope_regex *regex;
    struct http_server *server;
    const struct conf_node *node;
};

struct http_server {
    struct conf_scope *scope;
    struct array names;           /* struct server_name */
    struct str first_name;        /* $server_name */
    struct location_set *locations;
    struct growing_map named;     /* struct location * */
    struct listen_wish *wishes, **last_wish; /* in order of writing */
    struct array listens;         /* struct listen_spec * */
    phase_fn *connect;            /* content of CONNECT, wherever; NULL: it is not allowed */
    struct location base;         /* stands for the server itself where no location matches */
    const struct conf_node *node;
    struct http_server *next;
};

/* What a listen_spec's owner is for http: the servers at that address. */
struct http_address {
    struct listen_spec *spec;
    struct array servers;         /* struct http_server *, in order */
    struct http_server *first;    /* the default: marked so, or the first */
    const struct conf_node *default_node; /* of the one marked default_server */
    const struct conf_node *options_node; /* of the one that gave socket options */
    const struct conf_node *tls_node; /* of the first that said `ssl` */
    bool tls, http2, quic;
    bool tls_warned;
    struct server_names *names;   /* lookup; NULL when there is one server without a regex */
};

struct http_conf {
    struct http_server *servers, **last_server; /* in order of writing */
    struct location *inside;      /* those of `if` and limit_except within locations */
    struct conf_scope *scope;
};
