/*
 * worker/codec/fcgi.c - FastCGI 1.0 records (the specification's sections 3 and 5).
 */
#include "worker/codec/fcgi.h"

#define VERSION   1
#define RESPONDER 1
#define KEEP_CONN 1
#define SHORT     128 /* lengths below take one byte, others four */

/* Writing -------------------------------------------------------------------------------------- */

char *fcgi_write_header(char *out, enum fcgi_type type, size_t content)
{
    must(content <= FCGI_CONTENT_MOST);
    out[0] = VERSION;
    out[1] = (char)type;
    out[2] = 0;
    out[3] = FCGI_REQUEST;
    out[4] = (char)(content >> 8);
    out[5] = (char)(content & 0xff);
    out[6] = out[7] = 0;
    return out + FCGI_HEADER_BYTES;
}

char *fcgi_write_begin(char *out, bool keep_conn)
{
    out = fcgi_write_header(out, FCGI_BEGIN_REQUEST, 8);
    memset(out, 0, 8);
    out[1] = RESPONDER;
    out[2] = keep_conn ? KEEP_CONN : 0;
    return out + 8;
}

static size_t length_bytes(size_t length)
{
    return length < SHORT ? 1 : 4;
}

size_t fcgi_pair_bytes(size_t name, size_t value)
{
    return length_bytes(name) + length_bytes(value) + name + value;
}

static char *write_length(char *out, size_t length)
{
    must(length < (UINT32_C(1) << 31));
    if (length >= SHORT) {
        *out++ = (char)(length >> 24 | 0x80);
        *out++ = (char)(length >> 16 & 0xff);
        *out++ = (char)(length >> 8 & 0xff);
    }
    *out++ = (char)(length & 0xff);
    return out;
}

char *fcgi_write_pair_head(char *out, size_t name, size_t value)
{
    return write_length(write_length(out, name), value);
}

char *fcgi_write_headers(char *out, enum fcgi_type type, size_t content)
{
    const char *from = out + fcgi_records(content) * FCGI_HEADER_BYTES;

    while (content > 0) {
        size_t n = MIN(content, FCGI_CONTENT_MOST);

        out = fcgi_write_header(out, type, n);
        if (out != from)
            memmove(out, from, n);
        out += n;
        from += n;
        content -= n;
    }
    return out;
}

/* Reading -------------------------------------------------------------------------------------- */

enum state { HEADER, CONTENT, END_BODY, PADDING, OVER, BROKEN };

void fcgi_reader_init(struct fcgi_reader *f)
{
    *f = (struct fcgi_reader){.state = HEADER};
}

static enum fcgi_result bad(struct fcgi_reader *f, const char *why)
{
    f->state = BROKEN;
    f->fault = why;
    return FCGI_BAD;
}

/* Collects bytes until there are `want` of them. */
static bool collect(struct fcgi_reader *f, struct str *in, size_t want)
{
    size_t n = MIN(want - f->have, in->len);

    if (n > 0)
        memcpy(f->bytes + f->have, in->data, n);
    f->have += (uint8_t)n;
    *in = str_from(*in, n);
    return f->have == want;
}

static struct str take(struct fcgi_reader *f, struct str *in)
{
    struct str part = {in->data, MIN(in->len, f->left)};

    f->left -= (uint16_t)part.len;
    *in = str_from(*in, part.len);
    return part;
}

/* The content is over. */
static void pad(struct fcgi_reader *f)
{
    f->have = 0;
    f->state = f->padding > 0 ? PADDING : f->ended ? OVER : HEADER;
}

/* FCGI_MORE: go on with what follows. */
static enum fcgi_result begin_record(struct fcgi_reader *f)
{
    f->have = 0;
    f->type = f->bytes[1];
    f->left = (uint16_t)(f->bytes[4] << 8 | f->bytes[5]);
    f->padding = f->bytes[6];
    if (f->bytes[0] != VERSION)
        return bad(f, "unsupported FastCGI protocol version");
    if (f->bytes[2] != 0 || f->bytes[3] != FCGI_REQUEST)
        return bad(f, "unexpected FastCGI request id");
    if (f->type != FCGI_STDOUT && f->type != FCGI_STDERR && f->type != FCGI_END_REQUEST)
        return bad(f, "unexpected FastCGI record type");
    f->state = f->type == FCGI_END_REQUEST ? END_BODY : CONTENT;
    if (f->type != FCGI_STDOUT || f->left > 0)
        return f->type == FCGI_STDOUT && f->out_ended
                   ? bad(f, "FastCGI output behind its end") : FCGI_MORE;
    f->out_ended = true;
    pad(f);
    return FCGI_OUT_END;
}

static enum fcgi_result content(struct fcgi_reader *f, struct str *in, struct str *data)
{
    if (f->left == 0) {
        pad(f);
        return FCGI_ERR_RECORD;
    }
    *data = take(f, in);
    if (data->len == 0)
        return FCGI_MORE;
    if (f->type == FCGI_STDERR)
        return FCGI_ERR;
    if (f->left == 0)
        pad(f);
    return FCGI_OUT;
}

/* Eight bytes; what an application leaves out of them is 0, what it adds is skipped. */
static bool read_end(struct fcgi_reader *f, struct str *in)
{
    size_t had = f->have;

    if (f->have < FCGI_HEADER_BYTES) {
        collect(f, in, MIN(FCGI_HEADER_BYTES, f->have + (size_t)f->left));
        f->left -= (uint16_t)(f->have - had);
    }
    take(f, in);
    if (f->left > 0)
        return false;
    memset(f->bytes + f->have, 0, sizeof(f->bytes) - f->have);
    f->app_status = (uint32_t)f->bytes[0] << 24 | (uint32_t)f->bytes[1] << 16 |
                    (uint32_t)f->bytes[2] << 8 | f->bytes[3];
    f->protocol_status = f->bytes[4];
    f->ended = true;
    pad(f);
    return true;
}

static bool skip_padding(struct fcgi_reader *f, struct str *in)
{
    size_t n = MIN(in->len, f->padding);

    *in = str_from(*in, n);
    f->padding -= (uint8_t)n;
    if (f->padding > 0)
        return false;
    f->state = f->ended ? OVER : HEADER;
    return true;
}

enum fcgi_result fcgi_next(struct fcgi_reader *f, struct str *in, struct str *data)
{
    enum fcgi_result result;

    for (;;) {
        switch ((enum state)f->state) {
        case HEADER:
            if (!collect(f, in, FCGI_HEADER_BYTES))
                return FCGI_MORE;
            if ((result = begin_record(f)) != FCGI_MORE)
                return result;
            break;
        case CONTENT:
            return content(f, in, data);
        case END_BODY:
            if (!read_end(f, in))
                return FCGI_MORE;
            break;
        case PADDING:
            if (!skip_padding(f, in))
                return FCGI_MORE;
            break;
        case OVER:
            return FCGI_END;
        case BROKEN:
            return FCGI_BAD;
        }
    }
}
