/*
 * worker/http/error_log_tag.h - what the configuration adds to the lines of error logs.
 */
#pragma once

#include "common/module.h"
#include "worker/http/request.h"

extern const struct module error_log_tag_module;

/* `, NAME: "VALUE"` for each `error_log_tag` where the request is; in a JSON log they become
   members. Returns the bytes written, at most `room`. */
size_t error_log_tags(struct request *r, char *out, size_t room);
