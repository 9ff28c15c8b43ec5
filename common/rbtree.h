/*
 * common/rbtree.h - an intrusive red-black tree: the nodes live in the objects.
 *
 * Equal keys are allowed; a new one goes after those that are there.
 */
#pragma once

#include "common/base.h"

struct rbnode {
    struct rbnode *child[2]; /* smaller, larger */
    struct rbnode *parent;   /* NULL at the root */
    bool red;
};

/* Below, at or above 0, like strcmp. */
typedef int rbtree_order_fn(const struct rbnode *a, const struct rbnode *b);
typedef int rbtree_key_fn(const void *key, const struct rbnode *node);

struct rbtree {
    struct rbnode *root;
    rbtree_order_fn *order;
    size_t count;
};

void rbtree_init(struct rbtree *t, rbtree_order_fn *order);
void rbtree_insert(struct rbtree *t, struct rbnode *n);
void rbtree_remove(struct rbtree *t, struct rbnode *n); /* n is in t */

/* NULL when there is none. */
struct rbnode *rbtree_first(const struct rbtree *t);
struct rbnode *rbtree_last(const struct rbtree *t);
struct rbnode *rbtree_next(const struct rbnode *n);
struct rbnode *rbtree_prev(const struct rbnode *n);

/* The first node equal to the key, or NULL. */
struct rbnode *rbtree_find(const struct rbtree *t, const void *key, rbtree_key_fn *compare);

/* The first node not below the key, or NULL. */
struct rbnode *rbtree_from(const struct rbtree *t, const void *key, rbtree_key_fn *compare);
