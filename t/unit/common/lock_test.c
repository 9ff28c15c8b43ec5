/*
 * t/unit/common/lock_test.c - a lock that outlives whoever held it.
 */
#include "common/lock.h"

#include "common/shm.h"
#include "t/unit/stepped.h"
#include "t/unit/tap.h"

static struct shared {
    struct lock lock;
    long first, second; /* equal whenever nobody holds the lock */
    atomic_int ready;
} *sh;

static enum lock_result take_and_repair(void)
{
    enum lock_result how = lock_take(&sh->lock);

    if (how == LOCK_INHERITED)
        lock_repaired(&sh->lock);
    return how;
}

static void count_one(void *arg)
{
    enum lock_result how = lock_take(&sh->lock);

    if (how == LOCK_INHERITED) {
        sh->second = sh->first;
        lock_repaired(&sh->lock);
    }
    sh->first++;
    sh->second++;
    lock_give(&sh->lock);
}

static void one_at_a_time(void)
{
    enum { CHILDREN = 4, ROUNDS = 50000 };
    pid_t pids[CHILDREN];

    for (int i = 0; i < CHILDREN; i++) {
        if ((pids[i] = fork()) == 0) {
            for (int n = 0; n < ROUNDS; n++)
                count_one(NULL);
            _exit(0);
        }
    }
    for (int i = 0; i < CHILDREN; i++)
        waitpid(pids[i], NULL, 0);
    is_int(sh->first, CHILDREN * ROUNDS, "no count is lost among four");
    is_int(sh->second, sh->first, "nor the other");
}

/* A child that takes the lock, tells so, and waits to be killed. */
static pid_t holder(bool repair)
{
    pid_t pid;

    atomic_store(&sh->ready, 0);
    if ((pid = fork()) == 0) {
        if (lock_take(&sh->lock) == LOCK_INHERITED && repair)
            lock_repaired(&sh->lock);
        atomic_store(&sh->ready, 1);
        while (true)
            pause();
    }
    while (!atomic_load(&sh->ready))
        usleep(100);
    return pid;
}

static int kill_and_wait(pid_t pid)
{
    int status;

    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return status;
}

static void the_next_learns_of_a_death(void)
{
    kill_and_wait(holder(true));
    ok(lock_was_left(&sh->lock), "it shows without being taken");
    is_int(lock_take(&sh->lock), LOCK_INHERITED, "the holder died: inherited");
    lock_repaired(&sh->lock);
    lock_give(&sh->lock);
    is_int(lock_take(&sh->lock), LOCK_CLEAN, "repaired: clean");
    lock_give(&sh->lock);
    ok(!lock_was_left(&sh->lock), "and nothing left");
}

static void a_death_during_repair_is_told_again(void)
{
    kill_and_wait(holder(true));
    kill_and_wait(holder(false));
    is_int(take_and_repair(), LOCK_INHERITED, "the repairer died as well: inherited again");
    lock_give(&sh->lock);
}

static char state_of(pid_t pid)
{
    char path[64], state = '?';
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    f = fopen(path, "r");
    if (f != NULL && fscanf(f, "%*d %*s %c", &state) != 1)
        state = '?';
    if (f != NULL)
        fclose(f);
    return state;
}

static void wait_for_lock(void)
{
    enum lock_result how;

    atomic_store(&sh->ready, 2);
    how = take_and_repair();
    lock_give(&sh->lock);
    _exit(how == LOCK_INHERITED ? 42 : 1);
}

static void who_sleeps_is_woken_by_the_death(void)
{
    pid_t pid = holder(true), waiter = fork();
    int status;

    if (waiter == 0)
        wait_for_lock();
    while (atomic_load(&sh->ready) != 2 || state_of(waiter) != 'S')
        usleep(100);
    kill_and_wait(pid);
    waitpid(waiter, &status, 0);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 42, "who slept is woken and inherits");
    is_int(take_and_repair(), LOCK_CLEAN, "the one after it finds all in order");
    lock_give(&sh->lock);
}

static void misuse(int which)
{
    must(freopen("/dev/null", "w", stderr) != NULL);
    must(take_and_repair() == LOCK_CLEAN || which == 0);
    if (which == 0)
        sh->lock.must_repair = true; /* as lock_take leaves it */
    if (which == 1)
        must(lock_take(&sh->lock) == LOCK_CLEAN);
    if (which == 2)
        lock_repaired(&sh->lock);
    lock_give(&sh->lock);
    _exit(0);
}

static void misuse_does_not_go_unnoticed(void)
{
    static const char *const what[] = {"giving back what is not repaired", "taking twice",
                                       "repairing what was not inherited"};
    int status;

    for (int which = 0; which < 3; which++) {
        pid_t pid = fork();
        if (pid == 0)
            misuse(which);
        waitpid(pid, &status, 0);
        ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, what[which]);
        lock_init(&sh->lock);
    }
}

/* Kills at the n-th instruction for many n: the heir is told whenever the two may differ. */
static void a_death_at_any_instruction(void)
{
    long steps = stepped_count(count_one, NULL);
    long stride = steps / 300 + 1, told = 0, wrong = 0;

    for (long n = 1; n <= steps; n += stride) {
        enum lock_result how;

        stepped_kill_at(count_one, NULL, n);
        how = lock_take(&sh->lock);
        wrong += how == LOCK_CLEAN && sh->first != sh->second;
        if (how == LOCK_INHERITED) {
            told++;
            sh->second = sh->first;
            lock_repaired(&sh->lock);
        }
        lock_give(&sh->lock);
    }
    printf("# %ld instructions, every %ld\n", steps, stride);
    ok(steps == 0 || told > 0, "deaths under the lock are told");
    is_int(wrong, 0, "and none that mattered is not");
}

int main(void)
{
    alarm(290);
    sh = shm_pages(sizeof(*sh));
    lock_init(&sh->lock);
    one_at_a_time();
    the_next_learns_of_a_death();
    a_death_during_repair_is_told_again();
    who_sleeps_is_woken_by_the_death();
    a_death_at_any_instruction();
    misuse_does_not_go_unnoticed();
    shm_pages_free(sh, sizeof(*sh));
    return tap_done();
}
