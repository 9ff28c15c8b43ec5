/*
 * master/privilege.h - what the master may do, and when.
 *
 * The master keeps one fixed set permitted, whatever the configuration, and none of it effective
 * but around the calls that need it. Children keep nothing.
 */
#pragma once

#include "common/base.h"

struct core_conf;

enum privilege {
    PRIVILEGE_BIND,    /* low ports, transparent sockets */
    PRIVILEGE_FILES,   /* read, create and give away files of other users */
    PRIVILEGE_KILL,    /* signal children that run as another user */
    PRIVILEGE_LIMITS,  /* priority and resource limits */
    PRIVILEGE_USER,    /* become another user, give up capabilities */
};

/* At start: keeps of what we were given only the fixed set, and lowers it. */
void privilege_init(void);

void privilege_raise(enum privilege what);
void privilege_lower(void); /* all of it */

/* True if files can be given to another user. */
bool privilege_is_root(void);

/* In a child, for good: the user and groups of `core`, no capabilities (but, with `transparent`,
   that to use addresses of others), no new ones either. False after an [emerg] line: the child must
   not serve. */
bool privilege_drop(const struct core_conf *core, bool transparent);
