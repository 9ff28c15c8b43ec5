/*
 * worker/net/resolver.h - addresses of names, asked for at run time: one cache per process for each
 * distinct `resolver` of the configuration, shared by all who ask.
 *
 *     r->name, kind, timeout_ms, done are set; the rest is zero
 *     resolve_start(spec, r);
 *     r->state is RESOLVE_FOUND, RESOLVE_FAILED, or RESOLVE_WAITS: then `done` is posted later
 *     ... resolve_addr(r, i, port, &addr) for i below r->answer->count ...
 *     resolve_end(r)             in any state, once; also when the asker goes away
 *
 * Any number of askers of a name wait for one question. An answer is kept for as long as its
 * records say, or `valid` says; that there is no such name, for seconds. One that has just become
 * old is still given out while it is asked for anew, and so is an older one when no server answers.
 */
#pragma once

#include "common/array.h"
#include "common/list.h"
#include "worker/event/timer.h"
#include "worker/net/dns.h"

struct generation;

/* A `resolver`, as configured. */
struct resolver_spec {
    struct str text;              /* the words, for telling it from others */
    struct array servers;         /* struct addr_list *: filled when loading ends */
    int64_t valid_ms;             /* in place of the records' own; 0: theirs */
    bool no_ipv4, no_ipv6;
    uint32_t id;                  /* its place among those of the generation */
    struct resolver_spec *next;
};

enum resolve_kind {
    RESOLVE_HOST,                 /* A and AAAA */
    RESOLVE_SERVICE,              /* SRV, and the addresses of its hosts */
};

/* Without padding: it is compared as a whole. */
struct resolved_addr {
    uint8_t bytes[16];
    uint16_t family;              /* AF_INET, AF_INET6 */
    uint16_t port, priority, weight; /* of a service */
};

struct resolve_answer {
    uint32_t refs;
    uint32_t count;               /* at least 1 */
    struct resolved_addr addrs[];
};

enum resolve_state { RESOLVE_IDLE, RESOLVE_WAITS, RESOLVE_FOUND, RESOLVE_FAILED };

/* One asker, in its own memory. */
struct resolve {
    /* The asker's. */
    struct str name;              /* may end in a dot */
    enum resolve_kind kind;
    int64_t timeout_ms;           /* 0: as long as the servers are given */
    bool fresh;                   /* wants nothing old as long as there is something new */
    struct post *done;

    /* The outcome. */
    enum resolve_state state;
    enum dns_code fault;          /* RESOLVE_FAILED */
    struct resolve_answer *answer; /* RESOLVE_FOUND; held until resolve_end */
    int64_t valid_ms;             /* how long the outcome holds from now on, at least 0 */

    /* Its own. */
    struct name *question;
    uint32_t first;               /* which address comes first: another one for each asker */
    struct link link;
    struct timer timer;
};

void resolve_start(const struct resolver_spec *spec, struct resolve *r);
void resolve_end(struct resolve *r);

/* An address with a port; 0 takes that of the service's record. */
void resolved_addr(const struct resolved_addr *found, int port, struct addr *out);

/* The i-th address for this asker. */
void resolve_addr(const struct resolve *r, uint32_t i, int port, struct addr *out);

/* "Host not found", as logs say it. */
const char *resolve_fault_text(enum dns_code fault);

/* When the process ends, after all askers. */
void resolver_stop(void);

/* Who is asked; NULL when nothing was built in. For tests to replace. */
extern const struct dns_ops *resolver_dns;

#define RESOLVER_NAMES_MOST 4096 /* in one cache; the least recently used goes */
