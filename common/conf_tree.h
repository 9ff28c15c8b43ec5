/*
 * common/conf_tree.h - a configuration as written: words, blocks, and where each stood.
 */
#pragma once

#include "common/array.h"

struct conf_file {
    struct str path;      /* absolute */
    struct str text;      /* whole contents, NUL after the end */
    struct conf_file *next; /* in order of first reading: what -T prints; each path once */
};

struct conf_word {
    struct str text;      /* unquoted and unescaped: "a\"b" is a"b. $ is left for templates */
    bool quoted;          /* was written in quotes */
    uint32_t line, col;   /* from 1 */
};

struct conf_node {
    struct conf_word *words; /* words[0] is the directive's name */
    uint32_t count;
    bool has_block;
    const struct conf_file *file;
    uint32_t line, col;
    struct conf_node *children; /* first in the block */
    struct conf_node *next;     /* sibling */
};
