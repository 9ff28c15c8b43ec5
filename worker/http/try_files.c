/*
 * worker/http/try_files.c - the first of several files that exists, or else another uri.
 *
 * A file that is found becomes the request's uri, for whatever handles the content. As in nginx a
 * location does not inherit the directive from what encloses it.
 */
#include "worker/http/try_files.h"

#include <errno.h>

#include "common/conf_value.h"
#include "common/fmt.h"
#include "common/generation.h"
#include "worker/http/file_access.h"
#include "worker/http/file_path.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"

struct try_file {
    struct template *name;
    bool directory;         /* was written with '/' at its end */
    struct try_file *next;
};

struct try_files {
    struct try_file *files;
    struct template *last;  /* where to go when there is none of them; NULL: answer `code` */
    int code;
};

struct try_conf {
    struct try_files *try;
};

static uint32_t try_index;

/* Configuration ------------------------------------------------------------------------------- */

static struct template *compile(struct conf_call *call, uint32_t arg, struct str text)
{
    const char *why;
    struct template *t = template_compile(call->pool, &call->gen->http_vars, text, &why);

    if (t == NULL)
        conf_fail_arg(call, arg, "%s", why);
    return t;
}

static bool set_last(struct conf_call *call, struct try_files *try)
{
    uint32_t arg = call->count - 1;
    struct str text = conf_arg(call, arg);
    int64_t code;

    if (text.len == 0 || text.data[0] != '=') {
        try->last = compile(call, arg, text);
        return try->last != NULL;
    }
    if (!conf_int(str_from(text, 1), &code) || code > 999)
        return conf_fail_arg(call, arg, "invalid code \"%" STR_FMT "\"",
                             STR_ARG(str_from(text, 1)));
    try->code = (int)code;
    return true;
}

static bool set_try_files(struct conf_call *call)
{
    struct try_files *try = pool_zalloc(call->pool, sizeof(*try));
    struct try_file **end = &try->files;

    ((struct try_conf *)call->conf)->try = try;
    if (call->count < 2)
        return conf_fail(call, "invalid number of arguments in \"try_files\" directive");
    for (uint32_t i = 0; i + 1 < call->count; i++, end = &(*end)->next) {
        struct str text = conf_arg(call, i);

        *end = pool_zalloc(call->pool, sizeof(**end));
        (*end)->directory = text.len > 0 && text.data[text.len - 1] == '/';
        (*end)->name = compile(call, i, (struct str){text.data, text.len - (*end)->directory});
        if ((*end)->name == NULL)
            return false;
    }
    return set_last(call, try);
}

/* At run time --------------------------------------------------------------------------------- */

/* Under an alias, names that were made of the uri still have what the alias replaces. */
static struct str evaluate(struct request *r, const struct template *name)
{
    int64_t alias = HTTP_CORE(r)->alias_len;
    struct str text = scope_eval(&r->scope, name);

    if (!name->constant && alias > 0 && text.len >= (size_t)alias &&
        r->uri.len >= (size_t)alias && memcmp(text.data, r->uri.data, (size_t)alias) == 0)
        return str_from(text, (size_t)alias);
    return text;
}

static struct str path_of(struct request *r, struct str name)
{
    struct str root = file_path_root(r);
    char *path = pool_bytes(request_pool(r), root.len + name.len + 1);
    char *end = fmt_str(fmt_str(path, root), name);

    *end = '\0';
    return str_range(path, end);
}

static bool is_there(struct request *r, struct str path, bool directory)
{
    enum file_kind kind;

    return file_access_look(r, path, &kind) == 0 && (kind == FILE_DIRECTORY) == directory;
}

static bool exists(struct request *r, struct str path, bool directory)
{
    struct cached_file *file;
    bool found;
    int err;

    if (directory)
        return is_there(r, path, true);
    file = file_access_open(r, path);
    if (file != NULL) {
        found = file->kind != FILE_DIRECTORY;
        file_cache_drop(file);
        return found;
    }
    err = errno;
    if (!file_access_is_missing(err) && !file_access_is_forbidden(err))
        log_error(&r->log, LOG_CRIT, err, "stat() \"%" STR_FMT "\" failed", STR_ARG(path));
    return err == EACCES && is_there(r, path, false); /* not ours to read, but there */
}

/* The uri that stands for a file found. */
static void take(struct request *r, struct str name, bool directory)
{
    int64_t alias = HTTP_CORE(r)->alias_len;

    if (alias == ALIAS_REGEX) {
        if (directory)
            return;
        r->uri_behind_alias = true;
    } else if (alias > 0) {
        name = pool_printf(request_pool(r), "%.*s%" STR_FMT, (int)MIN((size_t)alias, r->uri.len),
                           r->uri.data, STR_ARG(name));
    }
    request_set_uri(r, name, r->args);
}

static enum verdict fall_back(struct request *r, const struct try_files *try)
{
    struct str uri, args = STR_NONE;
    ssize_t mark;

    if (try->last == NULL)
        return request_fail(r, try->code, "try.none");
    uri = evaluate(r, try->last);
    record(r, "try", "nothing there: on to \"%" STR_FMT "\"", STR_ARG(uri));
    if (uri.len > 0 && uri.data[0] == '@')
        return request_go_named(r, uri);
    mark = str_find(uri, '?');
    if (mark >= 0) {
        args = str_from(uri, (size_t)mark + 1);
        uri.len = (size_t)mark;
    }
    return request_go_to(r, uri, args);
}

static enum verdict try(struct request *r)
{
    const struct try_files *try = REQUEST_CONF(r, try_index, struct try_conf)->try;

    if (try == NULL)
        return GO_ON;
    for (const struct try_file *f = try->files; f != NULL; f = f->next) {
        struct str name = evaluate(r, f->name), path = path_of(r, name);
        bool found = exists(r, path, f->directory);

        record(r, "try", "\"%" STR_FMT "%s\": %s", STR_ARG(path), f->directory ? "/" : "",
               found ? "found" : "missing");
        if (found) {
            take(r, name, f->directory);
            return GO_ON;
        }
    }
    return fall_back(r, try);
}

static const struct directive directives[] = {
    {.name = "try_files", .where = IN_SERVER | IN_LOCATION,
     .args = "file ... uri ;; file ... =code", .apply = set_try_files,
     .field = FIELD(struct try_conf, try), .local = true,
     .doc = "Serves the first of these files (or with / at the end, directories) that exists; if "
            "none does, goes on with the uri or the @location, or answers with the code."},
};

const struct module try_files_module = {
    .name = "try_files", .nginx_name = "http_try_files_module",
    .doc = "The first of several files that exists.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct try_conf),
    .phase = PHASE_PRECONTENT, .handler = try, .index = &try_index,
    .idle_without = &try_files_module,
};
