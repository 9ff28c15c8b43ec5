/*
 * worker/filter/transform.c - a source that makes other bytes of those below it.
 */
#include "worker/filter/transform.h"

#include "worker/http/request.h"

#define PULL_BYTES (64 * 1024)
#define FLUSH_MS   5            /* a pause of the body that is worth a flush */

static enum pull fill_in(struct transform *t)
{
    enum pull result;

    t->body->waiter = t->source.waiter;
    t->body->file_ok = false;
    result = source_pull(t->body, &t->in, PULL_BYTES);
    t->body_ended = result == PULL_END;
    if (result != PULL_WAIT) {
        timer_cancel(&t->pause);
        t->flush_due = false;
    }
    return result;
}

static void on_pause(struct timer *timer)
{
    struct transform *t = CONTAINER(timer, struct transform, pause);

    t->flush_due = true;
    source_wake(&t->source);
}

static enum rc pause_feeding(struct transform *t)
{
    if (t->unflushed && t->flush_due) {
        t->flush_due = false;
        t->state = TRANSFORM_FLUSHES;
        return RC_OK;
    }
    if (t->unflushed && !timer_is_set(&t->pause))
        timer_set(&t->pause, FLUSH_MS);
    return RC_AGAIN;
}

/* Nothing to take now. RC_AGAIN: nothing to say either. */
static enum rc next_input(struct transform *t)
{
    switch (t->body_ended ? PULL_END : fill_in(t)) {
    case PULL_MORE:
        return RC_OK;
    case PULL_END:
        if (chain_empty(&t->in))
            t->state = TRANSFORM_FINISHES;
        return RC_OK;
    case PULL_WAIT:
        return pause_feeding(t);
    case PULL_ERROR:
        break;
    }
    return RC_ERROR;
}

static enum transform_step run(struct transform *t)
{
    static const enum transform_wish wishes[] = {
        [TRANSFORM_FEEDS] = TRANSFORM_GO,
        [TRANSFORM_FLUSHES] = TRANSFORM_FLUSH,
        [TRANSFORM_FINISHES] = TRANSFORM_FINISH,
    };
    struct str in = STR_NONE;
    enum transform_step step;
    size_t before;

    if (!chain_empty(&t->in))
        in = (struct str){chain_head(&t->in)->data, chain_head(&t->in)->len};
    before = in.len;
    step = t->ops->run(t, &in, &t->out, wishes[t->state]);
    t->unflushed |= t->ops->holds_back && in.len < before;
    chain_consume(&t->in, before - in.len);
    return step;
}

/* What a step that did all it could leads to. */
static void advance(struct transform *t)
{
    if (t->state == TRANSFORM_FLUSHES) {
        t->state = TRANSFORM_FEEDS;
        t->unflushed = false;
    } else if (t->state == TRANSFORM_FINISHES) {
        t->state = TRANSFORM_ENDED;
    }
}

/* Works until the buffer is full or there is nothing to do. */
static enum rc fill_out(struct transform *t)
{
    enum rc rc;

    while (t->state != TRANSFORM_ENDED && buf_room(&t->out) > 0) {
        bool flushing;

        if (t->state == TRANSFORM_FEEDS && chain_empty(&t->in)) {
            rc = next_input(t);
            if (rc != RC_OK)
                return rc;
            continue;
        }
        flushing = t->state == TRANSFORM_FLUSHES;
        switch (run(t)) {
        case TRANSFORM_DONE:
            advance(t);
            break;
        case TRANSFORM_FULL:
            assert(buf_used(&t->out) > 0);
            return RC_OK;
        case TRANSFORM_END:
            t->state = TRANSFORM_ENDED;
            break;
        case TRANSFORM_FAILED:
            return RC_ERROR;
        }
        if (flushing && buf_used(&t->out) > 0)
            return RC_OK;
    }
    return RC_OK;
}

static void finish(struct transform *t)
{
    if (!t->fini_done && t->ops->fini != NULL)
        t->ops->fini(t);
    t->fini_done = true;
}

static enum pull pull(struct source *source, struct chain *out, size_t max)
{
    struct transform *t = CONTAINER(source, struct transform, source);
    size_t len;

    if (t->out.start == NULL)
        buf_take(&t->out, TRANSFORM_ROOM);
    if (buf_used(&t->out) == 0) {
        t->out.pos = t->out.last = t->out.start;
        if (fill_out(t) == RC_ERROR)
            return PULL_ERROR;
    }
    len = MIN(buf_used(&t->out), max);
    chain_add(out, t->out.pos, len);
    t->out.pos += len;
    if (t->state == TRANSFORM_ENDED && buf_used(&t->out) == 0) {
        finish(t);
        return PULL_END;
    }
    return len > 0 ? PULL_MORE : PULL_WAIT;
}

static void close_all(struct source *source)
{
    struct transform *t = CONTAINER(source, struct transform, source);

    timer_cancel(&t->pause);
    finish(t);
    chain_clear(&t->in);
    chain_fini(&t->in);
    buf_give(&t->out);
    source_close(t->body);
}

/* From now on other bytes come from below: what was pulled of the old is forgotten. */
static void window(struct source *source, int64_t first, int64_t len)
{
    struct transform *t = CONTAINER(source, struct transform, source);

    chain_clear(&t->in);
    t->out.pos = t->out.last = t->out.start;
    t->state = TRANSFORM_FEEDS;
    t->body_ended = false;
    t->body->ops->window(t->body, first, len);
}

static const struct source_ops stream_ops = {.name = "transform", .pull = pull,
                                             .close = close_all};
static const struct source_ops window_ops = {.name = "transform", .pull = pull,
                                             .close = close_all, .window = window};

void transform_init(struct transform *t, struct request *r, const struct transform_ops *ops)
{
    t->body = r->out.body != NULL ? r->out.body : source_empty();
    t->ops = ops;
    t->source = (struct source){.ops = &stream_ops, .length = -1, .file_ok = true};
    if (ops->byte_for_byte) {
        t->source.length = t->body->length;
        if (t->body->ops->window != NULL)
            t->source.ops = &window_ops;
    }
    t->pause.on_timer = on_pause;
    chain_init(&t->in);
    r->out.body = &t->source;
}
