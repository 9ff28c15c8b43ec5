/*
 * worker/http/server.h - virtual servers and the addresses they listen on.
 */
#pragma once

#include "common/conf_load.h"
#include "common/listen_spec.h"
#include "worker/http/location.h"

struct hash;

struct server_name {
    struct str text;              /* as written, lower case */
    struct regex *regex;
    struct http_server *server;
    const struct conf_node *node;
};

struct http_server {
    struct conf_scope *scope;
    struct array names;           /* struct server_name */
    struct str first_name;        /* $server_name */
    struct location_set *locations;
    struct array named;           /* struct location * */
    struct array listens;         /* struct listen_spec * */
    struct location base;         /* stands for the server itself where no location matches */
    const struct conf_node *node;
    struct http_server *next;
};

/* What a listen_spec's owner is for http: the servers at that address. */
struct http_address {
    struct listen_spec *spec;
    struct array servers;         /* struct http_server *, in order */
    struct http_server *first;    /* the default: marked so, or the first */
    bool default_marked;
    const struct conf_node *default_node;
    bool tls, http2, quic;
    struct server_names *names;   /* lookup; NULL when there is one server without a regex */
};

struct http_conf {
    struct http_server *servers;  /* in order of writing */
    struct http_server *last;
    struct conf_scope *scope;
};

/* The server for a Host at this address: exact, longest leading wildcard, longest trailing wildcard,
   first regex, default. Captures of a regex name are stored in r->scope (r may be NULL). */
struct http_server *server_find(struct request *r, const struct http_address *address,
                                struct str host);
