/*
 * common/regex_need.c - a reader of patterns that looks for their literal texts.
 *
 * Of each part of a pattern it knows either all texts that the part can match (`exact`: few and
 * short), or groups of which any match contains a member each. Assertions match the empty text;
 * "^" leaves a mark on what follows it. A construct that could change the meaning of the rest
 * (options but "i", verbs, conditions, recursion, unusual escapes) makes it give the pattern up.
 */
#include "common/regex_need.h"

#define TEXT_MAX  64    /* bytes of one text */
#define DEPTH_MAX 20    /* of groups within each other */

struct facts {
    bool exact;
    struct need texts;              /* of what is exact: all that it can match */
    uint32_t group_count;           /* of what is not */
    struct need groups[NEED_GROUPS];
};

struct reader {
    struct pool *pool;
    const char *p, *end;
    uint32_t depth;
    bool lost;                      /* nothing is known about the pattern */
};

/* Facts ---------------------------------------------------------------------------------------- */

static void set_anything(struct facts *f)
{
    f->exact = false;
    f->group_count = 0;
}

static void set_text(struct facts *f, struct str text, bool at_start)
{
    f->exact = true;
    f->texts.count = 1;
    f->texts.texts[0] = (struct need_text){text, at_start};
}

static void set_byte(struct reader *r, struct facts *f, char c)
{
    char *byte = pool_bytes(r->pool, 1);

    if ((unsigned char)c >= 0x80) { /* whose other case, if any, is the library's affair */
        set_anything(f);
        return;
    }
    *byte = ascii_lower(c);
    set_text(f, (struct str){byte, 1}, false);
}

/* How much a group tells: the length of its shortest text. */
static size_t weight(const struct need *need)
{
    size_t least = need->count == 0 ? 0 : SIZE_MAX;

    for (uint32_t i = 0; i < need->count; i++)
        least = MIN(least, need->texts[i].text.len);
    return least;
}

static bool add_text(struct need *need, struct need_text text)
{
    for (uint32_t i = 0; i < need->count; i++)
        if (need->texts[i].at_start == text.at_start && str_eq(need->texts[i].text, text.text))
            return true;
    if (need->count == NEED_TEXTS)
        return false;
    need->texts[need->count++] = text;
    return true;
}

static bool add_texts(struct need *need, const struct need *more)
{
    bool all = true;

    for (uint32_t i = 0; i < more->count; i++)
        all &= add_text(need, more->texts[i]);
    return all;
}

/* Of too many groups those that tell most are kept. */
static void add_group(struct facts *f, const struct need *group)
{
    struct need *place = &f->groups[0];

    if (weight(group) == 0)
        return;
    if (f->group_count < NEED_GROUPS) {
        f->groups[f->group_count++] = *group;
        return;
    }
    for (uint32_t i = 1; i < NEED_GROUPS; i++)
        if (weight(&f->groups[i]) < weight(place))
            place = &f->groups[i];
    if (weight(group) > weight(place))
        *place = *group;
}

/* What is known of a match whatever follows: one group, or NULL. */
static const struct need *best_group(const struct facts *f)
{
    const struct need *best = f->exact ? &f->texts : NULL;

    for (uint32_t i = 0; !f->exact && i < f->group_count; i++)
        if (best == NULL || weight(&f->groups[i]) > weight(best))
            best = &f->groups[i];
    return best != NULL && weight(best) > 0 ? best : NULL;
}

/* A then B. Where B begins with "^" there is nothing before it. */
static struct need_text join(struct reader *r, struct need_text a, struct need_text b)
{
    char *text;

    if (b.at_start || (a.text.len == 0 && !a.at_start))
        return b;
    text = pool_bytes(r->pool, a.text.len + b.text.len);
    memcpy(text, a.text.data, a.text.len);
    memcpy(text + a.text.len, b.text.data, b.text.len);
    return (struct need_text){{text, a.text.len + b.text.len}, a.at_start};
}

/* Every text of *a followed by every one of b; false, with *a as before, if that gets too much. */
static bool multiply(struct reader *r, struct need *a, const struct need *b)
{
    struct need product = {0};

    if (a->count * b->count > NEED_TEXTS)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        for (uint32_t k = 0; k < b->count; k++) {
            struct need_text text = join(r, a->texts[i], b->texts[k]);

            if (text.text.len > TEXT_MAX || !add_text(&product, text))
                return false;
        }
    }
    *a = product;
    return true;
}

/* `f` becomes the facts about "f or other". */
static void either(struct facts *f, const struct facts *other)
{
    const struct need *mine, *theirs;
    struct need both;

    if (f->exact && other->exact && add_texts(&f->texts, &other->texts))
        return;
    mine = best_group(f);
    theirs = best_group(other);
    if (mine != NULL)
        both = *mine;
    set_anything(f);
    if (mine != NULL && theirs != NULL && add_texts(&both, theirs))
        add_group(f, &both);
}

static void repeat(struct facts *f, bool may_be_absent, bool may_be_many)
{
    struct need_text nothing = {STR(""), false};
    struct need once;

    if (!may_be_absent && !may_be_many)
        return;
    if (may_be_absent) {
        if (may_be_many || !f->exact || !add_text(&f->texts, nothing))
            set_anything(f);
    } else if (f->exact) {
        once = f->texts;
        set_anything(f);
        add_group(f, &once);
    }
}

/* Reading -------------------------------------------------------------------------------------- */

static void read_choice(struct reader *r, struct facts *out);

static bool at_end(const struct reader *r)
{
    return r->p == r->end;
}

static bool skip(struct reader *r, struct str what)
{
    if (!str_starts(str_range(r->p, r->end), what))
        return false;
    r->p += what.len;
    return true;
}

static void lose(struct reader *r, struct facts *out)
{
    r->lost = true;
    r->p = r->end;
    set_anything(out);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* What follows a backslash. */
static void read_escape(struct reader *r, struct facts *out)
{
    char c = at_end(r) ? '\0' : *r->p++;

    if (!is_alnum(c) && c != '\0')
        set_byte(r, out, c);
    else if (c == 'A')
        set_text(out, STR(""), true);
    else if (is_one_of(c, "bBGKzZ"))
        set_text(out, STR(""), false);
    else if (is_one_of(c, "dDhHsSvVwWRnrtfea"))
        set_anything(out);
    else if (c >= '1' && c <= '9' && (at_end(r) || !is_digit(*r->p)))
        set_anything(out);
    else
        lose(r, out);
}

/* A member of a class: its byte, or -1 for one that stands for others; *lost if its end is not
   clear. */
static int read_member(struct reader *r, bool *lost)
{
    char c = *r->p++;

    if (c == '[' && !at_end(r) && is_one_of(*r->p, ":.=")) {
        do
            r->p++;
        while (!at_end(r) && is_alnum(*r->p));
        *lost = !skip(r, STR(":]"));
        return -1;
    }
    if (c != '\\')
        return (unsigned char)c;
    c = at_end(r) ? '\0' : *r->p++;
    if (!is_alnum(c) && c != '\0')
        return (unsigned char)c;
    *lost = !is_one_of(c, "dDhHsSvVwWnrtfeab");
    return -1;
}

/* What follows '['. A class of few bytes is the choice between them. */
static void read_class(struct reader *r, struct facts *out)
{
    bool lost = false, plain = !skip(r, STR("^"));
    struct facts member;

    out->exact = true;
    out->texts.count = 0;
    for (bool first = true; !at_end(r) && (first || *r->p != ']'); first = false) {
        bool range = *r->p == '-' && !first && r->p + 1 < r->end && r->p[1] != ']';
        int byte = read_member(r, &lost);

        if (lost) {
            lose(r, out);
            return;
        }
        plain &= byte >= 0 && byte < 0x80 && !range;
        if (plain) {
            set_byte(r, &member, (char)byte);
            plain = add_texts(&out->texts, &member.texts);
        }
    }
    if (!skip(r, STR("]")))
        lose(r, out);
    else if (!plain)
        set_anything(out);
}

/* (?i) and its like, "(?" being read: true if it is one; *colon if a group begins with it. */
static bool skip_options(struct reader *r, bool *colon)
{
    const char *p = r->p;

    while (p < r->end && is_one_of(*p, "i-"))
        p++;
    if (p == r->p || p == r->end || (*p != ')' && *p != ':'))
        return false;
    *colon = *p == ':';
    r->p = p + 1;
    return true;
}

/* <name>, <name> with P or in quotes: up to its end. */
static bool skip_name(struct reader *r)
{
    char last = '>';

    if (skip(r, STR("'")))
        last = '\'';
    else if (!skip(r, STR("<")) && !skip(r, STR("P<")))
        return false;
    while (!at_end(r) && *r->p != last)
        r->p++;
    if (at_end(r))
        return false;
    r->p++;
    return true;
}

enum group { GROUP_PLAIN, GROUP_ASSERTION, GROUP_EMPTY, GROUP_UNKNOWN };

/* What follows '('. */
static enum group read_group_head(struct reader *r)
{
    bool colon;

    if (skip(r, STR("*")))
        return GROUP_UNKNOWN;
    if (!skip(r, STR("?")))
        return GROUP_PLAIN;
    if (skip(r, STR(":")) || skip(r, STR(">")))
        return GROUP_PLAIN;
    if (skip(r, STR("=")) || skip(r, STR("!")) || skip(r, STR("<=")) || skip(r, STR("<!")))
        return GROUP_ASSERTION;
    if (skip_options(r, &colon))
        return colon ? GROUP_PLAIN : GROUP_EMPTY;
    return skip_name(r) ? GROUP_PLAIN : GROUP_UNKNOWN;
}

static void read_group(struct reader *r, struct facts *out)
{
    enum group kind = read_group_head(r);

    if (kind == GROUP_EMPTY) {
        set_text(out, STR(""), false);
        return;
    }
    if (kind == GROUP_UNKNOWN || r->depth == DEPTH_MAX) {
        lose(r, out);
        return;
    }
    r->depth++;
    read_choice(r, out);
    r->depth--;
    if (!skip(r, STR(")")))
        lose(r, out);
    else if (kind == GROUP_ASSERTION)
        set_text(out, STR(""), false);
}

static void read_atom(struct reader *r, struct facts *out)
{
    char c = *r->p++;

    switch (c) {
    case '^':
        set_text(out, STR(""), true);
        break;
    case '$':
        set_text(out, STR(""), false);
        break;
    case '.':
        set_anything(out);
        break;
    case '\\':
        read_escape(r, out);
        break;
    case '[':
        read_class(r, out);
        break;
    case '(':
        read_group(r, out);
        break;
    case '{':
        lose(r, out);
        break;
    default:
        set_byte(r, out, c);
    }
}

/* Digits; false if there are none or too many. */
static bool read_number(struct reader *r, uint32_t *out)
{
    const char *from = r->p;

    for (*out = 0; !at_end(r) && is_digit(*r->p) && r->p - from < 6; r->p++)
        *out = *out * 10 + (uint32_t)(*r->p - '0');
    return r->p > from;
}

/* {n}, {n,} or {n,m} behind its '{'. */
static bool read_counts(struct reader *r, uint32_t *least, uint32_t *most)
{
    if (!read_number(r, least))
        return false;
    *most = *least;
    if (skip(r, STR(",")) && !read_number(r, most))
        *most = UINT32_MAX;
    return skip(r, STR("}"));
}

static void read_quantifier(struct reader *r, struct facts *f)
{
    uint32_t least = 1, most = 1;

    if (skip(r, STR("?"))) {
        least = 0;
    } else if (skip(r, STR("*"))) {
        least = 0;
        most = UINT32_MAX;
    } else if (skip(r, STR("+"))) {
        most = UINT32_MAX;
    } else if (!skip(r, STR("{"))) {
        return;
    } else if (!read_counts(r, &least, &most)) {
        lose(r, f);
        return;
    }
    if (!skip(r, STR("?")))
        skip(r, STR("+"));
    repeat(f, least == 0, most > 1);
}

/* Parts one after the other, up to '|', ')' or the end. */
static void read_run(struct reader *r, struct facts *out)
{
    struct need now = {1, {{STR_INIT(""), false}}}; /* the texts of the parts just read */
    struct need nothing = now;
    struct facts part;

    out->exact = true;
    out->group_count = 0;
    while (!at_end(r) && *r->p != '|' && *r->p != ')') {
        read_atom(r, &part);
        read_quantifier(r, &part);
        if (part.exact && multiply(r, &now, &part.texts))
            continue;
        out->exact = false;
        add_group(out, &now);
        now = part.exact ? part.texts : nothing;
        for (uint32_t i = 0; !part.exact && i < part.group_count; i++)
            add_group(out, &part.groups[i]);
    }
    if (out->exact)
        out->texts = now;
    else
        add_group(out, &now);
}

static void read_choice(struct reader *r, struct facts *out)
{
    struct facts other;

    read_run(r, out);
    while (skip(r, STR("|"))) {
        read_run(r, &other);
        either(out, &other);
    }
}

uint32_t regex_need(struct pool *pool, struct str pattern, struct need *groups)
{
    struct reader r = {.pool = pool, .p = pattern.data, .end = pattern.data + pattern.len};
    struct facts facts;
    struct need all;

    read_choice(&r, &facts);
    if (r.lost || !at_end(&r))
        return 0;
    if (facts.exact) {
        all = facts.texts;
        set_anything(&facts);
        add_group(&facts, &all);
    }
    memcpy(groups, facts.groups, facts.group_count * sizeof(*groups));
    return facts.group_count;
}
