/*
 * worker/http/file_inside.h - whether a path that was made of a request leads out of its root.
 */
#pragma once

#include "worker/http/request.h"

/*
 * `path` begins with what `root` or `alias` is for this request. False, after an error line, when
 * what follows climbs out of it: by "..", which a uri can have only where a variable or an
 * `alias` cut it in two; or by being a mere continuation of the directory's name ("/data/img" and
 * "ages-private/x"). Nearly always a scan for "..", and no system call.
 */
bool file_inside(struct request *r, struct str path);
