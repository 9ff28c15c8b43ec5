/*
 * t/unit/codec/memcache_test.c - the first lines of memcached's replies.
 */
#include "worker/codec/memcache.h"

#include "t/unit/tap.h"

static struct memcache_head h;

static void is_more(const char *text)
{
    bool good = true;

    for (size_t n = 0; n < strlen(text); n++)
        good = good && memcache_read(&h, (struct str){text, n}) == MEMCACHE_MORE;
    ok(good, "a line is waited for");
}

static void bad(const char *text, const char *what)
{
    is_int(memcache_read(&h, str_of(text)), MEMCACHE_BAD, what);
    ok(h.fault != NULL, "  with a reason");
}

int main(void)
{
    char text[32];
    char *end = memcache_write_get(text, STR("key"));

    is_slice(str_range(text, end), "get key\r\n", "a question");
    ok((size_t)(end - text) == 3 + MEMCACHE_GET_MORE, "takes what it says");
    is_more("VALUE key 4294967295 12\r\n");
    is_int(memcache_read(&h, STR("VALUE key 4294967295 12\r\nhello")), MEMCACHE_VALUE, "a value");
    is_slice(h.key, "key", "its key");
    is_int((int64_t)h.flags, 4294967295, "its flags");
    is_int(h.length, 12, "its length");
    is_int((int64_t)h.bytes, 25, "where it begins");
    is_int(memcache_read(&h, STR("END\r\n")), MEMCACHE_MISS, "none");
    is_int((int64_t)h.bytes, 5, "and what follows");
    bad("\r\n", "an empty line");
    bad("\n", "not even a CR");
    bad("END\n", "END without a CR");
    bad("ENDING\r\n", "something else");
    bad("ERROR\r\n", "an error");
    bad("VALUE\r\n", "a value of nothing");
    bad("VALUE key\r\n", "no flags");
    bad("VALUE key 0\r\n", "no length");
    bad("VALUE key x 3\r\n", "flags that are no number");
    bad("VALUE key 0 x\r\n", "a length that is none");
    bad("VALUE key 0 -1\r\n", "a negative one");
    bad("VALUE key 0 3 4\r\n", "more than was asked for");
    bad("VALUE key  0 3\r\n", "two blanks");
    bad("VALUE key 0 9223372036854775808\r\n", "a length beyond all bounds");
    return tap_done();
}
