/*
 * worker/http/server_names.c - names of virtual servers, and finding the server for a Host.
 *
 * Wildcards are kept under the part that is fixed (".example.com", "mail."), so that a lookup tries
 * one table entry per label of the Host, longest first.
 */
#include "worker/http/server_names.h"

#include <unistd.h>

#include "common/generation.h"
#include "common/growing_map.h"
#include "worker/http/phase.h"
#include "worker/net/scope_regex.h"

struct server_names {
    struct growing_map exact;    /* "example.com" */
    struct growing_map suffix;   /* ".example.com" for *.example.com and .example.com */
    struct growing_map prefix;   /* "mail." for mail.* */
    size_t suffix_most, prefix_most; /* the longest of their keys: no longer part is looked up */
    struct array regexes;        /* struct server_name * */
    struct scope_regex_set regex_set; /* theirs */
};

static struct str lower_copy(struct pool *pool, struct str text)
{
    char *copy = pool_bytes(pool, text.len + 1);

    for (size_t i = 0; i < text.len; i++)
        copy[i] = ascii_lower(text.data[i]);
    copy[text.len] = '\0';
    return (struct str){copy, text.len};
}

/* Stars stand at the beginning before a dot, or at the end after one, and nowhere else. */
static bool well_formed(struct str name)
{
    ssize_t star = str_find(name, '*');

    if (name.len > 0 && name.data[0] == '.')
        return name.len > 1 && star < 0;
    if (star < 0)
        return true;
    if (star == 0)
        return name.len > 2 && name.data[1] == '.' && str_find(str_from(name, 1), '*') < 0;
    return star == (ssize_t)name.len - 1 && name.len > 2 && name.data[star - 1] == '.';
}

static bool add_name(struct conf_call *call, struct http_server *server, uint32_t arg)
{
    struct server_name *entry = array_push(&server->names);
    struct str text = conf_arg(call, arg);
    char host[256];

    entry->server = server;
    entry->node = call->node;
    if (text.len > 0 && text.data[0] == '~') {
        if (text.len == 1)
            return conf_fail_arg(call, arg, "empty regex in server name \"~\"");
        entry->text = text;
        entry->regex = scope_regex_load(call, arg, str_from(text, 1), true);
        return entry->regex != NULL;
    }
    if (str_eq(text, STR("$hostname")) && gethostname(host, sizeof(host)) == 0) {
        host[sizeof(host) - 1] = '\0';
        text = str_of(host);
    }
    entry->text = lower_copy(call->pool, text);
    if (!well_formed(entry->text))
        return conf_fail_arg(call, arg, "server name \"%" STR_FMT "\" is invalid", STR_ARG(text));
    if (str_find(text, '/') >= 0)
        conf_warn(call, "server name \"%" STR_FMT "\" has suspicious symbols", STR_ARG(text));
    return true;
}

bool server_names_load(struct conf_call *call, struct http_server *server)
{
    bool good = true;

    for (uint32_t i = 0; i < call->count; i++)
        good &= add_name(call, server, i);
    if (server->first_name.data == NULL && server->names.count > 0) {
        struct str first = ((struct server_name *)array_at(&server->names, 0))->text;

        server->first_name = first.len > 1 && first.data[0] == '.' ? str_from(first, 1) : first;
    }
    return good;
}

/* The first server to claim a name keeps it. */
static void claim(struct generation *gen, const struct http_address *a, struct growing_map *map,
                  struct str key, const struct server_name *name)
{
    void **place = growing_map_at(map, key);

    if (*place != NULL && *place != name->server)
        conf_warn_at(gen, name->node, "conflicting server name \"%" STR_FMT "\" on %" STR_FMT
                     ", ignored", STR_ARG(name->text), STR_ARG(a->spec->text));
    if (*place == NULL)
        *place = name->server;
}

static void claim_suffix(struct generation *gen, const struct http_address *a,
                         struct server_names *names, struct str key,
                         const struct server_name *name)
{
    claim(gen, a, &names->suffix, key, name);
    names->suffix_most = MAX(names->suffix_most, key.len);
}

static void add_to(struct generation *gen, const struct http_address *a, struct server_names *names,
                   struct server_name *name)
{
    struct str text = name->text;

    if (name->regex != NULL) {
        *(struct server_name **)array_push(&names->regexes) = name;
        scope_regex_set_add(&names->regex_set, name->regex);
    } else if (text.len > 0 && text.data[0] == '.') {
        claim(gen, a, &names->exact, str_from(text, 1), name);
        claim_suffix(gen, a, names, text, name);
    } else if (text.len > 0 && text.data[0] == '*') {
        claim_suffix(gen, a, names, str_from(text, 1), name);
    } else if (text.len > 0 && text.data[text.len - 1] == '*') {
        claim(gen, a, &names->prefix, (struct str){text.data, text.len - 1}, name);
        names->prefix_most = MAX(names->prefix_most, text.len - 1);
    } else {
        claim(gen, a, &names->exact, text, name);
    }
}

bool server_names_build(struct generation *gen, struct http_address *address)
{
    struct server_names *names = pool_zalloc(gen->pool, sizeof(*names));

    growing_map_init(&names->exact, gen->pool);
    growing_map_init(&names->suffix, gen->pool);
    growing_map_init(&names->prefix, gen->pool);
    names->regexes = array_of(struct server_name *, gen->pool);
    scope_regex_set_init(&names->regex_set, gen->pool);
    EACH (struct http_server *, server, &address->servers) {
        if ((*server)->names.count == 0) { /* as server_name "" */
            void **place = growing_map_at(&names->exact, STR(""));

            if (*place == NULL)
                *place = *server;
        }
        EACH (struct server_name, name, &(*server)->names)
            add_to(gen, address, names, name);
    }
    scope_regex_set_build(&names->regex_set);
    if (address->servers.count > 1 || names->regexes.count > 0)
        address->names = names;
    return true;
}

static struct http_server *find_suffix(const struct server_names *names, struct str host)
{
    struct http_server *server;
    size_t first = host.len > names->suffix_most ? host.len - names->suffix_most : 1;

    if (names->suffix.count == 0)
        return NULL;
    for (size_t i = first; i < host.len; i++) {
        if (host.data[i] == '.' &&
            (server = growing_map_find(&names->suffix, str_from(host, i))) != NULL)
            return server;
    }
    return NULL;
}

static struct http_server *find_prefix(const struct server_names *names, struct str host)
{
    struct http_server *server;

    if (names->prefix.count == 0)
        return NULL;
    for (size_t n = MIN(host.len, names->prefix_most); n > 1; n--) {
        if (host.data[n - 1] == '.' &&
            (server = growing_map_find(&names->prefix, (struct str){host.data, n})) != NULL)
            return server;
    }
    return NULL;
}

static struct http_server *find_regex(struct scope *scope, const struct server_names *names,
                                      struct str host)
{
    int64_t at;

    if (host.len == 0 || (at = scope_regex_set_match(scope, &names->regex_set, host)) < 0)
        return NULL;
    return (*(struct server_name **)array_at(&names->regexes, (size_t)at))->server;
}

struct http_server *server_names_find(struct scope *scope, const struct http_address *address,
                                      struct str host)
{
    const struct server_names *names = address->names;
    struct http_server *server;

    if (names == NULL)
        return address->first;
    if ((server = growing_map_find(&names->exact, host)) != NULL ||
        (server = find_suffix(names, host)) != NULL ||
        (server = find_prefix(names, host)) != NULL ||
        (server = find_regex(scope, names, host)) != NULL)
        return server;
    return address->first;
}
