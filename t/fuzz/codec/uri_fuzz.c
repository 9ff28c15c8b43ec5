/*
 * t/fuzz/codec/uri_fuzz.c - any bytes as a target: what comes out is inside its root.
 */
#include <stdlib.h>

#include "worker/codec/escape.h"
#include "worker/codec/http_date.h"
#include "worker/codec/range_set.h"
#include "worker/codec/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_target(struct str target, bool merge_slashes, struct pool *pool)
{
    struct uri u, again;

    if (uri_parse(&u, target, merge_slashes, pool) != URI_OK)
        return;
    must(u.path.len > 0 && (u.path.data[0] == '/' || str_eq(u.path, STR("*"))));
    must(uri_is_safe(u.path));
    must(str_search(u.path, STR("/./")) < 0 && !str_ends(u.path, STR("/.")));
    must(!merge_slashes || str_search(u.path, STR("//")) < 0);
    must(u.args.data == NULL || str_find(u.args, '#') < 0);
    if (u.path.data[0] != '/')
        return;

    /* escaped and parsed again it is the same */
    must(uri_parse(&again, escape(pool, u.path, ESCAPE_URI), merge_slashes, pool) == URI_OK);
    must(str_eq(again.path, u.path));
}

static void check_escapes(struct str text, struct pool *pool)
{
    for (int kind = 0; kind < ESCAPE_KINDS; kind++) {
        struct str out = escape(pool, text, (enum escape_kind)kind);
        must(out.len == text.len + 2 * escape_count(text, (enum escape_kind)kind));
        if (kind <= ESCAPE_COMPONENT)
            must(str_eq(unescape(pool, out, UNESCAPE_ALL), text));
    }
    must(escape_html(pool, text).len == escape_html_bytes(text));
    unescape(pool, text, UNESCAPE_URI);
    unescape(pool, text, UNESCAPE_REDIRECT);
}

static void check_ranges(struct str text, struct pool *pool)
{
    struct range_set set;

    if (range_set_parse(&set, text, 1000, 100, pool) != RANGE_PARTIAL)
        return;
    must(set.count > 0 && set.count <= 100 && set.bytes <= 1000);
    for (uint32_t i = 0; i < set.count; i++)
        must(set.ranges[i].first >= 0 && set.ranges[i].first < set.ranges[i].end &&
             set.ranges[i].end <= 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;

    struct pool *pool = pool_create(POOL_BLOCK);
    size_t len = size - 1;
    char *text = malloc(len);
    struct str s = {text, len};
    int64_t seconds;

    memcpy(text, data + 1, len);
    check_target(s, data[0] & 1, pool);
    check_escapes(s, pool);
    check_ranges(s, pool);
    http_date_parse(s, &seconds);
    free(text);
    pool_destroy(pool);
    return 0;
}
