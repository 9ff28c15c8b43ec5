/*
 * common/conf_fault.c - collecting, sorting and printing the faults of a configuration.
 */
#include "common/conf_fault.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 2000

/* A copy with control bytes as \xNN: a config may hold anything, a terminal should not obey it. */
static struct str safe_text(struct pool *pool, const char *text)
{
    size_t len = strlen(text);
    char *start = pool_bytes(pool, len * 4 + 1), *out = start;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c >= 0x20 && c != 0x7F) || c == '\t')
            *out++ = text[i];
        else
            out += sprintf(out, "\\x%02X", c);
    }
    *out = '\0';
    return str_range(start, out);
}

PRINTF_LIKE(2, 0)
static struct str printed(struct pool *pool, const char *fmt, va_list args)
{
    char text[TEXT_MAX];

    vsnprintf(text, sizeof(text), fmt, args);
    return safe_text(pool, text);
}

void conf_fault_add(struct conf_faults *f, enum log_level level, struct conf_place place,
                    const char *fmt, va_list args)
{
    unsigned *count = level == LOG_EMERG ? &f->emergs : &f->others;
    struct conf_fault *fault;

    f->last = NULL;
    if (++*count > CONF_FAULTS_MAX)
        return;
    fault = array_push(&f->list);
    *fault = (struct conf_fault){.level = level, .place = place,
                                 .serial = (uint32_t)f->list.count,
                                 .text = printed(f->pool, fmt, args)};
    f->last = fault;
}

void conf_fault_print(struct conf_faults *f, enum log_level level, struct conf_place place,
                      const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    conf_fault_add(f, level, place, fmt, args);
    va_end(args);
}

void conf_fault_vhint(struct conf_faults *f, const char *fmt, va_list args)
{
    if (f->last != NULL)
        f->last->hint = printed(f->pool, fmt, args);
}

void conf_fault_hint(struct conf_faults *f, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    conf_fault_vhint(f, fmt, args);
    va_end(args);
}

uint32_t conf_fault_number(const struct conf_faults *f)
{
    return f->last != NULL ? f->last->serial : 0;
}

void conf_fault_again(struct conf_faults *f, uint32_t number)
{
    if (number > 0)
        ((struct conf_fault *)array_at(&f->list, number - 1))->again++;
}

static int by_number(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b;
}

/* In the order of files, then lines; faults without a place come last. */
static int compare_faults(const void *left, const void *right)
{
    const struct conf_fault *a = left, *b = right;
    uint32_t a_file = a->place.file ? a->place.file->number : UINT32_MAX;
    uint32_t b_file = b->place.file ? b->place.file->number : UINT32_MAX;
    int order = by_number(a_file, b_file);

    if (order == 0)
        order = by_number(a->place.line, b->place.line);
    if (order == 0)
        order = by_number(a->place.col, b->place.col);
    return order != 0 ? order : by_number(a->serial, b->serial);
}

/* The line of the file without its end; empty when there is no such line. */
static struct str source_line(const struct conf_place *place)
{
    struct str rest = place->file->text, line = STR_NONE;

    for (uint32_t n = 0; n < place->line && rest.data != NULL; n++)
        line = str_cut(&rest, '\n');
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    return line.data != NULL && place->line > 0 ? line : STR("");
}

/* "\n    source line\n        ^", tabs kept so that the caret stays below its word. */
static struct str caret_lines(struct pool *pool, const struct conf_place *place)
{
    struct str line = source_line(place);
    size_t col = place->col > 0 ? place->col - 1 : 0;
    char blanks[256];

    if (line.len == 0 || line.len > 240 || col > line.len)
        return STR("");
    for (size_t i = 0; i < col; i++)
        blanks[i] = line.data[i] == '\t' ? '\t' : ' ';
    blanks[col] = '\0';
    return pool_printf(pool, "\n    %" STR_FMT "\n    %s^",
                       STR_ARG(safe_text(pool, pool_cstr(pool, line))), blanks);
}

static struct str place_text(struct pool *pool, const struct conf_place *place)
{
    if (place->file == NULL)
        return STR("");
    if (place->line == 0)
        return pool_printf(pool, " in %" STR_FMT, STR_ARG(place->file->path));
    return pool_printf(pool, " in %" STR_FMT ":%u:%u", STR_ARG(place->file->path), place->line,
                       place->col);
}

static struct str hint_text(struct pool *pool, const struct conf_fault *fault)
{
    char more[48] = "";
    bool both = fault->hint.data != NULL && fault->again > 0;

    if (fault->again > 0)
        snprintf(more, sizeof(more), "%sand in %u more place%s", both ? "; " : "", fault->again,
                 fault->again > 1 ? "s" : "");
    if (fault->hint.data == NULL && fault->again == 0)
        return STR("");
    return pool_printf(pool, " (%" STR_FMT "%s)", STR_ARG(fault->hint), more);
}

static void report_one(struct conf_faults *f, const struct conf_fault *fault, bool color,
                       conf_report_fn *report, void *arg)
{
    struct str caret = STR("");

    if (color && fault->place.file != NULL)
        caret = caret_lines(f->pool, &fault->place);
    report(arg, fault->level,
           pool_printf(f->pool, "%" STR_FMT "%" STR_FMT "%" STR_FMT "%" STR_FMT,
                       STR_ARG(fault->text), STR_ARG(place_text(f->pool, &fault->place)),
                       STR_ARG(hint_text(f->pool, fault)), STR_ARG(caret)).data);
}

void conf_faults_report(struct conf_faults *f, bool color, conf_report_fn *report, void *arg)
{
    if (f->list.count > 1)
        qsort(f->list.items, f->list.count, sizeof(struct conf_fault), compare_faults);
    EACH(struct conf_fault, fault, &f->list)
        report_one(f, fault, color, report, arg);
    if (f->others > CONF_FAULTS_MAX)
        report(arg, LOG_NOTICE,
               pool_printf(f->pool, "%u more warnings are not shown",
                           f->others - CONF_FAULTS_MAX).data);
    if (f->emergs >= CONF_FAULTS_MAX)
        report(arg, LOG_EMERG, "too many faults: stopped looking after 100");
}
