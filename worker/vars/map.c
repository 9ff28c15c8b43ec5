/*
 * worker/vars/map.c - variables whose value depends on that of others.
 *
 * The text is looked up whole, case aside; then, with `hostnames`, as a host with wildcards; then
 * the regexes are tried in order of writing.
 */
#include "worker/vars/map.h"

#include "worker/net/scope_regex.h"
#include "worker/vars/host_table.h"
#include "worker/net/scope_conf.h"

struct map_conf {
    int64_t ignored_size;
};

struct entry {
    const struct conf_node *line;
    struct scope_regex *regex;      /* of a regex entry */
    struct template *value;
};

struct map {
    struct template *key;
    struct host_table texts;        /* struct entry * */
    struct array regexes;           /* struct entry * */
    struct scope_regex_set regex_set; /* theirs */
    const struct template *other;   /* default; NULL: empty */
    bool hostnames;
};

/* Configuration ------------------------------------------------------------------------------ */

/* A line of one word is a switch. */
static bool set_switch(struct conf_call *call, struct map *map, struct var *var,
                       const struct conf_node *line)
{
    struct str word = line->words[0].text;

    if (str_eq(word, STR("hostnames")))
        map->hostnames = true;
    else if (str_eq(word, STR("volatile")))
        var->flags |= VAR_NO_CACHE;
    else
        return conf_fail_in(call, line, 0, "invalid number of the map parameters");
    return true;
}

static bool add_regex(struct conf_call *call, struct map *map, struct entry *entry)
{
    struct conf_call at = *call; /* its faults and variables belong to the line */
    struct str pattern = str_from(entry->line->words[0].text, 1);
    bool nocase = pattern.len > 0 && pattern.data[0] == '*';

    at.node = entry->line;
    entry->regex = scope_regex_load(&at, UINT32_MAX, str_from(pattern, nocase), nocase);
    if (entry->regex == NULL)
        return false;
    *(struct entry **)array_push(&map->regexes) = entry;
    scope_regex_set_add(&map->regex_set, entry->regex);
    return true;
}

static bool add_text(struct conf_call *call, struct map *map, struct entry *entry)
{
    struct str text = entry->line->words[0].text;

    if (text.len > 0 && text.data[0] == '\\') /* "\default" is no keyword */
        text = str_from(text, 1);
    if (!map->hostnames)
        host_table_add_exact(&map->texts, text, entry);
    else if (!host_table_add(&map->texts, text, entry))
        return conf_fail_in(call, entry->line, 0, "invalid hostname or wildcard \"%" STR_FMT "\"",
                            STR_ARG(text));
    return true;
}

static bool add_line(struct conf_call *call, struct map *map, struct var *var,
                     const struct conf_node *line)
{
    struct entry *entry;

    if (line->has_block)
        return conf_fail_in(call, line, 0, "unexpected block in \"map\"");
    if (line->count == 1)
        return set_switch(call, map, var, line);
    if (line->count != 2)
        return conf_fail_in(call, line, 0, "invalid number of the map parameters");
    entry = pool_zalloc(call->pool, sizeof(*entry));
    entry->line = line;
    if (str_starts(line->words[0].text, STR("~")) && !add_regex(call, map, entry))
        return false;
    entry->value = scope_conf_template(call, line, 1);
    if (entry->value == NULL)
        return false;
    if (entry->regex != NULL)
        return true;
    if (!str_eq(line->words[0].text, STR("default")))
        return add_text(call, map, entry);
    if (map->other != NULL)
        return conf_fail_in(call, line, 0, "duplicate default map parameter");
    map->other = entry->value;
    return true;
}

static void get(struct scope *scope, struct var_value *out, uintptr_t data);

static bool set_map(struct conf_call *call)
{
    struct map *map = pool_zalloc(call->pool, sizeof(*map));
    struct var *var = scope_conf_define(call, 1);
    const struct entry *twice;
    bool good = var != NULL;

    if (!good)
        return false;
    var->get = get;
    var->data = (uintptr_t)map;
    map->key = scope_conf_template(call, call->node, 1);
    host_table_init(&map->texts, call->pool);
    map->regexes = array_of(struct entry *, call->pool);
    scope_regex_set_init(&map->regex_set, call->pool);
    for (const struct conf_node *line = call->node->children; line != NULL; line = line->next)
        good &= add_line(call, map, var, line);
    scope_regex_set_build(&map->regex_set);
    twice = host_table_build(&map->texts, call->pool);
    if (twice != NULL)
        return conf_fail_in(call, twice->line, 0, "conflicting parameter \"%" STR_FMT "\"",
                            STR_ARG(twice->line->words[0].text));
    return good && map->key != NULL;
}

#define SIZE_ROW(text)                                                                             \
    {.name = text, .where = IN_HTTP, .args = "size", .value = VALUE_INT,                          \
     .field = FIELD(struct map_conf, ignored_size), .notice = "tables size themselves",            \
     .doc = "Accepted for compatibility: tables size themselves."}

static const struct directive directives[] = {
    {.name = "map", .where = IN_HTTP, .args = "string $variable { }", .apply = set_map,
     .repeat = true, .raw_block = true,
     .doc = "Defines a variable whose value is looked up by a text: as it is, as a host name with "
            "wildcards (hostnames), or by regexes (~, ~*)."},
    SIZE_ROW("map_hash_max_size"),
    SIZE_ROW("map_hash_bucket_size"),
};

const struct module map_module = {
    .name = "map", .nginx_name = "http_map_module",
    .doc = "Variables whose value depends on that of others.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct map_conf),
};

/* At run time -------------------------------------------------------------------------------- */

static const struct template *find(struct scope *scope, const struct map *map, struct str key)
{
    const struct entry *entry;
    int64_t at;

    if (map->hostnames && key.len > 0 && key.data[key.len - 1] == '.')
        key.len--;
    if ((entry = host_table_find(&map->texts, key)) != NULL)
        return entry->value;
    if (key.len > 0 && /* as in nginx */
        (at = scope_regex_set_match(scope, &map->regex_set, key)) >= 0)
        return (*(struct entry **)array_at(&map->regexes, (size_t)at))->value;
    return map->other;
}

static void get(struct scope *scope, struct var_value *out, uintptr_t data)
{
    const struct map *map = (const struct map *)data;
    const struct template *value = find(scope, map, scope_eval(scope, map->key));
    struct str text = value == NULL ? STR("") : scope_eval(scope, value);

    var_found(out, text.data == NULL ? STR("") : text);
}
