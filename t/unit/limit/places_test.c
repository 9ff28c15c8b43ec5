/*
 * t/unit/limit/places_test.c - places are taken, given back, and given back for the dead.
 */
#include "worker/limit/places.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/booking.h"
#include "t/unit/limit/limit_kit.h"
#include "t/unit/tap.h"

const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

enum { ROWS = 2, PLACES = 8 };

static struct limit_kit kit, other;
static struct slots slots;
static struct array rules;

static void heir(void *arg, struct booking *b)
{
    struct zone *z = b->zone == zone_id(kit.spec.zone) ? kit.spec.zone : other.spec.zone;
    uint32_t *count;

    zone_lock(z);
    count = z->kind->booked(z, b);
    must(count != NULL);
    booking_release(z, b, count);
    zone_unlock(z);
}

static enum place_answer take(struct pool *pool)
{
    struct scope s = limit_kit_scope(&kit, pool);
    const struct place_rule *full = NULL;

    return places_take(&s, &rules, &full);
}

static uint32_t places_of(const struct limit_kit *of)
{
    struct key_node *node;
    uint32_t count;

    zone_lock(of->spec.zone);
    node = key_zone_find(of->spec.zone, of->key.source);
    count = node == NULL ? 0 : node->count;
    zone_unlock(of->spec.zone);
    return count;
}

static void a_place_is_held_as_long_as_its_pool(void)
{
    struct pool *a = pool_create(POOL_BLOCK), *b = pool_create(POOL_BLOCK),
                *c = pool_create(POOL_BLOCK);

    is_int(take(a), PLACE_TAKEN, "one place");
    is_int(take(b), PLACE_TAKEN, "two places");
    is_int(take(c), PLACE_FULL, "a third is too many for one rule");
    is_int(places_of(&kit), 2, "the stricter rule counts two");
    is_int(places_of(&other), 2, "and the other keeps none of the third");
    pool_destroy(a);
    is_int(take(c), PLACE_TAKEN, "a place given back may be taken");
    pool_destroy(b);
    pool_destroy(c);
    is_int(places_of(&kit) + places_of(&other), 0, "in the end all are back");
    zone_lock(kit.spec.zone);
    ok(key_zone_oldest(kit.spec.zone) == NULL, "and the key is forgotten");
    zone_unlock(kit.spec.zone);
}

/* A worker takes two places, and dies: with the lock of one zone, if `holding`. */
static void die_with_places(bool holding)
{
    pid_t pid = fork();

    if (pid == 0) {
        slots_enter(&slots, 1, heir, NULL);
        take(pool_create(POOL_BLOCK));
        take(pool_create(POOL_BLOCK));
        if (holding)
            zone_lock(kit.spec.zone);
        kill(getpid(), SIGKILL);
    }
    waitpid(pid, NULL, 0);
}

static void the_places_of_the_dead_are_given_back(bool holding)
{
    pid_t pid;

    die_with_places(holding);
    is_int(places_of(&kit), 2, "the dead still has his places");
    pid = fork();
    if (pid == 0) {
        slots_enter(&slots, 1, heir, NULL);
        slots_leave(&slots);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    is_int(places_of(&kit), 0, "his heir gives them back");
    is_int(places_of(&other), 0, "in all zones");
}

int main(void)
{
    clock_update();
    alarm(290);
    limit_kit_init(&kit, &places_zone_kind, ZONE_MIN_BYTES);
    limit_kit_init(&other, &places_zone_kind, ZONE_MIN_BYTES);
    must(slots_create(&slots, ROWS, PLACES));
    kit.spec.zone->slots = other.spec.zone->slots = &slots;
    for (uint32_t row = 0; row < ROWS; row++)
        must(slots_assign(&slots, row, 1) == row);
    slots_enter(&slots, 0, heir, NULL);
    rules = array_of(struct place_rule, kit.pool);
    *(struct place_rule *)array_push(&rules) = (struct place_rule){&other.spec, 5};
    *(struct place_rule *)array_push(&rules) = (struct place_rule){&kit.spec, 2};
    a_place_is_held_as_long_as_its_pool();
    the_places_of_the_dead_are_given_back(false);
    the_places_of_the_dead_are_given_back(true);
    a_place_is_held_as_long_as_its_pool();
    limit_kit_fini(&other);
    limit_kit_fini(&kit);
    slots_close(&slots);
    return tap_done();
}
