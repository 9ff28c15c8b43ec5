/*
 * worker/proxy/proxy_send.c - the request on its way to the origin: head and body in one write.
 */
#include "worker/http/body.h"
#include "worker/proxy/proxy_run.h"
#include "worker/proxy/proxy_trailers.h"

#define PULL_BYTES (128 * 1024)
#define KEPT_BYTES (16 * 1024) /* of a body that streams, for another try */
#define KEPT_FIRST_BYTES 1024
#define AT_ONCE    (2 << 20) /* most that goes out before others have a turn */

enum rc proxy_send_peek(struct proxy_run *run)
{
    enum pull pulled;

    run->body = body_stream(run->r);
    run->body->waiter = &run->post;
    pulled = source_pull(run->body, &run->early, PULL_BYTES);
    run->early_whole = pulled == PULL_END;
    return pulled == PULL_ERROR ? RC_ERROR : RC_OK;
}

/* A body that came as fast as its head has a length: but with one it could have no trailer, and
   whether a trailer passes is not to depend on how fast it came. */
static bool takes_length(const struct proxy_run *run)
{
    return run->early_whole && (run->r->content_length >= 0 || !proxy_trailers_may_pass(run));
}

int64_t proxy_send_length(const struct proxy_run *run)
{
    struct request *r = run->r;

    if (run->conf->set_body != NULL)
        return (int64_t)scope_eval(&r->scope, run->conf->set_body).len;
    if (!run->conf->pass_body || (r != r->main && (r->body == NULL || !r->body->complete)))
        return r->content_length == 0 ? 0 : -1;
    if (run->streaming)
        return takes_length(run) ? (int64_t)run->early.bytes : r->content_length;
    return r->body != NULL ? body_length(r) : r->content_length;
}

bool proxy_send_has_body(const struct proxy_run *run)
{
    if (run->streaming || run->conf->set_body != NULL)
        return run->send_length != 0;
    return run->conf->pass_body && run->send_length != 0;
}

static void take_body(struct proxy_run *run)
{
    struct request *r = run->r;

    if (run->conf->set_body != NULL) {
        struct str text = scope_eval(&r->scope, run->conf->set_body);

        run->body = text.len > 0 ? source_memory(request_pool(r), text) : NULL;
    } else {
        run->body = proxy_send_has_body(run) ? body_source(r) : NULL;
    }
}

/* The beginning of a body that streams is kept, as long as it is all that was sent: then it may be
   sent again. */
static void keep(struct proxy_run *run, const struct chain *data)
{
    struct buf *kept = &run->kept;

    if (run->kept_short)
        return;
    if (buf_used(kept) + data->bytes > KEPT_BYTES) {
        run->kept_short = true;
        buf_give(kept);
        return;
    }
    if (kept->start == NULL && data->bytes > 0)
        buf_take(kept, MAX(data->bytes, KEPT_FIRST_BYTES));
    if (buf_room(kept) < data->bytes)
        buf_grow(kept, KEPT_BYTES);
    for (uint32_t i = 0; i < data->count; i++) {
        const struct piece *p = &data->pieces[data->first + i];

        must(p->kind == PIECE_MEMORY);
        memcpy(kept->last, p->data, p->len);
        kept->last += p->len;
    }
}

/* What was here before the head was made; or for another try, all that there was of the body. */
static void add_early(struct proxy_run *run)
{
    struct chain data;

    chain_init(&data);
    if (run->kept_begun) {
        chain_add(&data, run->kept.pos, buf_used(&run->kept));
    } else {
        run->kept_begun = true;
        run->pulled_all = run->early_whole;
        keep(run, &run->early);
        chain_move(&data, &run->early);
    }
    if (data.bytes > 0 || (run->pulled_all && run->send_length < 0))
        run->codec->frame(run, &data, run->pulled_all);
    chain_fini(&data);
}

void proxy_send_begin(struct proxy_run *run)
{
    run->sent_any = run->sent_all = run->send_broken = false;
    chain_clear(&run->out);
    chain_add(&run->out, run->head.pos, buf_used(&run->head));
    if (run->streaming) {
        add_early(run);
    } else {
        run->pulled_all = false;
        take_body(run);
    }
    if (run->codec->begin != NULL)
        run->codec->begin(run);
}

static void close_body(struct proxy_run *run)
{
    source_close(run->body);
    run->body = NULL;
}

void proxy_send_rewind(struct proxy_run *run)
{
    chain_clear(&run->out);
    if (!run->streaming)
        close_body(run);
}

void proxy_send_end(struct proxy_run *run)
{
    chain_clear(&run->out);
    chain_clear(&run->early);
    buf_give(&run->kept);
    close_body(run);
}

/* More of the body into run->out, all of which has been written but the head. */
static enum pull pull_body(struct proxy_run *run)
{
    struct chain more;
    enum pull result;

    chain_init(&more);
    run->body->waiter = &run->post;
    result = source_pull(run->body, &more, PULL_BYTES);
    if (run->streaming)
        keep(run, &more);
    if (more.bytes > 0 || result == PULL_END)
        run->codec->frame(run, &more, result == PULL_END);
    chain_fini(&more);
    return result;
}

static enum rc write_out(struct proxy_run *run)
{
    uint64_t before = run->x->conn.sent;
    enum rc rc = conn_send(&run->x->conn, &run->out, AT_ONCE);

    run->sent_any |= run->x->conn.sent > before;
    if (rc == RC_OK && !chain_empty(&run->out)) {
        post_turn_end(&run->post);
        return RC_AGAIN;
    }
    return rc;
}

enum rc proxy_send(struct proxy_run *run)
{
    bool head_waits = !run->sent_any && run->body != NULL && !run->streaming;
    enum pull pulled = PULL_MORE;
    enum rc rc = RC_OK;

    if (!run->x->conn.ev.writable && !chain_empty(&run->out))
        return RC_AGAIN;
    for (;;) {
        if (run->body != NULL && !run->pulled_all && (head_waits || chain_empty(&run->out)))
            pulled = pull_body(run);
        head_waits = false;
        if (pulled == PULL_ERROR)
            return RC_ERROR;
        run->pulled_all |= pulled == PULL_END;
        if (!chain_empty(&run->out))
            rc = write_out(run);
        if (rc != RC_OK) {
            run->send_broken = rc == RC_ERROR;
            return rc;
        }
        if (run->pulled_all)
            close_body(run); /* not before its last bytes are out */
        if (run->body == NULL)
            break;
        if (pulled == PULL_WAIT)
            return RC_AGAIN;
    }
    if (run->codec->finish != NULL)
        run->codec->finish(run);
    run->sent_all = true;
    return RC_OK;
}
