/*
 * worker/net/resolver_conf.h - the directives resolver and resolver_timeout.
 */
#pragma once

#include "common/conf_load.h"
#include "worker/net/resolver.h"

struct resolver_conf {
    struct resolver_spec *resolver; /* NULL: none is given */
    int64_t timeout_ms;             /* of one who waits for a name */
};

extern const struct module resolver_module; /* of http */
extern uint32_t resolver_index;

/* Reads the words of a `resolver` directive. Those of the same words in one generation are one.
   NULL after conf_fail. */
struct resolver_spec *resolver_conf_read(struct conf_call *call);
