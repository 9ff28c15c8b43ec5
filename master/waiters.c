/*
 * master/waiters.c - both ends of the answer to `-s reload`.
 *
 * A datagram is a letter and text: 'a' the signal was seen, 'k' done, 'f' failed.
 */
#include "master/waiters.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/random.h"
#include "master/control.h"

#define TEXT_MAX        32768  /* of the answer; the log has the rest */
#define STEP_MS         10
#define TAKEN_WITHIN_MS 60000
#define SEEN_WITHIN_MS  1000
#define DONE_WITHIN_MS  120000

static char *text; /* kept for the answer, after a letter; NULL while nothing is kept */
static size_t text_len;

static socklen_t name_socket(struct sockaddr_un *out, pid_t pid, int token)
{
    int len;

    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    len = snprintf(out->sun_path + 1, sizeof(out->sun_path) - 1, "weir-reload-%d-%08x", (int)pid,
                   (unsigned)token);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

/* The master's side ---------------------------------------------------------------------------- */

static void send_to(const struct waiter *w, const char *data, size_t len)
{
    struct sockaddr_un to;
    socklen_t to_len = name_socket(&to, w->pid, w->token);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return;
    if (sendto(fd, data, len, MSG_NOSIGNAL, (const struct sockaddr *)&to, to_len) < 0)
        log_debug(&process_log, "no answer to %d: %s", (int)w->pid, strerrordesc_np(errno));
    close(fd);
}

void waiters_add(struct waiters *w, pid_t pid, int token)
{
    struct waiter new = {pid, token, -1};

    if (w->count == WAITERS_MAX)
        return;
    w->list[w->count++] = new;
    send_to(&new, "a", 1);
}

void waiters_add_connection(struct waiters *w, int fd)
{
    if (w->count < WAITERS_MAX)
        w->list[w->count++] = (struct waiter){.fd = fd};
    else
        control_answer(fd, false, STR("too many wait for a reload\n"));
}

void waiters_forget(struct waiters *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (w->list[i].fd >= 0)
            close(w->list[i].fd);
    *w = (struct waiters){0};
}

static void answer_one(const struct waiter *w, char *data, size_t len)
{
    if (w->fd < 0)
        send_to(w, data, len);
    else
        control_answer(w->fd, data[0] == 'k', (struct str){data + 1, len - 1});
}

static void keep(struct str line)
{
    size_t len = MIN(line.len, TEXT_MAX - text_len);

    memcpy(text + text_len, line.data, len);
    text_len += len;
}

void waiters_begin(struct waiters *w)
{
    w->asked = w->count;
    if (text == NULL)
        text = malloc(TEXT_MAX);
    text_len = 1;
    log_set_copy(text != NULL ? keep : NULL);
}

void waiters_answer(struct waiters *w, bool ok)
{
    static char bare[1];
    char *answer = text != NULL ? text : bare;

    log_set_copy(NULL);
    answer[0] = ok ? 'k' : 'f';
    for (uint32_t i = 0; i < w->asked; i++)
        answer_one(&w->list[i], answer, text != NULL ? text_len : 1);
    w->count -= w->asked;
    memmove(w->list, w->list + w->asked, w->count * sizeof(w->list[0]));
    w->asked = 0;
    free(text);
    text = NULL;
}

/* The caller's side ---------------------------------------------------------------------------- */

static int open_socket(int token)
{
    struct sockaddr_un name;
    socklen_t len = name_socket(&name, getpid(), token);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bind(fd, (const struct sockaddr *)&name, len) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Waits for a datagram; 0 when the time is over. */
static ssize_t receive(int fd, char *out, size_t room, int within_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (poll(&p, 1, within_ms) <= 0)
        return 0;
    return recv(fd, out, room, 0);
}

static bool send_signal(pid_t master, int token, int *err)
{
    union sigval value = {.sival_int = token};

    if (sigqueue(master, SIGHUP, value) == 0)
        return true;
    *err = errno;
    return false;
}

static bool is_alive(pid_t pid)
{
    return kill(pid, 0) == 0;
}

static enum reload_outcome await_answer(pid_t master, int fd)
{
    static char answer[TEXT_MAX];
    ssize_t n;

    for (int waited = 0; waited < DONE_WITHIN_MS && is_alive(master); waited += 1000) {
        n = receive(fd, answer, sizeof(answer), 1000);
        if (n < 1 || answer[0] == 'a')
            continue;
        fwrite(answer + 1, 1, (size_t)n - 1, stderr);
        return answer[0] == 'k' ? RELOAD_DONE : RELOAD_FAILED;
    }
    log_error(&process_log, LOG_ERROR, 0, is_alive(master) ? "the master process is still reloading"
                                                           : "the master process is gone");
    return RELOAD_FAILED;
}

/* Whether a SIGHUP waits to be read there: another one sent now would be lost, with its token. */
static bool is_pending(pid_t pid)
{
    char path[32], line[256];
    unsigned long long bits = 0;
    FILE *status;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    status = fopen(path, "re");
    if (status == NULL)
        return false;
    while (fgets(line, sizeof(line), status) != NULL)
        if (strncmp(line, "ShdPnd:", 7) == 0)
            bits = strtoull(line + 7, NULL, 16);
    fclose(status);
    return (bits & (1ull << (SIGHUP - 1))) != 0;
}

static void await_taken(pid_t master)
{
    for (int waited = 0; waited < TAKEN_WITHIN_MS && is_pending(master); waited += STEP_MS)
        poll(NULL, 0, STEP_MS);
}

/* A master that is loading right now takes its time; one that took the signal and says nothing
   knows no answers (nginx). */
static enum reload_outcome ask(pid_t master, int fd, int token, int *err)
{
    char seen;

    await_taken(master);
    if (!send_signal(master, token, err))
        return RELOAD_UNKNOWN;
    await_taken(master);
    if (receive(fd, &seen, 1, SEEN_WITHIN_MS) > 0)
        return await_answer(master, fd);
    return RELOAD_UNKNOWN;
}

enum reload_outcome waiters_reload(pid_t master, int *err)
{
    enum reload_outcome outcome = RELOAD_UNKNOWN;
    int token, fd;

    *err = 0;
    random_bytes(&token, sizeof(token));
    fd = open_socket(token);
    if (fd < 0) {
        send_signal(master, token, err);
        return RELOAD_UNKNOWN;
    }
    outcome = ask(master, fd, token, err);
    close(fd);
    return outcome;
}
