/*
 * worker/access/password.c - passwords as files of users keep them.
 */
#include "worker/access/password.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "common/base64.h"

#define SHA1_BYTES  20
#define MD5_BYTES   16
#define TEXT_MOST   512  /* of a stored password; longer ones are of no known form */
#define APR1_ROUNDS 1000
#define APR1_SALT   8

bool password_is_quick(struct str stored)
{
    return str_starts(stored, STR("{PLAIN}")) || str_starts(stored, STR("{SHA}")) ||
           str_starts(stored, STR("{SSHA}"));
}

struct str password_find(struct str file, struct str user)
{
    while (file.len > 0) {
        struct str line = str_cut(&file, '\n'), name = str_cut(&line, ':');

        if (line.data == NULL || name.len == 0 || name.data[0] == '#' || !str_eq(name, user))
            continue;
        line = str_cut(&line, ':');
        return str_cut(&line, '\r');
    }
    return STR_NONE;
}

static bool same(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

/* A digest of several texts. The library's own context: threads share none. */
static void hash(const EVP_MD *kind, const struct str *parts, size_t count, uint8_t *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    must(ctx != NULL && EVP_DigestInit_ex(ctx, kind, NULL) == 1);
    for (size_t i = 0; i < count; i++)
        must(EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1);
    must(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
    EVP_MD_CTX_free(ctx);
}

/* Base64 of SHA-1 of the password and whatever follows the digest: nothing, or a salt. */
static enum password_result check_sha(struct str stored, struct str password, bool salted)
{
    char plain[BASE64_DECODED(TEXT_MOST)];
    uint8_t digest[SHA1_BYTES];
    ssize_t len = stored.len <= TEXT_MOST ? base64_decode(plain, stored) : -1;
    struct str parts[2] = {password, STR_NONE};

    if (len < SHA1_BYTES || (!salted && len != SHA1_BYTES))
        return PASSWORD_WRONG;
    parts[1] = (struct str){plain + SHA1_BYTES, (size_t)len - SHA1_BYTES};
    hash(EVP_sha1(), parts, 2, digest);
    return same(plain, SHA1_BYTES, digest, SHA1_BYTES) ? PASSWORD_RIGHT : PASSWORD_WRONG;
}

/* Apache's variant of MD5 crypt ---------------------------------------------------------------- */

struct apr1 {
    EVP_MD_CTX *ctx;
    uint8_t digest[MD5_BYTES];
};

static void begin(struct apr1 *a)
{
    must(EVP_DigestInit_ex(a->ctx, EVP_md5(), NULL) == 1);
}

static void add(struct apr1 *a, const void *data, size_t len)
{
    must(EVP_DigestUpdate(a->ctx, data, len) == 1);
}

static void end(struct apr1 *a)
{
    must(EVP_DigestFinal_ex(a->ctx, a->digest, NULL) == 1);
}

/* The first digest of password and salt, stretched over the password's length. */
static void first_digest(struct apr1 *a, struct str password, struct str salt)
{
    uint8_t inner[MD5_BYTES];

    begin(a);
    add(a, password.data, password.len);
    add(a, salt.data, salt.len);
    add(a, password.data, password.len);
    end(a);
    memcpy(inner, a->digest, sizeof(inner));

    begin(a);
    add(a, password.data, password.len);
    add(a, "$apr1$", 6);
    add(a, salt.data, salt.len);
    for (size_t left = password.len; left > 0; left -= MIN(left, sizeof(inner)))
        add(a, inner, MIN(left, sizeof(inner)));
    for (size_t bits = password.len; bits > 0; bits >>= 1)
        add(a, bits & 1 ? "" : password.data, 1); /* "": one NUL */
    end(a);
}

static void stretch(struct apr1 *a, struct str password, struct str salt)
{
    uint8_t last[MD5_BYTES];

    for (int round = 0; round < APR1_ROUNDS; round++) {
        memcpy(last, a->digest, sizeof(last));
        begin(a);
        if (round & 1)
            add(a, password.data, password.len);
        else
            add(a, last, sizeof(last));
        if (round % 3 != 0)
            add(a, salt.data, salt.len);
        if (round % 7 != 0)
            add(a, password.data, password.len);
        if (round & 1)
            add(a, last, sizeof(last));
        else
            add(a, password.data, password.len);
        end(a);
    }
}

/* 22 characters: three bytes to four, in an order of its own, least significant bits first. */
static void print_apr1(const uint8_t *d, char out[22])
{
    static const char digits[] =
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static const uint8_t order[5][3] = {{0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15},
                                        {4, 10, 5}};

    for (size_t i = 0; i < COUNT(order); i++) {
        uint32_t bits = (uint32_t)d[order[i][0]] << 16 | (uint32_t)d[order[i][1]] << 8 |
                        d[order[i][2]];

        for (int n = 0; n < 4; n++, bits >>= 6)
            *out++ = digits[bits & 63];
    }
    *out++ = digits[d[11] & 63];
    *out = digits[d[11] >> 6];
}

static enum password_result check_apr1(struct str stored, struct str password)
{
    struct str rest = str_from(stored, 6), salt = str_cut(&rest, '$');
    struct apr1 a = {.ctx = EVP_MD_CTX_new()};
    char text[22];

    must(a.ctx != NULL);
    salt.len = MIN(salt.len, APR1_SALT);
    first_digest(&a, password, salt);
    stretch(&a, password, salt);
    print_apr1(a.digest, text);
    EVP_MD_CTX_free(a.ctx);
    return same(text, sizeof(text), rest.data, rest.len) ? PASSWORD_RIGHT : PASSWORD_WRONG;
}

/* crypt(3) ------------------------------------------------------------------------------------- */

static enum password_result check_crypt(struct str stored, struct str password)
{
    struct crypt_data *data = calloc(1, sizeof(*data));
    enum password_result result = PASSWORD_WRONG;
    char *setting = strndup(stored.data, stored.len);
    char *text = strndup(password.data, password.len);
    const char *made;

    must(data != NULL && setting != NULL && text != NULL);
    made = crypt_r(text, setting, data);
    if (made == NULL || made[0] == '*')
        result = PASSWORD_UNKNOWN_FORM;
    else if (same(made, strlen(made), stored.data, stored.len))
        result = PASSWORD_RIGHT;
    OPENSSL_cleanse(text, password.len);
    OPENSSL_cleanse(data, sizeof(*data));
    free(text);
    free(setting);
    free(data);
    return result;
}

enum password_result password_check(struct str stored, struct str password)
{
    if (str_starts(stored, STR("{PLAIN}")))
        return same(stored.data + 7, stored.len - 7, password.data, password.len)
                   ? PASSWORD_RIGHT : PASSWORD_WRONG;
    if (str_starts(stored, STR("{SHA}")))
        return check_sha(str_from(stored, 5), password, false);
    if (str_starts(stored, STR("{SSHA}")))
        return check_sha(str_from(stored, 6), password, true);
    if (str_starts(stored, STR("$apr1$")))
        return check_apr1(stored, password);
    if (str_find(password, '\0') >= 0 || str_find(stored, '\0') >= 0)
        return PASSWORD_WRONG;
    return check_crypt(stored, password);
}
