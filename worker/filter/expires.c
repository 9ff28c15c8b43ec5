/*
 * worker/filter/expires.c - Expires and Cache-Control as `expires` says.
 */
#include "worker/filter/expires.h"

#include <time.h>

#include "common/clock.h"
#include "common/conf_value.h"
#include "common/generation.h"
#include "worker/codec/http_date.h"
#include "worker/http/representation.h"

#define DAY_S (24 * 60 * 60)

enum expires_kind { EXPIRES_OFF, EXPIRES_EPOCH, EXPIRES_MAX, EXPIRES_ACCESS, EXPIRES_MODIFIED,
                    EXPIRES_DAILY };

struct expires {
    enum expires_kind kind;
    int64_t seconds;
    struct template *text; /* NULL: constant; else the kind is as if it were not given */
};

/* "24h", "-1", "@15h30m", "epoch" ...; a text for what is wrong, or NULL. */
static const char *read_value(struct str text, struct expires *e)
{
    bool minus = false;

    if (e->kind != EXPIRES_MODIFIED) {
        e->kind = str_eq(text, STR("epoch")) ? EXPIRES_EPOCH
                  : str_eq(text, STR("max")) ? EXPIRES_MAX
                  : str_eq(text, STR("off")) ? EXPIRES_OFF
                                             : EXPIRES_ACCESS;
        if (e->kind != EXPIRES_ACCESS)
            return NULL;
    }
    if (text.len > 0 && text.data[0] == '@') {
        if (e->kind == EXPIRES_MODIFIED)
            return "daily time cannot be used with \"modified\" parameter";
        e->kind = EXPIRES_DAILY;
        text = str_from(text, 1);
    } else if (text.len > 0 && (text.data[0] == '+' || text.data[0] == '-')) {
        minus = text.data[0] == '-';
        text = str_from(text, 1);
    }
    if (!conf_sec(text, &e->seconds))
        return "invalid value";
    if (e->kind == EXPIRES_DAILY && e->seconds > DAY_S)
        return "daily time value must be less than 24 hours";
    if (minus)
        e->seconds = -e->seconds;
    return NULL;
}

bool expires_load(struct conf_call *call, struct expires **out)
{
    struct expires *e = pool_zalloc(call->pool, sizeof(*e));
    struct str text = conf_arg(call, call->count - 1);
    const char *why;

    *out = e;
    if (call->count == 2) {
        if (!str_eq(conf_arg(call, 0), STR("modified")))
            return conf_fail_arg(call, 0, "invalid value \"%" STR_FMT "\"",
                                 STR_ARG(conf_arg(call, 0)));
        e->kind = EXPIRES_MODIFIED;
    }
    if (template_has_vars(text)) {
        e->text = template_compile(call->pool, &call->gen->http_vars, text, &why);
        return e->text != NULL || conf_fail_arg(call, call->count - 1, "%s", why);
    }
    why = read_value(text, e);
    return why == NULL || conf_fail_arg(call, call->count - 1, "%s \"%" STR_FMT "\"", why,
                                        STR_ARG(text));
}

/* At run time --------------------------------------------------------------------------------- */

/* The next time that the local clock shows so many seconds after midnight. */
static int64_t next_daily(int64_t seconds)
{
    time_t now = clock_wall_s(), when;
    struct tm tm;

    localtime_r(&now, &tm);
    tm.tm_hour = (int)(seconds / 3600);
    tm.tm_min = (int)(seconds % 3600 / 60);
    tm.tm_sec = (int)(seconds % 60);
    when = mktime(&tm);
    if (when > now || when == -1)
        return when;
    tm.tm_mday++;
    tm.tm_isdst = -1;
    return mktime(&tm);
}

static void replace(struct request *r, struct str name, struct str value, enum field_id id)
{
    EACH_FIELD (f, r->out.fields)
        if (f->id == id)
            f->flags |= FIELD_DELETED;
    request_add_field(r, name, value, id);
}

static void set_fields(struct request *r, struct str expires, struct str control)
{
    replace(r, STR("Expires"), expires, FIELD_EXPIRES);
    replace(r, STR("Cache-Control"), control, FIELD_CACHE_CONTROL);
}

static int64_t time_of(struct request *r, const struct expires *e, int64_t now)
{
    int64_t from;

    if (e->kind == EXPIRES_DAILY)
        return next_daily(e->seconds);
    if (e->kind == EXPIRES_MODIFIED && e->seconds != 0 &&
        http_date_parse(representation_field(r, FIELD_LAST_MODIFIED), &from))
        return from + e->seconds;
    return now + e->seconds;
}

static void set_times(struct request *r, const struct expires *e)
{
    struct pool *pool = request_pool(r);
    int64_t now = clock_wall_s(), at = time_of(r, e, now), age = at - now;
    char *date = pool_bytes(pool, HTTP_DATE_BYTES);
    struct str text;

    text = str_range(date, http_date_print(date, at));
    if (e->seconds < 0 || age < 0)
        set_fields(r, text, STR("no-cache"));
    else
        set_fields(r, text, pool_printf(pool, "max-age=%lld", (long long)age));
}

void expires_apply(struct request *r, const struct expires *expires)
{
    struct expires now = *expires;

    if (now.text != NULL && read_value(scope_eval(&r->scope, now.text), &now) != NULL)
        return;
    switch (now.kind) {
    case EXPIRES_OFF:
        break;
    case EXPIRES_EPOCH:
        set_fields(r, STR("Thu, 01 Jan 1970 00:00:01 GMT"), STR("no-cache"));
        break;
    case EXPIRES_MAX:
        set_fields(r, STR("Thu, 31 Dec 2037 23:55:55 GMT"), STR("max-age=315360000"));
        break;
    case EXPIRES_ACCESS:
    case EXPIRES_MODIFIED:
    case EXPIRES_DAILY:
        set_times(r, &now);
        break;
    }
}
