/*
 * common/log.c - composing a line once and writing it to each sink that wants it.
 *
 * Never allocates, never blocks on a full disk, keeps errno. Used by the loop's thread only.
 */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fmt.h"
#include "common/log_json.h"
#include "common/syslog.h"

#define LINE_BYTES 2048 /* the longest line, its newline included */
#define JSON_BYTES 6144 /* the same text as JSON takes more */

struct log process_log = {.level = LOG_NOTICE};

static const char *program = "weir";
static bool use_stderr;
static log_copy_fn *copy;
static int pid, tid;

static const char *const names[] = {
    [LOG_EMERG] = "emerg", [LOG_ALERT] = "alert",   [LOG_CRIT] = "crit", [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",   [LOG_NOTICE] = "notice", [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};

enum log_level log_level_find(struct str word)
{
    for (size_t i = LOG_EMERG; i < COUNT(names); i++)
        if (str_eq(word, str_of(names[i])))
            return (enum log_level)i;
    return 0;
}

const char *log_level_name(enum log_level level)
{
    return names[level];
}

void log_set_program(const char *name)
{
    program = name;
}

void log_use_stderr(bool on)
{
    use_stderr = on;
}

void log_set_copy(log_copy_fn *fn)
{
    copy = fn;
}

void log_after_fork(void)
{
    pid = (int)getpid();
    tid = (int)gettid();
}

void log_attach(struct log *log, const struct log_sink *sinks)
{
    log->sinks = sinks;
    if (log->level == LOG_ALL)
        return;
    log->level = 0;
    for (; sinks != NULL; sinks = sinks->next)
        log->level = MAX(log->level, sinks->level);
}

void log_set_process(const struct log_sink *sinks)
{
    if (sinks != NULL)
        log_attach(&process_log, sinks);
    else
        process_log = (struct log){.level = LOG_NOTICE};
}

bool log_allowed(int64_t *last_ms)
{
    if (*last_ms != 0 && clock_mono_ms - *last_ms < 1000)
        return false;
    *last_ms = MAX(clock_mono_ms, 1);
    return true;
}

/* Composing ------------------------------------------------------------------------------------ */

struct line {
    char *pos;
    char *end;
};

static void put(struct line *l, struct str s)
{
    s.len = MIN(s.len, (size_t)(l->end - l->pos));
    l->pos = fmt_str(l->pos, s);
}

static void put_uint(struct line *l, uint64_t n)
{
    char text[20];

    put(l, str_range(text, fmt_uint(text, n)));
}

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static bool put_escaped(struct line *l, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF";

    if (l->end - l->pos < 4)
        return false;
    l->pos = FMT_LIT(l->pos, "\\x");
    *l->pos++ = hex[c >> 4];
    *l->pos++ = hex[c & 15];
    return true;
}

/* Nothing that comes this way can begin a line of its own or move a terminal's cursor. */
static void put_visible(struct line *l, struct str s)
{
    for (size_t i = 0; i < s.len && l->pos < l->end; i++) {
        unsigned char c = (unsigned char)s.data[i];

        if (!is_control(c))
            *l->pos++ = (char)c;
        else if (!put_escaped(l, c))
            return;
    }
}

size_t log_escape(char *out, size_t room, struct str text)
{
    struct line l = {out, out + room};

    for (size_t i = 0; i < text.len && l.pos < l.end; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (!is_control(c) && c != '"' && c != '\\')
            *l.pos++ = (char)c;
        else if (!put_escaped(&l, c))
            break;
    }
    return (size_t)(l.pos - out);
}

/* What both forms of a text line share: message, errno, activity, subject, newline. */
static void put_body(struct line *l, const struct log_record *r)
{
    put_visible(l, r->message);
    if (r->err != 0) {
        const char *text = strerrordesc_np(r->err);

        put(l, STR(" ("));
        put_uint(l, (uint64_t)(unsigned)r->err);
        put(l, STR(": "));
        put(l, str_of(text != NULL ? text : "Unknown error"));
        put(l, STR(")"));
    }
    if (r->doing != NULL) {
        put(l, STR(" while "));
        put(l, str_of(r->doing));
    }
    put_visible(l, r->about);
    *l->pos++ = '\n';
}

static void put_level(struct line *l, enum log_level level)
{
    put(l, STR("["));
    put(l, str_of(names[level]));
    put(l, STR("] "));
}

/* `2026/11/21 02:10:25 [error] 1234#1234: *57 message ...` */
static size_t compose_file_line(char *out, const struct log_record *r)
{
    struct line l = {out, out + LINE_BYTES - 1};

    put(&l, clock_error());
    put(&l, STR(" "));
    put_level(&l, r->level);
    put_uint(&l, (uint64_t)r->pid);
    put(&l, STR("#"));
    put_uint(&l, (uint64_t)r->tid);
    put(&l, STR(": "));
    if (r->conn_number != 0) {
        put(&l, STR("*"));
        put_uint(&l, r->conn_number);
        put(&l, STR(" "));
    }
    put_body(&l, r);
    return (size_t)(l.pos - out);
}

/* `weir: [emerg] message ...` */
static size_t compose_short_line(char *out, const struct log_record *r)
{
    struct line l = {out, out + LINE_BYTES - 1};

    put(&l, str_of(program));
    put(&l, STR(": "));
    put_level(&l, r->level);
    put_body(&l, r);
    return (size_t)(l.pos - out);
}

/* Writing -------------------------------------------------------------------------------------- */

static void write_file(struct log_file *file, struct str line)
{
    ssize_t n;

    if (file->fd < 0 || clock_mono_ms < file->full_until_ms)
        return;
    do
        n = write(file->fd, line.data, line.len);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN)
        file->full_until_ms = clock_mono_ms + 1000;
}

static void write_sink(const struct log_sink *sink, const struct log_record *r, struct str line)
{
    struct log_file *file = sink->file;

    if (file->syslog == NULL) {
        write_file(file, line);
        return;
    }
    line.len--; /* a datagram needs no newline */
    syslog_send(file->syslog, (int)r->level - 1, line);
}

static void write_short(const struct log_record *r)
{
    char line[LINE_BYTES];
    size_t len = compose_short_line(line, r);

    while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
        ;
}

static void copy_short(const struct log_record *r)
{
    char line[LINE_BYTES];

    copy((struct str){line, compose_short_line(line, r)});
}

static void write_sinks(const struct log *log, const struct log_record *r)
{
    char text[LINE_BYTES], json[JSON_BYTES];
    size_t text_len = 0, json_len = 0;
    bool on_stderr = false;

    for (const struct log_sink *sink = log->sinks; sink != NULL; sink = sink->next) {
        if (r->level > sink->level && log->level != LOG_ALL)
            continue;
        if (sink->json && json_len == 0)
            json_len = log_json(json, sizeof(json), r);
        if (!sink->json && text_len == 0)
            text_len = compose_file_line(text, r);
        write_sink(sink, r, sink->json ? (struct str){json, json_len}
                                       : (struct str){text, text_len});
        on_stderr = on_stderr || sink->file->fd == STDERR_FILENO;
    }
    if (use_stderr && !on_stderr && r->level <= LOG_WARN)
        write_short(r);
}

void log_line(const struct log *log, enum log_level at, int err, const char *fmt, ...)
{
    char message[LINE_BYTES], about[LINE_BYTES];
    struct log_record r = {
        .level = at, .err = err, .conn_number = log->conn_number, .doing = log->doing};
    int saved_errno = errno;
    va_list args;
    int len;

    if (unlikely(clock_wall_ms == 0))
        clock_update();
    if (unlikely(pid == 0))
        log_after_fork();
    r.pid = pid;
    r.tid = tid;

    va_start(args, fmt);
    len = vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    r.message = (struct str){message, len < 0 ? 0 : MIN((size_t)len, sizeof(message) - 1)};
    if (log->describe != NULL)
        r.about = (struct str){about,
                               MIN(log->describe(log->about, about, sizeof(about)), sizeof(about))};
    if (copy != NULL && at <= LOG_WARN)
        copy_short(&r);
    if (log->sinks == NULL)
        write_short(&r);
    else
        write_sinks(log, &r);
    errno = saved_errno;
}
