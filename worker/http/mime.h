/*
 * worker/http/mime.h - file name extensions to MIME types: the `types` block.
 */
#pragma once

#include "common/conf_load.h"

struct mime_table;

/* Applies one `types` block to *table, creating it at the first. */
bool mime_load(struct conf_call *call, struct mime_table **table);

/* STR_NONE when the extension (any case) is unknown. Without a table: html, gif and jpg. */
struct str mime_find(const struct mime_table *table, struct str ext);
