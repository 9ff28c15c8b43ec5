/*
 * worker/codec/h1_head.c - heads of HTTP/1 requests and responses, parsed where they lie.
 *
 * A line is parsed when its end is there. Of a line that is not complete only `scanned` is kept:
 * where the search for its end goes on. The usual field line, complete and of a known name, takes
 * two vector searches, one hash and one comparison.
 */
#include "worker/codec/h1_head.h"

#include "worker/codec/h1_framing.h"
#include "worker/codec/h1_line.h"
#include "worker/codec/scan.h"

enum state { BLANK_LINES, FIRST_LINE, FIELD_LINES, ENDED, IS_PREFACE };

/* What a step of the parser came to. */
enum step { NEXT, MORE, DONE, PREFACE, BAD };

static const struct {
    int status;
    const char *text;
} faults[H1_FAULT_COUNT] = {
#define H1_FAULT_ROW(stem, status, text) [H1_FAULT_##stem] = {status, text},
    H1_FAULTS(H1_FAULT_ROW)
#undef H1_FAULT_ROW
};

const char *h1_fault_text(enum h1_fault fault)
{
    return faults[fault].text;
}

bool h1_fault_is_size(enum h1_fault fault)
{
    return fault == H1_FAULT_LINE_TOO_LONG || fault == H1_FAULT_FIELD_TOO_LONG ||
           fault == H1_FAULT_HEAD_TOO_LARGE || fault == H1_FAULT_TOO_MANY_FIELDS;
}

int h1_fault_status(enum h1_fault fault)
{
    return faults[fault].status;
}

void h1_head_init(struct h1_head *h, enum h1_kind kind, const struct h1_limits *limits,
                  struct pool *pool)
{
    memset(h, 0, offsetof(struct h1_head, fields));
    h->kind = kind;
    h->limits = *limits;
    h->port = -1;
    h->content_length = -1;
    h->state = kind == H1_REQUEST ? BLANK_LINES : kind == H1_CGI ? FIELD_LINES : FIRST_LINE;
    fields_init(&h->fields, pool);
}

static enum step bad(struct h1_head *h, const char *at, enum h1_fault fault)
{
    h->fault = fault;
    h->fault_at = (uint32_t)(at - h->base);
    h->state = ENDED;
    return BAD;
}

static bool too_long(const struct h1_head *h, const char *start, const char *end)
{
    return (size_t)(end - start) > h->limits.line_bytes;
}

static enum h1_fault length_fault(const struct h1_head *h)
{
    return h->state == FIELD_LINES ? H1_FAULT_FIELD_TOO_LONG : H1_FAULT_LINE_TOO_LONG;
}

/* The end of the line from `start` on is not there: waits, unless there is no room for it. */
static enum step wait(struct h1_head *h, const char *start, const char *end)
{
    uint32_t there = (uint32_t)(end - h->base);

    h->line_start = (uint32_t)(start - h->base);
    if (there - h->line_start >= h->limits.line_bytes)
        return bad(h, start, length_fault(h));
    if (there >= h->limits.head_bytes)
        return bad(h, start, h->state == FIELD_LINES ? H1_FAULT_HEAD_TOO_LARGE
                                                      : H1_FAULT_LINE_TOO_LONG);
    h->scanned = there;
    return MORE;
}

/* On to the line that starts at p. */
static void next_line(struct h1_head *h, const char *p)
{
    h->line_start = h->scanned = (uint32_t)(p - h->base);
}

/* RFC 9112, 2.2: empty lines before a request are skipped. Stray CRs too, as in nginx. */
static enum step skip_blank_lines(struct h1_head *h, const char *end)
{
    const char *p = h->base + h->line_start;

    while (p < end && (*p == '\r' || *p == '\n'))
        p++;
    next_line(h, p);
    h->line_at = h->line_start;
    if (p == end)
        return wait(h, p, end);
    h->state = FIRST_LINE;
    return NEXT;
}

static enum step part_of_line(struct h1_head *h, const char *end)
{
    struct str part = str_range(h->base + h->line_start, end);
    enum h1_fault fault = part.len == 0 || h->kind == H1_CGI_LINE ? H1_FAULT_NONE
                          : h->kind == H1_REQUEST ? h1_line_request_part(h, part)
                                                  : h1_line_status_part(h, part);

    if (fault != H1_FAULT_NONE)
        return bad(h, h->base + MAX(h->fault_at, h->line_start), fault);
    return wait(h, part.data, end);
}

static enum step done(struct h1_head *h, const char *end)
{
    enum h1_fault fault = h1_framing_settle(h);

    if (fault != H1_FAULT_NONE)
        return bad(h, end, fault);
    h->bytes = (uint32_t)(end - h->base);
    h->state = ENDED;
    return DONE;
}

static bool is_preface(const struct h1_head *h, struct str line)
{
    return h->kind == H1_REQUEST && str_eq(line, STR("PRI * HTTP/2.0"));
}

static const struct str status_start = STR_INIT("HTTP/");

/* What begins in no other way than a field does is one. */
static bool is_field_line(const struct h1_head *h, const char *end)
{
    const char *p = h->base + h->line_start;
    size_t n = MIN((size_t)(end - p), status_start.len);

    return h->kind == H1_CGI_LINE && memcmp(p, status_start.data, n) != 0;
}

/* There is no status line. */
static enum step begin_fields(struct h1_head *h)
{
    h->state = FIELD_LINES;
    return NEXT;
}

static enum step parse_first_line(struct h1_head *h, const char *end)
{
    const char *start = h->base + h->line_start;
    const char *lf = memchr(h->base + h->scanned, '\n', (size_t)(end - h->base) - h->scanned);
    enum h1_fault fault;
    struct str line;

    if (is_field_line(h, end))
        return begin_fields(h);
    if (lf == NULL)
        return part_of_line(h, end);
    if (too_long(h, start, lf + 1))
        return bad(h, start, H1_FAULT_LINE_TOO_LONG);
    line = str_range(start, lf > start && lf[-1] == '\r' ? lf - 1 : lf);
    if (is_preface(h, line)) {
        h->fault = H1_FAULT_REQUEST_LINE;
        h->state = IS_PREFACE;
        return PREFACE;
    }
    fault = h->kind == H1_REQUEST ? h1_line_request(h, line) : h1_line_status(h, line);
    if (fault != H1_FAULT_NONE && h->kind == H1_CGI_LINE)
        return begin_fields(h);
    if (fault != H1_FAULT_NONE)
        return bad(h, h->base + MAX(h->fault_at, h->line_start), fault);
    h->has_line = true;
    h->state = FIELD_LINES;
    next_line(h, lf + 1);
    return h->version == H1_09 ? done(h, lf + 1) : NEXT;
}

/* How the bytes of names are seen: letters, digits and '-' are USUAL; the other token characters of
   RFC 9110, 5.6.2 are ODD; no name has the rest. */
enum name_class { FORBIDDEN, STRANGE, ODD, UNDERSCORE, USUAL };

#define U8 USUAL, USUAL, USUAL, USUAL, USUAL, USUAL, USUAL, USUAL
#define S8 STRANGE, STRANGE, STRANGE, STRANGE, STRANGE, STRANGE, STRANGE, STRANGE

static const uint8_t name_classes[256] = {
    ['!'] = ODD, ['"'] = STRANGE, ['#'] = ODD, ['$'] = ODD, ['%'] = ODD, ['&'] = ODD,
    ['\''] = ODD, ['('] = STRANGE, [')'] = STRANGE, ['*'] = ODD, ['+'] = ODD, [','] = STRANGE,
    ['-'] = USUAL, ['.'] = ODD, ['/'] = STRANGE, ['0'] = U8, ['8'] = USUAL, USUAL,
    [';'] = STRANGE, ['<'] = STRANGE, ['='] = STRANGE, ['>'] = STRANGE, ['?'] = STRANGE,
    ['@'] = STRANGE, ['A'] = U8, ['I'] = U8, ['Q'] = U8, ['Y'] = USUAL, USUAL,
    ['['] = STRANGE, ['\\'] = STRANGE, [']'] = STRANGE, ['^'] = ODD, ['_'] = UNDERSCORE,
    ['`'] = ODD, ['a'] = U8, ['i'] = U8, ['q'] = U8, ['y'] = USUAL, USUAL,
    ['{'] = STRANGE, ['|'] = ODD, ['}'] = STRANGE, ['~'] = ODD,
    [0x80] = S8, S8, S8, S8, S8, S8, S8, S8, S8, S8, S8, S8, S8, S8, S8, S8,
};

#undef U8
#undef S8

bool h1_head_is_token_char(char c)
{
    return name_classes[(uint8_t)c] >= ODD;
}

/* What byte `at` does in the name that starts at `start`. */
static enum h1_fault name_fault(const char *start, const char *at, const char *end)
{
    if (*at == '\0')
        return H1_FAULT_NUL;
    if (*at == '\r' || *at == '\n')
        return H1_FAULT_NO_COLON;
    if (*at != ' ' && *at != '\t')
        return H1_FAULT_NAME;
    if (at == start)
        return H1_FAULT_FOLDED;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at < end && *at == ':' ? H1_FAULT_SPACE_BEFORE_COLON : H1_FAULT_NAME;
}

/* The lowest class among the bytes up to the first forbidden one, which *at is set to (or end). */
static enum name_class classify(const char **at, const char *end)
{
    uint8_t lowest = USUAL;

    for (; *at < end; ++*at) {
        uint8_t class = name_classes[(uint8_t)**at];
        if (class == FORBIDDEN)
            return FORBIDDEN;
        lowest = MIN(lowest, class);
    }
    return (enum name_class)lowest;
}

/* A name without a number: may it pass? ignore_invalid_headers drops what is not usual. */
static enum h1_fault check_name(struct h1_head *h, const char *start, const char *colon,
                                const char *end, bool *odd, bool *drop)
{
    const char *at = start;
    enum name_class class = classify(&at, colon);

    if (class == FORBIDDEN)
        return name_fault(start, at, end);
    *odd = class < UNDERSCORE || (class == UNDERSCORE && !h->limits.underscores);
    *drop = *odd && h->limits.ignore_invalid;
    return class == STRANGE && !*drop ? H1_FAULT_NAME : H1_FAULT_NONE;
}

/* No colon on the way: is it still to come, or has the line none? */
static enum step without_colon(struct h1_head *h, const char *start, const char *at,
                               const char *end)
{
    if (memchr(at, '\n', (size_t)(end - at)) == NULL)
        return wait(h, start, end); /* judged when complete, so that cuts make no difference */
    return bad(h, at, name_fault(start, at, end));
}

/* What a control character in a value is, if it may not stay. Origins get away with most. */
static enum h1_fault value_fault(const struct h1_head *h, char c)
{
    switch (c) {
    case '\r':
        return H1_FAULT_BARE_CR;
    case '\0':
        return H1_FAULT_NUL;
    default:
        return h->kind == H1_REQUEST ? H1_FAULT_CONTROL : H1_FAULT_NONE;
    }
}

/* *p becomes the end of the value that starts there: its CR LF or LF. */
static enum step find_value_end(struct h1_head *h, const char *start, const char **p,
                                const char *end)
{
    enum h1_fault fault;
    const char *at;

    for (at = *p;; at++) {
        at = scan_find(SCAN_CONTROL, h->base, at, end);
        *p = at;
        if (likely(end - at >= 2 && memcmp(at, "\r\n", 2) == 0))
            return NEXT;
        if (at == end || (*at == '\r' && at + 1 == end))
            return wait(h, start, end);
        if (*at == '\n')
            return NEXT;
        fault = value_fault(h, *at);
        if (fault != H1_FAULT_NONE)
            return bad(h, at, fault);
    }
}

static enum step keep_field(struct h1_head *h, struct str name, struct str value,
                            enum field_id id, bool odd)
{
    bool again = fields_has(&h->fields, id);
    struct http_field *field;
    enum h1_fault fault;

    if (unlikely(h->fields.count + h->ignored >= h->limits.fields))
        return bad(h, name.data, H1_FAULT_TOO_MANY_FIELDS);
    field = fields_add(&h->fields, name, value, (uint8_t)id);
    if (unlikely(field == NULL))
        return bad(h, name.data, H1_FAULT_NO_MEMORY);
    field->flags = odd ? FIELD_NAME_ODD : 0;
    if (id == FIELD_OTHER || (id >= FIELD_FRAMING_END && !again))
        return NEXT;
    fault = h1_framing_field(h, id, value, again);
    return fault == H1_FAULT_NONE ? NEXT : bad(h, name.data, fault);
}

static enum step drop_field(struct h1_head *h, struct str name)
{
    if (h->fields.count + ++h->ignored > h->limits.fields)
        return bad(h, name.data, H1_FAULT_TOO_MANY_FIELDS);
    h->ignored_name = name;
    return NEXT;
}

static inline bool is_line_end(char c)
{
    return c == '\r' || c == '\n';
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* [p, end) without blanks around it; *end is none. Nearly always it is one, at the front. */
static inline struct str trim(const char *p, const char *end)
{
    p += *p == ' ';
    while (unlikely(is_blank(*p)))
        p++;
    while (end > p && unlikely(is_blank(end[-1])))
        end--;
    return str_range(p, end);
}

/* The field line at *p, which moves on behind it. */
static inline enum step parse_field(struct h1_head *h, const char **p, const char *end)
{
    const char *start = *p, *colon = scan_find(SCAN_COLON, h->base, start, end), *last;
    struct str name = str_range(start, colon);
    bool odd = false, drop = false;
    enum h1_fault fault;
    enum field_id id;
    enum step step;

    if (unlikely(colon == end || *colon != ':'))
        return without_colon(h, start, colon, end);
    if (unlikely(name.len == 0))
        return bad(h, start, H1_FAULT_EMPTY_NAME);
    id = field_find_id(name);
    if (id == FIELD_OTHER) {
        fault = check_name(h, start, colon, end, &odd, &drop);
        if (unlikely(fault != H1_FAULT_NONE))
            return bad(h, start, fault);
    }
    last = colon + 1;
    step = find_value_end(h, start, &last, end);
    if (unlikely(step != NEXT))
        return step;
    *p = last + (*last == '\r' ? 2 : 1);
    if (unlikely(too_long(h, start, *p)))
        return bad(h, start, H1_FAULT_FIELD_TOO_LONG);
    return unlikely(drop) ? drop_field(h, name)
                          : keep_field(h, name, trim(colon + 1, last), id, odd);
}

/* Some applications write status lines where they say nothing: nginx skips them too. */
static bool is_status_line(const struct h1_head *h, const char *p, const char *end)
{
    return h->kind >= H1_CGI && str_starts(str_range(p, end), status_start);
}

static enum step skip_line(struct h1_head *h, const char **p, const char *end)
{
    const char *lf = memchr(*p, '\n', (size_t)(end - *p));

    if (lf == NULL)
        return wait(h, *p, end);
    if (too_long(h, *p, lf + 1))
        return bad(h, *p, H1_FAULT_FIELD_TOO_LONG);
    if (h->fields.count + ++h->ignored > h->limits.fields)
        return bad(h, *p, H1_FAULT_TOO_MANY_FIELDS);
    *p = lf + 1;
    return NEXT;
}

/* The empty line behind the last field. */
static enum step parse_empty_line(struct h1_head *h, const char *p, const char *end)
{
    if (*p == '\n')
        return done(h, p + 1);
    if (p + 1 == end)
        return wait(h, p, end);
    return p[1] == '\n' ? done(h, p + 2) : bad(h, p, H1_FAULT_BARE_CR);
}

static enum step parse_fields(struct h1_head *h, const char *end)
{
    const char *p = h->base + h->line_start;
    enum step step = NEXT;

    if (unlikely(h->scanned > h->line_start) &&
        memchr(h->base + h->scanned, '\n', (size_t)(end - h->base) - h->scanned) == NULL)
        return wait(h, p, end);
    while (step == NEXT) {
        if (unlikely(p == end))
            return wait(h, p, end);
        if (unlikely(is_line_end(*p)))
            return parse_empty_line(h, p, end);
        step = unlikely(is_status_line(h, p, end)) ? skip_line(h, &p, end)
                                                   : parse_field(h, &p, end);
    }
    return step;
}

static enum step advance(struct h1_head *h, const char *end)
{
    switch ((enum state)h->state) {
    case BLANK_LINES:
        return skip_blank_lines(h, end);
    case FIRST_LINE:
        return parse_first_line(h, end);
    case FIELD_LINES:
        return parse_fields(h, end);
    case IS_PREFACE:
        return PREFACE;
    case ENDED:
        break;
    }
    return h->fault == H1_FAULT_NONE ? DONE : BAD;
}

enum h1_result h1_head_feed(struct h1_head *h, const char *base, size_t len)
{
    static const enum h1_result results[] = {
        [NEXT] = H1_MORE, [MORE] = H1_MORE, [DONE] = H1_DONE,
        [PREFACE] = H1_PREFACE, [BAD] = H1_BAD,
    };
    const char *end = base + MIN(len, h->limits.head_bytes);
    enum step step;

    h->base = base;
    h->seen = (uint32_t)(end - base);
    do
        step = advance(h, end);
    while (step == NEXT);
    return results[step];
}

void h1_head_rebase(struct h1_head *h, const char *to)
{
    struct str *slices[] = {
        &h->line,      &h->method_text, &h->target, &h->scheme, &h->authority,
        &h->path,      &h->protocol,    &h->reason, &h->host,   &h->ignored_name,
    };

    for (size_t i = 0; i < COUNT(slices); i++)
        field_rebase(slices[i], h->base, to, h->seen);
    fields_rebase(&h->fields, h->base, to, h->seen);
    h->base = to;
}
