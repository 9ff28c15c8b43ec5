/*
 * common/conf_tree.c - reads configuration files into a tree of directives.
 *
 * An include is replaced by what it includes, so that the loader never hears of it. A fault of
 * syntax ends the file it stands in, for what follows could only mislead; other files are still
 * read.
 */
#include "common/conf_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf_fault.h"
#include "common/conf_lex.h"
#include "common/growing_map.h"

/* One text being parsed. */
struct parse {
    struct conf_reader *reader;
    struct conf_file *file;
    struct conf_lexer lex;
};

/* Where the next directive is linked in. */
typedef struct conf_node **tail;

static tail read_path(struct conf_reader *r, struct str path, struct conf_place from, tail at);

static void syntax_fault(struct parse *p)
{
    struct conf_place place = {p->file, p->lex.at_line, p->lex.at_col};

    p->reader->broken = true;
    conf_fault_print(p->reader->faults, LOG_EMERG, place, "%s", p->lex.fault);
    if (p->lex.hint != NULL)
        conf_fault_hint(p->reader->faults, "%s", p->lex.hint);
}

static struct conf_node *add_node(struct parse *p, tail *at)
{
    struct conf_lexer *lex = &p->lex;
    struct conf_node *node = pool_alloc(p->reader->pool,
                                        sizeof(*node) + lex->count * sizeof(*lex->words));

    *node = (struct conf_node){
        .count = lex->count, .file = p->file,
        .line = lex->words[0].line, .col = lex->words[0].col,
    };
    memcpy(node->words, lex->words, lex->count * sizeof(*lex->words));
    **at = node;
    *at = &node->next;
    return node;
}

/* Includes ------------------------------------------------------------------------------------ */

static struct str full_path(struct conf_reader *r, struct str path)
{
    if (path.len > 0 && path.data[0] == '/')
        return pool_str(r->pool, path);
    return pool_printf(r->pool, "%" STR_FMT "%" STR_FMT, STR_ARG(r->conf_dir), STR_ARG(path));
}

static bool is_pattern(struct str path)
{
    return str_find(path, '*') >= 0 || str_find(path, '?') >= 0 || str_find(path, '[') >= 0;
}

static tail include_pattern(struct conf_reader *r, struct str path, struct conf_place from,
                            tail at)
{
    glob_t found = {0};
    int result = glob(path.data, 0, NULL, &found);

    if (result != 0 && result != GLOB_NOMATCH)
        conf_fault_print(r->faults, LOG_EMERG, from, "glob() \"%s\" failed", path.data);
    for (size_t i = 0; result == 0 && i < found.gl_pathc; i++)
        at = read_path(r, pool_str(r->pool, str_of(found.gl_pathv[i])), from, at);
    globfree(&found);
    return at;
}

static tail include(struct parse *p, bool block, tail at)
{
    struct conf_reader *r = p->reader;
    const struct conf_word *words = p->lex.words;
    struct conf_place from = {p->file, words[0].line, words[0].col};
    struct str path;

    if (block || p->lex.count != 2) {
        if (block)
            conf_fault_print(r->faults, LOG_EMERG, from,
                             "directive \"include\" is not terminated by \";\"");
        else
            conf_fault_print(r->faults, LOG_EMERG, from,
                             "invalid number of arguments in \"include\" directive");
        conf_fault_hint(r->faults, "syntax: include file | mask;");
        if (block) {            /* which would end somebody else's block */
            r->broken = true;
            p->lex.pos = p->lex.end;
        }
        return at;
    }
    from = (struct conf_place){p->file, words[1].line, words[1].col};
    path = full_path(r, words[1].text);
    if (r->including >= CONF_INCLUDES_MAX) {
        conf_fault_print(r->faults, LOG_EMERG, from, "includes are nested too deep");
        conf_fault_hint(r->faults, "at most %d files within files", CONF_INCLUDES_MAX);
        return at;
    }
    return is_pattern(path) ? include_pattern(r, path, from, at) : read_path(r, path, from, at);
}

struct str conf_state_path(struct pool *pool, struct str conf_dir, struct str text)
{
    if (text.len > 0 && text.data[0] == '/')
        return pool_str(pool, text);
    return pool_printf(pool, "%" STR_FMT "%" STR_FMT, STR_ARG(conf_dir), STR_ARG(text));
}

/* The servers that an upstream block had when the server last ran go before its `state`. */
static tail include_state(struct parse *p, const struct conf_node *block, tail at)
{
    struct conf_reader *r = p->reader;
    const struct conf_word *words = p->lex.words;
    struct conf_place from = {p->file, words[0].line, words[0].col};
    struct str path;

    if (block == NULL || !str_eq(block->words[0].text, STR("upstream")) || p->lex.count != 2 ||
        r->including >= CONF_INCLUDES_MAX)
        return at;
    path = conf_state_path(r->pool, r->conf_dir, words[1].text);
    if (access(path.data, F_OK) != 0 && errno == ENOENT)
        return at;
    return read_path(r, path, from, at);
}

/* Blocks -------------------------------------------------------------------------------------- */

static tail parse_block(struct parse *p, const struct conf_node *block, tail at);

static void parse_inner(struct parse *p, struct conf_node *node)
{
    struct conf_reader *r = p->reader;

    node->has_block = true;
    if (++r->nesting > CONF_NESTING_MAX) {
        conf_fault_print(r->faults, LOG_EMERG, conf_place(node), "blocks are nested too deep");
        conf_fault_hint(r->faults, "at most %d blocks within blocks", CONF_NESTING_MAX);
        r->broken = true;
        p->lex.pos = p->lex.end;
    } else {
        parse_block(p, node, &node->children);
    }
    r->nesting--;
}

/*
 * A directive that stands no further right than the block it is in, while others in the block do,
 * was probably meant to be outside.
 */
static void watch_indent(struct parse *p, const struct conf_node *block,
                         const struct conf_node *node, bool *indented)
{
    struct conf_reader *r = p->reader;

    if (block == NULL || node->line == block->line)
        return;
    if (node->col > block->col) {
        *indented = true;
    } else if (*indented && (r->suspect == NULL || r->suspect->file != p->file)) {
        r->suspect = block;
        r->suspect_line = node->line;
    }
}

static void unclosed(struct parse *p, const struct conf_node *block)
{
    struct conf_reader *r = p->reader;
    struct conf_lexer *lex = &p->lex;
    struct conf_place end = {p->file, lex->line, (uint32_t)(lex->end - lex->line_start) + 1};

    if (r->broken)
        return;
    r->broken = true;
    conf_fault_print(r->faults, LOG_EMERG, end, lex->parameter
                         ? "unexpected end of parameter, expecting \"}\""
                         : "unexpected end of file, expecting \"}\"");
    if (r->suspect != NULL && r->suspect->file == p->file)
        conf_fault_hint(r->faults, "the \"%" STR_FMT "\" block opened on line %u seems to lack its "
                                   "\"}\" before line %u", STR_ARG(r->suspect->words[0].text),
                        r->suspect->line, r->suspect_line);
    else
        conf_fault_hint(r->faults, "the \"%" STR_FMT "\" block opened on line %u is not closed",
                        STR_ARG(block->words[0].text), block->line);
}

static tail unopened(struct parse *p, tail at)
{
    struct conf_place place = {p->file, p->lex.at_line, p->lex.at_col};

    p->reader->broken = true;
    conf_fault_print(p->reader->faults, LOG_EMERG, place, "unexpected \"}\"");
    return at;
}

/* Another language's text in braces, which may look like anything: said to be unknown at once. */
static void skip_program(struct parse *p)
{
    struct conf_lexer *lex = &p->lex;
    struct conf_place place = {p->file, lex->words[0].line, lex->words[0].col};
    uint32_t depth = 1;

    conf_fault_print(p->reader->faults, LOG_EMERG, place, "unknown directive \"%" STR_FMT "\"",
                     STR_ARG(lex->words[0].text));
    conf_fault_hint(p->reader->faults, "Weir runs no Lua");
    for (; lex->pos < lex->end && depth > 0; lex->pos++) {
        depth += *lex->pos == '{';
        depth -= *lex->pos == '}';
        if (*lex->pos == '\n') {
            lex->line++;
            lex->line_start = lex->pos + 1;
        }
    }
}

/* Adds the directive just read, with its block if it has one. */
static void parse_node(struct parse *p, const struct conf_node *block, enum conf_lex got, tail *at,
                       bool *indented)
{
    struct conf_node *node;

    if (str_eq(p->lex.words[0].text, STR("include"))) {
        *at = include(p, got == LEX_BLOCK, *at);
        return;
    }
    if (got == LEX_BLOCK && str_ends(p->lex.words[0].text, STR("_by_lua_block"))) {
        skip_program(p);
        return;
    }
    if (got == LEX_SIMPLE && str_eq(p->lex.words[0].text, STR("state")))
        *at = include_state(p, block, *at);
    node = add_node(p, at);
    watch_indent(p, block, node, indented);
    if (got == LEX_BLOCK)
        parse_inner(p, node);
}

/* Reads directives up to the } of `block`, or to the end of the text when that is NULL. */
static tail parse_block(struct parse *p, const struct conf_node *block, tail at)
{
    bool indented = false;

    for (;;) {
        enum conf_lex got = conf_lex_next(&p->lex);

        switch (got) {
        case LEX_CLOSE:
            return block != NULL ? at : unopened(p, at);
        case LEX_END:
            if (block != NULL)
                unclosed(p, block);
            return at;
        case LEX_FAULT:
            syntax_fault(p);
            p->lex.pos = p->lex.end;
            return at;
        case LEX_SIMPLE:
        case LEX_BLOCK:
            parse_node(p, block, got, &at, &indented);
        }
        if (conf_faults_full(p->reader->faults))
            return at;
    }
}

static tail parse_text(struct conf_reader *r, struct conf_file *file, bool parameter, tail at)
{
    struct parse p = {.reader = r, .file = file};
    uint32_t nesting = r->nesting;

    conf_lex_init(&p.lex, r->pool, file->text);
    p.lex.parameter = parameter;
    at = parse_block(&p, NULL, at);
    r->nesting = nesting;
    return at;
}

/* Files --------------------------------------------------------------------------------------- */

static struct conf_file *add_file(struct conf_reader *r, struct str path)
{
    struct conf_file *file = pool_zalloc(r->pool, sizeof(*file));

    file->path = path;
    file->number = r->file_count++;
    return file;
}

/* All of it, with a NUL behind. False with errno set and *call naming what failed. */
static bool read_all(struct pool *pool, int fd, struct str *text, const char **call)
{
    struct stat st;
    size_t room, len = 0;
    ssize_t n;
    char *data;

    *call = "fstat";
    if (fstat(fd, &st) != 0)
        return false;
    room = (S_ISREG(st.st_mode) ? (size_t)st.st_size : 65536) + 1;
    data = pool_bytes(pool, room + 1);
    *call = "read";
    while ((n = read(fd, data + len, room - len)) > 0) {
        len += (size_t)n;
        if (len == room) {              /* it grew, or is a pipe */
            char *more = pool_bytes(pool, room * 2 + 1);
            memcpy(more, data, len);
            data = more;
            room *= 2;
        }
    }
    data[len] = '\0';
    *text = (struct str){data, len};
    return n == 0;
}

static void file_fault(struct conf_reader *r, struct conf_place from, const char *call,
                       struct str path, int err)
{
    conf_fault_print(r->faults, LOG_EMERG, from, "%s() \"%" STR_FMT "\" failed (%d: %s)", call,
                     STR_ARG(path), err, strerror(err));
    if (err == ENOENT && from.file != NULL && !is_pattern(path))
        conf_fault_hint(r->faults, "relative paths start at %" STR_FMT, STR_ARG(r->conf_dir));
}

/* The file of that path, read once however often it is included. */
static struct conf_file *open_file(struct conf_reader *r, struct str path, struct conf_place from)
{
    struct conf_file *file = growing_map_find(r->by_path, path);
    const char *call = "open";
    struct str text;
    int fd;
    bool done;

    if (file != NULL)
        return file;
    fd = open(path.data, O_RDONLY | O_CLOEXEC);
    done = fd >= 0 && read_all(r->pool, fd, &text, &call);
    if (!done)
        file_fault(r, from, call, path, errno);
    if (fd >= 0)
        close(fd);
    if (!done)
        return NULL;
    file = add_file(r, path);
    file->text = text;
    *growing_map_at(r->by_path, file->path) = file;
    *(r->last_file ? &r->last_file->next : &r->files) = file;
    r->last_file = file;
    return file;
}

static tail read_path(struct conf_reader *r, struct str path, struct conf_place from, tail at)
{
    struct conf_file *file = open_file(r, path, from);

    if (file == NULL)
        return at;
    if (file->open) {
        conf_fault_print(r->faults, LOG_EMERG, from, "\"%" STR_FMT "\" includes itself",
                         STR_ARG(path));
        return at;
    }
    if (++r->included > CONF_FILES_MAX) {
        if (!r->broken)
            conf_fault_print(r->faults, LOG_EMERG, from, "more than %d files are included",
                             CONF_FILES_MAX);
        r->broken = true;
        return at;
    }
    file->open = true;
    r->including++;
    at = parse_text(r, file, false, at);
    r->including--;
    file->open = false;
    return at;
}

struct conf_node *conf_read_text(struct conf_reader *r, struct str name, struct str text,
                                 bool parameter)
{
    struct conf_node *first = NULL;
    struct conf_file *file = add_file(r, name);

    file->text = text;
    parse_text(r, file, parameter, &first);
    return first;
}

struct conf_node *conf_read_file(struct conf_reader *r, struct str path)
{
    struct conf_node *first = NULL;

    read_path(r, path, (struct conf_place){0}, &first);
    return first;
}
