/*
 * worker/http/type_set.c - sets of MIME types.
 */
#include "worker/http/type_set.h"

#include "common/growing_map.h"

#define TYPE_MOST 128 /* longer types are in no set */

struct type_set {
    bool any;
    struct growing_map types;   /* themselves, in lower case */
};

static struct str lower(char *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        out[i] = ascii_lower(text.data[i]);
    return (struct str){out, text.len};
}

static void *const present = &(char){1};

static struct type_set *new_set(struct pool *pool)
{
    struct type_set *set = pool_zalloc(pool, sizeof(*set));

    growing_map_init(&set->types, pool);
    *growing_map_at(&set->types, STR("text/html")) = present;
    return set;
}

bool type_set_load(struct conf_call *call, struct type_set **set)
{
    if (*set == NULL)
        *set = new_set(call->pool);
    for (uint32_t i = 0; i < call->count; i++) {
        struct str text = conf_arg(call, i);
        void **place;

        if (str_eq(text, STR("*"))) {
            (*set)->any = true;
            continue;
        }
        place = growing_map_at(&(*set)->types, lower(pool_bytes(call->pool, text.len), text));
        if (*place != NULL && call->scope->node != NULL)
            conf_warn(call, "duplicate MIME type \"%" STR_FMT "\"", STR_ARG(text));
        *place = present;
    }
    return true;
}

bool type_set_has(const struct type_set *set, struct str content_type)
{
    char folded[TYPE_MOST];
    struct str type = str_trim(str_cut(&content_type, ';'));

    if (set == NULL)
        return str_eq_nocase(type, STR("text/html"));
    if (set->any) /* also none at all */
        return true;
    return type.len <= sizeof(folded) &&
           growing_map_find(&set->types, lower(folded, type)) != NULL;
}
