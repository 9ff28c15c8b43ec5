/*
 * worker/filter/sub.c - texts in responses replaced by others.
 *
 * What is not replaced is passed on where it lies. Only the beginning of a text that may go on in
 * the next piece of the body is kept aside, with as much of that piece as it takes to know: never
 * more than twice the longest text.
 */
#include "worker/filter/sub.h"

#include "common/buf.h"
#include "worker/codec/text_set.h"
#include "worker/http/phase.h"
#include "worker/http/representation.h"
#include "worker/http/type_set.h"
#include "worker/net/scope_conf.h"

#define PULL_BYTES (64 * 1024)

static uint32_t sub_index;

struct pair {
    struct template *text, *value;
    struct pair *next;
};

struct sub_conf {
    struct pair *pairs;         /* in order of writing */
    bool once, keep_last_modified;
    struct type_set *types;
    struct text_set *set;       /* of the texts, when none of them has variables */
    const struct pair **listed; /* by index of the set */
};

struct replacing {
    struct source source;
    struct source *body;
    struct request *r;
    const struct text_set *set;
    const struct pair **pairs;  /* by index of the set */
    struct str *values;         /* the same; data NULL: not yet evaluated */
    uint64_t *done;             /* those not to be replaced again; NULL: all are, always */
    uint32_t left;              /* that are not done */
    bool body_ended;

    struct chain in;            /* pulled; the first piece is what `text` is the rest of */
    struct str text;
    struct str giving, value;   /* on their way out, in this order */
    struct buf joint;           /* may begin a text; with it what followed when it was looked at */
    size_t joint_taken;         /* of it from where `text` begins now */
    struct buf loose;           /* of what was kept aside, for the reader until its next pull */
};

/* Where the bytes are ------------------------------------------------------------------------- */

static bool nothing_follows(const struct replacing *s)
{
    return s->body_ended && s->text.len == 0 && chain_empty(&s->in);
}

/* The next piece becomes `text`. */
static bool next_piece(struct replacing *s)
{
    if (chain_empty(&s->in))
        return false;
    s->text = (struct str){chain_head(&s->in)->data, chain_head(&s->in)->len};
    chain_consume(&s->in, s->text.len);
    return true;
}

static enum pull fill_in(struct replacing *s)
{
    enum pull result;

    s->body->waiter = s->source.waiter;
    s->body->file_ok = false;
    result = source_pull(s->body, &s->in, PULL_BYTES);
    s->body_ended = result == PULL_END;
    return result;
}

/* Searching ------------------------------------------------------------------------------------ */

/* The replacement is worked out when it is first needed. */
static struct str value_of(struct replacing *s, uint32_t index)
{
    struct str *value = &s->values[index];

    if (value->data == NULL) {
        *value = scope_eval(&s->r->scope, s->pairs[index]->value);
        if (value->data == NULL)
            *value = STR("");
    }
    return *value;
}

static void replace(struct replacing *s, uint32_t index)
{
    s->value = value_of(s, index);
    if (s->done == NULL)
        return;
    s->done[index / 64] |= (uint64_t)1 << index % 64;
    s->left--;
}

static void keep_aside(struct replacing *s, struct str rest)
{
    if (s->joint.start == NULL)
        buf_take(&s->joint, 2 * text_set_longest(s->set));
    memcpy(s->joint.start, rest.data, rest.len);
    s->joint.pos = s->joint.start;
    s->joint.last = s->joint.start + rest.len;
    s->joint_taken = 0;
}

/* In the piece as it lies there. */
static void search_text(struct replacing *s)
{
    struct text_hit hit;
    struct str text = s->text;
    bool last = s->body_ended && chain_empty(&s->in);

    switch (text_set_find(s->set, text, last, s->done, &hit)) {
    case TEXT_FOUND:
        s->giving = (struct str){text.data, hit.at};
        s->text = str_from(text, hit.at + hit.len);
        replace(s, hit.index);
        return;
    case TEXT_MORE:
        s->giving = (struct str){text.data, hit.at};
        keep_aside(s, str_from(text, hit.at));
        break;
    case TEXT_NONE:
        s->giving = text;
        break;
    }
    s->text = STR_NONE;
}

/* Continues what was kept aside with the bytes that follow. */
static void extend_joint(struct replacing *s)
{
    size_t n;

    memmove(s->joint.start, s->joint.pos, buf_used(&s->joint));
    s->joint.last -= s->joint.pos - s->joint.start;
    s->joint.pos = s->joint.start;
    n = MIN(s->text.len, 2 * text_set_longest(s->set) - buf_used(&s->joint));
    if (n > 0)
        memcpy(s->joint.last, s->text.data, n);
    s->joint.last += n;
    s->joint_taken = n;
    s->text = str_from(s->text, n);
}

/* What is kept aside and has been decided goes out as a copy: its place is needed again. */
static void give_from_joint(struct replacing *s, size_t len)
{
    if (s->loose.start == NULL)
        buf_take(&s->loose, 4 * text_set_longest(s->set));
    s->giving = (struct str){s->loose.last, len};
    memcpy(s->loose.last, s->joint.pos, len);
    s->loose.last += len;
    s->joint.pos += len;
}

/* What is left of it may lie in the piece as well: then it is looked at there. */
static void leave_joint(struct replacing *s)
{
    size_t rest = buf_used(&s->joint);

    if (rest > s->joint_taken)
        return;
    s->text.data -= rest;
    s->text.len += rest;
    s->joint.last = s->joint.pos;
}

static void search_joint(struct replacing *s)
{
    struct text_hit hit;

    extend_joint(s);
    switch (text_set_find(s->set, buf_str(&s->joint), nothing_follows(s), s->done, &hit)) {
    case TEXT_FOUND:
        give_from_joint(s, hit.at);
        s->joint.pos += hit.len;
        replace(s, hit.index);
        break;
    case TEXT_MORE:
    case TEXT_NONE:
        give_from_joint(s, hit.at);
        break;
    }
    leave_joint(s);
}

/* The source ----------------------------------------------------------------------------------- */

/* All is replaced that is to be: the rest is passed on as it is. */
static bool is_over(const struct replacing *s)
{
    return s->done != NULL && s->left == 0;
}

/* There are bytes that were not looked at, or need not be, or no more will come. */
static bool has_news(const struct replacing *s)
{
    return s->text.len > 0 || (buf_used(&s->joint) > 0 && (is_over(s) || nothing_follows(s)));
}

static void give_as_it_is(struct replacing *s)
{
    if (buf_used(&s->joint) > 0) {
        give_from_joint(s, buf_used(&s->joint));
        return;
    }
    s->giving = s->text;
    s->text = STR_NONE;
}

static void take_news(struct replacing *s)
{
    if (is_over(s))
        give_as_it_is(s);
    else if (buf_used(&s->joint) > 0)
        search_joint(s);
    else
        search_text(s);
}

/* What was given of the last body's pieces must not be taken back by a pull. False: `result` is to
   be returned. */
static bool advance(struct replacing *s, struct chain *out, size_t room, bool given,
                    enum pull *result)
{
    if (has_news(s)) {
        take_news(s);
        return true;
    }
    if (next_piece(s))
        return true;
    *result = s->body_ended ? PULL_END : PULL_MORE;
    if (s->body_ended || given)
        return false;
    if (!is_over(s)) {
        *result = fill_in(s);
        return *result == PULL_MORE || *result == PULL_END;
    }
    s->body->waiter = s->source.waiter;
    s->body->file_ok = s->source.file_ok;
    *result = source_pull(s->body, out, room);
    return false;
}

static bool give(struct str *from, struct chain *out, size_t *room)
{
    size_t len = MIN(from->len, *room);

    chain_add(out, from->data, len);
    *from = str_from(*from, len);
    *room -= len;
    return from->len == 0;
}

static bool is_loose_full(const struct replacing *s)
{
    return s->loose.start != NULL && buf_room(&s->loose) < 2 * text_set_longest(s->set);
}

static enum pull pull(struct source *source, struct chain *out, size_t max)
{
    struct replacing *s = CONTAINER(source, struct replacing, source);
    enum pull result = PULL_MORE;
    size_t room = max;

    if (s->giving.len == 0) /* else it may lie there */
        s->loose.last = s->loose.start;
    do {
        if (!give(&s->giving, out, &room) || !give(&s->value, out, &room) || is_loose_full(s))
            return PULL_MORE;
    } while (advance(s, out, room, room < max, &result));
    return result;
}

static void close_all(struct source *source)
{
    struct replacing *s = CONTAINER(source, struct replacing, source);

    chain_fini(&s->in);
    buf_give(&s->joint);
    buf_give(&s->loose);
    source_close(s->body);
}

static const struct source_ops sub_ops = {.name = "sub", .pull = pull, .close = close_all};

/* The head ------------------------------------------------------------------------------------- */

/* Texts with variables are those of this request; one that is empty now is left out. */
static bool find_texts(struct request *r, const struct sub_conf *conf, struct replacing *s)
{
    struct pool *pool = request_pool(r);
    uint32_t count = 0;
    struct str *texts;

    for (const struct pair *p = conf->pairs; p != NULL; p = p->next)
        count++;
    s->left = count;
    s->set = conf->set;
    s->pairs = conf->listed;
    if (conf->set != NULL)
        return true;
    texts = pool_alloc(pool, count * sizeof(*texts));
    s->pairs = pool_alloc(pool, count * sizeof(*s->pairs));
    s->left = 0;
    for (const struct pair *p = conf->pairs; p != NULL; p = p->next) {
        texts[s->left] = scope_eval(&r->scope, p->text);
        s->pairs[s->left] = p;
        s->left += texts[s->left].len > 0;
    }
    if (s->left == 0)
        return false;
    s->set = text_set_build(pool, texts, s->left);
    return true;
}

static bool replace_in_body(struct request *r, const struct sub_conf *conf)
{
    struct pool *pool = request_pool(r);
    struct replacing *s = pool_zalloc(pool, sizeof(*s));

    if (!find_texts(r, conf, s))
        return false;
    if (r->out.body == NULL || r->ops->dry)
        return true;
    s->values = pool_zalloc(pool, s->left * sizeof(*s->values));
    if (conf->once)
        s->done = pool_zalloc(pool, (s->left + 63) / 64 * sizeof(*s->done));
    s->source = (struct source){.ops = &sub_ops, .length = -1, .file_ok = true};
    s->body = r->out.body;
    s->r = r;
    chain_init(&s->in);
    r->out.body = &s->source;
    return true;
}

static void filter(struct request *r)
{
    const struct sub_conf *conf = REQUEST_CONF(r, sub_index, struct sub_conf);

    if (conf->pairs == NULL || r->out.length == 0 || !type_set_has(conf->types, r->out.type) ||
        !replace_in_body(r, conf))
        return;
    representation_rewords(r);
    if (conf->keep_last_modified)
        return;
    representation_drop(r, FIELD_ETAG);
    representation_drop(r, FIELD_LAST_MODIFIED);
}

/* Configuration -------------------------------------------------------------------------------- */

static bool add_pair(struct conf_call *call)
{
    struct pair **last = &((struct sub_conf *)call->conf)->pairs;
    struct pair *p = pool_zalloc(call->pool, sizeof(*p));

    if (conf_arg(call, 0).len == 0)
        return conf_fail_arg(call, 0, "empty search pattern");
    while (*last != NULL)
        last = &(*last)->next;
    *last = p;
    p->text = scope_conf_template(call, call->node, 1);
    p->value = scope_conf_template(call, call->node, 2);
    return p->text != NULL && p->value != NULL;
}

static bool scope_done(struct conf_call *call)
{
    struct sub_conf *conf = call->conf;
    uint32_t count = 0;
    struct str *texts;

    conf->set = NULL;
    for (const struct pair *p = conf->pairs; p != NULL; p = p->next, count++)
        if (p->text == NULL || !p->text->constant)
            return true;
    if (count == 0)
        return true;
    if (count > TEXT_SET_MOST)
        return conf_fail(call, "too many texts to replace");
    texts = pool_alloc(call->pool, count * sizeof(*texts));
    conf->listed = pool_alloc(call->pool, count * sizeof(*conf->listed));
    count = 0;
    for (const struct pair *p = conf->pairs; p != NULL; p = p->next) {
        texts[count] = p->text->source;
        conf->listed[count++] = p;
    }
    conf->set = text_set_build(call->pool, texts, count);
    return true;
}

static bool set_types(struct conf_call *call)
{
    return type_set_load(call, &((struct sub_conf *)call->conf)->types);
}

#define F(member) FIELD(struct sub_conf, member)

static const struct directive directives[] = {
    {.name = "sub_filter", .where = IN_WEB, .args = "string replacement", .apply = add_pair,
     .repeat = true, .field = F(pairs),
     .doc = "Replaces a text in responses, whatever its case. Both may have variables."},
    {.name = "sub_filter_types", .where = IN_WEB, .args = "mime-type ...", .apply = set_types,
     .field = F(types), .repeat = true,
     .doc = "Types to look for texts in, beside text/html; * is any."},
    {.name = "sub_filter_once", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(once), .initial = "on",
     .doc = "Replace each text where it is found first, and no more."},
    {.name = "sub_filter_last_modified", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(keep_last_modified), .initial = "off",
     .doc = "Keep Last-Modified, and a weak ETag, of what is changed."},
};

const struct module sub_module = {
    .name = "sub", .nginx_name = "http_sub_module",
    .doc = "Texts in responses replaced by others.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct sub_conf),
    .scope_done = scope_done, .filter = filter, .index = &sub_index,
    .idle_without = &sub_module,
};
