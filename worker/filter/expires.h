/*
 * worker/filter/expires.h - Expires and Cache-Control as `expires` says.
 */
#pragma once

#include "common/conf_load.h"
#include "worker/http/request.h"

struct expires;

/* Applies the directive; false after conf_fail. */
bool expires_load(struct conf_call *call, struct expires **expires);

/* Replaces the response's Expires and Cache-Control, unless it is off. */
void expires_apply(struct request *r, const struct expires *expires);
