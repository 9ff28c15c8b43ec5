/*
 * master/inherit.h - sockets and zones that whoever started us left open for us.
 *
 * Three givers: a master of ours that was told to change its binary (WEIR_SOCKETS), an nginx that
 * was (NGINX), and systemd (LISTEN_FDS). A socket is known by its address and kind.
 */
#pragma once

#include "common/array.h"
#include "common/listen_spec.h"

struct inherited_socket {
    int fd;
    struct addr addr;
    enum listen_kind kind;
    bool taken;             /* a generation's from now on */
};

struct inherited_zone {
    int fd;
    struct str name;
    bool taken;
};

struct inheritance {
    struct array sockets;   /* struct inherited_socket */
    struct array zones;     /* struct inherited_zone */
    int slots_fd;           /* -1: none */
    bool from_master;       /* of ours or nginx's: our parent still serves */
    uint32_t generation;    /* number the first generation has */
};

/* Reads the environment and removes from it what it read. Descriptors become close-on-exec. What
   is no listening socket is reported and closed. */
void inherit_read(struct inheritance *in, struct pool *pool);

/* The next socket not yet taken for that address and kind, now taken; -1: none. */
int inherit_take(struct inheritance *in, const struct addr *addr, enum listen_kind kind);
uint32_t inherit_count(const struct inheritance *in, const struct addr *addr,
                       enum listen_kind kind);
int inherit_take_zone(struct inheritance *in, struct str name);

/* Puts it back: it was not what it seemed. */
void inherit_return_zone(struct inheritance *in, struct str name);

/* Closes what nobody took. */
void inherit_close_rest(struct inheritance *in);

struct generation;
struct slots;

/* The other side: the environment for a new binary. What it hands over loses close-on-exec (call in
   the child, before exec). `next` is the number its first generation is to have. */
char **inherit_environment(const struct generation *gen, const struct slots *slots,
                           struct pool *pool, uint32_t next);
