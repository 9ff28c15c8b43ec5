/*
 * worker/codec/h1_host.c - a host with an optional port, as Host and authorities carry it.
 *
 * nginx 1.22 lets nearly any byte pass here, and ignores what follows the colon; the grammar of
 * RFC 3986, 3.2.2 is narrower, and a host that only some readers understand is a tool for attacks.
 */
#include "worker/codec/h1_host.h"

enum { IN_NAME = 1, IN_LITERAL = 2, UPPER = 4, DOT = 8 };

/* unreserved, sub-delims and '%' make a name; hex digits, ':' and '.' an address in brackets. */
static const uint8_t classes[256] = {
    ['!'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['('] = 1, [')'] = 1, ['*'] = 1,
    ['+'] = 1, [','] = 1, ['-'] = 1, ['.'] = 11, [':'] = 2, [';'] = 1, ['='] = 1, ['_'] = 1,
    ['~'] = 1, ['0'] = 3, ['1'] = 3, ['2'] = 3, ['3'] = 3, ['4'] = 3, ['5'] = 3, ['6'] = 3,
    ['7'] = 3, ['8'] = 3, ['9'] = 3, ['A'] = 7, ['B'] = 7, ['C'] = 7, ['D'] = 7, ['E'] = 7,
    ['F'] = 7, ['G'] = 5, ['H'] = 5, ['I'] = 5, ['J'] = 5, ['K'] = 5, ['L'] = 5, ['M'] = 5,
    ['N'] = 5, ['O'] = 5, ['P'] = 5, ['Q'] = 5, ['R'] = 5, ['S'] = 5, ['T'] = 5, ['U'] = 5,
    ['V'] = 5, ['W'] = 5, ['X'] = 5, ['Y'] = 5, ['Z'] = 5, ['a'] = 3, ['b'] = 3, ['c'] = 3,
    ['d'] = 3, ['e'] = 3, ['f'] = 3, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,
    ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,
    ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

static bool parse_port(struct str text, int32_t *port)
{
    int32_t n = 0;

    *port = -1;
    if (text.len == 0 || text.len > 5)
        return text.len == 0;
    for (const char *p = text.data, *end = p + text.len; p < end; p++) {
        if (*p < '0' || *p > '9')
            return false;
        n = n * 10 + (*p - '0');
    }
    *port = n;
    return n <= 65535;
}

/* How many bytes from the front are of the class. */
static inline size_t span(struct str text, uint32_t class, bool *has_upper, bool *has_empty_label)
{
    const char *p = text.data, *end = p + text.len;
    uint32_t all = 0, twice = 0, last = 0, c;

    for (; p < end; p++) {
        c = classes[(uint8_t)*p];
        if ((c & class) == 0)
            break;
        all |= c;
        twice |= c & last;
        last = c;
    }
    *has_upper = (all & UPPER) != 0;
    *has_empty_label = (twice & DOT) != 0;
    return (size_t)(p - text.data);
}

static size_t literal_len(struct str text, bool *has_upper)
{
    bool has_empty_label;
    size_t inside = span(str_from(text, 1), IN_LITERAL, has_upper, &has_empty_label);

    if (inside == 0 || inside + 1 >= text.len || text.data[inside + 1] != ']')
        return 0;
    return inside + 2;
}

bool h1_host_parse(struct str text, struct str *host, int32_t *port, bool *has_upper)
{
    bool literal = text.len > 0 && text.data[0] == '[';
    bool gap = false;
    size_t len = literal ? literal_len(text, has_upper) : span(text, IN_NAME, has_upper, &gap);

    if (len == 0 || gap)
        return false;
    *host = (struct str){text.data, len};
    *port = -1;
    if (len < text.len && (text.data[len] != ':' || !parse_port(str_from(text, len + 1), port)))
        return false;
    if (host->data[len - 1] == '.')
        host->len--;
    return host->len > 0;
}
