/*
 * worker/upstream/breaker.h - origins that answer badly, too slowly, or worse than their like, are
 * left alone for a while and then tried with one request at a time.
 *
 * BAR_BREAKER is up while a peer's breaker is open. What is counted lies in the shared zone
 * (struct peer_history), so all workers see one breaker, and it outlives them.
 */
#pragma once

#include "worker/upstream/peer.h"

struct conf_scope;
struct generation;
struct log;
struct module;

/* The directives. Shares are in percent; 0: off. */
struct breaker_conf {
    int64_t consecutive;          /* errors in a row */
    int64_t percent;              /* errors among the requests in the window */
    int64_t slow_ms;              /* an answer that takes longer is an error */
    int64_t out_percent;          /* outlier: points above the others' share of errors */
    int64_t out_tenfold;          /* times the others' mean time to an answer, in tenths */
    int64_t max_ejected;          /* of the group, by `outlier` */
    int64_t errors;               /* enum dial_fault bits that count */
    int64_t window_ms, least;     /* fewer requests say nothing about shares and means */
    int64_t open_ms, most_ms;     /* the first time, and at most */
    int64_t passes;               /* good probes that close it */
    int64_t panic_percent;
};

extern const struct module breaker_module;

/* Config time: what holds for a group in that scope. NULL: nothing. */
const struct breaker_conf *breaker_of(const struct conf_scope *scope);

/* Config time: warns of what makes no sense for the group. True. */
bool breaker_check(struct generation *gen, const struct upstream_group *group);

/* Of a peer with a bar, under the lock: may it be tried all the same? It may as a probe, when its
   time has come and no other probe is under way; and as if there were no breaker, when so many of
   its group are barred that leaving them alone would do more harm. */
bool breaker_lets_in(const struct peer *peer, const struct peer_state *state);

/* Under the lock: it was chosen. True: as a probe, whose place *booking holds (or nothing, where
   bookings are not kept); breaker_probe_ends() gives it back and takes the lock itself. */
bool breaker_chosen(const struct peer *peer, struct booking **booking);
void breaker_probe_ends(const struct peer *peer, struct booking *booking);

/* How a try went: `cause` are enum dial_fault bits, 0 for a good answer; took_ms until its head.
   Takes the lock only to trip and to close. */
void breaker_judge(const struct peer *peer, uint32_t cause, int64_t took_ms, bool probe,
                   struct log *log);

/* Would the group have had a peer, but for breakers? Without the lock. */
bool breaker_refuses(const struct upstream_group *group);
