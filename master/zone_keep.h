/*
 * master/zone_keep.h - creating, keeping and ending the shared zones of a generation.
 */
#pragma once

#include "common/base.h"

struct generation;
struct inheritance;
struct slots;

/* Gives every zone of `gen` its memory: that of `before` (NULL: none) or an inherited one where
   name, size and kind are the same, else new. False after an [emerg] line. */
bool zone_keep_open(struct generation *gen, const struct generation *before,
                    struct inheritance *inherited, struct slots *slots);

/* The generation ends, and with it the zones that no other has. */
void zone_keep_close(struct generation *gen);

/* In a child: descriptors it has no use for. */
void zone_keep_in_child(void);
