/*
 * worker/log/log_out.c - where lines of access logs are gathered before they are written.
 */
#include "worker/log/log_out.h"

#include <errno.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log_rotate.h"
#include "common/syslog.h"
#include "worker/log/log_gzip.h"

#define FIRST_BYTES 4096
#define TURN_BYTES  (64 * 1024) /* gathered in a turn before its end is not waited for */
#define FULL_MS     1000        /* a full disk is left alone for so long */

static struct log_out *with_lines;

static void list(struct log_out *out)
{
    out->listed = true;
    out->next = with_lines;
    with_lines = out;
}

static void unlist(struct log_out *out)
{
    struct log_out **at = &with_lines;

    while (*at != out)
        at = &(*at)->next;
    *at = out->next;
    out->listed = false;
}

static const char *name_of(const struct log_out *out)
{
    if (out->path != NULL)
        return out->path;
    return out->file->path != NULL ? out->file->path : "stderr";
}

static void failed(struct log_out *out, int err, ssize_t written, size_t len)
{
    if (err == ENOSPC || err == EDQUOT || err == 0)
        out->skip_until_ms = clock_mono_ms + FULL_MS;
    if (!log_allowed(&out->complained_ms))
        return;
    if (err != 0)
        log_error(&process_log, LOG_ALERT, err, "write() to \"%s\" failed", name_of(out));
    else
        log_error(&process_log, LOG_ALERT, 0, "write() to \"%s\" was incomplete: %zd of %zu",
                  name_of(out), written, len);
}

/* True when all was written. */
static bool write_all(struct log_out *out, int fd, struct str text)
{
    ssize_t n;

    do
        n = write(fd, text.data, text.len);
    while (n < 0 && errno == EINTR);
    if (n > 0 && out->file != NULL && out->file->rotation != NULL)
        log_rotate_wrote(out->file, (size_t)n);
    if (n == (ssize_t)text.len)
        return true;
    out->torn |= n > 0;
    failed(out, n < 0 ? errno : 0, n, text.len);
    return false;
}

static void write_gzipped(struct log_out *out, int fd)
{
    struct buf packed = {0};

    if (log_gzip(&packed, buf_str(&out->lines), (int)out->gzip_level))
        write_all(out, fd, buf_str(&packed));
    else if (log_allowed(&out->complained_ms))
        log_error(&process_log, LOG_ALERT, 0, "no memory to compress \"%s\"", name_of(out));
    buf_give(&packed);
}

static void write_lines(struct log_out *out, int fd)
{
    if (clock_mono_ms < out->skip_until_ms)
        return;
    if (out->gzip_level > 0) {
        write_gzipped(out, fd);
        return;
    }
    if (out->torn && !write_all(out, fd, STR("\n"))) /* ends the broken line */
        return;
    out->torn = false;
    write_all(out, fd, buf_str(&out->lines));
}

static void empty(struct log_out *out)
{
    buf_give(&out->lines);
    if (out->listed)
        unlist(out);
}

void log_out_flush(struct log_out *out)
{
    timer_cancel(&out->timer);
    post_cancel(&out->turn_end);
    if (out->lines.start != NULL && buf_used(&out->lines) > 0) {
        if (out->file == NULL)
            out->open(out);
        if (out->file != NULL ? out->file->fd >= 0 : out->fd >= 0)
            write_lines(out, out->file != NULL ? out->file->fd : out->fd);
    }
    empty(out);
}

void log_out_flush_all(void)
{
    while (with_lines != NULL)
        log_out_flush(with_lines);
}

void log_out_flush_file(const struct log_file *file)
{
    struct log_out *next;

    for (struct log_out *out = with_lines; out != NULL; out = next) {
        next = out->next;
        if (out->file == file)
            log_out_flush(out);
    }
}

static void on_turn_end(struct post *post)
{
    log_out_flush(CONTAINER(post, struct log_out, turn_end));
}

static void on_timer(struct timer *timer)
{
    log_out_flush(CONTAINER(timer, struct log_out, timer));
}

struct buf *log_out_begin(struct log_out *out)
{
    if (out->lines.start == NULL)
        buf_take(&out->lines, MAX((size_t)out->buffer_bytes, FIRST_BYTES));
    out->line_at = (size_t)(out->lines.last - out->lines.start);
    return &out->lines;
}

/* What was there before this line goes out when the two do not fit together. */
static void make_fit(struct log_out *out, size_t most)
{
    struct buf line = {0};
    size_t len = (size_t)(out->lines.last - out->lines.start) - out->line_at;

    if (out->line_at == 0 || out->line_at + len <= most)
        return;
    buf_take(&line, MAX(len, FIRST_BYTES));
    memcpy(line.start, out->lines.start + out->line_at, len);
    line.last = line.start + len;
    out->lines.last -= len;
    log_out_flush(out);
    out->lines = line;
}

static void end_in_memory(struct log_out *out)
{
    make_fit(out, out->buffer_bytes > 0 ? (size_t)out->buffer_bytes : TURN_BYTES);
    if (!out->listed)
        list(out);
    if (out->buffer_bytes == 0) {
        out->turn_end.run = on_turn_end;
        post_turn_end(&out->turn_end);
    } else if (buf_used(&out->lines) >= (size_t)out->buffer_bytes) {
        log_out_flush(out);
    } else if (out->flush_ms > 0 && !timer_is_set(&out->timer)) {
        out->timer.on_timer = on_timer;
        timer_set(&out->timer, out->flush_ms);
    }
}

void log_out_end(struct log_out *out)
{
    struct syslog_target *syslog = out->file != NULL ? out->file->syslog : NULL;

    if (syslog != NULL) {
        syslog_send(syslog, syslog->severity, buf_str(&out->lines));
        empty(out);
        return;
    }
    if (buf_room(&out->lines) == 0)
        buf_grow(&out->lines, (size_t)(out->lines.end - out->lines.start) + 512);
    *out->lines.last++ = '\n';
    end_in_memory(out);
}
