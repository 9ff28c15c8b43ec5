/*
 * worker/orders.c - what a child hears from its master, and from an operator.
 *
 * Orders come over the channel from the master, or as signals: directly from an operator, or from
 * anyone when there is no master. A signal that came between the fork and our signalfd was noted by
 * the handler that the master had set.
 */
#include "worker/orders.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/core_conf.h"
#include "common/generation.h"
#include "common/log_rotate.h"
#include "common/role.h"
#include "common/watched.h"
#include "worker/event/loop.h"
#include "worker/log/log_out.h"
#include "worker/net/accept.h"

static const struct child *self;
static order_fn *obey;
static control_fn *controlled;
static bool ordered; /* an end, by whomever */
static struct event channel, signals;
static struct post read_channel, read_signals, rotate;

static const int heard[] = {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGHUP};

static void order(enum drain_order what, bool successor)
{
    ordered = true;
    obey(what, successor);
}

/* The master ----------------------------------------------------------------------------------- */

void orders_tell(enum channel_type type, int64_t number)
{
    struct channel_msg msg = {.type = type, .slot = self->slot, .generation = self->gen->number,
                              .number = number, .fd = -1};

    if (channel.fd >= 0)
        channel_send(channel.fd, &msg);
}

/* Log files ------------------------------------------------------------------------------------ */

/* What waits in a buffer belongs to the file that it was logged to. */
static void replace_log(struct log_file *file, int fd)
{
    log_out_flush_file(file);
    log_rotate_replaced(file);
    if (dup3(fd, file->fd, O_CLOEXEC) < 0)
        log_error(&process_log, LOG_ALERT, errno, "dup3() failed while reopening \"%s\"",
                  file->path);
    close(fd);
}

static void take_log(int64_t number, int fd)
{
    struct log_file *file = self->gen->log_files;

    while (file != NULL && number-- > 0)
        file = file->next;
    if (fd < 0)
        return;
    if (file != NULL && file->fd >= 0)
        replace_log(file, fd);
    else
        close(fd);
}

/* Without a master there is nobody else to do it. */
static bool reopen_log(struct log_file *file)
{
    int fd = open(file->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

    if (fd >= 0)
        replace_log(file, fd);
    else
        log_error(&process_log, LOG_EMERG, errno, "open() \"%s\" failed", file->path);
    return fd >= 0;
}

static void reopen_logs(void)
{
    log_error(&process_log, LOG_NOTICE, 0, "reopening logs");
    for (struct log_file *file = self->gen->log_files; file != NULL; file = file->next)
        if (file->path != NULL && file->fd >= 0)
            reopen_log(file);
}

static void run_rotate(struct post *post)
{
    for (struct log_file *file = self->gen->log_files; file != NULL; file = file->next) {
        if (!file->rotate_asked)
            continue;
        file->rotate_asked = false;
        if (log_rotate(file) && !reopen_log(file))
            log_rotate_failed(file);
    }
}

/* It is the master that rotates, if there is one. */
static void on_full(struct log_file *full)
{
    const struct log_file *file = self->gen->log_files;
    int64_t index = 0;

    if (!core_conf(self->gen)->master_process) {
        full->rotate_asked = true;
        post_now(&rotate);
        return;
    }
    while (file != full)
        file = file->next, index++;
    orders_tell(CHANNEL_ROTATE_LOG, index);
}

/* Orders --------------------------------------------------------------------------------------- */

static void take_message(const struct channel_msg *msg)
{
    switch (msg->type) {
    case CHANNEL_QUIT:
        order(ORDER_QUIT, false);
        break;
    case CHANNEL_DRAIN:
        order(ORDER_DRAIN, msg->number == 1);
        break;
    case CHANNEL_LAST_CALL:
        accept_last_call(msg->number);
        break;
    case CHANNEL_FILES:
        watched_receive(self->gen, msg->number, msg->fd);
        break;
    case CHANNEL_REOPEN_LOG:
        take_log(msg->number, msg->fd);
        break;
    case CHANNEL_CONTROL:
        if (controlled != NULL)
            controlled(msg->fd);
        else
            close(msg->fd);
        break;
    default:
        log_error(&process_log, LOG_ALERT, 0, "unknown message %u from the master", msg->type);
        if (msg->fd >= 0)
            close(msg->fd);
    }
}

static void run_read_channel(struct post *post)
{
    struct channel_msg msg;
    enum rc rc;

    while ((rc = channel_receive(channel.fd, &msg)) == RC_OK)
        take_message(&msg);
    if (rc == RC_AGAIN)
        return;
    if (!ordered)
        log_error(&process_log, LOG_ALERT, 0, "the master process is gone: finishing");
    loop_forget(&channel);
    close(channel.fd);
    channel.fd = -1;
    order(ORDER_DRAIN, false);
}

static void take_signal(int signo)
{
    switch (signo) {
    case SIGTERM:
    case SIGINT:
        order(ORDER_QUIT, false);
        break;
    case SIGQUIT:
        order(ORDER_DRAIN, false);
        break;
    case SIGUSR1:
        if (channel.fd < 0)
            reopen_logs();
        break;
    case SIGHUP:
        if (channel.fd < 0)
            log_error(&process_log, LOG_NOTICE, 0,
                      "SIGHUP ignored: reloading takes a master process");
        break;
    }
}

static void run_read_signals(struct post *post)
{
    struct signalfd_siginfo info;

    while (read(signals.fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        log_error(&process_log, LOG_INFO, 0, "signal %u received from %d", info.ssi_signo,
                  (int)info.ssi_pid);
        take_signal((int)info.ssi_signo);
    }
}

static void on_channel(struct event *ev)
{
    post_now(&read_channel);
}

static void on_signals(struct event *ev)
{
    post_now(&read_signals);
}

static enum rc watch_channel(int fd)
{
    channel = (struct event){.fd = fd, .on_event = on_channel};
    read_channel = (struct post){.run = run_read_channel};
    return fd < 0 ? RC_OK : loop_add(&channel);
}

static enum rc watch_signals(const volatile int *seen)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < COUNT(heard); i++)
        sigaddset(&set, heard[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its write */
    for (size_t i = 0; seen != NULL && i < COUNT(heard); i++)
        if (*seen & (1 << heard[i]))
            take_signal(heard[i]);
    signals = (struct event){.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC),
                             .on_event = on_signals};
    read_signals = (struct post){.run = run_read_signals};
    if (signals.fd >= 0)
        return loop_add(&signals);
    log_error(&process_log, LOG_EMERG, errno, "signalfd() failed");
    return RC_ERROR;
}

void orders_init(const struct child *child, order_fn *fn)
{
    self = child;
    obey = fn;
    ordered = false;
    channel.fd = child->channel;
    rotate.run = run_rotate;
    log_rotate_on_full(on_full);
}

void orders_on_control(control_fn *fn)
{
    controlled = fn;
}

enum rc orders_listen(void)
{
    if (watch_channel(self->channel) != RC_OK)
        return RC_ERROR;
    return watch_signals(self->signal_seen);
}
