/*
 * t/unit/common/rbtree_test.c - trees stay ordered and balanced; lists keep their links.
 */
#include "common/list.h"
#include "common/rbtree.h"
#include "t/unit/tap.h"

struct item {
    int key, serial;
    bool in_tree;
    struct rbnode node;
    struct link link;
};

static struct item *item_of(const struct rbnode *n)
{
    return CONTAINER((uintptr_t)n, struct item, node);
}

static int by_key(const struct rbnode *a, const struct rbnode *b)
{
    return (item_of(a)->key > item_of(b)->key) - (item_of(a)->key < item_of(b)->key);
}

static int key_order(const void *key, const struct rbnode *node)
{
    const int *wanted = key;

    return (*wanted > item_of(node)->key) - (*wanted < item_of(node)->key);
}

/* Black height, or -1 when a rule of red-black trees is broken below. */
static int height(const struct rbnode *n)
{
    int left, right;

    if (n == NULL)
        return 1;
    for (int side = 0; side < 2; side++) {
        const struct rbnode *child = n->child[side];

        if (child != NULL && (child->parent != n || (n->red && child->red)))
            return -1;
    }
    left = height(n->child[0]);
    right = height(n->child[1]);
    return left < 0 || left != right ? -1 : left + !n->red;
}

static bool is_sound(const struct rbtree *t)
{
    const struct rbnode *last = NULL;
    size_t count = 0;

    if (t->root != NULL && (t->root->red || t->root->parent != NULL))
        return false;
    for (struct rbnode *n = rbtree_first(t); n != NULL; last = n, n = rbtree_next(n), count++)
        if (last != NULL && (by_key(last, n) > 0 || rbtree_prev(n) != last))
            return false;
    return height(t->root) > 0 && count == t->count && last == rbtree_last(t);
}

static void random_trees_stay_sound(void)
{
    static struct item items[500];
    struct rbtree t;
    uint32_t state = 1;
    bool sound = true;

    rbtree_init(&t, by_key);
    for (int step = 0; step < 20000; step++) {
        struct item *item;

        state = state * 1664525 + 1013904223;
        item = &items[(state >> 8) % COUNT(items)];
        if (item->in_tree) {
            rbtree_remove(&t, &item->node);
        } else {
            item->key = (int)(state >> 20) % 300;
            rbtree_insert(&t, &item->node);
        }
        item->in_tree = !item->in_tree;
        if (step % 7 == 0)
            sound = sound && is_sound(&t);
    }
    ok(sound, "ordered and balanced after every change");
    for (size_t i = 0; i < COUNT(items); i++)
        if (items[i].in_tree)
            rbtree_remove(&t, &items[i].node);
    ok(t.root == NULL && t.count == 0 && rbtree_first(&t) == NULL, "emptied");
}

static void equal_keys_keep_their_order(void)
{
    struct item items[6];
    struct rbtree t;
    int key = 5, serial = 0;
    bool in_order = true;

    rbtree_init(&t, by_key);
    for (int i = 0; i < 6; i++) {
        items[i] = (struct item){.key = 5, .serial = i};
        rbtree_insert(&t, &items[i].node);
    }
    for (struct rbnode *n = rbtree_first(&t); n != NULL; n = rbtree_next(n))
        in_order = in_order && item_of(n)->serial == serial++;
    ok(in_order, "the order of insertion");
    ok(rbtree_find(&t, &key, key_order) == &items[0].node, "find gives the first");
    key = 4;
    ok(rbtree_find(&t, &key, key_order) == NULL, "absent");
    ok(rbtree_from(&t, &key, key_order) == &items[0].node, "the next above");
    key = 6;
    ok(rbtree_from(&t, &key, key_order) == NULL, "nothing above");
}

static void lists_keep_their_links(void)
{
    struct item items[4] = {{.key = 0}, {.key = 1}, {.key = 2}, {.key = 3}};
    struct list a, b;
    int seen = 0;

    list_init(&a);
    list_init(&b);
    ok(list_empty(&a) && list_first(&a) == NULL && list_pop(&a) == NULL, "empty");
    list_append(&a, &items[1].link);
    list_append(&a, &items[2].link);
    list_prepend(&a, &items[0].link);
    list_append(&b, &items[3].link);
    list_move(&a, &b);
    ok(list_empty(&b) && list_last(&a) == &items[3].link, "moved to the end");
    LIST_EACH(struct item, item, &a, link) {
        seen = seen * 10 + item->key;
        if (item->key % 2 == 1)
            list_remove(&item->link);
    }
    is_int(seen, 123, "each in order, though some leave on the way");
    ok(!link_in_list(&items[1].link) && link_in_list(&items[2].link), "a link knows");
    list_remove(&items[1].link);
    ok(list_pop(&a) == &items[0].link && list_pop(&a) == &items[2].link, "popped");
    ok(list_empty(&a), "to the end");
}

int main(void)
{
    random_trees_stay_sound();
    equal_keys_keep_their_order();
    lists_keep_their_links();
    return tap_done();
}
