/*
 * worker/net/scope.c - values of variables, templates and captures.
 */
#include "worker/net/scope.h"

#include "common/addr.h"

#define DEEPEST 100 /* variables that read variables: map, set, geo ... */
#define PARTS   16  /* a longer template takes its scratch from the pool */

static unsigned depth; /* of reads within reads; evaluation never waits, so one count will do */

static const struct var_value missing = {.state = VAR_NOT_FOUND, .data = ""};

bool scope_client(const struct scope *s, struct addr *out)
{
    if (s->client != NULL)
        *out = *s->client;
    else if (s->conn != NULL)
        conn_peer(s->conn, out);
    return s->client != NULL || s->conn != NULL;
}

static struct var *find_var(const struct scope *s, uint32_t index)
{
    return *(struct var **)array_at(&s->vars->vars, index);
}

static struct var_value *slot(struct scope *s, uint32_t index)
{
    assert(index < s->vars->vars.count);
    if (s->values == NULL)
        s->values = pool_zalloc(s->pool, s->vars->vars.count * sizeof(*s->values));
    return &s->values[index];
}

/* What is kept must not lie in the memory of a part, which ends before the whole. */
static void share(struct scope *s, struct var_value *value)
{
    if (value->state == VAR_FOUND && value->len > 0)
        value->data = pool_str(s->shared, (struct str){value->data, value->len}).data;
}

static void get(struct scope *s, const struct var *var, struct var_value *value)
{
    struct pool *own = s->pool;
    bool kept = s->shared != NULL && !value->uncached;

    if (kept)
        s->pool = s->shared; /* also for what else the getter makes */
    depth++;
    var->get(s, value, var->data);
    depth--;
    s->pool = own;
    if (kept)
        share(s, value);
}

static const struct var_value *compute(struct scope *s, uint32_t index, struct var_value *value)
{
    const struct var *var = find_var(s, index);

    if (depth == DEEPEST) {
        log_error(s->log, LOG_ERROR, 0, "cycle while evaluating variable \"%" STR_FMT "\"",
                  STR_ARG(var->name));
        return &missing;
    }
    value->state = VAR_UNREAD; /* one that reads itself comes here again, and is stopped above */
    value->uncached = (var->flags & VAR_NO_CACHE) != 0;
    if (var->get != NULL)
        get(s, var, value);
    if (value->state == VAR_UNREAD)
        value->state = VAR_NOT_FOUND;
    return value;
}

const struct var_value *scope_var(struct scope *s, uint32_t index)
{
    struct var_value *value = slot(s, index);

    if (likely(value->state != VAR_UNREAD && !value->uncached))
        return value;
    return compute(s, index, value);
}

const struct var_value *scope_var_flushed(struct scope *s, uint32_t index)
{
    return compute(s, index, slot(s, index));
}

void scope_set(struct scope *s, uint32_t index, struct str text)
{
    const struct var *var = find_var(s, index);
    struct var_value value = {.data = text.data, .len = (uint32_t)text.len, .state = VAR_FOUND};

    if (s->shared != NULL)
        share(s, &value);
    if (var->set != NULL)
        var->set(s, &value, var->data);
    else
        *slot(s, index) = value;
}

bool scope_var_named(struct scope *s, struct str name, struct var_value *out)
{
    const struct var *var;
    struct var unused;

    var = var_find(s->vars, name, &unused);
    if (var == NULL)
        return false;
    if (var != &unused) {
        *out = *scope_var(s, var->index);
        return true;
    }
    *out = (struct var_value){.uncached = 1};
    if (depth < DEEPEST)
        get(s, var, out);
    return true;
}

struct str scope_capture(const struct scope *s, uint32_t number)
{
    size_t from, to;

    if (number >= s->capture_count)
        return STR_NONE;
    from = s->captures[2 * number];
    to = s->captures[2 * number + 1];
    if (from == SIZE_MAX || from > to || to > s->capture_text.len) /* a group that took no part */
        return STR_NONE;
    return str_range(s->capture_text.data + from, s->capture_text.data + to);
}

static struct str part_text(struct scope *s, const struct template_part *part)
{
    switch (part->kind) {
    case PART_VAR:
        return var_str(scope_var(s, part->index));
    case PART_CAPTURE:
        return scope_capture(s, part->index);
    case PART_TEXT:
        break;
    }
    return part->text;
}

static struct str join(struct pool *pool, const struct str *texts, uint32_t count, size_t bytes)
{
    char *start = pool_bytes(pool, bytes + 1), *end = start;

    for (uint32_t i = 0; i < count; i++)
        if (texts[i].len > 0)
            end = (char *)memcpy(end, texts[i].data, texts[i].len) + texts[i].len;
    *end = '\0';
    return str_range(start, end);
}

/* Texts are fetched once: an uncacheable variable could have another length at a second read. */
struct str scope_eval(struct scope *s, const struct template *t)
{
    struct str few[PARTS], *texts = few;
    size_t bytes = 0;

    if (t->constant)
        return t->source;
    if (t->count == 1)
        return part_text(s, &t->parts[0]);
    if (t->count > PARTS)
        texts = pool_alloc(s->pool, t->count * sizeof(*texts));
    for (uint32_t i = 0; i < t->count; i++) {
        texts[i] = part_text(s, &t->parts[i]);
        bytes += texts[i].len;
    }
    return join(s->pool, texts, t->count, bytes);
}
