/*
 * worker/upstream/server_line.c - the parameters of a `server` line.
 */
#include "worker/upstream/server_line.h"

#include "common/conf_value.h"

void server_line_init(struct upstream_server *s, struct str address)
{
    *s = (struct upstream_server){.text = address, .weight = 1, .max_fails = 1,
                                  .fail_timeout_s = 10};
}

static bool is(struct str word, const char *key, struct str *value)
{
    size_t len = strlen(key);

    if (word.len < len || memcmp(word.data, key, len) != 0)
        return false;
    *value = str_from(word, len);
    return true;
}

static bool read_count(struct str text, int64_t least, int64_t *out)
{
    return conf_int(text, out) && *out >= least && *out <= INT32_MAX;
}

static bool take_valued(struct upstream_server *s, struct str word, bool *good)
{
    struct str value;

    if (is(word, "weight=", &value))
        *good = read_count(value, 1, &s->weight);
    else if (is(word, "max_fails=", &value))
        *good = read_count(value, 0, &s->max_fails);
    else if (is(word, "fail_timeout=", &value))
        *good = conf_sec(value, &s->fail_timeout_s);
    else if (is(word, "slow_start=", &value))
        *good = conf_ms(value, &s->slow_start_ms);
    else if (is(word, "max_conns=", &value))
        *good = read_count(value, 0, &s->max_conns);
    else if (is(word, "route=", &s->route))
        *good = s->route.len > 0;
    else
        return false;
    return true;
}

const char *server_line_take(struct upstream_server *s, struct str word)
{
    static const struct {
        struct str word;
        size_t at;
    } flags[] = {
        {STR_INIT("backup"), offsetof(struct upstream_server, backup)},
        {STR_INIT("down"), offsetof(struct upstream_server, down)},
        {STR_INIT("drain"), offsetof(struct upstream_server, drain)},
        {STR_INIT("resolve"), offsetof(struct upstream_server, resolve)},
    };
    bool good;

    if (take_valued(s, word, &good))
        return good ? NULL : "invalid parameter";
    if (is(word, "service=", &s->service))
        return s->service.len > 0 ? NULL : "service is empty in";
    for (size_t i = 0; i < COUNT(flags); i++)
        if (str_eq(word, flags[i].word)) {
            *(bool *)(void *)((char *)s + flags[i].at) = true;
            return NULL;
        }
    return "invalid parameter";
}

/* A service without a dot is "_http._tcp." to be; other forms go before the name as they are. */
static struct str service_name(struct pool *pool, struct str service, struct str host)
{
    if (str_find(service, '.') < 0)
        return pool_printf(pool, "_%" STR_FMT "._tcp.%" STR_FMT, STR_ARG(service), STR_ARG(host));
    return pool_printf(pool, "%" STR_FMT ".%" STR_FMT, STR_ARG(service), STR_ARG(host));
}

static const char *complain(struct pool *pool, const char *head, const char *why, struct str text,
                            const char *tail)
{
    return pool_printf(pool, "%s%s upstream \"%" STR_FMT "\"%s", head, why, STR_ARG(text), tail)
        .data;
}

const char *server_line_name(struct pool *pool, struct upstream_server *s)
{
    struct addr addr;
    const char *why;

    if (s->service.len > 0 && !s->resolve)
        return complain(pool, "service", "", s->text, " requires \"resolve\" parameter");
    if (!addr_split(s->text, &s->lookup, &s->port, &why))
        return complain(pool, why, " in", s->text, "");
    if (s->service.len > 0 && s->port >= 0)
        return complain(pool, "service", "", s->text, " may not have port");
    s->resolve = s->resolve && !addr_parse(&addr, s->text, 80, &why);
    if (!s->resolve)
        return NULL;
    if (s->lookup.len == 0)
        return complain(pool, "no host", " in", s->text, "");
    if (s->service.len > 0)
        s->lookup = service_name(pool, s->service, s->lookup);
    s->port = s->service.len > 0 ? 0 : s->port < 0 ? 80 : s->port;
    return NULL;
}
