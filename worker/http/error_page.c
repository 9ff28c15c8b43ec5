/*
 * worker/http/error_page.c - what is sent in place of an error.
 */
#include "worker/http/error_page.h"

#include "common/conf_value.h"
#include "common/fmt.h"
#include "common/generation.h"
#include "worker/codec/escape.h"
#include "worker/http/body.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"
#include "worker/http/user_agent.h"

struct error_page {
    int status;
    int answer;             /* to send instead: -1 the same, 0 what the page itself answers */
    struct template *uri;
};

/* Configuration -------------------------------------------------------------------------------- */

/* "=200" or "=" before the uri. */
static bool read_answer(struct conf_call *call, uint32_t i, int *answer)
{
    struct str text = str_from(conf_arg(call, i), 1);
    int64_t n = 0;

    if (text.len > 0 && (!conf_int(text, &n) || n < 200 || n > 999))
        return conf_fail_arg(call, i, "invalid value \"%" STR_FMT "\"", STR_ARG(text));
    *answer = (int)n;
    return true;
}

static bool add_code(struct conf_call *call, uint32_t i, struct array *pages, int answer,
                     struct template *uri)
{
    struct error_page *page;
    int64_t status;

    if (!conf_int(conf_arg(call, i), &status))
        return conf_fail_arg(call, i, "invalid value \"%" STR_FMT "\"", STR_ARG(conf_arg(call, i)));
    if (status < 300 || status > 599 || status == 499)
        return conf_fail_arg(call, i, "value \"%" STR_FMT "\" must be between 300 and 599",
                             STR_ARG(conf_arg(call, i)));
    page = array_push(pages);
    page->status = status == 494 ? 400 : (int)status;
    page->answer = answer;
    page->uri = uri;
    return true;
}

bool error_page_load(struct conf_call *call, struct array **pages)
{
    uint32_t codes = call->count - 1;
    struct str before = conf_arg(call, codes - 1), text = conf_arg(call, codes);
    struct template *uri;
    const char *why;
    int answer = -1;

    if (codes > 0 && before.len > 0 && before.data[0] == '=') {
        codes--;
        if (!read_answer(call, codes, &answer))
            return false;
    }
    if (codes == 0)
        return conf_fail(call, "invalid number of arguments in \"error_page\" directive");
    uri = template_compile(call->pool, &call->gen->http_vars, text, &why);
    if (uri == NULL)
        return conf_fail_arg(call, call->count - 1, "%s", why);
    if (*pages == NULL) {
        *pages = pool_alloc(call->pool, sizeof(**pages));
        **pages = array_of(struct error_page, call->pool);
    }
    for (uint32_t i = 0; i < codes; i++) {
        if (!add_code(call, i, *pages, answer, uri))
            return false;
    }
    return true;
}

/* At run time ---------------------------------------------------------------------------------- */

/* One that is too large, or broken: the page is made as if there were none. */
static void drop_failed_body(struct request *r)
{
    if (r->body == NULL || !r->body->failed)
        return;
    if (r->body->wire != NULL)
        r->body->wire->waiter = NULL;
    r->body = NULL;
}

static enum verdict go_to_page(struct request *r, const struct error_page *page)
{
    struct str uri = scope_eval(&r->scope, page->uri), args = STR_NONE;
    int status = r->out.status;
    ssize_t mark;

    if (page->answer >= 0)
        status = page->answer;
    record(r, "answer", "error_page: \"%" STR_FMT "\"", STR_ARG(uri));
    drop_failed_body(r);
    if (uri.len > 0 && (uri.data[0] == '/' || uri.data[0] == '@'))
        r->error_status = (uint16_t)status;
    if (uri.len > 0 && uri.data[0] == '@')
        return request_go_named(r, uri);
    if (uri.len > 0 && uri.data[0] == '/') {
        if (r->method != METHOD_HEAD) {
            r->method = METHOD_GET;
            r->method_text = STR("GET");
        }
        mark = str_find(uri, '?');
        if (mark >= 0) {
            args = str_from(uri, (size_t)mark + 1);
            uri.len = (size_t)mark;
        }
        return request_go_to(r, uri, args);
    }
    if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)
        status = 302;
    r->out.intercepted = true;
    return request_redirect_to(r, status, uri);
}

bool error_page_is_silent(int status)
{
    return status == 408 || status == 444 || status == 499;
}

static const struct error_page *find_page(const struct request *r, int status)
{
    const struct array *pages = HTTP_CORE(r)->error_pages;

    if (pages == NULL)
        return NULL;
    EACH (const struct error_page, page, pages)
        if (page->status == status)
            return page;
    return NULL;
}

enum verdict error_page_apply(struct request *r)
{
    int status = r->out.status == 494 ? 400 : r->out.status;
    const struct error_page *page = find_page(r, status);

    if (page == NULL || r->out.intercepted || r->in_error_page || r->uri_changes == 0 ||
        error_page_is_silent(status))
        return GO_ON;
    r->in_error_page = !HTTP_CORE(r)->recursive_error_pages;
    return go_to_page(r, page);
}

bool error_page_exists(const struct request *r, int status)
{
    return find_page(r, status) != NULL;
}

static const struct {
    int status;
    struct str text;
} reasons[] = {
    {100, STR_INIT("Continue")}, {101, STR_INIT("Switching Protocols")},
    {103, STR_INIT("Early Hints")},
    {200, STR_INIT("OK")}, {201, STR_INIT("Created")}, {202, STR_INIT("Accepted")},
    {204, STR_INIT("No Content")}, {206, STR_INIT("Partial Content")},
    {301, STR_INIT("Moved Permanently")}, {302, STR_INIT("Moved Temporarily")},
    {303, STR_INIT("See Other")}, {304, STR_INIT("Not Modified")},
    {307, STR_INIT("Temporary Redirect")}, {308, STR_INIT("Permanent Redirect")},
    {400, STR_INIT("Bad Request")}, {401, STR_INIT("Unauthorized")},
    {402, STR_INIT("Payment Required")}, {403, STR_INIT("Forbidden")},
    {404, STR_INIT("Not Found")}, {405, STR_INIT("Not Allowed")},
    {406, STR_INIT("Not Acceptable")}, {408, STR_INIT("Request Time-out")},
    {409, STR_INIT("Conflict")}, {410, STR_INIT("Gone")}, {411, STR_INIT("Length Required")},
    {412, STR_INIT("Precondition Failed")}, {413, STR_INIT("Request Entity Too Large")},
    {414, STR_INIT("Request-URI Too Large")}, {415, STR_INIT("Unsupported Media Type")},
    {416, STR_INIT("Requested Range Not Satisfiable")}, {421, STR_INIT("Misdirected Request")},
    {425, STR_INIT("Too Early")},
    {429, STR_INIT("Too Many Requests")}, {500, STR_INIT("Internal Server Error")},
    {501, STR_INIT("Not Implemented")}, {502, STR_INIT("Bad Gateway")},
    {503, STR_INIT("Service Temporarily Unavailable")}, {504, STR_INIT("Gateway Time-out")},
    {505, STR_INIT("HTTP Version Not Supported")}, {507, STR_INIT("Insufficient Storage")},
};

struct str error_page_reason(int status)
{
    size_t low = 0, high = COUNT(reasons);

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (reasons[mid].status == status)
            return reasons[mid].text;
        if (reasons[mid].status < status)
            low = mid + 1;
        else
            high = mid;
    }
    return STR_NONE;
}

/* Statuses of our own, sent as 400 with a page that says more. */
static const char *detail_of(int status)
{
    static const char *const details[] = {
        "Request Header Or Cookie Too Large", "The SSL certificate error",
        "No required SSL certificate was sent", "The plain HTTP request was sent to HTTPS port"};

    return status >= 494 && status <= 497 ? details[status - 494] : NULL;
}

/* What the heading of the standard page says. */
static struct str heading_of(struct pool *pool, int status)
{
    struct str reason = error_page_reason(status);

    if (status == 302)
        return STR("302 Found");
    if (status == 401)
        return STR("401 Authorization Required");
    if (detail_of(status) != NULL)
        return STR("400 Bad Request");
    if (reason.data == NULL)
        return STR_NONE;
    return pool_printf(pool, "%d %" STR_FMT, status, STR_ARG(reason));
}

static bool wants_padding(const struct request *r)
{
    struct str agent = fields_value(r->fields, FIELD_USER_AGENT);

    return r->out.status >= 400 && agent.data != NULL && r->version >= 10 &&
           HTTP_CORE(r)->msie_padding &&
           (user_agent_is_chrome(agent) || user_agent_is_msie(agent));
}

static bool wants_refresh(const struct request *r)
{
    return (r->out.status == 301 || r->out.status == 302) && HTTP_CORE(r)->msie_refresh &&
           user_agent_is_msie(fields_value(r->fields, FIELD_USER_AGENT));
}

/* In place of a redirect: a browser that loses what is behind '#' on the way keeps it so. */
static void answer_refresh(struct request *r)
{
    struct pool *pool = request_pool(r);
    struct str page = pool_printf(pool, "<html><head><meta http-equiv=\"Refresh\" content=\"0; "
                                        "URL=%" STR_FMT "\"></head><body></body></html>\r\n",
                                  STR_ARG(escape(pool, r->out.location, ESCAPE_REFRESH)));

    r->out.status = 200;
    r->error_status = 0;
    r->out.location = STR_NONE;
    r->out.type = STR("text/html");
    r->out.length = (int64_t)page.len;
    r->out.body = source_memory(pool, page);
}

#define PAD "<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n"

void error_page_standard(struct request *r)
{
    struct pool *pool = request_pool(r);
    struct str heading = heading_of(pool, r->out.status), title = heading, line = STR(""), page;
    struct str signature = escape_html(pool, http_core_signature(r));
    const char *detail = detail_of(r->out.status);

    if (wants_refresh(r)) {
        answer_refresh(r);
        return;
    }
    r->out.length = 0;
    if (heading.data == NULL)
        return;
    if (detail != NULL) {
        title = pool_printf(pool, "400 %s", detail);
        line = pool_printf(pool, "<center>%s</center>\r\n", detail);
    }
    page = pool_printf(pool,
                       "<html>\r\n<head><title>%" STR_FMT "</title></head>\r\n<body>\r\n"
                       "<center><h1>%" STR_FMT "</h1></center>\r\n%" STR_FMT
                       "<hr><center>%" STR_FMT "</center>\r\n</body>\r\n</html>\r\n%s",
                       STR_ARG(title), STR_ARG(heading), STR_ARG(line),
                       STR_ARG(signature.len > 0 ? signature : STR("weir")),
                       wants_padding(r) ? PAD PAD PAD PAD PAD PAD : "");
    r->out.type = STR("text/html");
    r->out.length = (int64_t)page.len;
    r->out.body = source_memory(pool, page);
}
