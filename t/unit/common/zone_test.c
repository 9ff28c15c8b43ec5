/*
 * t/unit/common/zone_test.c - zones: made, kept, handed on, and put in order after deaths.
 */
#include "common/zone.h"

#include <errno.h>
#include <sched.h>

#include "common/slab_check.h"
#include "t/unit/stepped.h"
#include "t/unit/tap.h"

static char dir[] = "/tmp/weir-zone-XXXXXX";
static char path[64];

/* A toy kind: a list of numbers -------------------------------------------------------------- */

struct list {
    uint64_t head;
    uint64_t count;
};

struct node {
    uint64_t next;
    uint64_t number, check; /* the latter is ~number */
    char rest[100];
};

static bool list_init(struct zone *z)
{
    struct list *list = zone_alloc(z, sizeof(*list));

    if (list == NULL)
        return false;
    *list = (struct list){0};
    zone_set_root(z, zone_offset(z, list));
    return true;
}

static bool list_repair(struct zone *z)
{
    struct list *list = zone_root(z);

    slab_sweep_begin(zone_slab(z));
    slab_keep(zone_slab(z), zone_offset(z, list));
    list->count = 0;
    for (uint64_t at = list->head; at != 0; at = ((struct node *)zone_ptr(z, at))->next) {
        if (!slab_keep(zone_slab(z), at))
            return false;
        list->count++;
    }
    slab_sweep_end(zone_slab(z));
    return true;
}

static bool list_push(struct zone *z, uint64_t number)
{
    struct list *list = zone_root(z);
    struct node *node = zone_alloc(z, sizeof(*node));

    if (node == NULL)
        return false;
    node->next = list->head;
    node->number = number;
    node->check = ~number;
    atomic_signal_fence(memory_order_seq_cst);
    list->head = zone_offset(z, node);
    list->count++;
    return true;
}

static uint64_t list_pop(struct zone *z)
{
    struct list *list = zone_root(z);
    struct node *node = zone_ptr(z, list->head);
    uint64_t number = node->number;

    list->head = node->next;
    atomic_signal_fence(memory_order_seq_cst);
    zone_free(z, node);
    list->count--;
    return number;
}

static uint64_t list_count(struct zone *z)
{
    return ((struct list *)zone_root(z))->count;
}

static bool needs_a_megabyte(struct zone *z)
{
    return zone_alloc(z, 1 << 20) != NULL;
}

static const struct zone_kind list_kind = {"list", 1, list_init, list_repair};
static const struct zone_kind newer_kind = {"list", 2, list_init, list_repair};
static const struct zone_kind other_kind = {"other", 1, list_init, list_repair};
static const struct zone_kind brittle_kind = {"brittle", 1, list_init, NULL};
static const struct zone_kind large_kind = {"large", 1, needs_a_megabyte, NULL};

static struct zone *make(const struct zone_kind *kind, size_t bytes)
{
    const char *why = NULL;
    struct zone *z = zone_create(kind, STR("one"), bytes, &why);

    must(z != NULL);
    return z;
}

/* What is wrong in an allocator with nothing in it but the list. NULL: nothing. */
static const char *list_check(struct zone *z)
{
    struct slab_stats stats;
    const char *wrong = slab_check(zone_slab(z));
    uint64_t count = 0, used = 0;

    if (wrong != NULL)
        return wrong;
    for (uint64_t at = ((struct list *)zone_root(z))->head; at != 0; count++) {
        const struct node *node = zone_ptr(z, at);

        if (slab_usable_bytes(zone_slab(z), at) < sizeof(*node))
            return "a node that is not allocated";
        if (node->check != ~node->number)
            return "a node that is not filled in";
        at = node->next;
    }
    slab_stats(zone_slab(z), &stats);
    for (unsigned class = 0; class < SLAB_CLASSES; class++)
        used += stats.classes[class].used;
    if (count != list_count(z))
        return "a wrong count";
    return used == count + 1 ? NULL : "memory that nobody has";
}

/* Making and keeping ------------------------------------------------------------------------- */

static void a_zone_holds_what_is_put_there(void)
{
    struct zone *z = make(&list_kind, 1);
    uint64_t pushed = 0;
    pid_t pid;

    is_int((int64_t)z->bytes, ZONE_MIN_BYTES, "no zone is smaller than eight pages");
    if ((pid = fork()) == 0) {
        zone_lock(z);
        list_push(z, 42);
        zone_unlock(z);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    zone_lock(z);
    is_int((int64_t)list_pop(z), 42, "put there by another");
    while (list_push(z, pushed))
        pushed++;
    ok(pushed > 6 * (SLAB_PAGE / 160), "it can be filled");
    while (pushed > 0)
        pushed -= list_pop(z) == pushed - 1;
    zone_unlock(z);
    is_str(list_check(z), NULL, "and emptied");
    zone_destroy(z);
}

static void what_cannot_be_made_says_why(void)
{
    static const char long_name[ZONE_NAME_MAX + 1] = {[0 ... ZONE_NAME_MAX - 1] = 'x'};
    const char *why = NULL;

    ok(zone_create(&large_kind, STR("one"), 1 << 20, &why) == NULL && errno == 0, "too small");
    is_str(why, "zone is too small", "says so");
    ok(zone_create(&list_kind, STR("one"), SIZE_MAX, &why) == NULL && errno != 0, "too large");
    is_str(why, "cannot get shared memory", "says so");
    ok(zone_create(&list_kind, str_of(long_name), 1 << 20, &why) == NULL, "a name too long");
    is_str(why, "zone name is too long", "says so");
}

static void the_next_generation_keeps_what_is_the_same(void)
{
    struct zone *z = make(&list_kind, 1000000);

    ok(zone_matches(z, &list_kind, STR("one"), 1000000), "the same");
    ok(!zone_matches(z, &list_kind, STR("one"), 2000000), "another size");
    ok(!zone_matches(z, &list_kind, STR("on"), 1000000), "another name");
    ok(!zone_matches(z, &other_kind, STR("one"), 1000000), "another kind");
    zone_set_generation(z, 7);
    is_int(z->header->generation, 7, "it knows the newest that uses it");
    zone_destroy(z);
}

static const char *why_not_attached(const struct zone *z, const struct zone_kind *kind,
                                    struct str name, size_t bytes)
{
    const char *why = "attached";
    int fd = dup(z->shm.fd);
    struct zone *again = zone_attach(kind, name, bytes, fd, &why);

    if (again != NULL) {
        zone_destroy(again);
        return "attached";
    }
    close(fd);
    return why;
}

static void a_new_binary_takes_over_what_it_understands(void)
{
    struct zone *z = make(&list_kind, 100000), *again;
    const char *why;

    zone_lock(z);
    list_push(z, 5);
    zone_unlock(z);
    again = zone_attach(&list_kind, STR("one"), 100000, dup(z->shm.fd), &why);
    ok(again != NULL, "the same make");
    zone_lock(again);
    is_int((int64_t)list_pop(again), 5, "with its contents, at another address");
    zone_unlock(again);
    zone_destroy(again);
    is_str(why_not_attached(z, &newer_kind, STR("one"), 100000), "zone has another layout",
           "a module's layout changed");
    is_str(why_not_attached(z, &other_kind, STR("one"), 100000), "zone is of another kind",
           "another kind");
    is_str(why_not_attached(z, &list_kind, STR("two"), 100000), "zone has another name",
           "another name");
    is_str(why_not_attached(z, &list_kind, STR("one"), 200000), "zone has another size",
           "another size");
    z->header->layout++;
    is_str(why_not_attached(z, &list_kind, STR("one"), 100000),
           "zone is of another version of the program or of libc", "another libc");
    z->header->magic = 0;
    is_str(why_not_attached(z, &list_kind, STR("one"), 100000), "holds no zone", "half made");
    zone_destroy(z);
}

static void push_and_die(struct zone *z)
{
    if (fork() == 0) {
        zone_lock(z);
        list_push(z, 1);
        zone_alloc(z, 500);
        _exit(0); /* the kernel sees no difference to a kill */
    }
    wait(NULL);
}

/* Files -------------------------------------------------------------------------------------- */

static struct zone *open_file(size_t bytes)
{
    const char *why = NULL;
    struct zone *z = zone_create_file(&list_kind, STR("kept"), bytes, path, &why);

    must(z != NULL);
    return z;
}

static uint64_t count_under_lock(struct zone *z)
{
    uint64_t count;

    zone_lock(z);
    count = list_count(z);
    zone_unlock(z);
    return count;
}

static void a_file_outlives_its_users(void)
{
    struct zone *z = open_file(100000);
    const char *why;

    ok(zone_create_file(&list_kind, STR("kept"), 100000, path, &why) == NULL, "one user at a time");
    is_str(why, "zone file is in use", "says so");
    push_and_die(z);
    zone_destroy(z);

    z = open_file(100000);
    is_int((int64_t)count_under_lock(z), 1, "not saved, but the machine ran on: kept");
    is_int(z->header->repairs, 1, "after repair");
    ok(zone_save(z), "saved");
    zone_destroy(z);

    z = open_file(100000);
    is_int((int64_t)count_under_lock(z), 1, "saved: kept");
    is_int(z->header->repairs, 1, "as it is");
    zone_destroy(z);
}

static void a_file_is_not_trusted_after_a_power_cut(void)
{
    struct zone *z = open_file(100000);

    is_int((int64_t)count_under_lock(z), 1, "there is something in it");
    z->header->boot[0] ^= 1;
    zone_destroy(z);
    z = open_file(100000);
    is_int((int64_t)count_under_lock(z), 0, "not saved, another boot: empty");
    zone_lock(z);
    list_push(z, 5);
    zone_unlock(z);
    z->header->boot[0] ^= 1;
    zone_save(z);
    zone_destroy(z);
    z = open_file(100000);
    is_int((int64_t)count_under_lock(z), 1, "saved, another boot: kept");
    zone_destroy(z);
    z = open_file(200000);
    is_int((int64_t)count_under_lock(z), 0, "another size: empty");
    zone_destroy(z);
}

static void saving_does_not_hide_a_death(void)
{
    struct zone *z = open_file(200000);

    if (fork() == 0) {
        zone_lock(z);
        ((struct list *)zone_root(z))->count = 99;
        _exit(0);
    }
    wait(NULL);
    zone_save(z);
    zone_destroy(z);
    z = open_file(200000);
    is_int((int64_t)count_under_lock(z), 0, "the next user repairs");
    zone_destroy(z);
}

/* Deaths ------------------------------------------------------------------------------------- */

static void the_heir_repairs(void)
{
    struct zone *z = make(&list_kind, 1 << 20);
    uint64_t id = zone_id(z);

    push_and_die(z);
    zone_lock(z);
    is_int((int64_t)list_count(z), 1, "what was done stays");
    is_str(list_check(z), NULL, "what was not linked is free");
    is_int(z->header->repairs, 1, "counted");
    ok(zone_id(z) == id, "still the same zone");
    zone_unlock(z);
    zone_destroy(z);
}

static void or_empties(void)
{
    struct zone *z = make(&brittle_kind, 1 << 20);
    uint64_t id = zone_id(z);

    push_and_die(z);
    zone_lock(z);
    is_int((int64_t)list_count(z), 0, "a kind without repair starts anew");
    is_int(z->header->emptied, 1, "counted");
    ok(zone_id(z) != id, "under another id");
    is_str(list_check(z), NULL, "and nothing is lost");
    zone_unlock(z);
    zone_destroy(z);
}

static void what_cannot_be_repaired_is_emptied(void)
{
    struct zone *z = make(&list_kind, 1 << 20);

    zone_lock(z);
    list_push(z, 1);
    list_push(z, 2);
    ((struct list *)zone_root(z))->head += 8;
    z->header->state = ZONE_DAMAGED;
    zone_unlock(z);
    zone_lock(z);
    is_int((int64_t)list_count(z), 0, "repair gave up");
    is_str(list_check(z), NULL, "the zone is empty and whole");
    zone_unlock(z);
    zone_destroy(z);
}

/* One visit: three nodes more, one less, whatever page they lie in. */
static void visit(void *arg)
{
    struct zone *z = arg;

    zone_lock(z);
    for (uint64_t i = 0; i < 3; i++)
        list_push(z, i);
    list_pop(z);
    zone_unlock(z);
}

static void empty(void *arg)
{
    zone_lock(arg);
    zone_empty(arg);
    zone_unlock(arg);
}

/* What an heir finds and makes of the zone as it is now; on a copy. */
static const char *inherit_copy(const struct zone *z, void *memory)
{
    struct zone copy = *z;
    const char *wrong;

    memcpy(memory, z->header, z->bytes);
    copy.header = memory;
    lock_init(&copy.header->lock);
    if (copy.header->state == ZONE_READY)
        copy.header->state = ZONE_DAMAGED;
    zone_lock(&copy);
    wrong = list_check(&copy);
    zone_unlock(&copy);
    return wrong;
}

static void a_death_at_any_instruction_of(stepped_fn *fn, const char *what)
{
    struct zone *z = make(&list_kind, ZONE_MIN_BYTES);
    void *memory = shm_pages(z->bytes);
    const char *wrong = NULL;
    struct stepped child;

    for (int i = 0; i < 12; i++) /* of 25 that fill a page */
        visit(z);
    if (!stepped_start(&child, fn, z)) {
        ok(true, "tracing is not allowed # SKIP");
        return;
    }
    while (stepped_next(&child))
        if (wrong == NULL && (wrong = inherit_copy(z, memory)) != NULL)
            printf("# at instruction %ld\n", child.steps);
    printf("# %ld instructions\n", child.steps);
    is_str(wrong, NULL, what);
    shm_pages_free(memory, z->bytes);
    zone_destroy(z);
}

static void a_kill_at_many_instructions(void)
{
    struct zone *z = make(&list_kind, ZONE_MIN_BYTES);
    long steps = stepped_count(visit, z), stride = steps / 120 + 1;
    const char *wrong = NULL;

    for (long n = 1; n <= steps && wrong == NULL; n += stride) {
        stepped_kill_at(visit, z, n);
        zone_lock(z);
        wrong = list_check(z);
        while (list_count(z) > 20)
            list_pop(z);
        zone_unlock(z);
    }
    is_str(wrong, NULL, "killed there, the heir finds a list that is whole");
    ok(steps == 0 || z->header->repairs > 20, "often after a repair");
    is_int(z->header->emptied, 0, "and never an empty one");
    zone_destroy(z);
}

/* Many at once ------------------------------------------------------------------------------- */

enum { CHILDREN = 4, HELD = 64, KILLS = 150, ENOUGH = 4000 };

struct crowd {
    uint64_t held[CHILDREN][HELD];
    uint32_t bytes[CHILDREN][HELD];
    _Atomic long rounds[CHILDREN];
    _Atomic long spoilt;
    atomic_bool stop;
};

static bool crowd_init(struct zone *z)
{
    struct crowd *c = zone_alloc(z, sizeof(*c));

    if (c == NULL)
        return false;
    memset(c, 0, sizeof(*c));
    zone_set_root(z, zone_offset(z, c));
    return true;
}

static bool crowd_repair(struct zone *z)
{
    struct crowd *c = zone_root(z);

    slab_sweep_begin(zone_slab(z));
    slab_keep(zone_slab(z), zone_offset(z, c));
    for (int i = 0; i < CHILDREN * HELD; i++)
        if (c->held[i / HELD][i % HELD] != 0 &&
            !slab_keep(zone_slab(z), c->held[i / HELD][i % HELD]))
            return false;
    slab_sweep_end(zone_slab(z));
    return true;
}

static const struct zone_kind crowd_kind = {"crowd", 1, crowd_init, crowd_repair};

static void take_one(struct zone *z, struct crowd *c, int me, unsigned i, uint32_t bytes)
{
    uint64_t offset = slab_alloc(zone_slab(z), bytes);

    if (offset == 0)
        return;
    c->bytes[me][i] = bytes;
    memset(zone_ptr(z, offset), me * HELD + (int)i, bytes);
    atomic_signal_fence(memory_order_seq_cst);
    c->held[me][i] = offset;
}

static bool is_mine(const unsigned char *at, int value, size_t bytes)
{
    return *at == value && memcmp(at, at + 1, bytes - 1) == 0;
}

static void give_one(struct zone *z, struct crowd *c, int me, unsigned i)
{
    uint64_t offset = c->held[me][i];

    if (!is_mine(zone_ptr(z, offset), me * HELD + (int)i, c->bytes[me][i]))
        c->spoilt++;
    c->held[me][i] = 0;
    atomic_signal_fence(memory_order_seq_cst);
    if (!slab_free(zone_slab(z), offset))
        c->spoilt++;
}

static void hammer(struct zone *z, int me)
{
    struct crowd *c = zone_root(z);
    uint32_t dice = (uint32_t)getpid() * 2654435761u;

    while (!c->stop) {
        unsigned i;

        dice = dice * 1664525 + 1013904223;
        i = dice >> 8 & (HELD - 1);
        zone_lock(z);
        if (c->held[me][i] == 0)
            take_one(z, c, me, i, 1 + (dice >> 15) % (dice >> 28 == 0 ? 20000 : 600));
        else
            give_one(z, c, me, i);
        zone_unlock(z);
        c->rounds[me]++;
    }
    _exit(0);
}

static pid_t start_hammer(struct zone *z, int me)
{
    pid_t pid = fork();

    if (pid == 0)
        hammer(z, me);
    return pid;
}

static void await_rounds(struct crowd *c, int child, long more)
{
    long until = c->rounds[child] + more;

    while (c->rounds[child] < until)
        sched_yield();
}

static void many_use_it_and_some_die(void)
{
    struct zone *z = make(&crowd_kind, 1 << 20);
    struct crowd *c = zone_root(z);
    pid_t pids[CHILDREN];

    for (int i = 0; i < CHILDREN; i++)
        pids[i] = start_hammer(z, i);
    for (int n = 0; n < KILLS; n++) {
        int victim = n % CHILDREN;

        await_rounds(c, victim, 7 + n * 37 % 100);
        kill(pids[victim], SIGKILL);
        waitpid(pids[victim], NULL, 0);
        pids[victim] = start_hammer(z, victim);
    }
    for (int i = 0; i < CHILDREN; i++)
        await_rounds(c, i, ENOUGH);
    c->stop = true;
    for (int i = 0; i < CHILDREN; i++)
        waitpid(pids[i], NULL, 0);
    zone_lock(z);
    printf("# %u repairs\n", z->header->repairs);
    is_int(c->spoilt, 0, "nobody finds his memory spoilt");
    is_int(z->header->emptied, 0, "the zone was never given up");
    is_str(slab_check(zone_slab(z)), NULL, "it is whole");
    for (int i = 0; i < CHILDREN * HELD; i++)
        if (c->held[i / HELD][i % HELD] != 0)
            give_one(z, c, i / HELD, (unsigned)i % HELD);
    is_int(c->spoilt, 0, "in the end, too");
    zone_free(z, c);
    is_int(zone_slab(z)->pages_free, zone_slab(z)->pages, "and all memory comes back");
    zone_unlock(z);
    zone_destroy(z);
}

int main(void)
{
    alarm(290);
    must(mkdtemp(dir) != NULL);
    snprintf(path, sizeof(path), "%s/zone", dir);
    a_zone_holds_what_is_put_there();
    what_cannot_be_made_says_why();
    the_next_generation_keeps_what_is_the_same();
    a_new_binary_takes_over_what_it_understands();
    a_file_outlives_its_users();
    a_file_is_not_trusted_after_a_power_cut();
    saving_does_not_hide_a_death();
    the_heir_repairs();
    or_empties();
    what_cannot_be_repaired_is_emptied();
    a_death_at_any_instruction_of(visit, "a death at any of them leaves a list that is whole");
    a_death_at_any_instruction_of(empty, "and so does one while the zone is emptied");
    a_kill_at_many_instructions();
    many_use_it_and_some_die();
    unlink(path);
    rmdir(dir);
    return tap_done();
}
