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

int main(void)
{
    defaults_fill_the_top_scope();
    inner_scopes_inherit();
    return tap_done();
}
