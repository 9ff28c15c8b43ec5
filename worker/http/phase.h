/*
 * worker/http/phase.h - the engine that takes a request through its phases, for real or dry.
 *
 * Order of handlers within a phase is the order of modules[]. The engine is a machine driven by
 * request->post. Its I/O goes through struct phase_ops, its decisions to an optional recorder: a
 * dry run uses other ops and a recorder, and the same code.
 */
#pragma once

#include "worker/http/request.h"

/* Whatever the engine and handlers do to the world outside the request. */
struct phase_ops {
    bool dry;       /* nothing may be sent, no zone written: limits peek, the origin is assumed */
    void (*respond)(struct request *r); /* hand the finished response over */
    void (*log)(struct request *r);     /* run the log phase */
};

extern const struct phase_ops phase_ops_live;

/* One decision: `what` is a fixed short word ("server", "location", "rewrite", "access", "limit",
   "try", "upstream", "handler", "answer"), the text is for people. */
struct recorder {
    void (*note)(struct recorder *rec, struct request *r, const char *what, const char *text);
};

/* Costs one test when nobody listens. */
#define record(r, what, ...)                                                                       \
    do {                                                                                           \
        if (unlikely((r)->recorder != NULL))                                                       \
            phase_record((r), (what), __VA_ARGS__);                                                \
    } while (0)
void phase_record(struct request *r, const char *what, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Collects the handlers and filters of modules[] that this generation needs: at config time, and
   again in the worker that serves it. */
void phase_collect(const struct generation *gen);

/* Whether a module's handler and filter have anything to do. */
bool phase_needs(const struct generation *gen, const struct module *m);

/* The engine's post. */
void phase_run(struct post *post);

/* After ANSWERED: error pages, filters, then ops->respond. */
void phase_answer(struct request *r);
