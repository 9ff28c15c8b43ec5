/*
 * common/load_state.h - what exists only while a configuration is being loaded: gen->load.
 */
#pragma once

#include "common/conf_doc.h"
#include "common/conf_fault.h"
#include "common/generation.h"
#include "common/growing_map.h"

/* A directive of a module, ready for use. */
struct conf_row {
    const struct directive *directive;
    const struct module *module;
    uint32_t index;                 /* of the module */
    uint32_t bytes;                 /* of the field that is zeroed by repeat and local */
    struct conf_arity arity;
    struct conf_row *next;          /* of the same name */
    uint32_t seen;                  /* serial of the last scope that it stood in */
    const struct conf_node *seen_at; /* first there */
    bool noticed;
};

/* A module's rows: rows[first] and so on. */
struct conf_rows {
    uint32_t first, count;
    uint32_t tops;                  /* IN_...: the scopes where its values begin */
    bool has_local;
};

struct load_state {
    struct generation *gen;
    struct pool *scratch;           /* gone when loading ends */
    struct conf_faults faults;
    struct conf_reader reader;
    struct growing_map by_path;     /* struct conf_file * */

    struct conf_row *rows;
    struct conf_rows *modules;      /* by module index */
    uint32_t *locals, local_count;  /* indices of the modules with local fields */
    uint32_t *finishers, finisher_count; /* and of those with a scope_done */
    uint32_t tops;                  /* of all modules */
    struct growing_map by_name;     /* struct conf_row * */
    uint32_t serial;                /* of the scope whose directives are being applied */
    unsigned unknown;               /* directives skipped: what they define is missing later */
    struct growing_map unknowns;    /* their names, with the number of the fault */

    struct growing_map log_files;   /* by absolute path */
    struct growing_map listens;     /* by kind, length and address */
    struct growing_map zones;
    struct log_file *last_log_file;
    struct listen_spec *last_listen;
    struct zone_spec *last_zone;
};

/* Stores what the directive's row says (conf_store.c). False after a fault. */
bool conf_store(struct conf_call *call);

/* The bytes of a field of that kind; a pointer's for VALUE_NONE. */
uint32_t conf_value_bytes(enum value_kind kind);

/* Looks up gen->names (addr_list.c); faults are reported. */
void addr_list_resolve(struct generation *gen);
