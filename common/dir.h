/*
 * common/dir.h - making directories.
 */
#pragma once

#include "common/base.h"

/* mkdir -p: the directory and what is missing above it. One that is there already is fine, whatever
   its mode. False with errno set on failure. */
bool dir_make(const char *path, mode_t mode);

/* The directories above a file's name: all of `path` before its last '/'. */
bool dir_make_above(const char *path, mode_t mode);
