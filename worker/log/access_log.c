/*
 * worker/log/access_log.c - one `access_log` of the configuration.
 */
#include "worker/log/access_log.h"

#include "common/conf_value.h"
#include "common/generation.h"
#include "common/growing_map.h"
#include "common/log.h"

#define DEFAULT_BUFFER (64 * 1024)
#define ROTATE_LEAST   1024
#define ROTATE_KEEP    10
#define ROTATE_MOST    10000

static const struct conf_word combined[] = {{.text = STR_INIT(
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
    "\"$http_referer\" \"$http_user_agent\"")}};

struct access_logs *access_logs_create(struct pool *pool, struct var_table *vars,
                                       const struct log_own *own)
{
    struct access_logs *logs = pool_zalloc(pool, sizeof(*logs));

    logs->formats = pool_alloc(pool, sizeof(*logs->formats));
    growing_map_init(logs->formats, pool);
    logs->outs = pool_alloc(pool, sizeof(*logs->outs));
    growing_map_init(logs->outs, pool);
    logs->vars = vars;
    logs->own = own;
    return logs;
}

/* Formats ------------------------------------------------------------------------------------- */

static bool read_escape(struct conf_call *call, enum log_escape *escape, bool *given)
{
    struct str word;

    *given = conf_arg_is(call, 1, "escape=", &word);
    if (!*given || str_eq(word, STR("default")))
        *escape = LOG_ESCAPE_DEFAULT;
    else if (str_eq(word, STR("json")))
        *escape = LOG_ESCAPE_JSON;
    else if (str_eq(word, STR("none")))
        *escape = LOG_ESCAPE_NONE;
    else
        return conf_fail_arg(call, 1, "unknown log format escaping \"%" STR_FMT "\"",
                             STR_ARG(word));
    return true;
}

bool access_log_format_load(struct conf_call *call, struct access_logs *logs)
{
    struct str name = conf_arg(call, 0);
    enum log_escape escape;
    uint32_t first;
    bool given;

    if (str_eq(name, STR("combined")) || growing_map_find(logs->formats, name) != NULL)
        return conf_fail_arg(call, 0, "duplicate \"log_format\" name \"%" STR_FMT "\"",
                             STR_ARG(name));
    if (!read_escape(call, &escape, &given))
        return false;
    first = given ? 2 : 1; /* then there may be no text: empty lines */
    *growing_map_at(logs->formats, name) = log_format_compile(
        call, logs->vars, escape, call->args + first, call->count - first, first, logs->own);
    return growing_map_find(logs->formats, name) != NULL;
}

/* "combined" is made when first used, so that its variables cost nothing where nobody does. */
static const struct log_format *find_format(struct conf_call *call, struct access_logs *logs,
                                            struct str name, uint32_t arg)
{
    struct log_format *format = growing_map_find(logs->formats, name);

    if (format == NULL && str_eq(name, STR("combined"))) {
        format = log_format_compile(call, logs->vars, LOG_ESCAPE_DEFAULT, combined, 1, 0,
                                    logs->own);
        *growing_map_at(logs->formats, STR("combined")) = format;
    }
    if (format == NULL)
        conf_fail_arg(call, arg, "unknown log format \"%" STR_FMT "\"", STR_ARG(name));
    return format;
}

const struct log_format *access_log_combined(struct conf_call *call, struct access_logs *logs)
{
    return find_format(call, logs, STR("combined"), 0);
}

/* Logs ---------------------------------------------------------------------------------------- */

struct log_out *access_log_out(struct pool *pool, struct access_logs *logs, struct log_file *file)
{
    struct log_file **key = pool_alloc(pool, sizeof(*key));
    struct log_out **at;

    *key = file;
    at = (struct log_out **)growing_map_at(logs->outs, (struct str){(char *)key, sizeof(*key)});
    if (*at == NULL) {
        *at = pool_zalloc(pool, sizeof(**at));
        (*at)->file = file;
        (*at)->fd = -1;
    }
    return *at;
}

static bool compile(struct conf_call *call, struct access_logs *logs, uint32_t arg, struct str text,
                    struct template **out)
{
    const char *why;

    *out = template_compile(call->pool, logs->vars, text, &why);
    return *out != NULL || conf_fail_arg(call, arg, "%s", why);
}

static bool read_place(struct conf_call *call, struct access_logs *logs, struct access_log *log)
{
    struct str path = conf_arg(call, 0);
    struct log_file *file;
    const char *why;

    if (template_has_vars(path) && !str_starts(path, STR("syslog:"))) {
        if (path.data[0] != '$')
            path = generation_path(call->gen, path);
        return compile(call, logs, 0, path, &log->path);
    }
    file = generation_log_file(call->gen, path, &why);
    if (file == NULL)
        return conf_fail_arg(call, 0, "%s", why);
    log->out = access_log_out(call->pool, logs, file);
    return true;
}

/* What is said of a file by all who log to it. */
struct manner {
    int64_t bytes, flush_ms, gzip_level;
    struct log_rotation rotation;
};

enum option { OPTION_UNKNOWN, OPTION_GOOD, OPTION_BAD };

static enum option option_if(bool good, struct conf_call *call, uint32_t i, const char *what,
                             struct str value)
{
    if (good)
        return OPTION_GOOD;
    conf_fail_arg(call, i, "invalid %s \"%" STR_FMT "\"", what, STR_ARG(value));
    return OPTION_BAD;
}

static enum option read_buffering(struct conf_call *call, uint32_t i, struct manner *m)
{
    struct str value;

    if (conf_arg_is(call, i, "buffer=", &value))
        return option_if(conf_size(value, &m->bytes) && m->bytes > 0, call, i, "buffer size",
                         value);
    if (conf_arg_is(call, i, "flush=", &value))
        return option_if(conf_ms(value, &m->flush_ms) && m->flush_ms > 0, call, i, "flush time",
                         value);
    if (conf_arg_is(call, i, "gzip=", &value))
        return option_if(conf_int(value, &m->gzip_level) && m->gzip_level >= 1 &&
                         m->gzip_level <= 9, call, i, "compression level", value);
    if (!str_eq(conf_arg(call, i), STR("gzip")))
        return OPTION_UNKNOWN;
    m->gzip_level = 1;
    return OPTION_GOOD;
}

static enum option read_rotation(struct conf_call *call, uint32_t i, struct log_rotation *r)
{
    struct str value;

    if (conf_arg_is(call, i, "rotate_size=", &value))
        return option_if(conf_size(value, &r->bytes) && r->bytes >= ROTATE_LEAST, call, i,
                         "size to rotate at (1k or more)", value);
    if (conf_arg_is(call, i, "rotate_age=", &value))
        return option_if(conf_ms(value, &r->age_ms) && r->age_ms >= 1000, call, i,
                         "age to rotate at (1s or more)", value);
    if (conf_arg_is(call, i, "rotate_keep=", &value))
        return option_if(conf_int(value, &r->keep) && r->keep >= 1 && r->keep <= ROTATE_MOST,
                         call, i, "number of files to keep (1 to 10000)", value);
    return OPTION_UNKNOWN;
}

static bool read_option(struct conf_call *call, struct access_logs *logs, struct access_log *log,
                        uint32_t i, struct manner *m)
{
    enum option option;
    struct str value;

    if (conf_arg_is(call, i, "if=", &value))
        return compile(call, logs, i, value, &log->condition);
    option = read_buffering(call, i, m);
    if (option == OPTION_UNKNOWN)
        option = read_rotation(call, i, &m->rotation);
    if (option == OPTION_UNKNOWN)
        conf_fail_arg(call, i, "invalid parameter \"%" STR_FMT "\"", STR_ARG(conf_arg(call, i)));
    return option == OPTION_GOOD;
}

static bool conflict(struct conf_call *call)
{
    return conf_fail(call, "access_log \"%" STR_FMT "\" already defined with conflicting "
                           "parameters", STR_ARG(conf_arg(call, 0)));
}

/* Everybody who logs to a file must agree on how it is buffered. */
static bool set_buffering(struct conf_call *call, struct log_out *out, struct manner *m)
{
    if (m->gzip_level > 0 && m->bytes == 0)
        m->bytes = DEFAULT_BUFFER;
    if (m->flush_ms > 0 && m->bytes == 0)
        return conf_fail(call, "no buffer is defined for access_log \"%" STR_FMT "\"",
                         STR_ARG(conf_arg(call, 0)));
    if (m->bytes == 0)
        return true;
    if (out == NULL)
        return conf_fail(call, "buffered logs cannot have variables in name");
    if (out->file->syslog != NULL)
        return conf_fail(call, "logs to syslog cannot be buffered");
    if (out->buffer_bytes > 0 &&
        (out->buffer_bytes != m->bytes || out->flush_ms != m->flush_ms ||
         out->gzip_level != m->gzip_level))
        return conflict(call);
    out->buffer_bytes = m->bytes;
    out->flush_ms = m->flush_ms;
    out->gzip_level = m->gzip_level;
    return true;
}

/* And on when it is rotated. */
static bool set_rotation(struct conf_call *call, struct log_out *out, struct log_rotation *r)
{
    const struct log_rotation *other = out != NULL ? out->file->rotation : NULL;
    struct log_rotation *kept;

    if (r->bytes == 0 && r->age_ms == 0)
        return r->keep == 0 || conf_fail(call, "\"rotate_keep\" takes \"rotate_size\" or "
                                               "\"rotate_age\"");
    if (out == NULL)
        return conf_fail(call, "logs with variables in their names cannot be rotated");
    if (out->file->path == NULL)
        return conf_fail(call, "only files can be rotated");
    if (r->keep == 0)
        r->keep = ROTATE_KEEP;
    if (other != NULL &&
        (other->bytes != r->bytes || other->age_ms != r->age_ms || other->keep != r->keep))
        return conflict(call);
    if (other == NULL) {
        kept = pool_alloc(call->pool, sizeof(*kept));
        *kept = *r;
        out->file->rotation = kept;
    }
    return true;
}

/* Without a format, the options begin at once. */
static bool is_option(struct conf_call *call, const struct access_logs *logs)
{
    static const char *const keys[] = {"if=", "buffer=", "flush=", "gzip=", "rotate_size=",
                                       "rotate_age=", "rotate_keep="};
    struct str word = conf_arg(call, 1), unused;

    if (call->count < 2)
        return true;
    for (size_t i = 0; i < COUNT(keys); i++)
        if (conf_arg_is(call, 1, keys[i], &unused))
            return true;
    return str_eq(word, STR("gzip")) && growing_map_find(logs->formats, word) == NULL;
}

bool access_log_load(struct conf_call *call, struct access_logs *logs, struct access_log **list)
{
    struct access_log *log = pool_zalloc(call->pool, sizeof(*log));
    struct manner manner = {0};
    uint32_t options = is_option(call, logs) ? 1 : 2;

    if (!read_place(call, logs, log))
        return false;
    log->format = find_format(call, logs, options == 1 ? STR("combined") : conf_arg(call, 1), 1);
    if (log->format == NULL)
        return false;
    for (uint32_t i = options; i < call->count; i++)
        if (!read_option(call, logs, log, i, &manner))
            return false;
    while (*list != NULL)
        list = &(*list)->next;
    *list = log;
    return set_buffering(call, log->out, &manner) && set_rotation(call, log->out,
                                                                  &manner.rotation);
}

static bool read_rule(struct conf_call *call, uint32_t i, struct log_path_rules *rules)
{
    struct str value;
    bool good = false;

    if (conf_arg_is(call, i, "max=", &value))
        good = conf_int(value, &rules->max) && rules->max > 0;
    else if (conf_arg_is(call, i, "inactive=", &value))
        good = conf_ms(value, &rules->inactive_ms) && rules->inactive_ms > 0;
    else if (conf_arg_is(call, i, "min_uses=", &value))
        good = conf_int(value, &rules->min_uses) && rules->min_uses >= 0;
    else if (conf_arg_is(call, i, "valid=", &value))
        good = conf_ms(value, &rules->valid_ms);
    return good || conf_fail_arg(call, i, "invalid \"open_log_file_cache\" parameter \"%" STR_FMT
                                          "\"", STR_ARG(conf_arg(call, i)));
}

bool access_log_rules_load(struct conf_call *call, const struct log_path_rules **out)
{
    struct log_path_rules *rules;

    *out = &log_path_usual;
    if (call->count == 1 && str_eq(conf_arg(call, 0), STR("off")))
        return true;
    rules = pool_zalloc(call->pool, sizeof(*rules));
    *rules = (struct log_path_rules){.inactive_ms = 10000, .min_uses = 1, .valid_ms = 60000};
    for (uint32_t i = 0; i < call->count; i++)
        if (!read_rule(call, i, rules))
            return false;
    *out = rules;
    return rules->max > 0 ||
           conf_fail(call, "\"open_log_file_cache\" must have \"max\" parameter");
}

/* Writing ------------------------------------------------------------------------------------- */

static struct log_out *open_by_name(const struct access_log *log, struct scope *scope,
                                    const struct log_path_rules *rules,
                                    bool (*may_make)(struct scope *scope))
{
    struct str path = scope_eval(scope, log->path);
    struct log_out *out;

    if (path.len == 0 || memchr(path.data, '\0', path.len) != NULL)
        return NULL;
    out = log_path_find(path);
    if (out != NULL || (may_make != NULL && !may_make(scope)))
        return out;
    return log_path_add(path, rules);
}

static bool is_wanted(const struct access_log *log, struct scope *scope)
{
    struct str value;

    if (likely(log->condition == NULL))
        return true;
    value = scope_eval(scope, log->condition);
    return value.len > 0 && !str_eq(value, STR("0"));
}

void access_log_write(const struct access_log *log, struct scope *scope,
                      const struct log_path_rules *rules, bool (*may_make)(struct scope *scope))
{
    struct log_out *out = log->out;

    if (!is_wanted(log, scope))
        return;
    if (out == NULL)
        out = open_by_name(log, scope, rules, may_make);
    if (out == NULL)
        return;
    log_format_print(log->format, scope, log_out_begin(out));
    log_out_end(out);
}
