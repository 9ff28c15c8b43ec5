/*
 * worker/vars/forwarded.c - who is behind trusted proxies, by a list such as X-Forwarded-For.
 */
#include "worker/vars/forwarded.h"

#include "common/addr_list.h"
#include "common/conf_load.h"
#include "common/generation.h"
#include "common/radix.h"

void trusted_init(struct trusted *t, struct pool *pool)
{
    *t = (struct trusted){.cidrs = array_of(struct cidr, pool),
                          .names = array_of(struct addr_list *, pool)};
}

static bool add_name(struct conf_call *call, const struct conf_node *node, struct str text,
                     struct trusted *t)
{
    const char *why = "invalid";
    struct addr_list *list = addr_list_add(call->gen, node, text, 0, &why);

    if (list == NULL)
        return conf_fail_in(call, node, 1, "%s in \"%" STR_FMT "\"", why, STR_ARG(text));
    list->whose = pool_printf(call->pool, "%s ", call->directive->name).data;
    *(struct addr_list **)array_push(&t->names) = list;
    return true;
}

bool trusted_add(struct conf_call *call, const struct conf_node *node, uint32_t word, bool names,
                 struct trusted *t)
{
    struct str text = node->words[word].text;
    bool host_bits = false;
    struct cidr cidr;

    if (str_eq(text, STR("unix:"))) {
        t->unix_too = true;
        return true;
    }
    if (!addr_parse_cidr(&cidr.addr, &cidr.prefix, text, &host_bits)) {
        if (names && str_find(text, '/') < 0)
            return add_name(call, node, text, t);
        return conf_fail_in(call, node, word, "invalid network \"%" STR_FMT "\"", STR_ARG(text));
    }
    if (host_bits)
        conf_warn_at(call->gen, node, "low address bits of %" STR_FMT " are meaningless",
                     STR_ARG(text));
    *(struct cidr *)array_push(&t->cidrs) = cidr;
    return true;
}

void trusted_build(struct trusted *t, struct pool *pool)
{
    t->networks = radix_create(pool);
    EACH (const struct cidr, cidr, &t->cidrs)
        radix_add(t->networks, &cidr->addr, cidr->prefix, t);
    EACH (struct addr_list *, list, &t->names) {
        for (uint32_t i = 0; i < (*list)->count; i++) {
            const struct addr *a = &(*list)->addrs[i];

            radix_add(t->networks, a, a->sa.sa_family == AF_INET6 ? 128 : 32, t);
        }
    }
    radix_build(t->networks);
}

bool trusted_has(const struct trusted *t, const struct addr *a)
{
    if (a->sa.sa_family == AF_UNIX)
        return t->unix_too;
    return radix_find(t->networks, a) != NULL;
}

static bool is_separator(char c)
{
    return c == ' ' || c == ',';
}

/* The last element, cut off the list. */
static struct str take_last(struct str *list)
{
    size_t end = list->len, start;

    while (end > 0 && is_separator(list->data[end - 1]))
        end--;
    for (start = end; start > 0 && !is_separator(list->data[start - 1]); start--)
        continue;
    list->len = start;
    return (struct str){list->data + start, end - start};
}

/* "1.2.3.4", "1.2.3.4:80", "2001:db8::1", "[2001:db8::1]:80" */
static bool read_addr(struct str text, struct addr *out)
{
    const char *why;

    return addr_parse_ip(out, text) ||
           (text.len > 0 && (text.data[0] == '[' || str_find(text, '.') >= 0) &&
            str_find(text, '*') < 0 && addr_parse(out, text, 0, &why));
}

bool forwarded_addr(const struct trusted *t, struct str list, bool recursive, struct addr *addr)
{
    struct addr before;
    bool moved = false;

    while (list.len > 0 && trusted_has(t, addr)) {
        if (!read_addr(take_last(&list), &before))
            break;
        *addr = before;
        moved = true;
        if (!recursive)
            break;
    }
    return moved;
}
