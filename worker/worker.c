/*
 * worker/worker.c - the role "worker process".
 *
 * Orders come over the channel from the master, or as signals: directly from an operator, or from
 * anyone when there is no master. A signal that came between the fork and our signalfd was noted by
 * the handler that the master had set.
 */
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/channel.h"
#include "common/clock.h"
#include "common/core_conf.h"
#include "common/log_rotate.h"
#include "common/pool.h"
#include "common/slots.h"
#include "worker/heir.h"
#include "worker/log/log_out.h"
#include "worker/net/accept.h"
#include "worker/net/conn.h"
#include "worker/net/conn_count.h"
#include "worker/net/thread_pools.h"

#define BATCH       512             /* events taken per turn */
#define TRIM_MS     10000           /* after work, recycled memory above these goes back */
#define KEEP_BYTES  (1024 * 1024)
#define KEEP_BLOCKS 256

#define EXIT_CANNOT_SERVE 2         /* the master does not respawn at once */

static struct worker self;
static struct event channel, signals;
static struct post read_channel, read_signals, rotate;
static struct timer trim;

static const int heard[] = {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGHUP};

/* The master ----------------------------------------------------------------------------------- */

static void tell_master(enum channel_type type, int64_t number)
{
    struct channel_msg msg = {.type = type, .slot = self.slot, .generation = self.gen->number,
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
    struct log_file *file = self.gen->log_files;

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
static void reopen_log(struct log_file *file)
{
    int fd = open(file->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

    if (fd >= 0)
        replace_log(file, fd);
    else
        log_error(&process_log, LOG_EMERG, errno, "open() \"%s\" failed", file->path);
}

static void reopen_logs(void)
{
    log_error(&process_log, LOG_NOTICE, 0, "reopening logs");
    for (struct log_file *file = self.gen->log_files; file != NULL; file = file->next)
        if (file->path != NULL && file->fd >= 0)
            reopen_log(file);
}

static void run_rotate(struct post *post)
{
    for (struct log_file *file = self.gen->log_files; file != NULL; file = file->next) {
        if (!file->rotate_asked)
            continue;
        file->rotate_asked = false;
        if (log_rotate(file))
            reopen_log(file);
    }
}

/* It is the master that rotates, if there is one. */
static void on_full(struct log_file *full)
{
    const struct log_file *file = self.gen->log_files;
    int64_t index = 0;

    if (!core_conf(self.gen)->master_process) {
        full->rotate_asked = true;
        post_now(&rotate);
        return;
    }
    while (file != full)
        file = file->next, index++;
    tell_master(CHANNEL_ROTATE_LOG, index);
}

/* Orders --------------------------------------------------------------------------------------- */

static void take_message(const struct channel_msg *msg)
{
    switch (msg->type) {
    case CHANNEL_QUIT:
        drain_order(&self.drain, ORDER_QUIT, false);
        break;
    case CHANNEL_DRAIN:
        drain_order(&self.drain, ORDER_DRAIN, msg->number == 1);
        break;
    case CHANNEL_REOPEN_LOG:
        take_log(msg->number, msg->fd);
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
    if (self.drain.order == ORDER_NONE)
        log_error(&process_log, LOG_ALERT, 0, "the master process is gone: finishing");
    loop_forget(&channel);
    close(channel.fd);
    channel.fd = -1;
    drain_order(&self.drain, ORDER_DRAIN, false);
}

static void take_signal(int signo)
{
    switch (signo) {
    case SIGTERM:
    case SIGINT:
        drain_order(&self.drain, ORDER_QUIT, false);
        break;
    case SIGQUIT:
        drain_order(&self.drain, ORDER_DRAIN, false);
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

/* The process ---------------------------------------------------------------------------------- */

static void on_trim(struct timer *timer)
{
    buf_trim(KEEP_BYTES);
    pool_trim(KEEP_BLOCKS);
}

static enum rc start_modules(const struct child *child)
{
    for (size_t i = 0; modules[i] != NULL; i++)
        if (modules[i]->worker_start != NULL && modules[i]->worker_start(child) != RC_OK)
            return RC_ERROR;
    return RC_OK;
}

static void stop_modules(void)
{
    for (size_t i = module_count; i-- > 0;)
        if (modules[i]->worker_stop != NULL)
            modules[i]->worker_stop();
    thread_pools_stop();
}

static enum rc start(const struct child *child)
{
    const struct core_conf *core = core_conf(child->gen);

    clock_update();
    self = (struct worker){.gen = child->gen, .slot = child->slot, .respawned = child->respawned,
                           .slots = child->slots};
    if (core->error_log != NULL)
        log_set_process(core->error_log);
    self.log = process_log;
    drain_init(&self.drain);
    channel.fd = child->channel;
    trim.on_timer = on_trim;
    rotate.run = run_rotate;
    log_rotate_on_full(on_full);
    if (loop_init(&self.loop, BATCH) != RC_OK)
        return RC_ERROR;
    loop = &self.loop;
    conn_stats.limit = (uint32_t)core->connections;
    accept_multi(core->multi_accept);
    thread_pools_init(self.gen);
    conn_debug_peers(core->debug_connections);
    if (watch_channel(child->channel) != RC_OK || watch_signals(child->signal_seen) != RC_OK)
        return RC_ERROR;
    if (self.slots != NULL && child->row != SLOTS_NONE)
        heir_enter(&self, child->row);
    conn_count_init(self.slots);
    if (start_modules(child) != RC_OK)
        return RC_ERROR;
    return accept_start(self.gen, self.slot);
}

static void serve(void)
{
    struct drain *drain = &self.drain;

    for (drain_run(&self); !self.loop.stop; drain_run(&self)) {
        loop_turn(&self.loop, -1);
        conn_count_publish();
        if (self.loop.batch_count > 0 && !timer_is_set(&trim) && drain->state == DRAIN_SERVE)
            timer_set(&trim, TRIM_MS);
    }
}

static int run(const struct child *child)
{
    if (start(child) != RC_OK) {
        tell_master(CHANNEL_FAILED, errno);
        return EXIT_CANNOT_SERVE;
    }
    tell_master(CHANNEL_READY, 0);
    serve();
    stop_modules();
    heir_leave(&self);
    tell_master(CHANNEL_DRAINED, 0);
    log_error(&process_log, LOG_NOTICE, 0, "exit");
    return 0;
}

static uint32_t wanted(const struct generation *gen)
{
    return gen->slots;
}

const struct role worker_role = {"worker process", wanted, run};
