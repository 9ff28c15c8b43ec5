/*
 * worker/access/limit_conn.c - limits on requests in progress.
 *
 * A place is taken once for a request, whatever internal redirects it takes, and given back when
 * its pool ends.
 */
#include "worker/access/limit_conn.h"

#include "common/generation.h"
#include "worker/access/limit_headers.h"
#include "worker/http/phase.h"
#include "worker/limit/places.h"

static uint32_t limit_conn_index;

struct limit_conn_conf {
    struct array *rules;            /* struct place_rule; NULL: none */
    int64_t log_level;
    int64_t status;
    bool dry_run;
};

static bool declare_zone(struct conf_call *call)
{
    struct str text;

    if (!conf_arg_is(call, 1, "zone=", &text))
        return conf_fail_arg(call, 1, "invalid parameter \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 1)));
    return key_zone_declare(call, 1, text, &places_zone_kind) != NULL;
}

static bool add_rule(struct conf_call *call)
{
    struct limit_conn_conf *conf = call->conf;
    struct place_rule rule;
    const char *why;

    rule.spec = generation_zone(call->gen, conf_arg(call, 0), 0, &places_zone_kind, call->node,
                                &why);
    if (rule.spec == NULL)
        return conf_fail_arg(call, 0, "%s", why);
    if (!str_to_int(conf_arg(call, 1), &rule.most) || rule.most == 0)
        return conf_fail_arg(call, 1, "invalid number of connections \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 1)));
    if (rule.most > 65535)
        return conf_fail_arg(call, 1, "connection limit must be less 65536");
    if (conf->rules == NULL) {
        conf->rules = pool_alloc(call->pool, sizeof(*conf->rules));
        *conf->rules = array_of(struct place_rule, call->pool);
    }
    EACH (const struct place_rule, other, conf->rules) {
        if (other->spec == rule.spec)
            return conf_fail(call, "\"limit_conn\" of zone \"%" STR_FMT "\" is duplicate",
                             STR_ARG(rule.spec->name));
    }
    *(struct place_rule *)array_push(conf->rules) = rule;
    return true;
}

static const struct word level_words[] = {{"info", LOG_INFO}, {"notice", LOG_NOTICE},
                                          {"warn", LOG_WARN}, {"error", LOG_ERROR}, {NULL, 0}};

#define F(member) FIELD(struct limit_conn_conf, member)

static const struct directive directives[] = {
    {.name = "limit_conn_zone", .where = IN_HTTP, .args = "key zone=name:size",
     .apply = declare_zone, .repeat = true,
     .doc = "A zone that keeps how many requests with the same key are in progress."},
    {.name = "limit_conn", .where = IN_WEB, .args = "zone number", .apply = add_rule,
     .field = F(rules), .repeat = true,
     .doc = "Let at most this many requests with the same key run at once."},
    {.name = "limit_conn_status", .where = IN_WEB, .args = "code", .value = VALUE_INT,
     .field = F(status), .min = 400, .max = 599, .initial = "503",
     .doc = "Status for a client that is over its limit."},
    {.name = "limit_conn_log_level", .where = IN_WEB, .args = "info|notice|warn|error",
     .value = VALUE_ENUM, .words = level_words, .field = F(log_level), .initial = "error",
     .doc = "Level of the line about a refusal."},
    {.name = "limit_conn_dry_run", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(dry_run), .initial = "off", .doc = "Only count and log: refuse nobody."},
};

enum { STATUS_NONE, STATUS_PASSED, STATUS_REJECTED, STATUS_REJECTED_DRY };

static enum verdict refuse(struct request *r, const struct limit_conn_conf *conf,
                           const struct place_rule *rule, bool no_room)
{
    if (no_room)
        log_error(&r->log, LOG_ERROR, 0, "could not allocate node in limit_conn zone \"%" STR_FMT
                  "\"", STR_ARG(rule->spec->name));
    else
        log_error(&r->log, (enum log_level)conf->log_level, 0,
                  "limiting connections%s by zone \"%" STR_FMT "\"",
                  conf->dry_run ? ", dry run," : "", STR_ARG(rule->spec->name));
    record(r, "limit", "no place in zone \"%" STR_FMT "\"", STR_ARG(rule->spec->name));
    r->main->limit_conn_status = conf->dry_run ? STATUS_REJECTED_DRY : STATUS_REJECTED;
    if (conf->dry_run)
        return GO_ON;
    limit_headers_note(r, &(struct limit_refusal){.name = rule->spec->name, .quota = rule->most});
    return request_fail(r, (int)conf->status, no_room ? "limit.room" : "limit.places");
}

static enum verdict limit(struct request *r)
{
    const struct limit_conn_conf *conf =
        REQUEST_CONF(r, limit_conn_index, struct limit_conn_conf);
    const struct place_rule *full = NULL;
    enum place_answer answer;

    if (conf->rules == NULL || r->main->limit_conn_status != STATUS_NONE)
        return GO_ON;
    if (r->ops->dry) {
        record(r, "limit", "limit_conn: assumed to have a place");
        return GO_ON;
    }
    answer = places_take(&r->scope, conf->rules, &full);
    switch (answer) {
    case PLACE_NO_KEY:
        return GO_ON;
    case PLACE_TAKEN:
        r->main->limit_conn_status = STATUS_PASSED;
        return GO_ON;
    case PLACE_FULL:
    case PLACE_NO_ROOM:
        break;
    }
    return refuse(r, conf, full, answer == PLACE_NO_ROOM);
}

static void get_status(struct scope *scope, struct var_value *out, uintptr_t data)
{
    static const struct str words[] = {
        [STATUS_PASSED] = STR_INIT("PASSED"), [STATUS_REJECTED] = STR_INIT("REJECTED"),
        [STATUS_REJECTED_DRY] = STR_INIT("REJECTED_DRY_RUN")};
    const struct request *r = CONTAINER(scope, struct request, scope);

    if (r->main->limit_conn_status == STATUS_NONE)
        var_missing(out);
    else
        var_found(out, words[r->main->limit_conn_status]);
}

static const struct var_def variables[] = {
    {.name = "limit_conn_status", .get = get_status, .flags = VAR_NO_CACHE},
};

const struct module limit_conn_module = {
    .name = "limit_conn", .nginx_name = "http_limit_conn_module",
    .doc = "Limits on requests in progress.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct limit_conn_conf),
    .variables = TABLE(variables),
    .phase = PHASE_PREACCESS, .handler = limit, .index = &limit_conn_index,
    .idle_without = &limit_conn_module,
};
