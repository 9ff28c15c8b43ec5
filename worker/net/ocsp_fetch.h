/*
 * worker/net/ocsp_fetch.h - a question carried to an OCSP responder over HTTP, and its answer back.
 *
 *     f->url, names, request, about, done are set; the rest is zero
 *     ocsp_fetch_start(f)
 *     f->state is FETCH_DONE or FETCH_FAILED when `done` is posted: logged, if it failed
 *     ocsp_fetch_end(f)           in any state
 */
#pragma once

#include "common/buf.h"
#include "common/chain.h"
#include "worker/net/ocsp.h"
#include "worker/net/resolver_conf.h"
#include "worker/net/system_lookup.h"

#define OCSP_ANSWER_MAX 65536
#define FETCH_ADDRS     4

enum fetch_state {
    FETCH_IDLE,
    FETCH_NAME,    /* the responder's address is looked up */
    FETCH_CONNECT,
    FETCH_SEND,
    FETCH_READ,
    FETCH_DONE,
    FETCH_FAILED,
    FETCH_STATES
};

struct fetch_conn;

struct ocsp_fetch {
    /* The asker's. */
    struct ocsp_url url;
    const struct resolver_conf *names; /* without a resolver the system is asked */
    struct str request;                /* DER */
    struct str about;                  /* the certificate, for the log */
    struct post *done;

    /* The outcome. */
    enum fetch_state state;
    struct str answer;                 /* FETCH_DONE: DER, until ocsp_fetch_end */

    /* Its own. */
    struct resolve resolve;
    struct system_lookup *lookup;
    struct addr addrs[FETCH_ADDRS];
    uint32_t count, next;
    struct fetch_conn *conn;
    struct buf head;                   /* what is sent */
    struct chain out;
    struct buf in;
    struct post post;
    struct timer timer;
    bool late;
};

void ocsp_fetch_start(struct ocsp_fetch *f);
void ocsp_fetch_end(struct ocsp_fetch *f);

/* The body of a whole HTTP response of an OCSP responder, which may end with the connection
   (`ended`). STR_NONE with *why: not such an answer; with *why NULL: more is to come. */
struct str ocsp_fetch_body(struct str text, bool ended, const char **why);
