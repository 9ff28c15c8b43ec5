/*
 * worker/proxy/proxy_rewrite.h - answers made to fit the client's view: proxy_redirect, and the
 * domains, paths and flags of cookies.
 */
#pragma once

#include "common/conf_load.h"
#include "worker/proxy/proxy_run.h"

/* Apply one directive each. */
bool proxy_redirect_load(struct conf_call *call);
bool proxy_cookie_domain_load(struct conf_call *call);
bool proxy_cookie_path_load(struct conf_call *call);
bool proxy_cookie_flags_load(struct conf_call *call);

/* A Location (or the URL of a Refresh) by the rules; false when none applies. */
bool proxy_redirect_rewrite(struct proxy_run *run, struct str value, struct str *out);

/* A Set-Cookie by the rules; the value itself when none applies. */
struct str proxy_cookie_rewrite(struct proxy_run *run, struct str value);
