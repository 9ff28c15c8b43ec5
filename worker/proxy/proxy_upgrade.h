/*
 * worker/proxy/proxy_upgrade.h - which requests may ask an origin to switch protocols, and which
 * answers of 101 are taken (RFC 9110, 7.8).
 */
#pragma once

#include "common/str.h"

struct http_fields;
struct proxy_run;
struct request;

/* proxy_upgrade. UPGRADE_AUTO: WebSocket, unless the configuration says what Connection is. */
enum { UPGRADE_OFF, UPGRADE_AUTO, UPGRADE_WEBSOCKET, UPGRADE_ANY };

/* What is sent in Upgrade although the configuration sets no such field: "websocket" for a genuine
   handshake (RFC 6455, 4.2.1), with `proxy_upgrade any` what the client asks. Empty: nothing. */
struct str proxy_upgrade_wanted(const struct proxy_run *run);

/* A list for Upgrade that variables made, without the versions of HTTP in it: what the client would
   say in those nobody here would see. The same slice when there are none, else in the
   request's pool. */
struct str proxy_upgrade_safe(struct request *r, struct str list);

/* May the client's connection become a tunnel on an answer with these fields? `asked`: the Upgrade
   that was sent. An answer that names no protocol is taken where the configuration asked. */
bool proxy_upgrade_is_right(struct str asked, bool by_config, const struct http_fields *answer);
