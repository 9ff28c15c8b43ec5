/*
 * worker/vars/geo.c - variables whose value depends on an address.
 *
 * What is no address, and a client on a unix socket, is looked up as 255.255.255.255. Ranges may
 * lie within each other, the inner one counts; the loader sorts them so that outer ones are added
 * first.
 */
#include "worker/vars/geo.h"

#include <stdlib.h>

#include "common/generation.h"
#include "common/radix.h"
#include "worker/net/scope.h"
#include "worker/vars/forwarded.h"
#include "worker/net/scope_conf.h"

#define NO_ADDRESS UINT32_MAX /* 255.255.255.255 */

struct range {
    struct addr first, last;
    struct str *value;              /* NULL: delete */
    const struct conf_node *line;
    size_t serial;
};

struct geo {
    struct radix *networks;         /* struct str * */
    struct trusted proxies;
    struct str other;               /* default */
    uint32_t address;               /* the variable to read it from; NO_VARIABLE: the client's */
    uint32_t forwarded;             /* $http_x_forwarded_for */
    bool has_proxies, recursive, ranges, has_other;
    struct array range_list;        /* struct range; while loading */
    struct var *var;            /* itself */
};

#define NO_VARIABLE UINT32_MAX

/* Configuration ------------------------------------------------------------------------------ */

static bool set_switch(struct conf_call *call, struct geo *geo, const struct conf_node *line)
{
    struct str word = line->words[0].text;

    if (str_eq(word, STR("proxy_recursive"))) {
        geo->recursive = true;
        return true;
    }
    if (!str_eq(word, STR("ranges")))
        return conf_fail_in(call, line, 0, "invalid number of the geo parameters");
    if (radix_count(geo->networks) > 0 || geo->has_other)
        return conf_fail_in(call, line, 0, "the \"ranges\" directive must be the very first "
                                           "directive inside \"geo\" block");
    geo->ranges = true;
    return true;
}

static bool bad_network(struct conf_call *call, const struct conf_node *line, uint32_t word)
{
    conf_fail_in(call, line, word, "invalid network \"%" STR_FMT "\"",
                 STR_ARG(line->words[word].text));
    return conf_hint(call, "an address, or a network as 192.0.2.0/24 or 2001:db8::/32");
}

static bool add_network(struct conf_call *call, struct geo *geo, const struct conf_node *line,
                        uint32_t word, struct str *value)
{
    struct str text = line->words[word].text;
    bool host_bits = false;
    const struct str *old;
    struct addr addr;
    int prefix;

    if (!addr_parse_cidr(&addr, &prefix, text, &host_bits))
        return bad_network(call, line, word);
    if (host_bits)
        conf_warn_at(call->gen, line, "low address bits of %" STR_FMT " are meaningless",
                     STR_ARG(text));
    old = radix_add(geo->networks, &addr, prefix, value);
    if (value == NULL && old == NULL)
        conf_warn_at(call->gen, line, "no network \"%" STR_FMT "\" to delete", STR_ARG(text));
    if (value != NULL && old != NULL)
        conf_warn_at(call->gen, line, "duplicate network \"%" STR_FMT "\", value: \"%" STR_FMT
                     "\", old value: \"%" STR_FMT "\"", STR_ARG(text), STR_ARG(*value),
                     STR_ARG(*old));
    return true;
}

static int compare_addr(const struct addr *a, const struct addr *b)
{
    const uint8_t *x, *y;
    size_t len = addr_bytes(a, &x), other = addr_bytes(b, &y);

    return len != other ? (len < other ? -1 : 1) : memcmp(x, y, len);
}

static bool add_range(struct conf_call *call, struct geo *geo, const struct conf_node *line,
                      uint32_t word, struct str *value)
{
    struct str last = line->words[word].text, first = str_cut(&last, '-');
    struct range *range = array_push(&geo->range_list);

    range->value = value;
    range->line = line;
    range->serial = geo->range_list.count;
    if (last.data == NULL || !addr_parse_ip(&range->first, first) ||
        !addr_parse_ip(&range->last, last) ||
        range->first.sa.sa_family != range->last.sa.sa_family ||
        compare_addr(&range->first, &range->last) > 0)
        return conf_fail_in(call, line, word, "invalid range \"%" STR_FMT "\"",
                            STR_ARG(line->words[word].text));
    return true;
}

static bool add_line(struct conf_call *call, struct geo *geo, const struct conf_node *line)
{
    struct str word = line->words[0].text;
    bool removal = str_eq(word, STR("delete"));
    struct str *value = NULL;

    if (line->has_block)
        return conf_fail_in(call, line, 0, "unexpected block in \"geo\"");
    if (line->count == 1 && str_eq(word, STR("volatile"))) {
        geo->var->flags |= VAR_NO_CACHE;
        return true;
    }
    if (line->count == 1)
        return set_switch(call, geo, line);
    if (line->count != 2)
        return conf_fail_in(call, line, 0, "invalid number of the geo parameters");
    if (str_eq(word, STR("proxy"))) {
        geo->has_proxies = true;
        return trusted_add(call, line, 1, false, &geo->proxies);
    }
    if (str_eq(word, STR("default"))) {
        geo->other = line->words[1].text;
        geo->has_other = true;
        return true;
    }
    if (!removal) {
        value = pool_alloc(call->pool, sizeof(*value));
        *value = line->words[1].text;
    }
    return geo->ranges ? add_range(call, geo, line, removal, value)
                       : add_network(call, geo, line, removal, value);
}

/* By first address, wider ones first; of equal ones the later line is the later. */
static int compare_ranges(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    int order = compare_addr(&x->first, &y->first);

    if (order == 0)
        order = compare_addr(&y->last, &x->last);
    if (order == 0)
        order = x->serial < y->serial ? -1 : 1;
    return order;
}

/* Equal ranges: the last line counts. */
static const struct range *merge_equal(struct conf_call *call, const struct range *range,
                                       const struct range *end)
{
    for (; range + 1 != end && compare_addr(&range->first, &range[1].first) == 0 &&
           compare_addr(&range->last, &range[1].last) == 0; range++) {
        if (range->value != NULL && range[1].value != NULL)
            conf_warn_at(call->gen, range[1].line, "duplicate range \"%" STR_FMT "\", value: \"%"
                         STR_FMT "\", old value: \"%" STR_FMT "\"",
                         STR_ARG(range[1].line->words[0].text), STR_ARG(*range[1].value),
                         STR_ARG(*range->value));
    }
    return range;
}

/* Adds outer ranges before what lies within them; crossing ones are a fault. */
static bool build_ranges(struct conf_call *call, struct geo *geo)
{
    struct array *list = &geo->range_list;
    const struct range **open = pool_alloc(call->pool, (list->count + 1) * sizeof(*open));
    const struct range *end = (const struct range *)list->items + list->count;
    size_t depth = 0;

    if (list->count > 0)
        qsort(list->items, list->count, list->item_bytes, compare_ranges);
    for (const struct range *range = list->items; list->count > 0 && range != end; range++) {
        range = merge_equal(call, range, end);
        if (range->value == NULL)
            continue;
        while (depth > 0 && compare_addr(&open[depth - 1]->last, &range->first) < 0)
            depth--;
        if (depth > 0 && compare_addr(&open[depth - 1]->last, &range->last) < 0)
            return conf_fail_in(call, range->line, 0, "range \"%" STR_FMT "\" overlaps \"%" STR_FMT
                                "\"", STR_ARG(range->line->words[0].text),
                                STR_ARG(open[depth - 1]->line->words[0].text));
        open[depth++] = range;
        radix_add_range(geo->networks, &range->first, &range->last, range->value);
    }
    return true;
}

static void get(struct scope *scope, struct var_value *out, uintptr_t data);

static bool set_geo(struct conf_call *call)
{
    struct geo *geo = pool_zalloc(call->pool, sizeof(*geo));
    struct var *var = scope_conf_define(call, call->count - 1);
    bool good = var != NULL;

    if (!good)
        return false;
    geo->var = var;
    var->get = get;
    var->data = (uintptr_t)geo;
    geo->address = NO_VARIABLE;
    geo->other = STR("");
    geo->networks = radix_create(call->pool);
    geo->range_list = array_of(struct range, call->pool);
    trusted_init(&geo->proxies, call->pool);
    if (call->count == 2 && !scope_conf_use(call, 0, &geo->address))
        return false;
    for (const struct conf_node *line = call->node->children; line != NULL; line = line->next)
        good &= add_line(call, geo, line);
    if (geo->has_proxies)
        geo->forwarded = var_use(scope_conf_table(call), STR("http_x_forwarded_for"));
    trusted_build(&geo->proxies, call->pool);
    if (!good || !build_ranges(call, geo))
        return false;
    radix_build(geo->networks);
    return true;
}

static const struct directive directives[] = {
    {.name = "geo", .where = IN_HTTP, .args = "[$address] $variable { }", .apply = set_geo,
     .repeat = true, .raw_block = true,
     .doc = "Defines a variable whose value depends on the client's address, or on that in a "
            "variable: by networks, or by ranges. With `volatile` it is found anew each time."},
};

const struct module geo_module = {
    .name = "geo", .nginx_name = "http_geo_module",
    .doc = "Variables whose value depends on an address.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
};

/* At run time -------------------------------------------------------------------------------- */

/* With a port or without, as $upstream_last_addr has one. */
static bool parse_address(struct addr *out, struct str text)
{
    const char *why;

    return addr_parse_ip(out, text) || addr_parse(out, text, -1, &why);
}

/* False: there is none. */
static bool find_address(struct scope *scope, const struct geo *geo, struct addr *addr)
{
    if (geo->address != NO_VARIABLE) {
        if (!parse_address(addr, var_str(scope_var(scope, geo->address))))
            return false;
    } else if (!scope_client(scope, addr)) {
        return false;
    }
    if (geo->has_proxies)
        forwarded_addr(&geo->proxies, var_str(scope_var(scope, geo->forwarded)), geo->recursive,
                       addr);
    return addr->sa.sa_family != AF_UNIX;
}

static void get(struct scope *scope, struct var_value *out, uintptr_t data)
{
    const struct geo *geo = (const struct geo *)data;
    const struct str *value;
    struct addr addr;

    value = find_address(scope, geo, &addr) ? radix_find(geo->networks, &addr)
                                            : radix_find_v4(geo->networks, NO_ADDRESS);
    var_found(out, value == NULL ? geo->other : *value);
}
