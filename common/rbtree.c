/*
 * common/rbtree.c - an intrusive red-black tree.
 *
 * Both sides of every case are one piece of code: `side` is 0 or 1, child[side] one way and
 * child[!side] the other. An absent child counts as black.
 */
#include "common/rbtree.h"

void rbtree_init(struct rbtree *t, rbtree_order_fn *order)
{
    *t = (struct rbtree){.order = order};
}

static bool is_red(const struct rbnode *n)
{
    return n != NULL && n->red;
}

static int side_of(const struct rbnode *n)
{
    return n->parent->child[1] == n;
}

/* Puts `by` (may be NULL) where n hangs. */
static void replace(struct rbtree *t, struct rbnode *n, struct rbnode *by)
{
    if (n->parent == NULL)
        t->root = by;
    else
        n->parent->child[side_of(n)] = by;
    if (by != NULL)
        by->parent = n->parent;
}

/* n goes down towards `side`; its child on the other side takes its place. */
static void rotate(struct rbtree *t, struct rbnode *n, int side)
{
    struct rbnode *up = n->child[!side];

    n->child[!side] = up->child[side];
    if (up->child[side] != NULL)
        up->child[side]->parent = n;
    replace(t, n, up);
    up->child[side] = n;
    n->parent = up;
}

/* n is red; its parent may be too. */
static void repair_after_insert(struct rbtree *t, struct rbnode *n)
{
    while (is_red(n->parent)) {
        struct rbnode *parent = n->parent, *above = parent->parent;
        int side = side_of(parent);
        struct rbnode *uncle = above->child[!side];

        if (is_red(uncle)) {
            parent->red = uncle->red = false;
            above->red = true;
            n = above;
            continue;
        }
        if (side_of(n) != side) {
            rotate(t, parent, side);
            parent = n;
        }
        parent->red = false;
        above->red = true;
        rotate(t, above, !side);
        break;
    }
    t->root->red = false;
}

void rbtree_insert(struct rbtree *t, struct rbnode *n)
{
    struct rbnode **place = &t->root, *parent = NULL;

    while (*place != NULL) {
        parent = *place;
        place = &parent->child[t->order(n, parent) >= 0];
    }
    *n = (struct rbnode){.parent = parent, .red = true};
    *place = n;
    t->count++;
    repair_after_insert(t, n);
}

/* The paths through parent->child[side] lack one black node. */
static void repair_after_remove(struct rbtree *t, struct rbnode *parent, int side)
{
    while (parent != NULL) {
        struct rbnode *sibling = parent->child[!side];

        if (is_red(sibling)) {
            sibling->red = false;
            parent->red = true;
            rotate(t, parent, side);
            sibling = parent->child[!side];
        }
        if (!is_red(sibling->child[0]) && !is_red(sibling->child[1])) {
            sibling->red = true;
            if (parent->parent == NULL || parent->red) {
                parent->red = false;
                return;
            }
            side = side_of(parent);
            parent = parent->parent;
            continue;
        }
        if (!is_red(sibling->child[!side])) {
            sibling->child[side]->red = false;
            sibling->red = true;
            rotate(t, sibling, !side);
            sibling = parent->child[!side];
        }
        sibling->red = parent->red;
        parent->red = false;
        sibling->child[!side]->red = false;
        rotate(t, parent, side);
        return;
    }
}

/* n has at most one child. */
static void unlink_node(struct rbtree *t, struct rbnode *n)
{
    struct rbnode *child = n->child[n->child[0] == NULL];
    struct rbnode *parent = n->parent;
    int side = parent == NULL ? 0 : side_of(n);
    bool was_red = n->red;

    replace(t, n, child);
    if (was_red)
        return;
    if (child != NULL)
        child->red = false; /* an only child is red: it takes over the black */
    else
        repair_after_remove(t, parent, side);
}

/* `by` takes n's place, colour and all. */
static void take_place(struct rbtree *t, struct rbnode *n, struct rbnode *by)
{
    replace(t, n, by);
    *by = *n;
    for (int side = 0; side < 2; side++)
        if (by->child[side] != NULL)
            by->child[side]->parent = by;
}

void rbtree_remove(struct rbtree *t, struct rbnode *n)
{
    t->count--;
    if (n->child[0] != NULL && n->child[1] != NULL) {
        struct rbnode *next = rbtree_next(n);

        unlink_node(t, next);
        take_place(t, n, next);
    } else {
        unlink_node(t, n);
    }
}

static struct rbnode *outermost(struct rbnode *n, int side)
{
    while (n != NULL && n->child[side] != NULL)
        n = n->child[side];
    return n;
}

static struct rbnode *neighbour(const struct rbnode *n, int side)
{
    if (n->child[side] != NULL)
        return outermost(n->child[side], !side);
    while (n->parent != NULL && side_of(n) == side)
        n = n->parent;
    return n->parent;
}

struct rbnode *rbtree_first(const struct rbtree *t)
{
    return outermost(t->root, 0);
}

struct rbnode *rbtree_last(const struct rbtree *t)
{
    return outermost(t->root, 1);
}

struct rbnode *rbtree_next(const struct rbnode *n)
{
    return neighbour(n, 1);
}

struct rbnode *rbtree_prev(const struct rbnode *n)
{
    return neighbour(n, 0);
}

struct rbnode *rbtree_from(const struct rbtree *t, const void *key, rbtree_key_fn *compare)
{
    struct rbnode *n = t->root, *best = NULL;

    while (n != NULL) {
        if (compare(key, n) <= 0) {
            best = n;
            n = n->child[0];
        } else {
            n = n->child[1];
        }
    }
    return best;
}

struct rbnode *rbtree_find(const struct rbtree *t, const void *key, rbtree_key_fn *compare)
{
    struct rbnode *n = rbtree_from(t, key, compare);

    return n != NULL && compare(key, n) == 0 ? n : NULL;
}
