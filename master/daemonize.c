/*
 * master/daemonize.c - a pipe tells the starter; its closing without a word means failure.
 */
#include "master/daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

NORETURN static void wait_and_exit(int fd)
{
    char code = 1;

    while (read(fd, &code, 1) < 0 && errno == EINTR)
        ;
    _exit(code);
}

static void redirect(int fd, int to)
{
    if (to >= 0 && to != fd)
        dup2(to, fd);
}

int daemonize(void)
{
    int ends[2], null;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid = fork();
    if (pid < 0) {
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    if (pid > 0) {
        close(ends[1]);
        wait_and_exit(ends[0]);
    }
    close(ends[0]);
    log_after_fork();
    setsid();
    umask(0);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    redirect(STDIN_FILENO, null);
    redirect(STDOUT_FILENO, null);
    if (null > STDERR_FILENO)
        close(null);
    return ends[1];
}

void daemonize_release(int fd, int log_fd)
{
    int null = log_fd < 0 ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
    char ok = 0;

    redirect(STDERR_FILENO, log_fd < 0 ? null : log_fd);
    if (null > STDERR_FILENO)
        close(null);
    if (write(fd, &ok, 1) != 1)
        log_debug(&process_log, "whoever started us did not wait");
    close(fd);
}
