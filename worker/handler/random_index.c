/*
 * worker/handler/random_index.c - a directory is answered by any one of its files.
 */
#include "worker/handler/random_index.h"

#include "common/random.h"
#include "worker/handler/dir_list.h"
#include "worker/http/file_access.h"
#include "worker/http/file_path.h"
#include "worker/http/phase.h"

struct random_index_conf {
    bool on;
};

static uint32_t random_index_index;

static enum verdict failed(struct request *r, struct str path, int err)
{
    bool missing = file_access_is_missing(err), forbidden = file_access_is_forbidden(err);

    log_error(&r->log, missing || forbidden ? LOG_ERROR : LOG_CRIT, err,
              "opendir() \"%" STR_FMT "\" failed", STR_ARG(path));
    if (missing)
        return request_fail(r, 404, "file.missing");
    return forbidden ? request_fail(r, 403, "file.forbidden")
                     : request_fail(r, 500, "file.error");
}

/* Files come behind the directories. */
static const struct dir_entry *pick(const struct dir_list *dir)
{
    const struct dir_entry *chosen = NULL;
    uint32_t seen = 0, random;

    for (size_t i = 0; i < dir->count; i++) {
        const struct dir_entry *entry = &dir->entries[i];

        if (entry->kind != DIR_FILE)
            continue;
        random_bytes(&random, sizeof(random));
        if (random % ++seen == 0) /* each of the first n with a chance of 1 in n */
            chosen = entry;
    }
    return chosen;
}

static enum verdict find(struct request *r)
{
    const struct dir_entry *entry;
    struct dir_list *dir;
    struct str path;

    if (!REQUEST_CONF(r, random_index_index, struct random_index_conf)->on ||
        !request_names_directory(r) ||
        (r->method != METHOD_GET && r->method != METHOD_HEAD && r->method != METHOD_POST))
        return GO_ON;
    path = file_path(r, 0);
    dir = request_ctx(r, random_index_index, sizeof(*dir));
    if (dir_list_read(r, path, dir) == RC_AGAIN)
        return WAIT_EVENT;
    if (dir->err != 0)
        return failed(r, path, dir->err);
    entry = pick(dir);
    if (entry == NULL)
        return GO_ON;
    record(r, "handler", "random index \"%" STR_FMT "\"", STR_ARG(entry->name));
    return request_go_to(r, pool_printf(request_pool(r), "%" STR_FMT "%" STR_FMT, STR_ARG(r->uri),
                                        STR_ARG(entry->name)), r->args);
}

static const struct directive directives[] = {
    {.name = "random_index", .where = IN_LOCATION, .args = "on|off", .value = VALUE_FLAG,
     .field = FIELD(struct random_index_conf, on), .initial = "off",
     .doc = "Answer a request for a directory with one of its files, chosen at random."},
};

const struct module random_index_module = {
    .name = "random_index", .nginx_name = "http_random_index_module",
    .doc = "A random file of a directory.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct random_index_conf),
    .phase = PHASE_CONTENT, .handler = find, .index = &random_index_index,
    .idle_without = &random_index_module,
};
