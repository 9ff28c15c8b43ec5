/*
 * worker/http/file_path.c - the file that a request's uri names under `root` or `alias`.
 */
#include "worker/http/file_path.h"

#include "common/fmt.h"
#include "worker/http/http_core.h"
#include "worker/http/location.h"

struct str file_path_root(struct request *r)
{
    const struct template *root = HTTP_CORE(r)->root;

    return root->constant ? root->source : scope_eval(&r->scope, root);
}

struct str file_path_of(struct request *r, struct str uri, size_t room)
{
    const struct http_core_conf *conf = HTTP_CORE(r);
    struct str root = file_path_root(r), rest = uri;
    char *path, *p;

    if (conf->alias_len == ALIAS_REGEX)
        rest = r->uri_behind_alias ? uri : STR("");
    else if (conf->alias_len > 0)
        rest = str_from(uri, MIN((size_t)conf->alias_len, uri.len));
    path = pool_bytes(request_pool(r), root.len + rest.len + room + 1);
    p = fmt_str(path, root);
    p = fmt_str(p, rest);
    *p = '\0';
    return (struct str){path, (size_t)(p - path)};
}

struct str file_path(struct request *r, size_t room)
{
    return file_path_of(r, r->uri, room);
}

bool file_path_parts(const struct request *r, const void **root, struct str *rest)
{
    const struct http_core_conf *conf = HTTP_CORE(r);

    if (!conf->root->constant || conf->alias_len < 0)
        return false;
    *root = conf->root;
    *rest = str_from(r->uri, MIN((size_t)conf->alias_len, r->uri.len));
    return true;
}
