/*
 * worker/codec/h1_framing.h - what the fields of a head say about body, connection and host.
 *
 * Private to h1_head.
 */
#pragma once

#include "worker/codec/h1_head.h"

/* Takes notice of a field that was just added. `again`: one with this id came before. */
enum h1_fault h1_framing_field(struct h1_head *h, enum field_id id, struct str value, bool again);

/* Judges the whole when the last field is in. */
enum h1_fault h1_framing_settle(struct h1_head *h);
