/*
 * t/unit/limit/rate_test.c - rates, bursts and delays, with a clock of our own.
 */
#include "worker/limit/rate.h"

#include "t/unit/limit/limit_kit.h"
#include "t/unit/tap.h"

const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

static struct limit_kit kit, other;

static void at(int64_t ms)
{
    clock_fake(1000000 + ms, 1000000 + ms);
}

static struct array rules_of(struct pool *pool, int64_t burst, int64_t delay)
{
    struct array rules = array_of(struct rate_rule, pool);

    *(struct rate_rule *)array_push(&rules) =
        (struct rate_rule){.spec = &kit.spec, .burst = burst * 1000, .delay = delay * 1000};
    return rules;
}

static void is_answer(const struct array *rules, enum rate_answer expected, int64_t delay_ms,
                      const char *what)
{
    struct scope s = limit_kit_scope(&kit, kit.pool);
    struct rate_outcome outcome;

    is_int(rate_ask(&s, rules, &outcome), expected, what);
    is_int(outcome.delay_ms, delay_ms, "with its delay");
}

static enum rate_answer ask(const struct array *rules)
{
    struct scope s = limit_kit_scope(&kit, kit.pool);
    struct rate_outcome outcome;

    return rate_ask(&s, rules, &outcome);
}

static void a_key_of_its_own(const char *key)
{
    kit.key.source = str_of(key);
}

static void without_a_burst_one_passes_per_interval(void)
{
    struct array rules = rules_of(kit.pool, 0, 0);

    a_key_of_its_own("plain");
    at(0);
    is_answer(&rules, RATE_PASS, 0, "the first");
    is_answer(&rules, RATE_REFUSE, 0, "another at once is refused");
    at(99);
    is_answer(&rules, RATE_REFUSE, 0, "also just before its time");
    at(100);
    is_answer(&rules, RATE_PASS, 0, "at 10 per second one passes each 100 ms");
    at(5000);
    is_answer(&rules, RATE_PASS, 0, "a pause");
    is_answer(&rules, RATE_REFUSE, 0, "saves nothing up");
}

static void a_burst_waits_its_turn(void)
{
    struct array rules = rules_of(kit.pool, 2, 0);

    a_key_of_its_own("burst");
    at(0);
    is_answer(&rules, RATE_PASS, 0, "the first passes");
    is_answer(&rules, RATE_DELAY, 100, "the second waits");
    is_answer(&rules, RATE_DELAY, 200, "the third longer");
    is_answer(&rules, RATE_REFUSE, 0, "the fourth is one too many");
    is_answer(&rules, RATE_REFUSE, 0, "a refused one does not count");
    at(100);
    is_answer(&rules, RATE_DELAY, 200, "one more fits after a while");
}

static void part_of_a_burst_may_pass(void)
{
    struct array rules = rules_of(kit.pool, 3, 2);

    a_key_of_its_own("delay");
    at(0);
    is_answer(&rules, RATE_PASS, 0, "the first");
    is_answer(&rules, RATE_PASS, 0, "and two of the burst");
    is_answer(&rules, RATE_PASS, 0, "pass at once");
    is_answer(&rules, RATE_DELAY, 100, "the rest waits");
    is_answer(&rules, RATE_REFUSE, 0, "then it is full");
}

static void all_rules_must_agree(void)
{
    struct array rules = rules_of(kit.pool, 5, 5);

    *(struct rate_rule *)array_push(&rules) = (struct rate_rule){.spec = &other.spec};
    a_key_of_its_own("two rules");
    at(0);
    is_answer(&rules, RATE_PASS, 0, "both let it pass");
    for (int i = 0; i < 20; i++)
        ask(&rules);
    is_answer(&rules, RATE_REFUSE, 0, "the stricter refuses");
    rules = rules_of(kit.pool, 1, 1);
    is_answer(&rules, RATE_PASS, 0, "what was refused counts nowhere");
}

static void an_empty_key_is_not_limited(void)
{
    struct array rules = rules_of(kit.pool, 0, 0);

    a_key_of_its_own("");
    is_answer(&rules, RATE_NO_KEY, 0, "an empty key is not limited");
}

static void a_full_zone_forgets_the_oldest(void)
{
    struct array rules = rules_of(kit.pool, 0, 0);
    int refused = 0;

    at(0);
    for (int i = 0; i < 5000; i++) {
        kit.key.source = pool_printf(kit.pool, "key %d", i);
        refused += ask(&rules) != RATE_PASS;
    }
    is_int(refused, 0, "a full zone forgets the oldest");
    is_answer(&rules, RATE_REFUSE, 0, "not the newest");
}

int main(void)
{
    limit_kit_init(&kit, &rate_zone_kind, ZONE_MIN_BYTES);
    limit_kit_init(&other, &rate_zone_kind, ZONE_MIN_BYTES);
    kit.conf.rate = other.conf.rate = 10000;
    without_a_burst_one_passes_per_interval();
    a_burst_waits_its_turn();
    part_of_a_burst_may_pass();
    all_rules_must_agree();
    an_empty_key_is_not_limited();
    a_full_zone_forgets_the_oldest();
    limit_kit_fini(&other);
    limit_kit_fini(&kit);
    return tap_done();
}
