/*
 * t/unit/event/loop_test.c - the order of things in a turn, and events of what is gone.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "t/unit/tap.h"
#include "worker/event/loop.h"

static struct loop test_loop;
static char trace[64];
static size_t trace_len;

static void note(char c)
{
    trace[trace_len++] = c;
    trace[trace_len] = '\0';
}

static void clear_trace(void)
{
    trace_len = 0;
    trace[0] = '\0';
}

static struct post post_b, end_post;
static struct event *victim;

static void run_a(struct post *post)
{
    note('a');
    post_now(&post_b);
}

static void run_b(struct post *post)
{
    note('b');
}

static void run_end(struct post *post)
{
    note('z');
}

static void on_due(struct timer *timer)
{
    note('t');
}

static void on_plain(struct event *ev)
{
    note('p');
}

static struct post post_a = {.run = run_a};
static struct post post_b = {.run = run_b};
static struct post end_post = {.run = run_end};

static void on_event(struct event *ev)
{
    note('e');
    post_now(&post_a);
    post_now(&post_a);
    post_turn_end(&end_post);
}

static void pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
        fds[0] = fds[1] = -1;
}

static void a_turn_has_an_order(void)
{
    struct timer timer = {.on_timer = on_due};
    struct event ev = {.on_event = on_event};
    int fds[2];

    pair(fds);
    ev.fd = fds[0];
    loop_add(&ev);
    timer_set(&timer, 0);
    loop_turn(&test_loop, 1000);
    is_str(trace, "eabtz", "event, posts (each once, those posted by posts too), timer, turn end");
    ok(ev.writable && !ev.readable, "a new socket is writable");
    is_int(test_loop.turn, 1, "turns are counted");

    clear_trace();
    is_int(write(fds[1], "x", 1), 1, "the peer writes");
    loop_turn(&test_loop, 1000);
    ok(ev.readable && !ev.hangup, "now it is readable");
    clear_trace();
    loop_turn(&test_loop, 0);
    is_str(trace, "", "and told once, though nobody reads");
    close(fds[1]);
    loop_turn(&test_loop, 1000);
    ok(ev.hangup, "the peer's end is seen");
    close(fds[0]);
}

static struct timer patience = {.on_timer = on_due};

static void run_in_time(struct post *post)
{
    note('i');
    timer_set(&patience, 10000);
}

static struct post in_time = {.run = run_in_time};

static void on_word(struct event *ev)
{
    post_now(&in_time);
}

/* A process that did not run for a while finds both: the bytes, and that its time is over. */
static void who_is_heard_is_not_late(void)
{
    struct event ev = {.on_event = on_word};
    int fds[2];

    clear_trace();
    pair(fds);
    ev.fd = fds[0];
    timer_set(&patience, 0);
    loop_add(&ev);
    loop_turn(&test_loop, 1000);
    is_str(trace, "i", "an event comes before a timer, which its work sets anew");
    timer_cancel(&patience);
    close(fds[0]);
    close(fds[1]);
}

static void on_kill(struct event *ev)
{
    note('k');
    if (victim->fd >= 0) {
        loop_forget(victim);
        close(victim->fd);
    }
    victim->fd = -1;
}

static void a_closed_one_hears_nothing_more(void)
{
    struct event first = {.on_event = on_kill}, second = {.on_event = on_kill};
    int a[2], b[2];

    clear_trace();
    pair(a);
    pair(b);
    first.fd = a[0];
    second.fd = b[0];
    loop_add(&first);
    loop_add(&second);
    victim = &second;
    loop_turn(&test_loop, 1000);
    is_str(trace, "k", "its event was in the same batch");
    close(a[0]);
    close(a[1]);
    close(b[1]);
}

static void run_again(struct post *post)
{
    note('r');
    if (trace_len < 5)
        post_turn_end(post);
}

static void turn_end_hooks_run_once_a_turn(void)
{
    struct post again = {.run = run_again};

    clear_trace();
    post_turn_end(&again);
    loop_turn(&test_loop, 1000);
    is_str(trace, "r", "one that adds itself waits for the next turn");
    loop_turn(&test_loop, 1000);
    is_str(trace, "rr", "which does not sleep first");
    post_cancel(&again);
    loop_turn(&test_loop, 0);
    is_str(trace, "rr", "cancelled");
}

static void a_watched_one_is_told_again(void)
{
    int fds[2];
    struct event ev = {.on_event = on_plain};
    char byte;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0 || write(fds[1], "x", 1) != 1)
        abort();
    ev.fd = fds[0];
    is_int(loop_watch(&ev, true, false, false), RC_OK, "watched for reading");
    clear_trace();
    loop_turn(&test_loop, 1000);
    loop_turn(&test_loop, 1000);
    is_str(trace, "pp", "for as long as there is something to read");
    ok(ev.readable && !ev.writable, "and for nothing else");
    is_int(loop_watch(&ev, false, true, true), RC_OK, "now for writing");
    ev.readable = false;
    loop_turn(&test_loop, 1000);
    ok(ev.writable && !ev.readable, "what is not watched for is not told");
    if (read(fds[0], &byte, 1) != 1)
        abort();
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    clock_update();
    loop = &test_loop;
    is_int(loop_init(&test_loop, 16), RC_OK, "a loop");
    a_turn_has_an_order();
    who_is_heard_is_not_late();
    a_closed_one_hears_nothing_more();
    turn_end_hooks_run_once_a_turn();
    a_watched_one_is_told_again();
    loop_fini(&test_loop);
    return tap_done();
}
