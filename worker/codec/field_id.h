/*
 * worker/codec/field_id.h - the numbers of well-known field names.
 *
 * One row per name: the constant's stem, the text as it is usually written, and in lower case. The
 * rows that frame a message come first: a parser tests `id < FIELD_FRAMING_END` before it looks
 * closer. A new row needs a new table in field.c: field_test prints it.
 */
#pragma once

#define FIELD_NAMES(row)                                                                           \
    row(HOST, "Host", "host")                                                                      \
    row(CONNECTION, "Connection", "connection")                                                    \
    row(CONTENT_LENGTH, "Content-Length", "content-length")                                        \
    row(TRANSFER_ENCODING, "Transfer-Encoding", "transfer-encoding")                               \
    row(UPGRADE, "Upgrade", "upgrade")                                                             \
    row(EXPECT, "Expect", "expect")                                                                \
    row(TE, "TE", "te")                                                                            \
    row(KEEP_ALIVE, "Keep-Alive", "keep-alive")                                                    \
    row(TRAILER, "Trailer", "trailer")                                                             \
    row(PROXY_CONNECTION, "Proxy-Connection", "proxy-connection")                                  \
    row(HTTP2_SETTINGS, "HTTP2-Settings", "http2-settings")                                        \
    row(CONTENT_TYPE, "Content-Type", "content-type")                                              \
    row(USER_AGENT, "User-Agent", "user-agent")                                                    \
    row(REFERER, "Referer", "referer")                                                             \
    row(RANGE, "Range", "range")                                                                   \
    row(IF_RANGE, "If-Range", "if-range")                                                          \
    row(IF_MODIFIED_SINCE, "If-Modified-Since", "if-modified-since")                               \
    row(IF_NONE_MATCH, "If-None-Match", "if-none-match")                                           \
    row(IF_MATCH, "If-Match", "if-match")                                                          \
    row(IF_UNMODIFIED_SINCE, "If-Unmodified-Since", "if-unmodified-since")                         \
    row(AUTHORIZATION, "Authorization", "authorization")                                           \
    row(PROXY_AUTHORIZATION, "Proxy-Authorization", "proxy-authorization")                         \
    row(COOKIE, "Cookie", "cookie")                                                                \
    row(ACCEPT, "Accept", "accept")                                                                \
    row(ACCEPT_ENCODING, "Accept-Encoding", "accept-encoding")                                     \
    row(ACCEPT_LANGUAGE, "Accept-Language", "accept-language")                                     \
    row(X_FORWARDED_FOR, "X-Forwarded-For", "x-forwarded-for")                                     \
    row(X_FORWARDED_PROTO, "X-Forwarded-Proto", "x-forwarded-proto")                               \
    row(X_FORWARDED_HOST, "X-Forwarded-Host", "x-forwarded-host")                                  \
    row(X_REAL_IP, "X-Real-IP", "x-real-ip")                                                       \
    row(X_REQUEST_ID, "X-Request-ID", "x-request-id")                                              \
    row(FORWARDED, "Forwarded", "forwarded")                                                       \
    row(ORIGIN, "Origin", "origin")                                                                \
    row(VIA, "Via", "via")                                                                         \
    row(PRAGMA, "Pragma", "pragma")                                                                \
    row(PRIORITY, "Priority", "priority")                                                          \
    row(EARLY_DATA, "Early-Data", "early-data")                                                    \
    row(DEPTH, "Depth", "depth")                                                                   \
    row(DESTINATION, "Destination", "destination")                                                 \
    row(OVERWRITE, "Overwrite", "overwrite")                                                       \
    row(LOCK_TOKEN, "Lock-Token", "lock-token")                                                    \
    row(IF, "If", "if")                                                                            \
    row(DATE, "Date", "date")                                                                      \
    row(SERVER, "Server", "server")                                                                \
    row(SET_COOKIE, "Set-Cookie", "set-cookie")                                                    \
    row(LOCATION, "Location", "location")                                                          \
    row(CONTENT_LOCATION, "Content-Location", "content-location")                                  \
    row(REFRESH, "Refresh", "refresh")                                                             \
    row(LAST_MODIFIED, "Last-Modified", "last-modified")                                           \
    row(ETAG, "ETag", "etag")                                                                      \
    row(CACHE_CONTROL, "Cache-Control", "cache-control")                                           \
    row(EXPIRES, "Expires", "expires")                                                             \
    row(AGE, "Age", "age")                                                                         \
    row(VARY, "Vary", "vary")                                                                      \
    row(STATUS, "Status", "status")                                                                \
    row(ALLOW, "Allow", "allow")                                                                   \
    row(RETRY_AFTER, "Retry-After", "retry-after")                                                 \
    row(WWW_AUTHENTICATE, "WWW-Authenticate", "www-authenticate")                                  \
    row(PROXY_AUTHENTICATE, "Proxy-Authenticate", "proxy-authenticate")                            \
    row(X_ACCEL_REDIRECT, "X-Accel-Redirect", "x-accel-redirect")                                  \
    row(X_ACCEL_EXPIRES, "X-Accel-Expires", "x-accel-expires")                                     \
    row(X_ACCEL_LIMIT_RATE, "X-Accel-Limit-Rate", "x-accel-limit-rate")                            \
    row(X_ACCEL_BUFFERING, "X-Accel-Buffering", "x-accel-buffering")                               \
    row(X_ACCEL_CHARSET, "X-Accel-Charset", "x-accel-charset")                                     \
    row(X_PAD, "X-Pad", "x-pad")                                                                   \
    row(CONTENT_ENCODING, "Content-Encoding", "content-encoding")                                  \
    row(CONTENT_LANGUAGE, "Content-Language", "content-language")                                  \
    row(CONTENT_DISPOSITION, "Content-Disposition", "content-disposition")                         \
    row(CONTENT_RANGE, "Content-Range", "content-range")                                           \
    row(ACCEPT_RANGES, "Accept-Ranges", "accept-ranges")                                           \
    row(LINK, "Link", "link")                                                                      \
    row(ALT_SVC, "Alt-Svc", "alt-svc")                                                             \
    row(GRPC_STATUS, "Grpc-Status", "grpc-status")                                                 \
    row(GRPC_MESSAGE, "Grpc-Message", "grpc-message")                                              \
    row(STRICT_TRANSPORT_SECURITY, "Strict-Transport-Security", "strict-transport-security")       \
    row(ACCESS_CONTROL_ALLOW_ORIGIN, "Access-Control-Allow-Origin", "access-control-allow-origin") \
    row(SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key", "sec-websocket-key")                               \
    row(SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version", "sec-websocket-version")                   \
    row(SEC_FETCH_SITE, "Sec-Fetch-Site", "sec-fetch-site")                                        \
    row(SEC_FETCH_MODE, "Sec-Fetch-Mode", "sec-fetch-mode")                                        \
    row(SEC_FETCH_DEST, "Sec-Fetch-Dest", "sec-fetch-dest")                                        \
    row(SEC_FETCH_USER, "Sec-Fetch-User", "sec-fetch-user")                                        \
    row(SEC_CH_UA, "Sec-CH-UA", "sec-ch-ua")                                                       \
    row(SEC_CH_UA_MOBILE, "Sec-CH-UA-Mobile", "sec-ch-ua-mobile")                                  \
    row(SEC_CH_UA_PLATFORM, "Sec-CH-UA-Platform", "sec-ch-ua-platform")                            \
    row(UPGRADE_INSECURE_REQUESTS, "Upgrade-Insecure-Requests", "upgrade-insecure-requests")       \
    row(DNT, "DNT", "dnt")                                                                         \
    row(X_REQUESTED_WITH, "X-Requested-With", "x-requested-with")

enum field_id {
    FIELD_OTHER,
#define FIELD_ENUM(stem, text, lower) FIELD_##stem,
    FIELD_NAMES(FIELD_ENUM)
#undef FIELD_ENUM
    FIELD_IDS,
    FIELD_FRAMING_END = FIELD_TE + 1
};
