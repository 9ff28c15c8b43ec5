/*
 * worker/proxy/uwsgi_pass.c - uwsgi: its directives, and requests as it has them.
 */
#include "worker/proxy/uwsgi_pass.h"

#include "common/fmt.h"
#include "worker/codec/uwsgi.h"
#include "worker/proxy/cgi_params.h"
#include "worker/proxy/cgi_talk.h"
#include "worker/proxy/origin_pass.h"
#include "worker/proxy/store.h"

struct uwsgi_conf {
    struct cgi_conf cgi;          /* first */
    int64_t modifier1, modifier2;
    struct str string;            /* behind the parameters, as it is */
};

uint32_t uwsgi_index;

/* Talking -------------------------------------------------------------------------------------- */

static size_t content_bytes(const struct cgi_pairs *params, const struct uwsgi_conf *conf)
{
    size_t bytes = conf->string.len;

    for (uint32_t i = 0; i < params->count; i++)
        bytes += uwsgi_pair_bytes(cgi_name_bytes(&params->pairs[i]), params->pairs[i].value.len);
    return bytes;
}

static char *print_params(char *p, const struct cgi_pairs *params)
{
    for (uint32_t i = 0; i < params->count; i++) {
        const struct cgi_pair *pair = &params->pairs[i];

        p = uwsgi_write_length(p, cgi_name_bytes(pair));
        p = uwsgi_write_length(cgi_name_print(p, pair), pair->value.len);
        p = fmt_str(p, pair->value);
    }
    return p;
}

static bool write_head(struct proxy_run *run)
{
    const struct uwsgi_conf *conf = (const struct uwsgi_conf *)(const void *)run->conf;
    struct cgi_pairs params = cgi_params_collect(run);
    size_t bytes = content_bytes(&params, conf);
    char *p;

    cgi_talk_begin(run);
    if (bytes > UWSGI_CONTENT_MOST) {
        log_error(&run->r->log, LOG_ERROR, 0, "uwsgi request is too big: %zu bytes", bytes);
        return false;
    }
    buf_give(&run->head);
    buf_take(&run->head, UWSGI_HEADER_BYTES + bytes);
    p = uwsgi_write_header(run->head.start, (uint8_t)conf->modifier1, bytes,
                           (uint8_t)conf->modifier2);
    run->head.last = fmt_str(print_params(p, &params), conf->string);
    must(run->head.last <= run->head.end);
    return true;
}

static const struct proxy_codec codec = {
    .name = "uwsgi", .index = &uwsgi_index, .write_head = write_head, CGI_TALK,
};

/* Directives ----------------------------------------------------------------------------------- */

static enum verdict pass_on(struct request *r)
{
    return proxy_run_request(r, &codec);
}

static bool set_pass(struct conf_call *call)
{
    static const struct origin_schemes schemes = {.plain = STR_INIT("uwsgi://"),
                                                  .secure = STR_INIT("suwsgi://")};

    return origin_pass_load(call, &schemes, pass_on);
}

static bool scope_done(struct conf_call *call)
{
    cgi_params_finish(call);
    /* Status is a header field like others to uwsgi servers. */
    return origin_finish(call, cgi_hidden + 1);
}

#define F(member) FIELD(struct uwsgi_conf, member)

static const struct directive directives[] = {
    {.name = "uwsgi_pass", .where = IN_LOCATION | IN_LOCATION_IF, .args = "address",
     .field = ORIGIN(pass), .local = true, .into_if = true, .apply = set_pass,
     .doc = "Passes requests to a uwsgi server: an upstream, host:port or unix:path, with uwsgi:// "
            "before it if wished, or suwsgi:// for TLS."},
    CGI_ROWS("uwsgi"),
    {.name = "uwsgi_modifier1", .where = IN_WEB, .args = "number", .value = VALUE_INT,
     .field = F(modifier1), .min = 0, .max = 255, .initial = "0",
     .doc = "The packet's first modifier: which of the server's plugins is to answer."},
    {.name = "uwsgi_modifier2", .where = IN_WEB, .args = "number", .value = VALUE_INT,
     .field = F(modifier2), .min = 0, .max = 255, .initial = "0",
     .doc = "The packet's second modifier."},
    {.name = "uwsgi_string", .where = IN_WEB, .args = "text", .value = VALUE_STR,
     .field = F(string), .doc = "Sent behind the parameters, for plugins that take text."},
    ORIGIN_WAY_ROWS("uwsgi", "what ...", cgi_next_words),
    ORIGIN_SOCKET_ROWS("uwsgi"),
    ORIGIN_HEAD_ROWS("uwsgi"),
    ORIGIN_BODY_ROWS("uwsgi"),
    ORIGIN_STORE_ROWS("uwsgi"),
    ORIGIN_TLS_ROWS("uwsgi"),
};

const struct module uwsgi_module = {
    .name = "uwsgi", .nginx_name = "http_uwsgi_module",
    .doc = "Passing requests to uwsgi servers.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .conf_size = sizeof(struct uwsgi_conf),
    .scope_done = scope_done,
    .index = &uwsgi_index,
};
