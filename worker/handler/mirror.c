/*
 * worker/handler/mirror.c - requests copied to other places, whose answers are dropped.
 *
 * The client waits for none of it. What is sent is a copy: the request goes on, and its connection
 * may carry the next one, while a mirror is slow.
 */
#include "worker/handler/mirror.h"

#include "common/conf_load.h"
#include "worker/http/background.h"
#include "worker/http/body.h"
#include "worker/http/phase.h"

static uint32_t mirror_index;

struct mirror {
    struct str uri;
    struct mirror *next;
};

struct mirror_conf {
    struct mirror *mirrors;
    bool off, with_body;
};

static bool set_mirror(struct conf_call *call)
{
    struct mirror_conf *conf = call->conf;
    struct mirror **end = &conf->mirrors;

    if (call->first)
        conf->off = false;
    if (conf->off || (conf->mirrors != NULL && str_eq(conf_arg(call, 0), STR("off"))))
        return conf_fail(call, "\"mirror off\" cannot be used together with other mirrors");
    if (str_eq(conf_arg(call, 0), STR("off"))) {
        conf->off = true;
        return true;
    }
    while (*end != NULL)
        end = &(*end)->next;
    *end = pool_zalloc(call->pool, sizeof(**end));
    (*end)->uri = conf_arg(call, 0);
    return true;
}

static void begin(struct request *r, const struct mirror_conf *conf)
{
    struct background *b = background_begin(
        r, conf->with_body ? BACKGROUND_WITH_BODY : BACKGROUND_WITHOUT_BODY);

    if (b == NULL)
        return;
    for (const struct mirror *m = conf->mirrors; m != NULL; m = m->next)
        background_run(b, m->uri, r->args);
    background_let_go(b);
}

static enum verdict run_mirrors(struct request *r)
{
    const struct mirror_conf *conf = REQUEST_CONF(r, mirror_index, struct mirror_conf);

    if (conf->mirrors == NULL || r != r->main)
        return GO_ON;
    if (r->ops->dry) {
        for (const struct mirror *m = conf->mirrors; m != NULL; m = m->next)
            record(r, "handler", "mirror to \"%" STR_FMT "\"", STR_ARG(m->uri));
        return GO_ON;
    }
    switch (conf->with_body ? body_read_all(r) : RC_OK) {
    case RC_OK:
        break;
    case RC_AGAIN:
        return WAIT_EVENT;
    case RC_ERROR:
        return request_fail(r, r->body->status, body_fail_reason(r));
    }
    begin(r, conf);
    return GO_ON;
}

#define F(member) FIELD(struct mirror_conf, member)

static const struct directive directives[] = {
    {.name = "mirror", .where = IN_WEB, .args = "uri|off", .apply = set_mirror, .repeat = true,
     .field = F(mirrors),
     .doc = "Copies requests to this URI by a subrequest; what it answers is dropped."},
    {.name = "mirror_request_body", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(with_body), .initial = "on",
     .doc = "Whether the body is copied too. It is then read whole before the request goes on."},
};

const struct module mirror_module = {
    .name = "mirror", .nginx_name = "http_mirror_module",
    .doc = "Requests copied to other places.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct mirror_conf),
    .phase = PHASE_PRECONTENT, .handler = run_mirrors, .index = &mirror_index,
    .idle_without = &mirror_module,
};
