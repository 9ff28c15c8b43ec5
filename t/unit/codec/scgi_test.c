/*
 * t/unit/codec/scgi_test.c - what stands around the texts of an SCGI head.
 */
#include "worker/codec/scgi.h"

#include "t/unit/tap.h"

static void framed(size_t texts, const char *begin)
{
    char text[64], *end = scgi_write_begin(text, texts);

    is_slice(str_range(text, end), begin, "the length comes first");
    is_int((int64_t)scgi_head_bytes(texts), (int64_t)(strlen(begin) + texts + 1),
           "and is counted with it");
}

int main(void)
{
    char comma[1];

    framed(0, "0:");
    framed(9, "9:");
    framed(10, "10:");
    framed(123456, "123456:");
    ok(scgi_write_end(comma) == comma + 1 && comma[0] == ',', "a comma ends it");
    return tap_done();
}
