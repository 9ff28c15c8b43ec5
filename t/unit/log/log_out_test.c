/*
 * t/unit/log/log_out_test.c - lines are gathered, and go out whole, in as few writes as may be.
 */
#include "t/unit/net/net_kit.h"

#include <errno.h>
#include <fcntl.h>

#include "worker/log/log_out.h"
#include "worker/log/log_path.h"

static int fds[2];
static struct log_file file = {.path = "test.log"};

static void add(struct log_out *out, struct str text)
{
    struct buf *b = log_out_begin(out);

    while (buf_room(b) < text.len)
        buf_grow(b, (size_t)(b->end - b->start) * 2);
    memcpy(b->last, text.data, text.len);
    b->last += text.len;
    log_out_end(out);
}

/* What one read gives: on a datagram socket, what one write gave. */
static struct str written(void)
{
    static char text[1 << 20];
    ssize_t n = read(fds[1], text, sizeof(text));

    return n < 0 ? STR_NONE : (struct str){text, (size_t)n};
}

static void one_write_a_turn(void)
{
    struct log_out out = {.file = &file, .fd = -1};

    add(&out, STR("one"));
    add(&out, STR("two"));
    ok(written().data == NULL, "nothing before the turn ends");
    loop_turn(loop, 0);
    is_slice(written(), "one\ntwo\n", "both lines in one write");
    ok(written().data == NULL && out.lines.start == NULL, "and no buffer is kept");
    loop_turn(loop, 0);
    ok(written().data == NULL, "nothing more");
}

static void a_buffer_waits(void)
{
    struct log_out out = {.file = &file, .fd = -1, .buffer_bytes = 16, .flush_ms = 50};

    add(&out, STR("one"));
    loop_turn(loop, 0);
    ok(written().data == NULL, "kept beyond the turn");
    add(&out, STR("two"));
    add(&out, STR("three456"));
    is_slice(written(), "one\ntwo\n", "written when the next line does not fit");
    add(&out, STR("a line that is longer than the buffer"));
    is_slice(written(), "three456\n", "what was before a large line");
    is_slice(written(), "a line that is longer than the buffer\n", "and it");
    add(&out, STR("last"));
    clock_fake(clock_mono_ms + 60, clock_wall_ms);
    loop_turn(loop, 0);
    is_slice(written(), "last\n", "written in time");
    add(&out, STR("end"));
    log_out_flush_all();
    is_slice(written(), "end\n", "written at the end");
}

static void a_file_that_is_replaced_gets_what_was_logged_to_it(void)
{
    struct log_file other = {.path = "other", .fd = file.fd};
    struct log_out here = {.file = &file, .fd = -1, .buffer_bytes = 100};
    struct log_out there = {.file = &other, .fd = -1, .buffer_bytes = 100};

    add(&here, STR("here"));
    add(&there, STR("there"));
    log_out_flush_file(&file);
    is_slice(written(), "here\n", "its lines");
    ok(written().data == NULL, "no others");
    log_out_flush_all();
    is_slice(written(), "there\n", "which wait");
}

static void a_lot_in_one_turn(void)
{
    struct log_out out = {.file = &file, .fd = -1};
    char line[1000];
    size_t bytes = 0, writes = 0;
    struct str got;

    memset(line, 'x', sizeof(line));
    for (int i = 0; i < 100; i++)
        add(&out, (struct str){line, sizeof(line)});
    loop_turn(loop, 0);
    while ((got = written()).data != NULL) {
        ok(got.len % 1001 == 0, "whole lines");
        bytes += got.len;
        writes++;
    }
    is_int((int64_t)bytes, 100 * 1001, "all of them");
    is_int((int64_t)writes, 2, "in few writes");
}

static void a_full_disk_is_left_alone(void)
{
    struct log_file full = {.path = "/dev/full", .fd = open("/dev/full", O_WRONLY)};
    struct log_out out = {.file = &full, .fd = -1};

    if (full.fd < 0)
        return;
    add(&out, STR("lost"));
    loop_turn(loop, 0);
    ok(out.skip_until_ms > clock_mono_ms, "it is not tried for a while");
    close(full.fd);
    full.fd = fds[0];
    add(&out, STR("lost"));
    loop_turn(loop, 0);
    ok(written().data == NULL, "lines are lost meanwhile");
    clock_fake(clock_mono_ms + 1001, clock_wall_ms);
    out.torn = true;
    add(&out, STR("there"));
    loop_turn(loop, 0);
    is_slice(written(), "\n", "a line that was cut off is ended");
    is_slice(written(), "there\n", "then it goes on");
}

static void paths_are_opened_when_needed(void)
{
    char name[] = "/tmp/log_out_test-XXXXXX", moved[64], text[64];
    int fd = mkstemp(name);
    struct str path = str_of(name);
    struct log_out *out;

    snprintf(moved, sizeof(moved), "%s.moved", name);
    ok(log_path_find(path) == NULL, "not known yet");
    out = log_path_add(path, &log_path_usual);
    ok(out != NULL && log_path_find(path) == out, "remembered");
    add(out, STR("one"));
    loop_turn(loop, 0);
    is_int(read(fd, text, sizeof(text)), 4, "written");
    if (rename(name, moved) != 0)
        abort();
    add(out, STR("two"));
    loop_turn(loop, 0);
    is_int(read(fd, text, sizeof(text)), 0, "not to the file that was moved away");
    close(fd);
    fd = open(name, O_RDONLY);
    is_int(read(fd, text, sizeof(text)), 4, "but to a new one");
    clock_fake(clock_mono_ms + log_path_usual.inactive_ms * 2, clock_wall_ms);
    loop_turn(loop, 0);
    clock_fake(clock_mono_ms + log_path_usual.inactive_ms * 2, clock_wall_ms);
    loop_turn(loop, 0);
    ok(log_path_find(path) == NULL, "closed when it is not used");
    close(fd);
    unlink(name);
    unlink(moved);
}

int main(void)
{
    kit_start();
    clock_fake(clock_mono_ms, clock_wall_ms);
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds) != 0)
        abort();
    file.fd = fds[0];
    one_write_a_turn();
    a_buffer_waits();
    a_file_that_is_replaced_gets_what_was_logged_to_it();
    a_lot_in_one_turn();
    a_full_disk_is_left_alone();
    paths_are_opened_when_needed();
    loop_fini(loop);
    return tap_done();
}
