/*
 * common/core_conf.h - the directives of the main and events contexts.
 *
 * The master acts on most; a worker reads worker_connections and its kin.
 */
#pragma once

#include <sched.h>

#include "common/addr.h"
#include "common/array.h"
#include "common/module.h"

struct log_sink;

/* An address, or a network by its prefix length. AF_UNIX: any unix socket. */
struct cidr {
    struct addr addr;
    int prefix;
};

struct thread_pool_conf {
    struct str name;
    int64_t threads;
    int64_t max_queue;
};

struct core_conf {
    bool daemon, master_process;
    bool has_events;             /* the block is there, empty or not */
    struct str pid_path;         /* absolute */
    struct str control_path;     /* absolute; empty: no control socket */
    bool control_given;          /* by a directive */
    struct str lock_file;
    int64_t worker_processes;    /* resolved: auto is the number of usable CPUs */
    struct str user, group;      /* as written; empty when not set */
    int64_t uid, gid;            /* resolved; -1: do not switch */
    int64_t worker_priority;
    int64_t rlimit_nofile, rlimit_core; /* -1: leave alone */
    int64_t shutdown_timeout_ms; /* 0: none */
    struct str working_directory;
    struct array *env;           /* struct str, "NAME" or "NAME=value" */
    cpu_set_t *affinity;         /* one mask per slot, used round and round; NULL: none */
    uint32_t affinity_count;
    bool affinity_given;         /* by masks, not auto */
    int64_t timer_resolution_ms;
    int64_t debug_points;        /* enum: 0 none, 1 stop, 2 abort */
    struct log_sink *error_log;  /* inherited into http, server, location */
    int64_t worker_generations;  /* default 8 */
    bool pcre_jit;
    struct array *thread_pools;  /* struct thread_pool_conf; NULL: none */

    int64_t connections;         /* events: worker_connections */
    bool multi_accept, accept_mutex;
    int64_t accept_mutex_delay_ms;
    int64_t aio_requests, epoll_events;
    struct array *debug_connections; /* struct cidr; NULL: none */
    struct array *debug_names;   /* struct addr_list *: added to the former when looked up */
};

extern const struct module core_module;
extern uint32_t core_module_index;

/* The struct of a loaded generation. */
struct generation;
struct core_conf *core_conf(const struct generation *gen);
