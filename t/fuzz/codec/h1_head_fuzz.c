/*
 * t/fuzz/codec/h1_head_fuzz.c - any bytes as a head, whole and in pieces.
 *
 * The first byte chooses request or response, the options, and the size of the pieces.
 */
#include <stdlib.h>

#include "worker/codec/h1_head.h"
#include "worker/codec/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct h1_head whole, cut;

static bool inside(struct str s, const char *base, size_t len)
{
    return s.data == NULL || s.len == 0 || (s.data >= base && s.data + s.len <= base + len) ||
           str_eq(s, STR("/"));
}

/* Everything found lies in the buffer and has no byte that could split a message. */
static void check(const struct h1_head *h, bool done, const char *base, size_t len)
{
    must(h->bytes <= len);
    must(!done || !(h->chunked && h->content_length >= 0));
    must(inside(h->target, base, len) && inside(h->path, base, len) && inside(h->host, base, len));
    must(inside(h->line, base, len) && inside(h->authority, base, len));
    EACH_FIELD(f, &h->fields) {
        must(f->name.len > 0 && inside(f->name, base, len) && inside(f->value, base, len));
        must(f->id == field_find_id(f->name));
        must(f->value.len == 0 || (memchr(f->value.data, '\n', f->value.len) == NULL &&
                                   memchr(f->value.data, '\r', f->value.len) == NULL &&
                                   memchr(f->value.data, '\0', f->value.len) == NULL));
    }
}

static enum h1_result feed_pieces(enum h1_kind kind, const struct h1_limits *limits,
                                  struct pool *pool, struct str text, size_t step, char **block)
{
    enum h1_result result = H1_MORE;

    h1_head_init(&cut, kind, limits, pool);
    *block = NULL;
    for (size_t len = 0; len < text.len && result == H1_MORE;) {
        len = MIN(len + step, text.len);
        char *next = malloc(len);
        memcpy(next, text.data, len);
        if (*block != NULL)
            h1_head_rebase(&cut, next);
        free(*block);
        *block = next;
        result = h1_head_feed(&cut, next, len);
    }
    return result;
}

static enum h1_result feed_line_end(struct str text)
{
    char *longer = malloc(text.len + 1);
    enum h1_result result;

    memcpy(longer, text.data, text.len);
    longer[text.len] = '\n';
    h1_head_rebase(&cut, longer);
    result = h1_head_feed(&cut, longer, text.len + 1);
    free(longer);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;

    struct pool *pool = pool_create(POOL_BLOCK);
    struct str text = {(const char *)data + 1, size - 1};
    static const enum h1_kind replies[] = {H1_RESPONSE, H1_CGI, H1_CGI_LINE, H1_RESPONSE};
    enum h1_kind kind = data[0] & 1 ? replies[data[0] >> 1 & 3] : H1_REQUEST;
    struct h1_limits limits = {
        .line_bytes = 300, .head_bytes = 2000, .fields = 40,
        .ignore_invalid = (data[0] & 2) != 0, .underscores = (data[0] & 4) != 0,
    };
    char *base = malloc(text.len), *block;
    enum h1_result result, pieces;
    struct uri uri;

    memcpy(base, text.data, text.len);
    h1_head_init(&whole, kind, &limits, pool);
    result = h1_head_feed(&whole, base, text.len);
    must((result == H1_BAD || result == H1_PREFACE) == (whole.fault != H1_FAULT_NONE));
    check(&whole, result == H1_DONE, base, text.len);
    if (result == H1_DONE && kind == H1_REQUEST && whole.path.data != NULL)
        uri_parse(&uri, whole.path, true, pool);
    pieces = feed_pieces(kind, &limits, pool, text, 1 + (data[0] >> 3), &block);
    if (pieces == H1_MORE && result == H1_BAD)
        pieces = feed_line_end(text); /* a line in pieces is judged when it is complete */
    must(pieces == result);
    must(result != H1_DONE || (cut.bytes == whole.bytes && cut.fields.count == whole.fields.count &&
                               cut.content_length == whole.content_length &&
                               cut.chunked == whole.chunked && cut.keep_alive == whole.keep_alive));
    free(block);
    free(base);
    pool_destroy(pool);
    return 0;
}
