/*
 * common/generation.h - all that one loaded configuration owns.
 *
 * Made by the master, inherited by fork, never changed by a worker. Everything here and everything
 * it points to is in `pool`, except descriptors and zones, which the master moves to the next
 * generation where they stay the same.
 */
#pragma once

#include "common/array.h"
#include "common/conf_load.h"
#include "common/listen_spec.h"
#include "common/log.h"
#include "common/var.h"

struct zone;
struct zone_kind;
struct addr_list;
struct watched_set;

/* A zone that the configuration asks for; the master creates or keeps it. */
struct zone_spec {
    struct str name;             /* unique over all kinds */
    int64_t bytes;               /* 0: named so far only by a user; a fault if it stays so */
    const struct zone_kind *kind;
    const struct conf_node *node;
    void *data;                  /* of the module that declared it */
    struct zone *zone;           /* attached before workers start; NULL in -t */
    struct zone_spec *next;
};

struct temp_path;

struct generation {
    struct pool *pool;
    uint32_t number;             /* from 1, unique also across binary upgrade */
    struct str prefix;           /* absolute, ends in '/' */
    struct str conf_path;        /* absolute path of the main file */
    struct str conf_dir;         /* its directory, ends in '/' */
    bool testing;

    struct conf_file *files;
    struct conf_scope *main;     /* the main scope */
    struct listen_spec *listens;
    struct zone_spec *zones;
    struct log_file *log_files;  /* each path once */
    struct array names;          /* struct addr_list *: host names to look up */
    struct array paths;          /* struct temp_path *: directories to create for the user */

    struct var_table http_vars;
    struct var_table stream_vars;
    bool *named;                 /* by module index: a directive of it stands somewhere */
    void *http;                  /* struct http_conf *, NULL without an http block */
    void *stream;
    void *upstreams;             /* struct upstream_set *, NULL when nothing is proxied */
    struct zone_spec *keeper;    /* where the keeper's lease is; NULL: none is needed */
    void *resolvers;             /* struct resolver_spec *, the last one first */
    struct watched_set *watched; /* files taken anew when they change, the last set first */
    void *tls;                   /* struct tls_store *, NULL when nothing speaks TLS */
    struct load_state *load;     /* only while loading */
    uint32_t slots;              /* workers */
    bool transparent;            /* workers may use addresses of others: CAP_NET_RAW */
};

/* A directory that workers write temporary or cached files to (proxy_temp_path ...). */
struct temp_path {
    struct str path;             /* absolute */
    uint8_t levels[3];           /* digits per level of hashed subdirectories; 0 ends */
    const struct conf_node *node;
    bool as_found;               /* one that is there stays whose it is */
};

/* The file of that path in this generation (made absolute against the prefix), one per path.
   "stderr" and "syslog:..." are understood; *why is set when NULL comes back. */
struct log_file *generation_log_file(struct generation *gen, struct str text, const char **why);

/* Declares (bytes > 0) or refers to (bytes 0) a zone. NULL with *why if the size or the kind differ
   from an earlier declaration. */
struct zone_spec *generation_zone(struct generation *gen, struct str name, int64_t bytes,
                                  const struct zone_kind *kind, const struct conf_node *node,
                                  const char **why);

/* Text made absolute against the prefix (or the config's directory). */
struct str generation_path(struct generation *gen, struct str text);
struct str generation_conf_path(struct generation *gen, struct str text);
