/*
 * worker/event/threads.c - the pool of threads.
 *
 * One lock guards both queues. A thread that finishes the first task since the loop last looked
 * writes to an eventfd; the loop then takes all that are done at once. Threads start one by one,
 * when a task comes and none is idle, with every signal blocked.
 */
#include "worker/event/threads.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/log.h"
#include "common/pool.h"
#include "worker/event/loop.h"

#define STACK_BYTES (512 * 1024)

struct task_queue {
    struct task *first;
    struct task **end;
};

struct thread_pool {
    const char *name;
    uint32_t wanted, started;
    uint32_t max_queue;
    struct event ev;            /* the eventfd */
    struct post post;           /* delivers what is done */
    pthread_mutex_t lock;       /* guards all below */
    pthread_cond_t work;
    struct task_queue waiting, finished;
    uint32_t waiting_count, idle;
    bool stopping;
    pthread_t threads[];
};

static void queue_init(struct task_queue *q)
{
    q->first = NULL;
    q->end = &q->first;
}

static void queue_add(struct task_queue *q, struct task *task)
{
    task->next = NULL;
    *q->end = task;
    q->end = &task->next;
}

static struct task *queue_take(struct task_queue *q)
{
    struct task *task = q->first;

    q->first = task->next;
    if (q->first == NULL)
        q->end = &q->first;
    return task;
}

/* In a thread, with the lock held: true when there is a task, false when the pool ends. */
static bool wait_for_task(struct thread_pool *pool)
{
    while (pool->waiting.first == NULL && !pool->stopping) {
        pool->idle++;
        pthread_cond_wait(&pool->work, &pool->lock);
        pool->idle--;
    }
    return !pool->stopping;
}

static void tell_loop(struct thread_pool *pool)
{
    uint64_t one = 1;
    ssize_t n;

    do
        n = write(pool->ev.fd, &one, sizeof(one));
    while (n < 0 && errno == EINTR);
}

static void *thread_main(void *arg)
{
    struct thread_pool *pool = arg;

    pthread_mutex_lock(&pool->lock);
    while (wait_for_task(pool)) {
        struct task *task = queue_take(&pool->waiting);
        bool first;

        pool->waiting_count--;
        pthread_mutex_unlock(&pool->lock);
        task->work(task);
        pthread_mutex_lock(&pool->lock);
        first = pool->finished.first == NULL;
        queue_add(&pool->finished, task);
        if (first)
            tell_loop(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void on_finished(struct event *ev)
{
    struct thread_pool *pool = CONTAINER(ev, struct thread_pool, ev);

    post_now(&pool->post);
}

static void deliver_finished(struct thread_pool *pool)
{
    struct task *task, *next;

    pthread_mutex_lock(&pool->lock);
    task = pool->finished.first;
    queue_init(&pool->finished);
    pthread_mutex_unlock(&pool->lock);
    for (; task != NULL; task = next) {
        next = task->next;
        task->done(task);
    }
}

static void run_finished(struct post *post)
{
    struct thread_pool *pool = CONTAINER(post, struct thread_pool, post);
    uint64_t count;

    if (read(pool->ev.fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
        log_error(&process_log, LOG_ALERT, errno, "read() of an eventfd failed");
    deliver_finished(pool);
}

struct thread_pool *threads_create(const char *name, uint32_t threads, uint32_t max_queue)
{
    struct thread_pool *pool = pool_malloc(sizeof(*pool) + threads * sizeof(pool->threads[0]));

    *pool = (struct thread_pool){
        .name = name,
        .wanted = threads,
        .max_queue = max_queue,
        .ev = {.fd = -1, .on_event = on_finished},
        .post = {.run = run_finished},
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .work = PTHREAD_COND_INITIALIZER,
    };
    queue_init(&pool->waiting);
    queue_init(&pool->finished);
    return pool;
}

static enum rc open_eventfd(struct thread_pool *pool)
{
    if (pool->ev.fd >= 0)
        return RC_OK;
    pool->ev.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (pool->ev.fd < 0) {
        log_error(&process_log, LOG_ALERT, errno, "eventfd() failed");
        return RC_ERROR;
    }
    if (loop_add(&pool->ev) == RC_OK)
        return RC_OK;
    close(pool->ev.fd);
    pool->ev.fd = -1;
    return RC_ERROR;
}

static int create_thread(struct thread_pool *pool)
{
    sigset_t all, before;
    pthread_attr_t attr;
    int err;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&pool->threads[pool->started], &attr, thread_main, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return err;
}

/* One more thread if every one is busy. Fine to fail while others run. */
static enum rc start_thread(struct thread_pool *pool, bool needed)
{
    int err;

    if (!needed || pool->started == pool->wanted)
        return RC_OK;
    err = create_thread(pool);
    if (err == 0) {
        pthread_setname_np(pool->threads[pool->started++], pool->name);
        return RC_OK;
    }
    log_error(&process_log, LOG_ALERT, err, "pthread_create() failed");
    return pool->started > 0 ? RC_OK : RC_ERROR;
}

enum rc threads_submit(struct thread_pool *pool, struct task *task)
{
    bool full, all_busy;

    if (open_eventfd(pool) != RC_OK)
        return RC_ERROR;
    pthread_mutex_lock(&pool->lock);
    full = pool->waiting_count >= pool->max_queue;
    all_busy = pool->idle <= pool->waiting_count;
    pthread_mutex_unlock(&pool->lock);
    if (full) {
        log_error(&process_log, LOG_ERROR, 0, "thread pool \"%s\" queue overflow: %u tasks waiting",
                  pool->name, pool->max_queue);
        return RC_ERROR;
    }
    if (start_thread(pool, all_busy) != RC_OK)
        return RC_ERROR;
    pthread_mutex_lock(&pool->lock);
    queue_add(&pool->waiting, task);
    pool->waiting_count++;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    return RC_OK;
}

void threads_destroy(struct thread_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->started; i++)
        pthread_join(pool->threads[i], NULL);
    deliver_finished(pool);
    post_cancel(&pool->post);
    if (pool->ev.fd >= 0) {
        loop_forget(&pool->ev);
        close(pool->ev.fd);
    }
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->work);
    free(pool);
}
