/*
 * t/unit/master/supervise_test.c - the whole master with toy roles: what its children do to it.
 *
 * Each test starts a master in a process of its own, with a configuration that tells the toys how
 * to behave (through `env TOY=...`), and reads its log.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <poll.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/core_conf.h"
#include "common/generation.h"
#include "common/log.h"
#include "common/role.h"
#include "master/start.h"
#include "master/waiters.h"
#include "t/unit/tap.h"

const struct module *const modules[] = {&core_module, NULL};

/* A child ------------------------------------------------------------------------------------- */

static uint32_t toys_wanted(const struct generation *gen)
{
    return (uint32_t)core_conf(gen)->worker_processes;
}

static const char *mood(void)
{
    const char *toy = getenv("TOY");

    return toy != NULL ? toy : "good";
}

static void tell(const struct child *child, enum channel_type type, int64_t number)
{
    struct channel_msg msg = {.type = type, .number = number, .fd = -1};

    channel_send(child->channel, &msg);
}

static void take_log(const struct child *child, const struct channel_msg *msg)
{
    struct log_file *file = child->gen->log_files;

    for (int64_t i = msg->number; i > 0; i--)
        file = file->next;
    dup2(msg->fd, file->fd);
    close(msg->fd);
    log_error(&process_log, LOG_NOTICE, 0, "toy %u writes to the new file", child->slot);
}

/* True when it is to end. */
static bool obey(const struct child *child, const struct channel_msg *msg)
{
    switch (msg->type) {
    case CHANNEL_QUIT:
        log_error(&process_log, LOG_NOTICE, 0, "toy %u of %u quits", child->slot,
                  child->gen->number);
        return strcmp(mood(), "deaf") != 0;
    case CHANNEL_DRAIN:
        log_error(&process_log, LOG_NOTICE, 0, "toy %u of %u drains, successor %d", child->slot,
                  child->gen->number, (int)msg->number);
        return strcmp(mood(), "slow") != 0 && strcmp(mood(), "deaf") != 0;
    case CHANNEL_REOPEN_LOG:
        take_log(child, msg);
        return false;
    default:
        return false;
    }
}

static int play(const struct child *child)
{
    struct pollfd p = {.fd = child->channel, .events = POLLIN};
    struct channel_msg msg;

    if (strcmp(mood(), "dies") == 0)
        abort();
    if (strcmp(mood(), "fails") == 0) {
        tell(child, CHANNEL_FAILED, ENOSPC);
        return 2;
    }
    if (strcmp(mood(), "mute") != 0)
        tell(child, CHANNEL_READY, 0);
    if (strcmp(mood(), "brief") == 0)
        return 0;
    log_error(&process_log, LOG_NOTICE, 0, "toy %u plays%s", child->slot,
              child->respawned ? " again" : "");
    for (;;) {
        if (*child->signal_seen & (int)BIT(SIGTERM))
            return 0;
        if (poll(&p, 1, 10000) <= 0)
            continue;
        switch (channel_receive(child->channel, &msg)) {
        case RC_OK:
            if (obey(child, &msg))
                return 0;
            break;
        case RC_ERROR:
            return 0;
        case RC_AGAIN:
            break;
        }
    }
}

static const struct role toy = {"toy process", toys_wanted, play};
const struct role *const roles[] = {&toy, NULL};

/* A master ------------------------------------------------------------------------------------- */

static char dir[] = "/tmp/weir-supervise-XXXXXX", conf[64], log_path[64], pid_path[64];
static pid_t master;

static void write_conf(const char *more)
{
    FILE *file = fopen(conf, "w");

    fprintf(file, "daemon off; user root; worker_processes 2; error_log %s notice; pid %s;\n"
            "events {}\n%s\n", log_path, pid_path, more);
    fclose(file);
}

NORETURN static void run_master(void)
{
    static char name[] = "weir";
    static char *argv[] = {name, NULL};
    struct options o = {.identity = &identity_weir};
    struct load_source source = {.name = "weir", .prefix = "/tmp/", .conf_path = conf};
    int null = open("/dev/null", O_WRONLY);

    dup2(null, STDERR_FILENO);
    close(null);
    exit(start(&o, &source, 1, argv));
}

static const char *read_log(void)
{
    static char text[65536];
    int fd = open(log_path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

    text[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        close(fd);
    return text;
}

static int count_in_log(const char *what)
{
    int count = 0;

    for (const char *at = read_log(); (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

static void nap(void)
{
    poll(NULL, 0, 5);
}

/* Waits until the log has it so many times. */
static bool logged(const char *what, int times)
{
    for (int i = 0; i < 2000; i++) {
        if (count_in_log(what) >= times)
            return true;
        nap();
    }
    printf("# no \"%s\" in:\n%s", what, read_log());
    return false;
}

static void begin(const char *more)
{
    unlink(log_path);
    write_conf(more);
    fflush(stdout);
    master = fork();
    if (master == 0)
        run_master();
}

/* Its exit code, -1 if it does not end. */
static int ended(void)
{
    int status;

    for (int i = 0; i < 2000; i++) {
        if (waitpid(master, &status, WNOHANG) == master)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        nap();
    }
    printf("# still there; its log:\n%s", read_log());
    kill(master, SIGKILL);
    waitpid(master, &status, 0);
    return -1;
}

static void end(void)
{
    kill(master, SIGTERM);
    is_int(ended(), 0, "and it ends when told");
}

/* The pid behind the nth "start toy process PID". */
static pid_t nth_toy(int n)
{
    const char *at = read_log();

    while (n-- > 0 && at != NULL)
        at = strstr(at + 1, "start toy process ");
    return at != NULL ? (pid_t)atoi(at + strlen("start toy process ")) : 0;
}

static bool has_pidfile(void)
{
    struct stat st;

    return stat(pid_path, &st) == 0;
}

/* Tests ---------------------------------------------------------------------------------------- */

static void starts_and_stops(void)
{
    begin("");
    ok(logged("plays", 2), "two toys play");
    ok(has_pidfile(), "there is a pid file");
    kill(master, SIGQUIT);
    is_int(ended(), 0, "QUIT ends it");
    is_int(count_in_log("drains, successor 0"), 2, "both were told to finish");
    is_int(count_in_log("exited with code 0"), 2, "and did");
    ok(!has_pidfile(), "the pid file is gone");
}

static void respawns_the_dead(void)
{
    begin("");
    ok(logged("plays", 2), "two toys play");
    kill(nth_toy(1), SIGKILL);
    ok(logged("exited on signal 9", 1), "one is killed");
    ok(logged("plays again", 1), "and comes back");
    kill(nth_toy(2), SIGTERM);
    ok(logged("plays again", 2), "one that was told to go by somebody else, too");
    end();
}

static void lets_those_rest_that_die_at_once(void)
{
    begin("env TOY=good;");
    ok(logged("plays", 2), "well at first");
    write_conf("env TOY=brief;");
    kill(master, SIGHUP);
    ok(logged("dies at once: next try in 100 ms", 2), "it rests after some tries");
    ok(logged("next try in 200 ms", 1), "and longer the next time");
    ok(count_in_log("start toy process") < 16, "nothing spins");
    end();
}

static void reloads(void)
{
    begin("");
    ok(logged("plays", 2), "two toys play");
    kill(master, SIGHUP);
    ok(logged("toy 0 of 1 drains, successor 1", 1), "the old finish when the new are ready");
    ok(logged("plays", 4), "which play");
    is_int(count_in_log("plays again"), 0, "as no one's heirs");
    ok(logged("exited with code 0", 2), "the old are gone");
    end();
}

static void keeps_what_works(const char *more, const char *why)
{
    int err;

    begin("");
    ok(logged("plays", 2), "two toys play");
    write_conf(more);
    is_int(waiters_reload(master, &err), RELOAD_FAILED, more);
    ok(logged(why, 1), why);
    ok(logged("reload failed: the configuration of before is in use", 1), "said so");
    is_int(count_in_log("drains"), 0, "the old go on");
    write_conf("");
    is_int(waiters_reload(master, &err), RELOAD_DONE, "and the next reload works");
    end();
}

static void fails_to_start(const char *more)
{
    begin(more);
    is_int(ended(), 1, more);
    ok(!has_pidfile(), "no pid file is left");
}

static void kills_the_deaf(void)
{
    begin("env TOY=deaf;");
    ok(logged("plays", 2), "two toys that do not listen");
    kill(master, SIGTERM);
    is_int(ended(), 0, "the master ends all the same");
    ok(count_in_log("did not quit in time and was killed") == 2, "they were killed");
}

static void limits_generations(void)
{
    begin("worker_generations 2; env TOY=slow;");
    ok(logged("plays", 2), "toys that take their time");
    kill(master, SIGHUP);
    ok(logged("plays", 4) && logged("of 1 drains", 2), "a second generation");
    kill(master, SIGHUP);
    ok(logged("of 1 quits", 2), "a third: the first has to stop");
    is_int(count_in_log("of 2 quits"), 0, "the second may finish");
    end();
}

static void reopens_logs(void)
{
    char moved[80];

    begin("");
    ok(logged("plays", 2), "two toys play");
    snprintf(moved, sizeof(moved), "%s.1", log_path);
    rename(log_path, moved);
    kill(master, SIGUSR1);
    ok(logged("writes to the new file", 2), "the children write to the new file");
    kill(master, SIGHUP);
    ok(logged("reconfiguring", 1), "and so does the master");
    end();
    unlink(moved);
}

static void answers_each_who_asked(void)
{
    int err;

    begin("");
    ok(logged("plays", 2), "two toys play");
    is_int(waiters_reload(master, &err), RELOAD_DONE, "a reload is waited for");
    ok(logged("of 1 drains, successor 1", 2), "and happens");
    end();
}

static void ends_in_the_middle_of_a_reload(void)
{
    begin("");
    ok(logged("plays", 2), "two toys play");
    write_conf("env TOY=mute;");
    kill(master, SIGHUP);
    ok(logged("plays", 4), "new ones that never say they are ready");
    kill(master, SIGTERM);
    is_int(ended(), 0, "it ends all the same");
}

int main(void)
{
    if (mkdtemp(dir) == NULL)
        return 1;
    snprintf(conf, sizeof(conf), "%s/c", dir);
    snprintf(log_path, sizeof(log_path), "%s/log", dir);
    snprintf(pid_path, sizeof(pid_path), "%s/pid", dir);
    starts_and_stops();
    respawns_the_dead();
    lets_those_rest_that_die_at_once();
    reloads();
    keeps_what_works("env TOY=dies;", "died before it was ready");
    keeps_what_works("env TOY=fails;", "cannot serve (28: No space left on device)");
    keeps_what_works("nonsense;", "unknown directive \"nonsense\"");
    keeps_what_works("error_log /nonexistent/x;", "open() \"/nonexistent/x\" failed");
    fails_to_start("env TOY=dies;");
    fails_to_start("env TOY=fails;");
    fails_to_start("nonsense;");
    kills_the_deaf();
    limits_generations();
    reopens_logs();
    answers_each_who_asked();
    ends_in_the_middle_of_a_reload();
    unlink(conf);
    unlink(log_path);
    rmdir(dir);
    return tap_done();
}
