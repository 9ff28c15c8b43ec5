/*
 * common/digest.c - message digests over one context per process, and the quick hashes.
 *
 * Algorithms are fetched once: the implicit fetch of EVP_DigestInit costs more than a short digest.
 */
#include "common/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <zlib.h>

static const char *const names[] = {
    [DIGEST_MD5] = "MD5",       [DIGEST_SHA1] = "SHA1",     [DIGEST_SHA256] = "SHA256",
    [DIGEST_SHA384] = "SHA384", [DIGEST_SHA512] = "SHA512",
};

static EVP_MD *algorithms[COUNT(names)];
static EVP_MD_CTX *context;

static const EVP_MD *algorithm(enum digest_kind kind)
{
    if (unlikely(algorithms[kind] == NULL))
        algorithms[kind] = EVP_MD_fetch(NULL, names[kind], "-fips");
    must(algorithms[kind] != NULL);
    return algorithms[kind];
}

size_t digest_parts(enum digest_kind kind, const struct str *parts, size_t count, uint8_t *out)
{
    unsigned int len = 0;

    if (unlikely(context == NULL))
        context = EVP_MD_CTX_new();
    must(context != NULL);
    must(EVP_DigestInit_ex(context, algorithm(kind), NULL) == 1);
    for (size_t i = 0; i < count; i++)
        must(EVP_DigestUpdate(context, parts[i].data, parts[i].len) == 1);
    must(EVP_DigestFinal_ex(context, out, &len) == 1);
    return len;
}

size_t digest(enum digest_kind kind, struct str data, uint8_t *out)
{
    return digest_parts(kind, &data, 1, out);
}

char *digest_put_hex(char *out, const void *bytes, size_t count)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *p = bytes;

    for (size_t i = 0; i < count; i++) {
        *out++ = hex[p[i] >> 4];
        *out++ = hex[p[i] & 15];
    }
    return out;
}

size_t digest_hex(enum digest_kind kind, struct str data, char *out)
{
    uint8_t bytes[DIGEST_MAX];
    size_t len = digest(kind, data, bytes);

    digest_put_hex(out, bytes, len);
    return len * 2;
}

size_t digest_hmac(enum digest_kind kind, struct str key, struct str data, uint8_t *out)
{
    unsigned int len = 0;

    must(key.len <= INT32_MAX);
    must(HMAC(algorithm(kind), key.data == NULL ? "" : key.data, (int)key.len,
              (const unsigned char *)data.data, data.len, out, &len) != NULL);
    return len;
}

uint32_t digest_crc32(uint32_t before, struct str data)
{
    return data.len == 0 ? before
                         : (uint32_t)crc32_z(before, (const unsigned char *)data.data, data.len);
}

/* Austin Appleby's MurmurHash2, public domain algorithm; words are read little-endian. */
uint32_t digest_murmur2(struct str data)
{
    const uint32_t m = 0x5bd1e995;
    const uint8_t *p = (const uint8_t *)data.data;
    uint32_t h = (uint32_t)data.len;
    size_t left = data.len;

    for (; left >= 4; left -= 4, p += 4) {
        uint32_t k = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;

        k *= m;
        k ^= k >> 24;
        h = h * m ^ k * m;
    }
    if (left > 0) {
        for (size_t i = left; i-- > 0;)
            h ^= (uint32_t)p[i] << 8 * i;
        h *= m;
    }
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}
