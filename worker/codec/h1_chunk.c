/*
 * worker/codec/h1_chunk.c - the chunked transfer coding, both ways (RFC 9112, 7.1).
 *
 * One small state per byte of framing; payload is never touched. What nginx lets pass and the RFC
 * does not (a bare LF, blanks before the line end) is refused: here a second reader of the same
 * bytes could find another end.
 */
#include "worker/codec/h1_chunk.h"

#include "common/fmt.h"
#include "worker/codec/h1_head.h"

enum state {
    SIZE_START, /* before the first digit of a size */
    SIZE,
    PADDING,    /* blanks behind the size */
    EXTENSION,
    SIZE_LF,    /* CR came */
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER,    /* at the start of a trailer line */
    TRAILER_LINE,
    TRAILER_LF, /* CR came inside a line */
    LAST_LF,    /* CR came at the start of a line */
    ENDED,
    FAILED,
};

void h1_chunk_init(struct h1_chunk *c, struct http_fields *trailers, struct pool *pool,
                   uint32_t trailer_max, bool tolerant)
{
    *c = (struct h1_chunk){
        .pool = pool, .trailers = trailers, .trailer_max = trailer_max, .tolerant = tolerant,
        .most = FIELDS_MAX,
    };
}

void h1_chunk_keep(struct h1_chunk *c, struct http_fields **made, uint32_t trailer_max,
                   uint32_t most)
{
    c->trailers = NULL;
    c->made = made;
    c->trailer_max = trailer_max;
    c->most = most;
}

static enum state fail(struct h1_chunk *c, const char *why)
{
    c->fault = why;
    return FAILED;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum state on_size(struct h1_chunk *c, char byte)
{
    int digit = digit_of(byte);

    if (digit >= 0) {
        if (c->left > (uint64_t)INT64_MAX >> 4)
            return fail(c, "too large chunk");
        c->left = c->left << 4 | (uint64_t)digit;
        return SIZE;
    }
    if (c->state == SIZE_START)
        return fail(c, "invalid chunk size");
    switch (byte) {
    case '\r':
        return SIZE_LF;
    case ';':
        return EXTENSION;
    case ' ':
    case '\t':
        return PADDING;
    default:
        return fail(c, "invalid chunk size");
    }
}

/* RFC 9112, 7.1.1 has blanks only before an extension. */
static enum state on_padding(struct h1_chunk *c, char byte)
{
    if (byte == ' ' || byte == '\t')
        return PADDING;
    if (byte == ';')
        return EXTENSION;
    if (byte == '\r' && c->tolerant)
        return SIZE_LF;
    return fail(c, "invalid chunk size");
}

static enum state on_extension(struct h1_chunk *c, char byte)
{
    if (byte == '\r')
        return SIZE_LF;
    if (((uint8_t)byte < 0x20 && byte != '\t') || byte == 0x7f)
        return fail(c, "invalid chunk extension");
    return EXTENSION;
}

static enum state on_size_lf(struct h1_chunk *c, char byte)
{
    if (byte != '\n')
        return fail(c, "invalid chunk size line");
    c->line_bytes = 0;
    return c->left > 0 ? DATA : TRAILER;
}

static bool keep_trailer_byte(struct h1_chunk *c, char byte)
{
    uint32_t cap;
    char *text;

    if (c->trailers == NULL && c->made == NULL)
        return true;
    if (c->line_bytes > c->trailer_cap) {
        cap = c->trailer_cap == 0 ? 256 : c->trailer_cap * 2;
        text = pool_try_alloc(c->pool, cap);
        if (text == NULL)
            return false;
        if (c->trailer_cap > 0)
            memcpy(text, c->trailer_text, c->trailer_cap);
        c->trailer_text = text;
        c->trailer_cap = cap;
    }
    c->trailer_text[c->line_bytes - 1] = byte;
    return true;
}

static enum state on_trailer(struct h1_chunk *c, char byte)
{
    bool at_start = c->state == TRAILER;

    if (byte == '\r')
        return at_start ? LAST_LF : TRAILER_LF;
    if (((uint8_t)byte < 0x20 && byte != '\t') || byte == 0x7f)
        return fail(c, "invalid trailer");
    return TRAILER_LINE;
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!h1_head_is_token_char(s.data[i]))
            return false;
    return s.len > 0;
}

/* False: there is no room for it. */
static bool take_trailer(struct h1_chunk *c, struct str name, struct str value)
{
    enum field_id id = field_find_id(name);

    if (!field_may_trail(id))
        return true;
    if (c->trailers == NULL) {
        c->trailers = pool_try_alloc(c->pool, sizeof(*c->trailers));
        if (c->trailers == NULL)
            return false;
        fields_init(c->trailers, c->pool);
        *c->made = c->trailers;
    }
    return c->trailers->count < c->most &&
           fields_add(c->trailers, name, str_trim(value), (uint8_t)id) != NULL;
}

static enum state take_trailers(struct h1_chunk *c)
{
    struct str rest = {c->trailer_text, c->line_bytes}, line, name;

    while (rest.len > 0) {
        line = str_cut(&rest, '\n');
        name = str_cut(&line, ':');
        if (line.data == NULL || !is_token(name)) {
            if (c->made != NULL)
                continue;
            return fail(c, "invalid trailer");
        }
        if (!take_trailer(c, name, line))
            return fail(c, "too many trailers");
    }
    return ENDED;
}

static enum state on_trailer_lf(struct h1_chunk *c, char byte)
{
    if (byte != '\n')
        return fail(c, "invalid trailer");
    return c->state == TRAILER_LF ? TRAILER : ENDED;
}

static enum state step(struct h1_chunk *c, char byte)
{
    switch ((enum state)c->state) {
    case SIZE_START:
    case SIZE:
        return on_size(c, byte);
    case PADDING:
        return on_padding(c, byte);
    case EXTENSION:
        return on_extension(c, byte);
    case SIZE_LF:
        return on_size_lf(c, byte);
    case DATA_CR:
        return byte == '\r' ? DATA_LF : fail(c, "no line end after a chunk");
    case DATA_LF:
        return byte == '\n' ? SIZE_START : fail(c, "no line end after a chunk");
    case TRAILER:
    case TRAILER_LINE:
        return on_trailer(c, byte);
    case TRAILER_LF:
    case LAST_LF:
        return on_trailer_lf(c, byte);
    case DATA:
    case ENDED:
    case FAILED:
        break;
    }
    return (enum state)c->state;
}

static bool in_trailer(enum state state)
{
    return state >= TRAILER && state <= LAST_LF;
}

/* Kept as "name: value LF" lines: CR is left out, the closing empty line is not counted in. */
static enum state trailer_step(struct h1_chunk *c, char byte)
{
    enum state next = step(c, byte);

    if (next == ENDED)
        return c->trailers != NULL || c->made != NULL ? take_trailers(c) : ENDED;
    if (next == FAILED || byte == '\r')
        return next;
    if (++c->line_bytes > c->trailer_max)
        return fail(c, "too large trailer");
    return keep_trailer_byte(c, byte) ? next : fail(c, "no memory for trailers");
}

static enum state framing_step(struct h1_chunk *c, char byte)
{
    if (in_trailer((enum state)c->state))
        return trailer_step(c, byte);
    if (++c->line_bytes > H1_CHUNK_LINE_MAX)
        return fail(c, "too long chunk size line");
    return step(c, byte);
}

static enum h1_chunk_result take_data(struct h1_chunk *c, struct str *in, struct str *data)
{
    *data = (struct str){in->data, (size_t)MIN((uint64_t)in->len, c->left)};
    *in = str_from(*in, data->len);
    c->left -= data->len;
    c->total += data->len;
    if (c->left == 0)
        c->state = DATA_CR;
    return H1_CHUNK_DATA;
}

enum h1_chunk_result h1_chunk_next(struct h1_chunk *c, struct str *in, struct str *data)
{
    while (c->state != ENDED && c->state != FAILED) {
        if (in->len == 0)
            return H1_CHUNK_MORE;
        if (c->state == DATA)
            return take_data(c, in, data);
        c->state = (uint8_t)framing_step(c, in->data[0]);
        *in = str_from(*in, 1);
    }
    return c->state == ENDED ? H1_CHUNK_DONE : H1_CHUNK_BAD;
}

uint64_t h1_chunk_least(const struct h1_chunk *c)
{
    static const uint8_t least[] = {
        [SIZE_START] = 5, [SIZE] = 4,    [PADDING] = 4,      [EXTENSION] = 4, [SIZE_LF] = 3,
        [DATA] = 7,       [DATA_CR] = 7, [DATA_LF] = 6,      [TRAILER] = 2,   [TRAILER_LINE] = 4,
        [TRAILER_LF] = 3, [LAST_LF] = 1, [ENDED] = 0,        [FAILED] = 0,
    };
    bool sized = c->state >= SIZE && c->state <= SIZE_LF && c->left > 0;

    /* a size above 0 promises that much payload, its line end and "0 CRLF CRLF" */
    return least[c->state] + (c->state == DATA ? c->left : sized ? c->left + 5 : 0);
}

char *h1_chunk_head(char *out, uint64_t bytes)
{
    out = fmt_hex(out, bytes);
    return FMT_LIT(out, "\r\n");
}
