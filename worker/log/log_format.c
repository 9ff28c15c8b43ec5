/*
 * worker/log/log_format.c - what a line of an access log looks like.
 */
#include "worker/log/log_format.h"

#include "common/fmt.h"

struct log_step {
    enum { STEP_TEXT, STEP_OWN, STEP_VALUE } kind;
    uint32_t index;         /* VALUE: the variable's */
    struct str text;        /* TEXT */
    log_print_fn *print;    /* OWN */
};

struct log_format {
    enum log_escape escape;
    uint32_t count;
    size_t fixed_bytes;     /* of all steps but the values */
    struct log_step *steps;
};

/* Configuration ------------------------------------------------------------------------------- */

static log_print_fn *find_own(const struct log_own *own, struct str name)
{
    for (; own->name != NULL; own++)
        if (str_eq(str_of(own->name), name))
            return own->print;
    return NULL;
}

static struct log_step step_of(const struct template_part *part, const struct var_table *vars,
                               const struct log_own *own)
{
    const struct var *var;
    log_print_fn *print;

    if (part->kind == PART_TEXT)
        return (struct log_step){.kind = STEP_TEXT, .text = part->text};
    var = *(struct var **)array_at(&vars->vars, part->index);
    print = find_own(own, var->name);
    if (print != NULL)
        return (struct log_step){.kind = STEP_OWN, .print = print};
    return (struct log_step){.kind = STEP_VALUE, .index = part->index};
}

static struct str join(struct pool *pool, const struct conf_word *parts, uint32_t count)
{
    size_t bytes = 0;
    char *text, *p;

    if (count == 1)
        return parts[0].text;
    for (uint32_t i = 0; i < count; i++)
        bytes += parts[i].text.len;
    text = p = pool_bytes(pool, bytes);
    for (uint32_t i = 0; i < count; i++)
        p = fmt_str(p, parts[i].text);
    return str_range(text, p);
}

struct log_format *log_format_compile(struct conf_call *call, struct var_table *vars,
                                      enum log_escape escape, const struct conf_word *parts,
                                      uint32_t count, uint32_t first_arg,
                                      const struct log_own *own)
{
    struct log_format *format = pool_zalloc(call->pool, sizeof(*format));
    struct template_part whole = {.kind = PART_TEXT};
    const char *why;
    struct template *text = template_compile(call->pool, vars, join(call->pool, parts, count),
                                             &why);

    if (text == NULL) {
        conf_fail_arg(call, first_arg, "%s", why);
        return NULL;
    }
    whole.text = text->source;
    format->escape = escape;
    format->count = text->constant ? 1 : text->count;
    format->steps = pool_alloc(call->pool, format->count * sizeof(*format->steps));
    for (uint32_t i = 0; i < format->count; i++) {
        const struct template_part *part = text->constant ? &whole : &text->parts[i];

        if (part->kind == PART_CAPTURE) {
            conf_fail_arg(call, first_arg, "captures cannot be used in a log format");
            return NULL;
        }
        format->steps[i] = step_of(part, vars, own);
        format->fixed_bytes += format->steps[i].kind == STEP_TEXT ? part->text.len : LOG_OWN_BYTES;
    }
    return format;
}

/* Values -------------------------------------------------------------------------------------- */

#define EVERY(byte) (0x0101010101010101u * (byte))

/* A high bit for each byte that is below 0x20, above 0x7e, or one of " and \. The sums carry only
   out of bytes that are marked already, so "any at all" is exact. */
static inline uint64_t marked(uint64_t v)
{
    uint64_t quote = v ^ EVERY('"'), slash = v ^ EVERY('\\');

    return (v | (v + EVERY(0x01)) | (v - EVERY(0x20)) | (quote - EVERY(1)) | (slash - EVERY(1))) &
           EVERY(0x80);
}

/* Text with nothing to escape is by far the commonest; a false alarm costs only time. */
static bool is_plain(struct str s)
{
    uint64_t word;

    for (; s.len >= 8; s = str_from(s, 8)) {
        memcpy(&word, s.data, 8);
        if (marked(word) != 0)
            return false;
    }
    word = EVERY('a');
    if (s.len > 0)
        memcpy(&word, s.data, s.len);
    return marked(word) == 0;
}

static const char upper_digits[] = "0123456789ABCDEF";

static char *escape_default(char *out, struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];

        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            *out++ = (char)c;
            continue;
        }
        out = FMT_LIT(out, "\\x");
        *out++ = upper_digits[c >> 4];
        *out++ = upper_digits[c & 15];
    }
    return out;
}

static char *escape_json(char *out, struct str value)
{
    static const char short_for[32] = {
        ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['\b'] = 'b', ['\f'] = 'f'};

    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];

        if (c >= 0x20) {
            if (c == '"' || c == '\\')
                *out++ = '\\';
            *out++ = (char)c;
        } else if (short_for[c] != 0) {
            *out++ = '\\';
            *out++ = short_for[c];
        } else {
            out = FMT_LIT(out, "\\u00");
            *out++ = upper_digits[c >> 4];
            *out++ = upper_digits[c & 15];
        }
    }
    return out;
}

char *log_format_escape(char *out, struct str value, enum log_escape escape)
{
    if (escape == LOG_ESCAPE_NONE || is_plain(value))
        return fmt_str(out, value);
    return escape == LOG_ESCAPE_JSON ? escape_json(out, value) : escape_default(out, value);
}

/* Lines --------------------------------------------------------------------------------------- */

static void need_room(struct buf *out, size_t bytes)
{
    size_t size = (size_t)(out->end - out->start);

    if (unlikely(buf_room(out) < bytes))
        buf_grow(out, MAX(size * 2, size + bytes));
}

static void print_value(const struct log_format *format, struct scope *scope, uint32_t index,
                        size_t fixed_left, struct buf *out)
{
    const struct var_value *value = scope_var(scope, index);
    struct str text = var_str(value);

    if (value->state != VAR_FOUND) {
        if (format->escape == LOG_ESCAPE_DEFAULT)
            *out->last++ = '-';
        return;
    }
    need_room(out, text.len * 6 + fixed_left);
    out->last = log_format_escape(out->last, text, format->escape);
}

void log_format_print(const struct log_format *format, struct scope *scope, struct buf *out)
{
    size_t fixed_left = format->fixed_bytes;

    need_room(out, fixed_left);
    for (uint32_t i = 0; i < format->count; i++) {
        const struct log_step *step = &format->steps[i];

        switch (step->kind) {
        case STEP_TEXT:
            out->last = fmt_str(out->last, step->text);
            break;
        case STEP_OWN:
            out->last = step->print(scope, out->last);
            break;
        case STEP_VALUE:
            print_value(format, scope, step->index, fixed_left, out);
            break;
        }
    }
}
