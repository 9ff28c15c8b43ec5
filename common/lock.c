/*
 * common/lock.c - a mutex in shared memory that outlives the process that held it.
 *
 * libc's robust mutex, because the kernel releases it whatever kills the holder, at whatever
 * instruction. It does not spin, so we do, reading a hint of our own instead of pulling the
 * cache line away from the holder again and again.
 */
#include "common/lock.h"

#include <errno.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif
#include <unistd.h>

#define SPINS 64 /* some microseconds: longer than our critical sections, shorter than a sleep */

void lock_init(struct lock *l)
{
    pthread_mutexattr_t attr;

    *l = (struct lock){.must_repair = false};
    must(pthread_mutexattr_init(&attr) == 0);
    must(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0);
    must(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
    must(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK) == 0);
    must(pthread_mutex_init(&l->mutex, &attr) == 0);
    pthread_mutexattr_destroy(&attr);
}

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb" ::: "memory");
#endif
}

static bool others_run_beside_us(void)
{
    static atomic_int cpus; /* 0: not asked yet */

    if (atomic_load_explicit(&cpus, memory_order_relaxed) == 0)
        atomic_store_explicit(&cpus, (int)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1),
                              memory_order_relaxed);
    return atomic_load_explicit(&cpus, memory_order_relaxed) > 1;
}

static int spin(struct lock *l)
{
    int err;

    for (int i = 0; i < SPINS; i++) {
        relax();
        if (atomic_load_explicit(&l->held, memory_order_relaxed))
            continue;
        err = pthread_mutex_trylock(&l->mutex);
        if (err != EBUSY)
            return err;
    }
    return EBUSY;
}

enum lock_result lock_take(struct lock *l)
{
    int err = pthread_mutex_trylock(&l->mutex);

    if (unlikely(err == EBUSY) && others_run_beside_us())
        err = spin(l);
    if (unlikely(err == EBUSY))
        err = pthread_mutex_lock(&l->mutex);
    must(err == 0 || err == EOWNERDEAD);
    atomic_store_explicit(&l->held, true, memory_order_relaxed);
    if (likely(err == 0))
        return LOCK_CLEAN;
    l->must_repair = true;
    return LOCK_INHERITED;
}

void lock_repaired(struct lock *l)
{
    must(l->must_repair);
    must(pthread_mutex_consistent(&l->mutex) == 0);
    l->must_repair = false;
}

void lock_give(struct lock *l)
{
    must(!l->must_repair);
    atomic_store_explicit(&l->held, false, memory_order_relaxed);
    must(pthread_mutex_unlock(&l->mutex) == 0);
}

bool lock_was_left(const struct lock *l)
{
    return atomic_load_explicit(&l->held, memory_order_relaxed) || l->must_repair;
}

uint64_t lock_layout(void)
{
    uint64_t h = sizeof(struct lock) << 16 | sizeof(pthread_mutex_t);
#ifdef __GLIBC__
    for (const char *c = gnu_get_libc_version(); *c != '\0'; c++)
        h = h * 1099511628211u + (unsigned char)*c;
#endif
    return h;
}
