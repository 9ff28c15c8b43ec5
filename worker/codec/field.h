/*
 * worker/codec/field.h - header and trailer fields: their well-known names and lists of them.
 *
 * One shape for every protocol: h1 points into its read buffer, h2 and h3 into what their library
 * decoded. Names that somebody looks for have a small number, so that looking is an array index.
 */
#pragma once

#include "common/pool.h"
#include "worker/codec/field_id.h"

/*
 * The number of a name, whatever its case; FIELD_OTHER when it has none. Reads only name.len bytes.
 */
enum field_id field_find_id(struct str name);

/* Whether text is the word, in any case; the word is in lower case and has letters, digits and '-'
   only. */
bool field_word_is(struct str text, struct str word);

/* "content-length" and "Content-Length". STR_NONE for FIELD_OTHER. */
struct str field_name(enum field_id id);
struct str field_name_title(enum field_id id);

/* Hop-by-hop whatever Connection says (RFC 9110, 7.6.1): Connection, Keep-Alive, TE,
   Transfer-Encoding, Upgrade, Proxy-Connection, HTTP2-Settings, Trailer. */
bool field_is_hop_by_hop(enum field_id id);

/* Whether it may stand behind a body: nothing there changes what was decided at the head, of
   framing, routing, conditions, authority or the form of the content (RFC 9110, 6.5.1). */
bool field_may_trail(enum field_id id);

/* A value from the configuration or from variables, as it may be sent: on one line. CR, LF and NUL
   in it, which would end the field (RFC 9110, 5.5), are a space, together with the blanks beside
   them, and nothing where the value begins or ends. The same slice when there are none. */
struct str field_safe_value(struct pool *pool, struct str value);

/* Whether a name from the configuration can be one: some bytes, none of which ends it. */
bool field_name_is_safe(struct str name);

enum http_field_flags {
    /* The name has characters that nginx calls invalid (all but letters, digits and '-', or '_'
       where underscores_in_headers is off); kept as ignore_invalid_headers is off. */
    FIELD_NAME_ODD = 1,
    /* For users of a list: leave this one out. Never set by a parser. */
    FIELD_DELETED = 2,
    /* Of a response: add_header gave it. */
    FIELD_ADDED = 4,
};

struct http_field {
    struct str name;  /* as sent; never empty */
    struct str value; /* without white space around it; may be empty, data is never NULL */
    uint8_t id;       /* enum field_id */
    uint8_t flags;
};

#define FIELDS_INPLACE 32

/*
 * Fields in the order they came. The first FIELDS_INPLACE live in the struct itself (so it must not
 * be moved by memcpy once it holds some), more of them in the pool.
 */
struct http_fields {
    struct http_field *items;
    uint32_t count;
    uint32_t cap;
    struct pool *pool; /* for growth; NULL: no growth, a full list refuses */
    uint16_t first[FIELD_IDS]; /* 1 + index of the first with this id; 0: there is none */
    struct http_field inplace[FIELDS_INPLACE];
};

void fields_init(struct http_fields *f, struct pool *pool);

#define FIELDS_MAX 65535

/* Doubles the room; false when the list is at its limit, has no pool, or memory is short. */
bool fields_grow(struct http_fields *f);

/* Adds one; the caller says the id (FIELD_OTHER, or field_find_id(name)). NULL when there is no
   room. The new item may be changed by the caller, except for its id. Pointers to earlier items
   become invalid. */
static inline struct http_field *fields_add(struct http_fields *f, struct str name,
                                            struct str value, uint8_t id)
{
    struct http_field *item;

    if (unlikely(f->count == f->cap) && !fields_grow(f))
        return NULL;
    item = &f->items[f->count++];
    item->name = name;
    item->value = value;
    item->id = id;
    item->flags = 0;
    if (f->first[id] == 0)
        f->first[id] = (uint16_t)f->count;
    return item;
}

static inline bool fields_has(const struct http_fields *f, enum field_id id)
{
    return f->first[id] != 0;
}

/* The first with this id (not FIELD_OTHER), or NULL. Costs nothing when there is none. */
static inline struct http_field *fields_find(const struct http_fields *f, enum field_id id)
{
    return fields_has(f, id) ? &f->items[f->first[id] - 1] : NULL;
}

/* Its value, or STR_NONE. */
static inline struct str fields_value(const struct http_fields *f, enum field_id id)
{
    return fields_has(f, id) ? f->items[f->first[id] - 1].value : STR_NONE;
}

/* The next one after `item` with the same name (by id, or by text for FIELD_OTHER), or NULL. */
struct http_field *fields_next_same(const struct http_fields *f, const struct http_field *item);

/* The values of `first` and all after it with its name, as one list (RFC 9110, 5.2; cookies have a
   semicolon between them). In the pool if there are several. */
struct str fields_join(const struct http_fields *f, const struct http_field *first,
                       struct pool *pool);

/* The first by name, whatever its case, or NULL; uses the id when the name has one. */
struct http_field *fields_find_name(const struct http_fields *f, struct str name);

/* Moves every slice that points into the old buffer [from, from + len) to the same place behind
   `to`. Slices that point elsewhere stay. */
void fields_rebase(struct http_fields *f, const char *from, const char *to, size_t len);

/* The same for one slice. */
void field_rebase(struct str *s, const char *from, const char *to, size_t len);

/* A copy without room for more, for a list that is kept for long: in `memory`, aligned to 16, of so
   many bytes. The text of names and values is that of the original. */
size_t fields_packed_bytes(const struct http_fields *f);
struct http_fields *fields_pack(const struct http_fields *f, void *memory);

#define EACH_FIELD(name, fields)                                                                   \
    for (struct http_field *name = (fields)->items, *name##_end = name + (fields)->count;          \
         name != name##_end; name++)

/*
 * Walks a comma-separated list (Connection, Accept-Encoding, ...): puts the next element, trimmed,
 * into *item and advances *rest. Empty elements are skipped. Commas inside quoted strings do not
 * separate. False at the end.
 */
bool field_list_next(struct str *rest, struct str *item);

/* Whether the list has this element, compared without case. */
bool field_list_has(struct str list, struct str item);

/* "name: value" and the line's end; the position behind them. There is room for 4 bytes more than
   both have. */
char *field_print(char *p, struct str name, struct str value);
