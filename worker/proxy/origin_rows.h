/*
 * worker/proxy/origin_rows.h - the directives that all modules have which speak to origins, as rows
 * made for a prefix: "proxy", "fastcgi" ...
 *
 * Their fields are those of struct origin_conf, with which the module's own struct begins.
 */
#pragma once

#include "worker/net/tls_conf.h"
#include "worker/proxy/origin.h"

#define ORIGIN(member) FIELD(struct origin_conf, member)

/* How an origin is reached, and when another is tried. `causes`: the words of ..._next_upstream. */
#define ORIGIN_WAY_ROWS(prefix, next_args, causes)                                                 \
    ORIGIN_REACH_ROWS(prefix, next_args, causes), ORIGIN_BUFFER_ROW(prefix)

/* The same for those that are sent no head. */
#define ORIGIN_REACH_ROWS(prefix, next_args, causes)                                               \
    {.name = prefix "_connect_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,        \
     .field = ORIGIN(dial.exchange.connect_timeout_ms), .initial = "60s",                          \
     .doc = "How long connecting to an origin may take."},                                         \
    {.name = prefix "_send_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,           \
     .field = ORIGIN(send_timeout_ms), .initial = "60s",                                           \
     .doc = "How long an origin may take to accept more of a request."},                           \
    {.name = prefix "_read_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,           \
     .field = ORIGIN(read_timeout_ms), .initial = "60s",                                           \
     .doc = "How long an origin may be silent while it owes an answer."},                          \
    {.name = prefix "_next_upstream", .where = IN_WEB, .args = next_args, .value = VALUE_BITS,     \
     .repeat = true, .field = ORIGIN(next), .words = causes, .initial = "error timeout",           \
     .doc = "What makes a request go to the next server of the group: never one that may have "    \
            "been processed, unless its method is idempotent or `non_idempotent` is given. With "  \
            "`same`, servers that were tried may be tried once more when there is no other: also " \
            "the only one of a group."},                                                           \
    {.name = prefix "_next_upstream_tries", .where = IN_WEB, .args = "number", .value = VALUE_INT, \
     .field = ORIGIN(dial.tries), .initial = "0", .doc = "Tries at most; 0: one for each server, " \
            "two with `same`."},                                                                   \
    {.name = prefix "_next_upstream_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,  \
     .field = ORIGIN(dial.next_timeout_ms), .initial = "0",                                        \
     .doc = "No further server is tried after that time; 0: any time."},                           \
    {.name = prefix "_next_upstream_backoff", .where = IN_WEB, .args = "time [max]",               \
     .initial = "0", .apply = origin_set_backoff,                                                  \
     .doc = "A pause before each retry: at random up to this time, twice as long with each "       \
            "further retry, up to the maximum (ten times the first unless given). It counts in "   \
            "`" prefix "_next_upstream_timeout` and ends with the client's connection. For "       \
            "example: `" prefix "_next_upstream_backoff 20ms 1s;`"},                               \
    {.name = prefix "_retry_budget", .where = IN_WEB, .args = "off|percent% [min=number]",         \
     .initial = "off", .apply = origin_set_budget,                                                 \
     .doc = "How many requests to a group may be retries: a share of those of the last ten "       \
            "seconds, over all workers; so many as `min` says (10) may always be. Beyond that "    \
            "the first failure is final. For example: `" prefix "_retry_budget 20% min=5;`"},      \
    {.name = prefix "_try_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,            \
     .field = ORIGIN(dial.try_timeout_ms), .initial = "0",                                         \
     .doc = "How long one try may take until the head of the answer is in, connecting and "        \
            "sending included; then it has timed out. Of a body that is passed on as it arrives "  \
            "the time counts from its end. 0: any time."},                                         \
    {.name = prefix "_total_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,          \
     .field = ORIGIN(total_timeout_ms), .initial = "0",                                            \
     .doc = "How long all tries of a request and the answer up to its last byte may take: 504 "    \
            "then, or a broken answer if it has begun. 0: any time. Connections that were "        \
            "upgraded are not bound by it."},                                                      \
    {.name = prefix "_bind", .where = IN_WEB, .args = "address|off [transparent]",                 \
     .apply = origin_set_bind,                                                                     \
     .doc = "The local address of connections to origins. With `transparent` it may be one that "  \
            "this machine does not have, as $remote_addr."},                                       \
    {.name = prefix "_bind_dynamic", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,       \
     .field = ORIGIN(bind_dynamic), .initial = "off",                                              \
     .doc = "Whether variables in `" prefix "_bind` are asked anew for each server that is "       \
            "tried: they may speak of it, as $upstream_last_addr does."},                          \
    {.name = prefix "_allow_upstream", .where = IN_WEB, .args = "string ...", .repeat = true,      \
     .field = ORIGIN(allow), .apply = origin_set_allow,                                            \
     .doc = "Connects only to servers for which none of these is empty or \"0\"; to others the "   \
            "answer is 403. Asked for each server before it is tried: $upstream_last_addr is its " \
            "address then, for a volatile `geo` or `map`."},                                       \
    {.name = prefix "_socket_keepalive", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,   \
     .field = ORIGIN(dial.exchange.socket_keepalive), .initial = "off",                            \
     .doc = "TCP keepalive probes on connections to origins."}

#define ORIGIN_BUFFER_ROW(prefix)                                                                  \
    {.name = prefix "_buffer_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,          \
     .field = ORIGIN(buffer_bytes), .min = 256, .max = 64 << 20, .initial = "4k",                  \
     .doc = "The largest head of an answer."}

/* Sizes of the sockets' buffers. */
#define ORIGIN_SOCKET_ROWS(prefix)                                                                 \
    {.name = prefix "_socket_rcvbuf", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,        \
     .field = ORIGIN(dial.exchange.rcvbuf), .max = INT32_MAX,                                      \
     .doc = "The receive buffer of connections to origins."},                                      \
    {.name = prefix "_socket_sndbuf", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,        \
     .field = ORIGIN(dial.exchange.sndbuf), .max = INT32_MAX,                                      \
     .doc = "The send buffer of connections to origins."}

/* Heads of answers. */
#define ORIGIN_HEAD_ROWS(prefix)                                                                   \
    {.name = prefix "_hide_header", .where = IN_WEB, .args = "field", .field = ORIGIN(hide),       \
     .repeat = true, .apply = origin_set_hide,                                                     \
     .doc = "A field of the answer that the client does not see."},                                \
    {.name = prefix "_pass_header", .where = IN_WEB, .args = "field",                              \
     .field = ORIGIN(pass_names), .repeat = true, .apply = origin_set_pass_header,                 \
     .doc = "A field of the answer that the client sees although it is hidden by default."},       \
    {.name = prefix "_ignore_headers", .where = IN_WEB, .args = "field ...", .value = VALUE_BITS,  \
     .repeat = true, .field = ORIGIN(ignore), .words = origin_ignore_words,                        \
     .doc = "Fields of the answer that have no effect here."},                                     \
    {.name = prefix "_intercept_errors", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,   \
     .field = ORIGIN(intercept_errors), .initial = "off",                                          \
     .doc = "Whether error_page applies to errors that the origin answers with."}

#define ORIGIN_LOWAT_ROWS(prefix)                                                                  \
    {.name = prefix "_send_lowat", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,           \
     .field = ORIGIN(send_lowat), .initial = "0", .notice = "has no effect on Linux",              \
     .doc = "Accepted; Linux has no such option."}

/* Requests and the bodies of both directions. */
#define ORIGIN_BODY_ROWS(prefix)                                                                   \
    {.name = prefix "_pass_request_headers", .where = IN_WEB, .args = "on|off",                    \
     .value = VALUE_FLAG, .field = ORIGIN(pass_headers), .initial = "on",                          \
     .doc = "Whether the client's fields are sent."},                                              \
    {.name = prefix "_pass_request_body", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,  \
     .field = ORIGIN(pass_body), .initial = "on", .doc = "Whether the client's body is sent."},    \
    {.name = prefix "_buffering", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,          \
     .field = ORIGIN(buffering), .initial = "on",                                                  \
     .doc = "Read answers ahead of a slow client, so that the origin is free soon."},              \
    {.name = prefix "_request_buffering", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,  \
     .field = ORIGIN(request_buffering), .initial = "on",                                          \
     .doc = "Read all of the client's body before the origin is asked."},                          \
    {.name = prefix "_buffers", .where = IN_WEB, .args = "number size", .value = VALUE_BUFS,       \
     .field = ORIGIN(buffers), .initial = "8 4k",                                                  \
     .doc = "Memory for one answer that is on its way: number times size."},                       \
    {.name = prefix "_busy_buffers_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,    \
     .field = ORIGIN(busy_bytes), .min = 1,                                                        \
     .notice = "what is being sent never delays reading; " prefix "_buffers is the bound",         \
     .doc = "Accepted; buffers being sent to the client count as part of " prefix "_buffers."},    \
    {.name = prefix "_force_ranges", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,       \
     .field = ORIGIN(force_ranges), .initial = "off",                                              \
     .doc = "Whether parts are cut out of answers for clients that ask for them, whatever the "    \
            "origin says of ranges."},                                                             \
    {.name = prefix "_limit_rate", .where = IN_WEB, .args = "rate", .value = VALUE_SIZE,           \
     .field = ORIGIN(limit_rate), .initial = "0",                                                  \
     .doc = "Bytes per second that are read of an answer; 0: as they come."},                      \
    {.name = prefix "_max_temp_file_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,   \
     .field = ORIGIN(max_temp_bytes), .initial = "1024m",                                          \
     .doc = "How much of an answer may wait in a temporary file for a slow client; 0: nothing."},  \
    {.name = prefix "_temp_file_write_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE, \
     .field = ORIGIN(temp_write_bytes),                                                            \
     .notice = "files are written in pieces as large as were read",                                \
     .doc = "Accepted; files are written in pieces as large as were read."},                       \
    {.name = prefix "_temp_path", .where = IN_WEB, .args = "path [level1] [level2] [level3]",      \
     .initial = prefix "_temp", .apply = origin_set_temp_path,                                     \
     .doc = "The directory of temporary files."},                                                  \
    {.name = prefix "_ignore_client_abort", .where = IN_WEB, .args = "on|off",                     \
     .value = VALUE_FLAG, .field = ORIGIN(ignore_client_abort), .initial = "off",                  \
     .doc = "Go on with a request although its client has hung up."}

/* TLS. */
#define ORIGIN_TLS_ROWS(prefix)                                                                    \
    {.name = prefix "_ssl_session_reuse", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,  \
     .field = ORIGIN(tls.settings.reuse), .initial = "on",                                         \
     .doc = "Whether TLS sessions with origins are resumed."},                                     \
    {.name = prefix "_ssl_protocols", .where = IN_WEB,                                             \
     .args = "[SSLv2] [SSLv3] [TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]", .value = VALUE_BITS,         \
     .words = tls_protocol_words, .field = ORIGIN(tls.settings.protocols),                         \
     .initial = "TLSv1.2 TLSv1.3", .doc = "Versions of TLS spoken to origins."},                   \
    {.name = prefix "_ssl_ciphers", .where = IN_WEB, .args = "ciphers", .value = VALUE_STR,        \
     .field = ORIGIN(tls.settings.ciphers), .initial = "DEFAULT",                                  \
     .doc = "Ciphers for TLS 1.2 and older, as OpenSSL lists them."},                              \
    {.name = prefix "_ssl_name", .where = IN_WEB, .args = "name", .value = VALUE_TEMPLATE,         \
     .field = ORIGIN(tls.name),                                                                    \
     .doc = "Who the origin should be: for SNI and for the check of its certificate. The host of " \
            "the target, unless given."},                                                          \
    {.name = prefix "_ssl_server_name", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,    \
     .field = ORIGIN(tls.send_name), .initial = "off",                                             \
     .doc = "Whether the origin is told which name is wanted (SNI)."},                             \
    {.name = prefix "_ssl_verify", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,         \
     .field = ORIGIN(tls.settings.verify), .initial = "off",                                       \
     .doc = "Whether the origin's certificate must be trusted and bear its name."},                \
    {.name = prefix "_ssl_verify_depth", .where = IN_WEB, .args = "number", .value = VALUE_INT,    \
     .field = ORIGIN(tls.settings.verify_depth), .max = 100, .initial = "1",                       \
     .doc = "How many certificates may stand between the origin's and a trusted one."},            \
    {.name = prefix "_ssl_trusted_certificate", .where = IN_WEB, .args = "file",                   \
     .value = VALUE_CONF_PATH, .field = ORIGIN(tls.settings.trusted),                              \
     .doc = "PEM file with the certificates that are trusted."},                                   \
    {.name = prefix "_ssl_crl", .where = IN_WEB, .args = "file", .value = VALUE_CONF_PATH,         \
     .field = ORIGIN(tls.settings.crl), .doc = "PEM file with lists of revoked certificates."},    \
    {.name = prefix "_ssl_certificate", .where = IN_WEB, .args = "file",                           \
     .field = ORIGIN(tls.certificates), .apply = origin_tls_set_certificate,                       \
     .doc = "PEM file with the certificate shown to origins that ask for one; `data:` and the "    \
            "contents themselves; empty: none. With variables it is chosen for each try and read " \
            "for each connection: a connection serves those alone that choose the same. A value "  \
            "that is empty shows none; what cannot be loaded is answered with 500."},              \
    {.name = prefix "_ssl_certificate_key", .where = IN_WEB, .args = "file",                       \
     .field = ORIGIN(tls.keys), .apply = origin_tls_set_key,                                       \
     .doc = "PEM file with its secret key, or `data:` and the contents; variables as above."},     \
    {.name = prefix "_ssl_certificate_cache", .where = IN_WEB,                                     \
     .args = "off | max=N [inactive=time] [valid=time]", .apply = origin_tls_set_cache,            \
     .field = ORIGIN(tls.kept), .initial = "off",                                                  \
     .doc = "Keep so many certificates and keys that were read because their names have "          \
            "variables: until nobody asked for them for `inactive` (10s), without a look at "      \
            "their files for `valid` (60s)."},                                                     \
    {.name = prefix "_ssl_password_file", .where = IN_WEB, .args = "file",                         \
     .value = VALUE_CONF_PATH, .field = ORIGIN(tls.password_file),                                 \
     .doc = "File with passwords of secret keys, one in each line."},                              \
    {.name = prefix "_ssl_conf_command", .where = IN_WEB, .args = "name value",                    \
     .field = ORIGIN(tls.settings.commands), .repeat = true, .apply = origin_tls_add_command,      \
     .doc = "A command of OpenSSL's configuration, as SSL_CONF_cmd(3) lists them."},               \
    {.name = prefix "_ssl_key_log", .where = IN_WEB, .args = "path",                               \
     .field = ORIGIN(tls.settings.key_log), .apply = origin_tls_set_key_log,                       \
     .doc = "File to which the secrets of connections are written, as with ssl_key_log."}
