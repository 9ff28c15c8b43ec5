/*
 * master/crew.h - the children that serve one generation.
 */
#pragma once

#include "master/child.h"

struct generation;
struct master;

struct crew {
    struct master *master;
    struct generation *gen;      /* shared with another crew only after a rolled back upgrade */
    uint32_t number;             /* the generation's when the crew was made */
    struct child_proc *children;
    uint32_t count;
    bool on_trial;               /* a reload not yet decided */
    bool has_successor;
    struct crew *older;
};

/* As many children as the roles want, to be spawned by crew_run; first in the master's list. */
struct crew *crew_create(struct master *m, struct generation *gen);

/* One more child, of the role that takes control connections; a crew has at most one. */
void crew_add_keeper(struct crew *crew);

/* What is wanted of them from now on; never less than before. */
void crew_want(struct crew *crew, enum child_want want, bool has_successor);

/* Runs the machines of its children. True if one moved. */
bool crew_run(struct crew *crew);

bool crew_is_serving(const struct crew *crew);  /* every child is */
bool crew_is_stillborn(const struct crew *crew); /* a child is */
bool crew_is_gone(const struct crew *crew);
bool crew_is_closed(const struct crew *crew);   /* told to drain, no child accepts any more */

/* The listen spec of this index is only theirs: see CHANNEL_LAST_CALL. */
void crew_last_call(struct crew *crew, uint32_t index);

struct child_proc *crew_find(const struct crew *crews, pid_t pid);

/* The row of a child that is gone for good. */
void crew_release_row(struct crew *crew, struct child_proc *c);

/* Takes it out of the list and frees it, not its generation. */
void crew_destroy(struct crew *crew);
