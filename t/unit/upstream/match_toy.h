/*
 * t/unit/upstream/match_toy.h - a loader that knows `match`, and answers to try it on.
 */
#pragma once

#include "common/base.h"

extern const struct module match_toy_module;
#define TOY_MODULE &match_toy_module

#include "t/unit/common/conf_toy.h"
#include "worker/net/scope.h"
#include "worker/upstream/check_match.h"

static struct check_match *match_loaded; /* by the last match */

static bool match_load(struct conf_call *call)
{
    match_loaded = check_match_load(call);
    return match_loaded != NULL;
}

static const struct directive match_rows[] = {
    {.name = "match", .where = IN_HTTP, .args = "name { }", .raw_block = true, .repeat = true,
     .apply = match_load},
};

static void match_get(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_found(out, str_of((const char *)data));
}

static const struct var_def match_vars[] = {
    {"yes", match_get, NULL, (uintptr_t) "x", 0},
    {"zero", match_get, NULL, (uintptr_t) "0", 0},
    {"empty", match_get, NULL, (uintptr_t) "", 0},
    {NULL, NULL, NULL, 0, 0},
};

const struct module match_toy_module = {
    .name = "match_toy", .doc = "A toy.", .family = FAMILY_HTTP, .directives = TABLE(match_rows),
    .variables = match_vars, .variable_count = COUNT(match_vars) - 1,
};

/* An answer: status, then "name: value" lines, an empty line, the body. */
static const char *match_try(struct toy *toy, uint16_t status, struct str text)
{
    struct pool *pool = pool_create(4096);
    struct http_fields fields;
    struct log log = {.level = LOG_EMERG};
    struct scope scope = {.pool = pool, .log = &log, .vars = &toy->gen.http_vars};
    struct str line, name;
    const char *fault;

    fields_init(&fields, pool);
    while ((line = str_cut(&text, '\n')).len > 0) {
        name = str_cut(&line, ':');
        if (name.len > 0)
            fields_add(&fields, name, line.data == NULL ? STR("") : str_trim(line),
                       (uint8_t)field_find_id(name));
    }
    fault = check_match_fault(match_loaded, status, &fields, text.data == NULL ? STR("") : text,
                              &scope);
    pool_destroy(pool);
    return fault;
}
