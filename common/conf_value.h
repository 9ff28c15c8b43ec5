/*
 * common/conf_value.h - nginx's units: sizes, times, flags, numbers.
 */
#pragma once

#include "common/str.h"

/* Each returns false when the text is no such value or overflows. */
bool conf_size(struct str text, int64_t *bytes);       /* 10, 8k, 1m, 2g; either case */
bool conf_ms(struct str text, int64_t *ms);            /* 30, 500ms, 1m30s, 1h, 1d, 1w */
bool conf_sec(struct str text, int64_t *seconds);      /* the same without ms, and 1M, 1y */
bool conf_int(struct str text, int64_t *number);
bool conf_flag(struct str text, bool *on);             /* on, off; any case */
