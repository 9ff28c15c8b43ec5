/*
 * worker/h1/h1_reason.h - what $fail_reason says of a head that is not one (common/fail_reason.h).
 */
#pragma once

#include "worker/codec/h1_head.h"

const char *h1_reason(enum h1_fault fault);
