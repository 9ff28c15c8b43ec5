/*
 * t/unit/http/dry_run_test.c - a dry run decides as traffic does, and does nothing.
 */
#include "t/unit/http/http_kit.h"
#include "t/unit/tap.h"

#include "common/core_conf.h"
#include "common/role.h"
#include "common/zone.h"
#include "worker/http/dry_run.h"
#include "worker/http/http_block.h"
#include "worker/http/http_core.h"
#include "worker/http/request_vars.h"
#include "worker/http/rewrite.h"

/* A limit as limits are: it counts requests in a zone, but for a dry run it only looks. */
static struct zone *zone;
static int sent;

static bool init_zone(struct zone *z)
{
    uint64_t at = slab_alloc(zone_slab(z), sizeof(uint64_t));

    zone_set_root(z, at);
    return at != 0;
}

static const struct zone_kind counter_kind = {.name = "counter", .init = init_zone};

static enum verdict count(struct request *r)
{
    record(r, "limit", "counted");
    if (r->ops->dry)
        return GO_ON;
    zone_lock(zone);
    ++*(uint64_t *)zone_root(zone);
    zone_unlock(zone);
    return GO_ON;
}

static const struct module count_module = {
    .name = "count", .family = FAMILY_HTTP, .phase = PHASE_PREACCESS, .handler = count,
};

static enum verdict proxy_away(struct request *r)
{
    sent++;
    return request_fail(r, 502, NULL);
}

static bool set_away(struct conf_call *call)
{
    http_block_location(call->scope)->handler = proxy_away;
    return true;
}

static const struct directive away_rows[] = {
    {.name = "away", .where = IN_LOCATION, .args = "", .apply = set_away, .doc = "Sends away."},
};
static const struct module away_module = {
    .name = "away", .family = FAMILY_HTTP, .directives = TABLE(away_rows),
};

const struct module *const modules[] = {
    &core_module, &http_core_module, &http_variables_module, &server_rewrite_module,
    &rewrite_module, &count_module, &away_module, &http_block_module, NULL,
};
const struct role *const roles[] = {NULL};

static const char config[] =
    "events { } http {\n"
    "  server { listen 127.0.0.1:80; server_name a; error_page 404 = /gone;\n"
    "    location / { return 404; }\n"
    "    location = /gone { return 410; }\n"
    "    location /old/ { rewrite ^/old/(.*)$ /new/$1 last; }\n"
    "    location /new/ { away; }\n"
    "    location ~ \\.php$ { return 200 php; }\n"
    "    location /in { internal; }\n"
    "    location /loop { rewrite ^ /loop last; } }\n"
    "  server { listen 127.0.0.1:80; server_name *.b.test; return 302 http://elsewhere$uri; } }";

static struct dry_answer ask(const struct kit *kit, const char *host, const char *target)
{
    struct dry_question q = {.address = kit_address(kit), .method = STR_INIT("GET"),
                             .host = str_of(host), .target = str_of(target)};
    struct dry_answer answer;

    must(dry_run(kit->gen.pool, &q, &answer) == RC_OK);
    return answer;
}

static bool noted(const struct dry_answer *answer, const char *what, const char *part)
{
    EACH (struct dry_note, note, &answer->notes) {
        if (strcmp(note->what, what) == 0 && str_search(note->text, str_of(part)) >= 0)
            return true;
    }
    return false;
}

static void decides_as_traffic_does(const struct kit *kit)
{
    struct dry_answer answer = ask(kit, "a", "/old/x");

    is_int(answer.status, 200, "an origin's answer is assumed");
    is_slice(answer.handled_by, "/new/", "the location after the rewrite");
    ok(noted(&answer, "server", "\"a\""), "the server is noted");
    ok(noted(&answer, "rewrite", "\"/old/x\" to \"/new/x\""), "the rewrite is noted");
    ok(noted(&answer, "limit", "counted"), "the limit was asked");
    ok(noted(&answer, "handler", "assumed"), "the assumption is noted");

    is_int(ask(kit, "a", "/nowhere").status, 410, "an error page");
    is_int(ask(kit, "a", "/x/y.php").status, 200, "a regex location");
    is_int(ask(kit, "a", "/in").status, 410, "internal: 404, and so its error page");
    is_int(ask(kit, "a", "/loop").status, 500, "a rewrite cycle ends");
    answer = ask(kit, "x.b.test", "/p");
    is_int(answer.status, 302, "a redirect of a server");
    is_slice(answer.location, "http://elsewhere/p", "and where to");
}

static void changes_no_zone_and_sends_nothing(const struct kit *kit)
{
    size_t bytes = zone->header->bytes;
    char *before = malloc(bytes);

    memcpy(before, zone->header, bytes);
    ask(kit, "a", "/old/x");
    ask(kit, "a", "/nowhere");
    ok(memcmp(before, zone->header, bytes) == 0, "not a byte of the zone is different");
    is_int(sent, 0, "the origin was not asked");
    ok(post_queue_empty(&loop->posts), "nothing is left to be done");
    free(before);
}

int main(void)
{
    const char *why;
    struct kit *kit = kit_load(config);

    zone = zone_create(&counter_kind, STR("counter"), 65536, &why);
    if (ok(kit != NULL && zone != NULL, "a configuration and a zone")) {
        decides_as_traffic_does(kit);
        changes_no_zone_and_sends_nothing(kit);
        kit_free(kit);
    }
    return tap_done();
}
