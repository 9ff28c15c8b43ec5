/*
 * worker/log/log_path.c - logs whose paths have variables.
 */
#include "worker/log/log_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/pool.h"

#define BUCKETS 256

struct open_path {
    struct log_out out;
    const struct log_path_rules *rules;
    struct timer timer;
    int64_t uses;             /* since the timer was set */
    int64_t checked_ms;
    uint32_t hash;
    dev_t dev;
    ino_t ino;
    struct str path;
    struct open_path *chain, *newer, *older;
};

const struct log_path_rules log_path_usual = {.max = 64, .inactive_ms = 10000, .min_uses = 1};

static struct open_path *buckets[BUCKETS], *newest, *oldest;
static int64_t count;

static void unlist(struct open_path *p)
{
    *(p->newer != NULL ? &p->newer->older : &newest) = p->older;
    *(p->older != NULL ? &p->older->newer : &oldest) = p->newer;
}

static void put_first(struct open_path *p)
{
    p->newer = NULL;
    p->older = newest;
    *(newest != NULL ? &newest->newer : &oldest) = p;
    newest = p;
}

static void forget(struct open_path *p)
{
    struct open_path **at = &buckets[p->hash % BUCKETS];

    log_out_flush(&p->out);
    timer_cancel(&p->timer);
    while (*at != p)
        at = &(*at)->chain;
    *at = p->chain;
    unlist(p);
    if (p->out.fd >= 0)
        close(p->out.fd);
    count--;
    free(p);
}

static void on_timer(struct timer *timer)
{
    struct open_path *p = CONTAINER(timer, struct open_path, timer);

    if (p->uses < p->rules->min_uses) {
        forget(p);
        return;
    }
    p->uses = 0;
    timer_set(&p->timer, p->rules->inactive_ms);
}

/* Does the path still lead to the file that is open? */
static bool still_there(struct open_path *p)
{
    struct stat st;

    if (p->checked_ms + p->rules->valid_ms > clock_mono_ms)
        return true;
    p->checked_ms = clock_mono_ms;
    return stat(p->out.path, &st) == 0 && st.st_dev == p->dev && st.st_ino == p->ino;
}

static void open_path(struct log_out *out)
{
    struct open_path *p = CONTAINER(out, struct open_path, out);
    struct stat st;

    if (out->fd >= 0 && still_there(p))
        return;
    if (out->fd >= 0)
        close(out->fd);
    out->fd = open(out->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (out->fd < 0) {
        if (log_allowed(&out->complained_ms))
            log_error(&process_log, LOG_CRIT, errno, "open() \"%s\" failed", out->path);
        return;
    }
    if (fstat(out->fd, &st) == 0) {
        p->dev = st.st_dev;
        p->ino = st.st_ino;
    }
    p->checked_ms = clock_mono_ms;
}

struct log_out *log_path_find(struct str path)
{
    uint32_t hash = (uint32_t)str_hash(path);
    struct open_path *p = buckets[hash % BUCKETS];

    while (p != NULL && (p->hash != hash || !str_eq(p->path, path)))
        p = p->chain;
    if (p == NULL)
        return NULL;
    p->uses++;
    unlist(p);
    put_first(p);
    return &p->out;
}

struct log_out *log_path_add(struct str path, const struct log_path_rules *rules)
{
    struct open_path *p = pool_malloc(sizeof(*p) + path.len + 1);
    char *text = (char *)(p + 1);

    if (count >= rules->max)
        forget(oldest);
    memset(p, 0, sizeof(*p));
    memcpy(text, path.data, path.len);
    text[path.len] = '\0';
    p->path = (struct str){text, path.len};
    p->hash = (uint32_t)str_hash(path);
    p->rules = rules;
    p->uses = 1;
    p->timer.on_timer = on_timer;
    p->out.fd = -1;
    p->out.path = text;
    p->out.open = open_path;
    p->chain = buckets[p->hash % BUCKETS];
    buckets[p->hash % BUCKETS] = p;
    put_first(p);
    count++;
    timer_set(&p->timer, rules->inactive_ms);
    return &p->out;
}
