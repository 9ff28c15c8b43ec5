/*
 * worker/proxy/store.h - answers that stay as files: proxy_store and its kin.
 *
 * The body is written to a temporary file beside being passed on. When it is whole, that becomes
 * the file; else nothing is left of it. What goes wrong here is logged and harms no answer.
 */
#pragma once

#include "worker/proxy/origin.h"
#include "worker/proxy/proxy_run.h"

#define ORIGIN_STORE_ROWS(prefix)                                                                  \
    {.name = prefix "_store", .where = IN_WEB, .args = "on|off|path", .apply = store_set,          \
     .doc = "Keeps bodies of answers of status 200 as files: under the name that root or alias "   \
            "give, or the one given here."},                                                       \
    {.name = prefix "_store_access", .where = IN_WEB, .args = "users:permissions ...",             \
     .initial = "user:rw", .apply = store_set_access,                                              \
     .doc = "Who may do what with such files: user:rw group:r all:r."}

bool store_set(struct conf_call *call);
bool store_set_access(struct conf_call *call);

/* The head is in, and the body will be passed on: begins if it is to be kept. */
void store_begin(struct proxy_run *run);

/* The last `bytes` of the chain are the body's next ones. Only while run->store is not NULL. */
void store_add(struct proxy_run *run, const struct chain *chain, size_t bytes);

/* There will be no more. Only while run->store is not NULL. */
void store_end(struct proxy_run *run, bool whole);
