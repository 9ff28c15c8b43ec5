/*
 * worker/proxy/probe_grpc.c - health checks of gRPC servers, by the protocol that they have for it.
 */
#include "worker/proxy/probe_grpc.h"

#include "worker/codec/grpc_health.h"

struct grpc_check *probe_grpc_make(struct pool *pool, struct str service, int64_t status)
{
    struct grpc_check *check = pool_zalloc(pool, sizeof(*check));
    char *body = pool_bytes(pool, service.len + GRPC_HEALTH_MORE);

    check->body.source = str_range(body, grpc_health_ask(body, service));
    check->body.constant = true;
    check->status = status;
    return check;
}

void probe_grpc_question(struct request *r)
{
    r->method = METHOD_POST;
    r->method_text = STR("POST");
    fields_add(r->fields, STR("TE"), STR("trailers"), FIELD_TE);
    fields_add(r->fields, STR("Content-Type"), STR("application/grpc"), FIELD_CONTENT_TYPE);
}

/* In the trailers, or in the head of an answer that has nothing else. -1: it says nothing. */
static int64_t grpc_status(const struct proxy_run *run)
{
    const struct http_field *f = NULL;
    int64_t status;

    if (run->trailers != NULL)
        f = fields_find_name(run->trailers, STR("grpc-status"));
    if (f == NULL)
        f = fields_find_name(&run->answer.fields, STR("grpc-status"));
    return f != NULL && str_to_int(f->value, &status) ? status : -1;
}

const char *probe_grpc_fault(const struct grpc_check *check, const struct proxy_run *run,
                             struct str body)
{
    struct str type = fields_value(&run->answer.fields, FIELD_CONTENT_TYPE);
    int64_t status = grpc_status(run);

    if (run->answer.status != 200)
        return "checking status code";
    if (!str_starts_nocase(type, STR("application/grpc")))
        return "checking response header";
    if (status != 0)
        return status > 0 && status == check->status ? NULL : "checking grpc-status";
    return grpc_health_read(body) == GRPC_HEALTH_SERVING ? NULL : "checking serving status";
}
