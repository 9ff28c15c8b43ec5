/*
 * worker/codec/h1_line.c - the first line of a head: request line or status line.
 *
 * RFC 9112, 3 to the letter: one space between the parts, none behind. (nginx 1.22 also takes more
 * than one; section 3 calls that a hazard.) A method has the letters that nginx allows: capitals,
 * '-' and '_'.
 */
#include "worker/codec/h1_line.h"

#include "worker/codec/scan.h"

static inline bool is_method_char(char c)
{
    return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

static enum h1_fault fault_at(struct h1_head *h, const char *p, enum h1_fault fault)
{
    h->fault_at = (uint32_t)(p - h->base);
    return fault;
}

static enum h1_fault take_method(struct h1_head *h, struct str line)
{
    const char *p = line.data, *end = p + line.len;

    if (likely(line.len > 4 && memcmp(p, "GET ", 4) == 0)) {
        h->method = METHOD_GET;
        h->method_text = (struct str){p, 3};
        return H1_FAULT_NONE;
    }
    while (p < end && is_method_char(*p))
        p++;
    if (p == line.data || p == end || *p != ' ')
        return fault_at(h, p, H1_FAULT_METHOD);
    h->method_text = str_range(line.data, p);
    h->method = (uint8_t)method_find(h->method_text);
    return H1_FAULT_NONE;
}

/* "scheme://authority[/path][?query]": how much of it the scheme is; 0 if it is none. */
static size_t scheme_len(struct str target)
{
    size_t i = 0;

    for (; i < target.len; i++) {
        char c = ascii_lower(target.data[i]);
        bool inside = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!(c >= 'a' && c <= 'z') && !(i > 0 && inside))
            break;
    }
    return i > 0 && str_starts(str_from(target, i), STR("://")) ? i : 0;
}

static enum h1_fault take_authority(struct h1_head *h, struct str authority)
{
    h->authority = authority;
    if (!h1_host_parse(authority, &h->host, &h->port, &h->host_has_upper))
        return fault_at(h, authority.data, H1_FAULT_TARGET_HOST);
    return H1_FAULT_NONE;
}

static enum h1_fault take_absolute(struct h1_head *h)
{
    size_t scheme = scheme_len(h->target), end;

    if (scheme == 0)
        return fault_at(h, h->target.data, H1_FAULT_TARGET);
    h->form = H1_ABSOLUTE;
    h->scheme = (struct str){h->target.data, scheme};
    for (end = scheme + 3; end < h->target.len; end++)
        if (h->target.data[end] == '/' || h->target.data[end] == '?')
            break;
    h->path = end < h->target.len ? str_from(h->target, end) : STR("/");
    return take_authority(h, str_range(h->target.data + scheme + 3, h->target.data + end));
}

/* RFC 9112, 3.2.3: the port may not be missing. */
static enum h1_fault take_tunnel(struct h1_head *h)
{
    enum h1_fault fault = take_authority(h, h->target);

    h->form = H1_AUTHORITY;
    return fault == H1_FAULT_NONE && h->port <= 0
               ? fault_at(h, h->target.data, H1_FAULT_TARGET_HOST) : fault;
}

static enum h1_fault take_target(struct h1_head *h)
{
    if (h->method == METHOD_CONNECT)
        return take_tunnel(h);
    if (likely(h->target.len > 0 && h->target.data[0] == '/')) {
        h->form = H1_ORIGIN;
        h->path = h->target;
        return H1_FAULT_NONE;
    }
    if (str_eq(h->target, STR("*")) &&
        (h->method == METHOD_OPTIONS || str_eq(h->method_text, STR("PRI")))) {
        h->form = H1_ASTERISK;
        h->path = h->target;
        return H1_FAULT_NONE;
    }
    return take_absolute(h);
}

/* "HTTP/" DIGIT "." DIGIT; more digits behind the dot pass, as in nginx. */
static enum h1_fault take_version(struct h1_head *h, struct str text)
{
    int64_t minor;

    h->protocol = text;
    if (likely(str_eq(text, STR("HTTP/1.1")))) {
        h->version = H1_11;
        return H1_FAULT_NONE;
    }
    if (text.len < 6 || !str_starts(text, STR("HTTP/")) || text.data[5] < '1' ||
        text.data[5] > '9')
        return fault_at(h, text.data, H1_FAULT_VERSION);
    if (text.data[5] != '1' || (text.len > 6 && text.data[6] >= '0' && text.data[6] <= '9'))
        return fault_at(h, text.data, H1_FAULT_VERSION_UNSUPPORTED);
    if (text.len < 8 || text.len > 10 || text.data[6] != '.' ||
        !str_to_int(str_from(text, 7), &minor))
        return fault_at(h, text.data, H1_FAULT_VERSION);
    h->version = minor == 0 ? H1_10 : H1_11;
    return H1_FAULT_NONE;
}

static enum h1_fault take_simple(struct h1_head *h)
{
    h->version = H1_09;
    h->protocol = STR("");
    return h->method == METHOD_GET ? H1_FAULT_NONE : H1_FAULT_HTTP09_METHOD;
}

enum h1_fault h1_line_request(struct h1_head *h, struct str line)
{
    const char *end = line.data + line.len, *target, *p;
    enum h1_fault fault = take_method(h, line);

    if (unlikely(fault != H1_FAULT_NONE))
        return fault;
    h->line = line;
    target = line.data + h->method_text.len + 1;
    p = scan_find(SCAN_BLANK, h->base, target, end);
    if (p < end && *p != ' ')
        return fault_at(h, p, *p == '\0' ? H1_FAULT_NUL : H1_FAULT_REQUEST_LINE);
    h->target = str_range(target, p);
    fault = p < end ? take_version(h, str_range(p + 1, end)) : take_simple(h);
    if (fault == H1_FAULT_VERSION && memchr(p + 1, ' ', (size_t)(end - p - 1)) != NULL)
        return fault_at(h, p, H1_FAULT_REQUEST_LINE);
    return fault == H1_FAULT_NONE ? take_target(h) : fault;
}

/* Until the first space, only the letters of a method; behind it no controls. */
enum h1_fault h1_line_request_part(struct h1_head *h, struct str line)
{
    const char *end = line.data + line.len, *p;

    for (p = h->base + h->scanned; p < end && h->method_text.data == NULL; p++) {
        if (*p == ' ' && p > line.data)
            h->method_text = str_range(line.data, p);
        else if (!is_method_char(*p))
            return fault_at(h, p, H1_FAULT_METHOD);
    }
    while ((p = scan_find(SCAN_BLANK, h->base, p, end)) < end) {
        if (*p != ' ' && !(*p == '\r' && p + 1 == end))
            return fault_at(h, p, H1_FAULT_REQUEST_LINE);
        p++;
    }
    return H1_FAULT_NONE;
}

/* "HTTP/1.1 200 OK"; the reason may be missing, and the space before it (RFC 9112, 4). */
enum h1_fault h1_line_status(struct h1_head *h, struct str line)
{
    struct str rest = str_from(line, MIN(line.len, 12));
    int64_t minor, status;

    h->line = line;
    if (line.len < 12 || !str_starts(line, STR("HTTP/1.")) || line.data[8] != ' ' ||
        !str_to_int((struct str){line.data + 7, 1}, &minor) ||
        !str_to_int((struct str){line.data + 9, 3}, &status) || status < 100)
        return H1_FAULT_STATUS_LINE;
    if (rest.len > 0 && rest.data[0] != ' ')
        return H1_FAULT_STATUS_LINE;
    if (memchr(rest.data, '\0', rest.len) != NULL)
        return H1_FAULT_NUL;
    if (memchr(rest.data, '\r', rest.len) != NULL)
        return H1_FAULT_BARE_CR;
    h->protocol = (struct str){line.data, 8};
    h->version = minor == 0 ? H1_10 : H1_11;
    h->status = (uint16_t)status;
    h->reason = rest.len > 0 ? str_from(rest, 1) : rest;
    return H1_FAULT_NONE;
}

enum h1_fault h1_line_status_part(struct h1_head *h, struct str line)
{
    struct str start = STR("HTTP/1.");

    (void)h;
    return memcmp(line.data, start.data, MIN(line.len, start.len)) == 0 ? H1_FAULT_NONE
                                                                       : H1_FAULT_STATUS_LINE;
}
