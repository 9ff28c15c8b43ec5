/*
 * worker/upstream/check.h - health checks of a group: what is asked, and what becomes of answers.
 *
 * A `health_check` belongs to a group. The keeper probes each of the group's peers (probe.h) and
 * notes the results in the peers' state, so that all workers and generations know: one check that
 * fails makes the peer unhealthy, all of them have to be passed again until it is not. What was
 * found out outlives reloads; a check is known again by what it asks.
 */
#pragma once

#include "worker/upstream/peer.h"

struct check_match;
struct dial_options;
struct probe_ops;
struct secure_options;

/* One `health_check`. */
struct health_check {
    const struct upstream_group *group;
    const struct probe_ops *ops;        /* how it asks */
    uint32_t key;                       /* made of what it asks; not 0 */
    int64_t interval_ms, jitter_ms;
    int64_t fails, passes;              /* in a row that make a peer unhealthy, and healthy */
    int64_t timeout_ms;                 /* for all of one check */
    int64_t keepalive_time_ms;          /* a connection may be used so long; 0: once */
    int64_t port;                       /* 0: the peer's own */
    bool mandatory;                     /* no requests before the first check was passed */
    bool persistent;                    /* nor a new first check after each reload */
    struct str uri, match_name;
    const struct check_match *match;    /* NULL: any status from 200 to 399 will do */
    const struct dial_options *dial;    /* how to connect, and no more */
    const struct secure_options *secure; /* NULL: plain */
    struct str secure_name;
    const void *talk;                   /* of `ops`: more of what it asks */
    const struct conf_node *node;
    struct health_check *next;          /* of the same group */
};

enum check_verdict {
    CHECK_NEW,  /* not seen so far; requests may come unless the check is mandatory */
    CHECK_GOOD,
    CHECK_BAD,
};

/* Config time: adds it to its group, unless the same is there already. False: CHECKS_MOST are. */
bool check_add(struct upstream_group *group, struct health_check *check);

/* Under the lock, before a generation uses the peer's record: checks that it does not make any more
   do not count, and mandatory ones begin anew unless they are persistent. */
void check_attach(const struct peer *peer, struct peer_state *state, uint32_t generation);

enum check_news { CHECK_AS_BEFORE, CHECK_TURNED_GOOD, CHECK_TURNED_BAD };

/* The keeper: a check of that peer is done. `status` of its answer, 0 without one. Takes the lock.
   The news is what the check says of the peer now and did not before. */
enum check_news check_note(const struct health_check *check, const struct peer *peer, bool passed,
                           uint16_t status);

/* What that check says of the peer, for the keeper when it starts. */
enum check_verdict check_verdict(const struct health_check *check, const struct peer_state *state);
