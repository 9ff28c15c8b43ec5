/*
 * master/socket_options.c - which options a listen spec stands for.
 */
#include "master/socket_options.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/sock.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static void set(int fd, enum sock_option option, int value)
{
    sock_set(fd, option, value, &process_log);
}

/* What makes sense on an unbound socket only. */
static void set_first(const struct listen_spec *spec, int fd)
{
    if (spec->kind == LISTEN_TCP)
        set(fd, SOCK_REUSEADDR, 1);
    if (spec->reuseport)
        set(fd, SOCK_REUSEPORT, 1);
    if (spec->addr.sa.sa_family == AF_INET6 && spec->ipv6only >= 0)
        set(fd, SOCK_V6ONLY, spec->ipv6only);
}

int socket_create(const struct listen_spec *spec)
{
    int type = spec->kind == LISTEN_TCP ? SOCK_STREAM : SOCK_DGRAM;
    int protocol = spec->multipath && spec->kind == LISTEN_TCP ? IPPROTO_MPTCP : 0;
    int fd = socket(spec->addr.sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

    if (fd >= 0)
        set_first(spec, fd);
    return fd;
}

static void set_keepalive(const struct listen_spec *spec, int fd)
{
    if (spec->keepalive < 0)
        return;
    set(fd, SOCK_KEEPALIVE, spec->keepalive);
    if (spec->keepidle > 0)
        set(fd, SOCK_KEEP_IDLE_S, spec->keepidle);
    if (spec->keepintvl > 0)
        set(fd, SOCK_KEEP_INTERVAL_S, spec->keepintvl);
    if (spec->keepcnt > 0)
        set(fd, SOCK_KEEP_COUNT, spec->keepcnt);
}

static void set_tcp(const struct listen_spec *spec, int fd)
{
    set_keepalive(spec, fd);
    if (spec->fastopen >= 0)
        set(fd, SOCK_FASTOPEN, spec->fastopen);
    if (spec->deferred || sock_get(fd, SOCK_DEFER_ACCEPT_S) > 0)
        set(fd, SOCK_DEFER_ACCEPT_S, spec->deferred ? 1 : 0);
}

/* QUIC finds out the path's MTU itself. */
static void forbid_fragments(int fd, int family)
{
    int on = family == AF_INET ? IP_PMTUDISC_DO : IPV6_PMTUDISC_DO;
    int rc = family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &on, sizeof(on))
                               : setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &on, sizeof(on));

    if (rc != 0)
        log_error(&process_log, LOG_ALERT, errno, "setsockopt(MTU_DISCOVER) failed, ignored");
}

/* A wildcard must tell to which address each datagram came, to answer from it. */
static void set_datagram(const struct listen_spec *spec, int fd)
{
    int family = spec->addr.sa.sa_family;

    if (addr_is_wildcard(&spec->addr))
        set(fd, family == AF_INET ? SOCK_PKTINFO : SOCK_PKTINFO_V6, 1);
    if (spec->kind == LISTEN_QUIC)
        forbid_fragments(fd, family);
}

void socket_set_options(const struct listen_spec *spec, int fd)
{
    bool is_ip = spec->addr.sa.sa_family != AF_UNIX;

    if (spec->rcvbuf >= 0)
        set(fd, SOCK_RCVBUF, spec->rcvbuf);
    if (spec->sndbuf >= 0)
        set(fd, SOCK_SNDBUF, spec->sndbuf);
    if (is_ip && spec->kind == LISTEN_TCP)
        set_tcp(spec, fd);
    if (is_ip && spec->kind != LISTEN_TCP)
        set_datagram(spec, fd);
}

void socket_allow_reuseport(int fd)
{
    set(fd, SOCK_REUSEPORT, 1);
}

/* A filter on a listening socket sees the headers of TCP before anything comes of them. */
void socket_refuse_new(const struct listen_spec *spec, int fd)
{
    static struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13), /* the flags (RFC 9293, 3.1) */
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12 /* SYN, ACK */),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02 /* SYN alone */, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    static const struct sock_fprog program = {.len = COUNT(code), .filter = code};

    if (spec->addr.sa.sa_family == AF_UNIX || spec->kind != LISTEN_TCP)
        return;
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
        log_error(&process_log, LOG_INFO, errno, "setsockopt(SO_ATTACH_FILTER) failed");
}
