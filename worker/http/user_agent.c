/*
 * worker/http/user_agent.c - browsers that need special care, by their User-Agent.
 *
 * Others call themselves by these names too: Opera by that of Internet Explorer, Chrome by that of
 * Safari, and what is made of Mozilla's parts by many.
 */
#include "worker/http/user_agent.h"

static bool says(struct str agent, struct str word)
{
    return str_search(agent, word) >= 0;
}

/* Where "6.0" of "MSIE 6.0" begins; 0: no Internet Explorer. */
static size_t msie_version_at(struct str agent)
{
    ssize_t at = str_search(agent, STR("MSIE "));

    if (at < 0 || (size_t)at + 7 >= agent.len || says(agent, STR("Opera")))
        return 0;
    return (size_t)at + 5;
}

bool user_agent_is_msie(struct str agent)
{
    return msie_version_at(agent) > 0;
}

bool user_agent_is_msie6(struct str agent)
{
    size_t at = msie_version_at(agent);

    if (at == 0 || agent.data[at + 1] != '.')
        return false;
    if (agent.data[at] == '6')
        return !says(str_from(agent, at), STR("SV1"));
    return agent.data[at] == '4' || agent.data[at] == '5';
}

/* One that is not Internet Explorer, nor Opera, nor has Mozilla's engine. */
static bool is_other(struct str agent)
{
    return !user_agent_is_msie(agent) && !says(agent, STR("Opera")) &&
           !says(agent, STR("Gecko/"));
}

bool user_agent_is_chrome(struct str agent)
{
    return says(agent, STR("Chrome/")) && is_other(agent);
}

bool user_agent_is_safari(struct str agent)
{
    return says(agent, STR("Safari/")) && says(agent, STR("Mac OS X")) &&
           !says(agent, STR("Chrome/")) && is_other(agent);
}
