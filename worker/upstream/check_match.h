/*
 * worker/upstream/check_match.h - `match` blocks: what the answer to a health check has to be.
 *
 *     match welcome { status 200; header Content-Type = text/html; body ~ "Welcome"; }
 *
 * An answer has to pass all of a block's tests.
 */
#pragma once

#include "common/conf_load.h"
#include "worker/codec/field.h"

struct scope;
struct check_match;

#define CHECK_BODY_MOST (256 * 1024) /* of a body, that is looked at */

/* Config time: from a directive `match name { }`. NULL after conf_fail. */
struct check_match *check_match_load(struct conf_call *call);
struct str check_match_name(const struct check_match *match);

/* Does any test look at the body? */
bool check_match_wants_body(const struct check_match *match);

/* NULL: all tests are passed; else what the failed one looked at, for "while checking ...".
   Variables are those of `scope`. With NULL for a match the status has to be from 200 to 399. */
const char *check_match_fault(const struct check_match *match, uint16_t status,
                              const struct http_fields *fields, struct str body,
                              struct scope *scope);
