/*
 * worker/codec/memcache.c - memcached's text protocol (doc/protocol.txt of memcached).
 */
#include "worker/codec/memcache.h"

#include "common/fmt.h"

char *memcache_write_get(char *out, struct str key)
{
    out = FMT_LIT(out, "get ");
    out = fmt_str(out, key);
    return FMT_LIT(out, "\r\n");
}

static enum memcache_result bad(struct memcache_head *h, const char *why)
{
    h->fault = why;
    return MEMCACHE_BAD;
}

/* "VALUE KEY FLAGS LENGTH" */
static enum memcache_result read_value(struct memcache_head *h, struct str rest)
{
    int64_t flags;

    h->key = str_cut(&rest, ' ');
    if (!str_to_int(str_cut(&rest, ' '), &flags))
        return bad(h, "invalid flags");
    if (!str_to_int(rest, &h->length))
        return bad(h, "invalid length");
    h->flags = (uint64_t)flags;
    return MEMCACHE_VALUE;
}

enum memcache_result memcache_read(struct memcache_head *h, struct str in)
{
    ssize_t lf = str_find(in, '\n');
    struct str line;

    *h = (struct memcache_head){.bytes = 0};
    if (lf < 0)
        return MEMCACHE_MORE;
    h->bytes = (size_t)lf + 1;
    if (lf == 0 || in.data[lf - 1] != '\r')
        return bad(h, "invalid response");
    line = (struct str){in.data, (size_t)lf - 1};
    if (str_eq(line, STR("END")))
        return MEMCACHE_MISS;
    if (!str_starts(line, STR("VALUE ")))
        return bad(h, "invalid response");
    return read_value(h, str_from(line, 6));
}
