/*
 * worker/proxy/proxy_h2.h - HTTP/2 towards origins, for proxy_pass and for grpc_pass.
 *
 * The configuration of both is a struct proxy_conf.
 */
#pragma once

#include "worker/proxy/proxy_run.h"

/* What both codecs have in common: initializers for a struct proxy_codec, with its head or but for
   that. */
#define PROXY_H2_CODEC_BUT_HEAD                                                                    \
    .bad_body = "sent an invalid answer", .streams = true, .frame = proxy_h2_frame,                \
    .begin = proxy_h2_begin, .finish = proxy_h2_finish, .reset = proxy_h2_reset,                   \
    .read_head = proxy_h2_read_head, .decode = proxy_h2_decode, .may_end = proxy_h2_may_end
#define PROXY_H2_CODEC PROXY_H2_CODEC_BUT_HEAD, .write_head = proxy_h2_write_head

bool proxy_h2_write_head(struct proxy_run *run);
void proxy_h2_frame(struct proxy_run *run, struct chain *data, bool last);
void proxy_h2_begin(struct proxy_run *run);
void proxy_h2_finish(struct proxy_run *run);
void proxy_h2_reset(struct proxy_run *run);
enum head_result proxy_h2_read_head(struct proxy_run *run);
enum decode_result proxy_h2_decode(struct proxy_run *run, struct buf *b, struct chain *out);
bool proxy_h2_may_end(const struct proxy_run *run);
