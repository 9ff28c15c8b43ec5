/*
 * common/syslog.c - messages to a syslog daemon, as datagrams in the form of RFC 3164.
 */
#include "common/syslog.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fmt.h"
#include "common/log.h"

#define DEFAULT_PORT 514
#define TAG_LIMIT    32 /* RFC 3164, 4.1.3 */

static const char *const facilities[] = {
    "kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news",
    "uucp", "clock", "authpriv", "ftp", "ntp", "audit", "alert", "cron",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
};

static bool fail(struct pool *pool, const char **why, const char *what, struct str value)
{
    *why = pool_printf(pool, "%s \"%" STR_FMT "\"", what, STR_ARG(value)).data;
    return false;
}

static bool set_facility(struct syslog_target *t, struct str word)
{
    for (size_t i = 0; i < COUNT(facilities); i++)
        if (str_eq(word, str_of(facilities[i]))) {
            t->facility = (int)i;
            return true;
        }
    return false;
}

static bool set_severity(struct syslog_target *t, struct str word)
{
    enum log_level level = log_level_find(word);

    t->severity = (int)level - 1;
    return level != 0;
}

static bool is_tag(struct str tag)
{
    for (size_t i = 0; i < tag.len; i++) {
        char c = ascii_lower(tag.data[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return tag.len > 0;
}

static bool set_server(struct syslog_target *t, struct pool *pool, struct str value,
                       const char **why)
{
    const char *reason;
    struct str host;

    if (t->server.data != NULL)
        return fail(pool, why, "duplicate syslog", STR("server"));
    t->server = pool_str(pool, value);
    if (addr_parse(&t->to, value, DEFAULT_PORT, &reason))
        return true;
    if (!str_eq(str_of(reason), STR("host is a name")))
        return fail(pool, why, pool_printf(pool, "%s in syslog server", reason).data, value);
    t->to.len = 0;
    if (!addr_split(t->server, &host, &t->port, &reason))
        return fail(pool, why, pool_printf(pool, "%s in syslog server", reason).data, value);
    t->server = host;
    t->port = t->port < 0 ? DEFAULT_PORT : t->port;
    return true;
}

static bool set_tag(struct syslog_target *t, struct pool *pool, struct str value, const char **why)
{
    if (value.len > TAG_LIMIT)
        return fail(pool, why, "syslog tag longer than 32 bytes:", value);
    if (!is_tag(value))
        return fail(pool, why, "syslog tag takes letters, digits and underscores only, not", value);
    t->tag = pool_str(pool, value);
    return true;
}

static bool set_param(struct syslog_target *t, struct pool *pool, struct str param,
                      const char **why)
{
    struct str value = param;
    struct str name = str_cut(&value, '=');

    if (str_eq(param, STR("nohostname"))) {
        t->nohostname = true;
        return true;
    }
    if (value.data != NULL && str_eq(name, STR("server")))
        return set_server(t, pool, value, why);
    if (value.data != NULL && str_eq(name, STR("tag")))
        return set_tag(t, pool, value, why);
    if (value.data != NULL && str_eq(name, STR("facility")))
        return set_facility(t, value) || fail(pool, why, "unknown syslog facility", value);
    if (value.data != NULL && str_eq(name, STR("severity")))
        return set_severity(t, value) || fail(pool, why, "unknown syslog severity", value);
    return fail(pool, why, "unknown syslog parameter", param);
}

bool syslog_parse(struct syslog_target *out, struct pool *pool, struct str params,
                  const char **why)
{
    char hostname[256];

    *out = (struct syslog_target){
        .facility = COUNT(facilities) - 1, .severity = LOG_INFO - 1, .tag = STR("nginx"), .fd = -1};
    while (params.data != NULL) {
        if (!set_param(out, pool, str_cut(&params, ','), why))
            return false;
    }
    if (out->server.data == NULL) {
        *why = "no syslog server specified";
        return false;
    }
    if (gethostname(hostname, sizeof(hostname)) != 0)
        hostname[0] = '-', hostname[1] = '\0';
    hostname[sizeof(hostname) - 1] = '\0';
    out->hostname = pool_str(pool, str_of(hostname));
    return true;
}

size_t syslog_header(const struct syslog_target *t, int severity, char *out)
{
    char *pos = out;

    *pos++ = '<';
    pos = fmt_uint(pos, (uint64_t)(t->facility * 8 + severity));
    *pos++ = '>';
    pos = fmt_str(pos, clock_syslog());
    *pos++ = ' ';
    if (!t->nohostname) {
        pos = fmt_str(pos, t->hostname);
        *pos++ = ' ';
    }
    pos = fmt_str(pos, t->tag);
    pos = FMT_LIT(pos, ": ");
    return (size_t)(pos - out);
}

static bool open_target(struct syslog_target *t)
{
    if (t->fd >= 0)
        return true;
    t->fd = socket(t->to.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0)
        return false;
    if (connect(t->fd, &t->to.sa, t->to.len) == 0)
        return true;
    close(t->fd);
    t->fd = -1;
    return false;
}

/* False when the daemon is gone; a full queue only costs this message. */
static bool send_once(struct syslog_target *t, struct iovec *iov)
{
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};

    if (!open_target(t))
        return false;
    if (sendmsg(t->fd, &message, MSG_NOSIGNAL) >= 0 || errno == EAGAIN || errno == EMSGSIZE ||
        errno == ENOBUFS)
        return true;
    close(t->fd);
    t->fd = -1;
    return false;
}

void syslog_send(struct syslog_target *t, int severity, struct str text)
{
    char header[SYSLOG_HEADER];
    struct iovec iov[2];

    if (t->to.len == 0 || clock_mono_ms < t->quiet_until_ms)
        return;
    iov[0] = (struct iovec){header, syslog_header(t, severity, header)};
    iov[1] = (struct iovec){(void *)(uintptr_t)text.data, text.len};
    if (!send_once(t, iov) && !send_once(t, iov)) /* a daemon that was restarted: connect anew */
        t->quiet_until_ms = clock_mono_ms + 1000;
}
