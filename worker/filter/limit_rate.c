/*
 * worker/filter/limit_rate.c - how fast a response may go out: limit_rate, limit_rate_after, and
 * $limit_rate, which `set` and X-Accel-Limit-Rate may change.
 *
 * A source over the body that gives no more than is due. What was not used in one second may be
 * used in the next, as in nginx: the allowance grows from the moment the response begins.
 */
#include "worker/filter/limit_rate.h"

#include "common/clock.h"
#include "common/conf_load.h"
#include "common/conf_value.h"
#include "common/fmt.h"
#include "worker/event/loop.h"
#include "worker/http/request.h"

static uint32_t limit_rate_index;

struct limit_rate_conf {
    struct template *rate;   /* bytes a second; 0 or empty: as fast as it goes */
    struct template *after;  /* bytes that are free */
};

struct limited {
    struct source source;
    struct source *inner;
    struct timer timer;
    int64_t rate, after;     /* bytes a second; bytes */
    int64_t given;
    int64_t started_ms;
};

/* Bytes that may be given now; 0 and *wait_ms when none. */
static int64_t allowance(const struct limited *s, int64_t *wait_ms)
{
    int64_t elapsed_ms = clock_mono_ms - s->started_ms + 1000;
    int64_t due = s->after + s->rate * elapsed_ms / 1000 - s->given;

    if (due > 0)
        return due;
    *wait_ms = -due * 1000 / s->rate + 1;
    return 0;
}

static void on_due(struct timer *timer)
{
    source_wake(&CONTAINER(timer, struct limited, timer)->source);
}

static enum pull pull(struct source *source, struct chain *out, size_t max)
{
    struct limited *s = CONTAINER(source, struct limited, source);
    size_t before = out->bytes;
    int64_t wait_ms, due = allowance(s, &wait_ms);
    enum pull result;

    if (due == 0) {
        timer_set(&s->timer, wait_ms);
        return PULL_WAIT;
    }
    s->inner->waiter = source->waiter;
    result = source_pull(s->inner, out, MIN(max, (size_t)due));
    s->given += (int64_t)(out->bytes - before);
    return result;
}

static void close_limited(struct source *source)
{
    struct limited *s = CONTAINER(source, struct limited, source);

    timer_cancel(&s->timer);
    source_close(s->inner);
}

static const struct source_ops limited_ops = {
    .name = "limit_rate", .pull = pull, .close = close_limited,
};

static int64_t size_of(struct request *r, const struct template *t)
{
    struct str text = t == NULL ? STR("") : scope_eval(&r->scope, t);
    int64_t bytes;

    if (text.len == 1 && text.data[0] == '0')
        return 0;
    return text.len > 0 && conf_size(text, &bytes) ? bytes : 0;
}

static int64_t rate_of(struct request *r)
{
    if (r->limit_rate >= 0)
        return r->limit_rate;
    return size_of(r, REQUEST_CONF(r, limit_rate_index, struct limit_rate_conf)->rate);
}

static void limit(struct request *r)
{
    const struct limit_rate_conf *conf = REQUEST_CONF(r, limit_rate_index, struct limit_rate_conf);
    struct limited *s;
    int64_t rate;

    if (r->out.body == NULL || r != r->main || (rate = rate_of(r)) <= 0)
        return;
    s = pool_zalloc(request_pool(r), sizeof(*s));
    s->inner = r->out.body;
    s->source = (struct source){.ops = &limited_ops, .length = s->inner->length,
                                .file_ok = s->inner->file_ok};
    s->rate = rate;
    s->after = size_of(r, conf->after);
    s->timer.on_timer = on_due;
    s->started_ms = clock_mono_ms;
    r->out.body = &s->source;
}

/* $limit_rate --------------------------------------------------------------------------------- */

static void get_rate(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = CONTAINER(scope, struct request, scope);
    char *text = pool_bytes(scope->pool, 20);

    var_found(out, str_range(text, fmt_uint(text, (uint64_t)rate_of(r))));
}

static void set_rate(struct scope *scope, const struct var_value *value, uintptr_t data)
{
    struct request *r = CONTAINER(scope, struct request, scope);
    int64_t rate;

    if (conf_size((struct str){value->data, value->len}, &rate))
        r->limit_rate = rate;
}

static bool check(struct conf_call *call)
{
    const struct template *t = ((struct limit_rate_conf *)call->conf)->rate;
    int64_t bytes;

    if (call->directive->field == FIELD(struct limit_rate_conf, after))
        t = ((struct limit_rate_conf *)call->conf)->after;
    if (t->constant && !conf_size(t->source, &bytes))
        return conf_fail_arg(call, 0, "invalid value \"%" STR_FMT "\"", STR_ARG(t->source));
    return true;
}

#define F(member) FIELD(struct limit_rate_conf, member)

static const struct directive directives[] = {
    {.name = "limit_rate", .where = IN_WEB_IF, .args = "rate", .value = VALUE_TEMPLATE,
     .field = F(rate), .initial = "0", .apply = check,
     .doc = "Bytes a second that a response may go out with; 0: no limit. May hold variables."},
    {.name = "limit_rate_after", .where = IN_WEB_IF, .args = "size", .value = VALUE_TEMPLATE,
     .field = F(after), .initial = "0", .apply = check,
     .doc = "Bytes of a response that limit_rate does not hold back. May hold variables."},
};

static const struct var_def variables[] = {
    {.name = "limit_rate", .get = get_rate, .set = set_rate,
     .flags = VAR_NO_CACHE | VAR_CHANGEABLE},
};

const struct module limit_rate_module = {
    .name = "limit_rate",
    .doc = "How fast a response may go out.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .variables = TABLE(variables),
    .conf_size = sizeof(struct limit_rate_conf),
    .filter = limit,
    .index = &limit_rate_index,
};
