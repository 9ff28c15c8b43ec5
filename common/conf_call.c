/*
 * common/conf_call.c - what an apply function says of the occurrence it was given.
 */
#include "common/load_state.h"

PRINTF_LIKE(4, 0)
static void report_at(struct generation *gen, enum log_level level, struct conf_place place,
                      const char *fmt, va_list args)
{
    conf_fault_add(&gen->load->faults, level, place, fmt, args);
}

/* A va_list cannot pass through a variadic call: each of these is the same three lines. */
bool conf_fail(struct conf_call *call, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report_at(call->gen, LOG_EMERG, conf_place(call->node), fmt, args);
    va_end(args);
    return false;
}

bool conf_fail_arg(struct conf_call *call, uint32_t arg, const char *fmt, ...)
{
    uint32_t word = arg + 1 < call->node->count ? arg + 1 : 0;
    va_list args;

    va_start(args, fmt);
    report_at(call->gen, LOG_EMERG, conf_word_place(call->node, word), fmt, args);
    va_end(args);
    return false;
}

bool conf_fail_in(struct conf_call *call, const struct conf_node *node, uint32_t word,
                  const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report_at(call->gen, LOG_EMERG, conf_word_place(node, word < node->count ? word : 0), fmt,
              args);
    va_end(args);
    return false;
}

bool conf_hint(struct conf_call *call, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    conf_fault_vhint(&call->gen->load->faults, fmt, args);
    va_end(args);
    return false;
}

void conf_warn(struct conf_call *call, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report_at(call->gen, LOG_WARN, conf_place(call->node), fmt, args);
    va_end(args);
}

void conf_notice(struct conf_call *call, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report_at(call->gen, LOG_NOTICE, conf_place(call->node), fmt, args);
    va_end(args);
}

bool conf_fail_parameter(struct conf_call *call, uint32_t i)
{
    conf_fail_arg(call, i, "invalid parameter \"%" STR_FMT "\"", STR_ARG(conf_arg(call, i)));
    return conf_hint(call, "takes: %s", call->directive->args);
}

bool conf_hint_at(struct generation *gen, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    conf_fault_vhint(&gen->load->faults, fmt, args);
    va_end(args);
    return false;
}

bool conf_fail_at(struct generation *gen, const struct conf_node *node, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report_at(gen, LOG_EMERG, conf_place(node), fmt, args);
    va_end(args);
    return false;
}

void conf_warn_at(struct generation *gen, const struct conf_node *node, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report_at(gen, LOG_WARN, conf_place(node), fmt, args);
    va_end(args);
}

bool conf_arg_is(const struct conf_call *call, uint32_t i, const char *key, struct str *value)
{
    struct str text = conf_arg(call, i), head = str_of(key);

    if (text.len < head.len || !str_starts(text, head))
        return false;
    *value = str_from(text, head.len);
    return true;
}
