/*
 * t/unit/http/user_agent_test.c - browsers that call themselves by each other's names.
 */
#include "t/unit/tap.h"
#include "worker/http/user_agent.h"

enum { MSIE = 1, MSIE6 = 2, CHROME = 4, SAFARI = 8 };

static int kinds_of(struct str agent)
{
    return (user_agent_is_msie(agent) ? MSIE : 0) | (user_agent_is_msie6(agent) ? MSIE6 : 0) |
           (user_agent_is_chrome(agent) ? CHROME : 0) | (user_agent_is_safari(agent) ? SAFARI : 0);
}

int main(void)
{
    static const struct {
        const char *agent;
        int kinds;
    } cases[] = {
        {"", 0},
        {"curl/8.0", 0},
        {"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", MSIE | MSIE6},
        {"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)", MSIE},
        {"Mozilla/4.0 (compatible; MSIE 5.5)", MSIE | MSIE6},
        {"Mozilla/4.0 (compatible; MSIE 10.0)", MSIE},
        {"Mozilla/4.0 (compatible; MSIE 6.0) Opera 7.50", 0},
        {"MSIE 6", 0},
        {"MSIE 6.", 0},
        {"MSIE 6.0", MSIE | MSIE6},
        {"Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120 Safari/537", CHROME},
        {"Mozilla/5.0 (Macintosh; Mac OS X) (KHTML, like Gecko) Version/17 Safari/605", SAFARI},
        {"Mozilla/5.0 (Macintosh; Mac OS X) (KHTML, like Gecko) Chrome/120 Safari/537", CHROME},
        {"Mozilla/5.0 (Windows) Safari/605", 0},
        {"Mozilla/5.0 Gecko/2010 Chrome/1", 0},
        {"Chrome/1 MSIE 8.0", MSIE},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        is_int(kinds_of(str_of(cases[i].agent)), cases[i].kinds, cases[i].agent);
    return tap_done();
}
