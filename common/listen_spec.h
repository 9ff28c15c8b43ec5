/*
 * common/listen_spec.h - a listening socket as the configuration wants it.
 *
 * Known by address and kind. Protocol rooms add specs while loading; the master binds them (or
 * inherits them by address and kind from the generation before, from a binary upgrade or from
 * systemd) and fills in the descriptors; workers accept.
 */
#pragma once

#include "common/addr.h"
#include "common/module.h"

struct conf_node;

enum listen_kind { LISTEN_TCP, LISTEN_UDP, LISTEN_QUIC };

struct listen_spec {
    struct addr addr;
    enum listen_kind kind;
    enum family family;      /* who handles what is accepted */
    void *owner;             /* that family's own data: for http, the servers at this address */
    const struct conf_node *node;
    struct str text;         /* as printed: "0.0.0.0:80", "[::]:80", "unix:/x" */

    bool bind;               /* a socket of its own even where a wildcard of the port exists */
    bool merged;             /* set by the master: shares the wildcard's socket (see `through`);
                                found by the connection's local address */
    struct listen_spec *through;
    int backlog;             /* 511 by default */
    int rcvbuf, sndbuf;      /* -1: leave alone */
    int fastopen;            /* -1: off */
    int ipv6only;            /* 1 by default, 0, or -1 not an IPv6 address */
    bool deferred, reuseport, proxy_protocol, multipath;
    int keepalive;           /* so_keepalive: -1 unset, 0 off, 1 on */
    int keepidle, keepintvl, keepcnt; /* seconds, seconds, count; 0: the system's */

    int fd;                  /* the socket, -1 before binding; with reuseport that of slot 0 */
    int *slot_fds;           /* reuseport, else NULL: slot S serves S, S + gen->slots, ... A reload
                                to fewer workers keeps them all, with what is queued in them */
    uint32_t slot_count;     /* of slot_fds; gen->slots or more */
    bool inherited;
    struct listen_spec *next;
};

struct generation;

/* The spec for that address and kind in this generation: an existing one, or a new one with
   defaults, linked in. *fresh says which. */
struct listen_spec *listen_spec_get(struct generation *gen, const struct addr *addr,
                                    enum listen_kind kind, bool *fresh);
