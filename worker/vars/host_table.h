/*
 * worker/vars/host_table.h - host names, some with a wildcard, to values.
 *
 * "example.com" is itself; "*.example.com" all below it; ".example.com" both; "www.example.*" is
 * completed by any ending. An exact name wins, then the longest with a wildcard in front, then the
 * longest with one behind. Case does not count.
 */
#pragma once

#include "common/array.h"
#include "common/hash.h"

enum { HOSTS_EXACT, HOSTS_BELOW, HOSTS_BEGINNING, HOSTS_KINDS };

struct host_table {
    struct array items[HOSTS_KINDS];  /* struct hash_item, until built */
    struct hash hash[HOSTS_KINDS];
};

void host_table_init(struct host_table *t, struct pool *pool);

/* Adds a name as it is, whatever its letters. Name and value (not NULL) are kept by reference. */
void host_table_add_exact(struct host_table *t, struct str name, void *value);

/* Adds a name that may have a wildcard; false when it is malformed. */
bool host_table_add(struct host_table *t, struct str name, void *value);

/* Call once, before the first find. Returns the second value of a name that came twice, or NULL. */
void *host_table_build(struct host_table *t, struct pool *pool);

/* NULL when no name fits. */
void *host_table_find(const struct host_table *t, struct str host);
