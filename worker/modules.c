/*
 * worker/modules.c - every module and every role there is.
 *
 * The one place that orders things: handlers of a phase run in the order of this list, and so do
 * filters, the first being the nearest to the content.
 */
#include "common/core_conf.h"
#include "worker/worker.h"

const struct module *const modules[] = {
    &core_module,
    NULL,
};

const struct role *const roles[] = {
    &worker_role,
    NULL,
};
