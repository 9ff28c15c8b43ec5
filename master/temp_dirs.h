/*
 * master/temp_dirs.h - the directories that workers write to.
 */
#pragma once

#include "common/base.h"

struct generation;

/* Makes each, with its parents, and hands it to the workers' user. False after an [emerg] line. */
bool temp_dirs_create(const struct generation *gen);
