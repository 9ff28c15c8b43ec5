/*
 * common/sock.c - descriptor flags and socket options, with the log line when one is refused.
 */
#include "common/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/log.h"

struct option_row {
    int level;
    int name;
    const char *text;
};

#define ROW(option, in_level, value) [option] = {in_level, value, #value}

static const struct option_row rows[SOCK_OPTIONS] = {
    ROW(SOCK_NODELAY, IPPROTO_TCP, TCP_NODELAY),
    ROW(SOCK_CORK, IPPROTO_TCP, TCP_CORK),
    ROW(SOCK_KEEPALIVE, SOL_SOCKET, SO_KEEPALIVE),
    ROW(SOCK_KEEP_IDLE_S, IPPROTO_TCP, TCP_KEEPIDLE),
    ROW(SOCK_KEEP_INTERVAL_S, IPPROTO_TCP, TCP_KEEPINTVL),
    ROW(SOCK_KEEP_COUNT, IPPROTO_TCP, TCP_KEEPCNT),
    ROW(SOCK_REUSEADDR, SOL_SOCKET, SO_REUSEADDR),
    ROW(SOCK_REUSEPORT, SOL_SOCKET, SO_REUSEPORT),
    ROW(SOCK_V6ONLY, IPPROTO_IPV6, IPV6_V6ONLY),
    ROW(SOCK_RCVBUF, SOL_SOCKET, SO_RCVBUF),
    ROW(SOCK_SNDBUF, SOL_SOCKET, SO_SNDBUF),
    ROW(SOCK_DEFER_ACCEPT_S, IPPROTO_TCP, TCP_DEFER_ACCEPT),
    ROW(SOCK_FASTOPEN, IPPROTO_TCP, TCP_FASTOPEN),
    ROW(SOCK_FASTOPEN_CONNECT, IPPROTO_TCP, TCP_FASTOPEN_CONNECT),
    ROW(SOCK_FREEBIND, IPPROTO_IP, IP_FREEBIND),
    ROW(SOCK_TRANSPARENT, IPPROTO_IP, IP_TRANSPARENT),
    ROW(SOCK_TRANSPARENT_V6, IPPROTO_IPV6, IPV6_TRANSPARENT),
    ROW(SOCK_BIND_NO_PORT, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT),
    ROW(SOCK_NOTSENT_LOWAT, IPPROTO_TCP, TCP_NOTSENT_LOWAT),
    ROW(SOCK_PKTINFO, IPPROTO_IP, IP_PKTINFO),
    ROW(SOCK_PKTINFO_V6, IPPROTO_IPV6, IPV6_RECVPKTINFO),
};

bool sock_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool sock_set_cloexec(int fd, bool on)
{
    return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) == 0;
}

/* A TCP socket whose peer has reset it refuses options with EINVAL. Leaves errno and the pending
   error alone. */
static bool is_reset(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    int saved_errno = errno;
    bool reset = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
                 info.tcpi_state == TCP_CLOSE;

    errno = saved_errno;
    return reset;
}

bool sock_set(int fd, enum sock_option option, int value, struct log *log)
{
    const struct option_row *row = &rows[option];

    if (setsockopt(fd, row->level, row->name, &value, sizeof(value)) == 0)
        return true;
    if (errno == EINVAL && is_reset(fd))
        return true; /* the next read tells */
    if (log != NULL)
        log_error(log, LOG_ALERT, errno, "setsockopt(%s, %d) failed", row->text, value);
    return false;
}

int sock_get(int fd, enum sock_option option)
{
    const struct option_row *row = &rows[option];
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, row->level, row->name, &value, &len) == 0 ? value : -1;
}

bool sock_set_reset(int fd, struct log *log)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0)
        return true;
    if (log != NULL)
        log_error(log, LOG_ALERT, errno, "setsockopt(SO_LINGER) failed");
    return false;
}

int sock_error(int fd)
{
    int err = 0;
    socklen_t len = sizeof(err);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 ? err : errno;
}
