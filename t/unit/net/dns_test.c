/*
 * t/unit/net/dns_test.c - what is made of the messages of a name server: of good ones, and of any.
 *
 * The test is the server, on a socket of its own; c-ares is real.
 */
#include "t/unit/net/net_kit.h"
#include "worker/net/dns.h"

#ifndef WEIR_CARES
int main(void)
{
    ok(true, "# skip built without c-ares");
    return tap_done();
}
#else

static int server = -1;
static struct dns *dns;
static struct dns_query query;

/* What came back, copied. */
static struct {
    unsigned count;
    struct dns_reply reply;
    struct dns_record records[DNS_RECORDS_MOST];
    char alias[256], host[256];
} got;

static void on_reply(struct dns_query *q, const struct dns_reply *reply)
{
    got.count++;
    got.reply = *reply;
    got.alias[0] = got.host[0] = '\0';
    must(reply->count <= DNS_RECORDS_MOST);
    for (uint32_t i = 0; i < reply->count; i++) {
        got.records[i] = reply->records[i];
        if (reply->records[i].host != NULL)
            snprintf(got.host, sizeof(got.host), "%s", reply->records[i].host);
    }
    if (reply->alias != NULL)
        snprintf(got.alias, sizeof(got.alias), "%s", reply->alias);
}

/* Asks, and has the server send `answers` behind the question, with these counts. */
static uint8_t message[65536];
static size_t question_len, message_len;
static struct sockaddr_storage asker;
static socklen_t asker_len;

static void ask(const char *name, enum dns_type type)
{
    ssize_t n = -1;

    query = (struct dns_query){.on_reply = on_reply, .type = type, .name = name};
    got.count = 0;
    while (recv(server, message, sizeof(message), MSG_DONTWAIT) >= 0)
        continue; /* the question before may have been asked twice */
    dns_cares.ask(dns, &query);
    for (int i = 0; i < 1000 && n < 0; i++) {
        asker_len = sizeof(asker);
        n = recvfrom(server, message, sizeof(message), MSG_DONTWAIT, (void *)&asker, &asker_len);
        if (n < 0)
            loop_turn(loop, 1);
    }
    must(n > 12);
    question_len = message_len = (size_t)n;
    message[2] |= 0x80;
    message[3] = 0x80;
    message[11] = 0; /* no additional records */
}

static void add(const void *bytes, size_t len)
{
    memcpy(message + message_len, bytes, len);
    message_len += len;
}

/* A record of the name that was asked for, or of another one. */
static void add_record(const char *name, size_t name_len, uint8_t type, uint32_t ttl,
                       const void *data, uint8_t len)
{
    uint8_t fixed[] = {0, type, 0, 1, (uint8_t)(ttl >> 24), (uint8_t)(ttl >> 16),
                       (uint8_t)(ttl >> 8), (uint8_t)ttl, 0, len};

    add(name, name_len);
    add(fixed, sizeof(fixed));
    add(data, len);
    message[7]++;
}

#define ASKED "\xc0\x0c", 2

static void answer(void)
{
    sendto(server, message, message_len, 0, (void *)&asker, asker_len);
    for (int i = 0; i < 2000 && got.count == 0; i++)
        loop_turn(loop, 1);
}

/* Good ones ------------------------------------------------------------------------------------ */

static void reads_addresses(void)
{
    ask("a.test", DNS_A);
    add_record(ASKED, 1, 300, "\x0a\0\0\1", 4);
    add_record(ASKED, 1, 60, "\x0a\0\0\2", 4);
    answer();
    is_int(got.count, 1, "one reply");
    is_int(got.reply.code, DNS_FOUND, "found");
    is_int(got.reply.count, 2, "two addresses");
    is_int(got.records[1].bytes[3], 2, "in order");
    is_int(got.reply.ttl_s, 60, "for the lesser time");

    ask("a.test", DNS_AAAA);
    add_record(ASKED, 28, 0x80000000, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7", 16);
    answer();
    is_int(got.records[0].family, AF_INET6, "an IPv6 address");
    is_int(got.records[0].bytes[15], 7, "whole");
    is_int(got.reply.ttl_s, 0, "a negative time is none");
}

static void reads_aliases(void)
{
    ask("www.test", DNS_A);
    add_record(ASKED, 5, 5, "\1b\4test", 8); /* the string's end is the name's */
    add_record("\1b\4test", 8, 1, 300, "\x0a\0\0\1", 4);
    answer();
    is_int(got.reply.count, 1, "an address behind an alias");
    is_int(got.reply.ttl_s, 5, "holds as long as the alias");

    ask("www.test", DNS_A);
    add_record(ASKED, 5, 5, "\1b\4test", 8);
    answer();
    is_int(got.reply.code, DNS_NO_NAME, "no address");
    is_str(got.alias, "b.test", "but a name to ask for");
}

static void reads_services(void)
{
    ask("_http._tcp.a.test", DNS_SRV);
    add_record(ASKED, 33, 300, "\0\1\0\2\x1f\x90\1b\4test", 14);
    add_record(ASKED, 33, 20, "\0\1\0\2\x1f\x91\1b\4test", 14);
    answer();
    is_int(got.reply.count, 2, "two records");
    is_int(got.reply.ttl_s, 20, "for the lesser time");
    is_int(got.records[0].priority * 100 + got.records[0].weight, 102, "priority and weight");
    is_int(got.records[0].port, 8080, "port");
    is_str(got.host, "b.test", "host");
}

static void reads_refusals(void)
{
    static const struct {
        uint8_t rcode;
        enum dns_code code;
    } rows[] = {{1, DNS_FORMAT_ERROR}, {2, DNS_SERVER_FAILURE}, {3, DNS_NO_NAME},
                {4, DNS_NOT_IMPLEMENTED}, {5, DNS_REFUSED}, {0, DNS_NO_NAME}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        ask("a.test", DNS_A);
        message[3] |= rows[i].rcode;
        answer();
        is_int(got.reply.code, rows[i].code, "the server's own words");
    }
}

/* Any ------------------------------------------------------------------------------------------ */

static uint32_t state = 1;

static uint32_t chance(uint32_t below)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
}

/* What stands behind the question is broken in some way, and so are the counts. */
static void damage(void)
{
    for (uint32_t n = 1 + chance(6); n > 0; n--)
        message[question_len + chance((uint32_t)(message_len - question_len))] =
            (uint8_t)(chance(2) ? chance(256) : 0xc0 | chance(2));
    if (chance(3) == 0)
        message[7] = (uint8_t)chance(8);
    if (chance(3) == 0)
        message_len = question_len + chance((uint32_t)(message_len - question_len) + 1);
}

static void survives_any(void)
{
    unsigned replies = 0, rounds = 6000;

    for (unsigned i = 0; i < rounds; i++) {
        enum dns_type type = (enum dns_type)(i % 3);

        ask("a.test", type);
        add_record(ASKED, 5, 5, "\1b\4test", 8);
        if (type == DNS_A)
            add_record("\1b\4test", 8, 1, 300, "\x0a\0\0\1", 4);
        else if (type == DNS_AAAA)
            add_record("\1b\4test", 8, 28, 300, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7", 16);
        else
            add_record("\1b\4test", 8, 33, 300, "\0\1\0\2\x1f\x90\1c\4test", 14);
        damage();
        answer();
        replies += got.count;
    }
    is_int(replies, rounds, "each is answered, once");
}

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    struct addr addr = {.len = sizeof(at)};

    kit_start();
    server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(server, (void *)&at, len) != 0 || getsockname(server, (void *)&at, &len) != 0)
        abort();
    addr.in = at;
    dns = dns_cares.open(&addr, 1);
    must(dns != NULL);
    reads_addresses();
    reads_aliases();
    reads_services();
    reads_refusals();
    survives_any();

    ask("a.test", DNS_A);
    dns_cares.close(dns);
    is_int(got.reply.code, DNS_CLOSED, "at the end who waits is told");
    close(server);
    return tap_done();
}
#endif
