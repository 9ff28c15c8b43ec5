/*
 * worker/codec/memcache.h - memcached's text protocol, as far as a web server reads from it.
 */
#pragma once

#include "common/str.h"

/* "get KEY": the key has neither blanks nor controls. At `out`, with room for its length and
   MEMCACHE_GET_MORE; returns the end. */
#define MEMCACHE_GET_MORE 6
char *memcache_write_get(char *out, struct str key);

enum memcache_result {
    MEMCACHE_MORE,  /* no whole line yet */
    MEMCACHE_VALUE, /* `length` bytes follow, then MEMCACHE_TAIL */
    MEMCACHE_MISS,
    MEMCACHE_BAD,   /* see fault */
};

struct memcache_head {
    size_t bytes;       /* of the line, its end included */
    struct str key;
    uint64_t flags;
    int64_t length;
    const char *fault;  /* for a log line "memcached sent ..." */
};

/* The first line of a reply to "get". */
enum memcache_result memcache_read(struct memcache_head *h, struct str in);

#define MEMCACHE_TAIL "\r\nEND\r\n"
