/*
 * t/unit/codec/h1_chunk_test.c - chunked bodies come out alike however they are cut.
 */
#include "worker/codec/h1_chunk.h"

#include <stdlib.h>

#include "t/unit/tap.h"

static struct pool *pool;
static struct http_fields trailers;
static struct h1_chunk c;
static char body[4096];
static size_t body_len;
static struct str rest;

/* Decodes text given in pieces of `step`, each a block of its own; payload ends up in body. */
static enum h1_chunk_result decode_in_steps(struct str text, size_t step, bool tolerant)
{
    enum h1_chunk_result result = H1_CHUNK_MORE;
    struct str in, data;

    fields_init(&trailers, pool);
    h1_chunk_init(&c, &trailers, pool, 1000, tolerant);
    body_len = 0;
    for (size_t at = 0; at < text.len && result == H1_CHUNK_MORE; at += step) {
        size_t len = MIN(step, text.len - at);
        char *block = malloc(len);
        memcpy(block, text.data + at, len);
        in = (struct str){block, len};
        while ((result = h1_chunk_next(&c, &in, &data)) == H1_CHUNK_DATA) {
            memcpy(body + body_len, data.data, data.len);
            body_len += data.len;
        }
        rest = str_from(text, at + len - in.len);
        free(block);
    }
    return result;
}

static enum h1_chunk_result decode(const char *text)
{
    return decode_in_steps(str_of(text), strlen(text), false);
}

static void bodies_are_decoded(void)
{
    static const char text[] = "5\r\nhello\r\n006 ; a=\"b\"\r\n world\r\n0\r\n\r\nGET";

    for (size_t step = 1; step <= sizeof(text) - 1; step++) {
        if (decode_in_steps(str_of(text), step, false) == H1_CHUNK_DONE && body_len == 11 &&
            memcmp(body, "hello world", 11) == 0 && str_eq(rest, STR("GET")) && c.total == 11)
            continue;
        ok(false, "decoded in steps");
        return;
    }
    ok(true, "a body is decoded however it is cut, and ends where it should");
}

static void bad(const char *text, const char *what)
{
    bool same = true;

    for (size_t step = 1; step <= strlen(text); step++)
        same = same && decode_in_steps(str_of(text), step, false) == H1_CHUNK_BAD;
    ok(same, what);
    ok(h1_chunk_fault(&c) != NULL, "  with a reason");
}

static void framing_is_strict(void)
{
    bad("5\nhello\r\n0\r\n\r\n", "a bare LF after the size");
    bad("5\r\nhello\n0\r\n\r\n", "a bare LF after the payload");
    bad("5\r\nhello0\r\n\r\n", "no line end after the payload");
    bad("5\r\nhellooo\r\n", "more payload than promised");
    bad("\r\n", "no size");
    bad("g\r\n", "a size that is no number");
    bad("0x5\r\n", "a prefix");
    bad("-1\r\n", "a sign");
    bad(" 5\r\n", "a blank before the size");
    bad("5 \r\n", "a blank after it");
    bad("5 5\r\n", "two sizes");
    bad("5\rx", "a CR without LF");
    bad("5;a\nb\r\n", "a bare LF in an extension");
    bad("ffffffffffffffff\r\n", "a size that does not fit");
    bad("8000000000000000\r\n", "nor this");
    bad("10000000000000000\r\n", "nor that");
    bad("0\r\n\n", "a bare LF at the end");
    bad("0\r\n\rx", "a CR without LF at the end");
    bad("0\r\nA: b\n\r\n", "a bare LF in a trailer");
    bad("0\r\nA\r\n\r\n", "a trailer without a colon");
    bad("0\r\n: b\r\n\r\n", "a trailer without a name");
    bad("0\r\nA : b\r\n\r\n", "a blank before the colon");
    bad("0\r\nA: b\r\n c\r\n\r\n", "a folded trailer");
    is_int(decode("7fffffffffffffff\r\nx"), H1_CHUNK_MORE, "the largest size");
}

static void padding_is_taken_from_origins(void)
{
    is_int(decode_in_steps(STR("5  \r\nhello\r\n0 \r\n\r\n"), 100, true), H1_CHUNK_DONE,
           "blanks behind sizes, where asked for");
}

static void lengths_are_bounded(void)
{
    char text[H1_CHUNK_LINE_MAX + 100];

    memset(text, '0', sizeof(text));
    is_int(decode_in_steps((struct str){text, sizeof(text)}, 1000, false), H1_CHUNK_BAD,
           "endless zeros");
    memset(text, 'a', sizeof(text));
    memcpy(text, "5;", 2);
    is_int(decode_in_steps((struct str){text, sizeof(text)}, 1000, false), H1_CHUNK_BAD,
           "an endless extension");
    memcpy(text, "0\r\nA:", 5);
    is_int(decode_in_steps((struct str){text, sizeof(text)}, 1000, false), H1_CHUNK_BAD,
           "an endless trailer");
}

static void trailers_are_collected(void)
{
    static const char text[] =
        "0\r\nExpires: never\r\nX-Sum:  abc \r\nContent-Length: 5\r\nHost: b\r\nEmpty:\r\n\r\n";
    bool same = true;

    for (size_t step = 1; step < sizeof(text); step++)
        same = same && decode_in_steps(str_of(text), step, false) == H1_CHUNK_DONE &&
               trailers.count == 3;
    ok(same, "trailers, without those that must not be there");
    is_slice(fields_value(&trailers, FIELD_EXPIRES), "never", "a known one");
    is_slice(fields_find_name(&trailers, STR("x-sum"))->value, "abc", "an unknown one");
    is_slice(trailers.items[2].value, "", "an empty one");
}

static void the_least_is_never_too_much(void)
{
    static const char *const texts[] = {
        "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "00;a\r\nA: b\r\nC:\r\n\r\n",
        "1;x\r\na\r\n1\r\nb\r\n0\r\n\r\n",
    };
    bool right = true;

    for (size_t i = 0; i < COUNT(texts); i++)
        for (size_t len = 1; len < strlen(texts[i]); len++) {
            decode_in_steps((struct str){texts[i], len}, 1, false);
            uint64_t least = h1_chunk_least(&c);
            right = right && least > 0 && least <= strlen(texts[i]) - len;
        }
    ok(right, "what must still come is never overestimated");
    decode("5\r\nhe");
    is_int((int64_t)h1_chunk_least(&c), 3 + 2 + 5, "inside a chunk it is exact");
}

static void chunks_are_written(void)
{
    char line[H1_CHUNK_HEAD_MAX];

    is_slice(str_range(line, h1_chunk_head(line, 500)), "1f4\r\n", "a size line");
    is_slice(str_range(line, h1_chunk_head(line, UINT64_MAX)), "ffffffffffffffff\r\n",
             "the longest");
}

int main(void)
{
    pool = pool_create(POOL_BLOCK);
    bodies_are_decoded();
    framing_is_strict();
    padding_is_taken_from_origins();
    lengths_are_bounded();
    trailers_are_collected();
    the_least_is_never_too_much();
    chunks_are_written();
    pool_destroy(pool);
    return tap_done();
}
