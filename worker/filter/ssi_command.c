/*
 * worker/filter/ssi_command.c - what the commands of SSI pages do.
 *
 * A command that is faulty shows the page's error message and changes nothing. Which ones are
 * looked at where nothing is shown (a branch that was not chosen, a block) is as in nginx.
 */
#include "common/regex.h"
#include "worker/codec/escape.h"
#include "worker/codec/uri.h"
#include "worker/filter/ssi_page.h"

#define PARAMS_MOST 5

struct param {
    struct str name;
    bool needed;
};

struct command {
    struct str name;
    bool (*run)(struct ssi_page *page, const struct str *values); /* data NULL: not given */
    struct param params[PARAMS_MOST];
    enum ssi_conditional within; /* of an `if`: where it may stand */
    bool ends_block;
};

enum encoding { ENCODE_ENTITY, ENCODE_NONE, ENCODE_URL };

static bool fail(struct ssi_page *page, const char *what, struct str about)
{
    char shown[200];

    log_error(&page->r->log, LOG_ERROR, 0, "%s \"%.*s\" in an SSI page", what,
              (int)log_escape(shown, sizeof(shown), about), shown);
    return false;
}

/* include -------------------------------------------------------------------------------------- */

enum { INCLUDE_VIRTUAL, INCLUDE_FILE, INCLUDE_WAIT, INCLUDE_SET, INCLUDE_STUB };

/* A path that does not begin with '/' is beside this page. */
static struct str beside(struct ssi_page *page, struct str path)
{
    struct str here = page->r->uri;

    while (here.len > 0 && here.data[here.len - 1] != '/')
        here.len--;
    return pool_printf(page->scratch, "%" STR_FMT "%" STR_FMT, STR_ARG(here), STR_ARG(path));
}

static bool read_uri(struct ssi_page *page, struct str text, struct str *uri, struct str *args)
{
    bool constant = memchr(text.data, '$', text.len) == NULL;

    if (!ssi_eval(page, text, uri))
        return false;
    if (uri->len > 0 ? uri->data[0] != '/' : constant)
        *uri = beside(page, *uri);
    *args = *uri;
    *uri = unescape(page->scratch, str_cut(args, '?'), UNESCAPE_ALL);
    if (uri->len == 0 || !uri_is_safe(*uri))
        return fail(page, "unsafe URI", *uri);
    return true;
}

static bool read_wait(struct ssi_page *page, struct str text, bool *wait)
{
    *wait = str_eq_nocase(text, STR("yes"));
    return text.data == NULL || *wait || str_eq_nocase(text, STR("no")) ||
           fail(page, "invalid value of \"wait\":", text);
}

static struct str lower(struct ssi_page *page, struct str name)
{
    char *copy = pool_bytes(page->scratch, name.len);

    for (size_t i = 0; i < name.len; i++)
        copy[i] = ascii_lower(name.data[i]);
    return (struct str){copy, name.len};
}

static bool include_into(struct ssi_page *page, struct str name, struct str uri, struct str args)
{
    struct ssi_named *var = ssi_make_var(page->r, page->shared, lower(page, name));

    return var != NULL && ssi_begin_setting(page, uri, args, var);
}

static bool run_include(struct ssi_page *page, const struct str *values)
{
    struct str path = values[INCLUDE_FILE], uri, args;
    const struct ssi_named *stub = NULL;
    bool wait;

    if (path.data == NULL)
        path = values[INCLUDE_VIRTUAL];
    else if (values[INCLUDE_VIRTUAL].data != NULL)
        return fail(page, "either \"virtual\" or \"file\" may be included, not both:", path);
    if (path.data == NULL)
        return fail(page, "nothing to", STR("include"));
    if (values[INCLUDE_FILE].data != NULL && values[INCLUDE_WAIT].data != NULL)
        return fail(page, "\"wait\" may not be used with \"file\":", path);
    if (values[INCLUDE_SET].data != NULL && values[INCLUDE_STUB].data != NULL)
        return fail(page, "\"set\" and \"stub\" may not be used together:", path);
    if (!read_wait(page, values[INCLUDE_WAIT], &wait) || !read_uri(page, path, &uri, &args))
        return false;
    wait |= values[INCLUDE_FILE].data != NULL; /* as in nginx */
    if (values[INCLUDE_SET].data != NULL)
        return include_into(page, values[INCLUDE_SET], uri, args);
    if (values[INCLUDE_STUB].data != NULL) {
        stub = ssi_find_block(page->shared, values[INCLUDE_STUB]);
        if (stub == NULL)
            return fail(page, "no block has the name of the stub", values[INCLUDE_STUB]);
    }
    return ssi_add_include(page, uri, args, wait, stub);
}

/* echo, set, config ---------------------------------------------------------------------------- */

enum { ECHO_VAR, ECHO_DEFAULT, ECHO_ENCODING };

/* It stays for the commands that follow. */
static void set_encoding(struct ssi_page *page, struct str name)
{
    static const struct str names[] = {
        [ENCODE_ENTITY] = STR_INIT("entity"), [ENCODE_NONE] = STR_INIT("none"),
        [ENCODE_URL] = STR_INIT("url"),
    };

    for (uint8_t i = 0; i < COUNT(names); i++) {
        if (str_eq(name, names[i])) {
            page->encoding = i;
            return;
        }
    }
    fail(page, "unknown encoding", name);
}

static struct str encode(struct ssi_page *page, struct str text)
{
    switch ((enum encoding)page->encoding) {
    case ENCODE_ENTITY:
        return escape_html(page->scratch, text);
    case ENCODE_URL:
        return escape(page->scratch, text, ESCAPE_LINK);
    case ENCODE_NONE:
        break;
    }
    return text;
}

static bool run_echo(struct ssi_page *page, const struct str *values)
{
    struct str value;

    if (!ssi_eval_var(page, values[ECHO_VAR], &value))
        value = values[ECHO_DEFAULT].data != NULL ? values[ECHO_DEFAULT] : STR("(none)");
    if (values[ECHO_ENCODING].data != NULL)
        set_encoding(page, values[ECHO_ENCODING]);
    ssi_add_text(page, encode(page, value), true);
    return true;
}

enum { SET_VAR, SET_VALUE };

static bool run_set(struct ssi_page *page, const struct str *values)
{
    struct ssi_named *var;
    struct str value;

    if (!ssi_eval(page, values[SET_VALUE], &value))
        return false;
    var = ssi_make_var(page->r, page->shared, lower(page, values[SET_VAR]));
    return var != NULL && ssi_text_set(page->shared, &var->text, value, &page->r->log);
}

enum { CONFIG_TIMEFMT, CONFIG_ERRMSG };

static bool run_config(struct ssi_page *page, const struct str *values)
{
    struct pool *pool = request_pool(page->r);

    if (values[CONFIG_TIMEFMT].data != NULL)
        page->timefmt = pool_str(pool, values[CONFIG_TIMEFMT]);
    if (values[CONFIG_ERRMSG].data != NULL)
        page->errmsg = pool_str(pool, values[CONFIG_ERRMSG]);
    return true;
}

/* if, elif, else, endif ------------------------------------------------------------------------ */

/* A regex matched: what its groups caught can be read as $0 to $9, and by their names. */
static bool keep_captures(struct ssi_page *page, const struct regex *re, struct str subject,
                          int pairs)
{
    struct ssi_shared *shared = page->shared;
    const size_t *found = regex_captures();

    shared->capture_count = 0;
    if (!ssi_text_set(shared, &shared->captured, subject, &page->r->log))
        return false;
    shared->capture_count = MIN((uint32_t)pairs, 10);
    for (uint32_t i = 0; i < shared->capture_count; i++) {
        bool took_part = found[2 * i] != SIZE_MAX && found[2 * i] <= found[2 * i + 1];

        shared->captures[2 * i] = took_part ? found[2 * i] : 0;
        shared->captures[2 * i + 1] = took_part ? found[2 * i + 1] : 0;
    }
    for (uint32_t i = 0; i < re->name_count; i++) {
        struct str value = regex_group(subject, pairs, re->names[i].group);
        struct ssi_named *var =
            ssi_make_var(page->r, shared, lower(page, re->names[i].name));

        if (var == NULL || !ssi_text_set(shared, &var->text, value, &page->r->log))
            return false;
    }
    return true;
}

/* Pages ask the same again and again: what was compiled last in each place is kept. */
static struct {
    struct pool *pool;      /* of this one; NULL: none yet */
    struct str pattern;
    const struct regex *re;
} compiled[64];

static const struct regex *compile(struct ssi_page *page, struct str pattern)
{
    size_t at = str_hash(pattern) % COUNT(compiled);
    struct regex_error error;

    if (compiled[at].pool != NULL && str_eq(compiled[at].pattern, pattern))
        return compiled[at].re;
    if (compiled[at].pool != NULL)
        pool_destroy(compiled[at].pool);
    compiled[at].pool = pool_create(POOL_BLOCK);
    compiled[at].pattern = pool_str(compiled[at].pool, pattern);
    compiled[at].re = regex_compile(compiled[at].pool, compiled[at].pattern, false, &error);
    if (compiled[at].re != NULL)
        return compiled[at].re;
    pool_destroy(compiled[at].pool);
    compiled[at].pool = NULL;
    fail(page, error.text, pattern);
    return NULL;
}

static bool matches(struct ssi_page *page, struct str subject, struct str pattern, bool *result)
{
    const struct regex *re;
    int pairs;

    if (pattern.len < 2 || pattern.data[pattern.len - 1] != '/')
        return fail(page, "the end of a regular expression is missing:", pattern);
    pattern = (struct str){pattern.data + 1, pattern.len - 2};
    re = compile(page, pattern);
    if (re == NULL)
        return false;
    pairs = regex_match(re, subject);
    if (pairs < 0)
        return fail(page, regex_failure(pairs), pattern);
    *result = pairs > 0;
    return pairs == 0 || keep_captures(page, re, subject, pairs);
}

static struct str skip_spaces(struct str s)
{
    while (s.len > 0 && s.data[0] == ' ')
        s = str_from(s, 1);
    return s;
}

static bool is_of_left(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr("${}_\"'", c, 6) != NULL;
}

/* What stands before an operator, in lower case as nginx takes it, spaces skipped. */
static struct str take_left(struct ssi_page *page, struct str *rest)
{
    struct str left = {rest->data, 0};

    while (left.len < rest->len && is_of_left(left.data[left.len]))
        left.len++;
    *rest = skip_spaces(str_from(*rest, left.len));
    return lower(page, left);
}

/* "text", "text = text", "text != text", "text = /regex/". */
static bool test(struct ssi_page *page, struct str expr, bool *result)
{
    struct str rest = expr, left = take_left(page, &rest), right;
    bool negative = str_starts(rest, STR("!=")), is_regex;

    if (rest.len > 0 && !negative && rest.data[0] != '=')
        return fail(page, "invalid expression", expr);
    if (!ssi_eval(page, left, &left))
        return false;
    if (rest.len == 0) {
        *result = left.len > 0;
        return true;
    }
    rest = skip_spaces(str_from(rest, negative ? 2 : 1));
    is_regex = rest.len > 1 && rest.data[0] == '/';
    if (str_starts(rest, STR("\\/"))) /* a text that begins with '/' */
        rest = str_from(rest, 1);
    if (!ssi_eval(page, rest, &right))
        return false;
    *result = str_eq(left, right);
    if (is_regex && !matches(page, left, right, result))
        return false;
    *result ^= negative;
    return true;
}

/* Both `if` and `elif`. */
static bool choose(struct ssi_page *page, const struct str *values)
{
    bool result = false;

    if (!page->chosen && !test(page, values[0], &result))
        return false;
    page->output = result;
    page->chosen |= result;
    page->conditional = SSI_IN_IF;
    return true;
}

static bool run_if(struct ssi_page *page, const struct str *values)
{
    if (page->conditional != SSI_NO_IF)
        return fail(page, "an \"if\" within an \"if\":", values[0]);
    page->chosen = false;
    return choose(page, values);
}

static bool run_else(struct ssi_page *page, const struct str *values)
{
    page->output = !page->chosen;
    page->conditional = SSI_IN_ELSE;
    return true;
}

static bool run_endif(struct ssi_page *page, const struct str *values)
{
    page->output = true;
    page->chosen = false;
    page->conditional = SSI_NO_IF;
    return true;
}

/* block, endblock ------------------------------------------------------------------------------ */

static bool run_block(struct ssi_page *page, const struct str *values)
{
    page->block = ssi_make_block(page->r, page->shared, values[0]);
    if (page->block == NULL)
        return false;
    page->output = false;
    return true;
}

static bool run_endblock(struct ssi_page *page, const struct str *values)
{
    if (page->block != NULL)
        page->block->complete = true;
    page->block = NULL;
    page->output = true;
    return true;
}

/* A command in a block is carried out where the block is shown: it becomes text again. */
static void add_to_block(struct ssi_page *page)
{
    const struct ssi_parser *p = &page->parser;

    ssi_add_text(page, STR("<!--#"), true);
    ssi_add_text(page, p->command, true);
    for (uint32_t i = 0; i < p->param_count; i++) {
        bool has_quote = memchr(p->params[i].value.data, '"', p->params[i].value.len) != NULL;
        struct str quote = has_quote && memchr(p->params[i].value.data, '\'',
                                               p->params[i].value.len) == NULL ? STR("'")
                                                                               : STR("\"");

        ssi_add_text(page, STR(" "), true);
        ssi_add_text(page, p->params[i].name, true);
        ssi_add_text(page, STR("="), true);
        ssi_add_text(page, quote, true);
        ssi_add_text(page, p->params[i].value, true);
        ssi_add_text(page, quote, true);
    }
    ssi_add_text(page, STR(" -->"), true);
}

/* All of them ---------------------------------------------------------------------------------- */

#define OPTIONAL(text) {STR_INIT(text), false}
#define NEEDED(text)   {STR_INIT(text), true}

static const struct command commands[] = {
    {STR_INIT("include"), run_include,
     {[INCLUDE_VIRTUAL] = OPTIONAL("virtual"), [INCLUDE_FILE] = OPTIONAL("file"),
      [INCLUDE_WAIT] = OPTIONAL("wait"), [INCLUDE_SET] = OPTIONAL("set"),
      [INCLUDE_STUB] = OPTIONAL("stub")}},
    {STR_INIT("echo"), run_echo,
     {[ECHO_VAR] = NEEDED("var"), [ECHO_DEFAULT] = OPTIONAL("default"),
      [ECHO_ENCODING] = OPTIONAL("encoding")}},
    {STR_INIT("set"), run_set, {[SET_VAR] = NEEDED("var"), [SET_VALUE] = NEEDED("value")}},
    {STR_INIT("config"), run_config,
     {[CONFIG_TIMEFMT] = OPTIONAL("timefmt"), [CONFIG_ERRMSG] = OPTIONAL("errmsg")}},
    {STR_INIT("if"), run_if, {NEEDED("expr")}},
    {STR_INIT("elif"), choose, {NEEDED("expr")}, .within = SSI_IN_IF},
    {STR_INIT("else"), run_else, .within = SSI_IN_IF},
    {STR_INIT("endif"), run_endif, .within = SSI_IN_ELSE},
    {STR_INIT("block"), run_block, {NEEDED("name")}},
    {STR_INIT("endblock"), run_endblock, .ends_block = true},
};

static const struct command *find_command(struct str name)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (str_eq(name, commands[i].name))
            return &commands[i];
    return NULL;
}

static int find_param(const struct command *c, struct str name)
{
    for (int i = 0; i < PARAMS_MOST && c->params[i].name.len > 0; i++)
        if (str_eq(name, c->params[i].name))
            return i;
    return -1;
}

/* The given parameters in the command's own order. */
static bool sort_params(struct ssi_page *page, const struct command *c, struct str *values)
{
    const struct ssi_parser *p = &page->parser;

    for (uint32_t i = 0; i < p->param_count; i++) {
        int at = find_param(c, p->params[i].name);

        if (at < 0)
            return fail(page, "invalid parameter", p->params[i].name);
        if (values[at].data != NULL)
            return fail(page, "duplicate parameter", p->params[i].name);
        values[at] = p->params[i].value;
    }
    for (int i = 0; i < PARAMS_MOST; i++)
        if (c->params[i].needed && values[i].data == NULL)
            return fail(page, "a parameter is missing:", c->params[i].name);
    return !p->too_many || fail(page, "too many parameters of", c->name);
}

static bool run(struct ssi_page *page, const struct command *c)
{
    struct str values[PARAMS_MOST] = {{NULL, 0}};

    if (c->within != SSI_NO_IF && (page->conditional == SSI_NO_IF || page->conditional > c->within))
        return fail(page, "no \"if\" for", c->name);
    return sort_params(page, c, values) && c->run(page, values);
}

void ssi_run_command(struct ssi_page *page)
{
    const struct command *c = find_command(page->parser.command);

    if (c == NULL) {
        if (!page->output)
            return;
        fail(page, "unknown command", page->parser.command);
        ssi_add_error(page);
        return;
    }
    if (!page->output && !c->ends_block) {
        if (page->block != NULL)
            add_to_block(page);
        if (page->block != NULL || c->within == SSI_NO_IF)
            return;
    }
    page->scratch = pool_create(POOL_BLOCK);
    if (!run(page, c))
        ssi_add_error(page);
    pool_destroy(page->scratch);
    page->scratch = NULL;
}
