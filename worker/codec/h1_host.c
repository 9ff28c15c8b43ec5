/*
 * worker/codec/h1_host.c - a host with an optional port, as Host and authorities carry it.
 *
 * nginx 1.22 lets nearly any byte pass here, and ignores what follows the colon; the grammar of
 * RFC 3986, 3.2.2 is narrower, and a host that only some readers understand is a tool for attacks.
 */
#include "worker/codec/h1_host.h"

enum { IN_NAME = 1, IN_LITERAL = 2, UPPER = 4 };

/* unreserved, sub-delims and '%' make a name; hex digits, ':' and '.' an address in brackets. */
static const uint8_t classes[256] = {
    ['!'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['('] = 1, [')'] = 1, ['*'] = 1,
    ['+'] = 1, [','] = 1, ['-'] = 1, ['.'] = 3, [':'] = 2, [';'] = 1, ['='] = 1, ['_'] = 1,
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
    if (text.len == 0)
        return true;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        n = n * 10 + (text.data[i] - '0');
        if (n > 65535)
            return false;
    }
    *port = n;
    return true;
}

/* How many bytes from the front are of the class. */
static size_t span(struct str text, uint8_t class, bool *has_upper)
{
    uint8_t all = 0;
    size_t i;

    for (i = 0; i < text.len; i++) {
        uint8_t c = classes[(uint8_t)text.data[i]];
        if ((c & class) == 0)
            break;
        all |= c;
    }
    *has_upper = (all & UPPER) != 0;
    return i;
}

static size_t literal_len(struct str text, bool *has_upper)
{
    size_t inside = span(str_from(text, 1), IN_LITERAL, has_upper);

    if (inside == 0 || inside + 1 >= text.len || text.data[inside + 1] != ']')
        return 0;
    return inside + 2;
}

static bool has_empty_label(struct str name)
{
    for (size_t i = 1; i < name.len; i++)
        if (name.data[i] == '.' && name.data[i - 1] == '.')
            return true;
    return false;
}

bool h1_host_parse(struct str text, struct str *host, int32_t *port, bool *has_upper)
{
    bool literal = text.len > 0 && text.data[0] == '[';
    size_t len = literal ? literal_len(text, has_upper) : span(text, IN_NAME, has_upper);

    if (len == 0 || (!literal && has_empty_label((struct str){text.data, len})))
        return false;
    *host = (struct str){text.data, len};
    *port = -1;
    if (len < text.len && (text.data[len] != ':' || !parse_port(str_from(text, len + 1), port)))
        return false;
    if (host->data[len - 1] == '.')
        host->len--;
    return host->len > 0;
}
