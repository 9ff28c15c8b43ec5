/*
 * common/conf_check.h - the row for a directive of a tree, or why it has none.
 */
#pragma once

#include "common/conf_tree.h"

struct load_state;
struct conf_row;

/* The row that the directive is to be applied with in a scope of that kind. NULL after a fault: its
   name, place, block, number of arguments, or a second occurrence. */
struct conf_row *conf_check(struct load_state *load, uint32_t kind, const struct conf_node *node);

/* The row of that name in scopes of that kind, or NULL. */
struct conf_row *conf_row_for(struct load_state *load, struct str name, uint32_t kind);

/* Once the directive is applied: was a ; forgotten, so that it took the next directive for
   arguments? Becomes the hint of the fault that came of it, or a warning if it was `done`. */
void conf_check_swallowed(struct load_state *load, const struct conf_row *row, uint32_t kind,
                          const struct conf_node *node, bool done);

/* Says, when testing and once per row, that the directive has no effect. */
void conf_check_notice(struct load_state *load, struct conf_row *row,
                       const struct conf_node *node);
