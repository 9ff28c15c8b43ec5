/*
 * worker/handler/index.c - a directory is answered by the first of its index files that exists.
 *
 * By an internal redirect, so that the file is served as its own location says.
 */
#include "worker/handler/index.h"

#include <errno.h>

#include "common/fmt.h"
#include "common/generation.h"
#include "worker/http/file_access.h"
#include "worker/http/file_path.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"

struct index_name {
    struct template *text;
    struct index_name *next;
};

struct index_conf {
    struct index_name *names;
};

static uint32_t index_index;

static bool set_index(struct conf_call *call)
{
    struct index_name **end = &((struct index_conf *)call->conf)->names;
    const char *why;

    while (*end != NULL)
        end = &(*end)->next;
    for (uint32_t i = 0; i < call->count; i++, end = &(*end)->next) {
        struct str text = conf_arg(call, i);

        if (text.len == 0)
            return conf_fail_arg(call, i, "index \"\" in \"index\" directive is invalid");
        if (text.data[0] == '/' && i != call->count - 1)
            conf_warn(call, "only the last index in \"index\" directive should be absolute");
        *end = pool_zalloc(call->pool, sizeof(**end));
        (*end)->text = template_compile(call->pool, &call->gen->http_vars, text, &why);
        if ((*end)->text == NULL)
            return conf_fail_arg(call, i, "%s", why);
    }
    return true;
}

/* At run time --------------------------------------------------------------------------------- */

static enum verdict failed(struct request *r, struct str path, int err)
{
    if (file_access_is_forbidden(err)) {
        log_error(&r->log, LOG_ERROR, err, "\"%" STR_FMT "\" is forbidden", STR_ARG(path));
        return request_fail(r, 403, "file.forbidden");
    }
    if (file_access_is_missing(err)) {
        if (HTTP_CORE(r)->log_not_found)
            log_error(&r->log, LOG_ERROR, err, "\"%" STR_FMT "\" is not found", STR_ARG(path));
        return request_fail(r, 404, "file.missing");
    }
    log_error(&r->log, LOG_CRIT, err, "open() \"%" STR_FMT "\" failed", STR_ARG(path));
    return request_fail(r, 500, "file.error");
}

/* A missing index file may mean that the directory is missing. */
static enum verdict test_directory(struct request *r)
{
    struct str path = file_path(r, 0);
    enum file_kind kind;
    int err = file_access_look(r, path, &kind);

    return err == 0 || err == EACCES ? GO_ON : failed(r, path, err);
}

static struct str join(struct request *r, struct str base, struct str name)
{
    char *text = pool_bytes(request_pool(r), base.len + name.len + 1);
    char *end = fmt_str(fmt_str(text, base), name);

    *end = '\0';
    return str_range(text, end);
}

/* GO_ON: there is no such file. */
static enum verdict try_name(struct request *r, struct str base, struct str name, bool *tested)
{
    struct str path = join(r, base, name);
    struct cached_file *file;
    enum verdict verdict = GO_ON;

    file = file_access_open(r, path);
    record(r, "handler", "index \"%" STR_FMT "\": %s", STR_ARG(path), file ? "found" : "missing");
    if (file != NULL) {
        file_cache_drop(file);
        return request_go_to(r, join(r, r->uri, name), r->args);
    }
    if (errno != ENOENT)
        return failed(r, path, errno);
    if (!*tested)
        verdict = test_directory(r);
    *tested = true;
    return verdict;
}

static enum verdict find(struct request *r)
{
    const struct index_conf *conf = REQUEST_CONF(r, index_index, struct index_conf);
    enum verdict verdict = GO_ON;
    bool tested = false;
    struct str base;

    if (!request_names_directory(r) ||
        (r->method != METHOD_GET && r->method != METHOD_HEAD && r->method != METHOD_POST))
        return GO_ON;
    base = file_path(r, 0);
    for (const struct index_name *n = conf->names; n != NULL && verdict == GO_ON; n = n->next) {
        struct str name = scope_eval(&r->scope, n->text);

        if (name.len > 0 && name.data[0] == '/')
            return request_go_to(r, name, r->args);
        if (name.len > 0)
            verdict = try_name(r, base, name, &tested);
    }
    return verdict;
}

static const struct directive directives[] = {
    {.name = "index", .where = IN_WEB, .args = "file ...", .initial = "index.html",
     .apply = set_index, .repeat = true, .field = FIELD(struct index_conf, names),
     .doc = "Files that stand for their directory, the first that exists. The last may be a path "
            "from the root of the site."},
};

const struct module index_module = {
    .name = "index", .nginx_name = "http_index_module",
    .doc = "Index files of directories.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct index_conf),
    .phase = PHASE_CONTENT, .handler = find, .index = &index_index,
};
