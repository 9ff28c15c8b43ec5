/*
 * t/unit/http/http_modules.h - the modules of the http room, for tests that need no others.
 */
#pragma once

#include "common/core_conf.h"
#include "common/role.h"
#include "t/unit/http/http_kit.h"
#include "worker/http/dry_run.h"
#include "worker/http/error_log_tag.h"
#include "worker/http/file_access.h"
#include "worker/http/http_block.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"
#include "worker/http/request_vars.h"
#include "worker/http/rewrite.h"

/* `away`: a content handler, as proxy_pass is one. A location that ends in '/' wants its name
   without it redirected. */
static enum verdict toy_away(struct request *r)
{
    return request_answer(r, 200, STR("text/plain"), STR("away"));
}

static bool set_away(struct conf_call *call)
{
    struct location *location = call->scope->owner;

    location->handler = toy_away;
    location->auto_redirect = str_ends(location->name, STR("/"));
    return true;
}

static const struct directive away_rows[] = {
    {.name = "away", .where = IN_LOCATION | IN_LOCATION_IF, .args = "", .apply = set_away,
     .doc = "Sends away."},
};
static const struct module away_module = {
    .name = "away", .family = FAMILY_HTTP, .directives = TABLE(away_rows),
};

const struct module *const modules[] = {
    &core_module, &http_core_module, &http_variables_module, &server_rewrite_module,
    &rewrite_module, &file_access_module, &error_log_tag_module, &away_module, &http_block_module,
    NULL,
};
const struct role *const roles[] = {NULL};

/* What becomes of a request, run dry: of GET, with one field if its name is not NULL. */
static inline struct dry_answer kit_ask(const struct kit *kit, const char *target,
                                        const char *field, const char *value)
{
    struct dry_question q = {.address = kit_address(kit), .method = STR_INIT("GET"),
                             .host = STR_INIT("a"), .target = str_of(target)};
    struct http_fields fields;
    struct dry_answer answer;

    fields_init(&fields, kit->gen.pool);
    if (field != NULL)
        fields_add(&fields, str_of(field), str_of(value), field_find_id(str_of(field)));
    q.fields = &fields;
    must(dry_run(kit->gen.pool, &q, &answer) == RC_OK);
    return answer;
}
