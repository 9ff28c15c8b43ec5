/*
 * t/unit/common/conf_suggest_test.c - which name was probably meant.
 */
#include "common/conf_suggest.h"
#include "t/unit/tap.h"

static const char *const names[] = {
    "limit_conn", "limit_conn_status", "limit_req", "listen", "root", "server", "server_name", NULL,
};

static void finds_the_nearest_name(void)
{
    is_str(conf_suggest(STR("limit_con"), names), "limit_conn", "a letter missing");
    is_str(conf_suggest(STR("listne"), names), "listen", "two letters swapped");
    is_str(conf_suggest(STR("servername"), names), "server_name", "an underscore missing");
    is_str(conf_suggest(STR("Root"), names), "root", "another case");
    is_str(conf_suggest(STR("limit_con_status"), names), "limit_conn_status", "the longer one");
}

static void keeps_quiet_otherwise(void)
{
    static const char endless[500];

    is_str(conf_suggest(STR("gzip"), names), NULL, "nothing near enough: no hint");
    is_str(conf_suggest(STR("rt"), names), NULL, "too short to tell");
    is_str(conf_suggest(STR(""), names), NULL, "nothing at all");
    is_str(conf_suggest((struct str){endless, sizeof(endless)}, names), NULL, "a very long word");
}

int main(void)
{
    finds_the_nearest_name();
    keeps_quiet_otherwise();
    return tap_done();
}
