/*
 * worker/codec/escape.c - writing text so that it survives inside a URI or HTML, and back.
 */
#include "worker/codec/escape.h"

#include "common/fmt.h"

/* For each printable character the kinds that give it a code. */
#define U BIT(ESCAPE_URI)
#define A BIT(ESCAPE_ARGS)
#define C BIT(ESCAPE_COMPONENT)
#define R BIT(ESCAPE_REFRESH)
#define M BIT(ESCAPE_MEMCACHED)
#define L BIT(ESCAPE_LINK)

static const uint8_t coded_in[128] = {
    [' '] = U | A | C | R | M | L,
    ['!'] = C, ['"'] = U | A | C | R | L, ['#'] = U | A | C | L, ['$'] = C,
    ['%'] = U | A | C | M | L, ['&'] = A | C, ['\''] = C | R | L, ['('] = C, [')'] = C, ['*'] = C,
    ['+'] = A | C, [','] = C, ['/'] = C, [':'] = C, [';'] = A | C, ['<'] = U | A | C | R | L,
    ['='] = C,
    ['>'] = U | A | C | R | L, ['?'] = U | A | C, ['@'] = C, ['['] = C, ['\\'] = U | A | C | L,
    [']'] = C, ['^'] = U | A | C | L, ['`'] = U | A | C | L, ['{'] = U | A | C | L,
    ['|'] = U | A | C | L, ['}'] = U | A | C | L,
};

#undef U
#undef A
#undef C
#undef R
#undef M
#undef L

static inline bool needs_code(unsigned char c, enum escape_kind kind)
{
    if (c < 0x20)
        return true;
    if (c >= 0x7f)
        return kind == ESCAPE_TARGET ? c == 0x7f : kind != ESCAPE_MEMCACHED;
    return (coded_in[c] & BIT(kind)) != 0;
}

size_t escape_count(struct str text, enum escape_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += needs_code((unsigned char)text.data[i], kind);
    return count;
}

char *escape_write(char *out, struct str text, enum escape_kind kind)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (needs_code(c, kind)) {
            *out++ = '%';
            *out++ = digits[c >> 4];
            *out++ = digits[c & 15];
        } else {
            *out++ = (char)c;
        }
    }
    return out;
}

struct str escape(struct pool *pool, struct str text, enum escape_kind kind)
{
    size_t count = escape_count(text, kind);
    char *out;

    if (count == 0)
        return text;
    out = pool_bytes(pool, text.len + 2 * count);
    return str_range(out, escape_write(out, text, kind));
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the code at `p` stands for, or -1. */
static int coded_byte(const char *p, const char *end)
{
    int high, low;

    if (end - p < 3 || *p != '%')
        return -1;
    high = digit_of(p[1]);
    low = digit_of(p[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static char *copy_rest(char *out, const char *p, const char *end)
{
    memmove(out, p, (size_t)(end - p));
    return out + (end - p);
}

char *unescape_write(char *out, struct str text, enum unescape_kind kind)
{
    const char *p = text.data, *end = p + text.len;

    while (p < end) {
        int code = coded_byte(p, end);
        bool keep = code < 0 || (kind == UNESCAPE_REDIRECT && (code <= '%' || code >= 0x7f));
        char c = keep ? *p : (char)code;

        if (c == '?' && kind == UNESCAPE_URI)
            break;
        p += keep ? 1 : 3;
        *out++ = c;
        if (c == '?' && kind == UNESCAPE_REDIRECT)
            return copy_rest(out, p, end);
    }
    return out;
}

struct str unescape(struct pool *pool, struct str text, enum unescape_kind kind)
{
    char *out;

    if (str_find(text, '%') < 0 && (kind != UNESCAPE_URI || str_find(text, '?') < 0))
        return text;
    out = pool_bytes(pool, text.len);
    return str_range(out, unescape_write(out, text, kind));
}

static struct str entity_of(char c)
{
    switch (c) {
    case '<':
        return STR("&lt;");
    case '>':
        return STR("&gt;");
    case '&':
        return STR("&amp;");
    case '"':
        return STR("&quot;");
    default:
        return STR_NONE;
    }
}

size_t escape_html_bytes(struct str text)
{
    size_t bytes = text.len, entity;

    for (size_t i = 0; i < text.len; i++) {
        entity = entity_of(text.data[i]).len;
        bytes += entity > 0 ? entity - 1 : 0;
    }
    return bytes;
}

char *escape_html_write(char *out, struct str text)
{
    struct str entity;

    for (size_t i = 0; i < text.len; i++) {
        entity = entity_of(text.data[i]);
        if (entity.len > 0)
            out = fmt_str(out, entity);
        else
            *out++ = text.data[i];
    }
    return out;
}

struct str escape_html(struct pool *pool, struct str text)
{
    size_t bytes = escape_html_bytes(text);
    char *out;

    if (bytes == text.len)
        return text;
    out = pool_bytes(pool, bytes);
    return str_range(out, escape_html_write(out, text));
}
