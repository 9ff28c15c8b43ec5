/*
 * common/digest.h - message digests (OpenSSL), and the quick hashes that spread keys.
 */
#pragma once

#include "common/str.h"

enum digest_kind { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };

#define DIGEST_MAX     64 /* bytes of the longest */
#define DIGEST_HEX_MAX 128

/* The digest at `out` (DIGEST_MAX bytes are enough); returns its length. No allocation. MD5 works
   even where the system's policy forbids it for signatures. */
size_t digest(enum digest_kind kind, struct str data, uint8_t *out);

/* Of several parts as if they were one text. */
size_t digest_parts(enum digest_kind kind, const struct str *parts, size_t count, uint8_t *out);

/* Lower-case hexadecimal of the digest at `out` (DIGEST_HEX_MAX), no NUL; returns its length. */
size_t digest_hex(enum digest_kind kind, struct str data, char *out);

/* Any bytes as lower-case hexadecimal; returns the end. */
char *digest_put_hex(char *out, const void *bytes, size_t count);

/* HMAC; returns its length. */
size_t digest_hmac(enum digest_kind kind, struct str key, struct str data, uint8_t *out);

/* CRC-32 (ISO 3309, as zlib); `before` is the value so far, 0 to begin with. */
uint32_t digest_crc32(uint32_t before, struct str data);

/* MurmurHash2, 32 bits, seed 0: the spread of split_clients. */
uint32_t digest_murmur2(struct str data);
