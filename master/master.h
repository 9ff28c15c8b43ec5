/*
 * master/master.h - all that the master process knows.
 */
#pragma once

#include "common/role.h"
#include "common/slots.h"
#include "master/control.h"
#include "master/crew.h"
#include "master/generation_load.h"
#include "master/inherit.h"
#include "master/machine.h"
#include "master/waiters.h"

enum will {
    WILL_SERVE,
    WILL_LEAVE,          /* SIGQUIT: when everything is answered */
    WILL_LEAVE_AT_ONCE,  /* SIGTERM, SIGINT */
};

struct reload {
    struct machine machine;
    bool asked;                /* SIGHUP came; a reload under way does not answer it */
    struct generation *gen;    /* being made */
    struct crew *crew;         /* its children, on trial */
    struct generation *old;    /* the one replaced, until nobody accepts for it any more */
    int tries;                 /* left for an address in use */
    bool failed;
    bool first;                /* the start: there is nothing to go back to */
};

struct upgrade {
    struct machine machine;
    bool asked;                /* SIGUSR2 */
    pid_t pid;                 /* the new binary's master; 0: none */
    bool ended;                /* it is gone */
    int status;
};

struct master {
    const struct identity *identity;
    char **argv;
    char *binary;              /* absolute path to execute for an upgrade */
    struct load_source source;
    struct inheritance inherited;
    struct pool *pool;         /* for the process's life */
    struct slots slots;

    struct crew *crews;        /* newest first: on trial, serving, draining */
    struct crew *serving;      /* NULL until the first one is ready */
    struct generation *gen;    /* the one that serves: owner of sockets, zones, logs */
    uint32_t next_generation;
    bool resting;              /* WINCH: no crew serves, the new binary does */

    struct reload reload;
    struct upgrade upgrade;
    struct waiters waiters;
    struct file_watch *files;  /* NULL: none were ever watched */
    struct control control;

    enum will will;
    bool daemonized;
    bool no_pidfile;           /* `serve` and `proxy` */
    char *pid_path;            /* as written at present; NULL: none */
    int signal_fd;
    int starter_fd;            /* who started a daemon waits here; -1: nobody */
    pid_t parent;              /* as it was at start: the old master, in an upgrade */
    int exit_code;
};

/* Whether our predecessor in a binary upgrade still runs. */
bool master_has_old(const struct master *m);

/* Whether the files of unix sockets go with us: not while another master has them too. */
bool master_owns_files(const struct master *m);

/* The path is that of the configuration that serves. False after an [emerg] line. */
bool master_move_pidfile(struct master *m, const char *path);

/* The workers finish what they have and are not replaced: the new binary serves. */
void master_rest(struct master *m);

/* New workers for the configuration we have. */
void master_wake(struct master *m);

/* Frees crews whose processes are all gone, and generations without a crew. */
void master_collect(struct master *m);

/* Frees a generation (NULL: none) unless somebody still needs it. */
void master_forget(struct master *m, struct generation *gen);

/* Sockets, files and the pid file, when the last child is gone. */
void master_leave(struct master *m);
