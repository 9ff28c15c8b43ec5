/*
 * worker/http/user_agent.h - browsers that need special care, by their User-Agent.
 */
#pragma once

#include "common/str.h"

/* Internet Explorer, of any version. */
bool user_agent_is_msie(struct str agent);

/* Versions 4 to 6, but not 6 of Windows XP's second service pack. */
bool user_agent_is_msie6(struct str agent);

bool user_agent_is_chrome(struct str agent);
bool user_agent_is_safari(struct str agent); /* on a Mac */
