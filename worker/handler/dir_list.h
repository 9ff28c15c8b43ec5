/*
 * worker/handler/dir_list.h - what is in a directory, sorted for showing; read in a thread.
 */
#pragma once

#include "worker/http/request.h"

enum dir_kind { DIR_DIRECTORY, DIR_FILE, DIR_OTHER };

struct dir_entry {
    struct str name;
    enum dir_kind kind;
    int64_t bytes;
    int64_t mtime_s;
};

/* Of one request; zeroed at first. */
struct dir_list {
    const struct dir_entry *entries; /* directories first, each kind by name, no hidden ones */
    size_t count;
    int err;                         /* 0, or the errno that stopped it: no entries then */
    bool opened;                     /* it is not that of opendir */
    struct dir_job *job;
};

/* Fills *list, which is in the request's pool. RC_AGAIN: a thread is at it, the request will be
   resumed: call again. What was read lives as long as the request. */
enum rc dir_list_read(struct request *r, struct str path, struct dir_list *list);
