/*
 * worker/access/access.c - who may come in by address: `allow`, `deny` for http.
 */
#include "worker/access/access.h"

#include "worker/http/http_core.h"
#include "worker/http/phase.h"
#include "worker/limit/allow_deny.h"

struct access_conf {
    struct allow_deny *rules;
    const struct conf_node *node; /* the block they stand in: an inner one begins anew */
};

static uint32_t access_index;

static bool add_rule(struct conf_call *call, bool deny)
{
    struct access_conf *conf = call->conf;

    if (conf->node != call->scope->node)
        conf->rules = NULL;
    conf->node = call->scope->node;
    return allow_deny_load(call, &conf->rules, deny);
}

static bool set_allow(struct conf_call *call)
{
    return add_rule(call, false);
}

static bool set_deny(struct conf_call *call)
{
    return add_rule(call, true);
}

static enum verdict check(struct request *r)
{
    const struct access_conf *conf = REQUEST_CONF(r, access_index, struct access_conf);
    struct addr client;

    if (conf->rules == NULL || !scope_client(&r->scope, &client))
        return GO_ON;
    switch (allow_deny_ask(conf->rules, &client)) {
    case ALLOW_UNDECIDED:
        break;
    case ALLOW_YES:
        record(r, "access", "allowed by address");
        return ALLOW;
    case ALLOW_NO:
        record(r, "access", "denied by address");
        if (HTTP_CORE(r)->satisfy == 0)
            log_error(&r->log, LOG_ERROR, 0, "access forbidden by rule");
        return request_fail(r, 403, "access.address");
    }
    return GO_ON;
}

static const struct directive directives[] = {
    {.name = "allow", .where = IN_WEB | IN_LIMIT_EXCEPT, .args = "address|CIDR|unix:|all",
     .apply = set_allow, .repeat = true,
     .doc = "Lets these addresses in. The first of allow and deny that names an address decides."},
    {.name = "deny", .where = IN_WEB | IN_LIMIT_EXCEPT, .args = "address|CIDR|unix:|all",
     .apply = set_deny, .repeat = true, .doc = "Keeps these addresses out."},
};

const struct module access_module = {
    .name = "access", .nginx_name = "http_access_module",
    .doc = "Access by the client's address.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct access_conf),
    .phase = PHASE_ACCESS, .handler = check, .index = &access_index,
    .idle_without = &access_module,
};
