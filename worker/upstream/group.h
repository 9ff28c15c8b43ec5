/*
 * worker/upstream/group.h - upstream groups: the origins behind one name, as configured.
 *
 * A group is an `upstream` block, or stands for the host:port of a proxy_pass ("implicit": one
 * group per text). What changes at run time is not here: see peer.h.
 */
#pragma once

#include "common/addr_list.h"
#include "common/conf_load.h"
#include "common/growing_map.h"

struct balancer;
struct breaker_conf;
struct group_live;
struct health_check;
struct resolver_conf;
struct sticky;
struct template;
struct zone_spec;

/* The plain directives of an upstream block; an implicit group has the defaults. */
struct upstream_conf {
    int64_t keepalive;            /* idle connections kept by a worker; 0: none */
    bool keepalive_local;         /* kept for the place that opened them */
    int64_t keepalive_timeout_ms, keepalive_time_ms, keepalive_requests;
    int64_t unresolved;           /* enum upstream_unresolved */
    bool reresolve;               /* servers follow their names */
};

/* What a name means that is not found at load. */
enum upstream_unresolved { UNRESOLVED_FAIL, UNRESOLVED_START };

/* One `server` line. */
struct upstream_server {
    struct str text;              /* the address as written */
    struct addr_list *addrs;      /* NULL with `resolve` */
    int64_t weight, max_fails, fail_timeout_s, max_conns;
    int64_t slow_start_ms;        /* its weight returns within that time; 0: at once */
    bool backup, down;
    bool drain;                   /* only for requests that are bound to it: see sticky */
    struct str route;             /* its name there; empty: made of the address */
    bool resolve;                 /* the keeper asks for its name again and again: see moving.h */
    struct str service;           /* then: of its SRV records, as written; or empty */
    struct str lookup;            /* and the name that is asked for */
    int port;                     /* and its port; 0: that of the SRV records */
    bool unresolved;              /* it resolves because its name was not found at load */
    bool follows;                 /* it does not, but when its name is known to the resolver too it
                                     goes where that says */
    const struct conf_node *node;
    const struct upstream_server *configured; /* of a version: in whose place it is; NULL: as
                                     configured, or new */
    bool changed;                 /* of a version: at run time, see changes.h */
};

/* One address of a server. */
struct peer {
    struct str name;              /* "127.0.0.1:8080", "unix:/x" */
    struct addr addr;
    const struct upstream_server *server;
    const struct upstream_group *group;
    uint32_t id;                  /* its place among all peers of the generation, or: */
    struct peer_state *state;     /* of a PEER_FOUND */
    struct peer_history *history; /* the same */
    struct str route;             /* its name for sessions, where the group has a `sticky` */
    uint64_t route_hash;          /* then never 0 */
};

#define PEER_FOUND   (UINT32_MAX - 1) /* found at run time, for all */
#define PEER_PASSING UINT32_MAX       /* found for one request: it has no history */

struct upstream_group {
    struct str name;              /* of the block, or "host:port" as written */
    bool implicit;
    bool single;                  /* one peer, no choice: always tried whatever its past */
    bool ntlm;                    /* clients log in to connections, which are theirs then */
    bool counted;                 /* connections in flight are booked: somebody asks for them */
    struct array servers;         /* struct upstream_server */
    struct peer *peers;           /* ordinary ones first, then backups */
    uint32_t primaries, backups;
    uint32_t tries;               /* peers that are not `down` */
    const struct balancer *balancer;
    const struct template *balancer_key; /* of `hash` */
    void *balancer_data;          /* what the balancer made at load */
    const struct sticky *sticky;  /* NULL: requests are not bound to peers */
    int64_t queue, queue_timeout_ms; /* requests of a worker that may wait for a peer; 0: none */
    const struct upstream_conf *conf;
    const struct breaker_conf *breaker; /* NULL: neither `breaker` nor `outlier` */
    const struct resolver_conf *names; /* who is asked for its servers, if they are resolved */
    struct conf_scope *scope;     /* of the block */
    struct zone_spec *zone;
    struct str state;             /* the file that has its servers; empty: the configuration has */
    struct health_check *checks;  /* see check.h; NULL: none */
    struct group_live *live;      /* of a PEER_PASSING that is somebody's own: its idle connections;
                                     NULL: it keeps none */
    uint32_t id;                  /* its place among all groups */
    const struct conf_node *node;
    struct upstream_group *next;

    bool moves;                   /* some of its servers are resolved at run time: what is dialled
                                     is a version of it, see moving.h */
    bool follows;                 /* some of its servers do */
    const struct upstream_group *base; /* of a version: the group as configured */
    bool unasked;                 /* of a version: a name was never asked for so far */
    uint32_t refs;                /* of a version: one for being the current one, one per dial */
    struct pool *pool;            /* its own, of a version */
};

struct upstream_set {
    struct upstream_group *first, **last;
    struct growing_map blocks, implicit; /* by name, in lower case */
    uint32_t groups, peers;
    int wake_fd;                  /* an eventfd on which those who wait are woken; 0: nobody does */
    bool moves, follows;          /* one of the groups does */
    struct zone_spec *zone;       /* of all groups without one of their own */
};

extern const struct module upstream_module;
extern uint32_t upstream_index;

/* A version without a peer: none of its names has an address. */
static inline bool group_is_empty(const struct upstream_group *group)
{
    return group->primaries + group->backups == 0;
}

/* Of a version: it was added at run time. */
static inline bool server_is_new(const struct upstream_server *server)
{
    return server->changed && server->configured == NULL;
}

/* Config time. */

/* The block of that name, NULL if there is none. Blocks are known before any location is loaded. */
struct upstream_group *upstream_find(const struct generation *gen, struct str name);

/* The group for the address that a directive names: a block, or an implicit group whose name is
   looked up at load. NULL with *why for malformed text. */
struct upstream_group *upstream_group_for(struct conf_call *call, struct str text,
                                          int default_port, const char **why);

/* Run time: a group of the generation served here, by the name of its block or its host:port as
   some directive has it. */
struct upstream_group *upstream_named(struct str name);

/* Run time: the group of the addresses that were found for a request, tried in this order; it is in
   the pool and has no history. */
struct upstream_group *upstream_group_of(struct pool *pool, struct str name,
                                         const struct addr *addrs, uint32_t count);
