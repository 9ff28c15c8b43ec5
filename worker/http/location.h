/*
 * worker/http/location.h - which location a uri belongs to.
 *
 * Order as in nginx: an exact one; else the longest prefix, and unless that is ^~ (or exact), the
 * first regex in order of writing, first those nested in the prefix found, else the outer ones;
 * nested locations are searched within the one found. Prefixes are found in a compressed tree, in
 * time proportional to the uri's length.
 */
#pragma once

#include "common/conf_load.h"
#include "worker/http/request.h"

struct scope_regex;
struct location_set;

enum location_kind { LOCATION_PREFIX, LOCATION_PREFIX_ONLY /* ^~ */, LOCATION_EXACT,
                     LOCATION_REGEX, LOCATION_NAMED, LOCATION_IF /* if, limit_except */ };

struct location {
    enum location_kind kind;
    struct str name;              /* "/images/", the regex, "@name" */
    struct scope_regex *regex;
    struct conf_scope *scope;     /* its conf; set when the block is entered */
    struct location *parent;      /* NULL: directly in the server */
    struct location_set *inner;   /* nested ones; NULL: none */
    phase_fn *handler;            /* content: proxy_pass and its kin; NULL: the phase's handlers */
    void *handler_conf;
    bool internal;
    bool auto_redirect;           /* a request for the name less its final '/' gets a 301 to it:
                                     set by proxy_pass and its kin */
    struct http_server *server;
    struct location *except;      /* limit_except: what holds for all methods but these; or NULL */
    uint32_t except_methods;      /* METHOD_BIT ... */
    struct rewrite_step *steps;   /* rewrite, return, set, if ..., in order of writing */
    struct rewrite_step *last_step;
    struct location *next;        /* in its set; of an IF: in the list of them all */
    const struct conf_node *node;
};

/* Config time: adds one to a set (creating it); NULL after a fault: a duplicate and the like. */
struct location *location_add(struct conf_call *call, struct location_set **set,
                              struct location *parent, struct http_server *server);

/* Config time: builds the trees of a set and all below; false after a reported duplicate. */
bool location_set_build(struct generation *gen, struct location_set *set);

enum location_result {
    LOCATION_NONE,      /* *out is unchanged */
    LOCATION_FOUND,     /* a prefix: an outer level's regexes may still win */
    LOCATION_FINAL,     /* exact, or a regex */
    LOCATION_ADD_SLASH, /* answer with a redirect to the uri with '/' added */
};

/* Finds for r->uri in the server's set. Regex captures are stored in r->scope. */
enum location_result location_find(struct request *r, struct location_set *set,
                                   struct location **out);
struct location *location_find_named(const struct http_server *server, struct str name);
