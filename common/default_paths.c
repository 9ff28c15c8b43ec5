/*
 * common/default_paths.c - the default paths of this process.
 */
#include "common/default_paths.h"

struct default_paths default_paths = {
    .error_log = "/var/log/weir/error.log",
    .access_log = "/var/log/weir/access.log",
    .pid = "/run/weir.pid",
    .lock = "/run/lock/weir.lock",
};
