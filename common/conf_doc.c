/*
 * common/conf_doc.c - arity and documentation from a directive's row.
 */
#include "common/conf_doc.h"

#include "common/conf_suggest.h"

static const struct {
    uint32_t where;
    const char *name;
} contexts[] = {
    {IN_MAIN, "main"},
    {IN_EVENTS, "events"},
    {IN_HTTP, "http"},
    {IN_SERVER, "server"},
    {IN_LOCATION, "location"},
    {IN_SERVER_IF, "if-in-server"},
    {IN_LOCATION_IF, "if-in-location"},
    {IN_LIMIT_EXCEPT, "limit_except"},
    {IN_UPSTREAM, "upstream"},
    {IN_STREAM, "stream"},
    {IN_STREAM_SERVER, "stream-server"},
    {IN_STREAM_UPSTREAM, "stream-upstream"},
    {IN_MAIL, "mail"},
    {IN_MAIL_SERVER, "mail-server"},
    {IN_ANY, "any"},
};

/* Arity --------------------------------------------------------------------------------------- */

struct syntax {
    const char *p;
    struct conf_arity arity;
    uint32_t depth;
    bool joined;        /* behind a |: another form of the word before */
};

static bool is_dots(const char *p)
{
    return p[0] == '.' && p[1] == '.' && p[2] == '.';
}

/* One word with the brackets that are part of it. */
static void skip_word(struct syntax *s)
{
    uint32_t inner = 0;

    for (; *s->p != '\0' && *s->p != ' '; s->p++) {
        if (*s->p == '[')
            inner++;
        else if (*s->p == ']' && inner-- == 0)
            break;
        else if (inner == 0 && is_dots(s->p))
            break;
    }
    if (!s->joined && s->arity.max != CONF_ARGS_MANY)
        s->arity.max++;
    if (!s->joined && s->depth == 0)
        s->arity.min++;
    s->joined = false;
}

static struct conf_arity one_syntax(struct syntax *s)
{
    s->arity = (struct conf_arity){0};
    for (; *s->p != '\0'; s->p++) {
        if (*s->p == ';' && s->p[1] == ';') {
            s->p += 2;
            break;
        }
        if (*s->p == '[') {
            s->depth++;
        } else if (*s->p == ']') {
            s->depth--;
        } else if (*s->p == '{') {
            s->arity.block = true;
            s->p += strcspn(s->p, "}");
        } else if (*s->p == '|' && (s->p[1] == ' ' || s->p[1] == '\0')) {
            s->joined = true;
        } else if (is_dots(s->p)) {
            s->arity.max = CONF_ARGS_MANY;
            s->p += 2;
        } else if (*s->p != ' ') {
            skip_word(s);
            s->p--;
        }
    }
    return s->arity;
}

struct conf_arity conf_arity(const char *args)
{
    struct syntax s = {.p = args};
    struct conf_arity all = one_syntax(&s);

    while (*s.p != '\0') {
        struct conf_arity one = one_syntax(&s);

        all.min = MIN(all.min, one.min);
        all.max = MAX(all.max, one.max);
        all.block |= one.block;
    }
    return all;
}

/* Text ---------------------------------------------------------------------------------------- */

size_t conf_contexts(uint32_t where, const char *separator, char *out, size_t room)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < COUNT(contexts); i++)
        if ((where & contexts[i].where) != 0 && len < room)
            len += (size_t)snprintf(out + len, room - len, "%s%s", len > 0 ? separator : "",
                                    contexts[i].name);
    return MIN(len, room - 1);
}

size_t conf_syntax(const struct directive *d, char *out, size_t room)
{
    const char *args = d->args ? d->args : "";
    const char *brace = strchr(args, '{');
    int len = brace != NULL ? (int)(brace - args) : (int)strlen(args);
    bool block = brace != NULL || d->opens != 0 || d->raw_block;
    int n;

    while (len > 0 && args[len - 1] == ' ')
        len--;
    n = snprintf(out, room, "%s%s%.*s%s", d->name, len > 0 ? " " : "", len, args,
                 block ? " { ... }" : ";");
    return MIN((size_t)n, room - 1);
}

static void print_row(FILE *out, const struct module *m, const struct directive *d)
{
    char text[1024];

    conf_syntax(d, text, sizeof(text));
    fprintf(out, "%s\n", text);
    if (d->doc != NULL)
        fprintf(out, "    %s\n", d->doc);
    if (d->notice != NULL)
        fprintf(out, "    Accepted, but without effect here: %s.\n", d->notice);
    if (d->initial != NULL)
        fprintf(out, "    default:  %s %s;\n", d->name, d->initial);
    conf_contexts(d->where, ", ", text, sizeof(text));
    fprintf(out, "    context:  %s\n    module:   %s - %s\n", text, m->name, m->doc ? m->doc : "");
}

bool conf_doc_print(FILE *out, struct str name)
{
    bool found = false;

    for (size_t i = 0; modules[i] != NULL; i++)
        for (size_t n = 0; n < modules[i]->directive_count; n++)
            if (str_eq(str_of(modules[i]->directives[n].name), name)) {
                if (found)
                    fputc('\n', out);
                print_row(out, modules[i], &modules[i]->directives[n]);
                found = true;
            }
    return found;
}

const char *conf_doc_near(struct str name)
{
    struct conf_suggest near;

    conf_suggest_init(&near, name);
    for (size_t i = 0; modules[i] != NULL; i++)
        for (size_t n = 0; n < modules[i]->directive_count; n++)
            conf_suggest_offer(&near, modules[i]->directives[n].name);
    return near.best;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

void conf_doc_dump(FILE *out)
{
    char where[CONF_CONTEXTS_MAX];

    for (size_t i = 0; modules[i] != NULL; i++)
        for (size_t n = 0; n < modules[i]->directive_count; n++) {
            const struct directive *d = &modules[i]->directives[n];

            conf_contexts(d->where, "|", where, sizeof(where));
            fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", modules[i]->name,
                    or_empty(modules[i]->doc), d->name, where, or_empty(d->args),
                    or_empty(d->initial), or_empty(d->doc));
        }
}
