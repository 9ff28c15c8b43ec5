/*
 * t/unit/common/digest_test.c - published test vectors of digests, hashes and base64.
 */
#include "common/base64.h"
#include "common/digest.h"
#include "common/random.h"
#include "t/unit/tap.h"

#include <sys/wait.h>
#include <unistd.h>

static struct str hex_of(enum digest_kind kind, const char *text)
{
    static char out[DIGEST_HEX_MAX];

    return (struct str){out, digest_hex(kind, str_of(text), out)};
}

static void digests(void)
{
    struct str parts[] = {STR("a"), STR_NONE, STR("bc")};
    uint8_t raw[DIGEST_MAX];
    char hex[DIGEST_HEX_MAX];

    is_slice(hex_of(DIGEST_MD5, "abc"), "900150983cd24fb0d6963f7d28e17f72", "md5");
    is_slice(hex_of(DIGEST_MD5, ""), "d41d8cd98f00b204e9800998ecf8427e", "md5 of nothing");
    is_slice(hex_of(DIGEST_SHA1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d", "sha1");
    is_slice(hex_of(DIGEST_SHA256, "abc"),
             "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "sha256");
    is_int((int64_t)hex_of(DIGEST_SHA512, "abc").len, 128, "sha512 is longer");
    is_int((int64_t)digest_parts(DIGEST_MD5, parts, 3, raw), 16, "in parts");
    is_slice(str_range(hex, digest_put_hex(hex, raw, 16)), "900150983cd24fb0d6963f7d28e17f72",
             "as if it were one");
    is_int((int64_t)digest_hmac(DIGEST_SHA256, STR("Jefe"), STR("what do ya want for nothing?"),
                                raw), 32, "hmac");
    is_slice(str_range(hex, digest_put_hex(hex, raw, 32)),
             "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "RFC 4231, 4.3");
}

static void quick_hashes(void)
{
    is_int(digest_crc32(0, STR("123456789")), 0xcbf43926, "crc32");
    is_int(digest_crc32(digest_crc32(0, STR("1234")), STR("56789")), 0xcbf43926, "in parts");
    is_int(digest_crc32(0, STR_NONE), 0, "of nothing");
    is_int(digest_murmur2(STR("")), 0, "murmur2 of nothing");
    is_int(digest_murmur2(STR("hello")), 0xe56129cb, "murmur2");
}

static struct str encoded(struct str data, bool for_url)
{
    static char out[64];

    return (struct str){out, for_url ? base64_encode_url(out, data) : base64_encode(out, data)};
}

static struct str decoded(const char *text, bool for_url)
{
    static char out[64];
    ssize_t len =
        for_url ? base64_decode_url(out, str_of(text)) : base64_decode(out, str_of(text));

    return len < 0 ? STR_NONE : (struct str){out, (size_t)len};
}

static void encodes(void)
{
    is_slice(encoded(STR(""), false), "", "nothing");
    is_slice(encoded(STR("f"), false), "Zg==", "one byte");
    is_slice(encoded(STR("fo"), false), "Zm8=", "two");
    is_slice(encoded(STR("foobar"), false), "Zm9vYmFy", "six");
    is_slice(encoded(STR("\xfb\xff"), false), "+/8=", "the last two letters");
    is_slice(encoded(STR("\xfb\xff"), true), "-_8", "for URLs");
}

static void decodes(void)
{
    is_slice(decoded("Zm9vYmFy", false), "foobar", "six bytes");
    is_slice(decoded("Zg==", false), "f", "padded");
    is_slice(decoded("Zg", false), "f", "padding missing");
    is_slice(decoded("", false), "", "nothing");
    is_slice(decoded("-_8", true), "\xfb\xff", "for URLs");
    ok(decoded("Zg=", false).data == NULL && decoded("Z", false).data == NULL &&
           decoded("Z===", false).data == NULL && decoded("=", false).data == NULL &&
           decoded("Zm9=v", false).data == NULL && decoded("Zm9vZ", false).data == NULL,
       "wrong lengths and padding");
    ok(decoded("Zm 9", false).data == NULL && decoded("Zm\n9", false).data == NULL &&
           decoded("-_8=", false).data == NULL && decoded("+/8=", true).data == NULL,
       "foreign letters");
}

static void random_numbers(void)
{
    uint32_t seen[10] = {0}, low = 100000, high = 0;
    uint64_t mine, childs = 0;
    int ends[2];
    char a[16], b[16];

    for (int i = 0; i < 100000; i++)
        seen[random_below(10)]++;
    for (int i = 0; i < 10; i++) {
        low = MIN(low, seen[i]);
        high = MAX(high, seen[i]);
    }
    ok(low > 9000 && high < 11000, "evenly spread");
    is_int(random_below(1), 0, "one choice");
    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    ok(memcmp(a, b, sizeof(a)) != 0, "strong bytes differ");

    if (pipe(ends) != 0)
        return;
    if (fork() == 0) {
        childs = random_quick();
        _exit(write(ends[1], &childs, sizeof(childs)) != sizeof(childs));
    }
    mine = random_quick();
    ok(read(ends[0], &childs, sizeof(childs)) == sizeof(childs) && mine != childs,
       "a child has a sequence of its own");
    wait(NULL);
}

int main(void)
{
    digests();
    quick_hashes();
    encodes();
    decodes();
    random_numbers();
    return tap_done();
}
