/*
 * t/unit/common/slab_test.c - the zone's allocator: what fits, what does not, and what is left when
 * a process dies in the midst of it.
 *
 * Deaths are tried at every instruction: a child does the work step by step, and after each step
 * the memory as it then is, copied, must be repairable.
 */
#include "common/slab_check.h"

#include "common/shm.h"
#include "t/unit/stepped.h"
#include "t/unit/tap.h"

#define ORIGIN 256 /* as if a header came before */

static struct slab *slab_at(void *base)
{
    return (struct slab *)(void *)((char *)base + ORIGIN);
}

static void *new_slab(size_t bytes)
{
    void *base = shm_pages(bytes);

    must(base != NULL && slab_init(slab_at(base), ORIGIN, bytes, true));
    return base;
}

static void is_whole(const struct slab *s, const char *what)
{
    const char *wrong = slab_check(s);

    is_str(wrong, NULL, what);
}

static uint64_t objects(const struct slab *s)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < s->pages; i++)
        count += s->page[i].kind == SLAB_RUN;
    for (unsigned class = 0; class < SLAB_CLASSES; class++)
        count += s->classes[class].used;
    return count;
}

/* Fitting ------------------------------------------------------------------------------------ */

static void the_smallest_zone_holds_seven_pages(void)
{
    void *base = new_slab(32768);
    struct slab *s = slab_at(base);
    uint64_t offset;
    int count = 0;

    is_int(s->pages, 7, "32k: one page to manage seven");
    while ((offset = slab_alloc(s, SLAB_PAGE)) != 0) {
        must(offset % SLAB_PAGE == 0 && offset + SLAB_PAGE <= 32768);
        count++;
    }
    is_int(count, 7, "all of which can be had");
    is_int(s->pages_free, 0, "none is left");
    is_int((int64_t)slab_alloc(s, 1), 0, "not even for a byte");
    is_int((int64_t)s->classes[0].fails, 1, "which is counted");
    is_whole(s, "a full slab is whole");
    shm_pages_free(base, 32768);
}

static void a_megabyte_is_used_well(void)
{
    void *base = new_slab(1 << 20);
    struct slab *s = slab_at(base);
    int64_t count = 0;

    is_int(s->pages, 252, "1m: four pages of 256 to manage the rest");
    while (slab_alloc(s, 64) != 0)
        count++;
    is_int(count, 252 * 64, "full of small objects, without a gap");
    is_whole(s, "and whole");
    shm_pages_free(base, 1 << 20);
}

static void sizes_too_small_or_too_large_for_a_slab(void)
{
    void *base = shm_pages(8192);

    ok(!slab_init(slab_at(base), ORIGIN, 4096, true), "no page fits");
    ok(!slab_init(slab_at(base), ORIGIN, 8191, true), "nor there");
    ok(slab_init(slab_at(base), ORIGIN, 8192, true), "one does");
    is_int(slab_at(base)->pages, 1, "just one");
    shm_pages_free(base, 8192);
}

static void a_huge_zone_costs_nothing_until_used(void)
{
    struct shm shm;
    struct slab *s;

    if (!shm_create(&shm, "huge", (size_t)64 << 30)) {
        ok(true, "no address space for 64 gigabytes # SKIP");
        return;
    }
    s = slab_at(shm.base);
    ok(slab_init(s, ORIGIN, shm.bytes, true), "64 gigabytes");
    ok(slab_alloc(s, (size_t)50 << 30) == 0 || true, "asking for 50 of them ends");
    shm_close(&shm);
}

static void each_size_gets_what_it_needs(void)
{
    void *base = new_slab(1 << 20);
    struct slab *s = slab_at(base);
    long wrong = 0, wasteful = 0, crooked = 0;

    for (size_t bytes = 0; bytes <= 5 * SLAB_PAGE; bytes++) {
        uint64_t offset = slab_alloc(s, bytes);
        size_t usable = slab_usable_bytes(s, offset);

        wrong += offset == 0 || usable < bytes;
        wasteful += bytes > 32 && bytes <= SLAB_SMALL_MAX && usable >= 2 * bytes;
        crooked += offset % 16 != 0;
        memset((char *)base + offset, 0xff, usable);
        wrong += !slab_free(s, offset);
    }
    is_int(wrong, 0, "every size from 0 to five pages");
    is_int(wasteful, 0, "without waste of a half");
    is_int(crooked, 0, "and aligned");
    is_int(s->pages_free, s->pages, "all is given back");
    is_whole(s, "the slab is whole");
    shm_pages_free(base, 1 << 20);
}

static void sizes_of_cache_lines_are_aligned_to_them(void)
{
    void *base = new_slab(1 << 20);
    struct slab *s = slab_at(base);
    long crooked = 0;

    for (int n = 0; n < 100; n++) {
        crooked += slab_alloc(s, 64) % 64 != 0;
        crooked += slab_alloc(s, 192) % 64 != 0;
        crooked += slab_alloc(s, 512) % 64 != 0;
    }
    is_int(crooked, 0, "64, 192, 512");
    shm_pages_free(base, 1 << 20);
}

static void absurd_sizes_fail(void)
{
    void *base = new_slab(1 << 20);
    struct slab *s = slab_at(base);

    is_int((int64_t)slab_alloc(s, SIZE_MAX), 0, "the largest size there is");
    is_int((int64_t)slab_alloc(s, SIZE_MAX - SLAB_PAGE), 0, "almost as much");
    is_int((int64_t)slab_alloc(s, 1 << 20), 0, "the whole zone");
    is_int((int64_t)s->run_fails, 3, "each is counted");
    ok(slab_alloc(s, (size_t)s->pages * SLAB_PAGE) != 0, "all pages at once can be had");
    shm_pages_free(base, 1 << 20);
}

static void free_pages_join_again(void)
{
    void *base = new_slab(1 << 20);
    struct slab *s = slab_at(base);
    uint64_t run[84];

    for (int i = 0; i < 84; i++)
        run[i] = slab_alloc(s, 3 * SLAB_PAGE);
    is_int((int64_t)slab_alloc(s, 1), 0, "the zone is full");
    for (int i = 0; i < 84; i += 2)
        slab_free(s, run[i]);
    is_int((int64_t)slab_alloc(s, 4 * SLAB_PAGE), 0, "half free, yet in pieces too small");
    is_whole(s, "whole in pieces");
    for (int i = 1; i < 84; i += 2)
        slab_free(s, run[i]);
    is_int(s->bins[slab_bin(s->pages)], 0, "one run in the end");
    is_whole(s, "whole in one");
    shm_pages_free(base, 1 << 20);
}

static void a_fitting_run_is_found_among_shorter_ones(void)
{
    enum { PIECES = 16 };
    void *base = new_slab(1 << 20);
    struct slab *s = slab_at(base);
    uint64_t run[PIECES + 1];

    /* Runs of five pages are one bin with those of seven; the latter is last in its list. */
    run[PIECES] = slab_alloc(s, 7 * SLAB_PAGE);
    slab_alloc(s, SLAB_PAGE);
    for (int i = 0; i < PIECES; i++) {
        run[i] = slab_alloc(s, 5 * SLAB_PAGE);
        slab_alloc(s, SLAB_PAGE);
    }
    while (slab_alloc(s, SLAB_PAGE) != 0)
        continue;
    for (int i = PIECES; i >= 0; i--)
        slab_free(s, run[i]);
    is_int((int64_t)slab_alloc(s, 7 * SLAB_PAGE), (int64_t)run[PIECES], "the only one that fits");
    is_int((int64_t)slab_alloc(s, 6 * SLAB_PAGE), 0, "and no other");
    is_whole(s, "whole");
    shm_pages_free(base, 1 << 20);
}

static void what_is_no_object_is_not_freed(void)
{
    void *base = new_slab(1 << 20);
    struct slab *s = slab_at(base);
    uint64_t small = slab_alloc(s, 100), run = slab_alloc(s, 10000);

    ok(slab_free(s, small) && !slab_free(s, small), "twice");
    ok(!slab_free(s, run + SLAB_PAGE), "from its middle");
    ok(!slab_free(s, run + 16), "or near its start");
    ok(slab_free(s, run) && !slab_free(s, run), "a run twice");
    ok(!slab_free(s, 0) && !slab_free(s, 64), "the header");
    ok(!slab_free(s, 1 << 20) && !slab_free(s, UINT64_MAX), "beyond the zone");
    small = slab_alloc(s, 100);
    ok(!slab_free(s, small + 1) && !slab_free(s, small + 112), "beside an object");
    is_int((int64_t)s->bad_frees, 10, "each is counted");
    is_int((int64_t)slab_usable_bytes(s, small + 1), 0, "nor has it a size");
    is_whole(s, "nothing came of it");
    shm_pages_free(base, 1 << 20);
}

static void it_tells_how_full_it_is(void)
{
    void *base = new_slab(1 << 20);
    struct slab *s = slab_at(base);
    struct slab_stats stats;

    for (int i = 0; i < 65; i++)
        slab_alloc(s, 64);
    slab_alloc(s, 9000);
    slab_alloc(s, 10 << 20);
    slab_stats(s, &stats);
    is_int((int64_t)stats.pages, 252, "pages");
    is_int((int64_t)stats.pages_free, 252 - 2 - 3, "free ones");
    is_int((int64_t)stats.run_pages, 3, "those of a large object");
    is_int((int64_t)stats.run_reqs, 2, "asked for twice");
    is_int((int64_t)stats.run_fails, 1, "once in vain");
    is_int(stats.classes[2].bytes, 64, "a class,");
    is_int((int64_t)stats.classes[2].used, 65, "its objects,");
    is_int((int64_t)stats.classes[2].total, 128, "and how many would fit");
    is_int((int64_t)stats.classes[2].reqs, 65, "asked for so often");
    shm_pages_free(base, 1 << 20);
}

/* Random use --------------------------------------------------------------------------------- */

static uint32_t dice = 1;

static uint32_t roll(uint32_t below)
{
    dice = dice * 1664525 + 1013904223;
    return (dice >> 8) % below;
}

static size_t random_size(void)
{
    switch (roll(8)) {
    case 0:
        return roll(20 * SLAB_PAGE);
    case 1:
    case 2:
        return roll(SLAB_SMALL_MAX);
    default:
        return roll(200);
    }
}

static bool filled_with(const unsigned char *at, unsigned char value, size_t bytes)
{
    return bytes == 0 || (at[0] == value && memcmp(at, at + 1, bytes - 1) == 0);
}

static void objects_never_overlap(void)
{
    enum { HELD = 400, ROUNDS = 40000 };
    static struct {
        uint64_t offset;
        size_t bytes;
    } held[HELD];
    char *base = new_slab(1 << 20);
    struct slab *s = slab_at(base);
    long spoilt = 0, wrong = 0;

    for (int round = 0; round < ROUNDS; round++) {
        uint32_t i = roll(HELD);
        unsigned char *at = (unsigned char *)base + held[i].offset;

        if (held[i].offset != 0) {
            spoilt += !filled_with(at, (unsigned char)i, held[i].bytes);
            slab_free(s, held[i].offset);
            held[i].offset = 0;
        } else {
            held[i].bytes = random_size();
            held[i].offset = slab_alloc(s, held[i].bytes);
            if (held[i].offset != 0)
                memset(base + held[i].offset, (unsigned char)i, held[i].bytes);
        }
        if (round % 512 == 0)
            wrong += slab_check(s) != NULL;
        if (round % 5000 == 0)
            slab_repair(s);
    }
    is_int(spoilt, 0, "no object is written to by another");
    is_int(wrong, 0, "and the slab is whole throughout");
    for (int i = 0; i < HELD; i++)
        if (held[i].offset != 0)
            slab_free(s, held[i].offset);
    is_int(s->pages_free, s->pages, "all pages come back");
    shm_pages_free(base, 1 << 20);
}

static void a_sweep_keeps_what_is_reachable(void)
{
    void *base = new_slab(1 << 20);
    struct slab *s = slab_at(base);
    uint64_t kept[3] = {slab_alloc(s, 50), 0, 0};

    for (int i = 0; i < 200; i++)
        slab_alloc(s, 50);
    kept[1] = slab_alloc(s, 50);
    slab_alloc(s, 20000);
    kept[2] = slab_alloc(s, 20000);
    slab_sweep_begin(s);
    for (int i = 0; i < 3; i++)
        ok(slab_keep(s, kept[i]), "reachable");
    ok(!slab_keep(s, kept[1]), "not twice");
    ok(!slab_keep(s, kept[1] + 1), "not what is no object");
    is_int((int64_t)slab_sweep_end(s), 201, "all others go");
    is_int((int64_t)objects(s), 3, "these stay");
    is_whole(s, "the slab is whole");
    for (int i = 0; i < 3; i++)
        slab_free(s, kept[i]);
    is_int(s->pages_free, s->pages, "nothing is lost");
    shm_pages_free(base, 1 << 20);
}

static void damage_is_seen(void)
{
    void *base = new_slab(1 << 20);
    struct slab *s = slab_at(base);

    slab_alloc(s, 100);
    slab_free(s, slab_alloc(s, 5000));
    is_whole(s, "whole at first");
    s->page[0].used++;
    ok(slab_check(s) != NULL, "a wrong count");
    slab_repair(s);
    s->page[1].next = 1;
    ok(slab_check(s) != NULL, "a circle");
    slab_repair(s);
    s->page[200].kind = SLAB_RUN_REST;
    ok(slab_check(s) != NULL, "a run torn apart");
    slab_repair(s);
    is_whole(s, "all of which repair puts right");
    shm_pages_free(base, 1 << 20);
}

/* Deaths ------------------------------------------------------------------------------------- */

enum { ZONE = 16 * SLAB_PAGE, OPS = 64 };

struct op {
    size_t bytes; /* to allocate; 0: free what the op numbered `which` got */
    int which;
};

/* Each way that alloc and free can take: a page opened, filled, closed; runs split and joined. */
#define ALLOC(size) {(size), 0}
#define FREE(op)    {0, (op)}
static const struct op ops[] = {
    /*  0 */ ALLOC(2000), ALLOC(2048), ALLOC(2000), FREE(0), FREE(1), FREE(2), ALLOC(100),
    /*  7 */ ALLOC(100), ALLOC(9000), ALLOC(5000), ALLOC(4096), FREE(8), FREE(10), FREE(9),
    /* 14 */ FREE(6), ALLOC(1000), FREE(7), ALLOC(1024), ALLOC(1024), ALLOC(1024), ALLOC(1024),
    /* 21 */ FREE(18), ALLOC(600), ALLOC(8192), FREE(15), ALLOC(8192), FREE(19), FREE(17),
    /* 28 */ FREE(20), ALLOC(3 * SLAB_PAGE), ALLOC(60000), FREE(29),
};

struct run {
    void *base;
    uint64_t got[OPS];
    volatile int done; /* ops */
};

static void run_ops(void *arg)
{
    struct run *r = arg;
    struct slab *s = slab_at(r->base);

    for (int i = 0; i < (int)COUNT(ops); i++) {
        if (ops[i].bytes > 0)
            r->got[i] = slab_alloc(s, ops[i].bytes);
        else
            slab_free(s, r->got[ops[i].which]);
        r->done = i + 1;
    }
}

/* A trial run in a zone of its own: what each op gets, and the objects there are after it. */
struct plan {
    uint64_t got[OPS];
    uint64_t objects[OPS + 1];
    bool there[OPS + 1][OPS]; /* whether the object of op j exists after i ops */
};

static void make_plan(struct plan *plan)
{
    void *base = new_slab(ZONE);
    struct slab *s = slab_at(base);

    memset(plan, 0, sizeof(*plan));
    for (size_t i = 0; i < COUNT(ops); i++) {
        memcpy(plan->there[i + 1], plan->there[i], sizeof(plan->there[i]));
        if (ops[i].bytes > 0) {
            plan->got[i] = slab_alloc(s, ops[i].bytes);
            plan->there[i + 1][i] = plan->got[i] != 0;
        } else {
            must(slab_free(s, plan->got[ops[i].which]));
            plan->there[i + 1][ops[i].which] = false;
        }
        plan->objects[i + 1] = objects(s);
    }
    is_whole(s, "the trial run leaves a slab that is whole");
    shm_pages_free(base, ZONE);
}

struct finding {
    const char *wrong;
    long step;
    int done;
};

static const char *look(struct slab *s, const struct plan *plan, int done)
{
    const char *wrong;
    uint64_t count;

    slab_repair(s);
    if ((wrong = slab_check(s)) != NULL)
        return wrong;
    count = objects(s);
    if (count != plan->objects[done] && count != plan->objects[done + 1])
        return "objects neither as before the op nor as after it";
    for (size_t j = 0; j < COUNT(ops); j++)
        if (plan->there[done][j] && plan->there[done + 1][j] &&
            slab_usable_bytes(s, plan->got[j]) < ops[j].bytes)
            return "an object that nobody touched is gone";
    slab_sweep_begin(s);
    for (size_t j = 0; j < COUNT(ops); j++)
        if (plan->there[done][j] && plan->there[done + 1][j])
            slab_keep(s, plan->got[j]);
    slab_sweep_end(s);
    if ((wrong = slab_check(s)) != NULL)
        return wrong;
    return objects(s) == MIN(plan->objects[done], plan->objects[done + 1])
               ? NULL
               : "a sweep that leaves what nobody has";
}

static void note(struct finding *f, const char *wrong, long step, int done)
{
    if (wrong != NULL && f->wrong == NULL)
        *f = (struct finding){wrong, step, done};
}

static void is_clean(const struct finding *f, const char *what)
{
    if (f->wrong != NULL)
        printf("# at instruction %ld, after %d ops\n", f->step, f->done);
    is_str(f->wrong, NULL, what);
}

static void a_death_in_alloc_or_free(void)
{
    struct run *r = shm_pages(sizeof(*r));
    void *copy = shm_pages(ZONE);
    struct finding found = {.wrong = NULL};
    struct stepped child;
    struct plan plan;

    make_plan(&plan);
    r->base = new_slab(ZONE);
    if (!stepped_start(&child, run_ops, r)) {
        ok(true, "tracing is not allowed # SKIP");
        return;
    }
    while (stepped_next(&child)) {
        if (r->done == COUNT(ops))
            continue;
        memcpy(copy, r->base, ZONE);
        note(&found, look(slab_at(copy), &plan, r->done), child.steps, r->done);
    }
    is_int(r->done, COUNT(ops), "the child got to its end");
    printf("# %ld instructions\n", child.steps);
    is_clean(&found, "a death at any of them leaves objects whole or free, and none is lost");
    shm_pages_free(r->base, ZONE);
    shm_pages_free(r, sizeof(*r));
    shm_pages_free(copy, ZONE);
}

/* Repairing ---------------------------------------------------------------------------------- */

static void repair(void *base)
{
    slab_repair(slab_at(base));
}

static void sweep(void *base)
{
    struct slab *s = slab_at(base);

    slab_sweep_begin(s);
    for (uint64_t page = 0; page < s->pages; page++)
        slab_keep(s, s->first + page * SLAB_PAGE);
    slab_sweep_end(s);
}

/* Objects of all kinds, and half-done work. */
static void *slab_in_need(void)
{
    void *base = new_slab(ZONE);
    struct slab *s = slab_at(base);

    for (int i = 0; i < 7; i++)
        slab_alloc(s, 700);
    slab_free(s, slab_alloc(s, 32));
    slab_alloc(s, 9000);
    slab_alloc(s, 200);
    s->page[s->pages - 2].kind = SLAB_RUN_REST;
    s->page[s->pages - 3].kind = SLAB_SMALL + 4;
    return base;
}

static void a_death_during(stepped_fn *fn, const char *what)
{
    void *base = slab_in_need(), *copy = shm_pages(ZONE);
    struct finding found = {.wrong = NULL};
    struct stepped child;
    uint64_t want;

    memcpy(copy, base, ZONE);
    fn(copy);
    want = objects(slab_at(copy));
    if (!stepped_start(&child, fn, base)) {
        ok(true, "tracing is not allowed # SKIP");
        return;
    }
    while (stepped_next(&child)) {
        memcpy(copy, base, ZONE);
        fn(copy);
        note(&found, slab_check(slab_at(copy)), child.steps, 0);
        note(&found, objects(slab_at(copy)) == want ? NULL : "another number of objects",
             child.steps, 0);
    }
    is_clean(&found, what);
    shm_pages_free(base, ZONE);
    shm_pages_free(copy, ZONE);
}

int main(void)
{
    alarm(290);
    the_smallest_zone_holds_seven_pages();
    a_megabyte_is_used_well();
    sizes_too_small_or_too_large_for_a_slab();
    a_huge_zone_costs_nothing_until_used();
    each_size_gets_what_it_needs();
    sizes_of_cache_lines_are_aligned_to_them();
    absurd_sizes_fail();
    free_pages_join_again();
    a_fitting_run_is_found_among_shorter_ones();
    what_is_no_object_is_not_freed();
    it_tells_how_full_it_is();
    objects_never_overlap();
    a_sweep_keeps_what_is_reachable();
    damage_is_seen();
    a_death_in_alloc_or_free();
    a_death_during(repair, "a repair cut short is done by the next");
    a_death_during(sweep, "and so is a sweep");
    return tap_done();
}
