/*
 * common/poison.h - tells AddressSanitizer which of our recycled memory is in use.
 *
 * Without the sanitizer all of it is nothing. With it, POISON_GAP bytes between neighbours catch
 * the byte written past the end.
 */
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define POISON_ON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_ON 1
#endif
#endif

#ifdef POISON_ON
#include <sanitizer/asan_interface.h>
#define POISON_GAP              16
#define poison(data, bytes)     ASAN_POISON_MEMORY_REGION((data), (bytes))
#define unpoison(data, bytes)   ASAN_UNPOISON_MEMORY_REGION((data), (bytes))
#else
#define POISON_GAP              0
#define poison(data, bytes)     ((void)(data), (void)(bytes))
#define unpoison(data, bytes)   ((void)(data), (void)(bytes))
#endif
