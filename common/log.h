/*
 * common/log.h - the error log: levels, where lines go, and what a line says about its subject.
 *
 * A line is written with one write(2), whole, and cut at 2048 bytes:
 *
 *     2026/11/21 02:10:25 [error] PID#TID: *57 message (2: No such file or directory) while DOING,
 *     client: 1.2.3.4, ...
 *
 * Control bytes in a message come out as \xNN, so no text from outside can forge a line. What is
 * shown between quotes goes through log_escape first, which also escapes the quote.
 */
#pragma once

#include "common/base.h"
#include "common/str.h"

enum log_level {
    LOG_EMERG = 1, LOG_ALERT, LOG_CRIT, LOG_ERROR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG,
    LOG_ALL, /* of a log, not of a line: every sink gets everything (debug_connection) */
};

struct pool;

/* When a file is rotated by the server itself. */
struct log_rotation {
    int64_t bytes;          /* 0: however large it is */
    int64_t age_ms;         /* 0: however old */
    int64_t keep;           /* former files kept: PATH.1, the newest, to PATH.KEEP */
};

/*
 * An open log file, shared by name within a generation. Opened and reopened by the master; a worker
 * inherits the descriptor and replaces what it refers to when told to reopen.
 */
struct log_file {
    const char *path;       /* full path; NULL for stderr and syslog */
    int fd;                 /* -1 until opened */
    struct syslog_target *syslog;
    int64_t full_until_ms;  /* a disk that is full is not tried again before then */
    const struct log_rotation *rotation; /* NULL: left to others. The rest: see log_rotate.h */
    int64_t look_in_bytes, ask_at_ms;    /* of a writer */
    int64_t rotate_at_ms, rotate_rest_ms; /* of who rotates */
    bool rotate_asked;      /* somebody found it too large */
    struct log_file *next;
};

/* One `error_log` line: a file and the least severe level it wants. */
struct log_sink {
    struct log_file *file;
    enum log_level level;
    bool json;
    struct log_sink *next;
};

/*
 * What one subject (process, connection, request, upstream exchange) logs to. `describe` appends
 * ", client: ..., server: ..." to a line; it may be NULL. `doing` ends up as " while DOING".
 */
struct log {
    const struct log_sink *sinks;
    enum log_level level;                    /* the most talkative of the sinks: the mask test */
    uint32_t conn_number;                    /* printed as "*N" when not 0 */
    const char *doing;
    size_t (*describe)(const void *about, char *out, size_t room);
    const void *about;
};

/* `err` is an errno to print, or 0. Costs one test when the level is not wanted. */
#define log_error(log, at, err, ...)                                                               \
    do {                                                                                           \
        if (unlikely((at) <= (log)->level))                                                        \
            log_line((log), (at), (err), __VA_ARGS__);                                             \
    } while (0)
#define log_debug(log, ...) log_error((log), LOG_DEBUG, 0, __VA_ARGS__)

void log_line(const struct log *log, enum log_level at, int err, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* The process's own log. Until log_set_process is called (and after it is called with NULL) it
   writes "weir: [level] message" to stderr at LOG_NOTICE and above, as any log without sinks. */
extern struct log process_log;
void log_set_process(const struct log_sink *sinks);

/* The name in front of such a line; the text is kept by reference. */
void log_set_program(const char *name);

/* While on, lines of LOG_WARN and above also go to stderr in that form: for the time of starting,
   when somebody may be watching. Off at first. */
void log_use_stderr(bool on);

/* While set, lines of LOG_WARN and above also go to `fn`, in that form and with their newline: for
   whoever waits for the outcome of a reload. */
typedef void log_copy_fn(struct str line);
void log_set_copy(log_copy_fn *fn);

/* Sets sinks and derives the mask; with NULL nothing is logged. */
void log_attach(struct log *log, const struct log_sink *sinks);

/* "error" -> LOG_ERROR; 0 when the word is no level. */
enum log_level log_level_find(struct str word);
const char *log_level_name(enum log_level level);

/* Text from outside made safe between quotes: control bytes, '"' and '\\' as \xNN, cut at `room`.
   Returns the length written; no NUL. */
size_t log_escape(char *out, size_t room, struct str text);

/* At most one line of a kind per second: true when this one may be written. `last_ms` is the
   caller's memory, one per kind. */
bool log_allowed(int64_t *last_ms);

/* The id that lines carry as PID#TID; call after fork. */
void log_after_fork(void);
