/*
 * worker/limit/allow_deny.h - rules that let addresses in or keep them out: `allow`, `deny`.
 */
#pragma once

#include "common/addr.h"
#include "common/conf_load.h"

struct allow_deny;

enum allow_answer { ALLOW_UNDECIDED, ALLOW_YES, ALLOW_NO };

/* Adds one rule, at the end; makes the list where *rules is NULL. False after conf_fail. */
bool allow_deny_load(struct conf_call *call, struct allow_deny **rules, bool deny);

/* What the first rule that names the address says. */
enum allow_answer allow_deny_ask(const struct allow_deny *rules, const struct addr *peer);
