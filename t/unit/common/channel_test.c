/*
 * t/unit/common/channel_test.c - messages keep their bounds and carry descriptors.
 */
#include "common/channel.h"

#include <fcntl.h>
#include <unistd.h>

#include "t/unit/tap.h"

static void carries_messages(void)
{
    struct channel_msg out = {.type = CHANNEL_DRAIN, .slot = 3, .generation = 7, .number = -1,
                              .fd = -1};
    struct channel_msg in;
    int ends[2];

    ok(channel_pair(ends) == RC_OK, "a pair");
    ok(channel_receive(ends[1], &in) == RC_AGAIN, "nothing there yet");
    ok(channel_send(ends[0], &out) == RC_OK, "sent");
    out.type = CHANNEL_QUIT;
    ok(channel_send(ends[0], &out) == RC_OK, "sent again");
    ok(channel_receive(ends[1], &in) == RC_OK, "received");
    is_int(in.type, CHANNEL_DRAIN, "its type");
    is_int(in.slot, 3, "its slot");
    is_int((int64_t)in.generation, 7, "its generation");
    is_int(in.number, -1, "its number");
    is_int(in.fd, -1, "no descriptor");
    ok(channel_receive(ends[1], &in) == RC_OK, "the second");
    is_int(in.type, CHANNEL_QUIT, "by itself");
    close(ends[0]);
    ok(channel_receive(ends[1], &in) == RC_ERROR, "the other side is gone");
    ok(channel_send(ends[1], &out) == RC_ERROR, "for sending too");
    close(ends[1]);
}

static void carries_descriptors(void)
{
    struct channel_msg out = {.type = CHANNEL_TAKE_FD}, in;
    int ends[2], data[2];
    char c = 0;

    ok(channel_pair(ends) == RC_OK && pipe(data) == 0, "a pair and a pipe");
    out.fd = data[1];
    ok(channel_send(ends[0], &out) == RC_OK, "a descriptor is sent");
    close(data[1]);
    ok(channel_receive(ends[1], &in) == RC_OK && in.fd >= 0, "and received");
    ok(fcntl(in.fd, F_GETFD) & FD_CLOEXEC, "close-on-exec");
    ok(write(in.fd, "x", 1) == 1 && read(data[0], &c, 1) == 1 && c == 'x', "it is that pipe");
    close(in.fd);
    close(data[0]);
    close(ends[0]);
    close(ends[1]);
}

static void says_when_it_is_full(void)
{
    struct channel_msg msg = {.type = CHANNEL_QUIT, .fd = -1};
    enum rc rc = RC_OK;
    int ends[2], sent = 0;

    ok(channel_pair(ends) == RC_OK, "a pair");
    while (sent < 1000000 && (rc = channel_send(ends[0], &msg)) == RC_OK)
        sent++;
    ok(rc == RC_AGAIN && sent > 10, "a full channel is no error");
    ok(channel_receive(ends[1], &msg) == RC_OK && channel_send(ends[0], &msg) == RC_OK,
       "and has room again when it is read");
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    carries_messages();
    carries_descriptors();
    says_when_it_is_full();
    return tap_done();
}
