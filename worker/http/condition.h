/*
 * worker/http/condition.h - the test of an `if`: ($x), ($x = y), ($x ~ re), (-f path) and their
 * negations.
 */
#pragma once

#include "common/conf_load.h"
#include "worker/http/request.h"

struct condition;

/* From the arguments of an `if`, parentheses included; NULL after conf_fail. */
struct condition *condition_load(struct conf_call *call);

/* True or false; a regex leaves its captures in the scope. */
bool condition_holds(struct request *r, const struct condition *c);
