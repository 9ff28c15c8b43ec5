/*
 * common/conf_tree.h - a configuration as written: words, blocks, and where each stood.
 */
#pragma once

#include "common/array.h"

struct conf_file {
    struct str path;      /* absolute */
    struct str text;      /* whole contents, NUL after the end */
    uint32_t number;      /* in order of first reading */
    bool open;            /* while it is being parsed: an include of it now would never end */
    struct conf_file *next; /* in order of first reading: what -T prints; each path once */
};

struct conf_word {
    struct str text;      /* unquoted and unescaped: "a\"b" is a"b. $ is left for templates */
    uint32_t line;        /* from 1 */
    uint32_t col : 31;    /* from 1, in bytes */
    uint32_t quoted : 1;  /* was written in quotes */
};

struct conf_node {
    const struct conf_file *file;
    struct conf_node *children; /* first in the block */
    struct conf_node *next;     /* sibling */
    uint32_t line, col;
    uint32_t count;             /* of words */
    bool has_block;
    struct conf_word words[];   /* words[0] is the directive's name */
};

struct conf_place {
    const struct conf_file *file; /* NULL: nowhere in particular */
    uint32_t line, col;           /* line 0: the file as a whole */
};

static inline struct conf_place conf_place(const struct conf_node *node)
{
    return node ? (struct conf_place){node->file, node->line, node->col} : (struct conf_place){0};
}

static inline struct conf_place conf_word_place(const struct conf_node *node, uint32_t word)
{
    return (struct conf_place){node->file, node->words[word].line, node->words[word].col};
}

#define CONF_NESTING_MAX 100     /* blocks within blocks */
#define CONF_INCLUDES_MAX 32     /* files within files */
#define CONF_FILES_MAX 1000000   /* includes in all: files that include files twice multiply */

struct conf_faults;
struct growing_map;

/* What reading a tree needs and leaves. */
struct conf_reader {
    struct pool *pool;           /* for texts, nodes and words */
    struct pool *scratch;
    struct conf_faults *faults;
    struct str conf_dir;         /* what include's paths are relative to; ends in '/' */
    struct growing_map *by_path; /* struct conf_file * */
    struct conf_file *files;     /* those of disk, in order of first reading */
    struct conf_file *last_file;
    uint32_t file_count;         /* numbers given out so far */
    uint32_t nesting, including;
    uint32_t included;           /* files parsed so far, repeats counted */
    bool broken;                 /* a syntax fault: the tree is not worth loading */
    const struct conf_node *suspect; /* by its indentation, the block whose } is missing */
    uint32_t suspect_line;       /* and the line before which it should be */
};

/* Where the file of `state` in an upstream block is. What it holds takes the directive's place, if
   it is there. */
struct str conf_state_path(struct pool *pool, struct str conf_dir, struct str text);

/* The directives of a text that is no file of disk, or NULL. `name` stands in for a path. */
struct conf_node *conf_read_text(struct conf_reader *r, struct str name, struct str text,
                                 bool parameter);

/* The directives of a file with all its includes in their places. */
struct conf_node *conf_read_file(struct conf_reader *r, struct str path);
