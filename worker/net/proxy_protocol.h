/*
 * worker/net/proxy_protocol.h - the PROXY header that a balancer puts before a connection's bytes.
 *
 * Versions 1 (text) and 2 (binary) as published by HAProxy. Bytes in, facts out.
 */
#pragma once

#include "common/addr.h"

enum proxy_result {
    PROXY_DONE,  /* a header of out->bytes bytes */
    PROXY_MORE,  /* so far it could become one: at least one more byte is needed */
    PROXY_BAD,   /* it is none; *why says what is wrong */
};

struct proxy_header {
    size_t bytes;        /* its length, to be skipped */
    uint8_t version;     /* 1 or 2 */
    bool has_addrs;      /* false for UNKNOWN and LOCAL: the connection's own addresses hold */
    bool datagram;       /* version 2 may say UDP */
    struct addr from;    /* the client */
    struct addr to;      /* where it connected to */
    struct str tlvs;     /* version 2: type-length-values, within the parsed bytes */
};

/* The most that version 1 may take, and version 2 without its extensions. */
#define PROXY_V1_MOST 107
#define PROXY_V2_HEAD 16
#define PROXY_V2_PRINTED (PROXY_V2_HEAD + 36) /* the most that proxy_print_v2 makes */

enum proxy_result proxy_parse(struct str in, struct proxy_header *out, const char **why);

/* Cuts the first type-length-value off *tlvs. False at the end, or where they are malformed (then
   *tlvs is not empty). */
bool proxy_next_tlv(struct str *tlvs, uint8_t *type, struct str *value);

/* The first value of that type; data NULL when there is none. */
struct str proxy_find_tlv(struct str tlvs, uint8_t type);

/* Types with a name ("alpn", "authority", "ssl_cn" ...) as $proxy_protocol_tlv_NAME writes them, or
   "0xNN", "ssl_0xNN". The ssl_ ones lie within the value of "ssl". A value that is a number is
   printed into `number`. */
#define PROXY_NUMBER 20
struct str proxy_tlv_named(struct str tlvs, struct str name, char number[PROXY_NUMBER]);

/* Prints a version 1 header for these addresses: "PROXY TCP4 ...", or UNKNOWN if they are not of
   one IP family. Returns its length, at most PROXY_V1_MOST. */
size_t proxy_print_v1(const struct addr *from, const struct addr *to, char *out);

/* The same in version 2; LOCAL without addresses if they are not of one IP family. Returns its
   length, at most PROXY_V2_PRINTED. */
size_t proxy_print_v2(const struct addr *from, const struct addr *to, char *out);
