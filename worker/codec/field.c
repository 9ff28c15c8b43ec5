/*
 * worker/codec/field.c - header and trailer fields: their well-known names and lists of them.
 *
 * The names are found by a perfect hash of length and three letters, then compared eight bytes at
 * a time; nothing is copied or lowered on the way.
 */
#include "worker/codec/field.h"

#include "common/fmt.h"
#include "worker/codec/scan.h"

struct name {
    struct str title;
    struct str lower;
};

static const struct name names[FIELD_IDS] = {
#define NAME_ROW(stem, title, lower) [FIELD_##stem] = {STR_INIT(title), STR_INIT(lower)},
    FIELD_NAMES(NAME_ROW)
#undef NAME_ROW
};

/* Found by search: with it no two names share a slot. field_test finds another one when needed. */
#define SLOT_MULTIPLIER 0xe0faba03u

static const uint8_t slots[256] = {
    0, 28, 0, 0, 30, 14, 0, 0, 61, 0, 12, 0, 74, 36, 0, 0,
    0, 0, 0, 0, 6, 0, 85, 0, 0, 0, 0, 0, 0, 58, 38, 0,
    0, 62, 0, 0, 0, 13, 0, 10, 78, 0, 0, 67, 54, 0, 65, 0,
    0, 0, 75, 25, 0, 0, 0, 0, 34, 0, 0, 5, 43, 51, 0, 79,
    0, 0, 0, 0, 0, 0, 7, 0, 55, 0, 0, 24, 23, 0, 0, 0,
    42, 0, 52, 0, 0, 31, 0, 1, 32, 0, 0, 0, 37, 45, 0, 80,
    8, 0, 33, 0, 0, 0, 26, 0, 0, 0, 0, 63, 0, 0, 0, 0,
    0, 0, 0, 0, 81, 0, 0, 48, 3, 0, 0, 0, 56, 0, 17, 0,
    71, 0, 15, 0, 20, 0, 50, 0, 0, 0, 27, 69, 0, 0, 0, 76,
    0, 0, 64, 0, 22, 60, 53, 0, 86, 0, 0, 0, 0, 0, 0, 84,
    49, 0, 16, 0, 0, 46, 82, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 70, 4, 0, 0, 0, 0, 0, 0, 83, 47, 0, 35, 0, 0, 0,
    41, 0, 57, 88, 0, 0, 39, 9, 0, 0, 29, 77, 0, 0, 0, 0,
    87, 73, 0, 0, 72, 0, 0, 0, 0, 0, 0, 0, 0, 59, 0, 0,
    0, 40, 2, 44, 0, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 21,
    0, 0, 0, 0, 0, 11, 0, 0, 66, 0, 0, 0, 0, 68, 0, 18,
};

static inline uint32_t slot_of(struct str name)
{
    uint32_t first = (uint8_t)name.data[0] | 0x20u;
    uint32_t later = (uint8_t)name.data[name.len * 3 / 4] | 0x20u;
    uint32_t last = (uint8_t)name.data[name.len - 1] | 0x20u;

    return (first | later << 8 | last << 16 | (uint32_t)name.len << 24) * SLOT_MULTIPLIER >> 24;
}

/* Whether eight (four) bytes are the given lower-case ones, in either case. In such words the bytes
   with bit 0x40 are the letters: only there may bit 0x20 differ. */
static inline bool same8(const char *text, const char *lower)
{
    uint64_t t, l;

    memcpy(&t, text, 8);
    memcpy(&l, lower, 8);
    return (t | (l & 0x4040404040404040u) >> 1) == l;
}

static inline bool same4(const char *text, const char *lower)
{
    uint32_t t, l;

    memcpy(&t, text, 4);
    memcpy(&l, lower, 4);
    return (t | (l & 0x40404040u) >> 1) == l;
}

/* Steps of a word, the last one overlapping its neighbour, so that nothing outside is read. */
static inline bool same_name(const char *text, const char *lower, size_t len)
{
    size_t i;

    if (len >= 8) {
        if (!same8(text + len - 8, lower + len - 8))
            return false;
        for (i = 0; i + 8 < len; i += 8)
            if (!same8(text + i, lower + i))
                return false;
        return true;
    }
    if (len >= 4)
        return same4(text, lower) && same4(text + len - 4, lower + len - 4);
    for (i = 0; i < len; i++)
        if (ascii_lower(text[i]) != lower[i])
            return false;
    return true;
}

bool field_word_is(struct str text, struct str word)
{
    return text.len == word.len && same_name(text.data, word.data, word.len);
}

enum field_id field_find_id(struct str name)
{
    uint8_t id;

    if (unlikely(name.len == 0))
        return FIELD_OTHER;
    id = slots[slot_of(name)];
    if (name.len != names[id].lower.len || !same_name(name.data, names[id].lower.data, name.len))
        return FIELD_OTHER;
    return (enum field_id)id;
}

struct str field_name(enum field_id id)
{
    return names[id].lower;
}

struct str field_name_title(enum field_id id)
{
    return names[id].title;
}

bool field_is_hop_by_hop(enum field_id id)
{
    switch (id) {
    case FIELD_CONNECTION:
    case FIELD_KEEP_ALIVE:
    case FIELD_TE:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_UPGRADE:
    case FIELD_PROXY_CONNECTION:
    case FIELD_HTTP2_SETTINGS:
    case FIELD_TRAILER:
        return true;
    default:
        return false;
    }
}

bool field_may_trail(enum field_id id)
{
    switch (id) {
    case FIELD_HOST:
    case FIELD_CONTENT_LENGTH:
    case FIELD_CONTENT_TYPE:
    case FIELD_CONTENT_ENCODING:
    case FIELD_CONTENT_RANGE:
    case FIELD_EXPECT:
    case FIELD_RANGE:
    case FIELD_IF_RANGE:
    case FIELD_IF_MATCH:
    case FIELD_IF_NONE_MATCH:
    case FIELD_IF_MODIFIED_SINCE:
    case FIELD_IF_UNMODIFIED_SINCE:
    case FIELD_AUTHORIZATION:
    case FIELD_PROXY_AUTHORIZATION:
    case FIELD_COOKIE:
    case FIELD_SET_COOKIE:
    case FIELD_LOCATION:
    case FIELD_CACHE_CONTROL:
    case FIELD_TRAILER:
        return false;
    default:
        return !field_is_hop_by_hop(id);
    }
}

static bool ends_field(char c)
{
    return c == '\r' || c == '\n' || c == '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* `at` is the first byte that ends a line. */
static struct str fold(struct pool *pool, struct str value, size_t at)
{
    char *start = pool_bytes(pool, value.len), *out = fmt_str(start, (struct str){value.data, at});

    while (at < value.len) {
        if (!ends_field(value.data[at])) {
            *out++ = value.data[at++];
            continue;
        }
        while (out > start && is_blank(out[-1]))
            out--;
        while (at < value.len && (ends_field(value.data[at]) || is_blank(value.data[at])))
            at++;
        if (out > start && at < value.len)
            *out++ = ' ';
    }
    return str_range(start, out);
}

struct str field_safe_value(struct pool *pool, struct str value)
{
    const char *end = value.data + value.len;

    if (likely(scan_find(SCAN_CONTROL, value.data, value.data, end) == end))
        return value;
    for (size_t i = 0; i < value.len; i++)
        if (ends_field(value.data[i]))
            return fold(pool, value, i);
    return value;
}

bool field_name_is_safe(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (ends_field(name.data[i]) || name.data[i] == ':')
            return false;
    return name.len > 0;
}

void fields_init(struct http_fields *f, struct pool *pool)
{
    f->items = f->inplace;
    f->count = 0;
    f->cap = FIELDS_INPLACE;
    f->pool = pool;
    memset(f->first, 0, sizeof(f->first));
}

bool fields_grow(struct http_fields *f)
{
    size_t cap = (size_t)f->cap * 2;
    struct http_field *items;

    if (f->pool == NULL || f->cap >= FIELDS_MAX)
        return false;
    items = pool_try_alloc(f->pool, cap * sizeof(*items));
    if (items == NULL)
        return false;
    memcpy(items, f->items, f->count * sizeof(*items));
    f->items = items;
    f->cap = (uint32_t)cap;
    return true;
}

static bool same_text(struct str a, struct str b)
{
    return a.len == b.len && str_eq_nocase(a, b);
}

struct http_field *fields_next_same(const struct http_fields *f, const struct http_field *item)
{
    struct http_field *other = f->items + (item - f->items);

    while (++other != f->items + f->count)
        if (other->id == item->id &&
            (item->id != FIELD_OTHER || same_text(other->name, item->name)))
            return other;
    return NULL;
}

struct str fields_join(const struct http_fields *f, const struct http_field *first,
                       struct pool *pool)
{
    struct str by = first->id == FIELD_COOKIE ? STR("; ") : STR(", ");
    const struct http_field *next = fields_next_same(f, first);
    size_t len = first->value.len;
    char *text, *p;

    if (next == NULL)
        return first->value;
    for (; next != NULL; next = fields_next_same(f, next))
        len += by.len + next->value.len;
    text = pool_bytes(pool, len);
    p = fmt_str(text, first->value);
    for (next = fields_next_same(f, first); next != NULL; next = fields_next_same(f, next)) {
        p = fmt_str(p, by);
        p = fmt_str(p, next->value);
    }
    return str_range(text, p);
}

struct http_field *fields_find_name(const struct http_fields *f, struct str name)
{
    enum field_id id = field_find_id(name);

    if (id != FIELD_OTHER)
        return fields_find(f, id);
    EACH_FIELD(item, f)
        if (item->id == FIELD_OTHER && same_text(item->name, name))
            return item;
    return NULL;
}

/* Compared as numbers: the old buffer may be freed already. */
void field_rebase(struct str *s, const char *from, const char *to, size_t len)
{
    uintptr_t offset = (uintptr_t)s->data - (uintptr_t)from;

    if (s->data != NULL && offset <= len)
        s->data = to + offset;
}

void fields_rebase(struct http_fields *f, const char *from, const char *to, size_t len)
{
    EACH_FIELD(item, f) {
        field_rebase(&item->name, from, to, len);
        field_rebase(&item->value, from, to, len);
    }
}

size_t fields_packed_bytes(const struct http_fields *f)
{
    return offsetof(struct http_fields, inplace) + f->count * sizeof(*f->items);
}

struct http_fields *fields_pack(const struct http_fields *f, void *memory)
{
    size_t own = offsetof(struct http_fields, inplace);
    struct http_fields *packed = memory;

    memcpy(packed, f, own);
    packed->items = (struct http_field *)(void *)((char *)memory + own);
    packed->cap = f->count;
    packed->pool = NULL;
    if (f->count > 0)
        memcpy(packed->items, f->items, f->count * sizeof(*f->items));
    return packed;
}

/* Where the element that starts at s ends: the next comma outside a quoted string (RFC 9110,
   5.6.1 and 5.6.4). */
static size_t element_len(struct str s)
{
    bool quoted = false;

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '"')
            quoted = !quoted;
        else if (quoted && s.data[i] == '\\')
            i++;
        else if (!quoted && s.data[i] == ',')
            return i;
    }
    return s.len;
}

bool field_list_next(struct str *rest, struct str *item)
{
    size_t len;

    while (rest->len > 0) {
        len = element_len(*rest);
        *item = str_trim((struct str){rest->data, len});
        *rest = str_from(*rest, MIN(len + 1, rest->len));
        if (item->len > 0)
            return true;
    }
    return false;
}

bool field_list_has(struct str list, struct str item)
{
    struct str element;

    while (field_list_next(&list, &element))
        if (same_text(element, item))
            return true;
    return false;
}

char *field_print(char *p, struct str name, struct str value)
{
    p = fmt_str(p, name);
    p = FMT_LIT(p, ": ");
    p = fmt_str(p, value);
    return FMT_LIT(p, "\r\n");
}
