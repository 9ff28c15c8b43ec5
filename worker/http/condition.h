/*
 * worker/http/condition.h - the test of an `if`: ($x), ($x = y), ($x ~ re), (-f path), their
 * negations, and several of them with &&, ||, ! and parentheses.
 *
 * What nginx understands means the same here, so "&&" and "||" are operators only as words of their
 * own, and parentheses that a regex opens are its own. What follows a test that settles the matter
 * is not looked at.
 */
#pragma once

#include "common/conf_load.h"
#include "worker/http/request.h"

struct condition;

/* From the arguments of an `if`, parentheses included; NULL after conf_fail. */
struct condition *condition_load(struct conf_call *call);

/* True or false; a regex leaves its captures in the scope. With `coded`, captures in texts are as
   in coded_text. */
bool condition_holds(struct request *r, const struct condition *c, bool coded);
