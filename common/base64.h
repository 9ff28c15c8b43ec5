/*
 * common/base64.h - RFC 4648 base64, the standard and the URL alphabet.
 */
#pragma once

#include "common/str.h"

#define BASE64_ROOM(bytes)   (((bytes) + 2) / 3 * 4) /* for encoding so many */
#define BASE64_DECODED(text) (((text) + 3) / 4 * 3)  /* for decoding so many, at most */

/* Encodes with padding; returns the length. */
size_t base64_encode(char *out, struct str data);

/* The URL alphabet ('-' and '_'), without padding. */
size_t base64_encode_url(char *out, struct str data);

/* Decodes; padding may be missing but not wrong. -1 for any byte outside the alphabet, also white
   space, and for a length that encodes nothing. `out` may be the input's own memory. */
ssize_t base64_decode(char *out, struct str text);
ssize_t base64_decode_url(char *out, struct str text);
