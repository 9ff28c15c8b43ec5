/*
 * worker/handler/static_file.h - files below `root` or `alias`.
 */
#pragma once

#include "worker/http/file_cache.h"
#include "worker/http/request.h"

extern const struct module static_file_module;

/* For handlers that send a file in a way of their own: what the uri names, held, if that is a
   regular file. NULL: *answer is the verdict, an error or GO_ON (a directory, or the like). */
struct cached_file *static_file_open(struct request *r, enum verdict *answer);

/* A response with the file's type, times and tag; without a length, or a body. */
void static_file_describe(struct request *r, const struct cached_file *file);
