/*
 * t/unit/common/conf_load_test.c - values, inheritance and order of what the loader does.
 */
#include "t/unit/common/conf_toy.h"
#include "t/unit/tap.h"

static void defaults_fill_the_top_scope(void)
{
    struct toy *toy = toy_load("events { } http { server { } }");
    struct web_conf *conf = WEB(toy_server(toy, 0)->scope);

    is_str(toy->said, "", "nothing to say");
    is_slice(conf->root, "/prefix/html", "a path is made absolute");
    ok(conf->sendfile, "a flag");
    is_int(conf->status, 503, "a number");
    is_int(conf->body_bytes, 1048576, "a size");
    is_int(conf->timeout_ms, 60000, "a time");
    is_int(conf->satisfy, 1, "a word");
    is_int(conf->bufs.number, 8, "buffers: number");
    is_int(conf->bufs.bytes, 4096, "buffers: size");
    is_int((int64_t)conf->types->count, 2, "a raw block");
    is_int(core_conf(&toy->gen)->connections, 512, "the core module has its defaults too");
    toy_free(toy);
}

static void inner_scopes_inherit(void)
{
    struct toy *toy = toy_load(
        "http { server { location / { sendfile off; } location /a { } sendfile on; root /s;\n"
        " location /b { body_size 8k; location /c { send_timeout 1m30s; } } } root /h; }");
    struct conf_scope *server = toy_server(toy, 0)->scope;

    is_str(toy->said, "", "nothing to say");
    is_slice(WEB(server->parent)->root, "/h", "a later line counts for the block");
    is_slice(WEB(server)->root, "/s", "the server's own");
    is_slice(WEB(toy_location(toy, 0, 0))->root, "/s", "inherited from below the location");
    ok(!WEB(toy_location(toy, 0, 0))->sendfile, "set in the location");
    ok(WEB(toy_location(toy, 0, 1)) == WEB(server), "nothing set: the struct is shared");
    ok(toy_location(toy, 0, 1)->conf == server->conf, "and so is the array");
    is_int(WEB(toy_location(toy, 0, 2))->body_bytes, 8192, "set");
    is_int(WEB(toy_location(toy, 0, 3))->body_bytes, 8192, "nested: inherited");
    is_int(WEB(toy_location(toy, 0, 3))->timeout_ms, 90000, "nested: set");
    toy_free(toy);
}

/* The texts of an array, joined by spaces. */
static const char *joined(const struct array *texts)
{
    static char out[256];
    size_t len = 0;

    out[0] = '\0';
    if (texts != NULL)
        EACH(struct str, text, texts)
            len += (size_t)sprintf(out + len, "%s%" STR_FMT, len > 0 ? " " : "", STR_ARG(*text));
    return out;
}

static void repeated_directives_replace_what_is_inherited(void)
{
    struct toy *toy = toy_load("http { header a; header b; server {\n"
                               " location / { header c; header d; } location /a { } } }");

    is_str(toy->said, "", "nothing to say");
    is_str(joined(WEB(toy_server(toy, 0)->scope)->headers), "a b", "inherited whole");
    is_str(joined(WEB(toy_location(toy, 0, 0))->headers), "c d", "or replaced whole");
    is_str(joined(WEB(toy_location(toy, 0, 1))->headers), "a b", "the neighbour is not touched");
    toy_free(toy);
}

static void local_fields_stay(void)
{
    struct toy *toy = toy_load("http { server { rule s;\n"
        "location / { pass x; rule a; rule b; if ($host) { sendfile off; } location /in { } }\n"
        "location /c { if ($host) { rule c; pass y; } } } }");

    is_str(toy->said, "", "nothing to say");
    is_str(joined(WEB(toy_server(toy, 0)->scope)->rules), "s", "where it stands");
    is_str(joined(WEB(toy_location(toy, 0, 0))->rules), "a b", "its own only");
    ok(WEB(toy_location(toy, 0, 2))->pass != NULL, "kept by `if` when the row says so");
    ok(WEB(toy_location(toy, 0, 2))->rules == NULL, "else not");
    ok(WEB(toy_location(toy, 0, 3))->pass == NULL, "not inherited by a location within");
    ok(WEB(toy_location(toy, 0, 1))->rules == NULL, "nor by one that sets nothing");
    is_slice(*WEB(toy_location(toy, 0, 4))->pass, "y", "set in the `if` itself");
    ok(WEB(toy_location(toy, 0, 1))->pass == NULL, "which does not reach the location");
    toy_free(toy);
}

static void raw_blocks_replace_the_default(void)
{
    struct toy *toy = toy_load("http { server { types { a b; c d; e f; } location / { } } }");

    is_str(joined(WEB(toy_location(toy, 0, 0))->types), "a c e", "and are inherited");
    is_str(joined(WEB(toy->gen.main->conf ? toy_server(toy, 0)->scope->parent : NULL)->types),
           "text/html image/gif", "the default stays above");
    toy_free(toy);
}

static void scopes_are_finished_once(void)
{
    struct toy *toy = toy_load("http { server { root /; location / { }\n"
                               " location /a { root /a; } } }");

    is_int(WEB(toy_server(toy, 0)->scope->parent)->done, 1, "http");
    is_int(WEB(toy_location(toy, 0, 0))->done, 2, "server: the copy was finished again");
    is_int(WEB(toy_location(toy, 0, 1))->done, 3, "location with a struct of its own");
    toy_free(toy);
}

static void a_name_may_have_two_rows(void)
{
    struct toy *toy = toy_load("http { server { } server { } }");

    is_str(toy->said, "", "the one that belongs here is taken");
    is_int((int64_t)toy->servers->count, 2, "twice");
    toy_free(toy);
}

static void variables_are_used_and_set(void)
{
    struct toy *toy = toy_load("http { server { set $mine 1; title \"a $mine $http_x\"; } }");
    const struct template *title = WEB(toy_server(toy, 0)->scope)->title;

    is_str(toy->said, "", "nothing to say");
    is_int(title->count, 4, "a template");
    toy_free(toy);
}

static void core_values(void)
{
    struct toy *toy = toy_load(
        "daemon off; worker_processes 3; env A=1; env B; error_log logs/e.log warn; pid run/p;\n"
        "error_log stderr; worker_cpu_affinity 0101 10; worker_rlimit_nofile 100;\n"
        "thread_pool default threads=4; events { worker_connections 99; multi_accept on;\n"
        "debug_connection 10.0.0.0/8; }\n"
        "http { server { error_log /var/s.log debug; } server { } }");
    const struct core_conf *core = core_conf(&toy->gen), *server;

    is_str(toy->said, "[warn] the number of \"worker_processes\" is not equal to the number of "
           "\"worker_cpu_affinity\" masks, using last mask for remaining worker processes\n",
           "as nginx says");
    ok(!core->daemon && core->master_process, "flags");
    is_int(toy->gen.slots, 3, "workers");
    is_str(joined(core->env), "A=1 B TZ", "environment");
    is_slice(core->pid_path, "/prefix/run/p", "pid");
    is_int(core->connections, 99, "of the events block");
    ok(core->multi_accept, "and a flag of it");
    is_int((int64_t)core->debug_connections->count, 1, "and a network");
    is_int(core->rlimit_nofile, 100, "a limit");
    is_int(core->rlimit_core, -1, "one that is not set");
    ok(core->affinity_count == 3 && CPU_ISSET(2, &core->affinity[0]) &&
       CPU_ISSET(1, &core->affinity[2]), "masks, the last repeated");
    is_str(core->error_log->file->path, "/prefix/logs/e.log", "a log");
    is_int(core->error_log->level, LOG_WARN, "its level");
    is_int(core->error_log->next->file->fd, 2, "and stderr");
    server = CONF(toy_server(toy, 0)->scope, core_module_index, struct core_conf);
    is_str(server->error_log->file->path, "/var/s.log", "a server's own log");
    ok(server->error_log->next == NULL, "and no other");
    server = CONF(toy_server(toy, 1)->scope, core_module_index, struct core_conf);
    ok(server->error_log == core->error_log, "the other server has those of main");
    is_int((int64_t)core->thread_pools->count, 1, "a thread pool");
    toy_free(toy);
}

static void core_faults(void)
{
    struct toy *toy = toy_load(
        "worker_processes 0;\nuse epoll;\nerror_log x loud;\nerror_log x info debug;\n"
        "worker_cpu_affinity 012;\nworker_priority 30;\n"
        "thread_pool x y;\nthread_pool z threads=0;\n"
        "error_log syslog:what;\nevents {\nuse kqueue;\nworker_connections 0;\n"
        "debug_connection 300.1.1.1/8;\n}\nssl_engine x;\n");

    is_int(toy->faults, 13, "each is found");
    ok(strstr(toy->said, "\"worker_processes\" takes 1 to 1024, or \"auto\", not \"0\""),
       "workers");
    ok(strstr(toy->said, "invalid log level \"loud\" in /etc/t.conf:3:13"), "level");
    ok(strstr(toy->said, "duplicate log level \"debug\""), "two levels");
    ok(strstr(toy->said, "invalid character \"2\" in \"worker_cpu_affinity\""), "mask");
    ok(strstr(toy->said, "\"worker_priority\" takes -20 to 20, not \"30\""), "priority");
    ok(strstr(toy->said, "invalid threads value \"threads=0\""), "threads");
    ok(strstr(toy->said, "invalid event type \"kqueue\" in /etc/t.conf:11:5 (Weir uses epoll)"),
       "use");
    ok(strstr(toy->said, "\"ssl_engine\" directive is not supported"), "ssl_engine");
    toy_free(toy);
}

int main(void)
{
    defaults_fill_the_top_scope();
    inner_scopes_inherit();
    repeated_directives_replace_what_is_inherited();
    local_fields_stay();
    raw_blocks_replace_the_default();
    scopes_are_finished_once();
    a_name_may_have_two_rows();
    variables_are_used_and_set();
    core_values();
    core_faults();
    return tap_done();
}
