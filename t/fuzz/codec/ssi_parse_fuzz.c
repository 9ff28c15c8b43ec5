/*
 * t/fuzz/codec/ssi_parse_fuzz.c - any bytes as a page with commands: the same is found however it
 * is cut, and no text is lost or made.
 */
#include "worker/codec/ssi_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST 4096

struct seen {
    uint64_t hash;
    size_t text, found;
};

static void mix(struct seen *s, struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        s->hash = (s->hash ^ (uint8_t)bytes.data[i]) * 1099511628211u;
}

static void note(struct seen *s, struct ssi_parser *p, enum ssi_found found, struct str text)
{
    if (found == SSI_TEXT) {
        must(text.len > 0);
        s->text += text.len;
        mix(s, text);
        return;
    }
    s->found++;
    mix(s, p->command);
    must(p->command.len <= SSI_NAME_MAX && p->param_count <= SSI_PARAMS);
    for (uint32_t i = 0; found == SSI_COMMAND && i < p->param_count; i++) {
        must(p->params[i].name.len > 0 && p->params[i].name.len <= SSI_NAME_MAX);
        must(p->params[i].value.len <= p->value_max);
        mix(s, p->params[i].name);
        mix(s, p->params[i].value);
    }
}

static struct seen parse(const char *page, size_t size, size_t step, size_t value_max)
{
    struct seen s = {.hash = 14695981039346656037u};
    struct ssi_parser p;

    ssi_parse_init(&p, value_max);
    for (size_t at = 0; at < size; at += step) {
        struct str in = {page + at, MIN(step, size - at)}, text;
        enum ssi_found found;

        while ((found = ssi_parse(&p, &in, &text)) != SSI_MORE)
            note(&s, &p, found, text);
        must(in.len == 0);
    }
    mix(&s, ssi_parse_end(&p));
    must(p.fault == NULL || p.command.len <= SSI_NAME_MAX);
    ssi_parse_fini(&p);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *page = (const char *)data + 2;
    struct seen whole, cut;

    if (size < 2 || size > MOST)
        return 0;
    whole = parse(page, size - 2, MOST, data[1]);
    cut = parse(page, size - 2, 1 + data[0] % 16, data[1]);
    must(whole.hash == cut.hash && whole.text == cut.text && whole.found == cut.found);
    must(whole.text <= size);
    return 0;
}
