/*
 * worker/codec/grpc_health.c - messages of the gRPC Health Checking Protocol.
 *
 * Each stands behind a byte that says whether it is compressed and four for its length, and is
 * written as protocol buffers are: a tag, a value, and so on.
 */
#include "worker/codec/grpc_health.h"

#include "common/fmt.h"

#define PREFIX_BYTES 5
#define VARINT_MOST  10

enum wire_type { WIRE_VARINT, WIRE_FIXED64, WIRE_BYTES, WIRE_FIXED32 = 5 };

#define TAG(field, type) ((field) << 3 | (type))

static char *write_varint(char *out, uint32_t n)
{
    for (; n >= 0x80; n >>= 7)
        *out++ = (char)(n | 0x80);
    *out++ = (char)n;
    return out;
}

char *grpc_health_ask(char *out, struct str service)
{
    char *start = out + PREFIX_BYTES, *end = start;
    uint32_t length;

    if (service.len > 0) {
        *end++ = TAG(1, WIRE_BYTES);
        end = fmt_str(write_varint(end, (uint32_t)service.len), service);
    }
    length = (uint32_t)(end - start);
    out[0] = 0;
    for (int i = 0; i < 4; i++)
        out[1 + i] = (char)(length >> (24 - 8 * i));
    return end;
}

/* From the front of *in. */
static bool read_varint(struct str *in, uint64_t *n)
{
    *n = 0;
    for (size_t i = 0; i < in->len && i < VARINT_MOST; i++) {
        uint8_t byte = (uint8_t)in->data[i];

        *n |= (uint64_t)(byte & 0x7f) << MIN(7 * i, 63);
        if (byte < 0x80) {
            *in = str_from(*in, i + 1);
            return true;
        }
    }
    return false;
}

static bool skip(struct str *in, uint64_t bytes)
{
    if (bytes > in->len)
        return false;
    *in = str_from(*in, (size_t)bytes);
    return true;
}

static bool skip_value(struct str *in, uint64_t type)
{
    uint64_t n;

    switch (type) {
    case WIRE_VARINT:
        return read_varint(in, &n);
    case WIRE_FIXED64:
        return skip(in, 8);
    case WIRE_BYTES:
        return read_varint(in, &n) && skip(in, n);
    case WIRE_FIXED32:
        return skip(in, 4);
    default:
        return false;
    }
}

/* Fields that are not known are none of our business; of several the last counts. */
static enum grpc_health read_message(struct str in)
{
    uint64_t tag, status = GRPC_HEALTH_UNKNOWN;

    while (in.len > 0) {
        if (!read_varint(&in, &tag))
            return GRPC_HEALTH_BAD;
        if (tag == TAG(1, WIRE_VARINT) ? !read_varint(&in, &status) : !skip_value(&in, tag & 7))
            return GRPC_HEALTH_BAD;
    }
    return status < GRPC_HEALTH_BAD ? (enum grpc_health)status : GRPC_HEALTH_UNKNOWN;
}

enum grpc_health grpc_health_read(struct str body)
{
    uint32_t length = 0;

    if (body.len < PREFIX_BYTES || body.data[0] != 0)
        return GRPC_HEALTH_BAD;
    for (int i = 0; i < 4; i++)
        length = length << 8 | (uint8_t)body.data[1 + i];
    body = str_from(body, PREFIX_BYTES);
    return length == body.len ? read_message(body) : GRPC_HEALTH_BAD;
}
