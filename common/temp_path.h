/*
 * common/temp_path.h - directives that name a directory for temporary files: proxy_temp_path and
 * kin.
 */
#pragma once

#include "common/conf_load.h"

struct temp_path;

/* "path [level1 [level2 [level3]]]": registers the directory with the generation (once per path),
   which has it made and given to the workers' user. NULL after conf_fail. */
struct temp_path *temp_path_load(struct conf_call *call);
