/*
 * common/conf_suggest.h - the name that was probably meant.
 */
#pragma once

#include "common/str.h"

struct conf_suggest {
    struct str word;
    const char *best;   /* NULL: nothing near enough */
    uint32_t distance;  /* of the best; a better one must be below */
};

void conf_suggest_init(struct conf_suggest *s, struct str word);
void conf_suggest_offer(struct conf_suggest *s, const char *name);

/* The nearest of a NULL-ended list. */
const char *conf_suggest(struct str word, const char *const *names);
