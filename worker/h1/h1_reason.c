/*
 * worker/h1/h1_reason.c - what $fail_reason says of a head that is not one.
 */
#include "worker/h1/h1_reason.h"

const char *h1_reason(enum h1_fault fault)
{
    switch (fault) {
    case H1_FAULT_METHOD:
    case H1_FAULT_REQUEST_LINE:
    case H1_FAULT_HTTP09_METHOD:
        return "request.line";
    case H1_FAULT_TARGET:
        return "request.uri";
    case H1_FAULT_TARGET_HOST:
    case H1_FAULT_HOST_MISSING:
    case H1_FAULT_HOST_DUPLICATE:
    case H1_FAULT_HOST:
        return "request.host";
    case H1_FAULT_VERSION:
    case H1_FAULT_VERSION_UNSUPPORTED:
        return "request.version";
    case H1_FAULT_LINE_TOO_LONG:
        return "request.line_too_long";
    case H1_FAULT_FIELD_TOO_LONG:
    case H1_FAULT_HEAD_TOO_LARGE:
    case H1_FAULT_TOO_MANY_FIELDS:
        return "request.head_too_large";
    case H1_FAULT_NO_MEMORY:
        return "memory.low";
    case H1_FAULT_LENGTH:
    case H1_FAULT_LENGTH_DUPLICATE:
    case H1_FAULT_LENGTH_WITH_CODING:
    case H1_FAULT_CODING_UNKNOWN:
    case H1_FAULT_CODING_DUPLICATE:
    case H1_FAULT_CODING_IN_10:
        return "request.framing";
    default:
        return "request.header";
    }
}
