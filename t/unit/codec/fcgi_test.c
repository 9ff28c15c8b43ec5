/*
 * t/unit/codec/fcgi_test.c - FastCGI records: as written, and however they are cut when read.
 */
#include "worker/codec/fcgi.h"

#include <stdlib.h>

#include "t/unit/tap.h"

static char out[1024], err[1024];
static size_t out_len, err_len;
static struct fcgi_reader f;
static struct str rest;

/* Reads text in pieces of `step`, each in a block of its own. A '|' in err ends a record. */
static enum fcgi_result read_in_steps(struct str text, size_t step)
{
    enum fcgi_result result = FCGI_MORE;
    struct str in, data;

    fcgi_reader_init(&f);
    out_len = err_len = 0;
    for (size_t at = 0; at < text.len && result != FCGI_END && result != FCGI_BAD; at += step) {
        size_t len = MIN(step, text.len - at);
        char *block = malloc(len);

        in = (struct str){memcpy(block, text.data + at, len), len};
        do {
            result = fcgi_next(&f, &in, &data);
            if (result == FCGI_OUT) {
                memcpy(out + out_len, data.data, data.len);
                out_len += data.len;
            } else if (result == FCGI_ERR) {
                memcpy(err + err_len, data.data, data.len);
                err_len += data.len;
            } else if (result == FCGI_ERR_RECORD) {
                err[err_len++] = '|';
            }
        } while (result != FCGI_MORE && result != FCGI_END && result != FCGI_BAD);
        rest = str_from(text, at + len - in.len);
        free(block);
    }
    return result;
}

#define RECORD(type, length, padding, content)                                                     \
    "\1" type "\0\1\0" length padding "\0" content

static void records_are_read(void)
{
    static const char text[] =
        RECORD("\7", "\4", "\3", "oops" "PPP") RECORD("\6", "\6", "\2", "hello " "PP")
        RECORD("\7", "\2", "\0", "ab") RECORD("\6", "\5", "\0", "world")
        RECORD("\6", "\0", "\1", "P") RECORD("\7", "\0", "\0", "")
        RECORD("\3", "\10", "\2", "\0\0\1\2\0\0\0\0" "PP") "next";
    bool good = true;

    for (size_t step = 1; step < sizeof(text); step++)
        good = good && read_in_steps((struct str){text, sizeof(text) - 1}, step) == FCGI_END &&
               out_len == 11 && memcmp(out, "hello world", 11) == 0 &&
               err_len == 9 && memcmp(err, "oops|ab||", 9) == 0 && f.out_ended && f.ended &&
               f.app_status == 258 && f.protocol_status == 0 && str_eq(rest, STR("next"));
    ok(good, "records are read however they are cut");
}

#define READ(literal) read_in_steps((struct str){literal, sizeof(literal) - 1}, 3)

static void ends_vary(void)
{
    is_int(READ(RECORD("\3", "\0", "\0", "")), FCGI_END, "an end without content");
    is_int(f.app_status, 0, "means success");
    is_int(READ(RECORD("\3", "\4", "\0", "\0\0\0\7")), FCGI_END, "one with half of it");
    is_int(f.app_status, 7, "has the status");
    is_int(READ(RECORD("\3", "\12", "\0", "\0\0\0\7\2abcXY") "z"), FCGI_END, "one with more");
    is_int(f.protocol_status, FCGI_OVERLOADED, "has both");
    is_slice(rest, "z", "and ends where it should");
    is_int(READ(RECORD("\3", "\10", "\2", "\0\0\0\0\0\0\0\0" "P")), FCGI_MORE,
           "without all of its padding it is not over");
    ok(f.ended, "but the request is");
}

static void is_bad(enum fcgi_result result, const char *what)
{
    is_int(result, FCGI_BAD, what);
    ok(f.fault != NULL, "  with a reason");
}

static void nonsense_is_refused(void)
{
    is_bad(READ("\2\6\0\1\0\1\0\0x"), "another version");
    is_bad(READ("\1\6\0\2\0\1\0\0x"), "another request");
    is_bad(READ("\1\6\1\1\0\1\0\0x"), "a high request id");
    is_bad(READ("\1\5\0\1\0\1\0\0x"), "a type that only clients send");
    is_bad(READ("\1\13\0\1\0\1\0\0x"), "an unknown type");
    is_bad(READ(RECORD("\6", "\0", "\0", "") RECORD("\6", "\1", "\0", "x")),
           "output behind its end");
}

static void requests_are_written(void)
{
    char text[64], *end = fcgi_write_begin(text, true);

    ok(end - text == FCGI_BEGIN_BYTES && memcmp(text, "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0", 16) == 0,
       "a request to a responder that keeps the connection");
    fcgi_write_begin(text, false);
    is_int(text[10], 0, "or does not");
    end = fcgi_write_header(text, FCGI_STDIN, 258);
    ok(end - text == 8 && memcmp(text, "\1\5\0\1\1\2\0\0", 8) == 0, "the header of a record");
    is_int((int64_t)fcgi_pair_bytes(127, 128), 1 + 4 + 127 + 128, "lengths take one byte or four");
    end = fcgi_write_pair_head(text, 127, 128);
    ok(end - text == 5 && memcmp(text, "\177\200\0\0\200", 5) == 0, "as they are written");
}

static void long_streams_are_split(void)
{
    size_t content = 2 * FCGI_CONTENT_MOST + 5, heads = fcgi_records(content) * FCGI_HEADER_BYTES;
    char *text = malloc(heads + content), *p = text;
    bool good = fcgi_records(0) == 0 && fcgi_records(FCGI_CONTENT_MOST) == 1 && heads == 24;

    for (size_t i = 0; i < content; i++)
        text[heads + i] = (char)(i % 251);
    good = good && fcgi_write_headers(text, FCGI_PARAMS, content) == text + heads + content;
    for (size_t i = 0; i < content; i++, p++) {
        if (i % FCGI_CONTENT_MOST == 0) {
            good = good && p[1] == FCGI_PARAMS;
            p += FCGI_HEADER_BYTES;
        }
        good = good && *p == (char)(i % 251);
    }
    ok(good, "content longer than a record goes into several");
    free(text);
}

int main(void)
{
    records_are_read();
    ends_vary();
    nonsense_is_refused();
    requests_are_written();
    long_streams_are_split();
    return tap_done();
}
