/*
 * worker/net/scope_conf.h - variables and templates at load, in the table of http or of stream.
 */
#pragma once

#include "common/conf_load.h"
#include "common/template.h"

/* The table of the family that the scope belongs to: http or stream. */
struct var_table *scope_conf_table(const struct conf_call *call);

/* The variable that argument `arg` ("$name") names, defined here. NULL after conf_fail. */
struct var *scope_conf_define(struct conf_call *call, uint32_t arg);

/* The index of the variable that argument `arg` ("$name") names. False after conf_fail. */
bool scope_conf_use(struct conf_call *call, uint32_t arg, uint32_t *index);

/* A word of the directive, or of a line in its block, as a template. NULL after conf_fail. */
struct template *scope_conf_template(struct conf_call *call, const struct conf_node *node,
                                    uint32_t word);
