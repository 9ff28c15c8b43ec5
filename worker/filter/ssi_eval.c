/*
 * worker/filter/ssi_eval.c - texts with variables, as commands have them in their parameters.
 *
 * A name is looked for among the captures of the last regex, then among what pages have set, then
 * among the server's own variables.
 */
#include <stdlib.h>

#include "worker/filter/ssi_page.h"

#define EVAL_MOST   (64 * 1024)   /* of one text; doubling a variable would end nowhere */
#define SHARED_MOST (1024 * 1024) /* of all that a request's pages keep */
#define ROOM_LEAST  64

/* What is kept --------------------------------------------------------------------------------- */

static void free_names(struct ssi_named *list)
{
    for (; list != NULL; list = list->next)
        free(list->text.data);
}

static void free_shared(void *arg)
{
    struct ssi_shared *shared = arg;

    free_names(shared->vars);
    free_names(shared->blocks);
    free(shared->captured.data);
}

struct ssi_shared *ssi_shared_of(struct request *r)
{
    struct ssi_ctx *ctx = request_ctx(r->main, ssi_index, sizeof(*ctx));

    if (ctx->shared == NULL) {
        ctx->shared = pool_zalloc(request_pool(r->main), sizeof(*ctx->shared));
        pool_on_destroy(request_pool(r->main), free_shared, ctx->shared);
    }
    return ctx->shared;
}

bool ssi_text_add(struct ssi_shared *shared, struct ssi_text *t, struct str text, struct log *log)
{
    if (text.len > SHARED_MOST - shared->bytes) {
        log_error(log, LOG_ERROR, 0, "too many bytes in the variables and blocks of SSI pages");
        return false;
    }
    if (t->len + text.len > t->room) {
        size_t room = MAX(MAX(2 * t->room, t->len + text.len), ROOM_LEAST);
        char *data = pool_malloc(room);

        if (t->len > 0)
            memcpy(data, t->data, t->len);
        free(t->data);
        t->data = data;
        t->room = room;
    }
    if (text.len > 0)
        memcpy(t->data + t->len, text.data, text.len);
    t->len += text.len;
    shared->bytes += text.len;
    return true;
}

bool ssi_text_set(struct ssi_shared *shared, struct ssi_text *t, struct str text, struct log *log)
{
    shared->bytes -= t->len;
    t->len = 0;
    return ssi_text_add(shared, t, text, log);
}

static struct ssi_named *find(struct ssi_named *list, struct str name)
{
    while (list != NULL && !str_eq(list->name, name))
        list = list->next;
    return list;
}

struct ssi_named *ssi_find_var(const struct ssi_shared *shared, struct str name)
{
    return find(shared->vars, name);
}

struct ssi_named *ssi_find_block(const struct ssi_shared *shared, struct str name)
{
    struct ssi_named *block = find(shared->blocks, name);

    return block != NULL && block->complete ? block : NULL;
}

/* Names count too: pages may make up any number of them. */
static struct ssi_named *new_named(struct request *r, struct ssi_shared *shared, struct str name)
{
    struct ssi_named *named;

    if (sizeof(*named) + name.len > SHARED_MOST - shared->bytes) {
        log_error(&r->log, LOG_ERROR, 0, "too many variables and blocks of SSI pages");
        return NULL;
    }
    shared->bytes += sizeof(*named) + name.len;
    named = pool_zalloc(request_pool(r->main), sizeof(*named));
    named->name = pool_str(request_pool(r->main), name);
    return named;
}

struct ssi_named *ssi_make_var(struct request *r, struct ssi_shared *shared, struct str name)
{
    struct ssi_named *var = ssi_find_var(shared, name);

    if (var != NULL || (var = new_named(r, shared, name)) == NULL)
        return var;
    var->next = shared->vars;
    shared->vars = var;
    return var;
}

/* Of two with the same name the first counts, as in nginx. */
struct ssi_named *ssi_make_block(struct request *r, struct ssi_shared *shared, struct str name)
{
    struct ssi_named *block = new_named(r, shared, name), **end = &shared->blocks;

    while (*end != NULL)
        end = &(*end)->next;
    *end = block;
    return block;
}

/* One that is too large is as good as none. */
void ssi_add_to_block(struct ssi_page *page, struct str text)
{
    struct ssi_named *block = page->block;

    if (block->too_large || ssi_text_add(page->shared, &block->text, text, &page->r->log))
        return;
    block->too_large = true;
    ssi_text_set(page->shared, &block->text, STR(""), &page->r->log);
}

/* Variables ------------------------------------------------------------------------------------ */

static bool find_capture(const struct ssi_shared *shared, struct str name, struct str *value)
{
    uint32_t i = name.len == 1 && name.data[0] >= '0' && name.data[0] <= '9'
                     ? (uint32_t)(name.data[0] - '0')
                     : UINT32_MAX;

    if (i >= shared->capture_count)
        return false;
    *value = (struct str){shared->captured.data + shared->captures[2 * i],
                          shared->captures[2 * i + 1] - shared->captures[2 * i]};
    return true;
}

static struct str lower(struct pool *pool, struct str text)
{
    char *copy = pool_bytes(pool, text.len);

    for (size_t i = 0; i < text.len; i++)
        copy[i] = ascii_lower(text.data[i]);
    return (struct str){copy, text.len};
}

bool ssi_eval_var(struct ssi_page *page, struct str name, struct str *value)
{
    const struct ssi_named *var;
    struct var_value own;

    name = lower(page->scratch, name);
    if (find_capture(page->shared, name, value))
        return true;
    var = ssi_find_var(page->shared, name);
    if (var != NULL) {
        *value = (struct str){var->text.data, var->text.len};
        return true;
    }
    if (!scope_var_named(&page->r->scope, name, &own) || own.state != VAR_FOUND)
        return false;
    *value = var_str(&own);
    return true;
}

/* Texts ---------------------------------------------------------------------------------------- */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool add(struct ssi_page *page, struct buf *b, struct str text)
{
    if (text.len == 0)
        return true;
    if (text.len > EVAL_MOST - buf_used(b)) {
        log_error(&page->r->log, LOG_ERROR, 0, "a text with variables in an SSI command is longer "
                                               "than %d bytes", EVAL_MOST);
        return false;
    }
    if (text.len > buf_room(b))
        buf_grow(b, MAX(2 * (size_t)(b->end - b->start), buf_used(b) + text.len));
    memcpy(b->last, text.data, text.len);
    b->last += text.len;
    return true;
}

/* Up to the next '$'. A backslash protects itself, quotes and '$'; before others it is one. */
static bool add_plain(struct ssi_page *page, struct buf *b, struct str *rest)
{
    bool escaped = false;
    size_t i;

    for (i = 0; i < rest->len; i++) {
        char c = rest->data[i];

        if (!escaped && c == '\\') {
            escaped = true;
            continue;
        }
        if (!escaped && c == '$')
            break;
        if (escaped && c != '\\' && c != '\'' && c != '"' && c != '$' && !add(page, b, STR("\\")))
            return false;
        escaped = false;
        if (!add(page, b, (struct str){&c, 1}))
            return false;
    }
    *rest = str_from(*rest, i);
    return true;
}

static bool bad_name(struct ssi_page *page, const char *what, struct str text)
{
    char shown[200];

    log_error(&page->r->log, LOG_ERROR, 0, "%s in \"%.*s\"", what,
              (int)log_escape(shown, sizeof(shown), text), shown);
    return false;
}

/* "$name" or "${name}"; one that has no value is empty. */
static bool add_var(struct ssi_page *page, struct buf *b, struct str *rest, struct str all)
{
    struct str in = str_from(*rest, 1), name, value;
    bool bracket = in.len > 0 && in.data[0] == '{';

    if (bracket)
        in = str_from(in, 1);
    name = (struct str){in.data, 0};
    while (name.len < in.len && is_name_char(in.data[name.len]))
        name.len++;
    in = str_from(in, name.len);
    if (bracket && (in.len == 0 || in.data[0] != '}'))
        return bad_name(page, "the closing bracket of a variable is missing", all);
    if (name.len == 0)
        return bad_name(page, "invalid variable name", all);
    *rest = bracket ? str_from(in, 1) : in;
    return !ssi_eval_var(page, name, &value) || add(page, b, value);
}

bool ssi_eval(struct ssi_page *page, struct str text, struct str *out)
{
    struct str rest = text;
    bool good = true;
    struct buf b;

    buf_take(&b, 512);
    while (good && rest.len > 0)
        good = rest.data[0] == '$' ? add_var(page, &b, &rest, text) : add_plain(page, &b, &rest);
    if (good)
        *out = pool_str(page->scratch, buf_str(&b));
    buf_give(&b);
    return good;
}
