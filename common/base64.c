/*
 * common/base64.c - RFC 4648 base64, the standard and the URL alphabet.
 */
#include "common/base64.h"

#define SHARED_62 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char standard[] = SHARED_62 "+/";
static const char url[] = SHARED_62 "-_";

static size_t encode(char *out, struct str data, const char *alphabet, bool pad)
{
    const uint8_t *p = (const uint8_t *)data.data;
    char *begin = out;
    size_t left = data.len;

    for (; left >= 3; left -= 3, p += 3) {
        *out++ = alphabet[p[0] >> 2];
        *out++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
        *out++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
        *out++ = alphabet[p[2] & 63];
    }
    if (left > 0) {
        uint8_t second = left == 2 ? p[1] : 0;

        *out++ = alphabet[p[0] >> 2];
        *out++ = alphabet[(p[0] & 3) << 4 | second >> 4];
        if (left == 2)
            *out++ = alphabet[(second & 15) << 2];
        else if (pad)
            *out++ = '=';
        if (pad)
            *out++ = '=';
    }
    return (size_t)(out - begin);
}

size_t base64_encode(char *out, struct str data)
{
    return encode(out, data, standard, true);
}

size_t base64_encode_url(char *out, struct str data)
{
    return encode(out, data, url, false);
}

/* -1 for what is in no alphabet. */
static int value_of(char c, char c62, char c63)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == c62 ? 62 : c == c63 ? 63 : -1;
}

/* The text without its padding; its length is 1 modulo 4 when the padding is wrong. */
static struct str without_padding(struct str text)
{
    size_t pads = 0;

    while (pads < 2 && pads < text.len && text.data[text.len - 1 - pads] == '=')
        pads++;
    if (pads > 0 && text.len % 4 != 0)
        return (struct str){text.data, 1};
    text.len -= pads;
    return text;
}

static ssize_t decode(char *out, struct str text, char c62, char c63)
{
    char *begin = out;
    uint32_t bits = 0;
    int have = 0;

    text = without_padding(text);
    if (text.len % 4 == 1)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        int value = value_of(text.data[i], c62, c63);

        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *out++ = (char)(bits >> have);
        }
    }
    return out - begin;
}

ssize_t base64_decode(char *out, struct str text)
{
    return decode(out, text, '+', '/');
}

ssize_t base64_decode_url(char *out, struct str text)
{
    return decode(out, text, '-', '_');
}
