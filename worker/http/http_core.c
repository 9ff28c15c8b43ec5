/*
 * worker/http/http_core.c - the http core's settings: one row each, no code but where a value has a
 * shape of its own.
 */
#include "worker/http/http_core.h"

#include <stdio.h>

#include "common/conf_load.h"
#include "common/conf_value.h"
#include "common/generation.h"
#include "common/temp_path.h"
#include "worker/http/error_page.h"
#include "worker/http/location.h"
#include "worker/http/mime.h"

uint32_t http_core_index;

#define F(member) FIELD(struct http_core_conf, member)

static const struct word file_only_words[] = {{"off", 0}, {"on", 1}, {"clean", 2}, {NULL, 0}};
static const struct word lingering_words[] = {{"off", 0}, {"on", 1}, {"always", 2}, {NULL, 0}};
static const struct word modified_words[] = {{"off", 0}, {"exact", 1}, {"before", 2}, {NULL, 0}};
static const struct word satisfy_words[] = {{"all", 0}, {"any", 1}, {NULL, 0}};
static const struct word keepalive_words[] = {{"none", 0}, {"msie6", KEEPALIVE_MSIE6},
                                            {"safari", KEEPALIVE_SAFARI}, {NULL, 0}};

/* The path as a template, absolute: a text that begins with a variable is taken to be so. */
static struct template *compile_path(struct conf_call *call)
{
    struct str text = conf_arg(call, 0);
    struct template *path;
    const char *why;

    while (text.len > 1 && text.data[text.len - 1] == '/' && call->directive->name[0] == 'r')
        text.len--;
    if (text.len == 0 || text.data[0] != '$')
        text = generation_path(call->gen, text);
    path = template_compile(call->pool, &call->gen->http_vars, text, &why);
    if (path == NULL)
        conf_fail_arg(call, 0, "%s", why);
    return path;
}

/* These two are made of the path itself. */
static bool check_path(struct conf_call *call)
{
    static const char *const names[] = {"document_root", "realpath_root"};
    struct str text = conf_arg(call, 0);

    for (size_t i = 0; i < COUNT(names); i++) {
        char plain[32], braced[32];

        snprintf(plain, sizeof(plain), "$%s", names[i]);
        snprintf(braced, sizeof(braced), "${%s}", names[i]);
        if (str_search(text, str_of(plain)) >= 0 || str_search(text, str_of(braced)) >= 0)
            return conf_fail_arg(call, 0, "the $%s variable cannot be used in the \"%s\" directive",
                                 names[i], call->directive->name);
    }
    return true;
}

static bool set_root(struct conf_call *call)
{
    struct http_core_conf *conf = call->conf;

    if (!check_path(call))
        return false;
    if (conf->path_node == call->scope->node && conf->alias_len != 0)
        return conf_fail(call, "\"root\" directive is duplicate, \"alias\" directive was "
                               "specified earlier");
    conf->root = compile_path(call);
    conf->alias_len = 0;
    conf->path_node = call->scope->node;
    return conf->root != NULL;
}

/* What comes behind the name then begins anywhere in a name: "/i../x" is "/data/../x". */
static void warn_of_gap(struct conf_call *call, const struct location *location, struct str path)
{
    struct str name = location->name;

    if (location->kind != LOCATION_REGEX && location->kind != LOCATION_EXACT && name.len > 0 &&
        name.data[name.len - 1] != '/' && str_ends(path, STR("/")))
        conf_warn(call, "location \"%" STR_FMT "\" has no \"/\" at its end, its \"alias\" has: "
                        "\"%" STR_FMT "../\" leads out of the directory, and is refused",
                  STR_ARG(name), STR_ARG(name));
}

static bool set_alias(struct conf_call *call)
{
    struct http_core_conf *conf = call->conf;
    const struct location *location = call->scope->owner;

    if (conf->path_node == call->scope->node && conf->alias_len == 0)
        return conf_fail(call, "\"alias\" directive is duplicate, \"root\" directive was "
                               "specified earlier");
    if (!check_path(call))
        return false;
    if (location->kind == LOCATION_NAMED)
        return conf_fail(call, "the \"alias\" directive cannot be used inside the named location");
    conf->root = compile_path(call);
    warn_of_gap(call, location, conf_arg(call, 0));
    conf->alias_len = location->kind == LOCATION_REGEX ? ALIAS_REGEX : (int64_t)location->name.len;
    conf->path_node = call->scope->node;
    return conf->root != NULL;
}

static bool set_types(struct conf_call *call)
{
    return mime_load(call, &((struct http_core_conf *)call->conf)->types);
}

static bool set_error_page(struct conf_call *call)
{
    return error_page_load(call, &((struct http_core_conf *)call->conf)->error_pages);
}

/* "on" names us with the version, "off" without, "" not at all, another text itself. */
static bool set_server_tokens(struct conf_call *call)
{
    struct http_core_conf *conf = call->conf;
    struct str text = conf_arg(call, 0);
    const char *why;

    conf->server_text = NULL;
    if (str_eq(text, STR("on")) || str_eq(text, STR("build")))
        conf->server_header = STR("weir/" WEIR_VERSION);
    else if (str_eq(text, STR("off")))
        conf->server_header = STR("weir");
    else if (!template_has_vars(text))
        conf->server_header = field_safe_value(call->pool, text);
    else if ((conf->server_text = template_compile(call->pool, &call->gen->http_vars, text,
                                                   &why)) == NULL)
        return conf_fail_arg(call, 0, "%s", why);
    return true;
}

static bool set_keepalive_timeout(struct conf_call *call)
{
    struct http_core_conf *conf = call->conf;

    conf->keepalive_header_s = 0;
    if (!conf_ms(conf_arg(call, 0), &conf->keepalive_timeout_ms))
        return conf_fail_arg(call, 0, "invalid value \"%" STR_FMT "\" in \"keepalive_timeout\"",
                             STR_ARG(conf_arg(call, 0)));
    if (call->count > 1 && !conf_sec(conf_arg(call, 1), &conf->keepalive_header_s))
        return conf_fail_arg(call, 1, "invalid value \"%" STR_FMT "\" in \"keepalive_timeout\"",
                             STR_ARG(conf_arg(call, 1)));
    return true;
}

static bool set_keepalive_min(struct conf_call *call)
{
    struct http_core_conf *conf = call->conf;

    conf->keepalive_min_set = true;
    return true;
}

static bool set_temp_path(struct conf_call *call)
{
    struct http_core_conf *conf = call->conf;

    conf->client_body_temp = temp_path_load(call);
    return conf->client_body_temp != NULL;
}

static const struct directive directives[] = {
    {.name = "client_header_timeout", .where = IN_HTTP | IN_SERVER, .args = "time",
     .value = VALUE_MS, .field = F(client_header_timeout_ms), .initial = "60s",
     .doc = "How long a client may take to send a request's head; then 408."},
    {.name = "client_header_buffer_size", .where = IN_HTTP | IN_SERVER, .args = "size",
     .value = VALUE_SIZE, .field = F(client_header_buffer_bytes), .initial = "1k", .min = 1,
     .max = 1 << 20,
     .doc = "Buffer that a request's head is first read into."},
    {.name = "large_client_header_buffers", .where = IN_HTTP | IN_SERVER, .args = "number size",
     .value = VALUE_BUFS, .field = F(large_header_buffers), .initial = "4 8k",
     .doc = "Most that a large head may take. A request line or a header field must fit in one "
            "buffer, the head in all of them."},
    {.name = "max_headers", .where = IN_HTTP | IN_SERVER, .args = "number", .value = VALUE_INT,
     .field = F(max_headers), .initial = "1000", .min = 1, .max = 65000,
     .doc = "Most header fields that a request may have."},
    {.name = "connection_pool_size", .where = IN_HTTP | IN_SERVER, .args = "size",
     .value = VALUE_SIZE, .field = F(connection_pool_bytes), .initial = "512",
     .notice = "connections need no pool of their own here",
     .doc = "Accepted for compatibility: pools size themselves."},
    {.name = "request_pool_size", .where = IN_HTTP | IN_SERVER, .args = "size",
     .value = VALUE_SIZE, .field = F(request_pool_bytes), .initial = "4k",
     .notice = "request pools size themselves",
     .doc = "Accepted for compatibility: pools size themselves."},
    {.name = "ignore_invalid_headers", .where = IN_HTTP | IN_SERVER, .args = "on|off",
     .value = VALUE_FLAG, .field = F(ignore_invalid_headers), .initial = "on",
     .doc = "Drop header fields whose names have characters other than letters, digits, hyphens "
            "and possibly underscores."},
    {.name = "underscores_in_headers", .where = IN_HTTP | IN_SERVER, .args = "on|off",
     .value = VALUE_FLAG, .field = F(underscores_in_headers), .initial = "off",
     .doc = "Take underscores in header names as valid."},
    {.name = "merge_slashes", .where = IN_HTTP | IN_SERVER, .args = "on|off", .value = VALUE_FLAG,
     .field = F(merge_slashes), .initial = "on",
     .doc = "Treat several slashes in a row in the path as one."},

    {.name = "client_max_body_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(client_max_body_bytes), .initial = "1m",
     .doc = "Largest request body; larger gets 413. 0 takes any."},
    {.name = "client_body_buffer_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(client_body_buffer_bytes), .initial = "16k",
     .doc = "Memory for a request's body; more goes to a temporary file."},
    {.name = "client_body_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,
     .field = F(client_body_timeout_ms), .initial = "60s",
     .doc = "Longest pause between two reads of a request's body; then 408."},
    {.name = "client_body_temp_path", .where = IN_WEB, .args = "path [level1 [level2 [level3]]]",
     .apply = set_temp_path, .initial = "client_body_temp",
     .doc = "Where request bodies that do not fit in memory go."},
    {.name = "client_body_in_file_only", .where = IN_WEB, .args = "on|clean|off",
     .value = VALUE_ENUM, .words = file_only_words, .field = F(client_body_in_file_only),
     .initial = "off",
     .doc = "Write every request body to a file, and keep it (on) or remove it (clean)."},
    {.name = "client_body_in_single_buffer", .where = IN_WEB, .args = "on|off",
     .value = VALUE_FLAG, .field = F(client_body_in_single_buffer), .initial = "off",
     .notice = "a body in memory can always be read as one piece",
     .doc = "Accepted for compatibility: a body in memory can always be read as one piece."},

    {.name = "root", .where = IN_WEB_IF, .args = "path", .apply = set_root, .initial = "html",
     .doc = "Directory that request paths are looked up in. What leads out of it, by way of a "
            "variable or of rewriting, is not found."},
    {.name = "alias", .where = IN_LOCATION, .args = "path", .apply = set_alias,
     .doc = "Replaces the part of the path that the location matched. A path that leads out of the "
            "directory that is named here, because the location ends in the middle of a name, is "
            "not found: \"location /i { alias /data/; }\" does not serve \"/i../x\", nor does "
            "\"location /i { alias /data; }\" serve \"/ix\" from \"/datax\"."},
    {.name = "types", .where = IN_WEB, .args = "{ }", .apply = set_types, .raw_block = true,
     .repeat = true, .field = F(types),
     .doc = "Maps file name extensions to MIME types."},
    {.name = "types_hash_max_size", .where = IN_WEB, .args = "size", .value = VALUE_INT,
     .field = F(ignored_size), .notice = "tables size themselves",
     .doc = "Accepted for compatibility: tables size themselves."},
    {.name = "types_hash_bucket_size", .where = IN_WEB, .args = "size", .value = VALUE_INT,
     .field = F(ignored_size), .notice = "tables size themselves",
     .doc = "Accepted for compatibility: tables size themselves."},
    {.name = "server_names_hash_max_size", .where = IN_HTTP, .args = "size", .value = VALUE_INT,
     .field = F(ignored_size), .notice = "tables size themselves",
     .doc = "Accepted for compatibility: tables size themselves."},
    {.name = "server_names_hash_bucket_size", .where = IN_HTTP, .args = "size",
     .value = VALUE_INT, .field = F(ignored_size), .notice = "tables size themselves",
     .doc = "Accepted for compatibility: tables size themselves."},
    {.name = "variables_hash_max_size", .where = IN_HTTP, .args = "size", .value = VALUE_INT,
     .field = F(ignored_size), .notice = "tables size themselves",
     .doc = "Accepted for compatibility: tables size themselves."},
    {.name = "variables_hash_bucket_size", .where = IN_HTTP, .args = "size", .value = VALUE_INT,
     .field = F(ignored_size), .notice = "tables size themselves",
     .doc = "Accepted for compatibility: tables size themselves."},
    {.name = "default_type", .where = IN_WEB, .args = "mime-type", .value = VALUE_STR,
     .field = F(default_type), .initial = "text/plain",
     .doc = "MIME type where no extension decides."},
    {.name = "sendfile", .where = IN_WEB_IF, .args = "on|off", .value = VALUE_FLAG,
     .field = F(sendfile), .initial = "off",
     .doc = "Send files with sendfile(2)."},
    {.name = "sendfile_max_chunk", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(sendfile_max_chunk), .initial = "2m",
     .doc = "Most that is sent to one client before others have their turn. 0: as much as it "
            "takes."},
    {.name = "if_modified_since", .where = IN_WEB, .args = "off|exact|before",
     .value = VALUE_ENUM, .words = modified_words, .field = F(if_modified_since),
     .initial = "exact",
     .doc = "How If-Modified-Since is compared with the time of the response."},
    {.name = "max_ranges", .where = IN_WEB, .args = "number", .value = VALUE_INT,
     .field = F(max_ranges), .initial = "2147483647",
     .doc = "Most byte ranges served in one response; 0 serves none."},
    {.name = "etag", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG, .field = F(etag),
     .initial = "on", .doc = "Give static files an ETag."},
    {.name = "log_not_found", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(log_not_found), .initial = "on", .doc = "Log files that were not found."},
    {.name = "output_buffers", .where = IN_WEB, .args = "number size", .value = VALUE_BUFS,
     .field = F(output_buffers), .initial = "2 32k",
     .doc = "Buffers for reading a file when it is not sent with sendfile."},

    {.name = "tcp_nopush", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(tcp_nopush), .initial = "off",
     .doc = "Send the head and the beginning of a file in full packets."},
    {.name = "tcp_nodelay", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(tcp_nodelay), .initial = "on", .doc = "Send small packets without delay."},
    {.name = "chunked_transfer_encoding", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(chunked), .initial = "on",
     .doc = "Use chunked coding for HTTP/1.1 responses of unknown length."},
    {.name = "reset_timedout_connection", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(reset_timedout), .initial = "off",
     .doc = "Reset timed-out connections instead of closing them."},
    {.name = "send_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,
     .field = F(send_timeout_ms), .initial = "60s",
     .doc = "Longest pause between two writes of a response; then the connection is closed."},
    {.name = "send_lowat", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(send_lowat), .initial = "0", .notice = "has no effect on Linux",
     .doc = "Accepted for compatibility: has no effect on Linux."},
    {.name = "postpone_output", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(postpone_output), .initial = "1460",
     .doc = "Accepted for compatibility: a loop turn's output is always gathered.",
     .notice = "a loop turn's output is always gathered into one write"},

    {.name = "keepalive_timeout", .where = IN_WEB, .args = "timeout [header_timeout]",
     .apply = set_keepalive_timeout, .initial = "75s",
     .doc = "How long an idle connection stays open; 0 closes after each response."},
    {.name = "keepalive_min_timeout", .where = IN_WEB, .args = "timeout", .value = VALUE_MS,
     .field = F(keepalive_min_timeout_ms), .apply = set_keepalive_min,
     .doc = "How long an idle connection is kept at least while a worker shuts down."},
    {.name = "keepalive_requests", .where = IN_WEB, .args = "number", .value = VALUE_INT,
     .field = F(keepalive_requests), .initial = "1000",
     .doc = "Most requests served over one connection."},
    {.name = "keepalive_time", .where = IN_WEB, .args = "time", .value = VALUE_MS,
     .field = F(keepalive_time_ms), .initial = "1h",
     .doc = "How long a connection may serve requests before it is closed after one."},
    {.name = "keepalive_disable", .where = IN_WEB, .args = "none|msie6|safari...",
     .value = VALUE_BITS, .repeat = true, .words = keepalive_words, .field = F(keepalive_disable),
     .initial = "msie6", .doc = "Browsers that get no keep-alive after a POST."},
    {.name = "lingering_close", .where = IN_WEB, .args = "off|on|always", .value = VALUE_ENUM,
     .words = lingering_words, .field = F(lingering), .initial = "on",
     .doc = "Whether to read and drop what a client still sends before closing."},
    {.name = "lingering_time", .where = IN_WEB, .args = "time", .value = VALUE_MS,
     .field = F(lingering_time_ms), .initial = "30s",
     .doc = "Longest time of reading and dropping before a close."},
    {.name = "lingering_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,
     .field = F(lingering_timeout_ms), .initial = "5s",
     .doc = "Longest pause in what is read and dropped before a close."},

    {.name = "error_page", .where = IN_WEB_IF, .args = "code ... uri", .apply = set_error_page,
     .repeat = true, .field = F(error_pages),
     .doc = "What to answer with instead of a status: error_page code ... [=[response]] uri."},
    {.name = "recursive_error_pages", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(recursive_error_pages), .initial = "off",
     .doc = "Apply error_page to the errors of error pages too."},
    {.name = "absolute_redirect", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(absolute_redirect), .initial = "on",
     .doc = "Complete redirects of our own with scheme, host and port."},
    {.name = "server_name_in_redirect", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(server_name_in_redirect), .initial = "off",
     .doc = "Use the first server_name, not Host, in redirects of our own."},
    {.name = "port_in_redirect", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(port_in_redirect), .initial = "on",
     .doc = "Put the port into redirects of our own when it is not the scheme's."},
    {.name = "msie_refresh", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(msie_refresh), .initial = "off",
     .doc = "Redirect Internet Explorer by a page that refreshes itself."},
    {.name = "msie_padding", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(msie_padding), .initial = "on",
     .doc = "Pad short error pages for old versions of Internet Explorer and Chrome."},
    {.name = "satisfy", .where = IN_WEB, .args = "all|any", .value = VALUE_ENUM,
     .words = satisfy_words, .field = F(satisfy), .initial = "all",
     .doc = "Whether all access rules must let a request in, or any one of them."},
    {.name = "auth_delay", .where = IN_WEB, .args = "time", .value = VALUE_MS,
     .field = F(auth_delay_ms), .initial = "0s",
     .doc = "How long a request without the right password waits for its 401."},
    {.name = "server_tokens", .where = IN_WEB, .args = "on|off|build|string",
     .apply = set_server_tokens, .initial = "on",
     .doc = "What the Server field and error pages say: name with version, name alone, or a text "
            "of yours (\"\" for nothing)."},
    {.name = "log_subrequest", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(log_subrequest), .initial = "off", .doc = "Log subrequests in the access log."},
    {.name = "post_action", .where = IN_WEB_IF, .args = "uri", .value = VALUE_STR,
     .field = F(post_action),
     .doc = "Makes a request for this URI, or for a named location, when a response is over; its "
            "answer is dropped. Variables tell of the response."},
    {.name = "subrequest_output_buffer_size", .where = IN_WEB, .args = "size",
     .value = VALUE_SIZE, .field = F(subrequest_output_bytes), .initial = "4k",
     .doc = "Largest answer of a subrequest that is kept in memory (include set= of SSI pages)."},
};

const struct module http_core_module = {
    .name = "http_core",
    .doc = "Reading requests, serving files, keeping connections.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .conf_size = sizeof(struct http_core_conf),
    .index = &http_core_index,
};

struct str http_core_type(const struct http_core_conf *conf, struct str ext)
{
    struct str type = ext.len > 0 ? mime_find(conf->types, ext) : STR_NONE;

    return type.data != NULL ? type : conf->default_type;
}

struct str http_core_signature(struct request *r)
{
    const struct http_core_conf *conf = HTTP_CORE(r);

    if (likely(conf->server_text == NULL))
        return conf->server_header;
    return field_safe_value(request_pool(r), scope_eval(&r->scope, conf->server_text));
}
