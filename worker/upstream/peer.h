/*
 * worker/upstream/peer.h - what all workers know about an origin: failures, weights, connections.
 *
 * The state lies in a shared zone and is found by the names of upstream and address, so that it
 * outlives workers and generations. Each worker looks its peers up once, when it starts.
 */
#pragma once

#include <stdatomic.h>

#include "common/list.h"
#include "common/zone.h"
#include "worker/upstream/group.h"
#include "worker/upstream/trend.h"

struct booking;
struct child;

/* Why a peer gets no requests, beyond its configuration and recent failures. Bits. */
enum peer_bar {
    BAR_CHECKING  = 1, /* its health was never seen, and has to be */
    BAR_UNHEALTHY = 2, /* its health checks fail */
    BAR_BREAKER   = 4, /* answers were too bad or too slow */
};

/* Those that health checks raise: they say nothing where a group has none. */
#define BARS_OF_CHECKS (BAR_CHECKING | BAR_UNHEALTHY)

#define CHECKS_MOST 8 /* different health checks of one group */

/* What health checks found out about a peer: see check.h. Times are of clock_mono_ms. */
struct peer_health {
    uint32_t generation;      /* the newest that has settled which checks count */
    uint32_t checks, fails;   /* done so far; those that failed */
    uint32_t unhealthy;       /* how often it became so */
    uint16_t last_status;     /* of the last answer; 0: there was none */
    bool last_passed;
    int64_t checked_ms;       /* when the last one ended; 0: there was none */
    int64_t unhealthy_ms;     /* since when it is unhealthy; 0: it is not */
    struct peer_check {
        uint32_t key;         /* of the check; 0: free */
        uint32_t streak;      /* results in a row that speak for a change */
        uint32_t verdict;     /* enum check_verdict */
    } of[CHECKS_MOST];
};

/* What went to an origin and came back, in all. Relaxed: a look sees each number, not all of one
   moment. */
struct peer_counts {
    _Atomic uint64_t requests;   /* tries that are over */
    _Atomic uint64_t faults;     /* of them: ended without an answer */
    _Atomic uint64_t answers[5]; /* by class: 1xx to 5xx */
    _Atomic uint64_t sent, received; /* bytes */
};

/* What is remembered of a peer for the breaker, or of a group for its budget of retries; in the
   zone, where some configuration asks for it. */
struct peer_history {
    struct trend trend;       /* of a group: requests, and retries as the bad ones */
    _Atomic uint32_t row;     /* errors since the last good answer */
    _Atomic int64_t open_until_ms; /* BAR_BREAKER: no probe before that */
    /* Under the lock. */
    int64_t closed_ms;        /* when the breaker last closed */
    uint32_t trips, passes;   /* of late; good probes since the last trip */
};

/* In the zone. All but the key, the bars and the counts change under its lock. */
struct peer_state {
    uint64_t key;             /* hash of upstream and address; 0: free */
    uint32_t generation;      /* the newest that uses it */
    uint32_t conns;           /* in flight, booked; only of groups that are counted */
    uint32_t fails;           /* in the current period */
    uint32_t weight;          /* as configured when last attached */
    int64_t current_weight, effective_weight;
    int64_t failed_s;         /* the last failure */
    int64_t checked_s;        /* the last time that it was tried after failing, or failed */
    int64_t gone_s;           /* when its server stopped having that address; 0: it has it */
    _Atomic uint32_t bars;    /* enum peer_bar */
    int64_t well_ms;          /* when it was well again: the last bar fell, or failures were
                                 forgiven that had kept requests away; 0: it never was ill */
    struct peer_health health;
    struct peer_counts counts;
    uint32_t probes;          /* requests in flight that the breaker lets through, booked */
    uint64_t history;         /* struct peer_history; 0: none was asked for so far */
    int64_t time_us[2];       /* average of answers, to the head and to the end: peer_time.h */
    int64_t timed_ms;         /* when the last one was measured */
    uint32_t pending, since;  /* answers that are awaited, booked: peer_time.c */
};

#define PEER_WAITS 32

/* The root of a zone of peers. */
struct peer_zone {
    uint64_t table;           /* of struct peer_state */
    uint64_t names;           /* struct found_name, see moving.c: a list */
    uint64_t changes;         /* struct group_changes, see changes.c: a list */
    uint64_t uses;            /* struct peer_uses, see peer_use.c: a list */
    _Atomic uint64_t version; /* changes with any of the names and changes */
    _Atomic int64_t waits[PEER_WAITS]; /* by row of workers: until when requests wait there */
};

/* What a worker knows of a group. */
struct group_live {
    struct list idle;         /* struct exchange, the last used first */
    struct list shared;       /* struct exchange that carries several (shared.h), idle ones last */
    struct list leaders, followers; /* struct dial: a shared one is under way; others wait for it */
    uint32_t idle_count;      /* of both lists */
    uint32_t response_bytes;  /* what recent responses came to, for the first read */
    struct upstream_group *version; /* of one that moves or was changed: the current one, or NULL */
    const _Atomic uint64_t *watched; /* peer_zone.version; NULL for a group that cannot change */
    struct peer_history *history; /* its own; NULL: not asked for so far */
    int64_t panic_ms;         /* when `panic` was last worked out */
    bool panic;               /* so many of its peers are barred that it does not count */
    struct list waiting;      /* struct dial, the first to go first: queue.h */
    uint32_t waiting_count, waiting_fresh; /* fresh: who tried nobody and is not bound */
    struct link queue_link;   /* while somebody waits */
    bool had_turn;            /* the last peer that came free was for one who waits here */
    uint64_t seen, change;    /* peer_zone.version when last looked at; that of its own names */
    _Atomic uint32_t *uses;   /* connections in use by this process, by place in the zone's table */
    const struct peer_state *table; /* whose first record that is */
    uint32_t table_size;
};

extern const struct zone_kind peer_zone_kind;

/* Room for that many peers. */
int64_t peer_zone_bytes(uint32_t peers);

/* Hooks of the upstream module. */
enum rc peer_worker_start(const struct child *child);
void peer_worker_stop(void);

/* The tables for a generation's groups: worker_start without the worker, for the keeper and for
   tests. May be called again for the same ones; the last peer_detach undoes it. */
void peer_attach(struct upstream_set *set, uint32_t generation);
void peer_detach(void);
const struct upstream_set *peer_attached(void);

/* A version's peers that were found at run time. */
void peer_attach_found(struct upstream_group *version);

/* Under the lock: the address is none of the group's any more; its record may go to another. */
void peer_gone(const struct upstream_group *group, struct str name, bool backup);

/* NULL where there is no zone, as in some unit tests. */
struct zone *peer_zone_of(const struct upstream_group *group);

/* Where this process books what it takes there; NULL: it cannot. */
struct slots *peer_slots_of(const struct zone *z);

/* For a group of somebody's own (upstream_group.live). */
void group_live_init(struct group_live *live);

/* NULL for a group made for one request, unless it has its own. */
struct group_live *peer_group_live(const struct upstream_group *group);
struct peer_state *peer_state(const struct peer *peer);

/* The records of a zone. */
struct peer_state *peer_zone_table(struct zone *z, uint32_t *count);
/* NULL where its group has no breaker. */
struct peer_history *peer_history(const struct peer *peer);

/* Made when first asked for; NULL for a group made for one request. Without the lock. */
struct peer_history *peer_group_history(const struct upstream_group *group);

/* Under the lock: it is well from now on. slow_start counts from here, and turns that it missed are
   not made up for. */
void peer_begin_slowly(const struct upstream_group *group, struct peer_state *state);

/* Raises or lowers a bar; it begins slowly when the last one falls. Under the lock. */
void peer_bar(const struct upstream_group *group, struct peer_state *state, enum peer_bar bar,
              bool up);

static inline bool peer_is_barred(const struct peer *peer, const struct peer_state *state)
{
    uint32_t bars = atomic_load_explicit(&state->bars, memory_order_relaxed);

    if (likely(bars == 0))
        return false;
    return peer->group->checks != NULL || (bars & ~(uint32_t)BARS_OF_CHECKS) != 0;
}

#define SHARE_FULL 1024

/* How much of its weight a peer has now, of SHARE_FULL: all, or what it has won back in its
   slow_start. Balancers ask it for each weight they use. */
uint32_t peer_share_now(const struct peer *peer, const struct peer_state *state);
static inline int64_t peer_share(const struct peer *peer, const struct peer_state *state)
{
    return likely(peer->server->slow_start_ms == 0) ? SHARE_FULL : peer_share_now(peer, state);
}

/* The configured weight times that share. */
static inline int64_t peer_weight(const struct peer *peer, const struct peer_state *state)
{
    return peer->server->weight * peer_share(peer, state);
}

void peer_lock(const struct upstream_group *group);
void peer_unlock(const struct upstream_group *group);

/* Under the lock: may it be tried now? */
bool peer_usable(const struct peer *peer, const struct peer_state *state, int64_t now_s);

/* Under the lock: it was chosen. Books the connection in groups that are counted; *booking is NULL
   where nothing is to be given back. */
void peer_chosen(const struct peer *peer, int64_t now_s, struct booking **booking);

/* How a try ended. Takes the lock when there is something to note. */
enum peer_result { PEER_GOOD, PEER_FAILED, PEER_UNJUDGED };
void peer_result(const struct peer *peer, enum peer_result result, struct booking *booking,
                 struct log *log);

/* Adds one to a count of the peer's state, and takes it off again. Under the lock. */
struct booking *peer_book(const struct peer *peer, uint32_t *count);
void peer_unbook(const struct peer *peer, struct booking *booking, uint32_t *count);

#define BOOKING_PEER 1 /* in flight; the key is the offset of a count in a peer_state */
