/*
 * worker/proxy/proxy_relay.c - buffers between an origin and a client.
 *
 * Pieces that were pulled stay where they are until the next pull, which says that they have been
 * written. So when a pull finds nothing left in `ready`, all memory is free again.
 */
#include "worker/proxy/proxy_relay.h"

#include <errno.h>

#include "common/clock.h"
#include "worker/http/file_access.h"
#include "worker/net/spool.h"
#include "worker/net/tls.h"
#include "worker/proxy/proxy_run.h"
#include "worker/proxy/store.h"
#include "worker/upstream/sticky.h"

#define BLOCK_LEAST  8192
#define BLOCK_MOST   (128 * 1024)
#define UPGRADE_HEAD 512         /* a tunnel keeps that buffer */
#define READ_LEAST   16384       /* not worth a system call, if there is memory for more */
#define MEMORY_AUTO  (256 * 1024) /* proxy_buffers as nobody has set them */
#define STALL_MS     100         /* a client that reads nothing for so long gets a file */
#define SCRATCH      65536
#define READS_MOST   32          /* at once; then others have a turn */

struct relay_block {
    struct relay_block *next;
    struct buf b;              /* this struct lies at its start */
};

enum fill { FILL_DATA, FILL_WAIT, FILL_FULL, FILL_HELD, FILL_END, FILL_LOST };

static struct proxy_run *run_of(struct relay *y)
{
    return CONTAINER(y, struct proxy_run, relay);
}

/* Memory --------------------------------------------------------------------------------------- */

static size_t cap_of(const struct buf *b)
{
    return (size_t)(b->end - b->start);
}

static void push_block(struct relay *y, size_t bytes)
{
    struct buf b;
    struct relay_block *block;

    buf_take(&b, bytes);
    block = (struct relay_block *)(void *)b.start;
    *block = (struct relay_block){.next = y->blocks, .b = b};
    block->b.pos = block->b.last = b.start + sizeof(*block);
    y->blocks = block;
    y->memory += cap_of(&b);
}

static void pop_block(struct relay *y)
{
    struct buf b = y->blocks->b;

    y->memory -= cap_of(&b);
    y->blocks = y->blocks->next;
    buf_give(&b);
}

/* The client reads again: the timer is the origin's, and what it may have said this very turn was
   about the client. */
static void end_stall(struct relay *y)
{
    struct proxy_run *run = run_of(y);

    if (!y->stalled)
        return;
    y->stalled = false;
    if (run->x == NULL)
        return;
    run->x->timed_out = false;
    timer_cancel(&run->x->conn.timer);
}

/* Nothing of what is in memory is needed any more: one block stays, empty. */
static void recycle(struct relay *y)
{
    struct relay_block *kept = y->blocks;

    if (kept != NULL) {
        y->blocks = kept->next;
        while (y->blocks != NULL)
            pop_block(y);
        kept->next = NULL;
        kept->b.pos = kept->b.last = kept->b.start + sizeof(*kept);
        y->blocks = kept;
    }
    y->in.pos = y->in.last = y->in_base;
    end_stall(y);
}

/* How much the next read may bring. */
static size_t wanted(const struct proxy_run *run)
{
    if (run->body_kind == H1_BODY_LENGTH)
        return (size_t)MIN(MAX(run->left, 1), BLOCK_MOST);
    return SCRATCH;
}

static struct buf *room_for_more(struct proxy_run *run)
{
    struct relay *y = &run->relay;
    struct buf *b = y->blocks != NULL ? &y->blocks->b : &y->in;
    size_t want = wanted(run), size = MAX(want + sizeof(struct relay_block) + 64, BLOCK_LEAST);

    if (buf_room(b) >= MIN(want, READ_LEAST))
        return b;
    if (y->memory + BLOCK_LEAST <= y->memory_max || (y->blocks == NULL && buf_room(b) < 1024)) {
        push_block(y, MIN(size, MAX(y->memory_max - MIN(y->memory, y->memory_max), BLOCK_LEAST)));
        return &y->blocks->b;
    }
    return buf_room(b) > 0 ? b : NULL;
}

static size_t first_block(const struct proxy_run *run)
{
    const struct group_live *live = peer_group_live(run->target->group);
    size_t hint = live == NULL ? 0 : live->response_bytes, size = BLOCK_LEAST;

    if (run->upgrade.len > 0)
        return UPGRADE_HEAD;
    while (size < hint && size < BLOCK_MOST)
        size *= 2;
    return size;
}

static bool is_default_buffers(const struct origin_conf *conf)
{
    return conf->buffers.number == 0 ||
           (conf->buffers.number == 8 && conf->buffers.bytes == 4096);
}

void relay_init(struct proxy_run *run)
{
    struct relay *y = &run->relay;
    const struct origin_conf *conf = run->conf;

    chain_init(&y->ready);
    y->buffering = conf->buffering;
    y->memory_max = MEMORY_AUTO;
    if (!is_default_buffers(conf))
        y->memory_max = (size_t)MAX(conf->buffers.number * conf->buffers.bytes, BLOCK_LEAST);
}

static void remember_size(struct proxy_run *run)
{
    struct group_live *live = peer_group_live(run->target->group);
    int64_t bytes = MIN(run->dial.try->bytes_received, BLOCK_MOST);

    if (live == NULL)
        return;
    if (bytes >= live->response_bytes)
        live->response_bytes = (uint32_t)bytes;
    else
        live->response_bytes -= (live->response_bytes - (uint32_t)bytes) / 8;
}

/* The end of the exchange ---------------------------------------------------------------------- */

static enum fill release(struct proxy_run *run, enum relay_state state, enum peer_result result,
                         bool keep)
{
    struct relay *y = &run->relay;

    y->state = state;
    if (unlikely(run->store != NULL))
        store_end(run, state == RELAY_WHOLE);
    run->dial.try->body_bytes = y->received;
    remember_size(run);
    if (unlikely(run->dial.group->sticky != NULL) && state == RELAY_WHOLE)
        sticky_learn(&run->dial, true);
    proxy_send_end(run);
    run->x = NULL;
    dial_end(&run->dial, result, keep);
    return state == RELAY_WHOLE ? FILL_END : FILL_LOST;
}

static enum fill whole(struct proxy_run *run, const struct buf *b)
{
    bool extra = buf_used(b) > 0;

    if (extra)
        log_error(&run->r->log, LOG_WARN, 0,
                  "upstream sent more data than specified in \"Content-Length\" header");
    return release(run, RELAY_WHOLE, PEER_GOOD, run->reuse && run->sent_all && !extra);
}

static enum fill lost(struct proxy_run *run, int err, const char *what, const char *why)
{
    run->r->fail_reason = why;
    dial_broke(&run->dial, err == ETIMEDOUT ? DIAL_TIMEOUT : DIAL_ERROR);
    log_error(&run->r->log, LOG_ERROR, err, "upstream %s", what);
    return release(run, RELAY_BROKEN, PEER_UNJUDGED, false);
}

/* Reading -------------------------------------------------------------------------------------- */

static enum fill decode(struct proxy_run *run, struct buf *b, struct chain *into)
{
    size_t before = into->bytes;
    enum decode_result result = run->codec->decode(run, b, into);

    run->relay.received += (int64_t)(into->bytes - before);
    if (unlikely(run->store != NULL))
        store_add(run, into, into->bytes - before);
    switch (result) {
    case DECODE_MORE:
        return FILL_DATA;
    case DECODE_END:
        return whole(run, b);
    case DECODE_BAD:
        break;
    }
    return lost(run, 0, run->codec->bad_body, "upstream.body_invalid");
}

/* The same for the `n` bytes that were just read. Where all of them were framing, or nothing that
   clients see, their memory is free again: any number of them may come. */
static enum fill decode_read(struct proxy_run *run, struct buf *b, size_t n, struct chain *into)
{
    size_t before = into->bytes;
    enum fill filled = decode(run, b, into);

    if (filled == FILL_DATA && into->bytes == before && b->pos == b->last)
        b->pos = b->last -= n;
    return filled;
}

static enum fill stream_ended(struct proxy_run *run)
{
    if (run->codec->may_end(run) && !tls_is_cut(&run->x->conn))
        return release(run, RELAY_WHOLE, PEER_GOOD, false);
    return lost(run, 0, "prematurely closed connection", "upstream.body_closed");
}

/* proxy_limit_rate: what may be read now; 0: wait, the timer is set. */
static size_t allowance(struct proxy_run *run)
{
    int64_t rate = run->conf->limit_rate;
    int64_t for_ms = clock_mono_ms - run->dial.try->head_ms + 1000;
    int64_t left = rate * for_ms / 1000 - run->dial.try->bytes_received;

    if (rate == 0)
        return SIZE_MAX;
    if (left > 0)
        return (size_t)left;
    timer_set(&run->x->conn.timer, -left * 1000 / rate + 1);
    return 0;
}

/* One read, decoded into the chain. */
static enum fill fill(struct proxy_run *run, struct buf *b, struct chain *into)
{
    size_t allowed;
    ssize_t n;

    if (b == NULL)
        return FILL_FULL;
    if (!run->x->conn.ev.readable)
        return FILL_WAIT;
    allowed = allowance(run);
    run->relay.held = allowed == 0;
    if (run->relay.held)
        return FILL_HELD;
    n = conn_recv(&run->x->conn, b->last, MIN(buf_room(b), allowed));
    if (n > 0 && (size_t)n == allowed)
        run->x->conn.ev.readable = true; /* there may be more than was allowed */
    if (n == CONN_AGAIN)
        return FILL_WAIT;
    if (n == CONN_EOF)
        return stream_ended(run);
    if (n < 0) {
        run->r->fail_reason = "upstream.body_closed";
        return release(run, RELAY_BROKEN, PEER_UNJUDGED, false);
    }
    b->last += n;
    run->dial.try->bytes_received += n;
    return decode_read(run, b, (size_t)n, into);
}

static void await_bytes(struct proxy_run *run)
{
    timer_set(&run->x->conn.timer, run->conf->read_timeout_ms);
}

ssize_t relay_read_head(struct proxy_run *run)
{
    struct relay *y = &run->relay;
    ssize_t n;

    if (y->in.start == NULL) {
        buf_take(&y->in, first_block(run));
        y->memory = cap_of(&y->in);
    }
    if (buf_room(&y->in) == 0) {
        buf_grow(&y->in, cap_of(&y->in) * 2);
        h1_head_rebase(&run->answer, y->in.pos);
        y->memory = cap_of(&y->in);
    }
    n = conn_recv(&run->x->conn, y->in.last, buf_room(&y->in));
    if (n > 0) {
        y->in.last += n;
        run->dial.try->bytes_received += n;
    }
    return n;
}

void relay_begin(struct proxy_run *run)
{
    struct relay *y = &run->relay;

    y->in_base = y->in.pos;
    y->state = RELAY_FLOW;
    decode(run, &y->in, &y->ready);
}

/* Reading ahead -------------------------------------------------------------------------------- */

static bool may_spill(const struct proxy_run *run)
{
    return run->conf->max_temp_bytes > 0 && run->conf->temp != NULL;
}

static void begin_spill(struct proxy_run *run)
{
    struct relay *y = &run->relay;
    struct spool_limits limits = {
        .memory_bytes = SCRATCH, .block_bytes = SCRATCH, .file_bytes = run->conf->max_temp_bytes,
        .temp = run->conf->temp, .length = -1, .file_only = true, .writer = &run->post,
        .write_threads = file_access_write_threads(run->r),
        .read_threads = file_access_send_threads(run->r),
    };

    log_error(&run->r->log, LOG_WARN, 0,
              "an upstream response is buffered to a temporary file");
    y->stalled = false;
    y->spilling = true;
    y->spool = spool_create(&limits, &run->r->log);
    y->tail = spool_read(y->spool);
    y->tail_given = 0;
}

/* The reader has all that was spilled: from memory to memory again. */
static void end_spill(struct relay *y)
{
    y->spilling = false;
    spool_forget_writer(y->spool);
    source_close(y->tail);
    spool_drop(y->spool);
    y->tail = NULL;
    y->spool = NULL;
}

/* The origin is done: so is the spool, once it has all. */
static void settle_spool(struct relay *y)
{
    if (y->spool != NULL && y->state == RELAY_WHOLE)
        spool_finish(y->spool);
    else if (y->spool != NULL && y->state == RELAY_BROKEN)
        spool_fail(y->spool);
}

/* One read that goes to the file. */
static enum fill spill(struct proxy_run *run)
{
    struct relay *y = &run->relay;
    struct buf scratch;
    struct chain more;
    enum fill filled;

    if (spool_full(y->spool))
        return FILL_FULL;
    buf_take(&scratch, SCRATCH);
    chain_init(&more);
    filled = fill(run, &scratch, &more);
    if (more.bytes > 0 && spool_add_chain(y->spool, &more) == RC_ERROR && run->x != NULL)
        filled = lost(run, 0, "response could not be buffered", "upstream.body_storage");
    settle_spool(y);
    chain_fini(&more);
    buf_give(&scratch);
    return filled;
}

static void stall(struct proxy_run *run)
{
    struct relay *y = &run->relay;

    if (y->spilling || !may_spill(run)) {
        timer_cancel(&run->x->conn.timer);
        return;
    }
    if (y->stalled)
        return;
    y->stalled = true;
    timer_cancel(&run->x->conn.timer);
    timer_set(&run->x->conn.timer, STALL_MS);
}

static void read_ahead(struct proxy_run *run)
{
    struct relay *y = &run->relay;
    enum fill filled = FILL_DATA;

    for (int reads = 0; filled == FILL_DATA && reads < READS_MOST; reads++) {
        if (y->spilling)
            filled = spill(run);
        else
            filled = fill(run, room_for_more(run), &y->ready);
    }
    if (filled == FILL_DATA)
        post_turn_end(&run->post);
    else if (filled == FILL_WAIT)
        await_bytes(run);
    else if (filled == FILL_FULL)
        stall(run);
}

static void on_timer(struct proxy_run *run)
{
    struct relay *y = &run->relay;

    run->x->timed_out = false;
    if (y->held) {
        y->held = false;
        return;
    }
    if (y->stalled) {
        begin_spill(run);
        return;
    }
    if (!y->waiting && !y->buffering)
        return; /* the client's turn */
    lost(run, ETIMEDOUT, "timed out", "upstream.body_timeout");
    settle_spool(y);
    if (y->waiting)
        source_wake(&y->source);
}

void relay_cut(struct proxy_run *run)
{
    struct relay *y = &run->relay;

    if (run->x == NULL || !y->open)
        return;
    end_stall(y);
    lost(run, ETIMEDOUT, "timed out: the time for all of a request is over",
         "upstream.total_timeout");
    settle_spool(y);
    if (y->waiting)
        source_wake(&y->source);
}

void relay_news(struct proxy_run *run)
{
    struct relay *y = &run->relay;

    if (run->x != NULL && run->x->timed_out)
        on_timer(run);
    if (run->x == NULL || !y->open)
        return;
    if (y->waiting) {
        if (run->x->conn.ev.readable && !y->held) {
            y->waiting = false;
            source_wake(&y->source);
        }
        return;
    }
    if (y->buffering && !y->held)
        read_ahead(run);
}

/* The reader's side ---------------------------------------------------------------------------- */

static void give(struct relay *y, struct chain *out, size_t max)
{
    if (y->ready.bytes <= max) {
        chain_move(out, &y->ready);
        return;
    }
    chain_move_first(out, &y->ready, max);
}

static enum pull pull_direct(struct proxy_run *run)
{
    struct relay *y = &run->relay;
    enum fill filled = FILL_DATA;

    for (int reads = 0; filled == FILL_DATA && chain_empty(&y->ready); reads++) {
        if (reads == READS_MOST) {
            post_turn_end(&run->post);
            filled = FILL_WAIT;
            break;
        }
        filled = fill(run, room_for_more(run), &y->ready);
    }
    if (filled != FILL_WAIT && filled != FILL_HELD)
        return PULL_MORE;
    y->waiting = true;
    if (filled == FILL_WAIT)
        await_bytes(run);
    return PULL_WAIT;
}

static enum pull pull_tail(struct relay *y, struct chain *out, size_t max)
{
    enum pull result;

    y->tail->file_ok = y->source.file_ok;
    result = source_pull(y->tail, out, max);
    if (result == PULL_WAIT)
        end_spill(y);
    return result;
}

static enum pull ended(const struct relay *y)
{
    return y->state == RELAY_WHOLE ? PULL_END : PULL_ERROR;
}

static enum pull pull(struct source *s, struct chain *out, size_t max)
{
    struct relay *y = CONTAINER(s, struct relay, source);
    struct proxy_run *run = run_of(y);

    y->waiting = false;
    if (chain_empty(&y->ready)) {
        enum pull tail;

        recycle(y);
        if (y->tail != NULL && (tail = pull_tail(y, out, max)) != PULL_WAIT)
            return tail;
        if (run->x == NULL)
            return ended(y);
        if (pull_direct(run) == PULL_WAIT)
            return PULL_WAIT;
    }
    if (chain_empty(&y->ready))
        return ended(y);
    give(y, out, max);
    if (run->x != NULL && y->buffering && run->x->conn.ev.readable)
        post_now(&run->post);
    return y->state == RELAY_WHOLE && chain_empty(&y->ready) && y->tail == NULL ? PULL_END
                                                                                : PULL_MORE;
}

static void close_relay(struct source *s)
{
    struct relay *y = CONTAINER(s, struct relay, source);

    y->open = false;
    s->waiter = NULL;
}

const struct source_ops relay_ops = {.name = "upstream", .pull = pull, .close = close_relay};

void relay_fini(struct proxy_run *run)
{
    struct relay *y = &run->relay;

    chain_fini(&y->ready);
    if (y->spool != NULL)
        end_spill(y);
    while (y->blocks != NULL)
        pop_block(y);
    buf_give(&y->in);
}
