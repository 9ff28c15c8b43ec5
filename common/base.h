/*
 * common/base.h - the few words every file uses.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How a piece of work ended. RC_AGAIN: not yet; an event or timer is armed and will call again. */
enum rc { RC_OK, RC_AGAIN, RC_ERROR };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n)       (1u << (n))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

/* The struct that holds `member` at address `ptr`. */
#define CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN               __attribute__((noreturn))
#define UNUSED                 __attribute__((unused))

/*
 * What must hold or memory or a zone would be corrupted; checked in every build. Prints the place
 * to stderr and aborts. `assert` is for our own bugs that do less harm; release builds drop it.
 */
#define must(cond) (likely(cond) ? (void)0 : must_failed(#cond, __FILE__, __LINE__))
NORETURN void must_failed(const char *cond, const char *file, int line);
