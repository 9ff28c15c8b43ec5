/*
 * common/default_paths.h - where things are when the configuration does not say.
 *
 * They depend on the name we were called by and on the -e option, so the directive tables cannot
 * hold them. Set once by the master before anything is loaded.
 */
#pragma once

struct default_paths {
    const char *error_log;  /* a path or "stderr" */
    const char *access_log;
    const char *pid;
    const char *lock;
    const char *temp;       /* what default names of temporary directories are below, with a '/' at
                               its end; NULL: the prefix */
};

extern struct default_paths default_paths;
