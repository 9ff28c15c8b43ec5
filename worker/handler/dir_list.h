/*
 * worker/handler/dir_list.h - what is in a directory, sorted for showing.
 */
#pragma once

#include "common/array.h"

struct request;

enum dir_kind { DIR_DIRECTORY, DIR_FILE, DIR_OTHER };

struct dir_entry {
    struct str name;
    enum dir_kind kind;
    int64_t bytes;
    int64_t mtime_s;
};

/* Fills `entries` (struct dir_entry): directories first, each kind by name, hidden ones left out.
   0, or the errno that stopped it: of opendir when *opened stays false. */
int dir_list_read(struct request *r, struct str path, struct array *entries, bool *opened);
