/*
 * worker/net/temp_file.h - files for what is too large for memory.
 */
#pragma once

#include "common/log.h"
#include "common/str.h"

struct temp_path;

/* A new empty file in that directory, without a name; it is gone when closed. -1 after logging. */
int temp_file_open(const struct temp_path *dir, const struct log *log);

/* One with a name (in the subdirectories that `dir` asks for), which is stored as a C string in
   `name`, of `room` bytes. It stays until it is unlinked. -1 after logging. */
int temp_file_open_named(const struct temp_path *dir, const struct log *log, char *name,
                         size_t room);

/* Writes all of it at that offset, or fails (logged). */
enum rc temp_file_write(int fd, const void *data, size_t len, int64_t offset,
                        const struct log *log);
