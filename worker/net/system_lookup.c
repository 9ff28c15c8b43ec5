/*
 * worker/net/system_lookup.c - getaddrinfo in a thread.
 *
 * One that nobody waits for any more cannot be stopped; it is freed when it comes back.
 */
#include "worker/net/system_lookup.h"

#include <netdb.h>
#include <stdlib.h>

#include "worker/event/threads.h"

#define THREADS   4
#define QUEUE_MAX 1024

struct lookup_task {
    struct system_lookup lookup; /* first: what the asker sees */
    struct task task;
    struct post *post;           /* NULL: nobody waits */
    int error;
    char host[256];
};

static struct thread_pool *threads; /* kept: those that hang must not delay the end */

static bool add(struct system_lookup *l, const struct addrinfo *info)
{
    struct resolved_addr *a = &l->addrs[l->count];

    if (l->count == SYSTEM_ADDRS_MOST)
        return false;
    a->family = (uint16_t)info->ai_family;
    if (info->ai_family == AF_INET)
        memcpy(a->bytes, &((const struct sockaddr_in *)(const void *)info->ai_addr)->sin_addr, 4);
    else if (info->ai_family == AF_INET6)
        memcpy(a->bytes, &((const struct sockaddr_in6 *)(const void *)info->ai_addr)->sin6_addr,
               16);
    else
        return true;
    l->count++;
    return true;
}

static void work(struct task *task)
{
    struct lookup_task *t = CONTAINER(task, struct lookup_task, task);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;

    t->error = getaddrinfo(t->host, NULL, &hints, &found);
    for (const struct addrinfo *info = found; info != NULL && add(&t->lookup, info);)
        info = info->ai_next;
    if (found != NULL)
        freeaddrinfo(found);
}

static void done(struct task *task)
{
    struct lookup_task *t = CONTAINER(task, struct lookup_task, task);

    if (t->post == NULL) {
        free(t);
        return;
    }
    t->lookup.done = true;
    t->lookup.fault = t->error != 0 ? gai_strerror(t->error) : "no address";
    post_now(t->post);
}

struct system_lookup *system_lookup_start(struct str host, struct post *post)
{
    struct lookup_task *t = calloc(1, sizeof(*t));

    must(t != NULL && host.len < sizeof(t->host));
    t->post = post;
    t->task.work = work;
    t->task.done = done;
    memcpy(t->host, host.data, host.len);
    if (threads == NULL)
        threads = threads_create("names", THREADS, QUEUE_MAX);
    if (threads != NULL && threads_submit(threads, &t->task) == RC_OK)
        return &t->lookup;
    free(t);
    return NULL;
}

void system_lookup_end(struct system_lookup *lookup)
{
    struct lookup_task *t = (struct lookup_task *)lookup;

    if (lookup->done)
        free(t);
    else
        t->post = NULL;
}
