/*
 * worker/proxy/cgi_talk.h - what codecs share whose applications answer with a CGI head and a body
 * up to its length or to the end of the connection: SCGI and uwsgi.
 */
#pragma once

#include "worker/proxy/origin_pass.h"
#include "worker/proxy/proxy_run.h"

/* What is known before a request's head is printed: run->send_length and others. */
void cgi_talk_begin(struct proxy_run *run);

/* What their codecs have beside a name, an index and a way to write the head. */
#define CGI_TALK                                                                                   \
    .bad_body = "sent an invalid answer", .target = origin_pass_target, .frame = cgi_talk_frame,   \
    .reset = cgi_talk_reset, .read_head = cgi_talk_read_head, .decode = proxy_h1_decode,           \
    .may_end = proxy_h1_may_end

/* Members of struct proxy_codec. */
void cgi_talk_frame(struct proxy_run *run, struct chain *data, bool last);
void cgi_talk_reset(struct proxy_run *run);
enum head_result cgi_talk_read_head(struct proxy_run *run);
