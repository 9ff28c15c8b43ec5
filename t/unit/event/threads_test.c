/*
 * t/unit/event/threads_test.c - no task is lost, none is done twice, and a full queue says so.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "t/unit/tap.h"
#include "worker/event/loop.h"
#include "worker/event/threads.h"

#define TASKS 5000

struct job {
    struct task task;
    int worked, done;
    bool blocked;
};

static struct loop test_loop;
static struct job jobs[TASKS];
static int done_count;
static sem_t gate, started;

static void work(struct task *task)
{
    struct job *job = CONTAINER(task, struct job, task);
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    job->blocked = sigismember(&mask, SIGTERM) == 1;
    job->worked++;
}

static void work_at_gate(struct task *task)
{
    sem_post(&started);
    sem_wait(&gate);
    work(task);
}

static void done(struct task *task)
{
    CONTAINER(task, struct job, task)->done++;
    done_count++;
}

static void no_task_is_lost(void)
{
    struct thread_pool *pool = threads_create("test", 4, TASKS);
    bool each_once = true;

    for (int i = 0; i < TASKS; i++) {
        jobs[i] = (struct job){.task = {.work = work, .done = done}};
        if (threads_submit(pool, &jobs[i].task) != RC_OK)
            break;
        if (i % 100 == 0)
            loop_turn(&test_loop, 0);
    }
    while (done_count < TASKS)
        loop_turn(&test_loop, 10000);
    for (int i = 0; i < TASKS; i++)
        each_once = each_once && jobs[i].worked == 1 && jobs[i].done == 1 && jobs[i].blocked;
    ok(each_once, "each was worked on and done once, with signals blocked");
    threads_destroy(pool);
}

static void a_full_queue_refuses(void)
{
    struct thread_pool *pool = threads_create("small", 1, 2);
    struct job j[4] = {{.worked = 0}};

    done_count = 0;
    sem_init(&gate, 0, 0);
    sem_init(&started, 0, 0);
    for (int i = 0; i < 4; i++)
        j[i].task = (struct task){.work = work_at_gate, .done = done};
    is_int(threads_submit(pool, &j[0].task), RC_OK, "one runs");
    sem_wait(&started);
    is_int(threads_submit(pool, &j[1].task), RC_OK, "one waits");
    is_int(threads_submit(pool, &j[2].task), RC_OK, "two wait");
    is_int(threads_submit(pool, &j[3].task), RC_ERROR, "no more");
    for (int i = 0; i < 3; i++)
        sem_post(&gate);
    while (done_count < 3)
        loop_turn(&test_loop, 10000);
    is_int(threads_submit(pool, &j[3].task), RC_OK, "there is room again");
    sem_post(&gate);
    sem_wait(&started);
    sem_wait(&started);
    sem_wait(&started);
    threads_destroy(pool);
    is_int(j[3].worked, 1, "destroying waits for the one that runs");
    is_int(j[3].done, 1, "and tells of its end");
}

int main(void)
{
    clock_update();
    process_log.level = 0;
    loop = &test_loop;
    loop_init(&test_loop, 16);
    no_task_is_lost();
    a_full_queue_refuses();
    loop_fini(&test_loop);
    return tap_done();
}
