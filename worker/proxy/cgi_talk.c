/*
 * worker/proxy/cgi_talk.c - requests to CGI-like applications and heads of their answers.
 */
#include "worker/proxy/cgi_talk.h"

#include "worker/proxy/proxy_upgrade.h"

void cgi_talk_begin(struct proxy_run *run)
{
    const struct request *r = run->r;

    run->head_only = r->header_only;
    if (run->conf->pass_headers && r == r->main && r->version <= 11)
        run->upgrade = proxy_upgrade_safe(run->r, fields_value(r->fields, FIELD_UPGRADE));
    run->send_length = proxy_send_length(run);
    if (run->send_length < 0 && !run->streaming)
        run->send_length = 0;
}

void cgi_talk_frame(struct proxy_run *run, struct chain *data, bool last)
{
    chain_move(&run->out, data);
}

void cgi_talk_reset(struct proxy_run *run)
{
    run->relay.in.pos = run->relay.in.last = run->relay.in.start;
    proxy_h1_expect(run, H1_CGI_LINE);
}

enum head_result cgi_talk_read_head(struct proxy_run *run)
{
    struct buf *in = &run->relay.in;
    const struct h1_head *a = &run->answer;

    switch (h1_head_feed(&run->answer, in->pos, buf_used(in))) {
    case H1_MORE:
        return HEAD_MORE;
    case H1_DONE:
        break;
    default:
        return proxy_h1_bad_head(run);
    }
    if (a->status < 200 &&
        !(a->status == 101 && proxy_upgrade_is_right(run->upgrade, true, &a->fields))) {
        log_error(&run->r->log, LOG_ERROR, 0, "upstream sent invalid header: status %d", a->status);
        return HEAD_UNASKED;
    }
    in->pos += a->bytes;
    run->body_kind = (uint8_t)h1_body_kind(a, run->head_only);
    run->left = a->content_length;
    run->reuse = false;
    return HEAD_DONE;
}
