/*
 * common/lock.h - a mutex in shared memory that outlives the process that held it.
 *
 * Whoever takes it after a holder died is told so, and must put the data in order and say
 * lock_repaired() before giving it back; if he dies too, the next one is told.
 *
 *     if (lock_take(l) == LOCK_INHERITED) {
 *         rebuild(data);
 *         lock_repaired(l);
 *     }
 *     ...
 *     lock_give(l);
 *
 * Never for a process with more rights than the others that map it: libc follows list pointers that
 * lie inside the mutex, so the master takes none of these.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "common/base.h"

enum lock_result { LOCK_CLEAN, LOCK_INHERITED };

struct lock {
    pthread_mutex_t mutex;
    atomic_bool held;  /* a hint for those who spin; may be stale after a death */
    bool must_repair;  /* inherited and not yet repaired; under the mutex */
};

/* Whatever was there before is forgotten; nobody may be using it. */
void lock_init(struct lock *l);

/* Spins shortly, then sleeps. Taking it twice is a bug that aborts. */
__attribute__((warn_unused_result)) enum lock_result lock_take(struct lock *l);

/* What an inherited lock guards is whole again. */
void lock_repaired(struct lock *l);

void lock_give(struct lock *l);

/* Without taking it, when no process uses it any more: whether the last one died with it. */
bool lock_was_left(const struct lock *l);

/* Differs between programs that could not share a lock: libc's mutex is part of its layout. */
uint64_t lock_layout(void);
