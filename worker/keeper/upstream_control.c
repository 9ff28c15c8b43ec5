/*
 * worker/keeper/upstream_control.c - changes to servers, from words to the zone.
 *
 * A command makes new changes of those that are there and writes them if nobody else has written
 * meanwhile (the keeper of another generation might); else it begins anew. Nothing is done half.
 */
#include "worker/keeper/upstream_control.h"

#include "common/clock.h"
#include "common/log.h"
#include "worker/event/timer.h"
#include "worker/keeper/keeper.h"
#include "worker/keeper/resolve_refresh.h"
#include "worker/keeper/state_file.h"
#include "worker/net/resolver_conf.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/changes.h"
#include "worker/upstream/moving.h"

#define TRIES        100
#define PRUNE_MS     90000 /* by then it is certain that our configuration serves */

struct edit {
    struct control_request *r;
    const struct upstream_group *group;
    struct array changes;      /* struct server_change, those that hold */
    struct array servers;      /* struct upstream_server, as they are */
    bool names;                /* servers that are asked for by name came or went */
    struct str line;           /* what the server is now; empty: gone */
    struct str begins;         /* the address of one that gets requests from now on */
};

static bool fail(struct control_request *r, const char *what, struct str word)
{
    fprintf(r->out, "%s \"%" STR_FMT "\"\n", what, STR_ARG(word));
    return false;
}

/* What is there ------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct upstream_server *s, struct pool *pool)
{
    return server_line_hash(server_line_text(s, pool));
}

/* Of the group as configured here. */
static bool holds(const struct upstream_group *group, const struct server_change *c,
                  struct pool *pool)
{
    bool known = false;

    EACH (const struct upstream_server, s, &group->servers) {
        if (!str_eq(s->text, c->address))
            continue;
        if (hash_of(s, pool) == c->over)
            return true;
        known = true;
    }
    return c->over == 0 && !known;
}

static bool same_address(struct str a, struct str b)
{
    struct addr x, y;
    const char *why;

    return str_eq(a, b) || (addr_parse(&x, a, 80, &why) && addr_parse(&y, b, 80, &why) &&
                            addr_eq(&x, &y));
}

static const struct upstream_server *find_server(const struct array *servers, struct str address)
{
    EACH (const struct upstream_server, s, servers)
        if (same_address(s->text, address))
            return s;
    return NULL;
}

/* The number of what it is made of. */
static uint64_t begin_edit(struct edit *e)
{
    uint64_t number;
    struct array all = changes_read(e->group, e->r->pool, &number);

    e->changes = array_of(struct server_change, e->r->pool);
    EACH (const struct server_change, c, &all)
        if (holds(e->group, c, e->r->pool))
            *(struct server_change *)array_push(&e->changes) = *c;
    e->servers = changes_apply(e->group, &e->changes, e->r->pool);
    return number;
}

/* Lines ---------------------------------------------------------------------------------------- */

/* What may stand in a state file as it is, and in our texts of changes. */
static bool is_plain(struct str word)
{
    for (size_t i = 0; i < word.len; i++)
        if (word.data[i] <= ' ' || word.data[i] >= 0x7f ||
            strchr("\"';{}\\#$", word.data[i]) != NULL)
            return false;
    return word.len > 0 && word.data[0] != '-';
}

static struct str key_of(struct str word)
{
    ssize_t at = str_find(word, '=');

    return at < 0 ? word : (struct str){word.data, (size_t)at};
}

static bool is_state(struct str word)
{
    return str_eq(word, STR("up")) || str_eq(word, STR("down")) || str_eq(word, STR("drain"));
}

/* The line with that word instead of others that say the same thing. */
static struct str with_word(struct pool *pool, struct str line, struct str word)
{
    struct str out = str_cut(&line, ' ');

    while (line.len > 0) {
        struct str other = str_cut(&line, ' ');

        if (is_state(word) ? is_state(other) : str_eq(key_of(other), key_of(word)))
            continue;
        out = pool_printf(pool, "%" STR_FMT " %" STR_FMT, STR_ARG(out), STR_ARG(other));
    }
    if (str_eq(word, STR("up")))
        return out;
    return pool_printf(pool, "%" STR_FMT " %" STR_FMT, STR_ARG(out), STR_ARG(word));
}

static bool may_be_set(struct str word)
{
    return !str_eq(word, STR("backup")) && !str_eq(word, STR("resolve")) &&
           !str_starts(word, STR("service="));
}

/* The line is one that this group could have. */
static bool check_line(const struct edit *e, struct str line)
{
    const struct upstream_group *g = e->group;
    struct upstream_server s;
    const char *why = server_line_read(&s, line, e->r->pool);

    if (why == NULL && s.backup && g->balancer->no_backup)
        why = "balancing method does not support parameter \"backup\"";
    if (why == NULL && s.slow_start_ms > 0 && g->balancer->no_slow_start)
        why = "balancing method does not support parameter \"slow_start\"";
    if (why == NULL && s.resolve && !s.unresolved && g->names->resolver == NULL)
        why = "no resolver defined to resolve names at run time";
    if (why != NULL)
        fprintf(e->r->out, "%s\n", why);
    return why == NULL;
}

/* From now on that is its line; empty: it is gone. In the place of `configured`, or nobody's. */
static void put(struct edit *e, const struct upstream_server *configured, struct str address,
                struct str line)
{
    struct pool *pool = e->r->pool;
    struct server_change new = {.address = address, .line = line};
    struct array kept = array_of(struct server_change, pool);
    bool as_configured = false;

    if (configured != NULL) {
        struct str text = server_line_text(configured, pool);

        new.address = configured->text;
        new.over = server_line_hash(text);
        as_configured = str_eq(text, line);
    }
    EACH (const struct server_change, c, &e->changes)
        if (!str_eq(c->address, new.address))
            *(struct server_change *)array_push(&kept) = *c;
    if (!as_configured && (line.len > 0 || configured != NULL))
        *(struct server_change *)array_push(&kept) = new;
    e->changes = kept;
    e->line = line;
}

static struct str line_of(const struct edit *e, const struct upstream_server *s)
{
    struct pool *pool = e->r->pool;
    uint64_t over = s->configured == NULL ? 0 : hash_of(s->configured, pool);
    const struct server_change *c = changes_find(&e->changes, s->text, over);

    return c != NULL ? c->line : server_line_text(s->configured, pool);
}

/* Commands: the words are upstream COMMAND NAME SERVER ... ------------------------------------ */

static const struct upstream_server *named_server(struct edit *e)
{
    const struct upstream_server *s = find_server(&e->servers, e->r->words[3]);

    if (s == NULL)
        fail(e->r, "there is no such server:", e->r->words[3]);
    else if (!is_plain(s->text))
        fail(e->r, "a server with such a name cannot be changed at run time:", s->text);
    else
        return s;
    return NULL;
}

static bool set(struct edit *e)
{
    const struct upstream_server *s = named_server(e);
    struct str line;

    if (s == NULL)
        return false;
    line = line_of(e, s);
    e->begins = s->down || s->drain ? s->text : STR_NONE;
    for (size_t i = 4; i < e->r->count; i++) {
        struct str word = e->r->words[i];

        if (!is_plain(word))
            return fail(e->r, "invalid parameter", word);
        if (!may_be_set(word))
            return fail(e->r, "remove the server and add it anew to change", word);
        line = with_word(e->r->pool, line, word);
    }
    if (!check_line(e, line))
        return false;
    put(e, s->configured, s->text, line);
    return true;
}

static struct str join(struct pool *pool, const struct str *words, size_t count)
{
    struct str line = words[0];

    for (size_t i = 1; i < count; i++)
        line = pool_printf(pool, "%" STR_FMT " %" STR_FMT, STR_ARG(line), STR_ARG(words[i]));
    return line;
}

/* One that was configured and removed comes back as what it was: elsewhere it cannot be. */
static bool fits_configured(struct edit *e, const struct upstream_server *configured,
                            const struct upstream_server *s)
{
    if (configured->backup == s->backup && str_eq(configured->service, s->service) &&
        (configured->unresolved || configured->resolve == s->resolve || s->unresolved))
        return true;
    return fail(e->r, "\"backup\", \"resolve\" and \"service\" must be as configured of",
                configured->text);
}

static bool add(struct edit *e)
{
    struct str address = e->r->words[3], line;
    const struct upstream_server *configured = find_server(&e->group->servers, address);
    struct upstream_server s;

    for (size_t i = 3; i < e->r->count; i++)
        if (!is_plain(e->r->words[i]))
            return fail(e->r, "invalid parameter", e->r->words[i]);
    if (find_server(&e->servers, address) != NULL)
        return fail(e->r, "there is already a server", address);
    line = join(e->r->pool, e->r->words + 3, e->r->count - 3);
    if (!check_line(e, line))
        return false;
    server_line_read(&s, line, e->r->pool);
    if (configured != NULL && !fits_configured(e, configured, &s))
        return false;
    e->names = s.resolve;
    e->begins = address;
    put(e, configured, address, line);
    return true;
}

static bool take_away(struct edit *e)
{
    const struct upstream_server *s = named_server(e);

    if (s == NULL)
        return false;
    e->names = s->resolve;
    put(e, s->configured, s->text, STR_NONE);
    return true;
}

/* Without a server: all of them. */
static bool reset(struct edit *e)
{
    struct array kept = array_of(struct server_change, e->r->pool);
    bool found = e->r->count == 3;

    EACH (const struct server_change, c, &e->changes)
        if (e->r->count == 3 || same_address(c->address, e->r->words[3]))
            found = true;
        else
            *(struct server_change *)array_push(&kept) = *c;
    if (!found)
        return fail(e->r, "nothing was changed of", e->r->words[3]);
    e->names = true;
    e->changes = kept;
    return true;
}

static const struct {
    struct str name;
    size_t least, most;        /* words, from "upstream" on */
    const char *usage;
    bool (*edit)(struct edit *e);
} edits[] = {
    {STR_INIT("set"), 5, CONTROL_WORDS_MAX, "set NAME SERVER up|down|drain|PARAMETER...", set},
    {STR_INIT("add"), 4, CONTROL_WORDS_MAX, "add NAME SERVER [PARAMETER...]", add},
    {STR_INIT("remove"), 4, 4, "remove NAME SERVER", take_away},
    {STR_INIT("reset"), 3, 4, "reset NAME [SERVER]", reset},
};

/* Writing -------------------------------------------------------------------------------------- */

/* Lines are plain: they need no escapes in JSON. `err`: of the state file. */
static void print_outcome(const struct edit *e, int err)
{
    if (e->r->json)
        fprintf(e->r->out, "{\"line\":\"%" STR_FMT "\",\"state_file\":\"%s\"}\n",
                STR_ARG(e->line), err == 0 ? "" : strerrordesc_np(err));
    else if (e->line.len > 0)
        fprintf(e->r->out, "server %" STR_FMT "\n", STR_ARG(e->line));
    if (!e->r->json && err != 0)
        fprintf(e->r->out, "warning: state file \"%" STR_FMT "\" cannot be written now: %s\n",
                STR_ARG(e->group->state), strerrordesc_np(err));
}

static void let_go_of(const struct upstream_group *group, const struct upstream_server *s)
{
    char text[ADDR_TEXT];
    struct str name = {text, 0};

    if (s->resolve) {
        moving_store(group, s, NULL, 0);
        return;
    }
    name.len = addr_print(&s->addrs->addrs[0], text, sizeof(text));
    peer_lock(group);
    peer_gone(group, name, s->backup);
    peer_unlock(group);
}

/* Records of servers that were added may be used for others. */
static void let_go(const struct edit *e)
{
    struct array now = changes_servers(e->group, e->r->pool);

    EACH (const struct upstream_server, s, &e->servers)
        if (server_is_new(s) && find_server(&now, s->text) == NULL)
            let_go_of(e->group, s);
}

/* With slow_start it gets its share little by little. */
static void begin_slowly(const struct edit *e)
{
    const struct upstream_group *v = moving_hold(e->group, e->r->pool);

    peer_lock(v);
    for (uint32_t i = 0; i < v->primaries + v->backups; i++) {
        const struct upstream_server *s = v->peers[i].server;

        if (s->slow_start_ms > 0 && same_address(s->text, e->begins))
            peer_begin_slowly(v, peer_state(&v->peers[i]));
    }
    peer_unlock(v);
}

static bool run_edit(struct control_request *r, const struct upstream_group *group,
                     bool (*edit)(struct edit *e))
{
    struct edit e = {.r = r, .group = group};
    enum rc rc = RC_AGAIN;

    for (int tries = TRIES; rc == RC_AGAIN && tries > 0; tries--) {
        uint64_t number = begin_edit(&e);

        if (!edit(&e))
            return false;
        rc = changes_write(group, &e.changes, number);
    }
    if (rc != RC_OK)
        return fail(r, "no room for more changes in zone", group->zone->name);
    let_go(&e);
    if (e.begins.len > 0)
        begin_slowly(&e);
    if (e.names)
        resolve_refresh_again();
    print_outcome(&e, state_file_write(group));
    return true;
}

/* Requests ------------------------------------------------------------------------------------- */

static bool usage(struct control_request *r, const char *text)
{
    fprintf(r->out, "usage: upstream %s\n", text);
    return false;
}

static const struct upstream_group *named_group(struct control_request *r)
{
    const struct upstream_group *group = upstream_find(r->gen, r->words[2]);

    if (group == NULL)
        fail(r, "there is no upstream", r->words[2]);
    return group;
}

static bool edit_named(struct control_request *r, size_t i)
{
    const struct upstream_group *group;

    if (r->count < edits[i].least || r->count > edits[i].most)
        return usage(r, edits[i].usage);
    group = named_group(r);
    return group != NULL && run_edit(r, group, edits[i].edit);
}

bool upstream_control(struct control_request *r)
{
    struct str command = r->count > 1 ? r->words[1] : STR_NONE;
    const struct upstream_group *group;

    if (str_eq(command, STR("list")))
        return r->count == 2 ? upstream_list(r) : usage(r, "list");
    if (str_eq(command, STR("show"))) {
        if (r->count != 3)
            return usage(r, "show NAME");
        group = named_group(r);
        return group != NULL && upstream_show(r, group);
    }
    for (size_t i = 0; i < COUNT(edits); i++)
        if (str_eq(command, edits[i].name))
            return edit_named(r, i);
    return usage(r, "list|show|set|add|remove|reset");
}

/* What no longer holds ------------------------------------------------------------------------- */

static const struct generation *served;
static struct timer prune;

/* A configuration that comes to have the same line again means what it says. */
static void prune_group(const struct upstream_group *group, struct pool *pool)
{
    struct control_request r = {.pool = pool};
    struct edit e = {.r = &r, .group = group};
    uint64_t number;
    size_t before = changes_read(group, pool, &number).count;

    if (before == 0)
        return;
    number = begin_edit(&e);
    if (e.changes.count < before)
        changes_write(group, &e.changes, number);
}

static void on_prune(struct timer *timer)
{
    const struct upstream_set *set = served->upstreams;
    struct pool *pool = pool_create(POOL_BLOCK);

    for (const struct upstream_group *g = set->first; g != NULL && keeper_may_act(); g = g->next)
        if (!g->implicit)
            prune_group(g, pool);
    pool_destroy(pool);
}

void upstream_control_start(const struct generation *gen)
{
    served = gen;
    prune.on_timer = on_prune;
    if (gen->upstreams == NULL)
        return;
    peer_attach(gen->upstreams, gen->number);
    state_file_start(gen);
    timer_set(&prune, PRUNE_MS);
}

void upstream_control_stop(void)
{
    timer_cancel(&prune);
    if (served->upstreams == NULL)
        return;
    state_file_stop();
    peer_detach();
}
