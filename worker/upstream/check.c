/*
 * worker/upstream/check.c - results of health checks, in the state of peers.
 *
 * All of it lies in the zone: a keeper that dies takes nothing with it but the checks under way.
 */
#include "worker/upstream/check.h"

#include "common/clock.h"

bool check_add(struct upstream_group *group, struct health_check *check)
{
    struct health_check **at = &group->checks;
    uint32_t count = 0;

    for (; *at != NULL; at = &(*at)->next, count++)
        if ((*at)->key == check->key)
            return true;
    if (count == CHECKS_MOST)
        return false;
    *at = check;
    return true;
}

/* Records -------------------------------------------------------------------------------------- */

static struct peer_check *find_record(struct peer_health *health, uint32_t key)
{
    for (uint32_t i = 0; i < CHECKS_MOST; i++)
        if (health->of[i].key == key)
            return &health->of[i];
    return NULL;
}

/* Made if there is none. NULL only if somebody else's checks take all the room. */
static struct peer_check *get_record(struct peer_health *health, uint32_t key)
{
    struct peer_check *record = find_record(health, key);

    if (record != NULL)
        return record;
    record = find_record(health, 0);
    if (record != NULL)
        *record = (struct peer_check){.key = key, .verdict = CHECK_NEW};
    return record;
}

static enum check_verdict verdict_of(const struct peer_health *health, uint32_t key)
{
    for (uint32_t i = 0; i < CHECKS_MOST; i++)
        if (health->of[i].key == key)
            return (enum check_verdict)health->of[i].verdict;
    return CHECK_NEW;
}

enum check_verdict check_verdict(const struct health_check *check, const struct peer_state *state)
{
    return verdict_of(&state->health, check->key);
}

static const struct health_check *find_check(const struct upstream_group *group, uint32_t key)
{
    const struct health_check *check = group->checks;

    while (check != NULL && check->key != key)
        check = check->next;
    return check;
}

static void forget_others(struct peer_health *health, const struct upstream_group *group)
{
    for (uint32_t i = 0; i < CHECKS_MOST; i++)
        if (health->of[i].key != 0 && find_check(group, health->of[i].key) == NULL)
            health->of[i] = (struct peer_check){.key = 0};
}

/* The bars follow from what each of the group's checks says. */
static void set_bars(const struct upstream_group *group, struct peer_state *state)
{
    bool checking = false, bad = false;

    for (const struct health_check *c = group->checks; c != NULL; c = c->next) {
        enum check_verdict verdict = verdict_of(&state->health, c->key);

        bad |= verdict == CHECK_BAD;
        checking |= verdict == CHECK_NEW && c->mandatory;
    }
    if (bad && state->health.unhealthy_ms == 0) {
        state->health.unhealthy_ms = MAX(clock_mono_ms, 1);
        state->health.unhealthy++;
    } else if (!bad) {
        state->health.unhealthy_ms = 0;
    }
    if (bad != ((atomic_load(&state->bars) & BAR_UNHEALTHY) != 0))
        peer_bar(group, state, BAR_UNHEALTHY, bad);
    if (checking != ((atomic_load(&state->bars) & BAR_CHECKING) != 0))
        peer_bar(group, state, BAR_CHECKING, checking);
}

void check_attach(const struct peer *peer, struct peer_state *state, uint32_t generation)
{
    struct peer_health *health = &state->health;

    if (health->generation >= generation)
        return;
    health->generation = generation;
    forget_others(health, peer->group);
    for (const struct health_check *c = peer->group->checks; c != NULL; c = c->next) {
        struct peer_check *record = get_record(health, c->key);

        if (record != NULL && c->mandatory && !c->persistent && record->verdict == CHECK_GOOD)
            *record = (struct peer_check){.key = c->key, .verdict = CHECK_NEW};
    }
    set_bars(peer->group, state);
}

/* Results -------------------------------------------------------------------------------------- */

/* A first result settles the matter where it is mandatory. Elsewhere who was never seen counts as
   healthy. */
static enum check_verdict judge(const struct health_check *check, struct peer_check *record,
                                bool passed)
{
    bool first = record->verdict == CHECK_NEW && check->mandatory;
    int64_t needed = record->verdict == CHECK_BAD ? check->passes : check->fails;

    if (first)
        return passed ? CHECK_GOOD : CHECK_BAD;
    if (passed == (record->verdict != CHECK_BAD)) {
        record->streak = 0;
        return passed ? CHECK_GOOD : CHECK_BAD;
    }
    if (++record->streak < needed)
        return (enum check_verdict)record->verdict;
    return passed ? CHECK_GOOD : CHECK_BAD;
}

static enum check_news take_result(const struct health_check *check, struct peer_check *record,
                                   bool passed)
{
    enum check_verdict before = (enum check_verdict)record->verdict;
    enum check_verdict now = judge(check, record, passed);

    if (now == before)
        return CHECK_AS_BEFORE;
    record->verdict = now;
    record->streak = 0;
    if (now == CHECK_BAD)
        return CHECK_TURNED_BAD;
    return before == CHECK_BAD || check->mandatory ? CHECK_TURNED_GOOD : CHECK_AS_BEFORE;
}

enum check_news check_note(const struct health_check *check, const struct peer *peer, bool passed,
                           uint16_t status)
{
    struct peer_state *state = peer_state(peer);
    struct peer_health *health = &state->health;
    enum check_news news = CHECK_AS_BEFORE;
    struct peer_check *record;

    peer_lock(peer->group);
    forget_others(health, peer->group);
    record = get_record(health, check->key);
    if (record != NULL)
        news = take_result(check, record, passed);
    health->checks++;
    health->fails += !passed;
    health->last_passed = passed;
    health->last_status = status;
    health->checked_ms = clock_mono_ms;
    set_bars(peer->group, state);
    if (news == CHECK_TURNED_GOOD)
        state->fails = 0; /* of requests, before that */
    peer_unlock(peer->group);
    return news;
}
