/*
 * worker/http/request_vars.c - the variables of a request: what was asked, by whom, and what was
 * answered.
 */
#include "worker/http/request_vars.h"

#include <limits.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/base64.h"
#include "common/clock.h"
#include "common/fmt.h"
#include "common/random.h"
#include "common/version.h"
#include "worker/codec/cookie.h"
#include "worker/codec/http_date.h"
#include "worker/codec/uri.h"
#include "worker/http/body.h"
#include "worker/http/file_inside.h"
#include "worker/http/file_path.h"
#include "worker/http/http_core.h"
#include "worker/http/server.h"

static struct request *request_of(struct scope *scope)
{
    return CONTAINER(scope, struct request, scope);
}

static void found_or_missing(struct var_value *out, struct str text)
{
    if (text.data == NULL)
        var_missing(out);
    else
        var_found(out, text);
}

static void found_number(struct request *r, struct var_value *out, uint64_t n)
{
    char *text = pool_bytes(request_pool(r), 20);

    var_found(out, str_range(text, fmt_uint(text, n)));
}

/* Plain members of the request: the getter's data is the member's offset. */
static void get_member(struct scope *scope, struct var_value *out, uintptr_t offset)
{
    found_or_missing(out, *(struct str *)(void *)((char *)request_of(scope) + offset));
}

/* What the client sent: a subrequest may have been given less. */
static const struct http_fields *asked_fields(struct scope *scope)
{
    return request_of(scope)->main->fields;
}

static void get_field(struct scope *scope, struct var_value *out, uintptr_t id)
{
    found_or_missing(out, fields_value(asked_fields(scope), (enum field_id)id));
}

/* "x_real_ip" names X-Real-IP. */
static bool names_field(struct str var, struct str field)
{
    if (var.len != field.len)
        return false;
    for (size_t i = 0; i < var.len; i++) {
        char c = ascii_lower(field.data[i]);

        if (var.data[i] != (c == '-' ? '_' : c))
            return false;
    }
    return true;
}

static struct str find_joined(struct request *r, const struct http_fields *fields, struct str var)
{
    EACH_FIELD (f, fields) {
        if (!(f->flags & FIELD_DELETED) && names_field(var, f->name))
            return fields_join(fields, f, request_pool(r));
    }
    return STR_NONE;
}

static struct str behind_prefix(uintptr_t data, const char *prefix)
{
    return str_from(*(const struct str *)data, strlen(prefix));
}

static void get_http(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);

    found_or_missing(out, find_joined(r, asked_fields(scope), behind_prefix(data, "http_")));
}

/* What of the response is not kept as a field. */
static struct str sent_special(struct request *r, struct str name)
{
    const struct response *o = &r->out;
    char *text;

    if (str_eq(name, STR("content_type")))
        return o->type.len == 0      ? STR_NONE
               : o->charset.len == 0 ? o->type
                                     : pool_printf(request_pool(r), "%" STR_FMT "; charset=%"
                                                   STR_FMT, STR_ARG(o->type), STR_ARG(o->charset));
    if (str_eq(name, STR("content_length")) && o->length >= 0 && o->status != 204)
        return pool_printf(request_pool(r), "%lld", (long long)o->length);
    if (str_eq(name, STR("location")) && o->location.len > 0)
        return o->location;
    if (str_eq(name, STR("etag")) && o->etag.len > 0)
        return o->etag;
    if (str_eq(name, STR("content_encoding")) && o->encoding.len > 0)
        return o->encoding;
    if (str_eq(name, STR("last_modified")) && o->has_last_modified) {
        text = pool_bytes(request_pool(r), HTTP_DATE_BYTES);
        return str_range(text, http_date_print(text, o->last_modified));
    }
    if (str_eq(name, STR("connection")))
        return o->upgraded ? STR("upgrade") : r->keep_alive ? STR("keep-alive") : STR("close");
    if (str_eq(name, STR("transfer_encoding")) && o->length < 0 && r->version == 11 &&
        HTTP_CORE(r)->chunked && !r->header_only && o->status != 304 && o->status != 101)
        return STR("chunked");
    if (str_eq(name, STR("accept_ranges")) && o->accept_ranges && o->status == 200 &&
        r->version != 9)
        return STR("bytes");
    return STR_NONE;
}

static void get_sent_http(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);
    struct str name = behind_prefix(data, "sent_http_"), value = sent_special(r, name);

    found_or_missing(out, value.data != NULL ? value : find_joined(r, r->out.fields, name));
}

static void get_sent_trailer(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);

    if (r->out.trailers == NULL)
        var_missing(out);
    else
        found_or_missing(out, find_joined(r, r->out.trailers,
                                          behind_prefix(data, "sent_trailer_")));
}

static void get_arg(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);
    struct str name = behind_prefix(data, "arg_"), value;

    if (r->args.len > 0 && name.len > 0 && uri_arg(r->args, name, &value))
        var_found(out, value);
    else
        var_missing(out);
}

static void get_cookie(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct str value = cookie_find(asked_fields(scope), behind_prefix(data, "cookie_"));

    if (value.data != NULL)
        var_found(out, value);
    else
        var_missing(out);
}

static void get_joined_field(struct scope *scope, struct var_value *out, uintptr_t id)
{
    struct request *r = request_of(scope);
    const struct http_fields *fields = asked_fields(scope);
    const struct http_field *f = fields_find(fields, (enum field_id)id);

    found_or_missing(out, f == NULL ? STR_NONE : fields_join(fields, f, request_pool(r)));
}

/* As sent, or as counted when a body without it was read. */
static void get_content_length(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);
    bool counted = !fields_has(asked_fields(scope), FIELD_CONTENT_LENGTH) && r->body != NULL &&
                   r->body->complete;

    if (counted)
        found_number(r, out, (uint64_t)body_length(r));
    else
        get_field(scope, out, FIELD_CONTENT_LENGTH);
}

/* The port that the client named, and the colon before it. */
static void get_request_port(struct scope *scope, struct var_value *out, uintptr_t is)
{
    struct request *r = request_of(scope);

    if (r->host_port < 0)
        var_found(out, STR(""));
    else if (is)
        var_found(out, STR(":"));
    else
        found_number(r, out, (uint64_t)r->host_port);
}

static void get_host(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);

    var_found(out, r->host.len > 0 ? r->host : r->server->first_name);
}

static void get_server_name(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_found(out, request_of(scope)->server->first_name);
}

static void get_hostname(struct scope *scope, struct var_value *out, uintptr_t data)
{
    static char name[HOST_NAME_MAX + 1];

    if (name[0] == '\0')
        gethostname(name, sizeof(name) - 1);
    var_found(out, str_of(name));
}

/* The four halves of the connection's two addresses. */
enum { PEER_HOST, PEER_PORT, LOCAL_HOST, LOCAL_PORT };

static bool find_addr(struct scope *scope, uintptr_t which, struct addr *addr)
{
    if (which == PEER_HOST || which == PEER_PORT)
        return scope_client(scope, addr);
    return scope->conn != NULL && conn_local(scope->conn, addr) == RC_OK;
}

static void get_addr(struct scope *scope, struct var_value *out, uintptr_t which)
{
    struct request *r = request_of(scope);
    struct addr addr;
    char *text;

    if (!find_addr(scope, which, &addr)) {
        var_missing(out);
        return;
    }
    if (which == PEER_PORT || which == LOCAL_PORT) {
        if (addr_port(&addr) == 0)
            var_found(out, STR(""));
        else
            found_number(r, out, (uint64_t)addr_port(&addr));
        return;
    }
    text = pool_bytes(request_pool(r), ADDR_TEXT);
    var_found(out, (struct str){text, addr_print_host(&addr, text, ADDR_TEXT)});
}

static void get_binary_addr(struct scope *scope, struct var_value *out, uintptr_t data)
{
    const uint8_t *bytes;
    struct addr client;
    char *copy;
    size_t len;

    if (!scope_client(scope, &client) || (len = addr_bytes(&client, &bytes)) == 0) {
        var_found(out, STR(""));
        return;
    }
    copy = pool_bytes(scope->pool, len);
    memcpy(copy, bytes, len);
    var_found(out, (struct str){copy, len});
}

static void get_scheme(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_found(out, request_of(scope)->tls ? STR("https") : STR("http"));
}

static void get_https(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_found(out, request_of(scope)->tls ? STR("on") : STR(""));
}

/* As sent: there are clients of HTTP/1.2 too. */
static struct str protocol_in_line(struct str line)
{
    struct str text = {line.data + line.len, 0};

    while (text.data > line.data && text.data[-1] != ' ')
        text = (struct str){text.data - 1, text.len + 1};
    return str_starts(text, STR("HTTP/")) ? text : STR("");
}

static void get_protocol(struct scope *scope, struct var_value *out, uintptr_t data)
{
    switch (request_of(scope)->version) {
    case 20:
        var_found(out, STR("HTTP/2.0"));
        break;
    case 30:
        var_found(out, STR("HTTP/3.0"));
        break;
    default:
        var_found(out, request_of(scope)->method_text.data == NULL
                           ? STR("") : protocol_in_line(request_of(scope)->line));
        break;
    }
}

static void get_is_args(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_found(out, request_of(scope)->args.len > 0 ? STR("?") : STR(""));
}

static void set_args(struct scope *scope, const struct var_value *value, uintptr_t data)
{
    struct request *r = request_of(scope);

    r->args = (struct str){value->data, value->len};
    r->uri_raw_ok = false;
    r->args_changed = true;
}

static void get_status(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);
    int status = r->error_status != 0 ? r->error_status : r->out.status;
    char *text = pool_bytes(request_pool(r), 20);

    if (status == 0 && r->version == 9)
        status = 9;
    if (status == 0)
        status = r->answered ? 0 : 200;
    var_found(out, str_range(text, fmt_pad(text, (uint64_t)status, 3)));
}

/* Of an error that was made here and is what the client gets, or why it got but a part. */
static void get_fail_reason(struct scope *scope, struct var_value *out, uintptr_t data)
{
    const struct request *r = request_of(scope);
    int status = r->error_status != 0 ? r->error_status : r->out.status;

    if ((status >= 400 || r->out.upgraded || r->send_failed) && r->fail_reason != NULL)
        var_found(out, str_of(r->fail_reason));
    else
        var_missing(out);
}

enum { BYTES_ALL, BYTES_BODY, BYTES_REQUEST, CONN_NUMBER, CONN_REQUESTS, PROCESS_ID };

static void get_number(struct scope *scope, struct var_value *out, uintptr_t which)
{
    struct request *r = request_of(scope);

    switch (which) {
    case BYTES_ALL:
        found_number(r, out, r->head_sent + r->body_sent);
        break;
    case BYTES_BODY:
        found_number(r, out, r->body_sent);
        break;
    case BYTES_REQUEST:
        found_number(r, out, (uint64_t)r->head_bytes);
        break;
    case CONN_NUMBER:
        found_number(r, out, r->log.conn_number);
        break;
    case CONN_REQUESTS:
        found_number(r, out, r->conn_requests);
        break;
    case PROCESS_ID:
        found_number(r, out, (uint64_t)getpid());
        break;
    }
}

static void found_seconds(struct request *r, struct var_value *out, int64_t ms)
{
    char *text = pool_bytes(request_pool(r), 32), *p;

    ms = MAX(ms, 0);
    p = fmt_uint(text, (uint64_t)(ms / 1000));
    *p++ = '.';
    p = fmt_pad(p, (uint64_t)(ms % 1000), 3);
    var_found(out, str_range(text, p));
}

static void get_request_time(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);

    found_seconds(r, out, clock_mono_ms - r->started_mono_ms);
}

static void get_connection_time(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);

    found_seconds(r, out, clock_mono_ms - r->conn_opened_ms);
}

static void get_msec(struct scope *scope, struct var_value *out, uintptr_t data)
{
    found_seconds(request_of(scope), out, clock_wall_ms);
}

static void get_time_iso(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_found(out, pool_str(scope->pool, clock_iso()));
}

static void get_time_local(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_found(out, pool_str(scope->pool, clock_log()));
}

static void get_completion(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_found(out, request_of(scope)->complete ? STR("OK") : STR(""));
}

static void get_request_id(struct scope *scope, struct var_value *out, uintptr_t data)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[16];
    char *text = pool_bytes(scope->pool, 32);

    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    var_found(out, (struct str){text, 32});
}

/* The name in "Authorization: Basic ..." (RFC 7617), not checked. */
static void get_remote_user(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);
    struct str text = fields_value(r->fields, FIELD_AUTHORIZATION);
    ssize_t len, colon;
    char *plain;

    var_missing(out);
    if (text.data == NULL || !str_starts_nocase(text, STR("basic ")))
        return;
    text = str_trim(str_from(text, 6));
    plain = pool_bytes(scope->pool, BASE64_DECODED(text.len));
    len = base64_decode(plain, text);
    if (len > 0 && (colon = str_find((struct str){plain, (size_t)len}, ':')) > 0)
        var_found(out, (struct str){plain, (size_t)colon});
}

static void get_document_root(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_found(out, file_path_root(request_of(scope)));
}

static void get_realpath_root(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct str root = file_path_root(request_of(scope));
    char real[PATH_MAX], *path = pool_cstr(scope->pool, root);

    if (realpath(path, real) == NULL) {
        var_missing(out);
        return;
    }
    var_found(out, pool_str(scope->pool, str_of(real)));
}

static void get_request_filename(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);
    struct str path = file_path(r, 0);

    var_found(out, file_inside(r, path) ? path : STR(""));
}

static void get_request_body(struct scope *scope, struct var_value *out, uintptr_t data)
{
    found_or_missing(out, body_in_memory(request_of(scope)));
}

static void get_request_body_file(struct scope *scope, struct var_value *out, uintptr_t data)
{
    found_or_missing(out, body_file_name(request_of(scope)));
}

static void get_nginx_version(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_found(out, STR(NGINX_VERSION));
}

static void get_pipe(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_found(out, request_of(scope)->pipelined ? STR("p") : STR("."));
}

static void get_tcpinfo(struct scope *scope, struct var_value *out, uintptr_t offset)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    uint32_t value;

    if (scope->conn == NULL ||
        getsockopt(scope->conn->ev.fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) {
        var_missing(out);
        return;
    }
    memcpy(&value, (char *)&info + offset, sizeof(value));
    found_number(request_of(scope), out, value);
}

#define MEMBER(name) offsetof(struct request, name)
#define TCPI(name)   offsetof(struct tcp_info, tcpi_##name)

static const struct var_def variables[] = {
    {.name = "request", .get = get_member, .data = MEMBER(line)},
    {.name = "request_uri", .get = get_member, .data = MEMBER(target)},
    {.name = "request_method", .get = get_member, .data = MEMBER(method_text),
     .flags = VAR_NO_CACHE},
    {.name = "uri", .get = get_member, .data = MEMBER(uri), .flags = VAR_NO_CACHE},
    {.name = "document_uri", .get = get_member, .data = MEMBER(uri), .flags = VAR_NO_CACHE},
    {.name = "args", .get = get_member, .set = set_args, .data = MEMBER(args),
     .flags = VAR_NO_CACHE | VAR_CHANGEABLE},
    {.name = "query_string", .get = get_member, .data = MEMBER(args), .flags = VAR_NO_CACHE},
    {.name = "is_args", .get = get_is_args, .flags = VAR_NO_CACHE},
    {.name = "arg_", .get = get_arg, .flags = VAR_NO_CACHE | VAR_PREFIX},
    {.name = "http_", .get = get_http, .flags = VAR_PREFIX},
    {.name = "cookie_", .get = get_cookie, .flags = VAR_PREFIX},
    {.name = "sent_http_", .get = get_sent_http, .flags = VAR_PREFIX},
    {.name = "sent_trailer_", .get = get_sent_trailer, .flags = VAR_PREFIX},
    {.name = "http_host", .get = get_field, .data = FIELD_HOST},
    {.name = "http_user_agent", .get = get_field, .data = FIELD_USER_AGENT},
    {.name = "http_referer", .get = get_field, .data = FIELD_REFERER},
    {.name = "http_via", .get = get_joined_field, .data = FIELD_VIA},
    {.name = "http_x_forwarded_for", .get = get_joined_field, .data = FIELD_X_FORWARDED_FOR},
    {.name = "http_cookie", .get = get_joined_field, .data = FIELD_COOKIE},
    {.name = "content_length", .get = get_content_length, .flags = VAR_NO_CACHE},
    {.name = "content_type", .get = get_field, .data = FIELD_CONTENT_TYPE},
    {.name = "host", .get = get_host},
    {.name = "is_request_port", .get = get_request_port, .data = true},
    {.name = "request_port", .get = get_request_port},
    {.name = "hostname", .get = get_hostname},
    {.name = "server_name", .get = get_server_name},
    {.name = "server_addr", .get = get_addr, .data = LOCAL_HOST},
    {.name = "server_port", .get = get_addr, .data = LOCAL_PORT},
    {.name = "remote_addr", .get = get_addr, .data = PEER_HOST},
    {.name = "remote_port", .get = get_addr, .data = PEER_PORT},
    {.name = "binary_remote_addr", .get = get_binary_addr},
    {.name = "remote_user", .get = get_remote_user},
    {.name = "scheme", .get = get_scheme},
    {.name = "https", .get = get_https},
    {.name = "server_protocol", .get = get_protocol},
    {.name = "status", .get = get_status, .flags = VAR_NO_CACHE},
    {.name = "fail_reason", .get = get_fail_reason, .flags = VAR_NO_CACHE},
    {.name = "bytes_sent", .get = get_number, .data = BYTES_ALL, .flags = VAR_NO_CACHE},
    {.name = "body_bytes_sent", .get = get_number, .data = BYTES_BODY, .flags = VAR_NO_CACHE},
    {.name = "request_length", .get = get_number, .data = BYTES_REQUEST, .flags = VAR_NO_CACHE},
    {.name = "connection", .get = get_number, .data = CONN_NUMBER},
    {.name = "connection_requests", .get = get_number, .data = CONN_REQUESTS},
    {.name = "connection_time", .get = get_connection_time, .flags = VAR_NO_CACHE},
    {.name = "pid", .get = get_number, .data = PROCESS_ID},
    {.name = "request_time", .get = get_request_time, .flags = VAR_NO_CACHE},
    {.name = "request_completion", .get = get_completion, .flags = VAR_NO_CACHE},
    {.name = "request_id", .get = get_request_id},
    {.name = "msec", .get = get_msec, .flags = VAR_NO_CACHE},
    {.name = "time_iso8601", .get = get_time_iso, .flags = VAR_NO_CACHE},
    {.name = "time_local", .get = get_time_local, .flags = VAR_NO_CACHE},
    {.name = "document_root", .get = get_document_root, .flags = VAR_NO_CACHE},
    {.name = "realpath_root", .get = get_realpath_root, .flags = VAR_NO_CACHE},
    {.name = "request_filename", .get = get_request_filename, .flags = VAR_NO_CACHE},
    {.name = "request_body", .get = get_request_body},
    {.name = "request_body_file", .get = get_request_body_file},
    {.name = "nginx_version", .get = get_nginx_version},
    {.name = "pipe", .get = get_pipe},
    {.name = "tcpinfo_rtt", .get = get_tcpinfo, .data = TCPI(rtt), .flags = VAR_NO_CACHE},
    {.name = "tcpinfo_rttvar", .get = get_tcpinfo, .data = TCPI(rttvar), .flags = VAR_NO_CACHE},
    {.name = "tcpinfo_snd_cwnd", .get = get_tcpinfo, .data = TCPI(snd_cwnd), .flags = VAR_NO_CACHE},
    {.name = "tcpinfo_rcv_space", .get = get_tcpinfo, .data = TCPI(rcv_space),
     .flags = VAR_NO_CACHE},
};

const struct module http_variables_module = {
    .name = "http_variables",
    .doc = "Variables of every request.",
    .family = FAMILY_HTTP,
    .variables = TABLE(variables),
};
