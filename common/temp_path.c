/*
 * common/temp_path.c - directives that name a directory for temporary files.
 */
#include "common/temp_path.h"

#include "common/conf_value.h"
#include "common/default_paths.h"
#include "common/generation.h"

static bool read_levels(struct conf_call *call, struct temp_path *path)
{
    int64_t digits;

    for (uint32_t i = 1; i < call->count; i++) {
        if (!conf_int(conf_arg(call, i), &digits) || digits < 1 || digits > 3)
            return conf_fail_arg(call, i, "invalid value \"%" STR_FMT "\"",
                                 STR_ARG(conf_arg(call, i)));
        path->levels[i - 1] = (uint8_t)digits;
    }
    return true;
}

static bool same_levels(const struct temp_path *a, const struct temp_path *b)
{
    return memcmp(a->levels, b->levels, sizeof(a->levels)) == 0;
}

/* The loader reads defaults from texts that it names so. */
static bool is_default(const struct conf_call *call)
{
    return str_starts(call->node->file->path, STR("default of "));
}

static struct str full_path(struct conf_call *call)
{
    struct str text = conf_arg(call, 0);

    if (is_default(call) && default_paths.temp != NULL)
        return pool_printf(call->pool, "%s%" STR_FMT, default_paths.temp, STR_ARG(text));
    return generation_path(call->gen, text);
}

struct temp_path *temp_path_load(struct conf_call *call)
{
    struct temp_path *path = pool_zalloc(call->pool, sizeof(*path));

    path->path = full_path(call);
    path->node = call->node;
    if (!read_levels(call, path))
        return NULL;
    EACH (struct temp_path *, known, &call->gen->paths) {
        if (!str_eq((*known)->path, path->path))
            continue;
        if (same_levels(*known, path))
            return *known;
        conf_fail(call, "the same path name \"%" STR_FMT "\" used with other levels",
                  STR_ARG(path->path));
        return NULL;
    }
    *(struct temp_path **)array_push(&call->gen->paths) = path;
    return path;
}
