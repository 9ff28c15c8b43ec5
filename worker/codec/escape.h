/*
 * worker/codec/escape.h - writing text so that it survives inside a URI or HTML, and back.
 */
#pragma once

#include "common/pool.h"

/* What gets a percent code, besides controls, space, DEL and all above 0x7e: */
enum escape_kind {
    ESCAPE_PATH,      /*  " # % ? < > \ ^ ` { | }           a path of a URI being built */
    ESCAPE_ARGS,      /*  " # % & + ? < > \ ^ ` { | } ;     inside a query value */
    ESCAPE_COMPONENT, /*  all but letters, digits and - . _ ~ */
    ESCAPE_REDIRECT,  /*  only the common set: for a URI that is complete already (Location) */
    ESCAPE_REFRESH,   /*  " ' and controls: inside a quoted attribute */
    ESCAPE_MEMCACHED, /*  % and controls only: a key */
    ESCAPE_KINDS
};

/* How many bytes need a code (each adds two to the length). 0: the text can stay as it is. */
size_t escape_count(struct str text, enum escape_kind kind);

/* Writes the escaped form, text.len + 2 * escape_count bytes. Returns the end. */
char *escape_write(char *out, struct str text, enum escape_kind kind);

/* Either of the above as fits: the same slice, or a copy in pool. */
struct str escape(struct pool *pool, struct str text, enum escape_kind kind);

/* Decodes percent codes in place or elsewhere (out may be text.data). A '%' that two hexadecimal
   digits do not follow stays. Returns the end. */
char *unescape_write(char *out, struct str text);
struct str unescape(struct pool *pool, struct str text);

/* < > & " as entities. */
size_t escape_html_bytes(struct str text);
char *escape_html_write(char *out, struct str text);
struct str escape_html(struct pool *pool, struct str text);
