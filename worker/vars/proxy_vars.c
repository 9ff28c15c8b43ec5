/*
 * worker/vars/proxy_vars.c - variables of what a PROXY header said.
 */
#include "worker/vars/proxy_vars.h"

#include "common/addr.h"
#include "common/fmt.h"
#include "worker/net/proxy_protocol.h"
#include "worker/net/scope.h"

enum { FROM_HOST, FROM_PORT, TO_HOST, TO_PORT };

static const struct proxy_header *header_of(const struct scope *scope)
{
    return scope->conn == NULL ? NULL : conn_proxy(scope->conn);
}

static void get_addr(struct scope *scope, struct var_value *out, uintptr_t which)
{
    const struct proxy_header *header = header_of(scope);
    const struct addr *addr;
    char *text;

    if (header == NULL) {
        var_missing(out);
        return;
    }
    text = pool_bytes(scope->pool, ADDR_TEXT);
    addr = which == FROM_HOST || which == FROM_PORT ? &header->from : &header->to;
    if (which == FROM_HOST || which == TO_HOST)
        var_found(out, (struct str){text, addr_print_host(addr, text, ADDR_TEXT)});
    else
        var_found(out, str_range(text, fmt_uint(text, (uint64_t)addr_port(addr))));
}

static void get_tlv(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct str name = str_from(*(const struct str *)data, sizeof("proxy_protocol_tlv_") - 1);
    const struct proxy_header *header = header_of(scope);
    char number[PROXY_NUMBER];
    struct str value = header == NULL ? STR_NONE : proxy_tlv_named(header->tlvs, name, number);

    if (value.data == NULL)
        var_missing(out);
    else
        var_found(out, value.data == number ? pool_str(scope->pool, value) : value);
}

static const struct var_def variables[] = {
    {.name = "proxy_protocol_addr", .get = get_addr, .data = FROM_HOST},
    {.name = "proxy_protocol_port", .get = get_addr, .data = FROM_PORT},
    {.name = "proxy_protocol_server_addr", .get = get_addr, .data = TO_HOST},
    {.name = "proxy_protocol_server_port", .get = get_addr, .data = TO_PORT},
    {.name = "proxy_protocol_tlv_", .get = get_tlv, .flags = VAR_PREFIX},
};

const struct module proxy_vars_module = {
    .name = "proxy_vars",
    .doc = "Variables of what a PROXY header said.",
    .family = FAMILY_HTTP,
    .variables = TABLE(variables),
};
