/*
 * worker/net/tls_ticket.h - the keys that session tickets are sealed with (RFC 5077, 4).
 *
 * By default they live in a zone: all workers share them, they outlast reloads and upgrades, and
 * whoever finds the newest one old makes the next. Or an operator gives files, the first of which
 * seals, so that several machines can share them.
 */
#pragma once

#include <openssl/ssl.h>

#include "common/generation.h"

struct tls_tickets;
struct array;

/* Keys in the generation's zone, each used to seal for `period_s` (the longest that anybody asks
   for), and good for as long again. `before` is what an earlier call gave. NULL with *why. */
struct tls_tickets *tls_tickets_shared(struct generation *gen, struct tls_tickets *before,
                                       int64_t period_s, const char **why);

/* Keys from files (struct tls_file) of 48 or 80 bytes. NULL with *why. */
struct tls_tickets *tls_tickets_fixed(struct generation *gen, const struct array *files,
                                      const char **why);

/* Seals (or opens) a ticket: what OpenSSL's callback asks for, with its results. */
int tls_ticket_key(struct tls_tickets *tickets, SSL *ssl, unsigned char *name, unsigned char *iv,
                   EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal);
