/*
 * worker/proxy/scgi_pass.c - SCGI: its directives, and requests as it has them.
 */
#include "worker/proxy/scgi_pass.h"

#include "common/fmt.h"
#include "worker/codec/scgi.h"
#include "worker/proxy/cgi_params.h"
#include "worker/proxy/cgi_talk.h"
#include "worker/proxy/origin_pass.h"
#include "worker/proxy/store.h"

uint32_t scgi_index;

/* Talking -------------------------------------------------------------------------------------- */

/* The length of the body comes first, whatever the parameters are. */
static size_t texts_bytes(const struct cgi_pairs *params, struct str length)
{
    size_t bytes = sizeof("CONTENT_LENGTH") + length.len + 1;

    for (uint32_t i = 0; i < params->count; i++)
        bytes += cgi_name_bytes(&params->pairs[i]) + 1 + params->pairs[i].value.len + 1;
    return bytes;
}

/* A NUL in a value (a user name may have one) would begin a parameter of the client's choice. */
static char *print_value(char *p, struct str value)
{
    char *end = fmt_str(p, value);

    while ((p = memchr(p, '\0', (size_t)(end - p))) != NULL)
        *p = ' ';
    return end;
}

static char *print_texts(char *p, const struct cgi_pairs *params, struct str length)
{
    p = FMT_LIT(p, "CONTENT_LENGTH\0");
    p = fmt_str(p, length);
    *p++ = '\0';
    for (uint32_t i = 0; i < params->count; i++) {
        p = cgi_name_print(p, &params->pairs[i]);
        *p++ = '\0';
        p = print_value(p, params->pairs[i].value);
        *p++ = '\0';
    }
    return p;
}

static bool write_head(struct proxy_run *run)
{
    struct cgi_pairs params = cgi_params_collect(run);
    char number[20];
    struct str length = {.data = number};
    size_t bytes;
    char *p;

    cgi_talk_begin(run);
    length.len = (size_t)(fmt_uint(number, (uint64_t)MAX(run->send_length, 0)) - number);
    bytes = texts_bytes(&params, length);
    buf_give(&run->head);
    buf_take(&run->head, scgi_head_bytes(bytes));
    p = print_texts(scgi_write_begin(run->head.start, bytes), &params, length);
    run->head.last = scgi_write_end(p);
    must(run->head.last <= run->head.end);
    return true;
}

static const struct proxy_codec codec = {
    .name = "scgi", .index = &scgi_index, .write_head = write_head, CGI_TALK,
};

/* Directives ----------------------------------------------------------------------------------- */

static enum verdict pass_on(struct request *r)
{
    return proxy_run_request(r, &codec);
}

static bool set_pass(struct conf_call *call)
{
    static const struct origin_schemes schemes = {.plain = STR_INIT("scgi://")};

    return origin_pass_load(call, &schemes, pass_on);
}

static bool scope_done(struct conf_call *call)
{
    cgi_params_finish(call);
    return origin_finish(call, cgi_hidden);
}

static const struct directive directives[] = {
    {.name = "scgi_pass", .where = IN_LOCATION | IN_LOCATION_IF, .args = "address",
     .field = ORIGIN(pass), .local = true, .into_if = true, .apply = set_pass,
     .doc = "Passes requests to an SCGI application: an upstream, host:port or unix:path."},
    CGI_ROWS("scgi"),
    ORIGIN_WAY_ROWS("scgi", "what ...", cgi_next_words),
    ORIGIN_SOCKET_ROWS("scgi"),
    ORIGIN_HEAD_ROWS("scgi"),
    ORIGIN_BODY_ROWS("scgi"),
    ORIGIN_STORE_ROWS("scgi"),
};

const struct module scgi_module = {
    .name = "scgi", .nginx_name = "http_scgi_module",
    .doc = "Passing requests to SCGI applications.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .conf_size = sizeof(struct cgi_conf),
    .scope_done = scope_done,
    .index = &scgi_index,
};
