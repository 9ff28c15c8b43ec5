/*
 * worker/http/early_hints.c - who gets 103 (Early Hints).
 *
 * By default nobody does: some clients take an answer of 103 for the last one.
 */
#include "worker/http/early_hints.h"

#include "worker/http/predicate.h"

static uint32_t early_hints_index;

struct early_hints_conf {
    struct array *wanted; /* see predicate.h */
};

static bool set_early_hints(struct conf_call *call)
{
    struct early_hints_conf *conf = call->conf;

    return predicate_load(call, &conf->wanted);
}

bool early_hints_wanted(struct request *r)
{
    return predicate_holds(r, REQUEST_CONF(r, early_hints_index, struct early_hints_conf)->wanted);
}

static const struct directive directives[] = {
    {.name = "early_hints", .where = IN_WEB, .args = "string ...",
     .field = FIELD(struct early_hints_conf, wanted), .repeat = true, .apply = set_early_hints,
     .doc = "Answers of 103 (Early Hints) from an origin are passed on to the client when one of "
            "the strings is neither empty nor \"0\"."},
};

const struct module early_hints_module = {
    .name = "early_hints",
    .doc = "Hints that origins give before their answers.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .conf_size = sizeof(struct early_hints_conf),
    .index = &early_hints_index,
};
