/*
 * common/addr_list.c - the host names of a configuration, looked up by a child.
 *
 * The master touches no byte that came from a resolver: a short-lived child without privileges asks
 * getaddrinfo, with many threads at once, and writes fixed-size records to a pipe. What has not
 * been answered in time has not been found.
 */
#include "common/addr_list.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/load_state.h"

#define TIME_LIMIT_MS 10000
#define THREADS_MAX   64
#define ADDRS_MAX     64 /* of one name */

/* One answer, or the end of a name's answers (family 0). Below PIPE_BUF: written whole. */
struct record {
    uint32_t name;       /* index into the lookups */
    uint16_t family;
    int16_t error;       /* EAI_..., with family 0 */
    uint8_t bytes[16];
};

/* A name to be found, once for all lists that have it. */
struct lookup {
    char *host;
    struct addr addrs[ADDRS_MAX]; /* without a port */
    uint32_t count;
    int error;
    bool done;
};

struct lookups {
    struct lookup **items;
    uint32_t count;
    uint32_t taken;      /* by threads, atomically */
    int out;
};

struct addr_list *addr_list_add(struct generation *gen, const struct conf_node *node,
                                struct str text, int default_port, const char **why)
{
    struct addr_list *list;
    struct addr addr;
    struct str host;
    int port;

    if (!addr_split(text, &host, &port, why))
        return NULL;
    if (host.len == 0 || host.len > 255) {
        *why = host.len == 0 ? "no host" : "host name is too long";
        return NULL;
    }
    list = pool_zalloc(gen->pool, sizeof(*list));
    *list = (struct addr_list){.text = text, .default_port = default_port, .node = node};
    if (addr_parse(&addr, text, default_port, why)) {
        list->addrs = pool_alloc(gen->pool, sizeof(addr));
        list->addrs[0] = addr;
        list->count = 1;
    } else if (port < 0 && default_port < 0) {
        *why = "no port";
        return NULL;
    }
    *(struct addr_list **)array_push(&gen->names) = list;
    return list;
}

/* The child ----------------------------------------------------------------------------------- */

static void put(int fd, const struct record *r)
{
    while (write(fd, r, sizeof(*r)) < 0 && errno == EINTR)
        continue;
}

static bool fill_record(struct record *r, const struct addrinfo *info)
{
    const void *sa = info->ai_addr;

    r->family = (uint16_t)info->ai_family;
    if (info->ai_family == AF_INET)
        memcpy(r->bytes, &((const struct sockaddr_in *)sa)->sin_addr, 4);
    else if (info->ai_family == AF_INET6)
        memcpy(r->bytes, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
    else
        return false;
    return true;
}

static void look_up(struct lookups *all, uint32_t i)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    struct record r = {.name = i};
    unsigned count = 0;

    r.error = (int16_t)getaddrinfo(all->items[i]->host, NULL, &hints, &found);
    for (struct addrinfo *info = found; info != NULL && count < ADDRS_MAX; info = info->ai_next)
        if (fill_record(&r, info)) {
            put(all->out, &r);
            count++;
        }
    r.family = 0;
    put(all->out, &r);
    if (found != NULL)
        freeaddrinfo(found);
}

static void *look_up_some(void *arg)
{
    struct lookups *all = arg;
    uint32_t i;

    while ((i = __atomic_fetch_add(&all->taken, 1, __ATOMIC_RELAXED)) < all->count)
        look_up(all, i);
    return NULL;
}

/* The master keeps its capabilities lowered; to switch user they must be in effect again. */
static void raise_capabilities(void)
{
    const cap_value_t wanted[] = {CAP_SETUID, CAP_SETGID};
    cap_t caps = cap_get_proc();

    if (caps == NULL)
        return;
    if (cap_set_flag(caps, CAP_EFFECTIVE, COUNT(wanted), wanted, CAP_SET) == 0)
        cap_set_proc(caps);
    cap_free(caps);
}

/* Where we may not switch user (a container may forbid it) we do without capabilities at least. */
static void drop_privileges(void)
{
    struct passwd *nobody = geteuid() == 0 ? getpwnam("nobody") : NULL;
    cap_t none = cap_init();

    raise_capabilities();
    if (nobody != NULL && setgroups(0, NULL) == 0 && setgid(nobody->pw_gid) == 0 &&
        setuid(nobody->pw_uid) != 0)
        _exit(1);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (none != NULL) {
        cap_set_proc(none);
        cap_free(none);
    }
}

NORETURN static void child(struct lookups *all)
{
    pthread_t threads[THREADS_MAX];
    uint32_t started = 0, wanted = MIN(all->count, THREADS_MAX);
    sigset_t none;

    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    drop_privileges();
    while (started < wanted && pthread_create(&threads[started], NULL, look_up_some, all) == 0)
        started++;
    if (started == 0)
        look_up_some(all);
    for (uint32_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    _exit(0);
}

/* The parent ---------------------------------------------------------------------------------- */

static void add_addr(struct lookup *l, const struct record *r)
{
    struct addr *addr;

    if (l->count >= ADDRS_MAX)
        return;
    addr = &l->addrs[l->count++];
    if (r->family == AF_INET) {
        addr->in.sin_family = AF_INET;
        memcpy(&addr->in.sin_addr, r->bytes, 4);
        addr->len = sizeof(addr->in);
    } else {
        addr->in6.sin6_family = AF_INET6;
        memcpy(&addr->in6.sin6_addr, r->bytes, 16);
        addr->len = sizeof(addr->in6);
    }
}

/* One record; returns how many names it ends. Nothing that the child says is taken on trust. */
static uint32_t accept_record(struct lookups *all, const struct record *r)
{
    struct lookup *l;

    if (r->name >= all->count || all->items[r->name]->done)
        return 0;
    l = all->items[r->name];
    if (r->family == AF_INET || r->family == AF_INET6) {
        add_addr(l, r);
        return 0;
    }
    l->error = r->error;
    l->done = true;
    return 1;
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Whole records until all names are done, the child is gone, or time is up. */
static void collect(struct lookups *all, int in)
{
    int64_t end = now_ms() + TIME_LIMIT_MS, left;
    struct record records[64];
    size_t have = 0, whole;
    uint32_t done = 0;

    while (done < all->count && (left = end - now_ms()) > 0) {
        struct pollfd wait = {.fd = in, .events = POLLIN};
        ssize_t n;

        if (poll(&wait, 1, (int)left) <= 0)
            continue;
        n = read(in, (char *)records + have, sizeof(records) - have);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        have += n > 0 ? (size_t)n : 0;
        whole = have / sizeof(*records);
        for (size_t i = 0; i < whole; i++)
            done += accept_record(all, &records[i]);
        have -= whole * sizeof(*records);
        memmove(records, &records[whole], have);
    }
}

static bool run_child(struct lookups *all)
{
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        all->out = fds[1];
        child(all);
    }
    close(fds[1]);
    if (pid > 0) {
        collect(all, fds[0]);
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    close(fds[0]);
    return pid > 0;
}

/* The lists ----------------------------------------------------------------------------------- */

static void report_unfound(struct generation *gen, const struct addr_list *list,
                           const struct lookup *l)
{
    if (list->may_fail)
        return;
    conf_fail_at(gen, list->node, "host not found in %s\"%" STR_FMT "\"",
                 list->whose != NULL ? list->whose : "", STR_ARG(list->text));
    if (!l->done)
        conf_fault_hint(&gen->load->faults, "no answer within %d seconds", TIME_LIMIT_MS / 1000);
    else if (l->error != 0 && l->error != EAI_NONAME)
        conf_fault_hint(&gen->load->faults, "%s", gai_strerror(l->error));
    else if (list->whose != NULL && strcmp(list->whose, "upstream ") == 0)
        conf_fault_hint(&gen->load->faults, "\"upstream_unresolved start;\" starts without it");
}

static bool split(const struct addr_list *list, struct str *host, int *port)
{
    const char *why;

    if (!addr_split(list->text, host, port, &why))
        return false;
    if (*port < 0)
        *port = list->default_port;
    return true;
}

static void fill(struct generation *gen, struct addr_list *list, const struct lookup *l, int port)
{
    list->addrs = pool_alloc(gen->pool, (l->count + 1) * sizeof(*list->addrs));
    list->count = l->count;
    for (uint32_t i = 0; i < l->count; i++) {
        list->addrs[i] = l->addrs[i];
        addr_set_port(&list->addrs[i], port);
    }
    if (l->count == 0)
        report_unfound(gen, list, l);
}

/* Each host once, with its lookup in *by_host. */
static void prepare(struct pool *scratch, struct generation *gen, struct lookups *all,
                    struct growing_map *by_host)
{
    all->items = pool_alloc(scratch, (gen->names.count + 1) * sizeof(struct lookup *));
    EACH(struct addr_list *, list, &gen->names) {
        struct lookup *l;
        struct str host;
        void **known;
        int port;

        if ((*list)->addrs != NULL || !split(*list, &host, &port))
            continue;
        known = growing_map_at(by_host, host);
        if (*known != NULL)
            continue;
        l = pool_zalloc(scratch, sizeof(*l));
        l->host = pool_cstr(scratch, host);
        all->items[all->count++] = l;
        *known = l;
    }
}

void addr_list_resolve(struct generation *gen)
{
    struct load_state *load = gen->load;
    struct lookups all = {.out = -1};
    struct growing_map by_host;
    struct str host;
    int port;

    growing_map_init(&by_host, load->scratch);
    prepare(load->scratch, gen, &all, &by_host);
    if (all.count > 0 && !run_child(&all))
        conf_fault_print(&load->faults, LOG_EMERG, (struct conf_place){0},
                         "host names cannot be looked up (%d: %s)", errno, strerror(errno));
    EACH(struct addr_list *, list, &gen->names) {
        if ((*list)->addrs == NULL && split(*list, &host, &port))
            fill(gen, *list, growing_map_find(&by_host, host), port);
        if ((*list)->copy_first != NULL && (*list)->count > 0)
            *(*list)->copy_first = (*list)->addrs[0];
    }
}
