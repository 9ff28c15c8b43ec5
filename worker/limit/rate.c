/*
 * worker/limit/rate.c - how many requests a key may make in a time: a leaky bucket in a zone.
 *
 * Each request adds 1000 to what its key has in excess, time takes it away at the key's rate. With
 * several rules all but the last are looked at first, so that a refusal counts nowhere.
 */
#include "worker/limit/rate.h"

#include "common/clock.h"
#include "common/generation.h"
#include "worker/net/scope.h"

#define STALE_MS 60000 /* a key unused for so long, with nothing in excess, is forgotten */

const struct zone_kind rate_zone_kind = {
    .name = "limit_req", .layout_version = 1, .init = key_zone_init, .repair = key_zone_repair,
};

bool rate_read(struct conf_call *call, uint32_t arg, struct str text, struct key_zone_conf *zone)
{
    bool per_minute = str_ends(text, STR("r/m"));
    struct str number = text;

    zone->window_s = per_minute ? 60 : 1;
    zone->quota = 1;
    if (text.data == NULL) {
        zone->rate = 1000;
        return true;
    }
    if (per_minute || str_ends(text, STR("r/s")))
        number.len -= 3;
    if (!str_to_int(number, &zone->quota) || zone->quota <= 0 || zone->quota > INT32_MAX) {
        conf_fail_arg(call, arg, "invalid rate \"%" STR_FMT "\"", STR_ARG(conf_arg(call, arg)));
        return conf_hint(call, "as in rate=10r/s or rate=30r/m");
    }
    zone->rate = zone->quota * 1000 / zone->window_s;
    return true;
}

int64_t rate_wait_ms(const struct rate_outcome *refused)
{
    const struct key_zone_conf *conf = refused->rule->spec->data;

    return ((refused->excess - refused->rule->burst) * 1000 + conf->rate - 1) / conf->rate;
}

/* What it would have in excess with one request more. */
static int64_t excess_now(const struct key_node *node, int64_t rate)
{
    int64_t passed_ms = MAX(clock_mono_ms - node->last_ms, 0);

    if (passed_ms > 1000 * 3600 * 24)
        return 0;
    return MAX(node->excess - rate * passed_ms / 1000 + 1000, 0);
}

/* Forgets one or two stale keys; by force the oldest, whatever it has. */
static void forget_some(struct zone *z, int64_t rate, bool force)
{
    struct key_node *node;

    for (int n = force ? 0 : 1; n < 3 && (node = key_zone_oldest(z)) != NULL; n++) {
        int64_t idle_ms = clock_mono_ms - node->last_ms;

        if (n > 0 && (idle_ms < STALE_MS || node->excess - rate * idle_ms / 1000 > 0))
            return;
        key_zone_remove(z, node);
    }
}

static struct key_node *add_node(struct zone *z, struct str key, int64_t rate)
{
    struct key_node *node;

    forget_some(z, rate, false);
    node = key_zone_add(z, key);
    if (node != NULL)
        return node;
    forget_some(z, rate, true);
    return key_zone_add(z, key);
}

/* Under the lock: counts one request; the result is what it has in excess, -1: no room. With `peek`
   nothing is counted. Above `most` nothing is counted either. */
static int64_t count(struct zone *z, struct str key, int64_t rate, int64_t most, bool peek)
{
    struct key_node *node = key_zone_find(z, key);
    int64_t excess;

    if (node == NULL) {
        if (peek)
            return 0;
        node = add_node(z, key, rate);
        if (node == NULL)
            return -1;
        node->last_ms = clock_mono_ms;
        return 0;
    }
    excess = excess_now(node, rate);
    if (!peek && excess <= most) {
        node->excess = excess;
        node->last_ms = MAX(clock_mono_ms, node->last_ms);
    }
    key_zone_touch(z, node);
    return excess;
}

static int64_t ask_one(const struct rate_rule *rule, struct str key, int64_t most, bool peek)
{
    const struct key_zone_conf *conf = rule->spec->data;
    int64_t excess;

    zone_lock(rule->spec->zone);
    excess = count(rule->spec->zone, key, conf->rate, most, peek);
    zone_unlock(rule->spec->zone);
    return excess;
}

static void take_delay(struct rate_outcome *out, const struct rate_rule *rule, int64_t excess)
{
    const struct key_zone_conf *conf = rule->spec->data;
    int64_t delay_ms = excess <= rule->delay ? 0 : (excess - rule->delay) * 1000 / conf->rate;

    if (out->rule == NULL || delay_ms > out->delay_ms)
        *out = (struct rate_outcome){.excess = excess, .delay_ms = delay_ms, .rule = rule};
}

#define RULES_MOST 32

enum rate_answer rate_ask(struct scope *s, const struct array *rules, struct rate_outcome *out)
{
    const struct rate_rule *rule = rules->items, *asked[RULES_MOST];
    struct str keys[RULES_MOST];
    size_t n = 0;

    *out = (struct rate_outcome){0};
    for (size_t i = 0; i < rules->count && n < RULES_MOST; i++) {
        asked[n] = &rule[i];
        n += key_zone_key(s, rule[i].spec->data, &keys[n]);
    }
    if (n == 0)
        return RATE_NO_KEY;
    for (size_t i = 0; i < n; i++) {
        bool last = i == n - 1;
        int64_t excess = ask_one(asked[i], keys[i], asked[i]->burst, !last);

        if (excess < 0)
            return RATE_NO_ROOM;
        if (excess > asked[i]->burst) {
            *out = (struct rate_outcome){.excess = excess, .rule = asked[i]};
            return RATE_REFUSE;
        }
        if (last)
            take_delay(out, asked[i], excess);
    }
    for (size_t i = n - 1; i-- > 0;) { /* those that were only looked at */
        int64_t excess = ask_one(asked[i], keys[i], INT64_MAX, false);

        if (excess >= 0)
            take_delay(out, asked[i], excess);
    }
    return out->delay_ms > 0 ? RATE_DELAY : RATE_PASS;
}
