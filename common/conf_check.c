/*
 * common/conf_check.c - whether a directive may stand where it stands, in the form it has.
 */
#include "common/conf_check.h"

#include "common/conf_known.h"
#include "common/conf_suggest.h"
#include "common/load_state.h"

static const struct conf_row *row_named(struct load_state *load, struct str name)
{
    return growing_map_find(&load->by_name, name);
}

struct conf_row *conf_row_for(struct load_state *load, struct str name, uint32_t kind)
{
    struct conf_row *row = growing_map_find(&load->by_name, name);

    while (row != NULL && (row->directive->where & (kind | IN_ANY)) == 0)
        row = row->next;
    return row;
}

static void suggest(struct load_state *load, struct str name, uint32_t kind)
{
    struct conf_suggest here, anywhere;

    conf_suggest_init(&here, name);
    conf_suggest_init(&anywhere, name);
    for (uint32_t i = 0; i < module_count; i++)
        for (size_t n = 0; n < modules[i]->directive_count; n++) {
            const struct directive *d = &modules[i]->directives[n];

            conf_suggest_offer(&anywhere, d->name);
            if ((d->where & (kind | IN_ANY)) != 0)
                conf_suggest_offer(&here, d->name);
        }
    if (conf_known_removed(name) != NULL)
        conf_fault_hint(&load->faults, "%s", conf_known_removed(name));
    else if (here.best != NULL || anywhere.best != NULL)
        conf_fault_hint(&load->faults, "did you mean \"%s\"?",
                        here.best ? here.best : anywhere.best);
}

static void not_ours(struct load_state *load, uint32_t kind, const struct conf_node *node)
{
    struct str name = node->words[0].text;
    bool commercial;
    const char *module = conf_known_module(name, &commercial);

    if (module == NULL) {
        conf_fault_print(&load->faults, LOG_EMERG, conf_place(node),
                         "unknown directive \"%" STR_FMT "\"", STR_ARG(name));
        suggest(load, name, kind);
        return;
    }
    conf_fault_print(&load->faults, LOG_EMERG, conf_place(node),
                     "\"%" STR_FMT "\" directive is not supported by this version of Weir",
                     STR_ARG(name));
    conf_fault_hint(&load->faults, "nginx%s module %s", commercial ? "'s commercial" : "", module);
}

/* Each name is reported once, with the number of the places where it stands. */
static void unknown_name(struct load_state *load, uint32_t kind, const struct conf_node *node)
{
    void **number = growing_map_at(&load->unknowns, node->words[0].text);

    load->unknown++;
    if (*number != NULL) {
        conf_fault_again(&load->faults, (uint32_t)(uintptr_t)*number);
        return;
    }
    not_ours(load, kind, node);
    *number = (void *)(uintptr_t)conf_fault_number(&load->faults);
}

static void misplaced(struct load_state *load, const struct conf_node *node)
{
    struct str name = node->words[0].text;
    char where[CONF_CONTEXTS_MAX];
    uint32_t all = 0;

    for (const struct conf_row *row = row_named(load, name); row != NULL; row = row->next)
        all |= row->directive->where;
    load->unknown++;
    conf_contexts(all, ", ", where, sizeof(where));
    conf_fault_print(&load->faults, LOG_EMERG, conf_place(node),
                     "\"%" STR_FMT "\" directive is not allowed here", STR_ARG(name));
    conf_fault_hint(&load->faults, "belongs in: %s", where);
}

/* The line after which a ; was probably forgotten, 0 when all words are on one line. */
static uint32_t broken_line(const struct conf_node *node)
{
    for (uint32_t i = 1; i < node->count; i++)
        if (node->words[i].line != node->words[i - 1].line)
            return node->words[i - 1].line;
    return 0;
}

static void hint_syntax(struct load_state *load, const struct conf_row *row,
                        const struct conf_node *node)
{
    char syntax[400];

    conf_syntax(row->directive, syntax, sizeof(syntax));
    if (broken_line(node) != 0)
        conf_fault_hint(&load->faults, "is \";\" missing at the end of line %u? syntax: %s",
                        broken_line(node), syntax);
    else
        conf_fault_hint(&load->faults, "syntax: %s", syntax);
}

/* Block, number of arguments, and whether it may stand here again. */
static bool check_form(struct load_state *load, const struct conf_row *row,
                       const struct conf_node *node)
{
    const char *name = row->directive->name;
    struct conf_place place = conf_place(node);
    uint32_t count = node->count - 1;

    if (node->has_block != row->arity.block) {
        if (node->has_block)
            conf_fault_print(&load->faults, LOG_EMERG, place,
                             "directive \"%s\" is not terminated by \";\"", name);
        else
            conf_fault_print(&load->faults, LOG_EMERG, place,
                             "directive \"%s\" has no opening \"{\"", name);
    } else if (count < row->arity.min || count > row->arity.max) {
        conf_fault_print(&load->faults, LOG_EMERG, place,
                         "invalid number of arguments in \"%s\" directive", name);
    } else {
        return true;
    }
    hint_syntax(load, row, node);
    return false;
}

static bool check_repeat(struct load_state *load, const struct conf_row *row,
                         const struct conf_node *node)
{
    const struct conf_node *first = row->seen_at;

    if (row->seen != load->serial || row->directive->repeat)
        return true;
    conf_fault_print(&load->faults, LOG_EMERG, conf_place(node), "\"%s\" directive is duplicate",
                     row->directive->name);
    conf_fault_hint(&load->faults, "first in %" STR_FMT ":%u:%u", STR_ARG(first->file->path),
                    first->line, first->col);
    return false;
}

/* A directive's name at the start of a line among the words of one that takes any number: 0 if none
   is, else which word. */
static uint32_t swallowed(struct load_state *load, const struct conf_row *row, uint32_t kind,
                          const struct conf_node *node)
{
    if (row->arity.max != CONF_ARGS_MANY || row->directive->raw_block)
        return 0;
    for (uint32_t i = 1; i < node->count; i++) {
        const struct conf_word *word = &node->words[i];

        if (word->line != word[-1].line && !word->quoted &&
            conf_row_for(load, word->text, kind) != NULL)
            return i;
    }
    return 0;
}

/* Says so: as the hint of the fault that came of it, or as a warning. */
static void tell_swallowed(struct load_state *load, const struct conf_row *row,
                           const struct conf_node *node, uint32_t word, bool done)
{
    if (done)
        conf_fault_print(&load->faults, LOG_WARN, conf_word_place(node, word),
                         "\"%" STR_FMT "\" is taken as an argument of \"%s\"",
                         STR_ARG(node->words[word].text), row->directive->name);
    conf_fault_hint(&load->faults, "is \";\" missing at the end of line %u?",
                    node->words[word - 1].line);
}

void conf_check_swallowed(struct load_state *load, const struct conf_row *row, uint32_t kind,
                          const struct conf_node *node, bool done)
{
    uint32_t word = swallowed(load, row, kind, node);

    if (word != 0)
        tell_swallowed(load, row, node, word, done);
}

void conf_check_notice(struct load_state *load, struct conf_row *row,
                       const struct conf_node *node)
{
    if (row->directive->notice == NULL || row->noticed || !load->gen->testing)
        return;
    row->noticed = true;
    conf_fault_print(&load->faults, LOG_NOTICE, conf_place(node),
                     "\"%s\" has no effect here: %s", row->directive->name,
                     row->directive->notice);
}

struct conf_row *conf_check(struct load_state *load, uint32_t kind, const struct conf_node *node)
{
    struct str name = node->words[0].text;
    struct conf_row *row = conf_row_for(load, name, kind);

    if (row != NULL)
        return check_form(load, row, node) && check_repeat(load, row, node) ? row : NULL;
    if (row_named(load, name) != NULL)
        misplaced(load, node);
    else
        unknown_name(load, kind, node);
    return NULL;
}
