/*
 * common/conf_fault.h - what is wrong with a configuration, collected so that it can be told in the
 * order of the files.
 */
#pragma once

#include <stdarg.h>

#include "common/conf_load.h"

#define CONF_FAULTS_MAX 100 /* of each severity; the rest is cut with a line that says so */

struct conf_fault {
    enum log_level level;
    struct conf_place place;
    uint32_t serial;        /* in order of discovery */
    struct str text;
    struct str hint;
    uint32_t again;         /* in how many more places the same was found */
};

struct conf_faults {
    struct pool *pool;
    struct array list;      /* struct conf_fault */
    unsigned emergs, others;
    struct conf_fault *last; /* what a hint belongs to; NULL once the list is cut */
};

/* Adds one. `place.file` may be NULL. */
void conf_fault_add(struct conf_faults *f, enum log_level level, struct conf_place place,
                    const char *fmt, va_list args) PRINTF_LIKE(4, 0);
void conf_fault_print(struct conf_faults *f, enum log_level level, struct conf_place place,
                      const char *fmt, ...) PRINTF_LIKE(4, 5);
void conf_fault_hint(struct conf_faults *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
void conf_fault_vhint(struct conf_faults *f, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

/* The fault that was just added, to be counted again later; 0 when the list was cut. */
uint32_t conf_fault_number(const struct conf_faults *f);
void conf_fault_again(struct conf_faults *f, uint32_t number);

/* No use to look further. */
static inline bool conf_faults_full(const struct conf_faults *f)
{
    return f->emergs >= CONF_FAULTS_MAX;
}

/* Tells them all; with `color` each is followed by its source line and a caret. */
void conf_faults_report(struct conf_faults *f, bool color, conf_report_fn *report, void *arg);
