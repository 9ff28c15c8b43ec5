/*
 * worker/access/limit_req.c - limits on the rate of requests.
 *
 * A request is counted once, whatever internal redirects it takes.
 */
#include "worker/access/limit_req.h"

#include "common/conf_value.h"
#include "common/generation.h"
#include "worker/access/limit_headers.h"
#include "worker/http/phase.h"
#include "worker/limit/rate.h"

#define RULES_MOST 32

static uint32_t limit_req_index;

struct limit_req_conf {
    struct array *rules;            /* struct rate_rule; NULL: none */
    int64_t log_level;
    int64_t status;
    bool dry_run;
};

/* A request that waits for its turn. */
struct delay {
    struct timer timer;
    struct request *request;
    bool over;
};

/* Configuration -------------------------------------------------------------------------------- */

static bool declare_zone(struct conf_call *call)
{
    struct key_zone_conf *zone = NULL;
    struct str text, rate = STR_NONE;
    uint32_t rate_arg = 0;

    for (uint32_t i = 1; i < call->count; i++) {
        if (conf_arg_is(call, i, "zone=", &text)) {
            if ((zone = key_zone_declare(call, i, text, &rate_zone_kind)) == NULL)
                return false;
        } else if (conf_arg_is(call, i, "rate=", &text)) {
            rate = text;
            rate_arg = i;
        } else {
            return conf_fail_arg(call, i, "invalid parameter \"%" STR_FMT "\"",
                                 STR_ARG(conf_arg(call, i)));
        }
    }
    if (zone == NULL)
        return conf_fail(call, "\"limit_req_zone\" must have \"zone\" parameter");
    return rate_read(call, rate_arg, rate, zone);
}

static bool read_count(struct conf_call *call, uint32_t arg, struct str text, const char *what,
                       int64_t *out)
{
    if (!str_to_int(text, out) || *out <= 0 || *out > INT32_MAX)
        return conf_fail_arg(call, arg, "invalid %s value \"%" STR_FMT "\"", what,
                             STR_ARG(conf_arg(call, arg)));
    *out *= 1000;
    return true;
}

static bool read_word(struct conf_call *call, uint32_t arg, struct rate_rule *rule)
{
    struct str text;
    const char *why;

    if (conf_arg_is(call, arg, "zone=", &text)) {
        rule->spec = generation_zone(call->gen, text, 0, &rate_zone_kind, call->node, &why);
        return rule->spec != NULL || conf_fail_arg(call, arg, "%s", why);
    }
    if (conf_arg_is(call, arg, "burst=", &text))
        return read_count(call, arg, text, "burst", &rule->burst);
    if (conf_arg_is(call, arg, "delay=", &text))
        return read_count(call, arg, text, "delay", &rule->delay);
    if (str_eq(conf_arg(call, arg), STR("nodelay"))) {
        rule->delay = INT64_MAX / 2;
        return true;
    }
    return conf_fail_arg(call, arg, "invalid parameter \"%" STR_FMT "\"",
                         STR_ARG(conf_arg(call, arg)));
}

static bool add_rule(struct conf_call *call)
{
    struct limit_req_conf *conf = call->conf;
    struct rate_rule rule = {.node = call->node};

    for (uint32_t i = 0; i < call->count; i++) {
        if (!read_word(call, i, &rule))
            return false;
    }
    if (rule.spec == NULL)
        return conf_fail(call, "\"limit_req\" must have \"zone\" parameter");
    if (conf->rules == NULL) {
        conf->rules = pool_alloc(call->pool, sizeof(*conf->rules));
        *conf->rules = array_of(struct rate_rule, call->pool);
    }
    EACH (const struct rate_rule, other, conf->rules) {
        if (other->spec == rule.spec)
            return conf_fail(call, "\"limit_req\" of zone \"%" STR_FMT "\" is duplicate",
                             STR_ARG(rule.spec->name));
    }
    if (conf->rules->count == RULES_MOST)
        return conf_fail(call, "more than %d limits on one request", RULES_MOST);
    *(struct rate_rule *)array_push(conf->rules) = rule;
    return true;
}

static const struct word level_words[] = {{"info", LOG_INFO}, {"notice", LOG_NOTICE},
                                          {"warn", LOG_WARN}, {"error", LOG_ERROR}, {NULL, 0}};

#define F(member) FIELD(struct limit_req_conf, member)

static const struct directive directives[] = {
    {.name = "limit_req_zone", .where = IN_HTTP, .args = "key zone=name:size rate=rate",
     .apply = declare_zone, .repeat = true,
     .doc = "A zone that keeps how often requests with the same key came, and how often they may: "
            "rate=10r/s, rate=30r/m."},
    {.name = "limit_req", .where = IN_WEB,
     .args = "zone=name [burst=number] [nodelay|delay=number]", .apply = add_rule,
     .field = F(rules), .repeat = true,
     .doc = "Let requests in at the zone's rate. Of a burst, so many wait for their turn (or do "
            "not: nodelay, delay=number); more are refused."},
    {.name = "limit_req_status", .where = IN_WEB, .args = "code", .value = VALUE_INT,
     .field = F(status), .min = 400, .max = 599, .initial = "503",
     .doc = "Status for requests that are refused."},
    {.name = "limit_req_log_level", .where = IN_WEB, .args = "info|notice|warn|error",
     .value = VALUE_ENUM, .words = level_words, .field = F(log_level), .initial = "error",
     .doc = "Level of the line about a refusal; that about a delay is one below."},
    {.name = "limit_req_dry_run", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(dry_run), .initial = "off",
     .doc = "Only count and log: neither refuse nor delay."},
};

/* At run time ---------------------------------------------------------------------------------- */

enum { STATUS_NONE, STATUS_PASSED, STATUS_DELAYED, STATUS_REJECTED, STATUS_DELAYED_DRY,
       STATUS_REJECTED_DRY };

static const char *dry_word(const struct limit_req_conf *conf)
{
    return conf->dry_run ? ", dry run" : "";
}

static enum verdict refuse(struct request *r, const struct limit_req_conf *conf,
                           const struct rate_outcome *outcome)
{
    const struct key_zone_conf *zone = outcome->rule->spec->data;

    log_error(&r->log, (enum log_level)conf->log_level, 0,
              "limiting requests%s, excess: %lld.%03lld by zone \"%" STR_FMT "\"", dry_word(conf),
              (long long)outcome->excess / 1000, (long long)outcome->excess % 1000,
              STR_ARG(outcome->rule->spec->name));
    record(r, "limit", "over the rate of zone \"%" STR_FMT "\"",
           STR_ARG(outcome->rule->spec->name));
    r->main->limit_req_status = conf->dry_run ? STATUS_REJECTED_DRY : STATUS_REJECTED;
    if (conf->dry_run)
        return GO_ON;
    limit_headers_note(r, &(struct limit_refusal){
        .name = outcome->rule->spec->name, .quota = zone->quota, .window_s = zone->window_s,
        .wait_ms = rate_wait_ms(outcome)});
    return request_fail(r, (int)conf->status, "limit.rate");
}

static void on_timer(struct timer *timer)
{
    struct delay *delay = CONTAINER(timer, struct delay, timer);

    delay->over = true;
    request_resume(delay->request);
}

static void cancel(void *arg)
{
    timer_cancel(&((struct delay *)arg)->timer);
}

static enum verdict wait_turn(struct request *r, const struct limit_req_conf *conf,
                              const struct rate_outcome *outcome)
{
    enum log_level level = (enum log_level)MIN(conf->log_level + 1, LOG_INFO);
    struct delay *delay;

    log_error(&r->log, level, 0,
              "delaying request%s, excess: %lld.%03lld, by zone \"%" STR_FMT "\"", dry_word(conf),
              (long long)outcome->excess / 1000, (long long)outcome->excess % 1000,
              STR_ARG(outcome->rule->spec->name));
    r->main->limit_req_status = conf->dry_run ? STATUS_DELAYED_DRY : STATUS_DELAYED;
    if (conf->dry_run)
        return GO_ON;
    delay = request_ctx(r, limit_req_index, sizeof(*delay));
    delay->timer.on_timer = on_timer;
    delay->request = r;
    pool_on_destroy(request_pool(r), cancel, delay);
    timer_set(&delay->timer, outcome->delay_ms);
    return WAIT_EVENT;
}

static enum verdict limit(struct request *r)
{
    const struct limit_req_conf *conf = REQUEST_CONF(r, limit_req_index, struct limit_req_conf);
    const struct delay *delay = request_ctx_find(r, limit_req_index);
    struct rate_outcome outcome;

    if (delay != NULL && timer_is_set(&delay->timer))
        return WAIT_EVENT;
    if (conf->rules == NULL || r->main->limit_req_status != STATUS_NONE)
        return GO_ON;
    if (r->ops->dry) {
        record(r, "limit", "limit_req: assumed to be within its rate");
        return GO_ON;
    }
    switch (rate_ask(&r->scope, conf->rules, &outcome)) {
    case RATE_NO_KEY:
        return GO_ON;
    case RATE_PASS:
        r->main->limit_req_status = STATUS_PASSED;
        return GO_ON;
    case RATE_DELAY:
        return wait_turn(r, conf, &outcome);
    case RATE_REFUSE:
        return refuse(r, conf, &outcome);
    case RATE_NO_ROOM:
        break;
    }
    log_error(&r->log, LOG_ERROR, 0, "could not allocate node in limit_req zone");
    r->main->limit_req_status = conf->dry_run ? STATUS_REJECTED_DRY : STATUS_REJECTED;
    return conf->dry_run ? GO_ON : request_fail(r, (int)conf->status, "limit.room");
}

static void get_status(struct scope *scope, struct var_value *out, uintptr_t data)
{
    static const struct str words[] = {
        [STATUS_PASSED] = STR_INIT("PASSED"), [STATUS_DELAYED] = STR_INIT("DELAYED"),
        [STATUS_REJECTED] = STR_INIT("REJECTED"),
        [STATUS_DELAYED_DRY] = STR_INIT("DELAYED_DRY_RUN"),
        [STATUS_REJECTED_DRY] = STR_INIT("REJECTED_DRY_RUN")};
    const struct request *r = CONTAINER(scope, struct request, scope);

    if (r->main->limit_req_status == STATUS_NONE)
        var_missing(out);
    else
        var_found(out, words[r->main->limit_req_status]);
}

static const struct var_def variables[] = {
    {.name = "limit_req_status", .get = get_status, .flags = VAR_NO_CACHE},
};

const struct module limit_req_module = {
    .name = "limit_req", .nginx_name = "http_limit_req_module",
    .doc = "Limits on the rate of requests.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct limit_req_conf),
    .variables = TABLE(variables),
    .phase = PHASE_PREACCESS, .handler = limit, .index = &limit_req_index,
    .idle_without = &limit_req_module,
};
