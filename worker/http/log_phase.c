/*
 * worker/http/log_phase.c - access logs of http, the last phase.
 *
 * The common log at its default place is opened only if some server has no access_log of its own
 * and inherits none, as in nginx.
 */
#include "worker/http/log_phase.h"

#include <sys/stat.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/default_paths.h"
#include "common/fmt.h"
#include "common/generation.h"
#include "worker/http/file_path.h"
#include "worker/http/request.h"
#include "worker/http/server.h"
#include "worker/log/access_log.h"

struct log_conf {
    struct access_log *logs;
    const struct log_path_rules *rules;
    struct access_logs *all;
    struct access_log *common;      /* the default one: its `out` is set where it is used */
    bool off;
};
#define F(member) FIELD(struct log_conf, member)

static uint32_t log_index;

/* What is printed without a detour ------------------------------------------------------------ */

static struct request *request_of(struct scope *scope)
{
    return CONTAINER(scope, struct request, scope);
}

static char *print_octet(char *out, unsigned n)
{
    if (n >= 100)
        *out++ = (char)('0' + n / 100);
    if (n >= 10)
        *out++ = (char)('0' + n / 10 % 10);
    *out++ = (char)('0' + n % 10);
    return out;
}

static char *print_v4(char *out, const uint8_t *octets)
{
    for (int i = 0; i < 3; i++) {
        out = print_octet(out, octets[i]);
        *out++ = '.';
    }
    return print_octet(out, octets[3]);
}

static char *print_remote_addr(struct scope *scope, char *out)
{
    const struct conn *c = scope->conn;
    struct addr peer;

    if (likely(scope->client == NULL && c != NULL && c->peer.sa.sa_family == AF_INET))
        return print_v4(out, (const uint8_t *)&c->peer.in.sin_addr);
    if (!scope_client(scope, &peer))
        return FMT_LIT(out, "-");
    return out + addr_print_host(&peer, out, LOG_OWN_BYTES);
}

static char *print_time_local(struct scope *scope, char *out)
{
    return fmt_str(out, clock_log());
}

static char *print_time_iso(struct scope *scope, char *out)
{
    return fmt_str(out, clock_iso());
}

static char *print_seconds(char *out, int64_t ms)
{
    ms = MAX(ms, 0);
    out = fmt_uint(out, (uint64_t)(ms / 1000));
    *out++ = '.';
    return fmt_pad(out, (uint64_t)(ms % 1000), 3);
}

static char *print_msec(struct scope *scope, char *out)
{
    return print_seconds(out, clock_wall_ms);
}

static char *print_request_time(struct scope *scope, char *out)
{
    return print_seconds(out, clock_mono_ms - request_of(scope)->started_mono_ms);
}

static char *print_status(struct scope *scope, char *out)
{
    const struct request *r = request_of(scope);
    int status = r->error_status != 0 ? r->error_status : r->out.status;

    status = status == 0 && r->version == 9 ? 9 : status;
    out[0] = (char)('0' + status / 100 % 10);
    out[1] = (char)('0' + status / 10 % 10);
    out[2] = (char)('0' + status % 10);
    return out + 3;
}

static char *print_bytes_sent(struct scope *scope, char *out)
{
    const struct request *r = request_of(scope);

    return fmt_uint(out, r->head_sent + r->body_sent);
}

static char *print_body_bytes_sent(struct scope *scope, char *out)
{
    return fmt_uint(out, request_of(scope)->body_sent);
}

static char *print_connection(struct scope *scope, char *out)
{
    return fmt_uint(out, request_of(scope)->log.conn_number);
}

static char *print_connection_requests(struct scope *scope, char *out)
{
    return fmt_uint(out, request_of(scope)->conn_requests);
}

static bool text_request(struct scope *scope, struct str *text)
{
    *text = request_of(scope)->line;
    return true;
}

static bool text_request_uri(struct scope *scope, struct str *text)
{
    *text = request_of(scope)->target;
    return true;
}

static bool text_referer(struct scope *scope, struct str *text)
{
    *text = fields_value(request_of(scope)->fields, FIELD_REFERER);
    return true;
}

static bool text_user_agent(struct scope *scope, struct str *text)
{
    *text = fields_value(request_of(scope)->fields, FIELD_USER_AGENT);
    return true;
}

/* Worth decoding only where there is something to decode. */
static bool text_remote_user(struct scope *scope, struct str *text)
{
    *text = STR_NONE;
    return !fields_has(request_of(scope)->fields, FIELD_AUTHORIZATION);
}

static const struct log_own own[] = {
    {"remote_addr", print_remote_addr, NULL},
    {"time_local", print_time_local, NULL},
    {"time_iso8601", print_time_iso, NULL},
    {"msec", print_msec, NULL},
    {"request_time", print_request_time, NULL},
    {"status", print_status, NULL},
    {"bytes_sent", print_bytes_sent, NULL},
    {"body_bytes_sent", print_body_bytes_sent, NULL},
    {"connection", print_connection, NULL},
    {"connection_requests", print_connection_requests, NULL},
    {"request", NULL, text_request},
    {"request_uri", NULL, text_request_uri},
    {"http_referer", NULL, text_referer},
    {"http_user_agent", NULL, text_user_agent},
    {"remote_user", NULL, text_remote_user},
    {NULL, NULL, NULL},
};

/* Configuration ------------------------------------------------------------------------------- */

static struct access_logs *all_logs(struct conf_call *call)
{
    struct log_conf *conf = call->conf;

    if (conf->all == NULL)
        conf->all = access_logs_create(call->pool, &call->gen->http_vars, own);
    return conf->all;
}

static bool set_log_format(struct conf_call *call)
{
    return access_log_format_load(call, all_logs(call));
}

static bool set_access_log(struct conf_call *call)
{
    struct log_conf *conf = call->conf;

    if (call->first)
        conf->off = false;
    if (!str_eq(conf_arg(call, 0), STR("off")))
        return access_log_load(call, all_logs(call), &conf->logs);
    conf->off = true;
    return call->count == 1 ||
           conf_fail_arg(call, 1, "invalid parameter \"%" STR_FMT "\"", STR_ARG(conf_arg(call, 1)));
}

static bool set_cache(struct conf_call *call)
{
    return access_log_rules_load(call, &((struct log_conf *)call->conf)->rules);
}

static bool scope_done(struct conf_call *call)
{
    struct log_conf *conf = call->conf;
    struct access_log *common;

    if (call->scope->kind != IN_HTTP || conf->logs != NULL || conf->off)
        return true;
    common = pool_zalloc(call->pool, sizeof(*common));
    common->format = access_log_combined(call, all_logs(call));
    conf->logs = conf->common = common;
    return common->format != NULL;
}

static bool load_done(struct generation *gen)
{
    const struct http_conf *http = gen->http;
    const char *why;

    for (struct http_server *s = http != NULL ? http->servers : NULL; s != NULL; s = s->next) {
        struct log_conf *conf = CONF(s->scope, log_index, struct log_conf);
        struct log_file *file;

        if (conf->logs == NULL || conf->off || conf->logs != conf->common)
            continue;
        file = generation_log_file(gen, str_of(default_paths.access_log), &why);
        if (file == NULL)
            return conf_fail_at(gen, s->node, "%s", why);
        conf->common->out = access_log_out(gen->pool, conf->all, file);
        break;
    }
    return true;
}

/* Writing ------------------------------------------------------------------------------------- */

/* A name made of a request's variables makes no file where not even the root is there. */
static bool has_root(struct scope *scope)
{
    struct stat st;

    return stat(pool_cstr(scope->pool, file_path_root(request_of(scope))), &st) == 0;
}

static enum verdict write_logs(struct request *r)
{
    const struct log_conf *conf = REQUEST_CONF(r, log_index, struct log_conf);

    if (conf->off)
        return GO_ON;
    for (const struct access_log *log = conf->logs; log != NULL; log = log->next)
        access_log_write(log, &r->scope, conf->rules, has_root);
    return GO_ON;
}

static void stop(void)
{
    log_out_flush_all();
}

static const struct directive directives[] = {
    {.name = "log_format", .where = IN_HTTP, .args = "name [escape=default|json|none] string ...",
     .apply = set_log_format, .repeat = true,
     .doc = "What a line of an access log looks like. \"combined\" is defined already."},
    {.name = "access_log", .where = IN_WEB_IF | IN_LIMIT_EXCEPT,
     .args = "path [format] [buffer=size] [gzip[=level]] [flush=time] [if=condition] "
             "[rotate_size=size] [rotate_age=time] [rotate_keep=number] ;; off",
     .apply = set_access_log, .repeat = true, .field = F(logs),
     .doc = "Where to log requests, and in which format. Without one, requests are logged to "
            "access.log in the usual place, in the format combined. A file is rotated by the "
            "server, to FILE.1, FILE.2 and so on, when it is as large or as old as rotate_size "
            "or rotate_age say; so many as rotate_keep says (10) are kept."},
    {.name = "open_log_file_cache", .where = IN_WEB,
     .args = "max=number [inactive=time] [min_uses=number] [valid=time] ;; off", .initial = "off",
     .apply = set_cache,
     .doc = "How long logs with variables in their paths are kept open. \"off\" keeps a few, and "
            "looks before each write whether the path still leads to the same file."},
};

const struct module log_phase_module = {
    .name = "log", .nginx_name = "http_log_module",
    .doc = "Access logs.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct log_conf),
    .scope_done = scope_done, .load_done = load_done,
    .phase = PHASE_LOG, .handler = write_logs,
    .worker_stop = stop,
    .index = &log_index,
};
