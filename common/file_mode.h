/*
 * common/file_mode.h - permissions of new files as directives give them: dav_access,
 * proxy_store_access and kin.
 */
#pragma once

#include <sys/types.h>

#include "common/conf_load.h"

#define FILE_MODE_DEFAULT 0600

/* "user:rw group:rw all:r", what is not named having none; the user may always read and write.
   False after conf_fail. */
bool file_mode_load(struct conf_call *call, int64_t *mode);

/* A directory of such files: whoever may read them may search it. */
mode_t file_mode_of_dir(mode_t mode);
