/*
 * t/unit/common/booking_test.c - what the dead had taken is given back, exactly.
 */
#include "common/booking.h"

#include <sched.h>

#include "t/unit/stepped.h"
#include "t/unit/tap.h"

enum { ROWS = 4, PLACES = 8, PLACE = 1 };

/* A toy kind: one count ---------------------------------------------------------------------- */

struct counts {
    uint32_t taken;
    _Atomic uint32_t rounds[ROWS];
    atomic_bool stop;
};

static bool counts_init(struct zone *z)
{
    struct counts *c = zone_alloc(z, sizeof(*c));

    memset(c, 0, sizeof(*c));
    zone_set_root(z, zone_offset(z, c));
    return true;
}

static void add_up(struct zone *z, const struct booking *b)
{
    ((struct counts *)zone_ptr(z, b->key))->taken += b->n;
}

static bool counts_repair(struct zone *z)
{
    ((struct counts *)zone_root(z))->taken = 0;
    booking_recount(z, add_up);
    return true;
}

static const struct zone_kind counts_kind = {"counts", 1, counts_init, counts_repair};

struct place {
    struct slots slots;
    struct zone *zone;
    struct counts *counts;
};

static void place_init(struct place *p)
{
    const char *why;

    must(slots_create(&p->slots, ROWS, PLACES));
    p->zone = zone_create(&counts_kind, STR("one"), ZONE_MIN_BYTES, &why);
    must(p->zone != NULL);
    p->zone->slots = &p->slots;
    p->counts = zone_root(p->zone);
    for (uint32_t row = 0; row < ROWS; row++)
        must(slots_assign(&p->slots, row, 1) == row);
}

static void place_fini(struct place *p)
{
    zone_destroy(p->zone);
    slots_close(&p->slots);
}

static void heir(void *arg, struct booking *b)
{
    struct place *p = arg;

    if (b->zone != zone_id(p->zone))
        return;
    zone_lock(p->zone);
    booking_release(p->zone, b, &p->counts->taken);
    zone_unlock(p->zone);
}

static struct booking *take(struct place *p, uint32_t n)
{
    struct booking *b;

    zone_lock(p->zone);
    b = booking_take(p->zone, PLACE, p->zone->header->root, n, &p->counts->taken);
    zone_unlock(p->zone);
    return b;
}

static bool release(struct place *p, struct booking *b)
{
    bool released;

    zone_lock(p->zone);
    released = booking_release(p->zone, b, &p->counts->taken);
    zone_unlock(p->zone);
    return released;
}

/* Taking and giving back --------------------------------------------------------------------- */

static void what_is_taken_is_given_back(void)
{
    struct place p;
    struct booking *b[PLACES];

    place_init(&p);
    slots_enter(&p.slots, 0, heir, &p);
    for (int i = 0; i < PLACES; i++)
        b[i] = take(&p, 2);
    is_int(p.counts->taken, 2 * PLACES, "counted");
    ok(take(&p, 1) == NULL, "a row has room for so many");
    is_int(p.counts->taken, 2 * PLACES, "what is not booked is not taken");
    ok(release(&p, b[3]), "given back");
    is_int(p.counts->taken, 2 * PLACES - 2, "counted");
    ok(!release(&p, b[3]), "not twice");
    ok(take(&p, 1) != NULL && take(&p, 1) == NULL, "its place is free once");
    place_fini(&p);
}

static void places_are_used_again(void)
{
    struct place p;
    long wrong = 0;

    place_init(&p);
    slots_enter(&p.slots, 2, heir, &p);
    for (int round = 0; round < 1000; round++) {
        struct booking *a = take(&p, 1), *b = take(&p, 1);

        wrong += a == NULL || b == NULL;
        release(&p, a);
        release(&p, b);
    }
    is_int(wrong, 0, "over and over");
    is_int(p.slots.row[2].top, 2, "and no more than needed");
    place_fini(&p);
}

static void the_heir_returns_what_the_dead_had(void)
{
    struct place p;

    place_init(&p);
    slots_enter(&p.slots, 1, heir, &p);
    take(&p, 10);
    if (fork() == 0) {
        slots_enter(&p.slots, 0, heir, &p);
        take(&p, 1);
        take(&p, 2);
        release(&p, take(&p, 3));
        _exit(0);
    }
    wait(NULL);
    is_int(p.counts->taken, 13, "still taken");
    if (fork() == 0) {
        slots_enter(&p.slots, 0, heir, &p);
        _exit(0);
    }
    wait(NULL);
    is_int(p.counts->taken, 10, "given back by the heir, and no one else's");
    place_fini(&p);
}

static void an_emptied_zone_owes_nothing(void)
{
    struct place p;
    struct booking *b;

    place_init(&p);
    slots_enter(&p.slots, 0, heir, &p);
    b = take(&p, 1);
    take(&p, 1);
    zone_lock(p.zone);
    zone_empty(p.zone);
    p.counts = zone_root(p.zone);
    zone_unlock(p.zone);
    ok(!release(&p, b), "there is nothing to give back");
    slots_enter(&p.slots, 0, heir, &p);
    is_int(p.counts->taken, 0, "for an heir, neither");
    place_fini(&p);
}

static void a_booking_moves_with_its_connection(void)
{
    struct place p;
    struct slots mine, yours;
    struct booking *b, *moved;

    place_init(&p);
    mine = yours = p.slots;
    slots_enter(&mine, 0, heir, &p);
    slots_enter(&yours, 1, heir, &p);
    p.zone->slots = &mine;
    b = take(&p, 4);
    p.zone->slots = &yours;
    zone_lock(p.zone);
    moved = booking_move(p.zone, booking_find(&yours, booking_number(&mine, b)));
    zone_unlock(p.zone);
    ok(moved != NULL && moved != b, "into the other row");
    is_int(p.counts->taken, 4, "nothing else changes");
    booking_forget(&mine, b);
    slots_enter(&mine, 0, heir, &p);
    is_int(p.counts->taken, 4, "the old owner's heir has nothing to return");
    slots_enter(&yours, 1, heir, &p);
    is_int(p.counts->taken, 0, "the new one's has");
    place_fini(&p);
}

/* Deaths ------------------------------------------------------------------------------------- */

static void work(void *arg)
{
    struct place *p = arg;
    struct booking *b = take(p, 1), *other = take(p, 5);

    release(p, b);
    b = take(p, 2);
    release(p, other);
    release(p, b);
    slots_leave(&p->slots);
}

/* Row 1, another process's view, takes over what row 0 has booked first. */
static void move(void *arg)
{
    struct place *p = arg;

    p->slots.mine = 1;
    zone_lock(p->zone);
    must(booking_move(p->zone, booking_find(&p->slots, 0)) != NULL);
    zone_unlock(p->zone);
}

static void inherit(void *arg)
{
    struct place *p = arg;

    slots_enter(&p->slots, 0, heir, p);
}

/* The place as it is now, in memory of its own, and as an heir finds it. */
static void copy_place(struct place *copy, struct zone *zone, const struct place *p)
{
    ptrdiff_t moved;

    memcpy(copy->slots.shm.base, p->slots.shm.base, p->slots.shm.bytes);
    memcpy(zone->header, p->zone->header, zone->bytes);
    moved = (char *)copy->slots.shm.base - (char *)p->slots.shm.base;
    copy->slots.row = (struct slot_row *)(void *)((char *)p->slots.row + moved);
    copy->slots.booking = (struct booking *)(void *)((char *)p->slots.booking + moved);
    copy->zone = zone;
    copy->counts = zone_root(zone);
    zone->slots = &copy->slots;
    if (lock_was_left(&zone->header->lock))
        zone->header->state = ZONE_DAMAGED;
    lock_init(&zone->header->lock);
}

static uint32_t taken_after_all_heirs(struct place *p)
{
    for (uint32_t row = 0; row < 2; row++) {
        p->slots.mine = row;
        booking_return_all(&p->slots, row, heir, p);
    }
    return p->counts->taken;
}

static void a_death_at_any_instruction_of(stepped_fn *fn, const char *what)
{
    struct place p, copy;
    struct zone zone;
    struct stepped child;
    long wrong = 0;

    place_init(&p);
    slots_enter(&p.slots, 2, heir, &p);
    take(&p, 100);
    slots_enter(&p.slots, 0, heir, &p);
    if (fn != work)
        take(&p, 7);
    copy = p;
    zone = *p.zone;
    copy.slots.shm.base = shm_pages(p.slots.shm.bytes);
    zone.header = shm_pages(zone.bytes);
    if (!stepped_start(&child, fn, &p)) {
        ok(true, "tracing is not allowed # SKIP");
        return;
    }
    while (stepped_next(&child)) {
        copy_place(&copy, &zone, &p);
        if (taken_after_all_heirs(&copy) != 100 && wrong++ == 0)
            printf("# %u at instruction %ld\n", copy.counts->taken, child.steps);
    }
    printf("# %ld instructions\n", child.steps);
    is_int(wrong, 0, what);
    shm_pages_free(copy.slots.shm.base, p.slots.shm.bytes);
    shm_pages_free(zone.header, zone.bytes);
    place_fini(&p);
}

static pid_t start(struct place *p, uint32_t row)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    slots_enter(&p->slots, row, heir, p);
    while (!p->counts->stop) {
        struct booking *a = take(p, 1), *b = take(p, 2);

        release(p, a);
        release(p, b);
        p->counts->rounds[row]++;
    }
    slots_leave(&p->slots);
    _exit(0);
}

static void await_rounds(struct place *p, uint32_t row, uint32_t more)
{
    uint32_t until = p->counts->rounds[row] + more;

    while (p->counts->rounds[row] < until)
        sched_yield();
}

static void many_die(void)
{
    struct place p;
    pid_t pids[ROWS];

    place_init(&p);
    for (uint32_t row = 0; row < ROWS; row++)
        pids[row] = start(&p, row);
    for (uint32_t n = 0; n < 200; n++) {
        uint32_t row = n % ROWS;

        await_rounds(&p, row, 3 + n * 37 % 100);
        kill(pids[row], SIGKILL);
        waitpid(pids[row], NULL, 0);
        pids[row] = start(&p, row);
    }
    p.counts->stop = true;
    for (uint32_t row = 0; row < ROWS; row++)
        waitpid(pids[row], NULL, 0);
    printf("# %u repairs\n", p.zone->header->repairs);
    is_int(p.counts->taken, 0, "after 200 deaths among four nothing is taken");
    is_int(p.zone->header->emptied, 0, "and the zone is the same");
    place_fini(&p);
}

int main(void)
{
    alarm(290);
    what_is_taken_is_given_back();
    places_are_used_again();
    the_heir_returns_what_the_dead_had();
    an_emptied_zone_owes_nothing();
    a_booking_moves_with_its_connection();
    a_death_at_any_instruction_of(work, "whenever it dies, the heir gives back what was taken");
    a_death_at_any_instruction_of(move, "also while a booking moves");
    a_death_at_any_instruction_of(inherit, "and when the heir dies as well");
    many_die();
    return tap_done();
}
