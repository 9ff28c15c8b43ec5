/*
 * worker/http/mime.c - file name extensions to MIME types.
 */
#include "worker/http/mime.h"

#include "common/growing_map.h"

#define EXT_MAX 32 /* longer extensions are in no table */

struct mime_table {
    struct growing_map by_ext; /* struct str * under the lower case extension */
};

static void put(struct mime_table *table, struct str ext, struct str *type)
{
    *growing_map_at(&table->by_ext, ext) = type;
}

static struct mime_table *new_table(struct pool *pool)
{
    struct mime_table *table = pool_zalloc(pool, sizeof(*table));

    growing_map_init(&table->by_ext, pool);
    return table;
}

static struct str *keep(struct pool *pool, struct str text)
{
    struct str *kept = pool_alloc(pool, sizeof(*kept));

    *kept = text;
    return kept;
}

static struct str lower(struct pool *pool, struct str text)
{
    char *copy = pool_bytes(pool, text.len);

    for (size_t i = 0; i < text.len; i++)
        copy[i] = ascii_lower(text.data[i]);
    return (struct str){copy, text.len};
}

/* One line of the block: type ext ext ... */
static bool load_line(struct conf_call *call, struct mime_table *table,
                      const struct conf_node *line)
{
    struct str *type = keep(call->pool, line->words[0].text);

    if (line->has_block)
        return conf_fail_at(call->gen, line, "unexpected block in \"types\"");
    for (uint32_t i = 1; i < line->count; i++) {
        struct str ext = lower(call->pool, line->words[i].text);
        struct str *earlier = growing_map_find(&table->by_ext, ext);

        if (earlier != NULL && !str_eq(*earlier, *type))
            conf_warn_at(call->gen, line, "duplicate extension \"%" STR_FMT "\", content type: \"%"
                         STR_FMT "\", previous content type: \"%" STR_FMT "\"", STR_ARG(ext),
                         STR_ARG(*type), STR_ARG(*earlier));
        put(table, ext, type);
    }
    return true;
}

bool mime_load(struct conf_call *call, struct mime_table **table)
{
    bool good = true;

    if (*table == NULL)
        *table = new_table(call->pool);
    for (const struct conf_node *line = call->node->children; line != NULL; line = line->next)
        good &= load_line(call, *table, line);
    return good;
}

/* What holds where no `types` stands. */
static struct str builtin(struct str ext)
{
    if (str_eq_nocase(ext, STR("html")))
        return STR("text/html");
    if (str_eq_nocase(ext, STR("gif")))
        return STR("image/gif");
    if (str_eq_nocase(ext, STR("jpg")))
        return STR("image/jpeg");
    return STR_NONE;
}

struct str mime_find(const struct mime_table *table, struct str ext)
{
    char folded[EXT_MAX];
    const struct str *type;

    if (table == NULL)
        return builtin(ext);
    if (ext.len > sizeof(folded))
        return STR_NONE;
    for (size_t i = 0; i < ext.len; i++)
        folded[i] = ascii_lower(ext.data[i]);
    type = growing_map_find(&table->by_ext, (struct str){folded, ext.len});
    return type == NULL ? STR_NONE : *type;
}
