/*
 * t/unit/http/error_page_test.c - error_page: the status and the page that come of an error, as a
 * table; each line of it agrees with nginx.
 */
#include "t/unit/http/http_modules.h"
#include "t/unit/tap.h"

static const char config[] =
    "events { } http { server { listen 127.0.0.1:80;\n"
    "  error_page 404 /404.html;\n"
    "  error_page 403 =200 /ok.html;\n"
    "  error_page 500 502 503 504 = /own;\n"
    "  error_page 401 @named;\n"
    "  error_page 402 =302 http://elsewhere/$uri;\n"
    "  error_page 405 http://elsewhere/;\n"
    "  error_page 409 =307 http://elsewhere/;\n"
    "  error_page 410 @missing;\n"
    "  error_page 408 444 /404.html;\n"
    "  error_page 411 /again;\n"
    "  error_page 412 /code$status;\n"
    "  error_page 301 =200 /ok.html;\n"
    "  error_page 413 /$arg_page?page=$status;\n"
    "  location = /404.html { return 200 page; }\n"
    "  location = /ok.html { return 200 page; }\n"
    "  location = /own { return 201 own; }\n"
    "  location = /code412 { return 200 page; }\n"
    "  location = /q { if ($args = page=413) { return 200; } return 500; }\n"
    "  location @named { return 200 named; }\n"
    "  location /again { return 403; }\n"
    "  location /deep { recursive_error_pages on; error_page 404 /deep/2; error_page 403 /own;\n"
    "                   location = /deep/2 { error_page 403 =202 /ok.html; return 403; }\n"
    "                   return 404; }\n"
    "  location /none { error_page 418 /ok.html; return 404; }\n"
    "  location /loop { recursive_error_pages on; error_page 404 /loop; return 404; }\n"
    "  location /is/301 { return 301 http://x/; }\n"
    "  location /is/401 { return 401; } location /is/402 { return 402; }\n"
    "  location /is/403 { return 403; } location /is/404 { return 404; }\n"
    "  location /is/405 { return 405; } location /is/408 { return 408; }\n"
    "  location /is/409 { return 409; } location /is/410 { return 410; }\n"
    "  location /is/411 { return 411; } location /is/412 { return 412; }\n"
    "  location /is/413 { return 413; } location /is/418 { return 418; }\n"
    "  location /is/444 { return 444; } location /is/502 { return 502; } } }";

static const struct {
    const char *target;
    int status;
    const char *handled_by;
    const char *location;
    const char *what;
} table[] = {
    {"/is/404", 404, "/404.html", "", "a page keeps the error's status"},
    {"/is/403", 200, "/ok.html", "", "=200 gives another"},
    {"/is/502", 201, "/own", "", "= gives the page's own"},
    {"/is/401", 401, "@named", "", "a named location"},
    {"/is/402", 302, "/is/402", "http://elsewhere//is/402", "a URL is a redirect"},
    {"/is/405", 302, "/is/405", "http://elsewhere/", "302 if nothing is said"},
    {"/is/409", 307, "/is/409", "http://elsewhere/", "with the status given"},
    {"/is/410", 500, "/is/410", "", "a name that is not there"},
    {"/is/408", 408, "/is/408", "", "408 has no page"},
    {"/is/444", 444, "/is/444", "", "nor has 444"},
    {"/is/411", 403, "/again", "", "an error of the page counts, and has no page of its own"},
    {"/is/412", 412, "/code412", "", "variables in the uri"},
    {"/is/413?page=q", 413, "/q", "", "and arguments"},
    {"/is/301", 200, "/ok.html", "http://x/", "a redirect may have a page too"},
    {"/is/418", 418, "/is/418", "", "no page, no change"},
    {"/deep", 202, "/ok.html", "", "recursive: the page's error has a page again"},
    {"/none", 404, "/none", "", "those of a location replace the server's"},
    {"/loop", 500, "/loop", "", "a circle ends"},
};

int main(void)
{
    struct kit *kit = kit_load(config);

    if (!ok(kit != NULL, "a configuration"))
        return tap_done();
    process_log.level = LOG_EMERG;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct dry_answer answer = kit_ask(kit, table[i].target, NULL, NULL);

        is_int(answer.status, table[i].status, table[i].what);
        is_slice(answer.handled_by, table[i].handled_by, table[i].target);
        is_slice(answer.location.data == NULL ? STR("") : answer.location, table[i].location,
                 table[i].target);
    }
    kit_free(kit);
    return tap_done();
}
