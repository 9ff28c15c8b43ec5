/*
 * worker/net/send_job.c - a file piece on its way through a thread, as reading it may block.
 *
 * The thread works on copies of both descriptors, so that a connection that ends meanwhile can be
 * closed. The loop does not write to the socket while a job runs.
 */
#include "worker/net/send_job.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/event/threads.h"

struct send_job {
    struct task task;
    struct conn *conn;      /* NULL: it has gone */
    bool ended;
    int from, to;           /* -1: could not be copied */
    off_t offset;
    size_t len, sent;
    int err;                /* 0; EAGAIN: the socket was full */
};

/* In a thread. All of it, or as much as the socket takes. */
static void work(struct task *task)
{
    struct send_job *job = CONTAINER(task, struct send_job, task);

    while (job->sent < job->len) {
        ssize_t n = sendfile(job->to, job->from, &job->offset, job->len - job->sent);

        if (n > 0)
            job->sent += (size_t)n;
        else if (n == 0 || errno != EINTR) {
            job->err = n == 0 ? ENODATA : errno;
            return;
        }
    }
}

static void destroy(struct send_job *job)
{
    if (job->from >= 0)
        close(job->from);
    if (job->to >= 0)
        close(job->to);
    conn_collect(job, sizeof(*job));
}

static void done(struct task *task)
{
    struct send_job *job = CONTAINER(task, struct send_job, task);

    job->ended = true;
    if (job->conn != NULL)
        post_now(&job->conn->post);
    else
        destroy(job);
}

static struct sent finish(struct send_job **at, struct conn *c, const struct piece *p);

static struct sent still_at_it(void)
{
    errno = EINPROGRESS;
    return (struct sent){-1, false};
}

/* Events that come while it runs are news for later: what the thread met may be older. */
static struct sent begin(struct send_job **at, struct conn *c, const struct piece *p, size_t len)
{
    struct send_job *job = conn_alloc(sizeof(*job));

    *job = (struct send_job){.task = {.work = work, .done = done}, .conn = c,
                             .from = fcntl(p->fd, F_DUPFD_CLOEXEC, 0),
                             .to = fcntl(c->ev.fd, F_DUPFD_CLOEXEC, 0),
                             .offset = p->offset, .len = len};
    if (job->from < 0 || job->to < 0) {
        int err = errno;

        destroy(job);
        errno = err;
        return (struct sent){-1, false};
    }
    *at = job;
    c->ev.writable = false;
    if (threads_submit(p->threads, &job->task) == RC_OK)
        return still_at_it();
    work(&job->task); /* better late than never */
    return finish(at, c, p);
}

static struct sent finish(struct send_job **at, struct conn *c, const struct piece *p)
{
    struct send_job *job = *at;
    struct sent sent = {(ssize_t)job->sent, false};
    int err = job->err;

    *at = NULL;
    destroy(job);
    if (err == 0) {
        c->ev.writable = true; /* as far as anybody knows */
        return sent;
    }
    if (err == EAGAIN) { /* an edge since then says that there is room again */
        sent.full = !c->ev.writable;
        return sent;
    }
    if (err == ENODATA) {
        log_error(&c->log, LOG_ALERT, 0, "sendfile() reported that file was truncated at %lld",
                  (long long)p->offset + sent.bytes);
        err = 0;
    }
    errno = err;
    return (struct sent){-1, false};
}

struct sent send_job_run(struct send_job **job, struct conn *c, const struct piece *p, size_t max)
{
    if (*job == NULL)
        return begin(job, c, p, MIN(p->len, max));
    if ((*job)->ended)
        return finish(job, c, p);
    return still_at_it();
}

void send_job_leave(struct send_job *job)
{
    if (job == NULL)
        return;
    job->conn = NULL;
    if (job->ended)
        destroy(job);
    else
        shutdown(job->to, SHUT_RDWR);
}
