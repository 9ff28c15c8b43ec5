/*
 * worker/codec/ssi_parse.c - the grammar of server side includes as a machine that takes a byte at
 * a time, but for the text between commands, which is scanned.
 */
#include "worker/codec/ssi_parse.h"

#define OPEN      "<!--#"
#define OPEN_LEN  5
#define FIRST_BUF 512

enum state {
    IN_TEXT,
    BEFORE_NAME,
    IN_NAME,
    BEFORE_KEY,
    IN_KEY,
    BEFORE_EQUALS,
    BEFORE_VALUE,
    IN_VALUE,
    IN_ESCAPE, /* behind a backslash */
    AFTER_VALUE,
    END_1,     /* "-" */
    END_2,     /* "--" */
    BROKEN,
    BROKEN_1,
    BROKEN_2,
    COMPLETE,
    SKIPPED,
};

void ssi_parse_init(struct ssi_parser *p, size_t value_max)
{
    *p = (struct ssi_parser){.state = IN_TEXT, .value_max = (uint32_t)value_max};
}

void ssi_parse_fini(struct ssi_parser *p)
{
    buf_give(&p->memory);
}

/* What is read of a command -------------------------------------------------------------------- */

static void keep(struct ssi_parser *p, char c)
{
    struct buf *b = &p->memory;

    p->len++;
    if (p->too_many)
        return;
    if (buf_room(b) == 0)
        buf_grow(b, 2 * (size_t)(b->end - b->start));
    *b->last++ = c;
}

static uint32_t position(const struct ssi_parser *p)
{
    return (uint32_t)(p->memory.last - p->memory.start);
}

static void begin_command(struct ssi_parser *p)
{
    if (p->memory.start == NULL)
        buf_take(&p->memory, FIRST_BUF);
    p->memory.pos = p->memory.last = p->memory.start;
    p->name = (struct ssi_mark){0, 0};
    p->count = p->param_count = p->len = 0;
    p->too_many = false;
    p->fault = NULL;
    p->state = BEFORE_NAME;
}

static void begin_param(struct ssi_parser *p, char c)
{
    p->too_many = p->count == SSI_PARAMS;
    if (!p->too_many) {
        p->keys[p->count] = (struct ssi_mark){position(p), 0};
        p->values[p->count++] = (struct ssi_mark){0, 0};
    }
    p->len = 0;
    keep(p, c);
}

static void end_key(struct ssi_parser *p)
{
    if (!p->too_many)
        p->keys[p->count - 1].len = p->len;
}

static void begin_value(struct ssi_parser *p, char quote)
{
    p->quote = quote;
    p->len = 0;
    if (!p->too_many)
        p->values[p->count - 1].at = position(p);
}

static void end_value(struct ssi_parser *p)
{
    if (!p->too_many)
        p->values[p->count - 1].len = p->len;
}

static struct str marked(const struct ssi_parser *p, struct ssi_mark mark)
{
    return (struct str){p->memory.start + mark.at, mark.len};
}

static void show_command(struct ssi_parser *p)
{
    p->command = marked(p, p->name);
    p->param_count = p->count;
    for (uint32_t i = 0; i < p->count; i++)
        p->params[i] = (struct ssi_param){marked(p, p->keys[i]), marked(p, p->values[i])};
}

/* The grammar ---------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The rest, up to -->, is skipped. */
static enum state broken(struct ssi_parser *p, char c, const char *fault)
{
    p->fault = fault;
    if (p->name.len == 0)
        p->name.len = p->len;
    return c == '-' ? BROKEN_1 : BROKEN;
}

static enum state in_name(struct ssi_parser *p, char c)
{
    if (is_blank(c) || c == '-') {
        p->name.len = p->len;
        return c == '-' ? END_1 : BEFORE_KEY;
    }
    if (p->len == SSI_NAME_MAX)
        return broken(p, ' ', "a name that is too long");
    keep(p, c);
    return IN_NAME;
}

static enum state before_key(struct ssi_parser *p, char c)
{
    if (is_blank(c))
        return BEFORE_KEY;
    if (c == '-')
        return END_1;
    begin_param(p, c);
    return IN_KEY;
}

static enum state in_key(struct ssi_parser *p, char c)
{
    if (is_blank(c) || c == '=') {
        end_key(p);
        return c == '=' ? BEFORE_VALUE : BEFORE_EQUALS;
    }
    if (c == '-')
        return broken(p, c, "an invalid parameter");
    if (p->len == SSI_NAME_MAX)
        return broken(p, ' ', "a parameter whose name is too long");
    keep(p, c);
    return IN_KEY;
}

static enum state before_equals(struct ssi_parser *p, char c)
{
    if (is_blank(c))
        return BEFORE_EQUALS;
    return c == '=' ? BEFORE_VALUE : broken(p, c, "a parameter without value");
}

static enum state before_value(struct ssi_parser *p, char c)
{
    if (is_blank(c))
        return BEFORE_VALUE;
    if (c != '"' && c != '\'')
        return broken(p, c, "a value that is not in quotes");
    begin_value(p, c);
    return IN_VALUE;
}

static enum state in_value(struct ssi_parser *p, char c)
{
    if (c == p->quote && p->state == IN_VALUE) {
        end_value(p);
        return AFTER_VALUE;
    }
    if (p->len == p->value_max)
        return broken(p, ' ', "a value that is too long");
    keep(p, c);
    return c == '\\' && p->state == IN_VALUE ? IN_ESCAPE : IN_VALUE;
}

static enum state after_value(struct ssi_parser *p, char c)
{
    if (is_blank(c))
        return BEFORE_KEY;
    return c == '-' ? END_1 : broken(p, c, "an unexpected character behind a value");
}

static enum state step(struct ssi_parser *p, char c)
{
    switch ((enum state)p->state) {
    case BEFORE_NAME:
        if (is_blank(c))
            return BEFORE_NAME;
        keep(p, c);
        return IN_NAME;
    case IN_NAME:
        return in_name(p, c);
    case BEFORE_KEY:
        return before_key(p, c);
    case IN_KEY:
        return in_key(p, c);
    case BEFORE_EQUALS:
        return before_equals(p, c);
    case BEFORE_VALUE:
        return before_value(p, c);
    case IN_VALUE:
    case IN_ESCAPE:
        return in_value(p, c);
    case AFTER_VALUE:
        return after_value(p, c);
    case END_1:
        return c == '-' ? END_2 : broken(p, ' ', "an unexpected character at its end");
    case END_2:
        return c == '>' ? COMPLETE : broken(p, ' ', "an unexpected character at its end");
    case BROKEN:
        return c == '-' ? BROKEN_1 : BROKEN;
    case BROKEN_1:
        return c == '-' ? BROKEN_2 : BROKEN;
    case BROKEN_2:
        return c == '>' ? SKIPPED : BROKEN;
    case IN_TEXT:
    case COMPLETE:
    case SKIPPED:
        break;
    }
    return IN_TEXT;
}

static enum ssi_found parse_command(struct ssi_parser *p, struct str *in)
{
    while (in->len > 0) {
        p->state = (uint8_t)step(p, *in->data);
        *in = str_from(*in, 1);
        if (p->state >= COMPLETE)
            break;
    }
    if (p->state < COMPLETE)
        return SSI_MORE;
    show_command(p);
    return p->state == COMPLETE ? SSI_COMMAND : SSI_BAD;
}

/* Text ----------------------------------------------------------------------------------------- */

static struct str cut(struct str *in, size_t n)
{
    struct str head = {in->data, n};

    *in = str_from(*in, n);
    return head;
}

/* What began in an earlier piece was no command: it is text, and this piece is looked at afresh. */
static enum ssi_found give_held(struct ssi_parser *p, struct str *text)
{
    *text = (struct str){OPEN, p->held};
    p->seen = p->held = 0;
    return SSI_TEXT;
}

/* One command's beginning is here, behind `before` bytes of text. */
static enum ssi_found found_open(struct ssi_parser *p, struct str *in, size_t before,
                                 struct str *text)
{
    *text = cut(in, before);
    *in = str_from(*in, (size_t)(OPEN_LEN - p->held));
    p->seen = p->held = 0;
    begin_command(p);
    return before > 0 ? SSI_TEXT : SSI_MORE;
}

static enum ssi_found parse_text(struct ssi_parser *p, struct str *in, struct str *text)
{
    size_t i = 0, begin = 0; /* where in this piece what is `seen` begins */

    while (i < in->len) {
        if (p->seen == 0) {
            const char *next = memchr(in->data + i, OPEN[0], in->len - i);

            if (next == NULL)
                break;
            begin = (size_t)(next - in->data);
            i = begin + 1;
            p->seen = 1;
        } else if (in->data[i] == OPEN[p->seen]) {
            i++;
            if (++p->seen == OPEN_LEN)
                return found_open(p, in, begin, text);
        } else if (p->held > 0) {
            return give_held(p, text);
        } else {
            p->seen = 0;
        }
    }
    if (p->seen == 0)
        begin = in->len;
    p->held = p->seen;
    *text = cut(in, begin);
    *in = str_from(*in, in->len);
    return text->len > 0 ? SSI_TEXT : SSI_MORE;
}

enum ssi_found ssi_parse(struct ssi_parser *p, struct str *in, struct str *text)
{
    if (p->state >= COMPLETE)
        p->state = IN_TEXT;
    if (p->state == IN_TEXT) {
        enum ssi_found found = in->len > 0 ? parse_text(p, in, text) : SSI_MORE;

        if (found != SSI_MORE || p->state == IN_TEXT)
            return found;
    }
    return parse_command(p, in);
}

struct str ssi_parse_end(struct ssi_parser *p)
{
    struct str rest = {OPEN, p->seen};

    p->fault = NULL;
    if (p->state != IN_TEXT && p->state < COMPLETE) {
        broken(p, ' ', "no end");
        show_command(p);
    }
    p->seen = p->held = 0;
    p->state = IN_TEXT;
    return rest;
}
