/*
 * common/addr_list.h - host names of a configuration, looked up all at once at load.
 */
#pragma once

#include "common/addr.h"
#include "common/array.h"

struct generation;
struct conf_node;

/* One host:port to resolve. Filled in place before load_done hooks run. */
struct addr_list {
    struct str text;            /* as written: "app.internal:8080", "unix:/x", "[::1]:80" */
    int default_port;
    const struct conf_node *node; /* where to report "host not found" */
    struct addr *addrs;         /* in getaddrinfo's order; NULL until resolved */
    uint32_t count;
    bool may_fail;              /* then count stays 0 and no fault is reported */
    const char *whose;          /* "upstream ": goes before the name in that fault, or NULL */
    struct addr *copy_first;    /* where a copy of the first goes too, or NULL */
};

/* Registers a text for resolution and returns it; numeric forms are filled at once. NULL with *why
   for malformed text. */
struct addr_list *addr_list_add(struct generation *gen, const struct conf_node *node,
                                struct str text, int default_port, const char **why);
