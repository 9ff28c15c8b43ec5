/*
 * worker/filter/ssi.c - server side includes: which responses are pages with commands, and the
 * variables that those read.
 */
#include "worker/filter/ssi.h"

#include <time.h>

#include "common/clock.h"
#include "worker/filter/ssi_page.h"
#include "worker/http/phase.h"
#include "worker/http/representation.h"
#include "worker/http/type_set.h"

#define DATE_MOST 2048

uint32_t ssi_index;

/* What is known of the page's file is not known of what comes of it. */
static void change_head(struct request *r, const struct ssi_conf *conf)
{
    representation_changes(r);
    if (conf->last_modified)
        return;
    representation_drop(r, FIELD_LAST_MODIFIED);
    representation_drop(r, FIELD_ETAG);
}

static void filter(struct request *r)
{
    const struct ssi_conf *conf = REQUEST_CONF(r, ssi_index, struct ssi_conf);

    if (!conf->on || r->out.length == 0 || !type_set_has(conf->types, r->out.type) ||
        representation_is_encoded(r))
        return;
    change_head(r, conf);
    if (r->out.body != NULL && !r->header_only && !r->ops->dry)
        r->out.body = ssi_page_create(r, r->out.body);
}

/* Variables ------------------------------------------------------------------------------------ */

/* The format is the page's: nothing but a clock is read through it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static struct str print_date(struct pool *pool, struct str format, const struct tm *tm)
{
    char text[DATE_MOST];

    return pool_str(pool, (struct str){text, strftime(text, sizeof(text), pool_cstr(pool, format),
                                                      tm)});
}
#pragma GCC diagnostic pop

static void get_date(struct scope *scope, struct var_value *out, uintptr_t gmt)
{
    const struct request *r = CONTAINER(scope, struct request, scope);
    const struct ssi_ctx *ctx = request_ctx_find(r, ssi_index);
    struct str format = STR("%A, %d-%b-%Y %H:%M:%S %Z");
    time_t now = (time_t)(clock_wall_ms / 1000);
    struct tm tm;

    if (ctx != NULL && ctx->page != NULL)
        format = ctx->page->timefmt;
    if (gmt)
        gmtime_r(&now, &tm);
    else
        localtime_r(&now, &tm);
    if (str_eq(format, STR("%s"))) /* not of what mktime makes of gmt */
        var_found(out, pool_printf(scope->pool, "%lld", (long long)now));
    else
        var_found(out, print_date(scope->pool, format, &tm));
}

/* Configuration -------------------------------------------------------------------------------- */

static bool set_types(struct conf_call *call)
{
    return type_set_load(call, &((struct ssi_conf *)call->conf)->types);
}

#define F(member) FIELD(struct ssi_conf, member)

static const struct directive directives[] = {
    {.name = "ssi", .where = IN_WEB_IF, .args = "on|off", .value = VALUE_FLAG, .field = F(on),
     .initial = "off", .doc = "Carry out the SSI commands in responses."},
    {.name = "ssi_silent_errors", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(silent_errors), .initial = "off",
     .doc = "Show nothing in place of a command that fails."},
    {.name = "ssi_types", .where = IN_WEB, .args = "mime-type ...", .apply = set_types,
     .field = F(types), .repeat = true,
     .doc = "Types of pages with SSI commands beside text/html; * is any."},
    {.name = "ssi_value_length", .where = IN_WEB, .args = "length", .value = VALUE_SIZE,
     .field = F(value_length), .initial = "256", .min = 0, .max = 1 << 20,
     .doc = "Longest value of a parameter of an SSI command."},
    {.name = "ssi_last_modified", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(last_modified), .initial = "off",
     .doc = "Keep Last-Modified and a weak ETag of pages, as if what they include never changed."},
    {.name = "ssi_min_file_chunk", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(ignored_size), .initial = "1k",
     .notice = "a page is sent from the memory that it was parsed in",
     .doc = "Accepted for compatibility: a page is sent from the memory that it was parsed in."},
    {.name = "ssi_ignore_recycled_buffers", .where = IN_WEB, .args = "on|off",
     .value = VALUE_FLAG, .field = F(ignored_flag), .initial = "off",
     .notice = "no buffer is used again before it was sent",
     .doc = "Accepted for compatibility: no buffer is used again before it was sent."},
};

static const struct var_def variables[] = {
    {.name = "date_local", .get = get_date, .data = 0, .flags = VAR_NO_CACHE},
    {.name = "date_gmt", .get = get_date, .data = 1, .flags = VAR_NO_CACHE},
};

const struct module ssi_module = {
    .name = "ssi", .nginx_name = "http_ssi_module",
    .doc = "Server side includes.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct ssi_conf),
    .variables = TABLE(variables),
    .filter = filter, .index = &ssi_index,
    .idle_without = &ssi_module,
};
