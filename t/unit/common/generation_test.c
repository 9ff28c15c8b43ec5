/*
 * t/unit/common/generation_test.c - zones, log files, listeners and host names of a generation.
 *
 * They are asked for while a config loads, so a toy directive does the asking.
 */
#include "common/addr_list.h"
#include "common/listen_spec.h"
#include "common/syslog.h"
#include "common/module.h"

static const struct module ask_module;

#define TOY_MODULE &ask_module
#include "t/unit/common/conf_toy.h"
#include "t/unit/tap.h"

static void log_files_are_shared(void)
{
    struct toy *toy = toy_load("error_log a; error_log /prefix/a info; error_log stderr;\n"
        "error_log syslog:server=127.0.0.1:5140,tag=t; error_log syslog:server=localhost debug;");
    const struct log_sink *sink = core_conf(&toy->gen)->error_log;

    is_str(toy->said, "", "nothing to say");
    ok(sink->file == sink->next->file, "one file for one path");
    sink = sink->next->next->next;
    is_int(addr_port(&sink->file->syslog->to), 5140, "a syslog daemon by address");
    is_int(addr_port(&sink->next->file->syslog->to), 514, "and by name");
    toy_free(toy);
}

static void log_paths_are_checked(void)
{
    struct toy *toy = toy_load("error_log \"\"; error_log syslog:server=nosuch.invalid;");

    is_int(toy->faults, 2, "two faults");
    ok(strstr(toy->said, "the path of a log is empty") != NULL, "no path");
    ok(strstr(toy->said, "host not found in \"nosuch.invalid\" in /etc/t.conf:1:15") != NULL,
       "no such host");
    toy_free(toy);
}

static void names_are_looked_up_once(void)
{
    char text[8192] = "events { ", *p = text + strlen(text);
    struct toy *toy;
    struct cidr *first;

    for (int i = 0; i < 100; i++)
        p += sprintf(p, "debug_connection localhost;\n");
    strcpy(p, "}");
    toy = toy_load(text);
    is_str(toy->said, "", "found");
    ok(core_conf(&toy->gen)->debug_connections->count >= 100, "for all who asked");
    first = array_at(core_conf(&toy->gen)->debug_connections, 0);
    ok(first->addr.sa.sa_family == AF_INET || first->addr.sa.sa_family == AF_INET6, "an address");
    toy_free(toy);
}

/* What a directive's apply does with the generation: runs inside a load. */
static bool asked;

static bool ask(struct conf_call *call)
{
    struct generation *gen = call->gen;
    static const struct zone_kind *const kinds[] = {(const void *)"a", (const void *)"b"};
    struct zone_spec *zone, *same;
    struct listen_spec *spec;
    struct addr_list *list;
    struct addr addr;
    const char *why = NULL;
    bool fresh;

    zone = generation_zone(gen, STR("one"), 0, kinds[0], call->node, &why);
    same = generation_zone(gen, STR("one"), 1048576, kinds[0], call->node, &why);
    ok(zone == same && zone->bytes == 1048576, "a zone may be named before it is declared");
    ok(generation_zone(gen, STR("one"), 2097152, kinds[0], call->node, &why) == NULL &&
           strstr(why, "size"), "but has one size");
    ok(generation_zone(gen, STR("one"), 0, kinds[1], call->node, &why) == NULL &&
           strstr(why, "something else"), "and one kind");

    addr_parse(&addr, STR("[::]:80"), -1, &why);
    spec = listen_spec_get(gen, &addr, LISTEN_TCP, &fresh);
    ok(fresh && spec->ipv6only == 1 && spec->backlog == 511 && spec->fd == -1, "a new listener");
    is_slice(spec->text, "[::]:80", "as it is printed");
    ok(listen_spec_get(gen, &addr, LISTEN_TCP, &fresh) == spec && !fresh, "the same again");
    ok(listen_spec_get(gen, &addr, LISTEN_QUIC, &fresh) != spec && fresh, "another kind");
    ok(gen->listens == spec && spec->next->kind == LISTEN_QUIC, "in the order of the config");

    list = addr_list_add(gen, call->node, STR("10.0.0.1:81"), 80, &why);
    ok(list != NULL && list->count == 1 && addr_port(list->addrs) == 81, "an address needs nobody");
    ok(addr_list_add(gen, call->node, STR("host:99999"), 80, &why) == NULL, "a faulty port");
    ok(addr_list_add(gen, call->node, STR("host"), -1, &why) == NULL, "a missing one");
    is_str(why, "no port", "which is said");
    is_slice(generation_conf_path(gen, STR("x")), "/etc/x", "a path beside the config");
    return asked = true;
}

static const struct directive ask_rows[] = {
    { .name = "ask", .where = IN_MAIN, .args = "", .apply = ask },
};

static const struct module ask_module = {
    .name = "ask", .family = FAMILY_CORE, .directives = TABLE(ask_rows),
};

static void modules_ask(void)
{
    struct conf_options options = {.file = "/etc/t.conf", .text = STR("ask;"), .testing = true};
    struct toy *toy = calloc(1, sizeof(*toy));

    toy->gen.pool = pool_create(65536);
    toy->gen.prefix = STR("/prefix/");
    toy->faults = conf_load(&toy->gen, &options, toy_report, toy);
    is_str(toy->said, "", "no faults");
    ok(asked, "it was asked");
    toy_free(toy);
}

int main(void)
{
    log_files_are_shared();
    log_paths_are_checked();
    names_are_looked_up_once();
    modules_ask();
    return tap_done();
}
