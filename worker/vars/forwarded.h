/*
 * worker/vars/forwarded.h - who is behind trusted proxies, by a list such as X-Forwarded-For.
 */
#pragma once

#include "common/addr.h"
#include "common/core_conf.h"

struct conf_call;
struct conf_node;
struct radix;

/* Networks that are believed: addresses of the config, and host names looked up at load. */
struct trusted {
    struct array cidrs;         /* struct cidr; AF_UNIX: any unix socket */
    struct array names;         /* struct addr_list *, may come to nothing */
    struct radix *networks;     /* of both, once looked up */
    bool unix_too;
};

void trusted_init(struct trusted *t, struct pool *pool);

/* Config time: adds argument `word` of the node: an address, a network, "unix:", or a host name if
   `names`. False after conf_fail. */
bool trusted_add(struct conf_call *call, const struct conf_node *node, uint32_t word, bool names,
                 struct trusted *t);

/* Config time, when names are looked up: before the first question. */
void trusted_build(struct trusted *t, struct pool *pool);

bool trusted_has(const struct trusted *t, const struct addr *a);

/*
 * Steps back along the list, whose last address is the nearest: while *addr is trusted it becomes
 * the address before it, once, or as long as it goes if `recursive`. False when *addr is not
 * trusted, or what is before it no address: it stays as it was.
 */
bool forwarded_addr(const struct trusted *t, struct str list, bool recursive, struct addr *addr);
