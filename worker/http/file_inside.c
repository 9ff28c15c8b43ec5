/*
 * worker/http/file_inside.c - whether a path that was made of a request leads out of its root.
 *
 * A uri as it comes from a client has no ".." any more. One can come back to life where text is put
 * together: "location /i { alias /data/img/; }" makes "/i../x" to "/data/img/../x", and a variable
 * in `root`, `alias`, `try_files` or `rewrite` may bring one along. What the configuration itself
 * says is trusted, what a request can choose is not.
 */
#include "worker/http/file_inside.h"

#include <sys/stat.h>

#include "worker/http/file_path.h"
#include "worker/http/http_core.h"

/* The text below a directory: does it ever climb above it? */
static bool climbs(struct str rest)
{
    int depth = 0;

    while (rest.len > 0) {
        struct str name = str_cut(&rest, '/');

        if (str_eq(name, STR("..")))
            depth--;
        else if (name.len > 0 && !str_eq(name, STR(".")))
            depth++;
        if (depth < 0)
            return true;
    }
    return false;
}

/* The first ".." of the text at or behind `from` that is a name of its own; -1: none. */
static ssize_t find_parent(struct str text, size_t from)
{
    for (size_t i = from; i + 1 < text.len; i++) {
        if (text.data[i] == '.' && text.data[i + 1] == '.' &&
            (i == 0 || text.data[i - 1] == '/') &&
            (i + 2 == text.len || text.data[i + 2] == '/'))
            return (ssize_t)i;
    }
    return -1;
}

/* Variables that say what the client said. */
static bool is_clients(const struct request *r, uint32_t index)
{
    static const struct str names[] = {STR_INIT("args"), STR_INIT("query_string"),
                                       STR_INIT("request_uri")};
    static const struct str prefixes[] = {STR_INIT("arg_"), STR_INIT("http_"),
                                          STR_INIT("cookie_")};
    struct str name = (*(struct var **)array_at(&r->scope.vars->vars, index))->name;

    for (size_t i = 0; i < COUNT(names); i++)
        if (str_eq(name, names[i]))
            return true;
    for (size_t i = 0; i < COUNT(prefixes); i++)
        if (str_starts(name, prefixes[i]))
            return true;
    return false;
}

/* Whether a ".." at [at, at + 2) of the evaluated template may be there: it is in the
   configuration's own text, or in the middle of what it put into a variable. */
static bool may_climb(struct request *r, const struct template *t, size_t at)
{
    size_t begin = 0;

    for (uint32_t i = 0; i < t->count; i++) {
        const struct template_part *part = &t->parts[i];
        struct str text = part->kind == PART_TEXT  ? part->text
                          : part->kind == PART_VAR ? var_str(scope_var(&r->scope, part->index))
                                                   : scope_capture(&r->scope, part->index);

        if (at < begin + text.len) {
            bool inner = at > begin && at + 2 < begin + text.len;

            return part->kind == PART_TEXT  ? at + 2 <= begin + text.len
                   : part->kind == PART_VAR ? inner && !is_clients(r, part->index)
                                            : false;
        }
        begin += text.len;
    }
    return false;
}

/* A root with variables that was evaluated to `text`. */
static bool is_root_sound(struct request *r, const struct template *root, struct str text)
{
    for (ssize_t at = find_parent(text, 0); at >= 0; at = find_parent(text, (size_t)at + 2))
        if (!may_climb(r, root, (size_t)at))
            return false;
    return true;
}

/* "/data/img" + "ages/x": not below the directory, unless that is none and only a beginning. */
static bool continues_name(struct request *r, struct str root, struct str rest)
{
    struct stat st;

    if (rest.len == 0 || rest.data[0] == '/' || root.len == 0 || root.data[root.len - 1] == '/')
        return false;
    return stat(pool_cstr(request_pool(r), root), &st) == 0 && S_ISDIR(st.st_mode);
}

bool file_inside(struct request *r, struct str path)
{
    const struct http_core_conf *conf = HTTP_CORE(r);
    bool has_dots = memmem(path.data, path.len, "..", 2) != NULL, inside = true;
    struct str base, rest;

    if (likely(!has_dots && conf->alias_len <= 0))
        return true;
    base = file_path_root(r);
    rest = str_from(path, MIN(base.len, path.len));
    if (has_dots)
        inside = !climbs(rest) && (conf->root->constant || is_root_sound(r, conf->root, base));
    if (inside && (conf->alias_len <= 0 || !continues_name(r, base, rest)))
        return true;
    log_error(&r->log, LOG_ERROR, 0, "\"%" STR_FMT "\" leads out of its root", STR_ARG(path));
    return false;
}
