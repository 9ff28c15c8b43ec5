/*
 * worker/limit/allow_deny.c - rules that let addresses in or keep them out.
 *
 * The first rule that names an address decides, so each family has a list in the order of writing.
 */
#include "worker/limit/allow_deny.h"

#include "common/array.h"

struct v4_rule {
    uint32_t network, mask; /* in network order */
    bool deny;
};

struct v6_rule {
    uint64_t network[2], mask[2];
    bool deny;
};

struct allow_deny {
    struct array v4, v6;    /* struct v4_rule, struct v6_rule */
    enum allow_answer local; /* unix sockets: the first rule that names them */
};

/* The first `bits` bits of 4 or 16 bytes are set. */
static void fill_mask(uint8_t *mask, size_t bytes, int bits)
{
    for (size_t i = 0; i < bytes; i++, bits -= 8)
        mask[i] = bits >= 8 ? 0xff : bits <= 0 ? 0 : (uint8_t)(0xff << (8 - bits));
}

static void add_v4(struct allow_deny *rules, uint32_t network, int prefix, bool deny)
{
    struct v4_rule *rule = array_push(&rules->v4);

    rule->network = network;
    fill_mask((uint8_t *)&rule->mask, sizeof(rule->mask), prefix);
    rule->deny = deny;
}

static void add_v6(struct allow_deny *rules, const struct in6_addr *network, int prefix, bool deny)
{
    struct v6_rule *rule = array_push(&rules->v6);

    memcpy(rule->network, network, sizeof(rule->network));
    fill_mask((uint8_t *)rule->mask, sizeof(rule->mask), prefix);
    rule->deny = deny;
}

static void add_local(struct allow_deny *rules, bool deny)
{
    if (rules->local == ALLOW_UNDECIDED)
        rules->local = deny ? ALLOW_NO : ALLOW_YES;
}

static bool add_network(struct conf_call *call, struct allow_deny *rules, struct str text,
                        bool deny)
{
    struct addr network;
    bool had_host_bits;
    int prefix;

    if (!addr_parse_cidr(&network, &prefix, text, &had_host_bits))
        return conf_fail_arg(call, 0, "invalid parameter \"%" STR_FMT "\"", STR_ARG(text));
    if (had_host_bits)
        conf_warn(call, "low address bits of %" STR_FMT " are meaningless", STR_ARG(text));
    if (network.sa.sa_family == AF_INET)
        add_v4(rules, network.in.sin_addr.s_addr, prefix, deny);
    else
        add_v6(rules, &network.in6.sin6_addr, prefix, deny);
    return true;
}

bool allow_deny_load(struct conf_call *call, struct allow_deny **out, bool deny)
{
    struct str text = conf_arg(call, 0);
    bool all = str_eq(text, STR("all"));
    struct allow_deny *rules = *out;

    if (rules == NULL) {
        rules = *out = pool_zalloc(call->pool, sizeof(*rules));
        rules->v4 = array_of(struct v4_rule, call->pool);
        rules->v6 = array_of(struct v6_rule, call->pool);
    }
    if (all || str_eq(text, STR("unix:")))
        add_local(rules, deny);
    else
        return add_network(call, rules, text, deny);
    if (all) {
        add_v4(rules, 0, 0, deny);
        add_v6(rules, &in6addr_any, 0, deny);
    }
    return true;
}

/* Asking -------------------------------------------------------------------------------------- */

static enum allow_answer ask_v4(const struct allow_deny *rules, uint32_t peer)
{
    EACH(const struct v4_rule, rule, &rules->v4)
        if ((peer & rule->mask) == rule->network)
            return rule->deny ? ALLOW_NO : ALLOW_YES;
    return ALLOW_UNDECIDED;
}

static enum allow_answer ask_v6(const struct allow_deny *rules, const struct in6_addr *addr)
{
    uint64_t peer[2];
    uint32_t v4;

    if (IN6_IS_ADDR_V4MAPPED(addr)) {
        memcpy(&v4, addr->s6_addr + 12, sizeof(v4));
        return ask_v4(rules, v4);
    }
    memcpy(peer, addr, sizeof(peer));
    EACH(const struct v6_rule, rule, &rules->v6)
        if ((peer[0] & rule->mask[0]) == rule->network[0] &&
            (peer[1] & rule->mask[1]) == rule->network[1])
            return rule->deny ? ALLOW_NO : ALLOW_YES;
    return ALLOW_UNDECIDED;
}

enum allow_answer allow_deny_ask(const struct allow_deny *rules, const struct addr *peer)
{
    switch (peer->sa.sa_family) {
    case AF_INET:
        return ask_v4(rules, peer->in.sin_addr.s_addr);
    case AF_INET6:
        return ask_v6(rules, &peer->in6.sin6_addr);
    default:
        return rules->local;
    }
}
