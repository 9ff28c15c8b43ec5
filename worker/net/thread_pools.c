/*
 * worker/net/thread_pools.c - the pools of threads that the configuration names.
 */
#include "worker/net/thread_pools.h"

#include <stdlib.h>

#include "common/core_conf.h"
#include "common/generation.h"

#define THREADS 32
#define QUEUE   65536

struct named_pool {
    struct str name;
    struct thread_pool *pool;
    struct named_pool *next;
    char text[];            /* of name, NUL behind */
};

static struct named_pool *pools;

static void add(struct str name, int64_t threads, int64_t queue)
{
    struct named_pool *p = pool_malloc(sizeof(*p) + name.len + 1);

    memcpy(p->text, name.data, name.len);
    p->text[name.len] = '\0';
    p->name = (struct str){p->text, name.len};
    p->pool = threads_create(p->text, (uint32_t)threads, (uint32_t)queue);
    p->next = pools;
    pools = p;
}

void thread_pools_init(const struct generation *gen)
{
    const struct array *given = core_conf(gen)->thread_pools;

    if (given != NULL)
        EACH(const struct thread_pool_conf, conf, given)
            add(conf->name, conf->threads > 0 ? conf->threads : THREADS, conf->max_queue);
    if (thread_pools_default() == NULL)
        add(STR("default"), THREADS, QUEUE);
}

struct thread_pool *thread_pools_find(struct str name)
{
    for (const struct named_pool *p = pools; p != NULL; p = p->next)
        if (str_eq(p->name, name))
            return p->pool;
    return NULL;
}

struct thread_pool *thread_pools_default(void)
{
    return thread_pools_find(STR("default"));
}

void thread_pools_stop(void)
{
    while (pools != NULL) {
        struct named_pool *p = pools;

        pools = p->next;
        threads_destroy(p->pool);
        free(p);
    }
}
