/*
 * common/addr.h - socket addresses: parsing, printing, comparing.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/pool.h"

struct addr {
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
        struct sockaddr_storage any;
    };
    socklen_t len;
};

#define ADDR_TEXT 128 /* room for any printed address, unix paths (108) included */

/*
 * Numeric forms only: "1.2.3.4", "1.2.3.4:80", "[::1]:80", "[::1]", "*:80", "80" (port alone when
 * `default_port` is 0 or more and the text is all digits), "unix:/path". A missing port becomes
 * default_port. Returns false with *why set to a static text ("invalid port", "no port", "no host",
 * "invalid IPv6 address", "host is a name", ...) on failure; *out is then undefined.
 */
bool addr_parse(struct addr *out, struct str text, int default_port, const char **why);

/* Splits "name:port", "[v6]:port" (host comes without the brackets), "unix:..." (host is all of it)
   without resolving; port is -1 when absent. */
bool addr_split(struct str text, struct str *host, int *port, const char **why);

/* An address alone, "1.2.3.4" or "2001:db8::1"; the port becomes 0. */
bool addr_parse_ip(struct addr *out, struct str text);

/* "10.0.0.0/8", "2001:db8::/32", or an address alone. Bits after the prefix are cleared, and
   *had_host_bits says whether there were any. */
bool addr_parse_cidr(struct addr *out, int *prefix, struct str text, bool *had_host_bits);

/* The address in network order: sets *bytes and returns 4 or 16; 0 for unix. */
size_t addr_bytes(const struct addr *a, const uint8_t **bytes);

/* "1.2.3.4:80", "[::1]:80", "unix:/path"; without port and brackets in the host form. Cut at `room`
   (ADDR_TEXT is enough). Returns the length; no NUL. */
size_t addr_print(const struct addr *a, char *out, size_t room);
size_t addr_print_host(const struct addr *a, char *out, size_t room);

bool addr_eq(const struct addr *a, const struct addr *b);          /* address and port */
bool addr_eq_host(const struct addr *a, const struct addr *b);     /* address alone */
int addr_port(const struct addr *a);                               /* host order; 0 for unix */
void addr_set_port(struct addr *a, int port);
bool addr_is_wildcard(const struct addr *a);                       /* 0.0.0.0 or :: */
