/*
 * t/unit/common/slots_test.c - counters that no death makes wrong.
 */
#include "common/slots.h"

#include "common/booking.h"
#include "t/unit/stepped.h"
#include "t/unit/tap.h"

#define A_COUNTER     0
#define OTHER_COUNTER (SLOTS_COUNTERS - 1)
#define A_GAUGE       SLOTS_COUNTERS

static void no_heir(void *arg, struct booking *b)
{
    (void)arg;
    must(b == NULL);
}

static struct slots make(uint32_t rows)
{
    struct slots s;

    must(slots_create(&s, rows, 16));
    return s;
}

static uint64_t read_one(const struct slots *s, unsigned number)
{
    uint64_t out[SLOTS_NUMBERS];

    slots_read(s, out);
    return out[number];
}

static void count(struct slots *s)
{
    slots_add(s, A_COUNTER, 5);
    slots_add(s, OTHER_COUNTER, 7);
    slots_add(s, A_GAUGE, 3);
    slots_add(s, A_GAUGE, -1);
}

/* A child with a row of its own that counts and ends, in order or not. */
static void live_and_die(struct slots *s, uint32_t row, bool in_order)
{
    if (fork() == 0) {
        slots_enter(s, row, no_heir, NULL);
        count(s);
        if (in_order)
            slots_leave(s);
        _exit(0);
    }
    wait(NULL);
}

static void rows_are_given_out_once(void)
{
    struct slots s = make(3);

    is_int(slots_assign(&s, 0, 1), 0, "the first");
    is_int(slots_assign(&s, 1, 1), 1, "the second");
    is_int(slots_assign(&s, 0, 2), 2, "the third");
    is_int(slots_assign(&s, 1, 2), SLOTS_NONE, "there is no more");
    is_int(s.row[2].slot, 0, "a row knows its slot");
    is_int(s.row[2].generation, 2, "and its generation");
    slots_close(&s);
}

static void what_was_counted_stays(void)
{
    struct slots s = make(2);
    uint32_t row = slots_assign(&s, 0, 1);

    slots_enter(&s, slots_assign(&s, 1, 1), no_heir, NULL);
    count(&s);
    live_and_die(&s, row, true);
    is_int((int64_t)read_one(&s, A_COUNTER), 10, "by one that left and one that is here");
    is_int((int64_t)read_one(&s, OTHER_COUNTER), 14, "all counters");
    is_int((int64_t)read_one(&s, A_GAUGE), 2, "but only who is here counts for now");
    is_int(slots_assign(&s, 0, 2), SLOTS_NONE, "until the master knows, the row is not free");
    slots_release(&s, row);
    is_int(slots_assign(&s, 0, 2), row, "then it is");
    is_int((int64_t)read_one(&s, A_COUNTER), 10, "and nothing is counted twice");
    slots_close(&s);
}

static void an_heir_takes_over(void)
{
    struct slots s = make(2);
    uint32_t row = slots_assign(&s, 0, 1);

    live_and_die(&s, row, false);
    is_int((int64_t)read_one(&s, A_COUNTER), 5, "a dead one's count is seen");
    live_and_die(&s, row, false);
    slots_enter(&s, row, no_heir, NULL);
    is_int((int64_t)read_one(&s, A_COUNTER), 10, "and kept by those who follow");
    is_int((int64_t)read_one(&s, A_GAUGE), 0, "what was there is not any more");
    is_int(s.row[row].pid, getpid(), "the row has a new owner");
    slots_close(&s);
}

static void a_row_without_heir_is_adopted(void)
{
    struct slots s = make(3);
    uint32_t row = slots_assign(&s, 0, 1);

    live_and_die(&s, row, false);
    slots_release(&s, row);
    is_int((int64_t)read_one(&s, A_GAUGE), 0, "a dead one has nothing now");
    slots_enter(&s, slots_assign(&s, 1, 1), no_heir, NULL);
    is_int(slots_adopt(&s, no_heir, NULL), 1, "one row");
    is_int(slots_adopt(&s, no_heir, NULL), 0, "once");
    is_int((int64_t)read_one(&s, A_COUNTER), 5, "counts stay");
    is_int(slots_assign(&s, 0, 2), row, "the row is free");
    slots_close(&s);
}

static void a_new_binary_goes_on(void)
{
    struct slots s = make(2), again;
    int fd;

    live_and_die(&s, slots_assign(&s, 0, 1), true);
    fd = dup(s.shm.fd);
    ok(slots_attach(&again, dup(fd)), "the same layout");
    is_int((int64_t)read_one(&again, A_COUNTER), 5, "with its counts");
    is_int(slots_assign(&again, 0, 2), 1, "and its rows");
    slots_close(&again);
    *(uint64_t *)(void *)((char *)s.shm.base + 8) ^= 1;
    ok(!slots_attach(&again, fd), "another layout is refused");
    close(fd);
    slots_close(&s);
}

/* Deaths ------------------------------------------------------------------------------------- */

static void leave(void *arg)
{
    slots_leave(arg);
}

static void enter(void *arg)
{
    struct slots *s = arg;

    slots_enter(s, s->mine, no_heir, NULL);
}

/* A table whose totals hold something, and whose row 0 is ours and counts. */
static struct slots make_busy(void)
{
    struct slots s = make(2);

    must(slots_assign(&s, 0, 1) == 0 && slots_assign(&s, 1, 1) == 1);
    live_and_die(&s, 1, true);
    slots_enter(&s, 0, no_heir, NULL);
    count(&s);
    return s;
}

static void readers_see_no_fold(stepped_fn *fn, const char *what)
{
    struct slots s = make_busy();
    struct stepped child;
    long wrong = 0;

    if (!stepped_start(&child, fn, &s)) {
        ok(true, "tracing is not allowed # SKIP");
        return;
    }
    while (stepped_next(&child))
        wrong += read_one(&s, A_COUNTER) != 10 || read_one(&s, OTHER_COUNTER) != 14;
    printf("# %ld instructions\n", child.steps);
    is_int(wrong, 0, what);
    slots_close(&s);
}

static void killed_at_many_instructions(stepped_fn *fn, const char *what)
{
    struct slots s = make_busy();
    long steps = stepped_count(fn, &s), stride = steps / 20 + 1, wrong = 0;

    slots_close(&s);
    for (long n = 1; n <= steps; n += stride) {
        s = make_busy();
        stepped_kill_at(fn, &s, n);
        wrong += read_one(&s, A_COUNTER) != 10;
        slots_release(&s, 0);
        s.mine = SLOTS_NONE;
        slots_adopt(&s, no_heir, NULL);
        wrong += read_one(&s, A_COUNTER) != 10 || read_one(&s, OTHER_COUNTER) != 14;
        wrong += slots_assign(&s, 0, 2) != 0;
        /* The next fold must not be led astray by what the last one left. */
        slots_enter(&s, 0, no_heir, NULL);
        count(&s);
        slots_leave(&s);
        wrong += read_one(&s, A_COUNTER) != 15;
        slots_close(&s);
    }
    is_int(wrong, 0, what);
}

int main(void)
{
    alarm(290);
    rows_are_given_out_once();
    what_was_counted_stays();
    an_heir_takes_over();
    a_row_without_heir_is_adopted();
    a_new_binary_goes_on();
    readers_see_no_fold(leave, "who reads while another leaves sees the same sums throughout");
    readers_see_no_fold(enter, "and while an heir takes over");
    killed_at_many_instructions(leave, "a death while leaving counts nothing twice and loses none");
    killed_at_many_instructions(enter, "nor does one while taking over");
    return tap_done();
}
