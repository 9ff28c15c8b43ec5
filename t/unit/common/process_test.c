/*
 * t/unit/common/process_test.c - what a process asks of the system: sockets, signals, its title,
 * directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/dir.h"
#include "common/log.h"
#include "common/proctitle.h"
#include "common/sig.h"
#include "common/sock.h"
#include "t/unit/tap.h"

static void sockets_take_options(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ok(sock_set_nonblocking(fd) && (fcntl(fd, F_GETFL) & O_NONBLOCK), "non-blocking");
    ok(sock_set_cloexec(fd, true) && fcntl(fd, F_GETFD) == FD_CLOEXEC, "closed on exec");
    ok(sock_set_cloexec(fd, false) && fcntl(fd, F_GETFD) == 0, "or not");
    ok(sock_set(fd, SOCK_NODELAY, 1, NULL), "an option");
    is_int(sock_get(fd, SOCK_NODELAY), 1, "is set");
    ok(sock_set(fd, SOCK_KEEP_IDLE_S, 77, NULL) && sock_get(fd, SOCK_KEEP_IDLE_S) == 77, "seconds");
    ok(sock_set_reset(fd, NULL), "reset at close");
    is_int(sock_error(fd), 0, "no error");
    is_int(sock_get(fd, SOCK_V6ONLY), -1, "an option of another family");
    close(fd);
    is_int(sock_error(fd), EBADF, "no socket");
}

static int refused_lines(void)
{
    char path[] = "/tmp/weir-process-test-XXXXXX";
    struct log_file file = {.path = path, .fd = mkstemp(path)};
    struct log_sink sink = {.file = &file, .level = LOG_ALERT};
    struct log quiet = {0};
    char text[512];
    ssize_t n;

    unlink(path);
    log_attach(&quiet, &sink);
    sock_set(file.fd, SOCK_NODELAY, 1, &quiet);
    n = pread(file.fd, text, sizeof(text), 0);
    close(file.fd);
    return n > 0 && memmem(text, (size_t)n, "setsockopt(TCP_NODELAY, 1) failed (88: ", 39) != NULL;
}

static volatile sig_atomic_t last_signal;

static void on_signal(int number)
{
    last_signal = number;
}

static void signals_are_handled(void)
{
    static const struct sig_row rows[] = {{SIGUSR1, on_signal}, {SIGPIPE, SIG_IGN}};
    struct sigaction now;

    sig_install(rows, COUNT(rows));
    raise(SIGPIPE);
    raise(SIGUSR1);
    is_int(last_signal, SIGUSR1, "delivered");
    last_signal = 0;
    sig_block(rows, COUNT(rows), true);
    raise(SIGUSR1);
    is_int(last_signal, 0, "blocked");
    sig_block(rows, COUNT(rows), false);
    is_int(last_signal, SIGUSR1, "and let through");
    sig_reset_all();
    sigaction(SIGUSR1, NULL, &now);
    ok(now.sa_handler == SIG_DFL, "reset");
    is_str(sig_name(SIGHUP), "SIGHUP", "a name");
    is_str(sig_name(99), "signal 99", "without a name");
}

static struct str command_line(void)
{
    static char text[65536];
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof(text) - 1);

    close(fd);
    text[n < 0 ? 0 : n] = '\0';
    return str_of(text);
}

static void titles_are_shown(int argc, char **argv, char **envp)
{
    char name[] = "WEIR_TEST";
    char **copies;

    setenv(name, "before", 1);
    copies = proctitle_init(argc, argv, envp);
    proctitle_set("weir: %s process", "worker");
    is_slice(command_line(), "weir: worker process", "ps shows it");
    ok(strstr(copies[0], "process_test") != NULL && copies[argc] == NULL, "arguments survive");
    ok(getenv("PATH") == NULL || getenv("PATH")[0] != '\0', "the environment survives");
    proctitle_set("w");
    is_slice(command_line(), "w", "a shorter one");
    proctitle_set("%05000d%05000d", 1, 2);
    ok(command_line().len > 0, "a long one is cut");
    is_str(copies[argc] == NULL ? "end" : "", "end", "and nothing is overwritten");
}

static void directories_are_made(void)
{
    char top[] = "/tmp/weir-dir-test-XXXXXX", path[PATH_MAX];
    struct stat st;

    ok(mkdtemp(top) != NULL, "a place to work");
    snprintf(path, sizeof(path), "%s/a//b/c/", top);
    ok(dir_make(path, 0700) && stat(path, &st) == 0 && S_ISDIR(st.st_mode), "made");
    ok(dir_make(path, 0700), "there already");
    snprintf(path, sizeof(path), "%s/x/y/file", top);
    ok(dir_make_above(path, 0755) && stat(path, &st) != 0, "made above a file");
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    ok(!dir_make(path, 0755) && errno == ENOTDIR, "a file is in the way");
    strcat(path, "/z");
    ok(!dir_make(path, 0755) && errno == ENOTDIR, "a file is above");
    ok(!dir_make("", 0755) && errno == ENOENT, "no path");
    ok(dir_make_above("name", 0755) && dir_make_above("/name", 0755), "nothing above");
    snprintf(path, sizeof(path), "rm -r '%s'", top);
    ok(system(path) == 0, "cleaned up");
}

int main(int argc, char **argv, char **envp)
{
    sockets_take_options();
    ok(refused_lines(), "a refused option is logged by name");
    signals_are_handled();
    titles_are_shown(argc, argv, envp);
    directories_are_made();
    return tap_done();
}
