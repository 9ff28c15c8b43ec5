/*
 * worker/net/dns.h - questions to name servers, one record type each, and what came back.
 *
 * The resolver asks through this table, so that its tests can be the name server. The real one is
 * c-ares: retries, truncation, TCP and matching answers to questions are its business.
 */
#pragma once

#include "common/addr.h"

enum dns_type { DNS_A, DNS_AAAA, DNS_SRV };

/* How a question ended. The numbers up to REFUSED are the protocol's, as logs have them. */
enum dns_code {
    DNS_FOUND           = 0,
    DNS_FORMAT_ERROR    = 1,
    DNS_SERVER_FAILURE  = 2,
    DNS_NO_NAME         = 3,   /* no such name, or no record of that type */
    DNS_NOT_IMPLEMENTED = 4,
    DNS_REFUSED         = 5,
    DNS_TIMEOUT         = 110, /* no server said anything */
    DNS_CLOSED          = 200, /* the process ends */
};

struct dns_record {
    uint8_t family;              /* AF_INET, AF_INET6; AF_UNSPEC: `host` has to be asked for */
    uint8_t bytes[16];
    uint16_t port, priority, weight; /* SRV */
    const char *host;
};

/* Good until the callback returns. */
struct dns_reply {
    enum dns_code code;
    uint32_t ttl_s;              /* the least of all records that led here */
    uint32_t count;
    const struct dns_record *records;
    const char *alias;           /* no record, but this is what the name stands for; or NULL */
};

struct dns;

struct dns_query {
    void (*on_reply)(struct dns_query *q, const struct dns_reply *reply);
    enum dns_type type;
    const char *name;            /* to be kept until the reply */

    /* Whoever asks for us. */
    struct dns *dns;
    enum dns_code first;         /* what the first server said */
};

struct dns_ops {
    /* Ready to ask these servers. NULL after an [alert] line. */
    struct dns *(*open)(const struct addr *servers, uint32_t count);
    /* Asks for the records of q->name. on_reply is called once, perhaps before this returns. */
    void (*ask)(struct dns *dns, struct dns_query *q);
    /* Ends it; open questions are answered with DNS_CLOSED. */
    void (*close)(struct dns *dns);
};

#define DNS_RECORDS_MOST 128 /* of one reply: the rest is left out */

#ifdef WEIR_CARES
extern const struct dns_ops dns_cares; /* dns_cares.c */
#endif
