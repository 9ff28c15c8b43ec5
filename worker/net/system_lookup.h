/*
 * worker/net/system_lookup.h - names asked for as the rest of the machine does: hosts file,
 * nsswitch, resolv.conf. In a thread, for that may take its time.
 */
#pragma once

#include "common/str.h"
#include "worker/event/post.h"
#include "worker/net/resolver.h"

#define SYSTEM_ADDRS_MOST 64

struct system_lookup {
    bool done;
    const char *fault;    /* without an address: the system's words */
    uint32_t count;
    struct resolved_addr addrs[SYSTEM_ADDRS_MOST];
};

/* `post` is run when it is done. NULL when too many wait: logged. */
struct system_lookup *system_lookup_start(struct str host, struct post *post);

/* In any state. */
void system_lookup_end(struct system_lookup *lookup);
