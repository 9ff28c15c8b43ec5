/*
 * t/fuzz/net/proxy_protocol_fuzz.c - any bytes as a PROXY header: no fault, and the same answer
 * however they arrive.
 */
#include "worker/net/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk_tlvs(struct str tlvs)
{
    static const struct str names[] = {
        STR_INIT("ssl_cn"), STR_INIT("ssl_0x23"), STR_INIT("ssl_verify"), STR_INIT("0xea"),
        STR_INIT("aws_vpce_id"), STR_INIT("azure_pel_id"), STR_INIT("gcp_conn_id"),
    };
    char number[PROXY_NUMBER];
    struct str value;
    uint8_t type;
    size_t seen = 0;

    for (size_t i = 0; i < COUNT(names); i++)
        proxy_tlv_named(tlvs, names[i], number);
    while (proxy_next_tlv(&tlvs, &type, &value))
        for (size_t i = 0; i < value.len; i++)
            seen += (unsigned char)value.data[i];
    must(seen < SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    struct proxy_header whole, part;
    enum proxy_result result, earlier = PROXY_MORE;
    const char *why = "";

    result = proxy_parse(in, &whole, &why);
    if (result == PROXY_DONE) {
        must(whole.bytes <= size);
        walk_tlvs(whole.tlvs);
    }
    for (size_t len = 0; len <= size && len < 300 && earlier == PROXY_MORE; len++) {
        in.len = len;
        earlier = proxy_parse(in, &part, &why);
        if (earlier == PROXY_DONE)
            must(result == PROXY_DONE && part.bytes == len && whole.bytes == len);
    }
    return 0;
}
