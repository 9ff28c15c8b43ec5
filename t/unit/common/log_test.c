/*
 * t/unit/common/log_test.c - what a line of the error log looks like, and where it goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/syslog.h"
#include "t/unit/tap.h"

static int out_fd;

/* What was written since the last call. */
static struct str written(void)
{
    static char text[16384];
    ssize_t n = pread(out_fd, text, sizeof(text), 0);

    if (ftruncate(out_fd, 0) != 0 || lseek(out_fd, 0, SEEK_SET) != 0)
        abort();
    return (struct str){text, n < 0 ? 0 : (size_t)n};
}

/* The line with the process id replaced by P. */
static const char *line(void)
{
    static char out[16384];
    char mark[64];
    struct str s = written();
    ssize_t at;

    snprintf(mark, sizeof(mark), "%d#%d", (int)getpid(), (int)getpid());
    at = str_search(s, str_of(mark));
    if (at < 0) {
        snprintf(out, sizeof(out), "%" STR_FMT, STR_ARG(s));
        return out;
    }
    snprintf(out, sizeof(out), "%.*sP%" STR_FMT, (int)at, s.data,
             STR_ARG(str_from(s, (size_t)at + strlen(mark))));
    return out;
}

static size_t about_client(const void *about, char *out, size_t room)
{
    return (size_t)snprintf(out, room, ", client: %s, request: \"GET / HTTP/1.1\"",
                            (const char *)about);
}

static struct log_file file = {.path = "x"};
static struct log_sink sink = {.file = &file, .level = LOG_INFO};
static struct log subject;

static void lines_have_the_familiar_form(void)
{
    log_attach(&subject, &sink);
    log_error(&subject, LOG_NOTICE, 0, "start %d", 5);
    is_str(line(), "1994/11/06 08:49:37 [notice] P: start 5\n", "no subject");
    subject.conn_number = 57;
    subject.doing = "reading client request line";
    subject.describe = about_client;
    subject.about = "1.2.3.4";
    errno = EINTR;
    log_error(&subject, LOG_ERROR, ENOENT, "open() \"%s\" failed", "/a");
    is_int(errno, EINTR, "errno survives");
    is_str(line(),
           "1994/11/06 08:49:37 [error] P: *57 open() \"/a\" failed (2: No such file or directory)"
           " while reading client request line, client: 1.2.3.4, request: \"GET / HTTP/1.1\"\n",
           "everything");
    log_debug(&subject, "too much");
    is_str(line(), "", "below the level");
    log_error(&subject, LOG_INFO, 99999, "x");
    ok(str_search(str_of(line()), STR("(99999: Unknown error)")) > 0, "an unknown errno");
}

static void no_text_forges_a_line(void)
{
    char out[64];

    subject = (struct log){0};
    log_attach(&subject, &sink);
    log_error(&subject, LOG_ERROR, 0, "bad \"%s\"", "a\n1994/11/06\x1b\x7f");
    is_str(line(), "1994/11/06 08:49:37 [error] P: bad \"a\\x0A1994/11/06\\x1B\\x7F\"\n",
           "control bytes are shown");
    is_slice(str_range(out, out + log_escape(out, sizeof(out), STR("a\"b\\c\n\xc3\xa9"))),
             "a\\x22b\\x5Cc\\x0A\xc3\xa9", "quotes and backslashes too");
    is_slice(str_range(out, out + log_escape(out, 5, STR("ab\"c"))), "ab", "no half escape");
    is_slice(str_range(out, out + log_escape(out, 3, STR("abcdef"))), "abc", "cut");
}

static void long_lines_are_cut(void)
{
    static char big[5000];
    struct str s;

    memset(big, 'x', sizeof(big) - 1);
    log_error(&subject, LOG_ERROR, 0, "%s", big);
    s = written();
    is_int((int64_t)s.len, 2048, "to 2048 bytes");
    is_int(s.data[2047], '\n', "that end in a newline");
    memset(big, '\n', sizeof(big) - 1);
    log_error(&subject, LOG_ERROR, 0, "%s", big);
    s = written();
    ok(s.len <= 2048 && s.data[s.len - 1] == '\n', "also when all is escaped");
}

static void json_has_members(void)
{
    static char big[3000];
    struct str s;
    char want[512];

    sink.json = true;
    subject = (struct log){.conn_number = 3, .doing = "waiting", .describe = about_client,
                       .about = "::1"};
    log_attach(&subject, &sink);
    log_error(&subject, LOG_ERROR, ENOENT, "a\"b\n\xff\xc3\xa9");
    snprintf(want, sizeof(want),
             "{\"time\":\"1994-11-06T08:49:37+00:00\",\"level\":\"error\",\"pid\":%d,\"tid\":%d,"
             "\"connection\":3,\"message\":\"a\\\"b\\u000a\\u00ff\xc3\xa9\",\"errno\":2,"
             "\"error\":\"No such file or directory\",\"doing\":\"waiting\",\"client\":\"::1\","
             "\"request\":\"GET / HTTP/1.1\"}\n",
             (int)getpid(), (int)getpid());
    is_slice(written(), want, "one object per line");
    memset(big, 1, sizeof(big) - 1);
    log_error(&subject, LOG_ERROR, 0, "%s", big);
    s = written();
    ok(s.len <= 6144 && str_ends(s, STR("}\n")), "cut, and still an object");
    sink.json = false;
}

static int digits(int n)
{
    return n < 10 ? 1 : 1 + digits(n / 10);
}

static void each_sink_has_its_level(void)
{
    struct log_sink quiet = {.file = &file, .level = LOG_CRIT, .next = &sink};

    subject = (struct log){0};
    log_attach(&subject, &quiet);
    is_int(subject.level, LOG_INFO, "the mask is the most talkative");
    log_error(&subject, LOG_ERROR, 0, "once");
    is_str(line(), "1994/11/06 08:49:37 [error] P: once\n", "one sink wants it");
    log_error(&subject, LOG_CRIT, 0, "x");
    is_int((int64_t)written().len, 2 * (int64_t)strlen("1994/11/06 08:49:37 [crit] : x\n") +
                                       4 * digits((int)getpid()) + 2, "both want it");
    log_attach(&subject, NULL);
    is_int(subject.level, 0, "no sinks, no lines");
}

static void a_full_disk_is_left_alone(void)
{
    struct log_file full = {.path = "/dev/full", .fd = open("/dev/full", O_WRONLY | O_CLOEXEC)};
    struct log_sink to_full = {.file = &full, .level = LOG_INFO};

    subject = (struct log){0};
    log_attach(&subject, &to_full);
    log_error(&subject, LOG_ERROR, 0, "lost");
    is_int(full.full_until_ms, 6000, "for a second");
    close(full.fd);
    full.fd = dup(out_fd);
    log_error(&subject, LOG_ERROR, 0, "also lost");
    is_str(line(), "", "nothing is tried meanwhile");
    clock_fake(6000, clock_wall_ms);
    log_error(&subject, LOG_ERROR, 0, "back");
    is_str(line(), "1994/11/06 08:49:37 [error] P: back\n", "then it is");
    close(full.fd);
}

static void without_sinks_stderr_gets_it(void)
{
    int saved = dup(STDERR_FILENO);

    dup2(out_fd, STDERR_FILENO);
    log_error(&process_log, LOG_EMERG, ENOENT, "open() failed");
    log_error(&process_log, LOG_INFO, 0, "not shown");
    log_set_program("nginx");
    log_error(&process_log, LOG_NOTICE, 0, "hello");
    is_slice(written(),
             "weir: [emerg] open() failed (2: No such file or directory)\nnginx: [notice] hello\n",
             "in the short form");
    log_set_process(&sink);
    log_error(&process_log, LOG_WARN, 0, "x");
    is_str(line(), "1994/11/06 08:49:37 [warn] P: x\n", "the configured log only");
    log_use_stderr(true);
    log_error(&process_log, LOG_WARN, 0, "x");
    is_str(line(), "1994/11/06 08:49:37 [warn] P: x\nnginx: [warn] x\n", "both while starting");
    log_use_stderr(false);
    log_set_process(NULL);
    dup2(saved, STDERR_FILENO);
    close(saved);
}

static void levels_have_names(void)
{
    is_int(log_level_find(STR("error")), LOG_ERROR, "error");
    is_int(log_level_find(STR("debug")), LOG_DEBUG, "debug");
    is_int(log_level_find(STR("verbose")), 0, "no such level");
    is_str(log_level_name(LOG_EMERG), "emerg", "and back");
}

static void one_line_of_a_kind_per_second(void)
{
    int64_t last = 0;

    clock_fake(0, clock_wall_ms);
    ok(log_allowed(&last) && !log_allowed(&last), "the first of a second only");
    clock_fake(1001, clock_wall_ms);
    ok(log_allowed(&last) && !log_allowed(&last), "and of the next");
}

static int listen_unix(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    unlink(path);
    return bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0 ? fd : -1;
}

static struct str received(int fd)
{
    static char text[4096];
    ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);

    return n < 0 ? STR_NONE : (struct str){text, (size_t)n};
}

static void syslog_gets_datagrams(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct syslog_target target;
    struct log_file to_syslog = {.fd = -1, .syslog = &target};
    struct log_sink syslog_sink = {.file = &to_syslog, .level = LOG_INFO};
    char path[64], params[128];
    const char *why = NULL;
    int fd;

    snprintf(path, sizeof(path), "/tmp/weir-log-test-%d", (int)getpid());
    snprintf(params, sizeof(params), "server=unix:%s,facility=daemon,tag=web,nohostname", path);
    ok(syslog_parse(&target, pool, str_of(params), &why), "parameters");
    fd = listen_unix(path);
    log_attach(&subject, &syslog_sink);
    log_error(&subject, LOG_ERROR, 0, "x");
    ok(str_starts(received(fd), STR("<27>Nov  6 08:49:37 web: 1994/11/06 08:49:37 [error] ")),
       "header and line");
    syslog_send(&target, target.severity, STR("text"));
    is_slice(received(fd), "<30>Nov  6 08:49:37 web: text", "its own severity");
    close(fd);
    fd = listen_unix(path);
    syslog_send(&target, 0, STR("again"));
    is_slice(received(fd), "<24>Nov  6 08:49:37 web: again", "a restarted daemon is found");
    close(fd);
    unlink(path);
    syslog_send(&target, 0, STR("lost"));
    is_int(target.quiet_until_ms, clock_mono_ms + 1000, "a dead one is left alone");
    pool_destroy(pool);
}

static const char *refusal(const char *params)
{
    static char out[256];
    struct pool *pool = pool_create(POOL_BLOCK);
    struct syslog_target target;
    const char *why = NULL;

    if (syslog_parse(&target, pool, str_of(params), &why))
        why = "accepted";
    snprintf(out, sizeof(out), "%s", why);
    pool_destroy(pool);
    return out;
}

static void syslog_parameters_are_checked(void)
{
    is_str(refusal("server=127.0.0.1"), "accepted", "a server is enough");
    is_str(refusal("server=log.example.com:514"), "accepted", "a name, to be looked up");
    is_str(refusal("facility=user"), "no syslog server specified", "no server");
    is_str(refusal("server=a,facility=x"), "unknown syslog facility \"x\"", "facility");
    is_str(refusal("server=a,severity=x"), "unknown syslog severity \"x\"", "severity");
    is_str(refusal("server=a,color=red"), "unknown syslog parameter \"color=red\"", "parameter");
    is_str(refusal("server=a,server=b"), "duplicate syslog \"server\"", "twice");
    is_str(refusal("server=a:0"), "invalid port in syslog server \"a:0\"", "port");
    ok(strcmp(refusal("server=a,tag=a-b"), "accepted") != 0, "tag");
}

int main(void)
{
    char path[] = "/tmp/weir-log-test-XXXXXX";

    setenv("TZ", "UTC", 1);
    out_fd = mkstemp(path);
    unlink(path);
    fcntl(out_fd, F_SETFL, O_APPEND);
    file.fd = out_fd;
    clock_fake(5000, INT64_C(784111777) * 1000);
    lines_have_the_familiar_form();
    no_text_forges_a_line();
    long_lines_are_cut();
    json_has_members();
    each_sink_has_its_level();
    a_full_disk_is_left_alone();
    without_sinks_stderr_gets_it();
    levels_have_names();
    one_line_of_a_kind_per_second();
    syslog_gets_datagrams();
    syslog_parameters_are_checked();
    return tap_done();
}
