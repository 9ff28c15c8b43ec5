/*
 * common/channel.c - one message is one record of a seqpacket socketpair.
 *
 * SOCK_SEQPACKET tells both sides when the other is gone, which datagrams would not.
 */
#include "common/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

enum rc channel_pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_ERROR;
    return RC_OK;
}

static void attach_fd(struct msghdr *header, union control *control, int fd)
{
    struct cmsghdr *c;

    memset(control, 0, sizeof(*control));
    header->msg_control = control->bytes;
    header->msg_controllen = sizeof(control->bytes);
    c = CMSG_FIRSTHDR(header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

enum rc channel_send(int fd, const struct channel_msg *msg)
{
    struct channel_msg copy = *msg;
    struct iovec iov = {&copy, sizeof(copy)};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    union control control;
    ssize_t n;

    if (msg->fd >= 0)
        attach_fd(&header, &control, msg->fd);
    do
        n = sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof(copy))
        return RC_OK;
    return n < 0 && (errno == EAGAIN || errno == ENOBUFS) ? RC_AGAIN : RC_ERROR;
}

static int attached_fd(struct msghdr *header)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(header);
    int fd = -1;

    if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd;
}

enum rc channel_receive(int fd, struct channel_msg *msg)
{
    struct iovec iov = {msg, sizeof(*msg)};
    union control control;
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    ssize_t n;

    do
        n = recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? RC_AGAIN : RC_ERROR;
    msg->fd = attached_fd(&header);
    if (n == (ssize_t)sizeof(*msg))
        return RC_OK;
    if (msg->fd >= 0)
        close(msg->fd);
    return RC_ERROR;
}
