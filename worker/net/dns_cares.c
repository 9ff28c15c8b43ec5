/*
 * worker/net/dns_cares.c - name servers asked by c-ares, in our loop.
 *
 * c-ares says which of its sockets it waits for and when it wants to be called again; the loop
 * watches them level-triggered, as it reads each only once per call. It runs from a post.
 *
 * A server that fails is not the last word while there are others. c-ares goes on to them itself,
 * but then cannot tell how it ended; so a first channel hears the first word, and where that is a
 * failure a second one insists.
 *
 * Its functions for replies, which newer versions call old, are in all of them.
 */
#define CARES_NO_DEPRECATED
#include "worker/net/dns.h"

#ifdef WEIR_CARES

#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdlib.h>

#include "common/list.h"
#include "common/log.h"
#include "worker/event/loop.h"

#define TRY_MS     1000 /* the first wait for a server; doubled when all were asked */
#define ROUNDS     3
#define BATCH      32   /* sockets looked at per call */
#define TTL_MOST_S (7 * 24 * 3600)

/* A socket of c-ares. */
struct watch {
    struct event ev;
    struct link link;
    struct channel *channel;
};

struct channel {
    ares_channel ares;           /* NULL: not opened */
    struct list watches;
    struct post post;
    struct timer timer;
};

struct dns {
    struct channel frank;
    struct channel insistent;    /* opened when there is more than one server */
};

/* The loop ------------------------------------------------------------------------------------- */

static struct watch *find_watch(struct channel *c, int fd)
{
    LIST_EACH(struct watch, w, &c->watches, link)
        if (w->ev.fd == fd)
            return w;
    return NULL;
}

static void on_event(struct event *ev)
{
    post_now(&CONTAINER(ev, struct watch, ev)->channel->post);
}

static void unwatch(struct watch *w)
{
    loop_remove(&w->ev);
    list_remove(&w->link);
    free(w);
}

static void watch(struct channel *c, int fd, bool in, bool out)
{
    struct watch *w = calloc(1, sizeof(*w));

    must(w != NULL);
    w->channel = c;
    w->ev = (struct event){.fd = fd, .on_event = on_event};
    if (loop_watch(&w->ev, in, out, false) == RC_OK)
        list_append(&c->watches, &w->link);
    else
        free(w); /* the question times out */
}

/* c-ares: from now on it waits for that; for nothing when it is about to close the socket. */
static void on_interest(void *data, ares_socket_t fd, int in, int out)
{
    struct channel *c = data;
    struct watch *w = find_watch(c, fd);

    if (w == NULL && (in || out))
        watch(c, fd, in != 0, out != 0);
    else if (w != NULL && (in || out))
        loop_watch(&w->ev, in != 0, out != 0, true);
    else if (w != NULL)
        unwatch(w);
}

static void set_alarm(struct channel *c)
{
    struct timeval room, *wait = ares_timeout(c->ares, NULL, &room);

    if (wait == NULL)
        timer_cancel(&c->timer);
    else
        timer_set(&c->timer, (int64_t)wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000);
}

static void on_timer(struct timer *timer)
{
    post_now(&CONTAINER(timer, struct channel, timer)->post);
}

/* Sockets with news; each may be gone by the time it is its turn. */
static unsigned collect_ready(struct channel *c, int fds[BATCH])
{
    unsigned count = 0;

    LIST_EACH(struct watch, w, &c->watches, link)
        if (count < BATCH && (w->ev.readable || w->ev.writable))
            fds[count++] = w->ev.fd;
    return count;
}

static void run(struct post *post)
{
    struct channel *c = CONTAINER(post, struct channel, post);
    int fds[BATCH];
    unsigned count = collect_ready(c, fds);

    for (unsigned i = 0; i < count; i++) {
        struct watch *w = find_watch(c, fds[i]);
        bool in = w != NULL && w->ev.readable, out = w != NULL && w->ev.writable;

        if (w == NULL)
            continue;
        w->ev.readable = w->ev.writable = false;
        ares_process_fd(c->ares, in ? fds[i] : ARES_SOCKET_BAD, out ? fds[i] : ARES_SOCKET_BAD);
    }
    if (count == 0)
        ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_alarm(c);
}

/* Replies -------------------------------------------------------------------------------------- */

static enum dns_code code_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return DNS_FOUND;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
        return DNS_NO_NAME;
    case ARES_EFORMERR:
    case ARES_EBADRESP:
    case ARES_EBADQUERY:
        return DNS_FORMAT_ERROR;
    case ARES_ENOTIMP:
        return DNS_NOT_IMPLEMENTED;
    case ARES_EREFUSED:
        return DNS_REFUSED;
    case ARES_ETIMEOUT:
    case ARES_ECONNREFUSED:
        return DNS_TIMEOUT;
    case ARES_EDESTRUCTION:
    case ARES_ECANCELLED:
        return DNS_CLOSED;
    default:
        return DNS_SERVER_FAILURE;
    }
}

static uint32_t ttl_of(int ttl)
{
    return ttl < 0 ? 0 : (uint32_t)MIN(ttl, TTL_MOST_S);
}

static uint32_t add_address(struct dns_reply *reply, struct dns_record *record, int family,
                            const void *bytes, int ttl)
{
    record->family = (uint8_t)family;
    memcpy(record->bytes, bytes, family == AF_INET ? 4 : 16);
    reply->ttl_s = MIN(reply->ttl_s, ttl_of(ttl));
    return reply->count++;
}

/* Of an answer that holds the name's aliases alone, the last. */
static void take_alias(struct dns_reply *reply, const struct hostent *host, const char *asked)
{
    if (reply->count == 0 && host != NULL && host->h_name != NULL &&
        strcasecmp(host->h_name, asked) != 0)
        reply->alias = host->h_name;
}

/* The name that the message asks about, and what follows it; NULL when it is malformed. */
static const unsigned char *read_question(const unsigned char *msg, int len, char **name)
{
    long taken;

    if (len <= NS_HFIXEDSZ ||
        ares_expand_name(msg + NS_HFIXEDSZ, msg, len, name, &taken) != ARES_SUCCESS)
        return NULL;
    if (msg + NS_HFIXEDSZ + taken + NS_QFIXEDSZ <= msg + len)
        return msg + NS_HFIXEDSZ + taken + NS_QFIXEDSZ;
    ares_free_string(*name);
    return NULL;
}

static void deliver_addresses(struct dns_query *q, const unsigned char *msg, int len)
{
    struct dns_record records[DNS_RECORDS_MOST] = {0};
    struct dns_reply reply = {.ttl_s = TTL_MOST_S, .records = records};
    struct ares_addrttl v4[DNS_RECORDS_MOST];
    struct ares_addr6ttl v6[DNS_RECORDS_MOST];
    struct hostent *host = NULL;
    int count = DNS_RECORDS_MOST, status;
    char *asked = NULL;

    status = q->type == DNS_A ? ares_parse_a_reply(msg, len, &host, v4, &count)
                              : ares_parse_aaaa_reply(msg, len, &host, v6, &count);
    reply.code = code_of(status);
    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        if (q->type == DNS_A)
            add_address(&reply, &records[i], AF_INET, &v4[i].ipaddr, v4[i].ttl);
        else
            add_address(&reply, &records[i], AF_INET6, &v6[i].ip6addr, v6[i].ttl);
    }
    if (reply.count == 0 && read_question(msg, len, &asked) != NULL)
        take_alias(&reply, host, asked);
    if (reply.count == 0 && reply.code == DNS_FOUND)
        reply.code = DNS_NO_NAME;
    q->on_reply(q, &reply);
    if (asked != NULL)
        ares_free_string(asked);
    if (host != NULL)
        ares_free_hostent(host);
}

static uint32_t get_u32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The least time that the records of the answer may be kept: c-ares does not tell it of SRV. */
static uint32_t least_ttl(const unsigned char *msg, int len)
{
    unsigned answers = len < NS_HFIXEDSZ ? 0 : (unsigned)msg[6] << 8 | msg[7];
    const unsigned char *end = msg + len, *at;
    uint32_t least = TTL_MOST_S;
    char *name;
    long taken;

    at = read_question(msg, len, &name);
    if (at == NULL)
        return 0;
    ares_free_string(name);
    for (; answers > 0; answers--) {
        if (ares_expand_name(at, msg, len, &name, &taken) != ARES_SUCCESS)
            return least;
        ares_free_string(name);
        at += taken;
        if (end - at < NS_RRFIXEDSZ)
            return least;
        least = MIN(least, ttl_of((int)get_u32(at + 4)));
        if (end - at - NS_RRFIXEDSZ < (at[8] << 8 | at[9]))
            return least;
        at += NS_RRFIXEDSZ + (at[8] << 8 | at[9]);
    }
    return least;
}

static void deliver_services(struct dns_query *q, const unsigned char *msg, int len)
{
    struct dns_record records[DNS_RECORDS_MOST] = {0};
    struct dns_reply reply = {.records = records};
    struct ares_srv_reply *found = NULL;

    reply.code = code_of(ares_parse_srv_reply(msg, len, &found));
    for (struct ares_srv_reply *s = found; s != NULL && reply.count < DNS_RECORDS_MOST; s = s->next)
        records[reply.count++] = (struct dns_record){.host = s->host, .port = s->port,
                                                     .priority = s->priority, .weight = s->weight};
    reply.ttl_s = reply.count > 0 ? least_ttl(msg, len) : 0;
    if (reply.count == 0 && reply.code == DNS_FOUND)
        reply.code = DNS_NO_NAME;
    q->on_reply(q, &reply);
    if (found != NULL)
        ares_free_data(found);
}

static void deliver(struct dns_query *q, int status, const unsigned char *msg, int len)
{
    struct dns_reply failure = {.code = code_of(status)};

    if (failure.code == DNS_TIMEOUT && q->first != DNS_FOUND)
        failure.code = q->first;
    /* With ENODATA the message is there, and may hold an alias. */
    if (msg == NULL || len <= 0 || (status != ARES_SUCCESS && status != ARES_ENODATA))
        q->on_reply(q, &failure);
    else if (q->type == DNS_SRV)
        deliver_services(q, msg, len);
    else
        deliver_addresses(q, msg, len);
}

static void send_question(struct channel *c, struct dns_query *q, ares_callback on_answer)
{
    static const int types[] = {[DNS_A] = ns_t_a, [DNS_AAAA] = ns_t_aaaa, [DNS_SRV] = ns_t_srv};

    ares_query(c->ares, q->name, ns_c_in, types[q->type], on_answer, q);
    set_alarm(c);
}

static void on_last_answer(void *arg, int status, int timeouts, unsigned char *msg, int len)
{
    deliver(arg, status, msg, len);
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *msg, int len)
{
    struct dns_query *q = arg;
    enum dns_code code = code_of(status);

    if (q->dns->insistent.ares == NULL ||
        (code != DNS_SERVER_FAILURE && code != DNS_NOT_IMPLEMENTED && code != DNS_REFUSED)) {
        deliver(q, status, msg, len);
        return;
    }
    q->first = code;
    send_question(&q->dns->insistent, q, on_last_answer);
}

/* For the resolver ----------------------------------------------------------------------------- */

static bool set_servers(ares_channel channel, const struct addr *servers, uint32_t count)
{
    struct ares_addr_port_node *nodes = calloc(count, sizeof(*nodes));
    int status;

    must(nodes != NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct ares_addr_port_node *n = &nodes[i];

        n->next = i + 1 < count ? n + 1 : NULL;
        n->family = servers[i].sa.sa_family;
        n->udp_port = n->tcp_port = addr_port(&servers[i]);
        if (n->family == AF_INET)
            memcpy(&n->addr.addr4, &servers[i].in.sin_addr, sizeof(n->addr.addr4));
        else
            memcpy(&n->addr.addr6, &servers[i].in6.sin6_addr, sizeof(n->addr.addr6));
    }
    status = ares_set_servers_ports(channel, nodes);
    free(nodes);
    return status == ARES_SUCCESS;
}

/* What this machine's own resolver is told (search lists, hosts) does not count here, and there is
   one cache: the resolver's. */
static int init_ares(struct channel *c, int flags)
{
    static char lookups[] = "b", nowhere[] = "/dev/null";
    struct ares_options options = {
        .flags = flags | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES, .timeout = TRY_MS,
        .tries = ROUNDS, .lookups = lookups, .resolvconf_path = nowhere,
        .sock_state_cb = on_interest, .sock_state_cb_data = c,
    };
    int chosen = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                 ARES_OPT_DOMAINS | ARES_OPT_ROTATE | ARES_OPT_RESOLVCONF |
                 ARES_OPT_SOCK_STATE_CB;

#ifdef ARES_OPT_QUERY_CACHE
    chosen |= ARES_OPT_QUERY_CACHE;
#endif
    return ares_init_options(&c->ares, &options, chosen);
}

static bool open_channel(struct channel *c, int flags, const struct addr *servers, uint32_t count)
{
    int status;

    list_init(&c->watches);
    c->post.run = run;
    c->timer.on_timer = on_timer;
    status = init_ares(c, flags);
    if (status == ARES_SUCCESS && set_servers(c->ares, servers, count))
        return true;
    log_error(&process_log, LOG_ALERT, 0, "c-ares does not start: %s", ares_strerror(status));
    return false;
}

static void close_channel(struct channel *c)
{
    if (c->ares == NULL)
        return;
    ares_destroy(c->ares);
    LIST_EACH(struct watch, w, &c->watches, link)
        unwatch(w);
    timer_cancel(&c->timer);
    post_cancel(&c->post);
    c->ares = NULL;
}

/* The one that is asked first goes first: it must not ask the other any more. */
static void close_dns(struct dns *dns)
{
    close_channel(&dns->frank);
    close_channel(&dns->insistent);
    free(dns);
}

static struct dns *open_dns(const struct addr *servers, uint32_t count)
{
    struct dns *dns = calloc(1, sizeof(*dns));

    must(dns != NULL);
    if (ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS &&
        open_channel(&dns->frank, ARES_FLAG_NOCHECKRESP, servers, count) &&
        (count == 1 || open_channel(&dns->insistent, 0, servers, count)))
        return dns;
    close_dns(dns);
    return NULL;
}

static void ask(struct dns *dns, struct dns_query *q)
{
    q->dns = dns;
    q->first = DNS_FOUND;
    send_question(&dns->frank, q, on_answer);
}

const struct dns_ops dns_cares = {.open = open_dns, .ask = ask, .close = close_dns};

#endif
