/*
 * worker/http/representation.h - what filters that change a body ask of the head, and do to it.
 *
 * Some of it is in members of the response, some in fields that came from an origin.
 */
#pragma once

#include "worker/http/request.h"

/* Content-Encoding is set. */
bool representation_is_encoded(const struct request *r);

/* The body is to be another: its length is unknown, ranges cannot be cut, the tag is weak. */
void representation_changes(struct request *r);

/* The same for one that is much the same: where its origin offers ranges, it still does. */
void representation_rewords(struct request *r);

/* A field of the response, from wherever it is; data NULL: not set. */
struct str representation_field(struct request *r, enum field_id id);

/* No such field any more. */
void representation_drop(struct request *r, enum field_id id);
