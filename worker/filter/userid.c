/*
 * worker/filter/userid.c - cookies that tell clients apart, as mod_uid and nginx make them.
 *
 * An id is four numbers: the server (its address, or userid_service), the time, the process, and a
 * count. The cookie is base64 of them: in the order of the machine's bytes (v1), or of the
 * network's (on). A mark in place of the padding says that the cookie is one of ours, with the
 * present attributes; without it the client gets its old id anew.
 */
#include "worker/filter/userid.h"

#include <arpa/inet.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/base64.h"
#include "common/clock.h"
#include "common/conf_load.h"
#include "common/conf_value.h"
#include "common/generation.h"
#include "worker/codec/cookie.h"
#include "worker/codec/http_date.h"
#include "worker/http/request.h"

#define ID_CHARS     22          /* base64 of 16 bytes without its padding */
#define EXPIRES_MAX  2145916555  /* 31 Dec 2037 23:55:55 GMT */
#define COUNT_STEP   0x100
#define COUNT_V1     1
#define COUNT_V2     0x03030302

enum { USERID_OFF, USERID_LOG, USERID_V1, USERID_ON };

enum {
    FLAG_OFF = 1, FLAG_SECURE = 2, FLAG_HTTPONLY = 4, FLAG_STRICT = 8, FLAG_LAX = 16, FLAG_NONE = 32
};

static uint32_t userid_index;

struct userid_conf {
    int64_t mode;
    int64_t service;
    bool has_service;
    struct str name, domain, path, p3p;
    int64_t expires_s;          /* EXPIRES_MAX: the date itself; 0: none */
    int64_t flags;
    char mark;                  /* 0: none */
    uint32_t reset_var;         /* $uid_reset */
};

struct userid_ctx {
    uint32_t got[4], set[4];    /* the last is not 0 where there is one */
    struct str cookie;
    bool reset;
};

static uint32_t process_number, count_v1 = COUNT_V1, count_v2 = COUNT_V2;

static enum rc start(const struct child *child)
{
    struct timeval now;

    gettimeofday(&now, NULL);
    process_number = (uint32_t)now.tv_usec / 20 << 16 | ((uint32_t)getpid() & 0xffff);
    return RC_OK;
}

/* The client's --------------------------------------------------------------------------------- */

static void read_cookie(struct request *r, const struct userid_conf *conf, struct userid_ctx *ctx)
{
    struct str cookie = cookie_find(r->fields, conf->name);
    char id[BASE64_DECODED(ID_CHARS)];

    if (cookie.data == NULL)
        return;
    ctx->cookie = cookie;
    if (cookie.len < ID_CHARS) {
        log_error(&r->log, LOG_ERROR, 0, "client sent too short userid cookie \"%" STR_FMT "\"",
                  STR_ARG(cookie));
        return;
    }
    /* What follows is the padding, a mark, or what others have left there. */
    cookie.len = ID_CHARS;
    if (base64_decode(id, cookie) != sizeof(ctx->got)) {
        log_error(&r->log, LOG_ERROR, 0, "client sent invalid userid cookie \"%" STR_FMT "\"",
                  STR_ARG(ctx->cookie));
        return;
    }
    memcpy(ctx->got, id, sizeof(ctx->got));
}

static struct userid_ctx *ctx_of(struct request *r, const struct userid_conf *conf)
{
    struct userid_ctx *ctx = request_ctx_find(r, userid_index);

    if (ctx == NULL) {
        ctx = request_ctx(r, userid_index, sizeof(*ctx));
        read_cookie(r, conf, ctx);
    }
    return ctx;
}

/* Ours ----------------------------------------------------------------------------------------- */

static uint32_t local_number(struct request *r)
{
    struct addr local;
    uint32_t number;

    if (r->scope.conn == NULL || conn_local(r->scope.conn, &local) != RC_OK)
        return 0;
    if (local.sa.sa_family == AF_INET)
        return local.in.sin_addr.s_addr;
    if (local.sa.sa_family != AF_INET6)
        return 0;
    memcpy(&number, &local.in6.sin6_addr.s6_addr[12], sizeof(number));
    return number;
}

static void make_id(struct request *r, const struct userid_conf *conf, uint32_t id[4])
{
    uint32_t now = (uint32_t)clock_wall_s(), service = (uint32_t)conf->service;

    if (conf->mode == USERID_V1) {
        id[0] = conf->has_service ? service : 0;
        id[1] = now;
        id[2] = process_number;
        id[3] = count_v1;
        count_v1 += COUNT_STEP;
        return;
    }
    id[0] = conf->has_service ? htonl(service) : local_number(r);
    id[1] = htonl(now);
    id[2] = htonl(process_number);
    id[3] = htonl(count_v2);
    count_v2 = MAX(count_v2 + COUNT_STEP, COUNT_V2);
}

static bool is_marked(const struct userid_conf *conf, struct str cookie)
{
    return conf->mark == 0 || (cookie.len > ID_CHARS + 1 && cookie.data[ID_CHARS] == conf->mark &&
                               cookie.data[ID_CHARS + 1] == '=');
}

static void settle_id(struct request *r, const struct userid_conf *conf, struct userid_ctx *ctx)
{
    struct str reset;

    if (ctx->set[3] != 0)
        return;
    if (ctx->got[3] != 0) {
        reset = var_str(scope_var(&r->scope, conf->reset_var));
        if (reset.len == 0 || str_eq(reset, STR("0"))) {
            if (!is_marked(conf, ctx->cookie))
                memcpy(ctx->set, ctx->got, sizeof(ctx->set));
            return;
        }
        ctx->reset = true;
        if (str_eq(reset, STR("log")))
            log_error(&r->log, LOG_NOTICE, 0,
                      "userid cookie \"%" STR_FMT "=%08X%08X%08X%08X\" was reset",
                      STR_ARG(conf->name), ctx->got[0], ctx->got[1], ctx->got[2], ctx->got[3]);
    }
    make_id(r, conf, ctx->set);
}

/* The cookie ----------------------------------------------------------------------------------- */

static struct str value_of(struct pool *pool, const struct userid_conf *conf,
                           const struct userid_ctx *ctx)
{
    char *text = pool_bytes(pool, BASE64_ROOM(sizeof(ctx->set)));

    if (ctx->got[3] == 0 || ctx->reset)
        base64_encode(text, (struct str){(const char *)ctx->set, sizeof(ctx->set)});
    else
        memcpy(text, ctx->cookie.data, ID_CHARS);
    text[ID_CHARS] = conf->mark != 0 ? conf->mark : '=';
    text[ID_CHARS + 1] = '=';
    return (struct str){text, ID_CHARS + 2};
}

static struct str expiry(struct pool *pool, const struct userid_conf *conf)
{
    char *text;

    if (conf->expires_s == 0)
        return STR_NONE;
    if (conf->expires_s == EXPIRES_MAX)
        return STR("Thu, 31-Dec-37 23:55:55 GMT");
    text = pool_bytes(pool, HTTP_DATE_BYTES + 1);
    return str_range(text, http_date_print_cookie(text, clock_wall_s() + conf->expires_s));
}

static const char *flag(const struct userid_conf *conf, int64_t bit, const char *text)
{
    return conf->flags & bit ? text : "";
}

static struct str cookie_text(struct pool *pool, const struct userid_conf *conf,
                              const struct userid_ctx *ctx)
{
    struct str expires = expiry(pool, conf);

    return pool_printf(pool,
                       "%" STR_FMT "=%" STR_FMT "%s%" STR_FMT "%s%" STR_FMT "; path=%" STR_FMT
                       "%s%s%s%s%s",
                       STR_ARG(conf->name), STR_ARG(value_of(pool, conf, ctx)),
                       expires.len > 0 ? "; expires=" : "", STR_ARG(expires),
                       conf->domain.len > 0 ? "; domain=" : "", STR_ARG(conf->domain),
                       STR_ARG(conf->path),
                       flag(conf, FLAG_SECURE, "; secure"),
                       flag(conf, FLAG_HTTPONLY, "; httponly"),
                       flag(conf, FLAG_STRICT, "; samesite=strict"),
                       flag(conf, FLAG_LAX, "; samesite=lax"),
                       flag(conf, FLAG_NONE, "; samesite=none"));
}

static void filter(struct request *r)
{
    const struct userid_conf *conf = REQUEST_CONF(r, userid_index, struct userid_conf);
    struct pool *pool = request_pool(r);
    struct userid_ctx *ctx;

    if (conf->mode < USERID_V1 || r != r->main)
        return;
    ctx = ctx_of(r, conf);
    settle_id(r, conf, ctx);
    if (ctx->set[3] == 0)
        return;
    request_add_field(r, STR("Set-Cookie"), field_safe_value(pool, cookie_text(pool, conf, ctx)),
                      FIELD_SET_COOKIE);
    if (conf->p3p.len > 0)
        request_add_field(r, STR("P3P"), field_safe_value(pool, conf->p3p), FIELD_OTHER);
}

/* Variables ------------------------------------------------------------------------------------ */

static void print_id(struct scope *scope, const struct userid_conf *conf, struct var_value *out,
                     const uint32_t id[4])
{
    if (id[3] == 0) {
        var_missing(out);
        return;
    }
    var_found(out, pool_printf(scope->pool, "%" STR_FMT "=%08X%08X%08X%08X", STR_ARG(conf->name),
                               id[0], id[1], id[2], id[3]));
}

static void get_got(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = CONTAINER(scope, struct request, scope);
    const struct userid_conf *conf = REQUEST_CONF(r, userid_index, struct userid_conf);

    if (conf->mode == USERID_OFF)
        var_missing(out);
    else
        print_id(scope, conf, out, ctx_of(r->main, conf)->got);
}

static void get_set(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = CONTAINER(scope, struct request, scope);
    const struct userid_conf *conf = REQUEST_CONF(r, userid_index, struct userid_conf);
    struct userid_ctx *ctx;

    if (conf->mode < USERID_V1) {
        var_missing(out);
        return;
    }
    ctx = ctx_of(r->main, conf);
    settle_id(r->main, conf, ctx);
    print_id(scope, conf, out, ctx->set);
}

static void get_reset(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_found(out, STR(""));
}

static const struct var_def variables[] = {
    {.name = "uid_got", .get = get_got},
    {.name = "uid_set", .get = get_set},
    {.name = "uid_reset", .get = get_reset, .flags = VAR_CHANGEABLE},
};

/* Configuration -------------------------------------------------------------------------------- */

static bool set_mode(struct conf_call *call)
{
    struct userid_conf *conf = call->conf;

    if (conf->mode >= USERID_V1)
        conf->reset_var = var_use(&call->gen->http_vars, STR("uid_reset"));
    return true;
}

static bool set_service(struct conf_call *call)
{
    struct userid_conf *conf = call->conf;

    conf->has_service = true;
    return str_to_int(conf_arg(call, 0), &conf->service) ||
           conf_fail_arg(call, 0, "\"userid_service\" directive invalid number");
}

static bool set_expires(struct conf_call *call)
{
    struct userid_conf *conf = call->conf;
    struct str text = conf_arg(call, 0);

    if (str_eq(text, STR("max")))
        conf->expires_s = EXPIRES_MAX;
    else if (str_eq(text, STR("off")))
        conf->expires_s = 0;
    else
        return conf_sec(text, &conf->expires_s) ||
               conf_fail_arg(call, 0, "\"userid_expires\" directive invalid value");
    return true;
}

static bool set_mark(struct conf_call *call)
{
    struct userid_conf *conf = call->conf;
    struct str text = conf_arg(call, 0);
    char c = text.len == 1 ? text.data[0] : 0;

    conf->mark = c;
    if (str_eq(text, STR("off")) || c == '=' || (c >= '0' && c <= '9') ||
        (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'))
        return true;
    return conf_fail_arg(call, 0, "\"userid_mark\" directive value must be \"off\" or a single "
                                  "letter, digit or \"=\"");
}

/* "none" is nothing. */
static bool set_text(struct conf_call *call)
{
    struct str *text =
        (struct str *)(void *)((char *)call->conf + call->directive->field - 1);

    if (str_eq(*text, STR("none")))
        *text = STR("");
    return true;
}

static const struct word mode_words[] = {
    {"off", USERID_OFF}, {"log", USERID_LOG}, {"v1", USERID_V1}, {"on", USERID_ON}, {NULL, 0}};
static const struct word flag_words[] = {
    {"off", FLAG_OFF}, {"secure", FLAG_SECURE}, {"httponly", FLAG_HTTPONLY},
    {"samesite=strict", FLAG_STRICT}, {"samesite=lax", FLAG_LAX}, {"samesite=none", FLAG_NONE},
    {NULL, 0}};

#define F(member) FIELD(struct userid_conf, member)

static const struct directive directives[] = {
    {.name = "userid", .where = IN_WEB, .args = "on|v1|log|off", .value = VALUE_ENUM,
     .words = mode_words, .field = F(mode), .initial = "off", .apply = set_mode,
     .doc = "Give clients a cookie that tells them apart (on, v1), or only read it (log)."},
    {.name = "userid_service", .where = IN_WEB, .args = "number", .apply = set_service,
     .doc = "The first number of the ids; else it is the server's address."},
    {.name = "userid_name", .where = IN_WEB, .args = "name", .value = VALUE_STR, .field = F(name),
     .initial = "uid", .doc = "Name of the cookie."},
    {.name = "userid_domain", .where = IN_WEB, .args = "name|none", .value = VALUE_STR,
     .field = F(domain), .apply = set_text, .initial = "none", .doc = "Domain of the cookie."},
    {.name = "userid_path", .where = IN_WEB, .args = "path", .value = VALUE_STR, .field = F(path),
     .initial = "/", .doc = "Path of the cookie."},
    {.name = "userid_expires", .where = IN_WEB, .args = "time|max|off", .apply = set_expires,
     .initial = "off",
     .doc = "How long browsers keep the cookie; off: until they are closed."},
    {.name = "userid_flags", .where = IN_WEB, .args = "off|flag [flag] [flag]",
     .value = VALUE_BITS, .words = flag_words, .field = F(flags), .initial = "off",
     .doc = "More attributes of the cookie: secure, httponly, samesite=strict, lax or none."},
    {.name = "userid_p3p", .where = IN_WEB, .args = "string|none", .value = VALUE_STR,
     .field = F(p3p), .apply = set_text, .initial = "none",
     .doc = "Value of the P3P field sent with the cookie."},
    {.name = "userid_mark", .where = IN_WEB, .args = "letter|digit|=|off", .apply = set_mark,
     .initial = "off",
     .doc = "A character that marks cookies: one without it is sent anew, with the same id."},
};

const struct module userid_module = {
    .name = "userid", .nginx_name = "http_userid_module",
    .doc = "Cookies that tell clients apart.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct userid_conf),
    .variables = TABLE(variables),
    .filter = filter, .worker_start = start, .index = &userid_index,
    .idle_without = &userid_module,
};
