/*
 * worker/filter/ssi_page.c - the queue of a page's texts and includes, as a source.
 *
 * Memory of the body is shown to the reader, not copied, so the body may be pulled only when none
 * of it is in the queue or in the reader's hands. What stands behind an include that makes the page
 * wait is copied, up to AHEAD_BYTES, so that includes further on can begin.
 */
#include "worker/filter/ssi_page.h"

#include "worker/http/http_core.h"
#include "worker/http/type_set.h"

#define PULL_BYTES   (64 * 1024)
#define AHEAD_BYTES  (64 * 1024)
#define OWN_BYTES    1024       /* least memory of a text of the page's own */
#define SMALL_BYTES  256        /* a text that is rather copied than shown where it is */
#define RUNNING_MOST 256        /* subrequests of one request at once; then the page itself waits */
#define PULLS_MOST   32         /* without anything to show, before others have their turn */

/* Items ---------------------------------------------------------------------------------------- */

static struct ssi_item *push_item(struct ssi_page *page, enum ssi_item_kind kind)
{
    struct ssi_item *item = page->spare;

    if (item != NULL)
        page->spare = item->next;
    else
        item = pool_alloc(request_pool(page->r), sizeof(*item));
    *item = (struct ssi_item){.kind = kind};
    *page->end = item;
    page->end = &item->next;
    return item;
}

/* What the reader has of it lasts until it pulls again. */
static void give_item(struct ssi_page *page)
{
    struct ssi_item *item = page->first;

    page->first = item->next;
    if (page->first == NULL)
        page->end = &page->first;
    if (page->awaited == item)
        page->awaited = NULL;
    item->next = page->given;
    page->given = item;
}

static void end_item(struct ssi_item *item)
{
    buf_give(&item->own);
    include_end(&item->include);
}

static void drop_given(struct ssi_page *page)
{
    struct ssi_item *item;

    while ((item = page->given) != NULL) {
        page->given = item->next;
        end_item(item);
        item->next = page->spare;
        page->spare = item;
    }
    page->lent_out = false;
}

static struct ssi_item *last_item(struct ssi_page *page)
{
    return page->first == NULL ? NULL : CONTAINER(page->end, struct ssi_item, next);
}

static void add_copy(struct ssi_page *page, struct str text)
{
    struct ssi_item *item = last_item(page);

    if (item == NULL || item->own.start == NULL || buf_room(&item->own) < text.len) {
        item = push_item(page, SSI_ITEM_TEXT);
        buf_take(&item->own, MAX(text.len, OWN_BYTES));
        item->text.data = item->own.start;
    }
    memcpy(item->own.last, text.data, text.len);
    item->own.last += text.len;
    item->text.len += text.len;
}

static void add_lent(struct ssi_page *page, struct str text)
{
    struct ssi_item *item = push_item(page, SSI_ITEM_TEXT);

    item->text = text;
    item->lent = true;
}

void ssi_add_text(struct ssi_page *page, struct str text, bool copy)
{
    if (text.len == 0)
        return;
    if (!page->output) {
        if (page->block != NULL)
            ssi_add_to_block(page, text);
        return;
    }
    page->pulls = 0;
    if (copy || text.len <= SMALL_BYTES)
        add_copy(page, text);
    else
        add_lent(page, text);
}

void ssi_add_error(struct ssi_page *page)
{
    if (page->conf->silent_errors || page->errmsg.len == 0)
        return;
    page->pulls = 0;
    add_copy(page, page->errmsg);
}

bool ssi_add_include(struct ssi_page *page, struct str uri, struct str args, bool wait,
                     const struct ssi_named *stub)
{
    struct ssi_item *item = push_item(page, SSI_ITEM_INCLUDE);

    page->pulls = 0;
    if (!include_begin(&item->include, page->r, uri, args, &page->post)) {
        item->kind = SSI_ITEM_TEXT; /* an empty one */
        return false;
    }
    item->stub = stub;
    item->include.sub->errors_are_parents = stub != NULL;
    if (wait)
        page->awaited = item;
    return true;
}

/* An answer that becomes a variable ------------------------------------------------------------ */

bool ssi_begin_setting(struct ssi_page *page, struct str uri, struct str args,
                       struct ssi_named *var)
{
    struct ssi_setting *s = &page->setting;

    if (!include_begin(&s->include, page->r, uri, args, &page->post))
        return false;
    s->active = true;
    s->var = var;
    s->limit = (size_t)HTTP_CORE(page->r)->subrequest_output_bytes;
    return true;
}

static void end_setting(struct ssi_page *page)
{
    page->setting.active = false;
    include_end(&page->setting.include);
    buf_give(&page->setting.text);
}

static void set_var(struct ssi_page *page)
{
    struct ssi_setting *s = &page->setting;

    if (s->include.sub->out.status < 300 &&
        !ssi_text_set(page->shared, &s->var->text, buf_str(&s->text), &page->r->log))
        ssi_add_error(page);
    end_setting(page);
}

static bool collect(struct ssi_page *page, struct chain *pieces)
{
    struct ssi_setting *s = &page->setting;

    if (pieces->bytes > s->limit - buf_used(&s->text))
        return false;
    if (pieces->bytes > 0 && s->text.start == NULL)
        buf_take(&s->text, pieces->bytes);
    if (pieces->bytes > buf_room(&s->text))
        buf_grow(&s->text, MIN(2 * (buf_used(&s->text) + pieces->bytes), s->limit));
    while (!chain_empty(pieces)) {
        const struct piece *p = chain_head(pieces);

        memcpy(s->text.last, p->data, p->len);
        s->text.last += p->len;
        chain_consume(pieces, p->len);
    }
    return true;
}

static void refuse_setting(struct ssi_page *page)
{
    log_error(&page->r->log, LOG_ERROR, 0, "too big subrequest response: more than %zu bytes",
              page->setting.limit);
    ssi_add_error(page);
    end_setting(page);
}

/* PULL_WAIT until the variable is set, or is not to be. */
static enum pull go_on_setting(struct ssi_page *page)
{
    struct ssi_setting *s = &page->setting;
    enum pull result = PULL_MORE;
    struct chain pieces;

    chain_init(&pieces);
    while (result == PULL_MORE) {
        size_t room = s->limit - buf_used(&s->text) + 1;

        result = include_pull(&s->include, &pieces, room, false);
        if (!collect(page, &pieces)) {
            refuse_setting(page);
            break;
        }
        if (result == PULL_END)
            set_var(page);
    }
    chain_fini(&pieces);
    return result == PULL_WAIT || result == PULL_ERROR ? result : PULL_MORE;
}

/* Parsing -------------------------------------------------------------------------------------- */

static void bad_command(struct ssi_page *page)
{
    char name[SSI_NAME_MAX * 4 + 1];

    log_error(&page->r->log, LOG_ERROR, 0, "%s in SSI command \"%.*s\"", page->parser.fault,
              (int)log_escape(name, sizeof(name), page->parser.command), name);
}

static bool is_held_up(const struct ssi_page *page)
{
    return page->awaited != NULL || page->setting.active || page->command_waits;
}

/* So many run already that this page's commands wait, unless it is this page that all wait for. */
static bool is_crowded(const struct ssi_page *page, bool front)
{
    return page->r->main->subs_running >= RUNNING_MOST && !(front && page->first == NULL);
}

static void run_command(struct ssi_page *page, bool front)
{
    page->command_waits = is_crowded(page, front);
    if (!page->command_waits)
        ssi_run_command(page);
}

static void take_found(struct ssi_page *page, enum ssi_found found, struct str text, bool front)
{
    switch (found) {
    case SSI_TEXT:
        ssi_add_text(page, text, false);
        break;
    case SSI_COMMAND:
        run_command(page, front);
        break;
    case SSI_BAD:
        bad_command(page);
        ssi_add_error(page);
        break;
    case SSI_MORE:
        break;
    }
}

/* All that was pulled, unless a command makes what follows wait. */
static void parse(struct ssi_page *page, bool front)
{
    if (page->command_waits)
        run_command(page, front);
    while (!chain_empty(&page->in) && !is_held_up(page)) {
        const struct piece *p = chain_head(&page->in);
        struct str in = {p->data, p->len}, text = STR_NONE;
        enum ssi_found found = ssi_parse(&page->parser, &in, &text);

        chain_consume(&page->in, p->len - in.len);
        take_found(page, found, text, front);
    }
}

/* The page has ended. */
static void finish(struct ssi_page *page)
{
    struct str rest = ssi_parse_end(&page->parser);

    page->finished = true;
    if (page->parser.fault != NULL)
        bad_command(page);
    ssi_add_text(page, rest, true);
}

static enum pull pull_body(struct ssi_page *page, size_t max)
{
    enum pull result;

    page->body->waiter = &page->post;
    page->body->file_ok = false;
    result = source_pull(page->body, &page->in, max);
    page->body_ended = result == PULL_END;
    page->body_failed = result == PULL_ERROR;
    return result == PULL_END || !chain_empty(&page->in) ? PULL_MORE : result;
}

/* A page of which nothing is shown must not keep the worker to itself. */
static bool had_its_turn(struct ssi_page *page)
{
    if (++page->pulls < PULLS_MOST)
        return false;
    page->pulls = 0;
    post_turn_end(&page->post);
    return true;
}

/*
 * Something more for the queue, by one step. PULL_MORE: that was a step. PULL_WAIT: there is
 * nothing to do now. `front`: this page is the one that is being read, up to here.
 */
static enum pull advance(struct ssi_page *page, bool front, size_t max)
{
    if (page->setting.active)
        return go_on_setting(page);
    if (page->awaited != NULL)
        return PULL_WAIT;
    if (page->command_waits || !chain_empty(&page->in)) {
        parse(page, front);
        return page->command_waits ? PULL_WAIT : PULL_MORE;
    }
    if (page->body_failed)
        return PULL_ERROR;
    if (page->body_ended) {
        if (page->finished)
            return PULL_END;
        finish(page);
        return PULL_MORE;
    }
    if (page->lent_out || had_its_turn(page))
        return PULL_WAIT;
    return pull_body(page, max);
}

/* Reading ahead -------------------------------------------------------------------------------- */

/* Texts that are the body's become ours. The bytes that wait in the queue. */
static size_t settle(struct ssi_page *page)
{
    size_t bytes = 0;

    for (struct ssi_item *item = page->first; item != NULL; item = item->next) {
        if (item->lent) {
            buf_take(&item->own, item->text.len);
            memcpy(item->own.start, item->text.data, item->text.len);
            item->own.last = item->own.start + item->text.len;
            item->text.data = item->own.start;
            item->lent = false;
        }
        bytes += item->text.len;
    }
    return bytes;
}

/* While nothing can be given: begins what is found further on. */
static void read_ahead(struct ssi_page *page)
{
    size_t waiting = 0;
    enum pull result = PULL_MORE;

    while (result == PULL_MORE) {
        if (chain_empty(&page->in) && !page->body_ended && !is_held_up(page))
            waiting = settle(page);
        if (waiting >= AHEAD_BYTES)
            return;
        result = advance(page, false, AHEAD_BYTES - waiting);
    }
}

static void on_news(struct post *post)
{
    struct ssi_page *page = CONTAINER(post, struct ssi_page, post);

    if (page->reader_waits)
        source_wake(&page->source);
    else if (!page->begun)
        read_ahead(page);
}

static void ahead(struct source *source)
{
    post_now(&CONTAINER(source, struct ssi_page, source)->post);
}

/* The reader's side ---------------------------------------------------------------------------- */

static void give_text(struct ssi_page *page, struct chain *out, size_t max)
{
    struct ssi_item *item = page->first;
    size_t n = MIN(item->text.len, max);

    chain_add(out, item->text.data, n);
    item->text = str_from(item->text, n);
    page->lent_out |= item->lent;
    if (item->text.len == 0)
        give_item(page);
}

/* Commands in a stub are carried out as those of what it stands for. */
static bool has_commands(const struct request *sub)
{
    const struct ssi_conf *conf = REQUEST_CONF(sub, ssi_index, struct ssi_conf);

    if (sub->out.body != NULL)
        return ssi_is_page(sub->out.body);
    return sub->out.is_error_page && conf->on && type_set_has(conf->types, sub->parent->out.type);
}

/* True when the stub takes the include's place. */
static bool begin_stub(struct ssi_item *item)
{
    const struct ssi_text *text = item->stub == NULL ? NULL : &item->stub->text;
    struct request *sub = item->include.sub;
    struct source *body;
    bool commands;

    item->stub = NULL;
    if (text == NULL || item->gave)
        return false;
    commands = has_commands(sub);
    source_close(sub->out.body);
    body = source_memory(request_pool(sub), (struct str){text->data, text->len});
    sub->out.body = commands ? ssi_page_create(sub, body) : body;
    item->include.ended = false;
    return true;
}

/* What came of one step. */
enum step { STEP_ON, STEP_GAVE, STEP_WAIT, STEP_FAILED };

static const enum step step_of[] = {
    [PULL_MORE] = STEP_GAVE, [PULL_END] = STEP_ON, [PULL_WAIT] = STEP_WAIT,
    [PULL_ERROR] = STEP_FAILED,
};

static enum step give_include(struct ssi_page *page, struct chain *out, size_t max)
{
    struct ssi_item *item = page->first;
    size_t before = out->bytes;
    enum pull result = include_pull(&item->include, out, max, page->source.file_ok);

    item->gave |= out->bytes > before;
    if (result == PULL_END && !begin_stub(item))
        give_item(page);
    return step_of[result];
}

static enum step step(struct ssi_page *page, struct chain *out, size_t max)
{
    enum pull result;

    if (page->first != NULL && page->first->kind == SSI_ITEM_INCLUDE)
        return give_include(page, out, max);
    if (page->first != NULL) {
        give_text(page, out, max);
        return STEP_ON;
    }
    result = advance(page, true, PULL_BYTES);
    return result == PULL_MORE ? STEP_ON : step_of[result];
}

static bool is_over(const struct ssi_page *page)
{
    return page->first == NULL && page->finished;
}

static enum pull pull(struct source *source, struct chain *out, size_t max)
{
    struct ssi_page *page = CONTAINER(source, struct ssi_page, source);
    size_t before = out->bytes;
    enum step came = STEP_ON;

    drop_given(page);
    page->begun = true;
    page->reader_waits = false;
    while (came == STEP_ON && !is_over(page) && out->bytes - before < max)
        came = step(page, out, max - (out->bytes - before));
    if (is_over(page))
        return PULL_END;
    if (out->bytes > before)
        return PULL_MORE;
    if (came == STEP_FAILED)
        return PULL_ERROR;
    page->reader_waits = true;
    if (page->first != NULL)
        read_ahead(page);
    return PULL_WAIT;
}

static void close_page(struct source *source)
{
    struct ssi_page *page = CONTAINER(source, struct ssi_page, source);

    post_cancel(&page->post);
    while (page->first != NULL)
        give_item(page);
    drop_given(page);
    end_setting(page);
    ssi_parse_fini(&page->parser);
    chain_fini(&page->in);
    source_close(page->body);
}

static const struct source_ops page_ops = {
    .name = "ssi", .pull = pull, .close = close_page, .ahead = ahead,
};

bool ssi_is_page(const struct source *s)
{
    return s->ops == &page_ops;
}

struct source *ssi_page_create(struct request *r, struct source *body)
{
    struct ssi_page *page = pool_zalloc(request_pool(r), sizeof(*page));
    struct ssi_ctx *ctx = request_ctx(r, ssi_index, sizeof(*ctx));

    page->source = (struct source){.ops = &page_ops, .length = -1, .file_ok = true};
    page->r = r;
    page->conf = REQUEST_CONF(r, ssi_index, struct ssi_conf);
    page->shared = ssi_shared_of(r);
    page->body = body;
    page->post.run = on_news;
    page->end = &page->first;
    page->output = true;
    page->errmsg = STR("[an error occurred while processing the directive]");
    page->timefmt = STR("%A, %d-%b-%Y %H:%M:%S %Z");
    chain_init(&page->in);
    ssi_parse_init(&page->parser, (size_t)page->conf->value_length);
    ctx->page = page;
    return &page->source;
}
