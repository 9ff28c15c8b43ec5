/*
 * common/conf_load.c - walks the tree with the directive tables and fills the modules' structs.
 *
 * Structs are copied on write: a scope begins with its parent's array of pointers, and gets an
 * array and a struct of its own when the first directive of a module is applied in it. The
 * directives of one block are all applied before any block inside is entered, so a row needs only
 * one mark of where it was last seen.
 */
#include "common/conf_load.h"

#include "common/conf_check.h"
#include "common/load_state.h"

#define WEB_SCOPES                                                                                 \
    (IN_HTTP | IN_SERVER | IN_LOCATION | IN_SERVER_IF | IN_LOCATION_IF | IN_LIMIT_EXCEPT |         \
     IN_UPSTREAM)
#define STREAM_SCOPES (IN_STREAM | IN_STREAM_SERVER | IN_STREAM_UPSTREAM)
#define MAIL_SCOPES   (IN_MAIL | IN_MAIL_SERVER)

/* A block whose directives are applied once those around it are. */
struct opened {
    struct conf_scope scope;
    struct opened *next;
};

/* Tables -------------------------------------------------------------------------------------- */

/* The scopes in which a module's values begin. */
static uint32_t tops_of(const struct module *m, uint32_t where)
{
    uint32_t tops = 0;

    if (m->family == FAMILY_CORE)
        return IN_MAIN;
    if (m->family == FAMILY_HTTP || (where & WEB_SCOPES) != 0)
        tops |= IN_HTTP;
    if (m->family == FAMILY_STREAM || (where & STREAM_SCOPES) != 0)
        tops |= IN_STREAM;
    if (m->family == FAMILY_MAIL || (where & MAIL_SCOPES) != 0)
        tops |= IN_MAIL;
    return tops;
}

static void add_row(struct load_state *load, struct conf_row *row, const struct directive *d)
{
    void **first = growing_map_at(&load->by_name, str_of(d->name));

    row->directive = d;
    row->bytes = conf_value_bytes(d->value);
    row->arity = conf_arity(d->args ? d->args : "");
    row->arity.block |= d->opens != 0 || d->raw_block;
    row->next = *first;
    *first = row;
}

static void add_module(struct load_state *load, uint32_t index, struct conf_row *rows)
{
    const struct module *m = modules[index];
    struct conf_rows *info = &load->modules[index];
    uint32_t where = 0;

    info->first = (uint32_t)(rows - load->rows);
    info->count = (uint32_t)m->directive_count;
    for (uint32_t i = 0; i < info->count; i++) {
        const struct directive *d = &m->directives[i];

        rows[i].module = m;
        rows[i].index = index;
        add_row(load, &rows[i], d);
        where |= d->where;
        info->has_local |= d->local && d->field != 0;
    }
    info->tops = m->conf_size > 0 ? tops_of(m, where) : 0;
    load->tops |= info->tops;
    if (info->has_local)
        load->locals[load->local_count++] = index;
    if (m->scope_done != NULL)
        load->finishers[load->finisher_count++] = index;
}

static void build_tables(struct load_state *load)
{
    uint32_t rows = 0;

    modules_number();
    for (uint32_t i = 0; i < module_count; i++)
        rows += (uint32_t)modules[i]->directive_count;
    load->rows = pool_zalloc(load->scratch, (rows + 1) * sizeof(*load->rows));
    load->modules = pool_zalloc(load->scratch, (module_count + 1) * sizeof(*load->modules));
    load->locals = pool_alloc(load->scratch, (module_count + 1) * sizeof(*load->locals));
    load->finishers = pool_alloc(load->scratch, (module_count + 1) * sizeof(*load->finishers));
    growing_map_init(&load->by_name, load->scratch);
    rows = 0;
    for (uint32_t i = 0; i < module_count; i++) {
        add_module(load, i, &load->rows[rows]);
        rows += load->modules[i].count;
    }
}

static void add_variables(struct generation *gen)
{
    var_table_init(&gen->http_vars, gen->pool);
    var_table_init(&gen->stream_vars, gen->pool);
    for (uint32_t i = 0; i < module_count; i++) {
        const struct module *m = modules[i];

        if (m->family == FAMILY_HTTP || m->family == FAMILY_CORE)
            var_table_add(&gen->http_vars, m->variables, m->variable_count);
        if (m->family == FAMILY_STREAM || m->family == FAMILY_CORE)
            var_table_add(&gen->stream_vars, m->variables, m->variable_count);
    }
}

/* Structs ------------------------------------------------------------------------------------- */

static void own_array(struct load_state *load, struct conf_scope *scope)
{
    size_t bytes = (module_count + 1) * sizeof(void *);
    void **own;

    if (scope->parent != NULL && scope->conf != scope->parent->conf)
        return;
    if (scope->parent == NULL && scope->conf != NULL)
        return;
    own = pool_zalloc(load->gen->pool, bytes);
    if (scope->conf != NULL)
        memcpy(own, scope->conf, bytes);
    scope->conf = own;
}

static bool is_zero(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* Whether a row's field must not be seen in an inner scope of that kind. */
static bool stays_behind(const struct directive *d, uint32_t kind)
{
    if (!d->local || d->field == 0)
        return false;
    return !d->into_if || (kind & (IN_LOCATION_IF | IN_LIMIT_EXCEPT)) == 0;
}

/* Zeroes the local fields of a copy of the parent's struct. */
static void forget_local(struct load_state *load, uint32_t index, uint32_t kind, char *conf)
{
    const struct conf_rows *info = &load->modules[index];

    for (uint32_t i = info->first; info->has_local && i < info->first + info->count; i++)
        if (stays_behind(load->rows[i].directive, kind))
            memset(conf + load->rows[i].directive->field - 1, 0, load->rows[i].bytes);
}

static bool holds_local(struct load_state *load, uint32_t index, uint32_t kind, const char *conf)
{
    const struct conf_rows *info = &load->modules[index];

    for (uint32_t i = info->first; i < info->first + info->count; i++)
        if (stays_behind(load->rows[i].directive, kind) &&
            !is_zero(conf + load->rows[i].directive->field - 1, load->rows[i].bytes))
            return true;
    return false;
}

/* The module's struct in this scope, made its own. NULL for modules without values here. */
static void *own_conf(struct load_state *load, struct conf_scope *scope, uint32_t index)
{
    void *inherited = scope->parent ? scope->parent->conf[index] : NULL;
    void *own;

    if (scope->conf[index] != inherited || inherited == NULL)
        return scope->conf[index];
    own_array(load, scope);
    own = pool_alloc(load->gen->pool, modules[index]->conf_size);
    memcpy(own, inherited, modules[index]->conf_size);
    forget_local(load, index, scope->kind, own);
    scope->conf[index] = own;
    return own;
}

/* Directives ---------------------------------------------------------------------------------- */

static void set_place(struct generation *gen, const struct conf_node *node)
{
    gen->http_vars.place = node;
    gen->stream_vars.place = node;
}

static bool apply_row(struct load_state *load, struct conf_scope *scope, struct conf_row *row,
                      const struct conf_node *node, struct conf_scope *inner, void **inner_owner)
{
    const struct directive *d = row->directive;
    struct conf_call call = {
        .gen = load->gen, .pool = load->gen->pool, .scope = scope, .module = row->module,
        .directive = d, .node = node, .args = node->words + 1, .count = node->count - 1,
        .conf = own_conf(load, scope, row->index), .first = row->seen != load->serial,
        .inner = inner,
    };
    bool done;

    assert(d->field == 0 || call.conf != NULL);
    if (call.first && d->repeat && d->field != 0)
        memset((char *)call.conf + d->field - 1, 0, row->bytes);
    set_place(load->gen, node);
    done = (d->field == 0 || conf_store(&call)) && (d->apply == NULL || d->apply(&call));
    set_place(load->gen, NULL);
    *inner_owner = call.inner_owner;
    return done;
}

static void mark_seen(struct load_state *load, struct conf_row *row, const struct conf_node *node)
{
    if (row->seen != load->serial) {
        row->seen = load->serial;
        row->seen_at = node;
    }
}

/* Applies one directive; a block to be entered later is linked in at *last. */
static void apply_node(struct load_state *load, struct conf_scope *scope,
                       const struct conf_node *node, struct opened ***last)
{
    struct conf_row *row = conf_check(load, scope->kind, node);
    struct opened *opened = NULL;
    void *owner;
    bool done;

    if (row == NULL)
        return;
    if (row->directive->opens != 0) {
        opened = pool_zalloc(load->gen->pool, sizeof(*opened));
        opened->scope = (struct conf_scope){.kind = row->directive->opens, .parent = scope,
                                            .node = node};
    }
    done = apply_row(load, scope, row, node, opened ? &opened->scope : NULL, &owner);
    mark_seen(load, row, node);
    conf_check_swallowed(load, row, scope->kind, node, done);
    conf_check_notice(load, row, node);
    if (done && opened != NULL) {
        opened->scope.owner = owner;
        **last = opened;
        *last = &opened->next;
    }
}

/* Defaults ------------------------------------------------------------------------------------ */

/* The default as if it had been written. */
static const struct conf_node *default_node(struct load_state *load, const struct directive *d)
{
    struct pool *pool = load->gen->pool;
    size_t len = strlen(d->initial);
    const char *end = len > 0 && d->initial[len - 1] == '}' ? "" : ";";

    return conf_read_text(&load->reader, pool_printf(pool, "default of %s", d->name),
                          pool_printf(pool, "%s %s%s", d->name, d->initial, end), false);
}

static void store_default(struct load_state *load, struct conf_scope *scope,
                          const struct conf_row *row)
{
    const struct conf_node *node = default_node(load, row->directive);
    struct conf_call call = {
        .gen = load->gen, .pool = load->gen->pool, .scope = scope, .module = row->module,
        .directive = row->directive, .node = node, .args = node->words + 1,
        .count = node->count - 1, .conf = scope->conf[row->index], .first = true,
    };

    conf_store(&call);
}

static void begin_module(struct load_state *load, struct conf_scope *scope, uint32_t index)
{
    const struct conf_rows *info = &load->modules[index];

    own_array(load, scope);
    scope->conf[index] = pool_zalloc(load->gen->pool, modules[index]->conf_size);
    for (uint32_t i = info->first; i < info->first + info->count; i++)
        if (load->rows[i].directive->initial != NULL && load->rows[i].directive->field != 0 &&
            load->rows[i].directive->value != VALUE_NONE)
            store_default(load, scope, &load->rows[i]);
}

/* The structs as they are before the block's first directive. */
static void begin_scope(struct load_state *load, struct conf_scope *scope)
{
    scope->conf = scope->parent ? scope->parent->conf : NULL;
    if (scope->conf == NULL)
        own_array(load, scope);
    for (uint32_t i = 0; i < load->local_count; i++) {
        uint32_t index = load->locals[i];

        if (scope->conf[index] != NULL &&
            holds_local(load, index, scope->kind, scope->conf[index]))
            own_conf(load, scope, index);
    }
    if ((scope->kind & load->tops) == 0)
        return;
    for (uint32_t i = 0; i < module_count; i++)
        if (scope->conf[i] == NULL && (load->modules[i].tops & scope->kind) != 0)
            begin_module(load, scope, i);
}

/* Runs `apply` for the defaults of directives that the module's top scope does not have. */
static void apply_defaults(struct load_state *load, struct conf_scope *scope)
{
    if ((scope->kind & load->tops) == 0)
        return;
    for (uint32_t i = 0; i < module_count; i++) {
        const struct conf_rows *info = &load->modules[i];

        if ((info->tops & scope->kind) == 0)
            continue;
        for (uint32_t n = info->first; n < info->first + info->count; n++) {
            struct conf_row *row = &load->rows[n];
            void *owner;

            if (row->directive->initial != NULL && row->directive->apply != NULL &&
                row->seen != load->serial)
                apply_row(load, scope, row, default_node(load, row->directive), NULL, &owner);
        }
    }
}

/* Scopes -------------------------------------------------------------------------------------- */

static void finish_module(struct load_state *load, struct conf_scope *scope, uint32_t index)
{
    struct conf_call call = {
        .gen = load->gen, .pool = load->gen->pool, .scope = scope, .module = modules[index],
        .node = scope->node, .args = scope->node->words + 1, .count = scope->node->count - 1,
        .conf = scope->conf[index],
    };

    set_place(load->gen, scope->node);
    modules[index]->scope_done(&call);
    set_place(load->gen, NULL);
}

static void finish_scope(struct load_state *load, struct conf_scope *scope)
{
    for (uint32_t i = 0; i < load->finisher_count; i++) {
        uint32_t index = load->finishers[i];
        void *inherited = scope->parent ? scope->parent->conf[index] : NULL;

        if (scope->conf[index] != inherited)
            finish_module(load, scope, index);
    }
}

static void load_scope(struct load_state *load, struct conf_scope *scope,
                       const struct conf_node *nodes)
{
    struct opened *first = NULL, **last = &first;
    unsigned faults = load->faults.emergs;

    begin_scope(load, scope);
    load->serial++;
    for (; nodes != NULL && !conf_faults_full(&load->faults); nodes = nodes->next)
        apply_node(load, scope, nodes, &last);
    if (load->faults.emergs == faults)
        apply_defaults(load, scope);
    if (load->faults.emergs == faults)
        finish_scope(load, scope);
    for (; first != NULL && !conf_faults_full(&load->faults); first = first->next)
        load_scope(load, &first->scope, first->scope.node->children);
}

/* The whole ----------------------------------------------------------------------------------- */

static struct str directory_of(struct pool *pool, struct str path)
{
    ssize_t slash = str_rfind(path, '/');

    return pool_str(pool, (struct str){path.data, (size_t)(slash + 1)});
}

static void prepare(struct load_state *load, struct generation *gen,
                    const struct conf_options *options)
{
    struct pool *scratch = pool_create(65536);

    *load = (struct load_state){.gen = gen, .scratch = scratch};
    load->faults = (struct conf_faults){.pool = scratch,
                                        .list = array_of(struct conf_fault, scratch)};
    growing_map_init(&load->by_path, scratch);
    growing_map_init(&load->log_files, scratch);
    growing_map_init(&load->listens, scratch);
    growing_map_init(&load->zones, scratch);
    growing_map_init(&load->unknowns, scratch);
    gen->load = load;
    gen->conf_path = pool_str(gen->pool, str_of(options->file));
    gen->conf_dir = directory_of(gen->pool, gen->conf_path);
    gen->testing = options->testing;
    gen->names = array_of(struct addr_list *, gen->pool);
    gen->paths = array_of(struct temp_path *, gen->pool);
    load->reader = (struct conf_reader){.pool = gen->pool, .scratch = scratch,
                                        .faults = &load->faults, .conf_dir = gen->conf_dir,
                                        .by_path = &load->by_path};
}

/* -g first, then the main file. */
static struct conf_node *read_tree(struct load_state *load, const struct conf_options *options)
{
    struct conf_node *globals = NULL, *main, *last;

    if (options->globals.data != NULL)
        globals = conf_read_text(&load->reader, STR("command line"), options->globals, true);
    if (options->text.data != NULL)
        main = conf_read_text(&load->reader, load->gen->conf_path, options->text, false);
    else
        main = conf_read_file(&load->reader, load->gen->conf_path);
    load->gen->files = load->reader.files;
    if (globals == NULL)
        return main;
    for (last = globals; last->next != NULL; last = last->next)
        continue;
    last->next = main;
    return globals;
}

/* What stands for the block around everything: its place is the main file as a whole. */
static const struct conf_node *main_node(struct load_state *load)
{
    struct pool *pool = load->gen->pool;
    struct conf_node *node = pool_zalloc(pool, sizeof(*node) + sizeof(*node->words));
    struct conf_file *file = load->gen->files;

    if (file == NULL) {
        file = pool_zalloc(pool, sizeof(*file));
        file->path = load->gen->conf_path;
    }
    node->file = file;
    node->count = 1;
    node->words[0].text = STR("main");
    return node;
}

static void report_missing_vars(struct load_state *load, struct var_table *vars)
{
    const struct var *var;

    while ((var = var_table_missing(vars)) != NULL) {
        const char *near = var_table_near(vars, var->name);

        conf_fault_print(&load->faults, LOG_EMERG, conf_place(var->place),
                         "unknown \"%" STR_FMT "\" variable", STR_ARG(var->name));
        if (near != NULL)
            conf_fault_hint(&load->faults, "did you mean \"$%s\"?", near);
    }
}

/* Zones that somebody uses and nobody declares. */
static void report_missing_zones(struct load_state *load)
{
    for (const struct zone_spec *z = load->gen->zones; z != NULL; z = z->next) {
        if (z->bytes > 0)
            continue;
        conf_fault_print(&load->faults, LOG_EMERG, conf_place(z->node),
                         "zero size shared memory zone \"%" STR_FMT "\"", STR_ARG(z->name));
        conf_fault_hint(&load->faults, "no directive declares a zone of this name");
    }
}

static void finish_modules(struct load_state *load)
{
    size_t names = load->gen->names.count;

    for (uint32_t i = 0; i < module_count && load->faults.emergs == 0; i++)
        if (modules[i]->load_done != NULL)
            modules[i]->load_done(load->gen);
    if (load->gen->names.count != names && load->faults.emergs == 0)
        addr_list_resolve(load->gen);
}

static void note_named(struct load_state *load)
{
    struct generation *gen = load->gen;

    gen->named = pool_zalloc(gen->pool, module_count * sizeof(*gen->named));
    for (uint32_t i = 0; i < module_count; i++)
        for (uint32_t n = 0; n < load->modules[i].count; n++)
            if (load->rows[load->modules[i].first + n].seen != 0)
                gen->named[i] = true;
}

static void load_tree(struct load_state *load, const struct conf_node *tree)
{
    struct generation *gen = load->gen;

    build_tables(load);
    add_variables(gen);
    gen->main = pool_zalloc(gen->pool, sizeof(*gen->main));
    *gen->main = (struct conf_scope){.kind = IN_MAIN, .node = main_node(load)};
    load_scope(load, gen->main, tree);
    note_named(load);
    addr_list_resolve(gen);
    finish_modules(load);
    if (load->unknown == 0) {
        report_missing_zones(load);
        report_missing_vars(load, &gen->http_vars);
        report_missing_vars(load, &gen->stream_vars);
    }
}

unsigned conf_load(struct generation *gen, const struct conf_options *options,
                   conf_report_fn *report, void *arg)
{
    struct load_state load;
    struct conf_node *tree;
    unsigned faults;

    prepare(&load, gen, options);
    tree = read_tree(&load, options);
    if (!load.reader.broken && (tree != NULL || load.faults.emergs == 0))
        load_tree(&load, tree);
    conf_faults_report(&load.faults, options->color, report, arg);
    faults = load.faults.emergs;
    gen->load = NULL;
    pool_destroy(load.scratch);
    return faults;
}
