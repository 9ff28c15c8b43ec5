/*
 * master/identity.h - under which name we run, and the paths that go with it.
 *
 * Called as `nginx` (by a link), Weir answers as tools that drive nginx expect.
 */
#pragma once

#include "common/base.h"
#include "common/version.h"

struct identity {
    const char *name;          /* in messages and process titles */
    const char *version;       /* what follows "NAME version: " */
    const char *prefix;        /* ends in '/' */
    const char *conf_path;
    const char *error_log;
    const char *access_log;
    const char *pid_path;
    const char *lock_path;
    const char *temp;          /* temporary files of workers; ends in '/' */
};

extern const struct identity identity_weir;
extern const struct identity identity_nginx;

/* By the last part of argv[0]. */
const struct identity *identity_find(const char *argv0);

/* `-v`, and what `-V` adds: compiler, libraries, and the configure arguments that would have given
   nginx the modules that are in. All to stderr, as nginx does. */
void identity_print_version(const struct identity *self);
void identity_print_build(const struct identity *self);
