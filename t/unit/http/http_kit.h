/*
 * t/unit/http/http_kit.h - a configuration loaded for a test of the http room.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/generation.h"
#include "worker/http/server.h"
#include "worker/net/scope.h"

struct kit {
    struct generation gen;
    struct loop loop;
};

static bool kit_quiet; /* faults and warnings are expected */

static inline void kit_report(void *arg, enum log_level level, const char *line)
{
    if (!kit_quiet)
        printf("# %s\n", line);
}

static inline void kit_free(struct kit *kit)
{
    loop_fini(&kit->loop);
    pool_destroy(kit->gen.pool);
    free(kit);
}

/* The config given as text; NULL when it has faults. */
static inline struct kit *kit_load(const char *text)
{
    struct kit *kit = calloc(1, sizeof(*kit));
    struct conf_options options = {.file = "/test/weir.conf", .text = str_of(text),
                                   .prefix = STR_INIT("/test/"), .testing = true};

    clock_update();
    modules_number();
    loop = &kit->loop;
    must(loop_init(loop, 8) == RC_OK);
    kit->gen.pool = pool_create(65536);
    kit->gen.prefix = options.prefix;
    request_vars = &kit->gen.http_vars;
    if (conf_load(&kit->gen, &options, kit_report, NULL) == 0)
        return kit;
    kit_free(kit);
    return NULL;
}

static inline const struct http_address *kit_address(const struct kit *kit)
{
    return kit->gen.listens->owner;
}
