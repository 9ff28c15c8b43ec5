/*
 * common/listen_spec.c - one spec per address and kind, however many servers name it.
 */
#include "common/listen_spec.h"

#include "common/load_state.h"

#define BACKLOG 511

/* The bytes that tell listeners apart. */
static struct str key_of(struct pool *pool, const struct addr *addr, enum listen_kind kind)
{
    char text[ADDR_TEXT];
    size_t len = addr_print(addr, text, sizeof(text));

    return pool_printf(pool, "%d %.*s", (int)kind, (int)len, text);
}

struct listen_spec *listen_spec_get(struct generation *gen, const struct addr *addr,
                                    enum listen_kind kind, bool *fresh)
{
    struct str key = key_of(gen->load->scratch, addr, kind);
    struct listen_spec *spec = growing_map_find(&gen->load->listens, key);

    *fresh = spec == NULL;
    if (spec != NULL)
        return spec;
    spec = pool_zalloc(gen->pool, sizeof(*spec));
    *spec = (struct listen_spec){
        .addr = *addr, .kind = kind, .text = pool_str(gen->pool, str_from(key, 2)),
        .backlog = BACKLOG, .rcvbuf = -1, .sndbuf = -1, .fastopen = -1, .keepalive = -1, .fd = -1,
        .ipv6only = addr->sa.sa_family == AF_INET6 ? 1 : -1,
    };
    *growing_map_at(&gen->load->listens, key) = spec;
    *(gen->load->last_listen ? &gen->load->last_listen->next : &gen->listens) = spec;
    gen->load->last_listen = spec;
    return spec;
}
