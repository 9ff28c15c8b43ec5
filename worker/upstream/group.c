/*
 * worker/upstream/group.c - upstream blocks and implicit groups, from directives to lists of peers.
 */
#include "worker/upstream/group.h"

#include "common/conf_value.h"
#include "common/generation.h"
#include "worker/net/resolver_conf.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/breaker.h"
#include "worker/upstream/keepalive.h"
#include "worker/upstream/peer.h"
#include "worker/upstream/server_line.h"
#include "worker/upstream/sticky.h"

uint32_t upstream_index;

#define NAME_MAX_BYTES 320 /* of a group's name that count */

/* Groups --------------------------------------------------------------------------------------- */

static struct upstream_set *set_of(struct generation *gen)
{
    struct upstream_set *set = gen->upstreams;

    if (set == NULL) {
        set = gen->upstreams = pool_zalloc(gen->pool, sizeof(*set));
        set->last = &set->first;
        growing_map_init(&set->blocks, gen->pool);
        growing_map_init(&set->implicit, gen->pool);
    }
    return set;
}

/* Names count without case: the key is the lower-cased text, in memory of `room` bytes. */
static struct str key_of(struct str name, char *memory, size_t room)
{
    name.len = MIN(name.len, room);
    for (size_t i = 0; i < name.len; i++)
        memory[i] = ascii_lower(name.data[i]);
    return (struct str){memory, name.len};
}

static struct upstream_group *add_group(struct generation *gen, struct str name, bool implicit,
                                        const struct conf_node *node)
{
    struct upstream_set *set = set_of(gen);
    char *memory = pool_bytes(gen->pool, MIN(name.len, NAME_MAX_BYTES));
    struct upstream_group *group = pool_zalloc(gen->pool, sizeof(*group));

    group->name = name;
    group->implicit = implicit;
    group->node = node;
    *growing_map_at(implicit ? &set->implicit : &set->blocks,
                    key_of(name, memory, NAME_MAX_BYTES)) = group;
    group->id = set->groups++;
    group->servers = array_of(struct upstream_server, gen->pool);
    group->balancer = &round_robin;
    *set->last = group;
    set->last = &group->next;
    return group;
}

static struct upstream_group *find(const struct upstream_set *set, struct str name, bool implicit)
{
    char memory[NAME_MAX_BYTES];

    if (set == NULL)
        return NULL;
    return growing_map_find(implicit ? &set->implicit : &set->blocks,
                            key_of(name, memory, sizeof(memory)));
}

struct upstream_group *upstream_find(const struct generation *gen, struct str name)
{
    return find(gen->upstreams, name, false);
}

/* Where what holds for implicit groups is said: http. */
static const struct conf_scope *top_scope(const struct conf_scope *scope)
{
    while (scope->parent != NULL && scope->parent->conf[upstream_index] != NULL)
        scope = scope->parent;
    return scope;
}

/* "a" and "a:80" are the same when 80 is the default. */
static struct str with_port(struct pool *pool, struct str text, int default_port)
{
    struct str host;
    const char *why;
    int port;

    if (!addr_split(text, &host, &port, &why) || port >= 0 || str_starts(text, STR("unix:")))
        return text;
    return pool_printf(pool, "%" STR_FMT ":%d", STR_ARG(text), default_port);
}

/* A block's servers have ports, its name has none. */
static const char *port_of_block(struct conf_call *call, struct str text)
{
    struct str host;
    const char *why;
    int port;

    if (!addr_split(text, &host, &port, &why) || port < 0 ||
        upstream_find(call->gen, host) == NULL)
        return NULL;
    return pool_printf(call->pool, "upstream \"%" STR_FMT "\" may not have port %d", STR_ARG(host),
                       port).data;
}

struct upstream_group *upstream_group_for(struct conf_call *call, struct str text,
                                          int default_port, const char **why)
{
    struct upstream_group *group = upstream_find(call->gen, text);
    const struct conf_scope *top = top_scope(call->scope);
    struct upstream_server *server;
    struct addr_list *addrs;
    struct str name;

    if (group != NULL)
        return group;
    if ((*why = port_of_block(call, text)) != NULL)
        return NULL;
    name = with_port(call->pool, text, default_port);
    if ((group = find(call->gen->upstreams, name, true)) != NULL)
        return group;
    addrs = addr_list_add(call->gen, call->node, text, default_port, why);
    if (addrs == NULL)
        return NULL;
    addrs->whose = "upstream ";
    group = add_group(call->gen, name, true, call->node);
    group->conf = CONF(top, upstream_index, struct upstream_conf);
    group->breaker = breaker_of(top);
    group->names = CONF(top, resolver_index, struct resolver_conf);
    addrs->may_fail = group->conf->unresolved == UNRESOLVED_START;
    server = array_push(&group->servers);
    *server = (struct upstream_server){.text = text, .addrs = addrs, .weight = 1, .max_fails = 1,
                                       .fail_timeout_s = 10, .node = call->node};
    return group;
}

struct upstream_group *upstream_named(struct str name)
{
    const struct upstream_set *set = peer_attached();
    struct upstream_group *group = find(set, name, false);

    return group != NULL ? group : find(set, name, true);
}

struct upstream_group *upstream_group_of(struct pool *pool, struct str name,
                                         const struct addr *addrs, uint32_t count)
{
    static const struct upstream_conf no_keepalive;
    struct upstream_group *group = pool_zalloc(pool, sizeof(*group));
    struct upstream_server *server = pool_zalloc(pool, sizeof(*server));

    *server = (struct upstream_server){.text = name, .weight = 1, .max_fails = 1,
                                       .fail_timeout_s = 10};
    *group = (struct upstream_group){
        .name = name, .implicit = true, .single = count == 1, .primaries = count, .tries = count,
        .balancer = &in_order, .conf = &no_keepalive, .id = PEER_PASSING,
        .peers = pool_zalloc(pool, count * sizeof(struct peer)),
    };
    for (uint32_t i = 0; i < count; i++) {
        char *text = pool_bytes(pool, ADDR_TEXT);

        group->peers[i] = (struct peer){.addr = addrs[i], .server = server, .group = group,
                                        .id = PEER_PASSING,
                                        .name = {text, addr_print(&addrs[i], text, ADDR_TEXT)}};
    }
    return group;
}

/* Directives ----------------------------------------------------------------------------------- */

static bool open_upstream(struct conf_call *call)
{
    struct str name = conf_arg(call, 0);

    if (upstream_find(call->gen, name) != NULL)
        return conf_fail(call, "duplicate upstream \"%" STR_FMT "\"", STR_ARG(name));
    call->inner_owner = add_group(call->gen, name, false, call->node);
    return true;
}

static bool read_parameter(struct conf_call *call, uint32_t i, struct upstream_server *s)
{
    const struct upstream_group *group = call->scope->owner;
    const char *why = server_line_take(s, conf_arg(call, i));

    if (why != NULL) {
        conf_fail_arg(call, i, "%s \"%" STR_FMT "\"", why, STR_ARG(conf_arg(call, i)));
        return conf_hint(call, "takes: %s", call->directive->args);
    }
    if (s->backup && group->balancer->no_backup)
        return conf_fail_arg(call, i, "balancing method does not support parameter \"backup\"");
    if (s->slow_start_ms > 0 && group->balancer->no_slow_start)
        return conf_fail_arg(call, i,
                             "balancing method does not support parameter \"slow_start\"");
    return true;
}

static bool add_server(struct conf_call *call)
{
    struct upstream_group *group = call->scope->owner;
    struct upstream_server *server = array_push(&group->servers);
    const char *why;

    server_line_init(server, conf_arg(call, 0));
    server->node = call->node;
    for (uint32_t i = 1; i < call->count; i++)
        if (!read_parameter(call, i, server))
            return false;
    if ((why = server_line_name(call->pool, server)) != NULL)
        return conf_fail_arg(call, 0, "%s", why);
    group->scope = call->scope;
    group->counted |= server->max_conns > 0;
    group->moves |= server->resolve;
    if (server->resolve)
        return true;
    server->addrs = addr_list_add(call->gen, call->node, server->text, 80, &why);
    if (server->addrs == NULL)
        return conf_fail_arg(call, 0, "%s in upstream \"%" STR_FMT "\"", why,
                             STR_ARG(server->text));
    server->addrs->whose = "upstream ";
    return true;
}

static bool set_keepalive(struct conf_call *call)
{
    struct upstream_conf *conf = call->conf;

    conf->keepalive_local = call->count > 1;
    if (call->count > 1 && !str_eq(conf_arg(call, 1), STR("local")))
        return conf_fail_arg(call, 1, "invalid parameter \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 1)));
    return true;
}

static bool set_ntlm(struct conf_call *call)
{
    struct upstream_group *group = call->scope->owner;

    group->ntlm = true;
    return true;
}

static bool set_zone(struct conf_call *call)
{
    struct upstream_group *group = call->scope->owner;
    int64_t bytes = 0;
    const char *why;

    if (call->count > 1 && (!conf_size(conf_arg(call, 1), &bytes) || bytes < ZONE_MIN_BYTES)) {
        conf_fail_arg(call, 1, "invalid zone size \"%" STR_FMT "\"", STR_ARG(conf_arg(call, 1)));
        return conf_hint(call, "at least %dk", ZONE_MIN_BYTES / 1024);
    }
    group->zone = generation_zone(call->gen, conf_arg(call, 0), bytes, &peer_zone_kind, call->node,
                                  &why);
    return group->zone != NULL || conf_fail_arg(call, 0, "%s", why);
}

/* The loader has read the file's lines as if they stood here. */
static bool set_state(struct conf_call *call)
{
    struct upstream_group *group = call->scope->owner;
    struct temp_path *above = pool_zalloc(call->pool, sizeof(*above));

    group->state = conf_state_path(call->pool, call->gen->conf_dir, conf_arg(call, 0));
    for (const struct upstream_group *g = set_of(call->gen)->first; g != group; g = g->next)
        if (str_eq(g->state, group->state))
            return conf_fail_arg(call, 0, "state file \"%" STR_FMT "\" is that of upstream "
                                 "\"%" STR_FMT "\" already", STR_ARG(group->state),
                                 STR_ARG(g->name));
    group->scope = call->scope;
    above->path = (struct str){group->state.data, (size_t)str_rfind(group->state, '/')};
    above->path = pool_printf(call->pool, "%" STR_FMT "/", STR_ARG(above->path));
    above->node = call->node;
    above->as_found = true;
    *(struct temp_path **)array_push(&call->gen->paths) = above;
    return true;
}

/* All servers are in the state file, or none is. */
static bool is_consistent(struct conf_call *call, const struct upstream_group *group)
{
    EACH (const struct upstream_server, s, &group->servers)
        if (group->state.len > 0 && !str_eq(s->node->file->path, group->state))
            return conf_fail_at(call->gen, s->node,
                                "\"server\" cannot be beside \"state\" in upstream "
                                "\"%" STR_FMT "\"", STR_ARG(group->name)) ||
                   conf_hint_at(call->gen, "the state file has the servers: move them there");
    return true;
}

/* A block of an upstream has been read. */
static bool scope_done(struct conf_call *call)
{
    const struct upstream_conf *conf = call->conf;
    struct upstream_group *group = call->scope->owner;

    if (call->scope->kind != IN_UPSTREAM)
        return true;
    EACH (struct upstream_server, s, &group->servers)
        if (s->addrs != NULL)
            s->addrs->may_fail = conf->unresolved == UNRESOLVED_START;
    return is_consistent(call, group);
}

/* Loading ends --------------------------------------------------------------------------------- */

static uint32_t count_peers(const struct upstream_group *group, bool backup)
{
    uint32_t count = 0;

    EACH (struct upstream_server, s, &group->servers)
        count += s->backup == backup && !s->resolve ? s->addrs->count : 0;
    return count;
}

static struct peer *add_peers(struct pool *pool, struct upstream_group *group, struct peer *peer,
                              bool backup)
{
    EACH (struct upstream_server, s, &group->servers) {
        for (uint32_t i = 0; s->backup == backup && !s->resolve && i < s->addrs->count;
             i++, peer++) {
            char *text = pool_bytes(pool, ADDR_TEXT);

            peer->addr = s->addrs->addrs[i];
            peer->name = (struct str){text, addr_print(&peer->addr, text, ADDR_TEXT)};
            peer->server = s;
            peer->group = group;
            group->tries += !s->down;
        }
    }
    return peer;
}

/* A name that was not found goes on being asked for. */
static void take_unresolved(struct generation *gen, struct upstream_group *group)
{
    EACH (struct upstream_server, s, &group->servers) {
        const char *why;

        if (s->resolve || s->addrs->count > 0)
            continue;
        conf_warn_at(gen, s->node,
                     "host not found in upstream \"%" STR_FMT "\": we start without it and go on "
                     "asking", STR_ARG(s->text));
        must(addr_split(s->text, &s->lookup, &s->port, &why));
        s->port = s->port < 0 ? s->addrs->default_port : s->port;
        s->resolve = s->unresolved = group->moves = true;
    }
}

/* Names of this machine are nobody else's (RFC 6761, 6.3). */
static bool is_local_name(struct str name)
{
    static const char suffix[] = ".localhost";

    if (name.len > 0 && name.data[name.len - 1] == '.')
        name.len--;
    return str_eq_nocase(name, STR("localhost")) ||
           (name.len >= strlen(suffix) &&
            str_eq_nocase(str_from(name, name.len - strlen(suffix)), str_of(suffix)));
}

static bool is_name(const struct upstream_server *s)
{
    struct addr addr;
    const char *why;

    return !str_starts(s->text, STR("unix:")) && !addr_parse(&addr, s->text, 80, &why);
}

/* A name that was found is asked for again, where there is somebody to ask. */
static void take_followed(struct upstream_group *group)
{
    if (group->names == NULL || group->names->resolver == NULL || !group->conf->reresolve)
        return;
    EACH (struct upstream_server, s, &group->servers) {
        const char *why;

        if (s->resolve || !is_name(s))
            continue;
        must(addr_split(s->text, &s->lookup, &s->port, &why));
        if (is_local_name(s->lookup))
            continue;
        s->port = s->port < 0 ? s->addrs->default_port : s->port;
        s->follows = group->follows = true;
    }
}

static bool may_move(struct generation *gen, const struct upstream_group *group)
{
    bool asked = false;

    EACH (struct upstream_server, s, &group->servers)
        asked |= s->resolve && !s->unresolved;
    if (!asked || group->names->resolver != NULL)
        return true;
    conf_fail_at(gen, group->node, "no resolver defined to resolve names at run time in upstream "
                                   "\"%" STR_FMT "\"", STR_ARG(group->name));
    return false;
}

/* What is known of its peers at load. A group that moves gets the rest at run time. */
static void finish_peers(struct generation *gen, struct upstream_set *set,
                         struct upstream_group *group)
{
    group->peers = pool_zalloc(gen->pool,
                               (group->primaries + group->backups) * sizeof(struct peer));
    add_peers(gen->pool, group, add_peers(gen->pool, group, group->peers, false), true);
    for (uint32_t i = 0; i < group->primaries + group->backups; i++)
        group->peers[i].id = set->peers++;
}

static bool finish_group(struct generation *gen, struct upstream_set *set,
                         struct upstream_group *group)
{
    if (group->servers.count == 0 && group->state.len == 0)
        return conf_fail_at(gen, group->node, "no servers are inside upstream");
    if (group->scope != NULL) {
        group->conf = CONF(group->scope, upstream_index, struct upstream_conf);
        group->names = CONF(group->scope, resolver_index, struct resolver_conf);
        group->breaker = breaker_of(group->scope);
    }
    take_unresolved(gen, group);
    take_followed(group);
    group->primaries = count_peers(group, false);
    group->backups = count_peers(group, true);
    if (group->primaries == 0 && !group->moves && group->state.len == 0)
        return conf_fail_at(gen, group->node, "no servers in upstream \"%" STR_FMT "\"",
                            STR_ARG(group->name));
    if (group->moves && !may_move(gen, group))
        return false;
    set->moves |= group->moves;
    set->follows |= group->follows;
    group->single = group->primaries == 1 && group->backups == 0 && !group->moves;
    finish_peers(gen, set, group);
    if (group->sticky != NULL)
        sticky_name_peers(gen->pool, group);
    group->counted |= group->balancer->counted && !group->single;
    if (group->balancer->build != NULL && !group->moves && group->primaries > 0)
        group->balancer->build(gen->pool, group);
    return group->breaker == NULL || breaker_check(gen, group);
}

/* Of servers that are resolved at run time. */
#define PEERS_PER_NAME 32
#define PEERS_UNFOUND  8   /* of a name that may not be found at load, whether it was or not */
#define PEERS_FOLLOWED 4   /* more than there were at load */
#define HISTORY_ROOM   512 /* that a struct peer_history takes, as a piece of a slab */
_Static_assert(sizeof(struct peer_history) <= HISTORY_ROOM, "room of a history");

static uint32_t expected_peers(const struct upstream_group *group)
{
    bool may_lack = group->conf != NULL && group->conf->unresolved == UNRESOLVED_START;
    uint32_t count = 0;

    EACH (struct upstream_server, s, &group->servers) {
        uint32_t loaded = s->addrs == NULL ? 0 : s->addrs->count;

        if (s->resolve && !s->unresolved)
            count += PEERS_PER_NAME;
        else if (may_lack && is_name(s))
            count += MAX(loaded, PEERS_UNFOUND);
        else
            count += loaded + (s->follows ? PEERS_FOLLOWED : 0);
    }
    return count;
}

/* Peers without a zone of their own, in steps that a reload seldom crosses: another size is another
   zone, and an empty one. Memory is taken when it is touched. */
static bool declare_zone(struct generation *gen, struct upstream_set *set, uint32_t peers,
                         uint32_t histories)
{
    int64_t bytes = 1024 * 1024;
    const char *why;

    while (bytes < peer_zone_bytes(peers) * 4 || bytes < 3 * (int64_t)histories * HISTORY_ROOM)
        bytes *= 4;
    set->zone = generation_zone(gen, STR("weir:upstreams"), bytes, &peer_zone_kind,
                                set->first->node, &why);
    return set->zone != NULL || conf_fail_at(gen, set->first->node, "%s", why);
}

static bool load_done(struct generation *gen)
{
    struct upstream_set *set = gen->upstreams;
    uint32_t homeless = 0, histories = 0;
    bool good = true;

    if (set == NULL)
        return true;
    for (struct upstream_group *group = set->first; group != NULL; group = group->next) {
        good &= finish_group(gen, set, group);
        if (group->zone != NULL)
            continue;
        homeless += expected_peers(group) + 1;
        histories += (group->breaker != NULL ? expected_peers(group) : 0) + 1;
    }
    if (!good || homeless == 0)
        return good;
    if (!declare_zone(gen, set, homeless, histories))
        return false;
    for (struct upstream_group *group = set->first; group != NULL; group = group->next)
        if (group->zone == NULL)
            group->zone = set->zone;
    return true;
}

static const struct word unresolved_words[] = {
    {"fail", UNRESOLVED_FAIL}, {"start", UNRESOLVED_START}, {NULL, 0},
};

#define F(member) FIELD(struct upstream_conf, member)

static const struct directive directives[] = {
    {.name = "upstream", .where = IN_HTTP, .args = "name { }", .opens = IN_UPSTREAM,
     .apply = open_upstream, .repeat = true,
     .doc = "Origins that share the requests passed to this name."},
    {.name = "server", .where = IN_UPSTREAM,
     .args = "address [weight=number] [max_conns=number] [max_fails=number] [fail_timeout=time] "
             "[slow_start=time] [backup] [down] [drain] [route=string] [resolve] [service=name]",
     .apply = add_server, .repeat = true,
     .doc = "An origin: a name or address with an optional port, or unix:path. With \"resolve\" "
            "the name is looked up again whenever its addresses may have changed; with "
            "\"service\" too, its SRV records are. With \"drain\" it gets no requests but those "
            "that \"sticky\" binds to it. With \"slow_start\", when it is well again after it "
            "was not, its weight rises from nothing to what is configured within that time."},
    {.name = "upstream_unresolved", .where = IN_HTTP | IN_UPSTREAM, .args = "start|fail",
     .value = VALUE_ENUM, .field = F(unresolved), .words = unresolved_words, .initial = "fail",
     .doc = "Whether a name in an upstream or a proxy_pass that is not found stops the start. With "
            "\"start\" there is a warning, and the name is asked for until it is found: by the "
            "resolver if one is given, else as the rest of the machine does."},
    {.name = "upstream_reresolve", .where = IN_HTTP | IN_UPSTREAM, .args = "on|off",
     .value = VALUE_FLAG, .field = F(reresolve), .initial = "on",
     .doc = "Whether names in an upstream or a proxy_pass go on being looked up, as long as their "
            "records say, where there is a resolver, without \"resolve\" too. Only a resolver that "
            "agrees with what the machine found at load is believed, and its silence, its errors "
            "and its ignorance change nothing."},
    {.name = "zone", .where = IN_UPSTREAM, .args = "name [size]", .apply = set_zone,
     .doc = "The shared memory that holds the state of the group's servers. Without it, all groups "
            "share one that sizes itself."},
    {.name = "state", .where = IN_UPSTREAM, .args = "file", .apply = set_state,
     .doc = "A file with the group's \"server\" lines, which \"weir ctl upstream\" changes: what "
            "it changed holds over a restart too. The workers' user must be able to write to its "
            "directory. It need not be there, and no server may stand in the block."},
    {.name = "keepalive", .where = IN_UPSTREAM, .args = "connections [local]", .value = VALUE_INT,
     .field = F(keepalive), .max = INT32_MAX, .initial = "32 local", .apply = set_keepalive,
     .doc = "How many idle connections to the group each worker keeps. With \"local\", a "
            "connection is used again only from the location that opened it."},
    {.name = "ntlm", .where = IN_UPSTREAM, .args = "", .apply = set_ntlm,
     .doc = "Requests with an Authorization of NTLM or Negotiate bind the origin's connection to "
            "the client's: nobody else uses it, and the client uses no other."},
    {.name = "keepalive_timeout", .where = IN_UPSTREAM, .args = "timeout", .value = VALUE_MS,
     .field = F(keepalive_timeout_ms), .initial = "60s",
     .doc = "How long an idle connection to an origin is kept."},
    {.name = "keepalive_time", .where = IN_UPSTREAM, .args = "time", .value = VALUE_MS,
     .field = F(keepalive_time_ms), .initial = "1h",
     .doc = "A connection to an origin older than this is not used again."},
    {.name = "keepalive_requests", .where = IN_UPSTREAM, .args = "number", .value = VALUE_INT,
     .field = F(keepalive_requests), .initial = "1000",
     .doc = "A connection to an origin that served so many requests is not used again."},
};

const struct module upstream_module = {
    .name = "upstream",
    .doc = "Groups of origins, their state and the idle connections to them.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .conf_size = sizeof(struct upstream_conf),
    .scope_done = scope_done,
    .load_done = load_done,
    .worker_start = peer_worker_start,
    .worker_stop = peer_worker_stop,
    .index = &upstream_index,
};
