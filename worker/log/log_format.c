/*
 * worker/log/log_format.c - what a line of an access log looks like.
 */
#include "worker/log/log_format.h"

#include "common/fmt.h"

struct log_step {
    enum { STEP_TEXT, STEP_OWN, STEP_VALUE } kind;
    uint32_t index;         /* VALUE: the variable's */
    struct str text;        /* TEXT: OVERCOPY bytes may be read */
    log_print_fn *print;    /* OWN */
    log_text_fn *get;       /* VALUE: NULL or asked first */
};

#define OVERCOPY 16 /* short texts are copied as so many bytes, whatever their length */

struct log_format {
    enum log_escape escape;
    uint32_t count;
    size_t fixed_bytes;     /* of all steps but the values */
    struct log_step *steps;
};

/* Configuration ------------------------------------------------------------------------------- */

static struct log_step step_of(struct pool *pool, const struct template_part *part,
                               const struct var_table *vars, const struct log_own *own)
{
    const struct var *var;
    char *padded;

    if (part->kind == PART_TEXT) {
        padded = pool_zalloc(pool, part->text.len + OVERCOPY);
        memcpy(padded, part->text.data, part->text.len);
        return (struct log_step){.kind = STEP_TEXT, .text = {padded, part->text.len}};
    }
    var = *(struct var **)array_at(&vars->vars, part->index);
    while (own->name != NULL && !str_eq(str_of(own->name), var->name))
        own++;
    if (own->print != NULL)
        return (struct log_step){.kind = STEP_OWN, .print = own->print};
    return (struct log_step){.kind = STEP_VALUE, .index = part->index, .get = own->text};
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
        format->steps[i] = step_of(call->pool, part, vars, own);
        format->fixed_bytes += format->steps[i].kind == STEP_TEXT ? part->text.len : LOG_OWN_BYTES;
    }
    format->fixed_bytes += OVERCOPY;
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

static struct str value_of(const struct log_step *step, struct scope *scope)
{
    const struct var_value *value;
    struct str text;

    if (step->get != NULL && step->get(scope, &text))
        return text;
    value = scope_var(scope, step->index);
    if (value->state != VAR_FOUND)
        return STR_NONE;
    return (struct str){value->data != NULL ? value->data : "", value->len};
}

static void print_value(const struct log_format *format, struct scope *scope,
                        const struct log_step *step, struct buf *out)
{
    struct str text = value_of(step, scope);

    if (text.data == NULL) {
        if (format->escape == LOG_ESCAPE_DEFAULT)
            *out->last++ = '-';
        return;
    }
    need_room(out, text.len * 6 + format->fixed_bytes);
    out->last = log_format_escape(out->last, text, format->escape);
}

static inline char *print_text(char *out, struct str text)
{
    if (text.len > OVERCOPY)
        return (char *)memcpy(out, text.data, text.len) + text.len;
    memcpy(out, text.data, OVERCOPY);
    return out + text.len;
}

void log_format_print(const struct log_format *format, struct scope *scope, struct buf *out)
{
    need_room(out, format->fixed_bytes);
    for (uint32_t i = 0; i < format->count; i++) {
        const struct log_step *step = &format->steps[i];

        switch (step->kind) {
        case STEP_TEXT:
            out->last = print_text(out->last, step->text);
            break;
        case STEP_OWN:
            out->last = step->print(scope, out->last);
            break;
        case STEP_VALUE:
            print_value(format, scope, step, out);
            break;
        }
    }
}
