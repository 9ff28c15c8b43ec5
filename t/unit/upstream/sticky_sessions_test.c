/*
 * t/unit/upstream/sticky_sessions_test.c - sessions in a zone: found, timed out, in order of use,
 * whole after a death.
 */
#include "worker/upstream/sticky_sessions.h"

#include <stdio.h>

#include "common/clock.h"
#include "common/slab_check.h"
#include "t/unit/stepped.h"
#include "t/unit/tap.h"
#include "worker/upstream/sticky.h"

const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

#define TIMEOUT_MS 1000

static struct zone *make(size_t bytes)
{
    const char *why;
    struct zone *z = zone_create(&sticky_zone_kind, STR("s"), bytes, &why);

    must(z != NULL);
    return z;
}

static struct str key_of(char text[32], int n)
{
    return (struct str){text, (size_t)snprintf(text, 32, "session-%d", n)};
}

static bool set(struct zone *z, int n, uint64_t route)
{
    char text[32];

    return sticky_session_set(z, key_of(text, n), route, TIMEOUT_MS);
}

static int64_t find(struct zone *z, int n)
{
    char text[32];

    return (int64_t)sticky_session_find(z, key_of(text, n), TIMEOUT_MS);
}

static void are_found(void)
{
    struct zone *z = make(1 << 20);

    clock_fake(1000, 0);
    is_int(find(z, 1), 0, "nothing yet");
    set(z, 1, 11);
    set(z, 2, 12);
    is_int(find(z, 1), 11, "each has its own");
    is_int(find(z, 2), 12, "route");
    set(z, 1, 13);
    is_int(find(z, 1), 13, "which may change");
    clock_fake(1900, 0);
    is_int(find(z, 1), 13, "in time");
    clock_fake(2500, 0);
    is_int(find(z, 1), 13, "each use gives it time again");
    is_int(find(z, 2), 0, "one that is not used ends");
    set(z, 2, 14);
    is_int(find(z, 2), 14, "and may begin anew");
    zone_destroy(z);
}

static void oldest_give_way(void)
{
    struct zone *z = make(ZONE_MIN_BYTES);
    int kept = 0, wrong = 0;

    clock_fake(1000, 0);
    for (int i = 0; i < 5000; i++) {
        if (!set(z, i, (uint64_t)i + 1))
            wrong++;
        find(z, 0); /* always in use */
    }
    is_int(wrong, 0, "there is room for each new one");
    is_int(find(z, 0), 1, "the one in use stays");
    for (int i = 1; i < 5000; i++) {
        int64_t route = find(z, i);

        kept += route != 0;
        wrong += route != 0 && route != i + 1;
    }
    ok(kept > 100 && kept < 4000, "some of the others do");
    is_int(find(z, 4999), 5000, "the newest does");
    is_int(find(z, 1), 0, "the oldest does not");
    is_int(wrong, 0, "none has another's route");
    zone_destroy(z);
}

static void change(void *arg)
{
    struct zone *z = arg;

    set(z, 1, 77);
    set(z, 500, 78);
}

static const char *fault_after_death_at(long n)
{
    struct zone *z = make(ZONE_MIN_BYTES);
    const char *fault = NULL;
    int64_t route;

    for (int i = 0; i < 4; i++)
        set(z, i, (uint64_t)i + 11);
    stepped_kill_at(change, z, n);
    route = find(z, 1);
    if (route != 12 && route != 77)
        fault = "a session is lost or spoilt";
    route = find(z, 500);
    if (fault == NULL && route != 0 && route != 78)
        fault = "a new session is spoilt";
    if (fault == NULL && (find(z, 0) != 11 || find(z, 2) != 13 || find(z, 3) != 14))
        fault = "others suffer";
    if (fault == NULL && (!set(z, 500, 79) || find(z, 500) != 79))
        fault = "no session can be added";
    zone_lock(z);
    if (fault == NULL)
        fault = slab_check(zone_slab(z));
    zone_unlock(z);
    zone_destroy(z);
    return fault;
}

static void death_leaves_it_whole(void)
{
    struct zone *z = make(ZONE_MIN_BYTES);
    const char *fault = NULL;
    long total;

    clock_fake(1000, 0);
    for (int i = 0; i < 4; i++)
        set(z, i, (uint64_t)i + 11);
    total = stepped_count(change, z);
    zone_destroy(z);
    for (long n = 1; n < total && fault == NULL; n += 1 + total / 40)
        fault = fault_after_death_at(n);
    is_str(fault, NULL, "a death at any instruction leaves it whole");
}

static void routes_are_made_of_addresses(void)
{
    char hex[STICKY_ROUTE_HEX];

    sticky_address_route(STR("127.0.0.1:8080"), hex);
    is_slice(((struct str){hex, sizeof(hex)}), "5958c386bf5e9109ac10d2a628645aea", "of an address");
    sticky_address_route(STR("unix:/tmp/x"), hex);
    is_slice(((struct str){hex, sizeof(hex)}), "7ae3976faedb45a92335f73e4d7bb9e5", "of a path");
}

int main(void)
{
    alarm(290);
    are_found();
    oldest_give_way();
    death_leaves_it_whole();
    routes_are_made_of_addresses();
    return tap_done();
}
