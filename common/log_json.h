/*
 * common/log_json.h - a line of the error log as a JSON object.
 */
#pragma once

#include "common/log.h"

/* What one line has to say, whatever its form. */
struct log_record {
    enum log_level level;
    int err;                 /* errno, or 0 */
    int pid, tid;
    uint32_t conn_number;
    struct str message;
    const char *doing;       /* may be NULL */
    struct str about;        /* ", client: 1.2.3.4, request: \"GET / HTTP/1.1\"" */
};

/* One object and a newline, cut inside its strings where `room` (256 or more) does not suffice, so
   that it stays valid JSON. Each ", key: value" of `about` becomes a member. Returns the length. */
size_t log_json(char *out, size_t room, const struct log_record *r);
