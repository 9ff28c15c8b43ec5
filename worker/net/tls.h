/*
 * worker/net/tls.h - TLS on a connection, over buffers of our own and never over a descriptor.
 *
 * OpenSSL reads from and writes to a BIO that stands for the connection: what one call produces is
 * gathered and leaves in one write. A run of records is encrypted ahead of the socket by at most
 * TLS_RUN bytes, and what the socket does not take is kept until it does: an idle connection holds
 * no buffer of ours, and none of OpenSSL's (SSL_MODE_RELEASE_BUFFERS).
 *
 *     tls_accept(c, host, pick)     conn.tls is set, conn.io is conn_tls
 *     tls_handshake(c)              until it says TLS_DONE
 *     conn_recv, conn_send          as on any connection
 *     conn_close                    says close_notify where that makes sense
 */
#pragma once

#include <openssl/ssl.h>

#include "common/buf.h"
#include "worker/net/conn.h"

struct tls_host;

enum tls_result {
    TLS_DONE,
    TLS_WAIT,   /* an event will call again */
    TLS_FAILED, /* logged; close */
    TLS_PLAIN,  /* the client does not speak TLS: tls_end */
};

/* Whose certificate is shown and whose rules hold for a client that asks for `name` (lower case, no
   final dot; STR_NONE when it names nobody). */
typedef const struct tls_host *tls_pick_fn(struct conn *c, struct str name);

/* The protocols that the picked server speaks there, most wanted first, as ALPN lists them
   (RFC 7301, 3.1); asked once the client has offered its own. A client that offers none of them is
   refused; one that offers nothing is not. */
typedef struct str tls_protocols_fn(struct conn *c);

/* A server's side. `early` is what was already read of the connection; it is taken over. */
void tls_accept(struct conn *c, const struct tls_host *host, tls_pick_fn *pick,
                tls_protocols_fn *protocols, struct buf *early);

/* A client's side has a session that may be resumed later: takes it over and says so with true. */
typedef bool tls_keep_fn(struct conn *c, SSL_SESSION *session);

/* A client's side. `name` goes out as SNI unless it is empty, new sessions are shown to `keep`.
   Until the handshake begins the SSL object is the caller's to prepare. RC_ERROR: logged, and the
   connection is as before. */
enum rc tls_connect(struct conn *c, const struct tls_host *host, struct str name,
                    tls_keep_fn *keep);

enum tls_result tls_handshake(struct conn *c);

/* After TLS_PLAIN: the connection is a plain one again, and `bytes` what was read of it. */
void tls_end(struct conn *c, struct buf *bytes);

/* NULL for a plain connection. */
SSL *tls_of(const struct conn *c);

/* Whose rules the handshake followed. */
const struct tls_host *tls_host_of(const struct conn *c);

/* What ALPN settled; empty: nothing. */
struct str tls_protocol(const struct conn *c);

/* What its issuer holds against the client's certificate; NULL: nothing that we know of. */
const char *tls_client_fault(const struct conn *c);

/* A request came within the handshake, whose rest is yet to come: who closes lingers. */
bool tls_is_early(const struct conn *c);

/* What was written waits for a writable socket; the next conn_recv sends it, and then what it was
   told to end. */
bool tls_owes(const struct conn *c);

/* For conn_move: the connection is at another place. */
void tls_moved(struct conn *c);

/* One log line for what is in OpenSSL's error queue, which is empty afterwards. */
void tls_log(const struct log *log, enum log_level level, const char *what);

/* The same text, without a log: "what (SSL: ...)" at `out`, cut at `room`. */
size_t tls_errors(char *out, size_t room);

/* For conn_close: says goodbye and frees. */
void tls_close(struct conn *c, bool in_peace);

/* After CONN_EOF from an origin: did the connection end without the peer's saying so (RFC 8446,
   6.1)? Then anybody on the way may have ended it. Never in plain TCP. */
bool tls_is_cut(const struct conn *c);

extern const struct conn_io conn_tls;
