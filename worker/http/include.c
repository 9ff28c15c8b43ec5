/*
 * worker/http/include.c - a subrequest whose body goes into another body.
 */
#include "worker/http/include.h"

static const enum field_id of_the_whole[] = {
    FIELD_IF_MODIFIED_SINCE, FIELD_IF_UNMODIFIED_SINCE, FIELD_IF_MATCH, FIELD_IF_NONE_MATCH,
    FIELD_IF_RANGE, FIELD_RANGE, FIELD_ACCEPT_ENCODING,
};

static bool is_of_the_whole(enum field_id id)
{
    for (size_t i = 0; i < COUNT(of_the_whole); i++)
        if (of_the_whole[i] == id)
            return true;
    return false;
}

static bool has_any(const struct http_fields *fields)
{
    for (size_t i = 0; i < COUNT(of_the_whole); i++)
        if (fields_has(fields, of_the_whole[i]))
            return true;
    return false;
}

/* Made once for a request, however many parts it has. */
static struct http_fields *fields_of_part(struct request *whole)
{
    struct http_fields *fields;

    if (!has_any(whole->fields))
        return whole->fields;
    if (whole->fields_of_part != NULL)
        return whole->fields_of_part;
    fields = pool_alloc(request_pool(whole), sizeof(*fields));
    fields_init(fields, request_pool(whole));
    EACH_FIELD (f, whole->fields) {
        struct http_field *copy =
            is_of_the_whole((enum field_id)f->id) ? NULL
                                                  : fields_add(fields, f->name, f->value, f->id);

        if (copy != NULL)
            copy->flags = f->flags;
    }
    whole->fields_of_part = fields;
    return fields;
}

static void on_answer(struct request *sub, void *arg)
{
    struct include *i = arg;

    i->answered = true;
    if (sub->out.body != NULL)
        source_ahead(sub->out.body);
    post_now(i->news);
}

bool include_begin(struct include *i, struct request *r, struct str uri, struct str args,
                   struct post *news)
{
    *i = (struct include){.news = news};
    i->sub = request_sub(r, uri, args, false, on_answer, i);
    if (i->sub != NULL)
        i->sub->fields = fields_of_part(r->main);
    return i->sub != NULL;
}

static enum pull end(struct include *i)
{
    i->ended = true;
    request_sub_log(i->sub);
    return PULL_END;
}

enum pull include_pull(struct include *i, struct chain *out, size_t max, bool file_ok)
{
    size_t before = out->bytes;
    struct source *body;
    enum pull result;

    if (i->ended)
        return PULL_END;
    if (!i->answered)
        return PULL_WAIT;
    if (i->sub->close_silently)
        return PULL_ERROR;
    body = i->sub->out.body;
    if (body == NULL)
        return end(i);
    body->waiter = i->news;
    body->file_ok = file_ok;
    result = source_pull(body, out, max);
    i->sub->body_sent += out->bytes - before;
    i->cut_off = result == PULL_ERROR;
    return result == PULL_END || result == PULL_ERROR ? end(i) : result;
}

void include_end(struct include *i)
{
    if (i->sub == NULL)
        return;
    i->sub->logged |= !i->answered; /* nothing came of it */
    request_sub_end(i->sub);
    i->sub = NULL;
}
