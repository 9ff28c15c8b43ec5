/*
 * common/log_json.c - a line of the error log as a JSON object.
 *
 * Every put leaves TAIL bytes for what must still follow: the closing quote, brace and newline.
 * Bytes that are not UTF-8 appear as the code point of the same number, so the object stays valid.
 */
#include "common/log_json.h"

#include "common/clock.h"
#include "common/fmt.h"

#define TAIL 3

struct writer {
    char *pos;
    char *end; /* TAIL before the real one */
};

/* Length of the valid UTF-8 sequence at p, 0 if there is none. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    size_t len = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;

    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

/* One character of a JSON string; returns how many bytes of input it was, 0 if there is no room. */
static size_t put_char(struct writer *w, const unsigned char *p, size_t left)
{
    char text[6] = "\\u00";
    size_t used = 1, len = 6;

    if (p[0] == '"' || p[0] == '\\') {
        text[1] = (char)p[0];
        len = 2;
    } else if (p[0] >= 0x20 && p[0] < 0x7f) {
        text[0] = (char)p[0];
        len = 1;
    } else if ((used = utf8_length(p, left)) > 0) {
        memcpy(text, p, used);
        len = used;
    } else {
        used = 1;
        text[4] = "0123456789abcdef"[p[0] >> 4];
        text[5] = "0123456789abcdef"[p[0] & 15];
    }
    if ((size_t)(w->end - w->pos) < len)
        return 0;
    w->pos = fmt_str(w->pos, (struct str){text, len});
    return used;
}

static void put_string(struct writer *w, struct str s)
{
    size_t used;

    *w->pos++ = '"';
    for (size_t i = 0; i < s.len; i += used) {
        used = put_char(w, (const unsigned char *)s.data + i, s.len - i);
        if (used == 0)
            break;
    }
    *w->pos++ = '"';
}

/* `"key":`; false and nothing written when a short value would not fit behind it. */
static bool put_key(struct writer *w, struct str key)
{
    char *begin = w->pos;

    if ((size_t)(w->end - w->pos) < key.len + 32)
        return false;
    if (begin[-1] != '{')
        *w->pos++ = ',';
    w->end -= 2;
    put_string(w, key);
    w->end += 2;
    if ((size_t)(w->end - w->pos) < 24) { /* a key full of escapes */
        w->pos = begin;
        return false;
    }
    *w->pos++ = ':';
    return true;
}

static void put_member(struct writer *w, struct str key, struct str value)
{
    if (put_key(w, key))
        put_string(w, value);
}

static void put_number(struct writer *w, struct str key, uint64_t n)
{
    if (put_key(w, key))
        w->pos = fmt_uint(w->pos, n);
}

/* The value at the head of *rest, up to the next ", " or, quoted, to the closing quote. */
static struct str cut_value(struct str *rest)
{
    bool quoted = rest->len > 0 && rest->data[0] == '"';
    struct str body = quoted ? str_from(*rest, 1) : *rest;
    ssize_t end = quoted ? str_find(body, '"') : str_search(body, STR(", "));
    struct str value = body;

    if (end < 0) {
        *rest = STR_NONE;
        return value;
    }
    value.len = (size_t)end;
    *rest = str_from(body, (size_t)end + quoted);
    return value;
}

/* ", client: 1.2.3.4, request: \"...\"" as members of their own */
static void put_about(struct writer *w, struct str about)
{
    while (str_starts(about, STR(", "))) {
        struct str rest = str_from(about, 2);
        ssize_t colon = str_search(rest, STR(": "));
        struct str key;

        if (colon <= 0)
            break;
        key = (struct str){rest.data, (size_t)colon};
        about = str_from(rest, (size_t)colon + 2);
        put_member(w, key, cut_value(&about));
    }
    if (about.len > 0)
        put_member(w, STR("context"), about);
}

size_t log_json(char *out, size_t room, const struct log_record *r)
{
    struct writer w = {out, out + room - TAIL};

    *w.pos++ = '{';
    put_member(&w, STR("time"), clock_iso());
    put_member(&w, STR("level"), str_of(log_level_name(r->level)));
    put_number(&w, STR("pid"), (uint64_t)r->pid);
    put_number(&w, STR("tid"), (uint64_t)r->tid);
    if (r->conn_number != 0)
        put_number(&w, STR("connection"), r->conn_number);
    put_member(&w, STR("message"), r->message);
    if (r->err != 0) {
        const char *text = strerrordesc_np(r->err);

        put_number(&w, STR("errno"), (uint64_t)(unsigned)r->err);
        put_member(&w, STR("error"), str_of(text != NULL ? text : "Unknown error"));
    }
    if (r->doing != NULL)
        put_member(&w, STR("doing"), str_of(r->doing));
    put_about(&w, r->about);
    w.pos = FMT_LIT(w.pos, "}\n");
    return (size_t)(w.pos - out);
}
