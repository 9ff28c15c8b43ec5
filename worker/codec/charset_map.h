/*
 * worker/codec/charset_map.h - which bytes of one charset stand for which of another, and texts
 * recoded by that, piece by piece.
 *
 * A map joins two charsets of one byte per character, or one such with UTF-8 (RFC 3629). It works
 * both ways. Bytes below 0x80 are the same on both sides unless it says otherwise; what it does not
 * name becomes '?', or "&#N;" where it comes from UTF-8.
 */
#pragma once

#include "common/buf.h"
#include "common/pool.h"

struct charset_map {
    struct str left, right;     /* names; only `right` may be UTF-8 */
    bool utf8;
    uint8_t forward[256], back[256];    /* without UTF-8 */
    struct charset_text {
        uint8_t len, bytes[3];
    } *texts;                   /* with UTF-8: 256 of them */
    uint8_t **pages;            /* and 256 pages of 256 bytes, NULL: all unknown; 0: none */
};

enum charset_way { CHARSET_FORWARD, CHARSET_BACK }; /* left to right, right to left */

/* An empty map: only ASCII is the same. `right` is UTF-8 if it is called "utf-8". */
void charset_map_init(struct charset_map *m, struct pool *pool, struct str left, struct str right);

/* "C0 C1" or, with UTF-8, "C0 D0B0": bytes in hexadecimal. False when it is no byte, or no
   character of two or three bytes in UTF-8; *bad is then the faulty one of the two. */
bool charset_map_add(struct charset_map *m, struct pool *pool, struct str left, struct str right,
                     struct str *bad);

struct charset_recoder {
    const struct charset_map *map;
    enum charset_way way;
    uint8_t held[4];            /* the beginning of a character whose end has not come yet */
    uint8_t held_len;
};

/* True if every byte becomes one byte. */
static inline bool charset_recoder_keeps_length(const struct charset_recoder *r)
{
    return !r->map->utf8;
}

/* Recodes from the front of *in to the end of `out`. True when all of it was taken, false when more
   room is needed (CHARSET_ROOM bytes are enough for progress): then call again, even with nothing
   left in *in. What is cut off within a character is held for the next call; at the end of a text
   it is dropped. */
bool charset_recode(struct charset_recoder *r, struct str *in, struct buf *out);

#define CHARSET_ROOM 12
