/*
 * worker/http/listen.h - the `listen` directive: one server's wish for an address.
 *
 * Host names are looked up after the tree is read, so wishes are kept and turned into listen_specs
 * when loading ends.
 */
#pragma once

#include "common/addr_list.h"
#include "worker/http/server.h"

struct listen_wish {
    struct http_server *server;
    const struct conf_node *node;
    struct addr_list *address;  /* NULL: `fixed` */
    struct addr fixed;
    struct listen_spec options; /* as written; fd and address unused */
    bool set;                   /* any socket option was given */
    bool is_default;
    bool tls, http2, quic;
    struct listen_wish *next;
};

/* Applies one `listen`. */
bool listen_load(struct conf_call *call, struct http_server *server);

/* Makes the specs and addresses of all wishes; a server without one gets the default. */
bool listen_finish(struct generation *gen, struct http_conf *http);
