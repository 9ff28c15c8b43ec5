/*
 * worker/upstream/breaker.c - breakers and outliers.
 *
 * Closed: every judged try is counted, with relaxed atomics only. An error may trip the breaker, by
 * the row it ends or by the share it adds to; the first count in a new tenth of the window looks
 * whether the peer deviates from the others of its group. Open: nothing goes there until the time
 * is over; then one request at a time is let in as a probe, and only probes are judged. Enough good
 * ones close it; a bad one opens it for twice the time. The time starts anew with a peer that was
 * left closed for as long as the longest time.
 */
#include "worker/upstream/breaker.h"

#include <stdio.h>

#include "common/booking.h"
#include "common/clock.h"
#include "common/conf_load.h"
#include "common/conf_value.h"
#include "common/generation.h"
#include "common/log.h"
#include "common/module.h"
#include "worker/upstream/dial.h"

#define MEAN_MARGIN_MS 10 /* a mean that is less above the others' is nobody's fault */

static uint32_t breaker_index;

/* Bars ----------------------------------------------------------------------------------------- */

/* Those that mean something in its group. */
static uint32_t bars_of(const struct peer *peer)
{
    uint32_t bars = atomic_load_explicit(&peer_state(peer)->bars, memory_order_relaxed);

    return peer->group->checks != NULL ? bars : bars & ~(uint32_t)BARS_OF_CHECKS;
}

struct headcount {
    uint32_t all, barred;
};

/* Of the group's servers that are not `down`: how many have an open breaker? */
static struct headcount count_barred(const struct upstream_group *group)
{
    struct headcount n = {0};

    for (uint32_t i = 0; i < group->primaries + group->backups; i++) {
        const struct peer *peer = &group->peers[i];

        if (peer->server->down)
            continue;
        n.all++;
        n.barred += (bars_of(peer) & BAR_BREAKER) != 0;
    }
    return n;
}

/* Worked out once a millisecond at most. A lone server's breaker is always obeyed. */
static bool is_panic(const struct upstream_group *group)
{
    struct group_live *live = peer_group_live(group);
    struct headcount n;

    if (live->panic_ms == clock_mono_ms)
        return live->panic;
    n = count_barred(group);
    live->panic_ms = clock_mono_ms;
    live->panic = group->breaker->panic_percent > 0 && n.all > 1 &&
                  (int64_t)n.barred * 100 > group->breaker->panic_percent * (int64_t)n.all;
    return live->panic;
}

static bool is_due(const struct peer *peer, const struct peer_state *state)
{
    const struct peer_history *h = peer_history(peer);

    return state->probes == 0 &&
           clock_mono_ms >= atomic_load_explicit(&h->open_until_ms, memory_order_relaxed);
}

bool breaker_lets_in(const struct peer *peer, const struct peer_state *state)
{
    if (bars_of(peer) != BAR_BREAKER || peer->group->breaker == NULL)
        return false;
    return is_due(peer, state) || is_panic(peer->group);
}

bool breaker_chosen(const struct peer *peer, struct booking **booking)
{
    struct peer_state *state = peer_state(peer);

    *booking = NULL;
    if (!(bars_of(peer) & BAR_BREAKER) || !is_due(peer, state))
        return false;
    *booking = peer_book(peer, &state->probes);
    return true;
}

void breaker_probe_ends(const struct peer *peer, struct booking *booking)
{
    peer_lock(peer->group);
    peer_unbook(peer, booking, &peer_state(peer)->probes);
    peer_unlock(peer->group);
}

bool breaker_refuses(const struct upstream_group *group)
{
    if (group->breaker == NULL)
        return false;
    for (uint32_t i = 0; i < group->primaries + group->backups; i++)
        if (!group->peers[i].server->down && bars_of(&group->peers[i]) == BAR_BREAKER)
            return true;
    return false;
}

/* Trips ---------------------------------------------------------------------------------------- */

#define WHY_ROOM 128

/* Under the lock. Milliseconds that it is open for. */
static int64_t open_up(const struct breaker_conf *conf, const struct peer *peer)
{
    struct peer_history *h = peer_history(peer);
    int64_t ms = conf->open_ms;

    if (clock_mono_ms - h->closed_ms > conf->most_ms)
        h->trips = 0;
    for (uint32_t i = 0; i < h->trips && ms < conf->most_ms; i++)
        ms *= 2;
    ms = MIN(ms, conf->most_ms);
    h->trips++;
    h->passes = 0;
    atomic_store_explicit(&h->open_until_ms, clock_mono_ms + ms, memory_order_relaxed);
    return ms;
}

static void tell_opened(const struct peer *peer, int64_t ms, const char *why, struct log *log)
{
    log_error(log, LOG_WARN, 0,
              "breaker of upstream server %" STR_FMT " in \"%" STR_FMT "\" opened for %lldms: %s",
              STR_ARG(peer->name), STR_ARG(peer->group->name), (long long)ms, why);
}

/* `outlier`: may it bar one more of the group? One at least. */
static bool may_eject(const struct upstream_group *group)
{
    struct headcount n = count_barred(group);

    return n.all > 1 && (n.barred == 0 || (int64_t)(n.barred + 1) * 100 <=
                                              group->breaker->max_ejected * (int64_t)n.all);
}

static void trip(const struct peer *peer, bool ejected, const char *why, struct log *log)
{
    int64_t ms = 0;

    peer_lock(peer->group);
    if (!(bars_of(peer) & BAR_BREAKER) && (!ejected || may_eject(peer->group))) {
        ms = open_up(peer->group->breaker, peer);
        peer_bar(peer->group, peer_state(peer), BAR_BREAKER, true);
    }
    peer_unlock(peer->group);
    if (ms > 0)
        tell_opened(peer, ms, why, log);
}

static void close_again(const struct peer *peer)
{
    struct peer_history *h = peer_history(peer);

    h->closed_ms = clock_mono_ms;
    atomic_store_explicit(&h->row, 0, memory_order_relaxed);
    trend_forget(&h->trend);
    peer_bar(peer->group, peer_state(peer), BAR_BREAKER, false);
}

/* A probe's outcome. One whose breaker was closed or opened anew meanwhile says nothing. */
static void judge_probe(const struct peer *peer, bool bad, struct log *log)
{
    struct peer_history *h = peer_history(peer);
    const struct breaker_conf *conf = peer->group->breaker;
    bool barred, closed = false;
    int64_t ms = 0;

    peer_lock(peer->group);
    barred = (bars_of(peer) & BAR_BREAKER) != 0;
    if (barred && bad) {
        h->closed_ms = clock_mono_ms; /* it is not, but counts as a trip that follows on another */
        ms = open_up(conf, peer);
    } else if (barred) {
        closed = ++h->passes >= conf->passes;
        if (closed)
            close_again(peer);
    }
    peer_unlock(peer->group);
    if (ms > 0)
        tell_opened(peer, ms, "a probe failed", log);
    if (closed)
        log_error(log, LOG_NOTICE, 0,
                  "breaker of upstream server %" STR_FMT " in \"%" STR_FMT "\" closed",
                  STR_ARG(peer->name), STR_ARG(peer->group->name));
}

/* Counting ------------------------------------------------------------------------------------- */

/* An error was counted: is that enough? */
static bool is_enough(const struct breaker_conf *conf, const struct peer_history *h, uint32_t row,
                      char why[WHY_ROOM])
{
    struct trend_sum sum;

    if (conf->consecutive > 0 && row >= conf->consecutive) {
        snprintf(why, WHY_ROOM, "%u errors in a row", row);
        return true;
    }
    if (conf->percent == 0)
        return false;
    sum = trend_total(&h->trend, clock_mono_ms, conf->window_ms);
    if (sum.all < (uint64_t)conf->least || sum.bad * 100 < sum.all * (uint64_t)conf->percent)
        return false;
    snprintf(why, WHY_ROOM, "%llu errors among %llu requests", (unsigned long long)sum.bad,
             (unsigned long long)sum.all);
    return true;
}

/* All other servers of the group that get requests. */
static struct trend_sum total_of_others(const struct peer *peer)
{
    const struct upstream_group *g = peer->group;
    struct trend_sum sum = {0};

    for (uint32_t i = 0; i < g->primaries + g->backups; i++) {
        struct trend_sum one;

        if (&g->peers[i] == peer || bars_of(&g->peers[i]) != 0)
            continue;
        one = trend_total(&peer_history(&g->peers[i])->trend, clock_mono_ms,
                          g->breaker->window_ms);
        sum.all += one.all;
        sum.bad += one.bad;
        sum.ms += one.ms;
    }
    return sum;
}

static uint64_t mean_ms(struct trend_sum sum)
{
    return sum.all > sum.bad ? sum.ms / (sum.all - sum.bad) : 0;
}

/* Is it worse than the others? */
static bool deviates(const struct peer *peer, char why[WHY_ROOM])
{
    const struct breaker_conf *conf = peer->group->breaker;
    struct trend_sum own = trend_total(&peer_history(peer)->trend, clock_mono_ms, conf->window_ms);
    struct trend_sum others;
    uint64_t share, usual;

    if (own.all < (uint64_t)conf->least)
        return false;
    others = total_of_others(peer);
    if (others.all < (uint64_t)conf->least)
        return false;
    share = own.bad * 100 / own.all;
    usual = others.bad * 100 / others.all;
    if (conf->out_percent > 0 && share >= usual + (uint64_t)conf->out_percent) {
        snprintf(why, WHY_ROOM, "%llu%% of its requests fail, %llu%% of the others'",
                 (unsigned long long)share, (unsigned long long)usual);
        return true;
    }
    if (conf->out_tenfold == 0 || mean_ms(own) < mean_ms(others) + MEAN_MARGIN_MS ||
        mean_ms(own) * 10 < mean_ms(others) * (uint64_t)conf->out_tenfold)
        return false;
    snprintf(why, WHY_ROOM, "its answers take %llums, those of the others %llums",
             (unsigned long long)mean_ms(own), (unsigned long long)mean_ms(others));
    return true;
}

void breaker_judge(const struct peer *peer, uint32_t cause, int64_t took_ms, bool probe,
                   struct log *log)
{
    const struct breaker_conf *conf = peer->group->breaker;
    struct peer_history *h = peer_history(peer);
    bool slow = conf->slow_ms > 0 && took_ms > conf->slow_ms;
    bool bad = slow || (cause & (uint32_t)conf->errors) != 0, first;
    char why[WHY_ROOM];
    uint32_t row;

    if (probe) {
        judge_probe(peer, bad, log);
        return;
    }
    if (bars_of(peer) & BAR_BREAKER)
        return; /* on its way since before, or in a panic */
    first = trend_add(&h->trend, clock_mono_ms, conf->window_ms,
                      (struct trend_sum){1, bad, bad ? 0 : (uint64_t)MAX(took_ms, 0)});
    if (bad) {
        row = atomic_fetch_add_explicit(&h->row, 1, memory_order_relaxed) + 1;
        if (is_enough(conf, h, row, why))
            trip(peer, false, why, log);
    } else if (atomic_load_explicit(&h->row, memory_order_relaxed) != 0) {
        atomic_store_explicit(&h->row, 0, memory_order_relaxed);
    }
    if (first && (conf->out_percent > 0 || conf->out_tenfold > 0) && deviates(peer, why))
        trip(peer, true, why, log);
}

/* Directives ----------------------------------------------------------------------------------- */

static bool read_percent(struct str text, int64_t *percent)
{
    return str_ends(text, STR("%")) && conf_int((struct str){text.data, text.len - 1}, percent) &&
           *percent >= 1 && *percent <= 100;
}

/* "3" or "2.5", in tenths. */
static bool read_tenfold(struct str text, int64_t *tenfold)
{
    struct str whole = str_cut(&text, '.');
    int64_t tenth = 0;

    if (!conf_int(whole, tenfold) || *tenfold > 1000 ||
        (text.len > 0 && (text.len > 1 || !conf_int(text, &tenth))))
        return false;
    *tenfold = *tenfold * 10 + tenth;
    return *tenfold > 10;
}

static bool is_off(const struct conf_call *call)
{
    return call->count == 1 && str_eq(conf_arg(call, 0), STR("off"));
}

static bool set_breaker(struct conf_call *call)
{
    struct breaker_conf *conf = call->conf;

    conf->consecutive = conf->percent = conf->slow_ms = 0;
    for (uint32_t i = 0; i < call->count && !is_off(call); i++) {
        struct str value;
        bool good = false;

        if (conf_arg_is(call, i, "consecutive=", &value))
            good = conf_int(value, &conf->consecutive) && conf->consecutive >= 1 &&
                   conf->consecutive <= INT32_MAX;
        else if (conf_arg_is(call, i, "errors=", &value))
            good = read_percent(value, &conf->percent);
        else if (conf_arg_is(call, i, "slow=", &value))
            good = conf_ms(value, &conf->slow_ms) && conf->slow_ms > 0;
        if (!good)
            return conf_fail_parameter(call, i);
    }
    if (conf->slow_ms > 0 && conf->consecutive == 0 && conf->percent == 0)
        return conf_fail(call, "\"slow=\" says what an error is: \"consecutive=\" or \"errors=\" "
                               "is needed to say how many are too many");
    return true;
}

static bool set_outlier(struct conf_call *call)
{
    struct breaker_conf *conf = call->conf;

    conf->out_percent = conf->out_tenfold = 0;
    conf->max_ejected = 30;
    for (uint32_t i = 0; i < call->count && !is_off(call); i++) {
        struct str value;
        bool good = false;

        if (conf_arg_is(call, i, "errors=", &value))
            good = read_percent(value, &conf->out_percent);
        else if (conf_arg_is(call, i, "latency=", &value))
            good = read_tenfold(value, &conf->out_tenfold);
        else if (conf_arg_is(call, i, "max_ejected=", &value))
            good = read_percent(value, &conf->max_ejected);
        if (!good)
            return conf_fail_parameter(call, i);
    }
    if (!is_off(call) && conf->out_percent == 0 && conf->out_tenfold == 0)
        return conf_fail(call, "\"errors=\" or \"latency=\" is needed");
    return true;
}

static bool set_window(struct conf_call *call)
{
    struct breaker_conf *conf = call->conf;
    struct str value;

    conf->least = 20;
    if (!conf_ms(conf_arg(call, 0), &conf->window_ms) || conf->window_ms < 100)
        return conf_fail_parameter(call, 0) || conf_hint(call, "a time of at least 100ms");
    return call->count == 1 ||
           (conf_arg_is(call, 1, "min=", &value) && conf_int(value, &conf->least) &&
            conf->least >= 1) || conf_fail_parameter(call, 1);
}

static bool set_open(struct conf_call *call)
{
    struct breaker_conf *conf = call->conf;

    if (!conf_ms(conf_arg(call, 0), &conf->open_ms) || conf->open_ms < 1)
        return conf_fail_parameter(call, 0);
    conf->most_ms = MAX(conf->open_ms, 300000);
    if (call->count > 1 && !conf_ms(conf_arg(call, 1), &conf->most_ms))
        return conf_fail_parameter(call, 1);
    return conf->most_ms >= conf->open_ms ||
           conf_fail_arg(call, 1, "the longest time is shorter than the first one");
}

static bool set_panic(struct conf_call *call)
{
    struct breaker_conf *conf = call->conf;

    conf->panic_percent = 0;
    return is_off(call) || read_percent(conf_arg(call, 0), &conf->panic_percent) ||
           conf_fail_parameter(call, 0);
}

const struct breaker_conf *breaker_of(const struct conf_scope *scope)
{
    const struct breaker_conf *conf = CONF(scope, breaker_index, struct breaker_conf);

    if (conf == NULL || (conf->consecutive == 0 && conf->percent == 0 && conf->out_percent == 0 &&
                         conf->out_tenfold == 0))
        return NULL;
    return conf;
}

bool breaker_check(struct generation *gen, const struct upstream_group *group)
{
    const struct breaker_conf *conf = group->breaker;

    if (group->single && !group->implicit && (conf->out_percent > 0 || conf->out_tenfold > 0))
        conf_warn_at(gen, group->node, "\"outlier\" has nothing to compare the only server of "
                                       "upstream \"%" STR_FMT "\" with", STR_ARG(group->name));
    return true;
}

static const struct word error_words[] = {
    {"error", DIAL_ERROR}, {"timeout", DIAL_TIMEOUT}, {"invalid_header", DIAL_INVALID},
    {"http_500", DIAL_500}, {"http_502", DIAL_502}, {"http_503", DIAL_503},
    {"http_504", DIAL_504}, {"http_403", DIAL_403}, {"http_404", DIAL_404},
    {"http_429", DIAL_429}, {NULL, 0},
};

#define F(member) FIELD(struct breaker_conf, member)
#define WHERE     (IN_HTTP | IN_UPSTREAM)

static const struct directive directives[] = {
    {.name = "breaker", .where = WHERE,
     .args = "off|consecutive=number|errors=percent%|slow=time ...", .initial = "off",
     .apply = set_breaker,
     .doc = "When a server gets no more requests for a while (`breaker_open`): after so many "
            "errors in a row; when so many percent of the requests within `breaker_window` were "
            "errors. What an error is `breaker_errors` says; with \"slow\", an answer whose head "
            "took longer is one too. Then one request at a time is tried, over all workers, "
            "until `breaker_passes` have gone well. For example: "
            "`breaker consecutive=5 errors=50% slow=2s;`. Each server of a group has a breaker, in "
            "the group's `zone`. A request for which only such servers are left gets 502 and the "
            "$fail_reason upstream.breaker."},
    {.name = "outlier", .where = WHERE,
     .args = "off|errors=percent%|latency=factor|max_ejected=percent% ...", .initial = "off",
     .apply = set_outlier,
     .doc = "Opens the breaker of a server that does worse than the others of its group within "
            "`breaker_window`: when its share of errors is higher by so many points of percent; "
            "when its good answers take, in the mean, so many times as long (and 10 milliseconds "
            "longer at least). No more than \"max_ejected\" of the group (30% unless said, but "
            "always one) have an open breaker because of this. For example: "
            "`outlier errors=20% latency=3;`"},
    {.name = "breaker_errors", .where = WHERE, .args = "what ...", .value = VALUE_BITS,
     .repeat = true, .field = F(errors), .words = error_words,
     .initial = "error timeout invalid_header http_500 http_502 http_503 http_504",
     .doc = "What `breaker` and `outlier` take for errors, in the words of "
            "`proxy_next_upstream`."},
    {.name = "breaker_window", .where = WHERE, .args = "time [min=number]", .initial = "10s min=20",
     .apply = set_window,
     .doc = "The time over which `breaker` and `outlier` count. Shares and means of fewer than "
            "\"min\" requests say nothing."},
    {.name = "breaker_open", .where = WHERE, .args = "time [max]", .initial = "10s 5m",
     .apply = set_open,
     .doc = "How long a breaker is open: each time that follows upon another twice as long, up to "
            "the maximum. A server that got requests again for as long as the maximum starts with "
            "the first time."},
    {.name = "breaker_passes", .where = WHERE, .args = "number", .value = VALUE_INT,
     .field = F(passes), .min = 1, .max = INT32_MAX, .initial = "1",
     .doc = "So many requests in a row must go well to close a breaker."},
    {.name = "breaker_panic", .where = WHERE, .args = "percent%|off", .initial = "50%",
     .apply = set_panic,
     .doc = "When more than this part of a group's servers have open breakers, their servers get "
            "requests all the same: leaving the rest with all the load would do more harm. A "
            "group of one server never does so."},
};

const struct module breaker_module = {
    .name = "breaker",
    .doc = "Servers that answer badly or slowly are left alone for a while.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .conf_size = sizeof(struct breaker_conf),
    .index = &breaker_index,
};
