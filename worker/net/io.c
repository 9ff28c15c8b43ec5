/*
 * worker/net/io.c - bytes through a plain socket: recv, and gathered memory, files and pipes out.
 *
 * A short read means that the socket was emptied: what comes later raises a new edge, so the read
 * that would only say EAGAIN is saved. A hang-up raises none after it has been seen; then reading
 * goes on to the end. A short write of memory likewise means that the socket is full. A short
 * sendfile can also mean a file that shrank, so that is asked for again.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "worker/net/conn.h"
#include "worker/net/send_job.h"

#define IOVECS       64
#define GATHER_BYTES 4096 /* so much is put together sooner than the kernel reads a list of parts */
#define LARGEST_SEND 0x7ffff000 /* what one call takes in Linux */

static ssize_t plain_recv(struct conn *c, void *into, size_t room)
{
    ssize_t n;

    do
        n = recv(c->ev.fd, into, room, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        if ((size_t)n < room && !c->ev.hangup)
            c->ev.readable = false;
        return n;
    }
    if (n == 0)
        return CONN_EOF;
    if (errno == EAGAIN) {
        c->ev.readable = false;
        return CONN_AGAIN;
    }
    c->ev.failed = true;
    log_error(&c->log, conn_log_level(c, errno), errno, "recv() failed");
    return CONN_ERROR;
}

/* What follows the memory at the head may fill up its last packet: more memory always, a file where
   that is wanted (tcp_nopush). It spares corking, and two system calls. */
static bool more_follows(const struct conn *c, const struct chain *out, int count)
{
    if ((uint32_t)count == out->count)
        return false;
    return c->share_packets || out->pieces[out->first + (uint32_t)count].kind == PIECE_MEMORY;
}

static ssize_t send_together(int fd, const struct iovec *iov, int count, int flags)
{
    char bytes[GATHER_BYTES], *end = bytes;

    for (int i = 0; i < count; i++)
        end = (char *)memcpy(end, iov[i].iov_base, iov[i].iov_len) + iov[i].iov_len;
    return send(fd, bytes, (size_t)(end - bytes), flags);
}

/* Gathers the memory at the head. */
static struct sent send_memory(struct conn *c, struct chain *out, size_t max)
{
    struct iovec iov[IOVECS];
    struct msghdr msg = {.msg_iov = iov};
    size_t bytes = 0;
    ssize_t n;
    int count = chain_iovec(out, iov, IOVECS, MIN(max, LARGEST_SEND));
    int flags = MSG_NOSIGNAL;

    for (int i = 0; i < count; i++)
        bytes += iov[i].iov_len;
    if (bytes < MIN(max, out->bytes) && more_follows(c, out, count))
        flags |= MSG_MORE;
    msg.msg_iovlen = (size_t)count;
    if (count == 1)
        n = send(c->ev.fd, iov[0].iov_base, bytes, flags);
    else if (bytes <= GATHER_BYTES)
        n = send_together(c->ev.fd, iov, count, flags);
    else
        n = sendmsg(c->ev.fd, &msg, flags);
    return (struct sent){n, n >= 0 && (size_t)n < bytes};
}

static struct sent send_file(struct conn *c, const struct piece *p, size_t max)
{
    off_t offset = p->offset;
    ssize_t n;

    if (unlikely(p->threads != NULL))
        return send_job_run(conn_send_job(c), c, p, MIN(max, LARGEST_SEND));
    n = sendfile(c->ev.fd, p->fd, &offset, MIN(MIN(p->len, max), LARGEST_SEND));
    if (n == 0) {
        log_error(&c->log, LOG_ALERT, 0, "sendfile() reported that file was truncated at %lld",
                  (long long)p->offset);
        errno = 0;
        n = -1;
    }
    return (struct sent){n, false};
}

static struct sent send_pipe(struct conn *c, const struct chain *out, const struct piece *p,
                             size_t max)
{
    size_t bytes = MIN(MIN(p->len, max), LARGEST_SEND);
    unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
    ssize_t n;

    if (bytes < MIN(max, out->bytes))
        flags |= SPLICE_F_MORE;
    n = splice(p->fd, NULL, c->ev.fd, NULL, bytes, flags);
    if (n == 0) {
        log_error(&c->log, LOG_ALERT, 0, "splice() found a pipe empty with %zu bytes to send",
                  p->len);
        errno = 0;
        n = -1;
    }
    return (struct sent){n, false};
}

static struct sent send_head(struct conn *c, struct chain *out, size_t max)
{
    const struct piece *p = chain_head(out);

    switch (p->kind) {
    case PIECE_FILE:
        return send_file(c, p, max);
    case PIECE_PIPE:
        return send_pipe(c, out, p, max);
    case PIECE_MEMORY:
        break;
    }
    return send_memory(c, out, max);
}

static enum rc send_failed(struct conn *c)
{
    if (errno == EINPROGRESS)
        return RC_AGAIN;
    if (errno == EAGAIN) {
        c->ev.writable = false;
        return RC_AGAIN;
    }
    c->ev.failed = true;
    if (errno != 0) /* 0: logged where it was seen */
        log_error(&c->log, conn_log_level(c, errno), errno, "send() failed");
    return RC_ERROR;
}

static enum rc plain_send(struct conn *c, struct chain *out, size_t max)
{
    while (max > 0 && !chain_empty(out)) {
        struct sent sent = send_head(c, out, max);

        if (sent.bytes < 0) {
            if (errno == EINTR)
                continue;
            return send_failed(c);
        }
        c->sent += (uint64_t)sent.bytes;
        max -= (size_t)sent.bytes;
        chain_consume(out, (size_t)sent.bytes);
        if (sent.full) {
            c->ev.writable = false;
            return RC_AGAIN;
        }
    }
    return RC_OK;
}

static void plain_shutdown(struct conn *c)
{
    if (shutdown(c->ev.fd, SHUT_WR) != 0 && errno != ENOTCONN)
        log_error(&c->log, conn_log_level(c, errno), errno, "shutdown() failed");
}

const struct conn_io conn_plain = {plain_recv, plain_send, plain_shutdown};
