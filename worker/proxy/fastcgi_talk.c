/*
 * worker/proxy/fastcgi_talk.c - a request as FastCGI records, and the answer out of them.
 *
 * The head of an answer may be cut into any number of records: their content is brought together in
 * the head's buffer, where the bytes of records were, before it is parsed. The body is passed on
 * from where it lies. What applications write to their standard error goes to the error log, a line
 * for each record.
 */
#include "common/fmt.h"
#include "worker/codec/h1_head.h"
#include "worker/proxy/cgi_talk.h"
#include "worker/proxy/fastcgi.h"
#include "worker/proxy/origin_pass.h"

#define STDERR_MOST 2000 /* bytes that go into one line */

/* Standard error of an application: what is not logged yet, behind a bit that was. */
struct fastcgi_stderr {
    size_t logged, used;
    char text[STDERR_MOST];
};

static const struct fastcgi_conf *conf_of(const struct proxy_run *run)
{
    return (const struct fastcgi_conf *)(const void *)run->conf;
}

/* The request ---------------------------------------------------------------------------------- */

static size_t params_bytes(const struct cgi_pairs *params)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < params->count; i++)
        bytes += fcgi_pair_bytes(cgi_name_bytes(&params->pairs[i]), params->pairs[i].value.len);
    return bytes;
}

static char *print_params(char *p, const struct cgi_pairs *params, size_t bytes)
{
    char *at = p + fcgi_records(bytes) * FCGI_HEADER_BYTES;

    for (uint32_t i = 0; i < params->count; i++) {
        const struct cgi_pair *pair = &params->pairs[i];

        at = fcgi_write_pair_head(at, cgi_name_bytes(pair), pair->value.len);
        at = fmt_str(cgi_name_print(at, pair), pair->value);
    }
    p = fcgi_write_headers(p, FCGI_PARAMS, bytes);
    return fcgi_write_header(p, FCGI_PARAMS, 0);
}

static bool write_head(struct proxy_run *run)
{
    struct cgi_pairs params = cgi_params_collect(run);
    size_t bytes = params_bytes(&params);
    char *p;

    cgi_talk_begin(run);
    buf_give(&run->head);
    buf_take(&run->head,
             FCGI_BEGIN_BYTES + bytes + (fcgi_records(bytes) + 2) * FCGI_HEADER_BYTES);
    p = fcgi_write_begin(run->head.start, conf_of(run)->keep_conn);
    p = print_params(p, &params, bytes);
    if (!proxy_send_has_body(run))
        p = fcgi_write_header(p, FCGI_STDIN, 0);
    run->head.last = p;
    must(run->head.last <= run->head.end);
    return true;
}

static void frame(struct proxy_run *run, struct chain *data, bool last)
{
    char *header = run->fcgi.headers;

    while (data->bytes > 0) {
        size_t n = MIN(data->bytes, FCGI_CONTENT_MOST);

        must(header < run->fcgi.headers + sizeof(run->fcgi.headers) - FCGI_HEADER_BYTES);
        fcgi_write_header(header, FCGI_STDIN, n);
        chain_add(&run->out, header, FCGI_HEADER_BYTES);
        chain_move_first(&run->out, data, n);
        header += FCGI_HEADER_BYTES;
    }
    if (!last)
        return;
    fcgi_write_header(header, FCGI_STDIN, 0);
    chain_add(&run->out, header, FCGI_HEADER_BYTES);
}

/* Standard error ------------------------------------------------------------------------------- */

static struct str without_end(struct str text)
{
    while (text.len > 0 && strchr("\r\n. ", text.data[text.len - 1]) != NULL &&
           text.data[text.len - 1] != '\0')
        text.len--;
    return text;
}

/* The text as it is, quotes and backslashes too: people read it. The log codes control bytes. */
static void log_stderr(struct proxy_run *run)
{
    struct fastcgi_stderr *e = run->fcgi_err;
    struct str text;

    if (e == NULL || e->used == e->logged)
        return;
    text = without_end(str_range(e->text + e->logged, e->text + e->used));
    e->logged = e->used;
    if (text.len > 0)
        log_error(&run->r->log, LOG_ERROR, 0, "FastCGI sent in stderr: \"%" STR_FMT "\"",
                  STR_ARG(text));
}

static size_t longest_catch(const struct fastcgi_conf *conf)
{
    size_t longest = 0;

    if (conf->catch_stderr != NULL)
        EACH (struct str, s, conf->catch_stderr)
            longest = MAX(longest, s->len);
    return MIN(longest, STDERR_MOST / 2);
}

/* Full: it is logged, and as much of it kept as can be the beginning of what is sought. */
static void make_room(struct proxy_run *run, struct fastcgi_stderr *e)
{
    size_t keep = MIN(longest_catch(conf_of(run)), e->used);

    log_stderr(run);
    memmove(e->text, e->text + e->used - keep, keep);
    e->used = e->logged = keep;
}

static bool is_caught(const struct proxy_run *run)
{
    const struct array *sought = conf_of(run)->catch_stderr;
    const struct fastcgi_stderr *e = run->fcgi_err;

    if (sought == NULL)
        return false;
    EACH (struct str, s, sought)
        if (memmem(e->text, e->used, s->data, s->len) != NULL)
            return true;
    return false;
}

/* True when it has what fastcgi_catch_stderr names. */
static bool add_stderr(struct proxy_run *run, struct str data)
{
    struct fastcgi_stderr *e = run->fcgi_err;
    bool caught = false;

    if (e == NULL) {
        e = run->fcgi_err = pool_alloc(request_pool(run->r), sizeof(*e));
        e->logged = e->used = 0;
    }
    while (data.len > 0) {
        size_t n;

        if (e->used == sizeof(e->text))
            make_room(run, e);
        n = MIN(data.len, sizeof(e->text) - e->used);
        memcpy(e->text + e->used, data.data, n);
        e->used += n;
        data = str_from(data, n);
        caught |= is_caught(run);
    }
    return caught;
}

/* The head ------------------------------------------------------------------------------------- */

static void reset(struct proxy_run *run)
{
    struct buf *in = &run->relay.in;

    in->pos = in->last = in->start;
    proxy_h1_expect(run, H1_CGI);
    fcgi_reader_init(&run->fcgi.reader);
    run->fcgi.plain_bytes = 0;
    run->fcgi.plain = STR_NONE;
    run->fcgi.extra = false;
    if (run->fcgi_err != NULL)
        run->fcgi_err->used = run->fcgi_err->logged = 0;
}

static enum head_result bad_head(struct proxy_run *run, const char *why)
{
    log_stderr(run);
    log_error(&run->r->log, LOG_ERROR, 0, "upstream sent %s", why);
    return HEAD_BAD;
}

/* Adds content of a record to what is there of the head. */
static void gather(struct proxy_run *run, struct str data)
{
    struct buf *in = &run->relay.in;
    size_t at = run->fcgi.plain_bytes;

    if (at == 0)
        in->pos = in->start + (data.data - in->start);
    else if (in->pos + at != data.data)
        memmove(in->pos + at, data.data, data.len);
    run->fcgi.plain_bytes = at + data.len;
}

/* The head is complete; the body begins behind it, and goes on in what is not read of records. */
static enum head_result final_head(struct proxy_run *run, struct str rest)
{
    struct buf *in = &run->relay.in;
    const struct h1_head *a = &run->answer;

    if (a->status < 200)
        return bad_head(run, "a status below 200");
    run->fcgi.plain = (struct str){in->pos + a->bytes, run->fcgi.plain_bytes - a->bytes};
    in->pos = in->last - rest.len;
    run->body_kind = (uint8_t)h1_body_kind(a, run->head_only);
    run->left = a->content_length;
    run->reuse = conf_of(run)->keep_conn;
    return HEAD_DONE;
}

static enum head_result ended_early(struct proxy_run *run)
{
    switch (run->fcgi.reader.ended ? run->fcgi.reader.protocol_status : FCGI_REQUEST_COMPLETE) {
    case FCGI_REQUEST_COMPLETE:
        log_stderr(run);
        log_error(&run->r->log, LOG_ERROR, 0, "upstream prematurely closed FastCGI stdout");
        return HEAD_BAD;
    case FCGI_CANT_MPX_CONN:
        return bad_head(run, "FastCGI end request: it cannot multiplex connections");
    case FCGI_OVERLOADED:
        return bad_head(run, "FastCGI end request: it is overloaded");
    case FCGI_UNKNOWN_ROLE:
        return bad_head(run, "FastCGI end request: it is no responder");
    default:
        return bad_head(run, "FastCGI end request with an unknown status");
    }
}

static enum head_result read_head(struct proxy_run *run)
{
    struct buf *in = &run->relay.in;
    char *begin = run->fcgi.plain_bytes > 0 ? in->pos : in->start;
    struct str raw = str_range(begin + run->fcgi.plain_bytes, in->last), data;

    for (;;) {
        switch (fcgi_next(&run->fcgi.reader, &raw, &data)) {
        case FCGI_MORE:
            if (run->fcgi.plain_bytes == 0)
                in->pos = in->start;
            in->last = in->pos + run->fcgi.plain_bytes;
            return HEAD_MORE;
        case FCGI_OUT:
            gather(run, data);
            switch (h1_head_feed(&run->answer, in->pos, run->fcgi.plain_bytes)) {
            case H1_MORE:
                continue;
            case H1_DONE:
                return final_head(run, raw);
            default:
                log_stderr(run);
                return proxy_h1_bad_head(run);
            }
        case FCGI_ERR:
            if (add_stderr(run, data))
                return bad_head(run, "in stderr what fastcgi_catch_stderr names");
            continue;
        case FCGI_ERR_RECORD:
            log_stderr(run);
            continue;
        case FCGI_OUT_END:
        case FCGI_END:
            return ended_early(run);
        case FCGI_BAD:
            return bad_head(run, run->fcgi.reader.fault);
        }
    }
}

/* The body ------------------------------------------------------------------------------------- */

static void take(struct proxy_run *run, struct buf *b, struct chain *out, struct str data)
{
    size_t n = data.len;

    if (run->body_kind == H1_BODY_NONE)
        return;
    if (run->body_kind == H1_BODY_LENGTH) {
        n = (size_t)MIN((int64_t)n, run->left);
        run->left -= (int64_t)n;
    }
    chain_pack(out, b->start, data.data, n);
    if (n == data.len || run->fcgi.extra)
        return;
    run->fcgi.extra = true;
    log_error(&run->r->log, LOG_WARN, 0,
              "upstream sent more data than specified in \"Content-Length\" header");
}

static enum decode_result ended(struct proxy_run *run)
{
    const struct fcgi_reader *f = &run->fcgi.reader;

    log_stderr(run);
    if (f->app_status != 0)
        log_error(&run->r->log, LOG_INFO, 0, "FastCGI application ended with status %u",
                  f->app_status);
    if (run->body_kind != H1_BODY_LENGTH || run->left == 0)
        return DECODE_END;
    log_error(&run->r->log, LOG_ERROR, 0, "upstream prematurely closed FastCGI stdout");
    return DECODE_BAD;
}

static enum decode_result decode_records(struct proxy_run *run, struct buf *b, struct chain *out)
{
    struct str raw = buf_str(b), data;

    for (;;) {
        switch (fcgi_next(&run->fcgi.reader, &raw, &data)) {
        case FCGI_MORE:
            b->pos = b->last;
            return DECODE_MORE;
        case FCGI_OUT:
            take(run, b, out, data);
            continue;
        case FCGI_ERR:
            add_stderr(run, data);
            continue;
        case FCGI_ERR_RECORD:
            log_stderr(run);
            continue;
        case FCGI_OUT_END:
            continue;
        case FCGI_END:
            b->pos = b->last - raw.len;
            return ended(run);
        case FCGI_BAD:
            log_error(&run->r->log, LOG_ERROR, 0, "upstream sent %s", run->fcgi.reader.fault);
            return DECODE_BAD;
        }
    }
}

/* An answer without a body is over with its head. Only if all of it came with that, the connection
   serves another request. */
static enum decode_result decode(struct proxy_run *run, struct buf *b, struct chain *out)
{
    enum decode_result result;

    if (run->fcgi.plain.len > 0) {
        take(run, b, out, run->fcgi.plain);
        run->fcgi.plain = STR_NONE;
    }
    result = decode_records(run, b, out);
    if (run->body_kind != H1_BODY_NONE || result == DECODE_END)
        return result;
    run->reuse = false;
    b->pos = b->last;
    return DECODE_END;
}

/* The end of the connection is not that of the answer, unless all of it was there already. */
static bool may_end(const struct proxy_run *run)
{
    const struct fcgi_reader *f = &run->fcgi.reader;

    if (run->body_kind == H1_BODY_LENGTH)
        return run->left == 0;
    return f->out_ended || f->ended;
}

const struct proxy_codec proxy_fastcgi = {
    .name = "fastcgi", .index = &fastcgi_index, .bad_body = "sent an invalid FastCGI answer",
    .target = origin_pass_target, .write_head = write_head, .frame = frame, .reset = reset,
    .read_head = read_head, .decode = decode, .may_end = may_end,
};
