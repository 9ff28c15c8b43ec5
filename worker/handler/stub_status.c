/*
 * worker/handler/stub_status.c - counts of connections and requests, as monitors know them.
 */
#include "worker/handler/stub_status.h"

#include "common/fmt.h"
#include "worker/http/http_block.h"
#include "worker/net/conn_count.h"

/* Connections that wait: for a first request, or for the next. */
static uint64_t waiting(const uint64_t *n)
{
    uint64_t busy = n[GAUGE_READING] + n[GAUGE_WRITING];

    return n[GAUGE_CLIENTS] > busy ? n[GAUGE_CLIENTS] - busy : 0;
}

static enum verdict answer(struct request *r)
{
    uint64_t n[SLOTS_NUMBERS];

    if (r->method != METHOD_GET && r->method != METHOD_HEAD)
        return request_fail(r, 405, "request.method");
    conn_count_read(n);
    return request_answer(r, 200, STR("text/plain"),
                          pool_printf(request_pool(r),
                                      "Active connections: %llu \n"
                                      "server accepts handled requests\n"
                                      " %llu %llu %llu \n"
                                      "Reading: %llu Writing: %llu Waiting: %llu \n",
                                      (unsigned long long)n[GAUGE_CLIENTS],
                                      (unsigned long long)n[COUNTER_ACCEPTED],
                                      (unsigned long long)n[COUNTER_HANDLED],
                                      (unsigned long long)n[COUNTER_REQUESTS],
                                      (unsigned long long)n[GAUGE_READING],
                                      (unsigned long long)n[GAUGE_WRITING],
                                      (unsigned long long)waiting(n)));
}

static bool set_handler(struct conf_call *call)
{
    struct location *location = http_block_location(call->scope);

    if (location == NULL)
        location = &http_block_server(call->scope)->base;
    location->handler = answer;
    return true;
}

#define WAITING UINT32_MAX

static void get(struct scope *scope, struct var_value *out, uintptr_t which)
{
    uint64_t n[SLOTS_NUMBERS];
    char *text = pool_bytes(scope->pool, 20);

    conn_count_read(n);
    var_found(out, str_range(text, fmt_uint(text, which == WAITING ? waiting(n) : n[which])));
}

static const struct directive directives[] = {
    {.name = "stub_status", .where = IN_SERVER | IN_LOCATION, .args = "[word]",
     .apply = set_handler,
     .doc = "Answers with counts of connections and requests. The word is ignored."},
};

static const struct var_def variables[] = {
    {.name = "connections_active", .get = get, .data = GAUGE_CLIENTS, .flags = VAR_NO_CACHE},
    {.name = "connections_reading", .get = get, .data = GAUGE_READING, .flags = VAR_NO_CACHE},
    {.name = "connections_writing", .get = get, .data = GAUGE_WRITING, .flags = VAR_NO_CACHE},
    {.name = "connections_waiting", .get = get, .data = WAITING, .flags = VAR_NO_CACHE},
};

const struct module stub_status_module = {
    .name = "stub_status", .nginx_name = "http_stub_status_module",
    .doc = "Counts of connections and requests.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .variables = TABLE(variables),
};
