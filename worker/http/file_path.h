/*
 * worker/http/file_path.h - the file that a request's uri names under `root` or `alias`.
 */
#pragma once

#include "worker/http/request.h"

/* root as evaluated here, absolute, without a final '/'. */
struct str file_path_root(struct request *r);

/* root + uri, or alias + the rest of the uri. In the request's pool, NUL behind. `room` more bytes
   are kept free behind the text, for an index name or a suffix. */
struct str file_path(struct request *r, size_t room);

/* The same for another uri. */
struct str file_path_of(struct request *r, struct str uri, size_t room);

/* True when the path is made of a constant and the uri's end alone: *root stands for the one, *rest
   is the other. */
bool file_path_parts(const struct request *r, const void **root, struct str *rest);
