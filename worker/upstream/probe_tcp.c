/*
 * worker/upstream/probe_tcp.c - the health check that is content with a connection.
 */
#include "worker/upstream/probe.h"

struct tcp_talk {
    struct probe *probe;
    struct pool *pool;  /* of the dial; NULL: none is under way */
    struct dial dial;
    struct post news;
};

static void end_dial(struct tcp_talk *t)
{
    dial_cancel(&t->dial);
    post_cancel(&t->news);
    pool_destroy(t->pool);
    t->pool = NULL;
}

static void look(struct tcp_talk *t)
{
    bool ready = t->dial.state == DIAL_READY;

    if (!ready && t->dial.state != DIAL_FAIL)
        return;
    end_dial(t);
    probe_end(t->probe, 0, ready ? NULL : "connecting to upstream",
              ready ? DIAL_NO_FAULT : t->dial.fault);
}

static void on_news(struct post *post)
{
    look(CONTAINER(post, struct tcp_talk, news));
}

static void begin(struct probe *p)
{
    struct tcp_talk *t = p->talk;

    t->pool = pool_create(POOL_BLOCK);
    t->dial = (struct dial){.group = &p->group, .options = p->check->dial, .log = &p->log,
                            .pool = t->pool, .secure = p->check->secure,
                            .name = p->check->secure_name, .done = &t->news};
    dial_init(&t->dial);
    dial_start(&t->dial);
    look(t);
}

static void cancel(struct probe *p)
{
    end_dial(p->talk);
    p->fault = "connecting to upstream";
}

static void open_talk(struct probe *p)
{
    struct tcp_talk *t = conn_alloc(sizeof(*t));

    t->probe = p;
    t->news.run = on_news;
    p->talk = t;
}

static void close_talk(struct probe *p)
{
    conn_collect(p->talk, sizeof(struct tcp_talk));
}

const struct probe_ops probe_tcp = {
    .name = "tcp", .open = open_talk, .begin = begin, .cancel = cancel, .close = close_talk,
};
