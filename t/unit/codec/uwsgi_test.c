/*
 * t/unit/codec/uwsgi_test.c - headers and lengths of uwsgi packets.
 */
#include "worker/codec/uwsgi.h"

#include "t/unit/tap.h"

int main(void)
{
    char text[8];

    ok(uwsgi_write_header(text, 5, 0x1234, 255) == text + UWSGI_HEADER_BYTES &&
           memcmp(text, "\5\x34\x12\xff", 4) == 0, "a header has its length in little-endian");
    ok(uwsgi_write_header(text, 0, UWSGI_CONTENT_MOST, 0) == text + 4 &&
           memcmp(text, "\0\xff\xff\0", 4) == 0, "the longest packet");
    ok(uwsgi_write_length(text, 258) == text + 2 && memcmp(text, "\2\1", 2) == 0, "a length");
    is_int((int64_t)uwsgi_pair_bytes(3, 4), 11, "a pair has two of them");
    return tap_done();
}
