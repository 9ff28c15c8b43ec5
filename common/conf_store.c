/*
 * common/conf_store.c - storing a directive's value into its field, with the checks of its row.
 */
#include <stdio.h>

#include "common/conf_suggest.h"
#include "common/conf_value.h"
#include "common/load_state.h"
#include "common/regex.h"
#include "common/template.h"

#define STREAM_SCOPES (IN_STREAM | IN_STREAM_SERVER | IN_STREAM_UPSTREAM)

uint32_t conf_value_bytes(enum value_kind kind)
{
    switch (kind) {
    case VALUE_FLAG: return sizeof(bool);
    case VALUE_STR:
    case VALUE_PATH:
    case VALUE_CONF_PATH: return sizeof(struct str);
    case VALUE_BUFS: return sizeof(struct buf_count);
    case VALUE_INT:
    case VALUE_SIZE:
    case VALUE_OFF_SIZE:
    case VALUE_MS:
    case VALUE_SEC:
    case VALUE_ENUM:
    case VALUE_BITS: return sizeof(int64_t);
    case VALUE_NONE:
    case VALUE_TEMPLATE:
    case VALUE_REGEX: break;
    }
    return sizeof(void *);
}

static void *field(const struct conf_call *call)
{
    return (char *)call->conf + call->directive->field - 1;
}

static bool store_flag(struct conf_call *call)
{
    struct str text = conf_arg(call, 0);

    if (conf_flag(text, field(call)))
        return true;
    return conf_fail_arg(call, 0, "invalid value \"%" STR_FMT "\" in \"%s\" directive, it must be "
                                  "\"on\" or \"off\"", STR_ARG(text), call->directive->name);
}

/* Numbers ------------------------------------------------------------------------------------- */

/* A limit as the operator would write it. */
static void print_limit(char *out, size_t room, enum value_kind kind, int64_t n)
{
    long long value = (long long)n;
    bool size = kind == VALUE_SIZE || kind == VALUE_OFF_SIZE;

    if (size && n != 0 && n % (1024 * 1024) == 0)
        snprintf(out, room, "%lldm", value / (1024 * 1024));
    else if (size && n != 0 && n % 1024 == 0)
        snprintf(out, room, "%lldk", value / 1024);
    else if (kind == VALUE_MS && n % 1000 != 0)
        snprintf(out, room, "%lldms", value);
    else if (kind == VALUE_MS)
        snprintf(out, room, "%llds", value / 1000);
    else
        snprintf(out, room, "%lld%s", value, kind == VALUE_SEC ? "s" : "");
}

static bool check_range(struct conf_call *call, enum value_kind kind, uint32_t arg, int64_t n)
{
    const struct directive *d = call->directive;
    struct str text = conf_arg(call, arg);
    char low[32], high[32];

    if (n >= d->min && (d->max == 0 || n <= d->max))
        return true;
    print_limit(low, sizeof(low), kind, d->min);
    print_limit(high, sizeof(high), kind, d->max);
    if (d->max != 0)
        return conf_fail_arg(call, arg, "\"%s\" takes %s to %s, not \"%" STR_FMT "\"", d->name, low,
                             high, STR_ARG(text));
    return conf_fail_arg(call, arg, "\"%s\" takes %s or more, not \"%" STR_FMT "\"", d->name, low,
                         STR_ARG(text));
}

static bool read_number(enum value_kind kind, struct str text, int64_t *n)
{
    switch (kind) {
    case VALUE_SIZE: return conf_size(text, n);
    case VALUE_MS: return conf_ms(text, n);
    case VALUE_SEC: return conf_sec(text, n);
    case VALUE_OFF_SIZE:
        *n = 0;
        return str_eq(text, STR("off")) || conf_size(text, n);
    default: break;
    }
    if (text.len > 1 && text.data[0] == '-') {
        if (!conf_int(str_from(text, 1), n))
            return false;
        *n = -*n;
        return true;
    }
    return conf_int(text, n);
}

static const char *number_form(enum value_kind kind)
{
    switch (kind) {
    case VALUE_SIZE: return "a size is a number of bytes, or of k, m or g: 8k";
    case VALUE_OFF_SIZE: return "a size like 8k or 1m, or off";
    case VALUE_MS: return "a time is a number of seconds, or of ms, s, m, h, d, w: 1m30s";
    case VALUE_SEC: return "a time is a number of seconds, or of s, m, h, d, w, M, y: 1m30s";
    default: return "a number has only digits";
    }
}

static bool number_at(struct conf_call *call, enum value_kind kind, uint32_t arg, int64_t *n)
{
    if (read_number(kind, conf_arg(call, arg), n) && (*n >= 0 || call->directive->min < 0))
        return check_range(call, kind, arg, *n);
    conf_fail_arg(call, arg, "\"%s\" directive invalid %s", call->directive->name,
                  kind == VALUE_INT ? "number" : "value");
    return conf_hint(call, "%s, not \"%" STR_FMT "\"", number_form(kind),
                     STR_ARG(conf_arg(call, arg)));
}

static bool store_bufs(struct conf_call *call)
{
    struct buf_count *bufs = field(call);
    const struct directive *d = call->directive;

    if (conf_int(conf_arg(call, 0), &bufs->number) && bufs->number > 0 &&
        conf_size(conf_arg(call, 1), &bufs->bytes) && bufs->bytes > 0)
        return check_range(call, VALUE_SIZE, 1, bufs->bytes);
    conf_fail_arg(call, 0, "\"%s\" directive invalid value", d->name);
    return conf_hint(call, "a number above 0 and a size, as in \"4 8k\"");
}

/* Words --------------------------------------------------------------------------------------- */

static void hint_words(struct conf_call *call, struct str text)
{
    const struct word *w = call->directive->words;
    struct conf_suggest near;
    char list[400];
    size_t len = 0;

    conf_suggest_init(&near, text);
    for (; w->text != NULL && len < sizeof(list); w++) {
        conf_suggest_offer(&near, w->text);
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len > 0 ? ", " : "",
                                w->text);
    }
    if (near.best != NULL)
        conf_hint(call, "did you mean \"%s\"?", near.best);
    else
        conf_hint(call, "it takes: %s", list);
}

static const struct word *word_at(struct conf_call *call, uint32_t arg)
{
    struct str text = conf_arg(call, arg);

    for (const struct word *w = call->directive->words; w->text != NULL; w++)
        if (str_eq_nocase(text, str_of(w->text)))
            return w;
    conf_fail_arg(call, arg, "invalid value \"%" STR_FMT "\" in \"%s\" directive", STR_ARG(text),
                  call->directive->name);
    hint_words(call, text);
    return NULL;
}

static bool store_enum(struct conf_call *call)
{
    const struct word *w = word_at(call, 0);

    if (w != NULL)
        *(int64_t *)field(call) = w->value;
    return w != NULL;
}

static bool store_bits(struct conf_call *call)
{
    int64_t bits = call->directive->repeat ? *(int64_t *)field(call) : 0;

    for (uint32_t i = 0; i < call->count; i++) {
        const struct word *w = word_at(call, i);

        if (w == NULL)
            return false;
        if (w->value != 0 && (bits & w->value) == w->value)
            conf_warn(call, "duplicate value \"%s\"", w->text);
        bits |= w->value;
    }
    *(int64_t *)field(call) = bits;
    return true;
}

/* Texts --------------------------------------------------------------------------------------- */

static bool store_template(struct conf_call *call)
{
    struct generation *gen = call->gen;
    bool stream = (call->scope->kind & STREAM_SCOPES) != 0;
    const char *why = NULL;
    struct template *t = template_compile(call->pool, stream ? &gen->stream_vars : &gen->http_vars,
                                          conf_arg(call, 0), &why);

    if (t == NULL)
        return conf_fail_arg(call, 0, "%s", why);
    *(struct template **)field(call) = t;
    return true;
}

/* "~" and "~*" may stand in front, as in a location. */
static bool store_regex(struct conf_call *call)
{
    struct str text = conf_arg(call, 0);
    struct regex_error error;
    bool tilde = text.len > 0 && text.data[0] == '~';
    bool nocase = tilde && text.len > 1 && text.data[1] == '*';
    struct regex *regex;

    text = str_from(text, (size_t)tilde + nocase);
    regex = regex_compile(call->pool, text, nocase, &error);
    if (regex == NULL)
        return conf_fail_arg(call, 0, "%s at offset %zu of \"%" STR_FMT "\"", error.text,
                             error.offset, STR_ARG(text));
    *(struct regex **)field(call) = regex;
    return true;
}

static bool store_number(struct conf_call *call)
{
    return number_at(call, call->directive->value, 0, field(call));
}

static bool store_str(struct conf_call *call)
{
    struct str text = conf_arg(call, 0);

    if (call->directive->value == VALUE_PATH)
        text = generation_path(call->gen, text);
    else if (call->directive->value == VALUE_CONF_PATH)
        text = generation_conf_path(call->gen, text);
    *(struct str *)field(call) = text;
    return true;
}

bool conf_store(struct conf_call *call)
{
    switch (call->directive->value) {
    case VALUE_NONE: return true;
    case VALUE_FLAG: return store_flag(call);
    case VALUE_INT:
    case VALUE_SIZE:
    case VALUE_OFF_SIZE:
    case VALUE_MS:
    case VALUE_SEC: return store_number(call);
    case VALUE_STR:
    case VALUE_PATH:
    case VALUE_CONF_PATH: return store_str(call);
    case VALUE_TEMPLATE: return store_template(call);
    case VALUE_ENUM: return store_enum(call);
    case VALUE_BITS: return store_bits(call);
    case VALUE_REGEX: return store_regex(call);
    case VALUE_BUFS: return store_bufs(call);
    }
    return true;
}
