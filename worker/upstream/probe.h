/*
 * worker/upstream/probe.h - one health check of one peer: asked again and again, one at a time.
 *
 * Who asks (the keeper) knows no protocol; a table of struct probe_ops does. Those that are spoken
 * over requests are the proxy room's.
 */
#pragma once

#include "worker/upstream/check.h"
#include "worker/upstream/dial.h"

struct probe;

struct probe_ops {
    const char *name;
    /* Makes what lasts as long as the probe: p->talk. May be NULL. */
    void (*open)(struct probe *p);
    /* Asks. probe_end() tells the outcome, now or later. */
    void (*begin)(struct probe *p);
    /* Gives up what is under way; p->fault says what was being done. */
    void (*cancel)(struct probe *p);
    /* Undoes `open`; nothing is under way. May be NULL. */
    void (*close)(struct probe *p);
};

struct probe {
    const struct health_check *check;
    struct post *done;           /* posted when there is an outcome */
    struct log log;              /* says which check of which peer */

    /* The outcome. */
    bool passed;
    uint16_t status;             /* of the answer; 0: none */
    const char *fault;           /* what failed, as in "while ..." */
    bool unasked;                /* we had no socket to ask with: that says nothing of the peer */

    /* The peer, as if it were a group of its own: failures here are not those of requests. */
    bool asking;
    struct upstream_group group;
    struct upstream_server server;
    struct upstream_conf conf;
    struct group_live live;
    struct peer peer;
    char name[ADDR_TEXT];
    void *talk;                  /* of check->ops */
};

/* Memory of the caller, who lets it be where it is until probe_close. `peer` is copied. */
void probe_open(struct probe *p, const struct health_check *check, const struct peer *peer,
                struct post *done);
void probe_close(struct probe *p);

/* With `quiet` only what is worse than an error is logged: what fails now failed before. */
void probe_begin(struct probe *p, bool quiet);

/* It takes too long: the outcome is a failure, and `done` is not posted. */
void probe_time_out(struct probe *p);

/* For struct probe_ops: that was it. `fault` NULL: passed. The peer was not asked if `dialled` is
   DIAL_LOCAL. */
void probe_end(struct probe *p, uint16_t status, const char *fault, enum dial_fault dialled);

/* type=tcp: a connection can be made, with TLS where it is wanted. */
extern const struct probe_ops probe_tcp; /* probe_tcp.c */
