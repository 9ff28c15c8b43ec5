/*
 * worker/codec/charset_map.c - recoding between charsets.
 *
 * What is broken in UTF-8 is read as nginx reads it: a wrong first byte is one '?', and so is a
 * sequence with a byte below 0x80 in it, that byte included, or one longer than it need be.
 */
#include "worker/codec/charset_map.h"

#include "common/fmt.h"

#define UTF8_INCOMPLETE UINT32_MAX
#define UTF8_BROKEN     (UINT32_MAX - 1)
#define UNICODE_LAST    0x10ffff

/* Maps ----------------------------------------------------------------------------------------- */

static void init_texts(struct charset_map *m, struct pool *pool)
{
    m->texts = pool_zalloc(pool, 256 * sizeof(*m->texts));
    m->pages = pool_zalloc(pool, 256 * sizeof(*m->pages));
    for (unsigned i = 0; i < 256; i++)
        m->texts[i] = (struct charset_text){1, {i < 128 ? (uint8_t)i : '?'}};
}

void charset_map_init(struct charset_map *m, struct pool *pool, struct str left, struct str right)
{
    *m = (struct charset_map){.left = left, .right = right};
    m->utf8 = str_eq_nocase(right, STR("utf-8"));
    if (m->utf8)
        init_texts(m, pool);
    for (unsigned i = 0; i < 256; i++)
        m->forward[i] = m->back[i] = i < 128 ? (uint8_t)i : '?';
}

static bool read_byte(struct str text, uint8_t *byte)
{
    uint64_t n;

    if (text.len > 2 || !str_to_hex(text, &n))
        return false;
    *byte = (uint8_t)n;
    return true;
}

/* One character of UTF-8 from at most n bytes (n > 0); *used is how many it takes. */
static uint32_t decode(const uint8_t *p, size_t n, size_t *used)
{
    static const struct {
        uint8_t first, mask, more;
        uint32_t above;
    } kinds[] = {{0xf0, 0x07, 3, 0xffff}, {0xe0, 0x0f, 2, 0x7ff}, {0xc2, 0x1f, 1, 0x7f}};
    size_t kind = 0;
    uint32_t u;

    *used = 1;
    if (p[0] < 0x80)
        return p[0];
    if (p[0] >= 0xf8 || p[0] < 0xc2)
        return UTF8_BROKEN;
    while (p[0] < kinds[kind].first)
        kind++;
    if (n - 1 < kinds[kind].more)
        return UTF8_INCOMPLETE;
    u = p[0] & kinds[kind].mask;
    for (size_t i = 1; i <= kinds[kind].more; i++) {
        *used = i + 1;
        if (p[i] < 0x80)
            return UTF8_BROKEN;
        u = u << 6 | (p[i] & 0x3f);
    }
    return u > kinds[kind].above ? u : UTF8_BROKEN;
}

static bool add_text(struct charset_map *m, struct pool *pool, uint8_t left, struct str right)
{
    struct charset_text text = {.len = (uint8_t)(right.len / 2)};
    uint32_t u;
    size_t used;

    if (right.len < 4 || right.len > 6 || right.len % 2 != 0)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!read_byte((struct str){right.data + 2 * i, 2}, &text.bytes[i]))
            return false;
    u = decode(text.bytes, text.len, &used);
    if (u > 0xffff || used != text.len)
        return false;
    m->texts[left] = text;
    if (m->pages[u >> 8] == NULL)
        m->pages[u >> 8] = pool_zalloc(pool, 256);
    m->pages[u >> 8][u & 0xff] = left;
    return true;
}

bool charset_map_add(struct charset_map *m, struct pool *pool, struct str left, struct str right,
                     struct str *bad)
{
    uint8_t from, to;

    *bad = left;
    if (!read_byte(left, &from))
        return false;
    *bad = right;
    if (m->utf8)
        return add_text(m, pool, from, right);
    if (!read_byte(right, &to))
        return false;
    m->forward[from] = to;
    m->back[to] = from;
    return true;
}

/* Recoding ------------------------------------------------------------------------------------- */

static bool recode_bytes(const uint8_t *table, struct str *in, struct buf *out)
{
    size_t n = MIN(in->len, buf_room(out));

    for (size_t i = 0; i < n; i++)
        out->last[i] = (char)table[(uint8_t)in->data[i]];
    out->last += n;
    *in = str_from(*in, n);
    return in->len == 0;
}

static bool recode_to_utf8(const struct charset_map *m, struct str *in, struct buf *out)
{
    const uint8_t *p = (const uint8_t *)in->data, *end = p + in->len;
    char *to = out->last, *last = out->end - sizeof(m->texts->bytes);

    while (p < end && to <= last) {
        const struct charset_text *text = &m->texts[*p++];

        memcpy(to, text->bytes, sizeof(text->bytes));
        to += text->len;
    }
    out->last = to;
    *in = str_range((const char *)p, (const char *)end);
    return p == end;
}

static char *print_character(const struct charset_map *m, char *to, uint32_t u)
{
    if (u < 0x80) {
        *to++ = (char)u;
        return to;
    }
    if (u <= 0xffff && m->pages[u >> 8] != NULL && m->pages[u >> 8][u & 0xff] != 0) {
        *to++ = (char)m->pages[u >> 8][u & 0xff];
        return to;
    }
    if (u > UNICODE_LAST) {
        *to++ = '?';
        return to;
    }
    *to++ = '&';
    *to++ = '#';
    to = fmt_uint(to, u);
    *to++ = ';';
    return to;
}

/* Leading ASCII as it is. */
static const uint8_t *copy_ascii(const uint8_t *p, const uint8_t *end, char **to, const char *last)
{
    uint64_t word;

    for (; end - p >= 8 && last - *to >= 8; p += 8, *to += 8) {
        memcpy(&word, p, 8);
        if (word & 0x8080808080808080)
            break;
        memcpy(*to, &word, 8);
    }
    while (p < end && *p < 0x80 && *to < last)
        *(*to)++ = (char)*p++;
    return p;
}

/* What was held goes on with the bytes that follow. */
static void finish_held(struct charset_recoder *r, const uint8_t **p, const uint8_t *end, char **to)
{
    size_t used;
    uint32_t u;

    u = decode(r->held, r->held_len, &used);
    if (u == UTF8_INCOMPLETE) {
        if (*p < end)
            r->held[r->held_len++] = *(*p)++;
        return;
    }
    *to = print_character(r->map, *to, u);
    r->held_len = (uint8_t)(r->held_len - used);
    memmove(r->held, r->held + used, r->held_len);
}

/* Nothing is held that could be printed. */
static bool is_cut_off(const struct charset_recoder *r)
{
    size_t used;

    return r->held_len == 0 || decode(r->held, r->held_len, &used) == UTF8_INCOMPLETE;
}

static bool recode_from_utf8(struct charset_recoder *r, struct str *in, struct buf *out)
{
    const uint8_t *p = (const uint8_t *)in->data, *end = p + in->len;
    char *to = out->last, *last = out->end - CHARSET_ROOM;

    while (to <= last && (p < end || !is_cut_off(r))) {
        size_t used;
        uint32_t u;

        if (r->held_len > 0) {
            finish_held(r, &p, end, &to);
            continue;
        }
        p = copy_ascii(p, end, &to, last);
        if (p == end || to > last)
            break;
        u = decode(p, (size_t)(end - p), &used);
        if (u == UTF8_INCOMPLETE) {
            used = (size_t)(end - p);
            r->held_len = (uint8_t)used;
            memcpy(r->held, p, used);
        } else {
            to = print_character(r->map, to, u);
        }
        p += used;
    }
    out->last = to;
    *in = str_range((const char *)p, (const char *)end);
    return p == end && is_cut_off(r);
}

bool charset_recode(struct charset_recoder *r, struct str *in, struct buf *out)
{
    if (buf_room(out) < CHARSET_ROOM)
        return false;
    if (!r->map->utf8)
        return recode_bytes(r->way == CHARSET_FORWARD ? r->map->forward : r->map->back, in, out);
    return r->way == CHARSET_FORWARD ? recode_to_utf8(r->map, in, out)
                                     : recode_from_utf8(r, in, out);
}
