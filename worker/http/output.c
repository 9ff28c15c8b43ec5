/*
 * worker/http/output.c - the last touches to a response before the wire gets it.
 */
#include "worker/http/output.h"

#include "common/addr.h"
#include "worker/http/error_page.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"
#include "worker/http/server.h"

#define FILTERS_MAX 48

static void (*filters[FILTERS_MAX])(struct request *r);
static uint32_t filter_count;

void output_collect(const struct generation *gen)
{
    filter_count = 0;
    for (const struct module *const *m = modules; *m != NULL; m++) {
        if ((*m)->filter == NULL || !phase_needs(gen, *m))
            continue;
        must(filter_count < FILTERS_MAX);
        filters[filter_count++] = (*m)->filter;
    }
}

void output_drop_body(struct request *r)
{
    source_close(r->out.body);
    r->out.body = NULL;
    r->out.length = 0;
}

static struct str redirect_host(const struct request *r)
{
    return HTTP_CORE(r)->server_name_in_redirect ? r->server->first_name : r->host;
}

/* Only what is the file, or says that it has not changed, may be dated by it. */
static bool may_be_dated(int status)
{
    return status == 200 || status == 206 || status == 204 || status == 304;
}

/* "/x" becomes "http://host:port/x", as nginx completes redirects of its own (RFC 9110, 10.2.2). */
static void complete_location(struct request *r)
{
    const struct http_core_conf *conf = HTTP_CORE(r);
    struct str host;
    struct addr local;
    int port = 0;

    if (r->out.location.len == 0 || r->out.location.data[0] != '/' || !conf->absolute_redirect ||
        r->scope.conn == NULL)
        return;
    if (conf->port_in_redirect && conn_local(r->scope.conn, &local) == RC_OK)
        port = addr_port(&local);
    if (port == (r->tls ? 443 : 80))
        port = 0;
    host = redirect_host(r);
    if (host.len == 0 && conn_local(r->scope.conn, &local) == RC_OK) {
        char *text = pool_bytes(request_pool(r), ADDR_TEXT);

        host = (struct str){text, addr_print_host(&local, text, ADDR_TEXT)};
    }
    r->out.location = port != 0
                          ? pool_printf(request_pool(r), "%s://%" STR_FMT ":%d%" STR_FMT,
                                        r->tls ? "https" : "http", STR_ARG(host), port,
                                        STR_ARG(r->out.location))
                          : pool_printf(request_pool(r), "%s://%" STR_FMT "%" STR_FMT,
                                        r->tls ? "https" : "http", STR_ARG(host),
                                        STR_ARG(r->out.location));
}

/* False when one made an error of it. */
static bool run_filters(struct request *r)
{
    bool is_error = r->out.is_error_page;

    for (uint32_t i = 0; i < filter_count; i++) {
        filters[i](r);
        if (r->out.is_error_page != is_error)
            return false;
    }
    return true;
}

bool output_finish(struct request *r)
{
    if (r->out.is_error_page && r->out.body == NULL && r->out.status >= 300)
        error_page_standard(r);
    if (r->out.is_error_page && r->out.status >= 494 && r->out.status <= 497)
        r->out.status = 400;
    if (r->error_status != 0)
        r->out.status = r->error_status;
    if (r->out.location.len > 0)
        complete_location(r);
    if (!run_filters(r))
        return false;
    if (!may_be_dated(r->out.status))
        r->out.has_last_modified = false;
    if (r->out.status == 304) {
        source_close(r->out.body);
        r->out.body = NULL;
    } else if (r->out.status == 204) {
        output_drop_body(r);
        if (r->out.reason.data == NULL) /* one of an origin is passed on as it is */
            r->out.type = STR("");
        r->out.has_last_modified = false;
    }
    return true;
}
