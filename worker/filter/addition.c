/*
 * worker/filter/addition.c - other answers before and behind a response: add_before_body,
 * add_after_body.
 *
 * The filters of the response itself do not see them, as in nginx: they have their own.
 */
#include "worker/filter/addition.h"

#include "common/conf_load.h"
#include "worker/http/include.h"
#include "worker/http/phase.h"
#include "worker/http/representation.h"
#include "worker/http/type_set.h"
#include "worker/net/scope_conf.h"

static uint32_t addition_index;

struct addition_conf {
    struct template *before, *after; /* empty: none */
    struct type_set *types;
};

enum stage { STAGE_BEFORE, STAGE_BODY, STAGE_AFTER, STAGE_END };

struct joined_source {
    struct source source;
    struct source *body;
    struct request *r;
    struct include before, after;
    struct str after_uri;       /* not begun yet */
    struct post news;
    enum stage stage;
};

static void begin(struct joined_source *s, struct include *part, struct str uri)
{
    struct str args = uri;

    uri = str_cut(&args, '?');
    if (uri.len > 0)
        include_begin(part, s->r, uri, args, &s->news);
}

static void begin_after(struct joined_source *s)
{
    begin(s, &s->after, s->after_uri);
    s->after_uri = STR_NONE;
}

static enum pull pull_part(struct joined_source *s, struct include *part, struct chain *out,
                           size_t max)
{
    if (part->sub == NULL)
        return PULL_END;
    return include_pull(part, out, max, s->source.file_ok);
}

static enum pull pull_stage(struct joined_source *s, struct chain *out, size_t max)
{
    switch (s->stage) {
    case STAGE_BEFORE:
        return pull_part(s, &s->before, out, max);
    case STAGE_BODY:
        s->body->waiter = s->source.waiter;
        s->body->file_ok = s->source.file_ok;
        return source_pull(s->body, out, max);
    case STAGE_AFTER:
        return pull_part(s, &s->after, out, max);
    case STAGE_END:
        break;
    }
    return PULL_END;
}

static enum pull pull(struct source *source, struct chain *out, size_t max)
{
    struct joined_source *s = CONTAINER(source, struct joined_source, source);
    size_t before = out->bytes;
    enum pull result = PULL_END;

    if (s->stage != STAGE_BEFORE)
        include_end(&s->before);
    while (s->stage != STAGE_END && out->bytes - before < max) {
        result = pull_stage(s, out, max - (out->bytes - before));
        if (result != PULL_END)
            break;
        if (++s->stage == STAGE_AFTER)
            begin_after(s);
    }
    if (s->stage == STAGE_END)
        return PULL_END;
    return out->bytes > before ? PULL_MORE : result;
}

static void on_news(struct post *post)
{
    source_wake(&CONTAINER(post, struct joined_source, news)->source);
}

static void close_all(struct source *source)
{
    struct joined_source *s = CONTAINER(source, struct joined_source, source);

    post_cancel(&s->news);
    include_end(&s->before);
    include_end(&s->after);
    source_close(s->body);
}

static const struct source_ops joined_ops = {.name = "addition", .pull = pull,
                                             .close = close_all};

/* What follows a body that is here already need not wait for its end. */
static void join(struct request *r, const struct addition_conf *conf)
{
    struct joined_source *s = pool_zalloc(request_pool(r), sizeof(*s));

    s->source = (struct source){.ops = &joined_ops, .length = -1, .file_ok = true};
    s->body = r->out.body != NULL ? r->out.body : source_empty();
    s->r = r;
    s->news.run = on_news;
    s->after_uri = scope_eval(&r->scope, conf->after);
    begin(s, &s->before, scope_eval(&r->scope, conf->before));
    if (r->out.body == NULL || r->out.body->ops->window != NULL)
        begin_after(s);
    r->out.body = &s->source;
}

static void filter(struct request *r)
{
    const struct addition_conf *conf = REQUEST_CONF(r, addition_index, struct addition_conf);

    if (r != r->main || r->out.status != 200 ||
        (conf->before->source.len == 0 && conf->after->source.len == 0) ||
        !type_set_has(conf->types, r->out.type) || representation_is_encoded(r))
        return;
    representation_changes(r);
    if (!r->header_only && !r->ops->dry)
        join(r, conf);
}

static bool set_types(struct conf_call *call)
{
    return type_set_load(call, &((struct addition_conf *)call->conf)->types);
}

#define F(member) FIELD(struct addition_conf, member)

static const struct directive directives[] = {
    {.name = "add_before_body", .where = IN_WEB, .args = "uri", .value = VALUE_TEMPLATE,
     .field = F(before), .initial = "\"\"",
     .doc = "Adds the answer to a subrequest for this URI before a response; \"\" adds none."},
    {.name = "add_after_body", .where = IN_WEB, .args = "uri", .value = VALUE_TEMPLATE,
     .field = F(after), .initial = "\"\"",
     .doc = "Adds the answer to a subrequest for this URI behind a response; \"\" adds none."},
    {.name = "addition_types", .where = IN_WEB, .args = "mime-type ...", .apply = set_types,
     .field = F(types), .repeat = true,
     .doc = "Types of responses that are added to, beside text/html; * is any."},
};

const struct module addition_module = {
    .name = "addition", .nginx_name = "http_addition_module",
    .doc = "Other answers before and behind a response.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct addition_conf),
    .filter = filter, .index = &addition_index,
    .idle_without = &addition_module,
};
