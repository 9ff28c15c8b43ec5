/*
 * worker/proxy/proxy_send.c - the request on its way to the origin: head and body in one write.
 */
#include "worker/http/body.h"
#include "worker/proxy/proxy_run.h"

#define PULL_BYTES (128 * 1024)
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

int64_t proxy_send_length(const struct proxy_run *run)
{
    struct request *r = run->r;

    if (run->conf->set_body != NULL)
        return (int64_t)scope_eval(&r->scope, run->conf->set_body).len;
    if (!run->conf->pass_body || (r != r->main && (r->body == NULL || !r->body->complete)))
        return r->content_length == 0 ? 0 : -1;
    if (run->streaming)
        return run->early_whole ? (int64_t)run->early.bytes : r->content_length;
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

static void add_pieces(struct chain *to, const struct chain *from)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const struct piece *p = &from->pieces[from->first + i];

        must(p->kind == PIECE_MEMORY);
        chain_add(to, p->data, p->len);
    }
}

/* A body that was here as a whole may be sent again: its source stays open, for its sake. */
static void add_early(struct proxy_run *run)
{
    struct chain data;

    chain_init(&data);
    if (run->early_whole)
        add_pieces(&data, &run->early);
    else
        chain_move(&data, &run->early);
    if (data.bytes > 0)
        run->codec->frame(run, &data, run->early_whole);
    chain_fini(&data);
    if (run->early_whole && run->body != NULL) {
        run->early_body = run->body;
        run->body = NULL;
    }
}

void proxy_send_begin(struct proxy_run *run)
{
    run->sent_any = run->sent_all = run->send_broken = run->pulled_all = false;
    chain_clear(&run->out);
    chain_add(&run->out, run->head.pos, buf_used(&run->head));
    if (run->streaming)
        add_early(run);
    else
        take_body(run);
    if (run->codec->begin != NULL)
        run->codec->begin(run);
}

void proxy_send_rewind(struct proxy_run *run)
{
    source_close(run->body);
    run->body = NULL;
    chain_clear(&run->out);
}

void proxy_send_end(struct proxy_run *run)
{
    proxy_send_rewind(run);
    chain_clear(&run->early);
    source_close(run->early_body);
    run->early_body = NULL;
}

/* More of the body into run->out, all of which has been written but the head. */
static enum pull pull_body(struct proxy_run *run)
{
    struct chain more;
    enum pull result;

    chain_init(&more);
    run->body->waiter = &run->post;
    result = source_pull(run->body, &more, PULL_BYTES);
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
        if (run->pulled_all && run->body != NULL) {
            source_close(run->body); /* not before its last bytes are out */
            run->body = NULL;
        }
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
