/*
 * worker/handler/flv.c - Flash videos from a place within: ?start=BYTES. What is sent then begins
 * with the header of a file of its own.
 */
#include "worker/handler/flv.h"

#include "common/conf_load.h"
#include "worker/codec/uri.h"
#include "worker/handler/static_file.h"
#include "worker/http/file_access.h"

static uint32_t flv_index;

struct flv_conf {
    const struct conf_node *on; /* where it stands; NULL: off */
};

/* 0: from the beginning. */
static int64_t start_of(const struct request *r, int64_t bytes)
{
    struct str value;
    int64_t start;

    if (!uri_arg(r->args, STR("start"), &value) || !str_to_int(value, &start) || start >= bytes)
        return 0;
    return start;
}

static enum verdict send_file(struct request *r, struct cached_file *file)
{
    static const struct str head = STR_INIT("FLV\x1\x5\0\0\0\x9\0\0\0\0");
    int64_t start = start_of(r, file->bytes);
    struct source *parts[2];

    static_file_describe(r, file);
    r->out.accept_ranges = true;
    parts[1] = file_access_source(r, file, start, file->bytes - start);
    r->out.body = parts[1];
    if (start > 0) {
        parts[0] = source_memory(request_pool(r), head);
        r->out.body = source_joined(request_pool(r), parts, 2);
    }
    r->out.length = r->out.body->length;
    return ANSWERED;
}

static enum verdict serve(struct request *r)
{
    struct cached_file *file;
    enum verdict answer;

    if (REQUEST_CONF(r, flv_index, struct flv_conf)->on == NULL)
        return GO_ON;
    if (r->method != METHOD_GET && r->method != METHOD_HEAD)
        return request_fail(r, 405, "request.method");
    file = static_file_open(r, &answer);
    return file != NULL ? send_file(r, file) : answer;
}

static bool set_on(struct conf_call *call)
{
    ((struct flv_conf *)call->conf)->on = call->node;
    return true;
}

static const struct directive directives[] = {
    {.name = "flv", .where = IN_LOCATION, .args = "", .apply = set_on, .local = true,
     .into_if = true, .field = FIELD(struct flv_conf, on),
     .doc = "Send Flash videos from where ?start=BYTES says."},
};

const struct module flv_module = {
    .name = "flv", .nginx_name = "http_flv_module",
    .doc = "Flash videos from a place within.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct flv_conf),
    .phase = PHASE_CONTENT, .handler = serve, .index = &flv_index,
    .idle_without = &flv_module,
};
