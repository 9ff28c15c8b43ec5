/*
 * common/syslog.h - messages to a syslog daemon, as datagrams in the form of RFC 3164.
 *
 * libc's <syslog.h> is never included: its macros share our names, and its one connection per
 * process cannot serve several targets.
 */
#pragma once

#include "common/addr.h"

struct syslog_target {
    struct str server;  /* as configured */
    struct addr to;     /* len 0: server is a host name that the caller has to look up */
    int port;           /* that goes with such a name */
    struct str tag;
    struct str hostname;
    int facility;
    int severity;       /* for what has no level of its own, such as access log lines */
    bool nohostname;
    int fd;             /* -1 until first used */
    int64_t quiet_until_ms;
};

/* Reads "server=ADDR[:PORT],facility=local7,severity=info,tag=nginx,nohostname" (what follows
   "syslog:" in a config). On failure *why is a text in the pool. */
bool syslog_parse(struct syslog_target *out, struct pool *pool, struct str params,
                  const char **why);

/* "<191>Nov  6 08:49:37 host tag: " at `out`, which has SYSLOG_HEADER bytes. Returns the length. */
#define SYSLOG_HEADER 384
size_t syslog_header(const struct syslog_target *t, int severity, char *out);

/* Sends one message (no newline). Never blocks; after a failure the target is left alone for a
   second and messages are lost. */
void syslog_send(struct syslog_target *t, int severity, struct str text);
