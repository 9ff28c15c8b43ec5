/*
 * common/module.h - what a module declares.
 *
 * worker/modules.c lists all modules; that list alone orders phases and filters. The master walks
 * the tables, the worker calls the hooks. Config time hooks (load) run in the master, all others in
 * the worker.
 */
#pragma once

#include "common/directive.h"

struct generation;
struct conf_scope;
struct request;
struct child;
struct var_def;

/* What a phase handler says of a request. */
enum verdict {
    GO_ON,      /* no opinion: the next handler, then the next phase */
    ALLOW,      /* access phase: let in, as far as I am concerned (decides under `satisfy any`) */
    WAIT_EVENT, /* something is armed that will resume the request; this handler is called again */
    ANSWERED,   /* the response is filled in (a refusal too): on to the output */
    REROUTE,    /* the uri or the location changed: find the location again (see http/phase.h) */
};

enum phase {
    PHASE_NONE,
    PHASE_POST_READ,      /* realip */
    PHASE_SERVER_REWRITE,
    PHASE_FIND_LOCATION,  /* the engine's own */
    PHASE_REWRITE,
    PHASE_POST_REWRITE,   /* the engine's own: the loop and its limit */
    PHASE_PREACCESS,
    PHASE_ACCESS,
    PHASE_POST_ACCESS,    /* the engine's own: satisfy */
    PHASE_PRECONTENT,     /* try_files, mirror */
    PHASE_CONTENT,
    PHASE_LOG,
    PHASES
};

typedef enum verdict phase_fn(struct request *r);

enum family { FAMILY_CORE, FAMILY_HTTP, FAMILY_STREAM, FAMILY_MAIL };

struct module {
    const char *name;       /* "limit_conn" */
    const char *doc;
    const char *nginx_name; /* as in --with/--without-NAME: "http_limit_conn_module", or NULL */
    const char *library;    /* what it was built with, for -V: "c-ares 1.18.1", or NULL */
    enum family family;

    const struct directive *directives;
    size_t directive_count;
    uint32_t conf_size;

    const struct var_def *variables;
    size_t variable_count;

    /* Config time. Return false after conf_fail. */
    bool (*scope_done)(struct conf_call *call); /* a scope's plain directives are applied and this
                                 module has a struct of its own in it: check, derive. call->node is
                                 the block, call->conf the struct */
    bool (*load_done)(struct generation *gen);  /* everything is loaded: build lookup structures */

    /* Run time, http. */
    enum phase phase;
    phase_fn *handler;
    void (*filter)(struct request *r);  /* the response head is ready: change it, wrap its body */
    const struct module *idle_without;  /* handler and filter do nothing where no directive of this
                                 module (itself, often) is given: then they are left out */

    /* Run time, once per worker. */
    enum rc (*worker_start)(const struct child *child);
    void (*worker_stop)(void);

    uint32_t *index;        /* where modules_number() stores this module's index: &x_module_index */
};

extern const struct module *const modules[]; /* NULL at the end */

/* Gives every module its index; once, before anything is loaded. Returns their count. */
uint32_t modules_number(void);
extern uint32_t module_count;
