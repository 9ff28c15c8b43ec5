/*
 * worker/net/conn_count.c - what this worker counts (conn_stats), for all workers to see.
 *
 * Counting itself is an increment of the process's own memory. What changed goes to the shared row
 * when a turn ends, so that a turn with a thousand requests writes there once.
 */
#include "worker/net/conn_count.h"

#include "worker/net/conn.h"

static struct slots *table;
static struct conn_stats published;

void conn_count_init(struct slots *slots)
{
    table = slots != NULL && slots->mine != SLOTS_NONE ? slots : NULL;
    published = (struct conn_stats){0};
}

#define PUBLISH(number, member)                                                                    \
    slots_add(table, number, (int64_t)(conn_stats.member - published.member))
#define PUBLISH_GAUGE(number, member)                                                              \
    slots_add(table, number, (int64_t)conn_stats.member - (int64_t)published.member)

void conn_count_publish(void)
{
    if (table == NULL || memcmp(&conn_stats, &published, sizeof(published)) == 0)
        return;
    PUBLISH(COUNTER_ACCEPTED, accepted);
    PUBLISH(COUNTER_HANDLED, handled);
    PUBLISH(COUNTER_REQUESTS, requests);
    PUBLISH_GAUGE(GAUGE_CLIENTS, clients);
    PUBLISH_GAUGE(GAUGE_READING, reading);
    PUBLISH_GAUGE(GAUGE_WRITING, writing);
    published = conn_stats;
}

void conn_count_read(uint64_t out[SLOTS_NUMBERS])
{
    if (table != NULL) {
        conn_count_publish();
        slots_read(table, out);
        return;
    }
    memset(out, 0, SLOTS_NUMBERS * sizeof(*out));
    out[COUNTER_ACCEPTED] = conn_stats.accepted;
    out[COUNTER_HANDLED] = conn_stats.handled;
    out[COUNTER_REQUESTS] = conn_stats.requests;
    out[GAUGE_CLIENTS] = conn_stats.clients;
    out[GAUGE_READING] = conn_stats.reading;
    out[GAUGE_WRITING] = conn_stats.writing;
}
