/*
 * common/var.c - the tables of variables.
 *
 * by_name maps a lower-case name to a struct name: the definition a module gave and, once somebody
 * uses the name, its struct var. Only used names have an index.
 */
#include "common/var.h"

#include "common/conf_suggest.h"
#include "common/growing_map.h"

struct name {
    const struct var_def *def;
    struct var *var;
};

void var_table_init(struct var_table *t, struct pool *pool)
{
    *t = (struct var_table){
        .pool = pool,
        .vars = array_of(struct var *, pool),
        .prefixes = array_of(const struct var_def *, pool),
        .by_name = pool_alloc(pool, sizeof(struct growing_map)),
    };
    growing_map_init(t->by_name, pool);
}

static struct str lower(struct pool *pool, struct str text)
{
    char *copy = pool_bytes(pool, text.len + 1);

    for (size_t i = 0; i < text.len; i++)
        copy[i] = ascii_lower(text.data[i]);
    copy[text.len] = '\0';
    return (struct str){copy, text.len};
}

static bool is_lower(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != ascii_lower(text.data[i]))
            return false;
    return true;
}

/* The entry of a lower-case name. The key is copied when it is new and not static. */
static struct name *entry(struct var_table *t, struct str key, bool copy)
{
    struct name *found = growing_map_find(t->by_name, key);

    if (found == NULL) {
        found = pool_zalloc(t->pool, sizeof(*found));
        *growing_map_at(t->by_name, copy ? pool_str(t->pool, key) : key) = found;
    }
    return found;
}

void var_table_add(struct var_table *t, const struct var_def *defs, size_t count)
{
    for (size_t i = 0; i < count && defs[i].name != NULL; i++) {
        if (defs[i].flags & VAR_PREFIX)
            *(const struct var_def **)array_push(&t->prefixes) = &defs[i];
        else
            entry(t, str_of(defs[i].name), false)->def = &defs[i];
    }
}

static void take_def(struct var *var, const struct var_def *def, uintptr_t data)
{
    var->get = def->get;
    var->set = def->set;
    var->data = data;
    var->flags = def->flags;
    var->defined = true;
}

/* The longest of the prefixes that the name begins with. */
static const struct var_def *find_prefix(const struct var_table *t, struct str name)
{
    const struct var_def *best = NULL;

    EACH(const struct var_def *, def, &t->prefixes)
        if (str_starts(name, str_of((*def)->name)) &&
            (best == NULL || strlen((*def)->name) > strlen(best->name)))
            best = *def;
    return best;
}

static struct var *add_var(struct var_table *t, struct str name, const struct var_def *def)
{
    struct var *var = pool_zalloc(t->pool, sizeof(*var));

    var->name = pool_str(t->pool, name);
    var->index = (uint32_t)t->vars.count;
    var->place = t->place;
    if (def != NULL)
        take_def(var, def, def->data);
    else if ((def = find_prefix(t, name)) != NULL)
        take_def(var, def, (uintptr_t)&var->name);
    *(struct var **)array_push(&t->vars) = var;
    return var;
}

static struct var *var_of(struct var_table *t, struct str name)
{
    struct str key = is_lower(name) ? name : lower(t->pool, name);
    struct name *found = entry(t, key, key.data == name.data);

    if (found->var == NULL)
        found->var = add_var(t, key, found->def);
    return found->var;
}

uint32_t var_use(struct var_table *t, struct str name)
{
    return var_of(t, name)->index;
}

const struct var *var_find(const struct var_table *t, struct str name, struct var *unused)
{
    const struct name *found = growing_map_find(t->by_name, name);
    const struct var_def *def = found == NULL ? NULL : found->def;

    if (found != NULL && found->var != NULL)
        return found->var->defined ? found->var : NULL;
    *unused = (struct var){.name = name};
    if (def != NULL)
        take_def(unused, def, def->data);
    else if ((def = find_prefix(t, name)) != NULL)
        take_def(unused, def, (uintptr_t)&unused->name);
    return def == NULL ? NULL : unused;
}

struct var *var_define(struct var_table *t, struct str name, uint32_t flags)
{
    struct var *var = var_of(t, name);

    if (var->defined && !(var->flags & (VAR_CHANGEABLE | VAR_PREFIX)))
        return NULL;
    if (!var->defined || (var->flags & VAR_PREFIX)) {
        var->get = NULL;
        var->set = NULL;
        var->data = 0;
        var->flags = flags;
        var->defined = true;
    }
    return var;
}

struct var *var_settable(struct var_table *t, struct str name)
{
    struct var *var = var_of(t, name);

    return var->flags & VAR_PREFIX ? var : var_define(t, name, VAR_CHANGEABLE);
}

const struct var *var_table_missing(struct var_table *t)
{
    while (t->checked < t->vars.count) {
        const struct var *var = *(struct var **)array_at(&t->vars, t->checked++);

        if (!var->defined)
            return var;
    }
    return NULL;
}

const char *var_table_near(const struct var_table *t, struct str name)
{
    struct conf_suggest near;

    conf_suggest_init(&near, name);
    for (uint32_t i = 0; i < t->by_name->room; i++) {
        const struct growing_map_slot *slot = &t->by_name->slots[i];
        const struct name *other = slot->key.data != NULL ? slot->value : NULL;

        if (other != NULL && (other->def != NULL || other->var->defined))
            conf_suggest_offer(&near, pool_cstr(t->pool, slot->key));
    }
    return near.best;
}
