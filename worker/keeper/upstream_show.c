/*
 * worker/keeper/upstream_show.c - how the servers of an upstream block are, in columns or as JSON.
 *
 * A line for each address. In columns no field is empty or has a blank in it.
 */
#include "common/clock.h"
#include "worker/keeper/upstream_control.h"
#include "worker/upstream/changes.h"
#include "worker/upstream/moving.h"
#include "worker/upstream/peer_use.h"

/* What is known of one peer. */
struct sight {
    const struct peer *peer;
    const struct peer_state *state;
    const char *what;          /* its state in a word */
    uint32_t uses;
    uint64_t requests, faults, answers[5], sent, received;
};

static uint64_t load(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

/* max_fails were reached, and fail_timeout is not over. */
static bool is_left_alone(const struct peer *peer, const struct peer_state *s)
{
    const struct upstream_server *server = peer->server;

    return !peer->group->single && server->max_fails > 0 && s->fails >= server->max_fails &&
           clock_mono_ms / 1000 - s->checked_s <= server->fail_timeout_s;
}

static const char *word_for(const struct peer *peer, const struct peer_state *s, uint32_t uses)
{
    uint32_t bars = atomic_load_explicit(&s->bars, memory_order_relaxed);

    if (peer->server->down)
        return "down";
    if (peer->server->drain)
        return uses > 0 ? "drain" : "drained";
    if (peer_is_barred(peer, s))
        return bars & BAR_UNHEALTHY ? "unhealthy" : bars & BAR_CHECKING ? "checking" : "tripped";
    return is_left_alone(peer, s) ? "failed" : "up";
}

static struct sight look(const struct upstream_group *group, const struct peer *peer)
{
    const struct peer_state *s = peer_state(peer);
    struct sight sight = {.peer = peer, .state = s, .uses = peer_uses(group, s),
                          .requests = load(&s->counts.requests),
                          .faults = load(&s->counts.faults), .sent = load(&s->counts.sent),
                          .received = load(&s->counts.received)};

    for (int i = 0; i < 5; i++)
        sight.answers[i] = load(&s->counts.answers[i]);
    sight.what = word_for(peer, s, sight.uses);
    return sight;
}

/* When a check or a try last said something, in seconds from now; -1: never. */
static int64_t checked_ago(const struct peer_state *s)
{
    int64_t at_ms = MAX(s->health.checked_ms, s->checked_s * 1000);

    return at_ms == 0 ? -1 : MAX(clock_mono_ms - at_ms, 0) / 1000;
}

static const char *source_of(const struct upstream_server *s)
{
    return s->changed ? "ctl" : s->resolve ? "dns" : "config";
}

/* JSON ----------------------------------------------------------------------------------------- */

static void print_text(FILE *out, struct str text)
{
    fputc('"', out);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c < ' ' || c == 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fprintf(out, c == '"' || c == '\\' ? "\\%c" : "%c", c);
    }
    fputc('"', out);
}

static void print_member(FILE *out, const char *name, struct str value)
{
    fprintf(out, "\"%s\":", name);
    print_text(out, value);
    fputc(',', out);
}

static void print_json(FILE *out, const struct sight *s)
{
    const struct upstream_server *server = s->peer->server;

    fputc('{', out);
    print_member(out, "server", server->text);
    print_member(out, "address", s->peer->name);
    print_member(out, "state", str_of(s->what));
    print_member(out, "source", str_of(source_of(server)));
    fprintf(out, "\"backup\":%s,\"weight\":%lld,\"max_conns\":%lld,\"active\":%u,",
            server->backup ? "true" : "false", (long long)server->weight,
            (long long)server->max_conns, s->uses);
    fprintf(out, "\"requests\":%llu,\"responses\":{", (unsigned long long)s->requests);
    for (int i = 0; i < 5; i++)
        fprintf(out, "%s\"%dxx\":%llu", i > 0 ? "," : "", i + 1,
                (unsigned long long)s->answers[i]);
    fprintf(out, "},\"faults\":%llu,\"sent\":%llu,\"received\":%llu,\"fails\":%u,",
            (unsigned long long)s->faults, (unsigned long long)s->sent,
            (unsigned long long)s->received, s->state->fails);
    fprintf(out, "\"checks\":%u,\"checks_failed\":%u,\"unhealthy\":%u,\"last_check_s\":%lld}",
            s->state->health.checks, s->state->health.fails, s->state->health.unhealthy,
            (long long)checked_ago(s->state));
}

/* Columns -------------------------------------------------------------------------------------- */

#define ROW "%-*s %-*s %-9s %6s %6s %10s %8s %8s %8s %8s %8s %6s %7s %s%s\n"

static void print_head(FILE *out, int server, int address)
{
    fprintf(out, ROW, server, "SERVER", address, "ADDRESS", "STATE", "WEIGHT", "ACTIVE",
            "REQUESTS", "2XX", "3XX", "4XX", "5XX", "FAULTS", "FAILS", "CHECKED", "SOURCE",
            "");
}

static const char *number(char out[24], uint64_t n)
{
    snprintf(out, 24, "%llu", (unsigned long long)n);
    return out;
}

static void print_row(FILE *out, struct pool *pool, const struct sight *s, int server, int address)
{
    const struct upstream_server *line = s->peer->server;
    int64_t ago = checked_ago(s->state);
    char n[9][24], checked[24] = "-";

    if (ago >= 0)
        snprintf(checked, sizeof(checked), "%llds", (long long)ago);
    fprintf(out, ROW, server, pool_cstr(pool, line->text), address, pool_cstr(pool, s->peer->name),
            s->what, number(n[0], (uint64_t)line->weight), number(n[1], s->uses),
            number(n[2], s->requests), number(n[3], s->answers[1]), number(n[4], s->answers[2]),
            number(n[5], s->answers[3]), number(n[6], s->answers[4]), number(n[7], s->faults),
            number(n[8], s->state->fails), checked, source_of(line),
            line->backup ? ", backup" : "");
}

/* Groups --------------------------------------------------------------------------------------- */

static uint32_t peers_in(const struct upstream_group *v)
{
    return v->primaries + v->backups;
}

static bool has_peer(const struct upstream_group *v, const struct upstream_server *s)
{
    for (uint32_t i = 0; i < peers_in(v); i++)
        if (str_eq(v->peers[i].server->text, s->text))
            return true;
    return false;
}

static void show_columns(struct control_request *r, const struct upstream_group *v)
{
    int server = 9, address = 9;

    for (uint32_t i = 0; i < peers_in(v); i++) {
        server = MAX(server, (int)v->peers[i].server->text.len);
        address = MAX(address, (int)v->peers[i].name.len);
    }
    print_head(r->out, server, address);
    for (uint32_t i = 0; i < peers_in(v); i++) {
        struct sight sight = look(v, &v->peers[i]);

        print_row(r->out, r->pool, &sight, server, address);
    }
    EACH (const struct upstream_server, s, &v->servers)
        if (!has_peer(v, s))
            fprintf(r->out, "%-*" STR_FMT " %-*s unresolved\n", server, STR_ARG(s->text), address,
                    "-");
}

static void show_json(struct control_request *r, const struct upstream_group *v)
{
    fputc('{', r->out);
    print_member(r->out, "name", v->name);
    fputs("\"servers\":[", r->out);
    for (uint32_t i = 0; i < peers_in(v); i++) {
        struct sight sight = look(v, &v->peers[i]);

        fputs(i > 0 ? "," : "", r->out);
        print_json(r->out, &sight);
    }
    fputs("],\"unresolved\":[", r->out);
    for (size_t i = 0, n = 0; i < v->servers.count; i++) {
        const struct upstream_server *s = array_at(&v->servers, i);

        if (has_peer(v, s))
            continue;
        fputs(n++ > 0 ? "," : "", r->out);
        print_text(r->out, s->text);
    }
    fputs("]}\n", r->out);
}

bool upstream_show(struct control_request *r, const struct upstream_group *group)
{
    const struct upstream_group *v = moving_hold(group, r->pool);

    if (r->json)
        show_json(r, v);
    else
        show_columns(r, v);
    return true;
}

/* The list ------------------------------------------------------------------------------------- */

struct summary {
    struct str name;
    uint32_t peers, up, uses, changes;
};

static struct summary sum_up(const struct upstream_group *group, struct pool *pool)
{
    const struct upstream_group *v = moving_hold(group, pool);
    struct summary s = {.name = group->name, .peers = peers_in(v)};

    s.changes = (uint32_t)changes_read(group, pool, NULL).count;
    for (uint32_t i = 0; i < peers_in(v); i++) {
        struct sight sight = look(v, &v->peers[i]);

        s.up += str_eq(str_of(sight.what), STR("up"));
        s.uses += sight.uses;
    }
    return s;
}

static void list_one(struct control_request *r, const struct upstream_group *g, int width,
                     bool first)
{
    struct summary s = sum_up(g, r->pool);

    if (!r->json) {
        fprintf(r->out, "%-*s %6u %6u %6u %7u\n", width, pool_cstr(r->pool, s.name), s.peers, s.up,
                s.uses, s.changes);
        return;
    }
    fputs(first ? "{" : ",{", r->out);
    print_member(r->out, "name", s.name);
    fprintf(r->out, "\"peers\":%u,\"up\":%u,\"active\":%u,\"changes\":%u}", s.peers, s.up, s.uses,
            s.changes);
}

bool upstream_list(struct control_request *r)
{
    const struct upstream_set *set = r->gen->upstreams;
    const struct upstream_group *all = set == NULL ? NULL : set->first;
    bool first = true;
    int width = 4;

    for (const struct upstream_group *g = all; g != NULL; g = g->next)
        width = g->implicit ? width : MAX(width, (int)g->name.len);
    if (r->json)
        fputc('[', r->out);
    else
        fprintf(r->out, "%-*s %6s %6s %6s %7s\n", width, "NAME", "PEERS", "UP", "ACTIVE",
                "CHANGES");
    for (const struct upstream_group *g = all; g != NULL; g = g->next) {
        if (g->implicit)
            continue;
        list_one(r, g, width, first);
        first = false;
    }
    fputs(r->json ? "]\n" : "", r->out);
    return true;
}
