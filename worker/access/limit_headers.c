/*
 * worker/access/limit_headers.c - what a client that limits have refused is told in fields.
 */
#include "worker/access/limit_headers.h"

#include "common/generation.h"

#define SHORTEST_S 1

struct limit_headers_conf {
    bool on;
};

static uint32_t limit_headers_index;

void limit_headers_note(struct request *r, const struct limit_refusal *refusal)
{
    struct limit_refusal *kept;

    if (!REQUEST_CONF(r, limit_headers_index, struct limit_headers_conf)->on)
        return;
    kept = pool_alloc(request_pool(r), sizeof(*kept));
    *kept = *refusal;
    r->main->limit_refusal = kept;
}

/* A string of a structured field (RFC 9651, 3.3.3): printable ASCII, quotes and backslashes
   escaped. */
static struct str quoted(struct pool *pool, struct str text)
{
    char *start = pool_bytes(pool, 2 * text.len + 2), *out = start;

    *out++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            *out++ = '\\';
        *out++ = text.data[i] >= 0x20 && text.data[i] < 0x7f ? text.data[i] : '?';
    }
    *out++ = '"';
    return str_range(start, out);
}

static void filter(struct request *r)
{
    const struct limit_refusal *refusal = r->limit_refusal;
    struct pool *pool = request_pool(r);
    struct str name, policy;
    long long wait_s;

    if (refusal == NULL || (r->out.status != 429 && r->out.status != 503))
        return;
    name = quoted(pool, refusal->name);
    wait_s = MAX((refusal->wait_ms + 999) / 1000, SHORTEST_S);
    policy = refusal->window_s > 0
                 ? pool_printf(pool, "%" STR_FMT ";q=%lld;w=%lld", STR_ARG(name),
                               (long long)refusal->quota, (long long)refusal->window_s)
                 : pool_printf(pool, "%" STR_FMT ";q=%lld;qu=\"concurrent-requests\"",
                               STR_ARG(name), (long long)refusal->quota);
    request_add_field(r, STR("Retry-After"), pool_printf(pool, "%lld", wait_s), FIELD_OTHER);
    request_add_field(r, STR("RateLimit-Policy"), policy, FIELD_OTHER);
    request_add_field(r, STR("RateLimit"),
                      refusal->window_s > 0
                          ? pool_printf(pool, "%" STR_FMT ";r=0;t=%lld", STR_ARG(name), wait_s)
                          : pool_printf(pool, "%" STR_FMT ";r=0", STR_ARG(name)), FIELD_OTHER);
}

static const struct directive directives[] = {
    {.name = "limit_headers", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = FIELD(struct limit_headers_conf, on), .initial = "off",
     .doc = "Whether a response with status 429 or 503 that limit_req or limit_conn made says in "
            "Retry-After, RateLimit-Policy and RateLimit which limit that is and when to try "
            "again."},
};

const struct module limit_headers_module = {
    .name = "limit_headers",
    .doc = "What clients are told of limits that they have met.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct limit_headers_conf),
    .filter = filter, .index = &limit_headers_index,
    .idle_without = &limit_headers_module,
};
