/*
 * worker/keeper/control.c - a connection as a machine: read a line, answer, end.
 */
#include "worker/keeper/control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/list.h"
#include "common/log.h"
#include "worker/event/loop.h"
#include "worker/keeper/upstream_control.h"

#define CLIENTS_MOST 64
#define READ_MS      10000
#define WRITE_MS     10000

enum client_state { CLIENT_READ, CLIENT_WRITE, CLIENT_DONE, CLIENT_STATES };

struct client {
    struct event ev;
    struct timer timer;
    struct post post;
    struct link link;
    enum client_state state;
    bool late;
    size_t len, sent;
    char *answer;              /* malloc's */
    size_t answer_len;
    char line[CONTROL_LINE_MAX];
};

static const struct generation *served;
static struct list clients;
static unsigned client_count;

/* Requests ------------------------------------------------------------------------------------- */

/* Questions may be many. */
static bool is_question(const struct str *words, size_t count)
{
    return count > 1 && (str_eq(words[1], STR("list")) || str_eq(words[1], STR("show")));
}

static void log_request(const struct str *words, size_t count)
{
    char line[512];
    size_t len = 0;

    for (size_t i = 0; i < count && sizeof(line) - len > 8; i++) {
        if (i > 0)
            line[len++] = ' ';
        len += log_escape(line + len, sizeof(line) - len, words[i]);
    }
    log_error(&process_log, is_question(words, count) ? LOG_INFO : LOG_NOTICE, 0, "control: %.*s",
              (int)len, line);
}

bool control_obey(struct control_request *r)
{
    if (r->count > 0 && str_eq(r->words[0], STR("upstream")))
        return upstream_control(r);
    fputs("there is no such command\n", r->out);
    return false;
}

/* The text behind the first line, by a request's words. */
static bool print_answer(char *line, size_t len, FILE *out)
{
    struct control_request r = {.gen = served, .out = out};
    struct str words[CONTROL_WORDS_MAX];
    bool good;

    r.count = control_read(line, len, words);
    if (r.count < 2) {
        fputs("malformed request\n", out);
        return false;
    }
    r.json = str_eq(words[0], STR("json"));
    r.words = words + 1;
    r.count--;
    log_request(r.words, r.count);
    r.pool = pool_create(POOL_BLOCK);
    good = control_obey(&r);
    pool_destroy(r.pool);
    return good;
}

/* The first line is known last: both are as long. */
static void answer(struct client *c, size_t line_len)
{
    FILE *out = open_memstream(&c->answer, &c->answer_len);
    bool good;

    must(out != NULL);
    fputs(CONTROL_NO, out);
    good = print_answer(c->line, line_len, out);
    must(fclose(out) == 0);
    if (good)
        memcpy(c->answer, CONTROL_OK, sizeof(CONTROL_OK) - 1);
}

/* Steps ---------------------------------------------------------------------------------------- */

static enum client_state read_line(struct client *c)
{
    while (c->len < sizeof(c->line)) {
        ssize_t n = recv(c->ev.fd, c->line + c->len, sizeof(c->line) - c->len, MSG_DONTWAIT);
        const char *end;

        if (n < 0 && errno == EAGAIN)
            return c->late ? CLIENT_DONE : CLIENT_READ;
        if (n <= 0)
            return CLIENT_DONE;
        end = memchr(c->line + c->len, '\n', (size_t)n);
        c->len += (size_t)n;
        if (end == NULL)
            continue;
        answer(c, (size_t)(end - c->line));
        return CLIENT_WRITE;
    }
    answer(c, 0); /* malformed: too long */
    return CLIENT_WRITE;
}

static enum client_state write_answer(struct client *c)
{
    while (c->sent < c->answer_len) {
        ssize_t n = send(c->ev.fd, c->answer + c->sent, c->answer_len - c->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN)
            return c->late ? CLIENT_DONE : CLIENT_WRITE;
        if (n < 0)
            return CLIENT_DONE;
        c->sent += (size_t)n;
    }
    return CLIENT_DONE;
}

static enum client_state done(struct client *c)
{
    return CLIENT_DONE;
}

static void begin_write(struct client *c)
{
    c->late = false;
    timer_set(&c->timer, WRITE_MS);
}

static const struct {
    enum client_state (*step)(struct client *c);
    uint32_t leads_to;
    void (*begin)(struct client *c);
} steps[CLIENT_STATES] = {
    [CLIENT_READ]  = {read_line, BIT(CLIENT_WRITE) | BIT(CLIENT_DONE), NULL},
    [CLIENT_WRITE] = {write_answer, BIT(CLIENT_DONE), begin_write},
    [CLIENT_DONE]  = {done, 0, NULL},
};

static void destroy(struct client *c)
{
    timer_cancel(&c->timer);
    post_cancel(&c->post);
    loop_remove(&c->ev); /* the master may still have it open: closing does not do it */
    close(c->ev.fd);
    list_remove(&c->link);
    client_count--;
    free(c->answer);
    free(c);
}

static void run(struct post *post)
{
    struct client *c = CONTAINER(post, struct client, post);
    enum client_state next;

    while ((next = steps[c->state].step(c)) != c->state) {
        must(steps[c->state].leads_to & BIT(next));
        c->state = next;
        if (steps[next].begin != NULL)
            steps[next].begin(c);
    }
    if (c->state == CLIENT_DONE)
        destroy(c);
}

static void on_event(struct event *ev)
{
    post_now(&CONTAINER(ev, struct client, ev)->post);
}

static void on_timer(struct timer *timer)
{
    struct client *c = CONTAINER(timer, struct client, timer);

    c->late = true;
    post_now(&c->post);
}

void control_take(int fd)
{
    static const char busy[] = CONTROL_NO "too many connections: try again\n";
    struct client *c = client_count < CLIENTS_MOST && served != NULL ? calloc(1, sizeof(*c)) : NULL;

    if (c == NULL) {
        if (send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            log_debug(&process_log, "a control connection took no answer");
        close(fd);
        return;
    }
    c->ev = (struct event){.fd = fd, .on_event = on_event};
    if (loop_add(&c->ev) != RC_OK) {
        close(fd);
        free(c);
        return;
    }
    c->timer.on_timer = on_timer;
    c->post.run = run;
    list_append(&clients, &c->link);
    client_count++;
    timer_set(&c->timer, READ_MS);
    post_now(&c->post);
}

void control_start(const struct generation *gen)
{
    served = gen;
    list_init(&clients);
    upstream_control_start(gen);
}

void control_stop(void)
{
    LIST_EACH(struct client, c, &clients, link)
        destroy(c);
    upstream_control_stop();
    served = NULL;
}
