/*
 * worker/codec/field_id.h - the numbers of well-known field names.
 *
 * One row per name: the constant's stem and the text as it is usually written. The rows that frame
 * a message come first: a parser tests `id < FIELD_FRAMING_END` before it looks closer.
 */
#pragma once

#define FIELD_NAMES(row)                                                                           \
    row(HOST, "Host")                                                                              \
    row(CONNECTION, "Connection")                                                                  \
    row(CONTENT_LENGTH, "Content-Length")                                                          \
    row(TRANSFER_ENCODING, "Transfer-Encoding")                                                    \
    row(UPGRADE, "Upgrade")                                                                        \
    row(EXPECT, "Expect")                                                                          \
    row(TE, "TE")                                                                                  \
    row(KEEP_ALIVE, "Keep-Alive")                                                                  \
    row(TRAILER, "Trailer")                                                                        \
    row(PROXY_CONNECTION, "Proxy-Connection")                                                      \
    row(HTTP2_SETTINGS, "HTTP2-Settings")                                                          \
    row(CONTENT_TYPE, "Content-Type")                                                              \
    row(USER_AGENT, "User-Agent")                                                                  \
    row(REFERER, "Referer")                                                                        \
    row(RANGE, "Range")                                                                            \
    row(IF_RANGE, "If-Range")                                                                      \
    row(IF_MODIFIED_SINCE, "If-Modified-Since")                                                    \
    row(IF_NONE_MATCH, "If-None-Match")                                                            \
    row(IF_MATCH, "If-Match")                                                                      \
    row(IF_UNMODIFIED_SINCE, "If-Unmodified-Since")                                                \
    row(AUTHORIZATION, "Authorization")                                                            \
    row(PROXY_AUTHORIZATION, "Proxy-Authorization")                                                \
    row(COOKIE, "Cookie")                                                                          \
    row(ACCEPT, "Accept")                                                                          \
    row(ACCEPT_ENCODING, "Accept-Encoding")                                                        \
    row(ACCEPT_LANGUAGE, "Accept-Language")                                                        \
    row(X_FORWARDED_FOR, "X-Forwarded-For")                                                        \
    row(X_FORWARDED_PROTO, "X-Forwarded-Proto")                                                    \
    row(X_FORWARDED_HOST, "X-Forwarded-Host")                                                      \
    row(X_REAL_IP, "X-Real-IP")                                                                    \
    row(X_REQUEST_ID, "X-Request-ID")                                                              \
    row(FORWARDED, "Forwarded")                                                                    \
    row(ORIGIN, "Origin")                                                                          \
    row(VIA, "Via")                                                                                \
    row(PRAGMA, "Pragma")                                                                          \
    row(PRIORITY, "Priority")                                                                      \
    row(EARLY_DATA, "Early-Data")                                                                  \
    row(DEPTH, "Depth")                                                                            \
    row(DESTINATION, "Destination")                                                                \
    row(OVERWRITE, "Overwrite")                                                                    \
    row(LOCK_TOKEN, "Lock-Token")                                                                  \
    row(IF, "If")                                                                                  \
    row(DATE, "Date")                                                                              \
    row(SERVER, "Server")                                                                          \
    row(SET_COOKIE, "Set-Cookie")                                                                  \
    row(LOCATION, "Location")                                                                      \
    row(CONTENT_LOCATION, "Content-Location")                                                      \
    row(REFRESH, "Refresh")                                                                        \
    row(LAST_MODIFIED, "Last-Modified")                                                            \
    row(ETAG, "ETag")                                                                              \
    row(CACHE_CONTROL, "Cache-Control")                                                            \
    row(EXPIRES, "Expires")                                                                        \
    row(AGE, "Age")                                                                                \
    row(VARY, "Vary")                                                                              \
    row(STATUS, "Status")                                                                          \
    row(ALLOW, "Allow")                                                                            \
    row(RETRY_AFTER, "Retry-After")                                                                \
    row(WWW_AUTHENTICATE, "WWW-Authenticate")                                                      \
    row(PROXY_AUTHENTICATE, "Proxy-Authenticate")                                                  \
    row(X_ACCEL_REDIRECT, "X-Accel-Redirect")                                                      \
    row(X_ACCEL_EXPIRES, "X-Accel-Expires")                                                        \
    row(X_ACCEL_LIMIT_RATE, "X-Accel-Limit-Rate")                                                  \
    row(X_ACCEL_BUFFERING, "X-Accel-Buffering")                                                    \
    row(X_ACCEL_CHARSET, "X-Accel-Charset")                                                        \
    row(X_PAD, "X-Pad")                                                                            \
    row(CONTENT_ENCODING, "Content-Encoding")                                                      \
    row(CONTENT_LANGUAGE, "Content-Language")                                                      \
    row(CONTENT_DISPOSITION, "Content-Disposition")                                                \
    row(CONTENT_RANGE, "Content-Range")                                                            \
    row(ACCEPT_RANGES, "Accept-Ranges")                                                            \
    row(LINK, "Link")                                                                              \
    row(ALT_SVC, "Alt-Svc")                                                                        \
    row(GRPC_STATUS, "Grpc-Status")                                                                \
    row(GRPC_MESSAGE, "Grpc-Message")                                                              \
    row(STRICT_TRANSPORT_SECURITY, "Strict-Transport-Security")                                    \
    row(ACCESS_CONTROL_ALLOW_ORIGIN, "Access-Control-Allow-Origin")                                \
    row(SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key")                                                    \
    row(SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version")                                            \
    row(SEC_FETCH_SITE, "Sec-Fetch-Site")                                                          \
    row(SEC_FETCH_MODE, "Sec-Fetch-Mode")                                                          \
    row(SEC_FETCH_DEST, "Sec-Fetch-Dest")                                                          \
    row(SEC_FETCH_USER, "Sec-Fetch-User")                                                          \
    row(SEC_CH_UA, "Sec-CH-UA")                                                                    \
    row(SEC_CH_UA_MOBILE, "Sec-CH-UA-Mobile")                                                      \
    row(SEC_CH_UA_PLATFORM, "Sec-CH-UA-Platform")                                                  \
    row(UPGRADE_INSECURE_REQUESTS, "Upgrade-Insecure-Requests")                                    \
    row(DNT, "DNT")                                                                                \
    row(X_REQUESTED_WITH, "X-Requested-With")

enum field_id {
    FIELD_OTHER,
#define FIELD_ENUM(stem, text) FIELD_##stem,
    FIELD_NAMES(FIELD_ENUM)
#undef FIELD_ENUM
    FIELD_IDS,
    FIELD_FRAMING_END = FIELD_TE + 1
};
