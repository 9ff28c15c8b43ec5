/*
 * common/list.h - intrusive doubly linked lists: the links live in the objects.
 *
 *     struct list idle;                       struct conn { struct link idle_link; ... };
 *     list_init(&idle);
 *     list_append(&idle, &conn->idle_link);
 *     LIST_EACH(struct conn, c, &idle, idle_link) ...   (the body may remove c, no other)
 *
 * A link that is in no list has next NULL, provided link_init or zeroed memory was its start.
 */
#pragma once

#include "common/base.h"

struct link {
    struct link *next, *prev;
};

struct list {
    struct link head; /* a ring; the head is no member */
};

static inline void list_init(struct list *l)
{
    l->head.next = l->head.prev = &l->head;
}

static inline bool list_empty(const struct list *l)
{
    return l->head.next == &l->head;
}

static inline void link_init(struct link *n)
{
    n->next = n->prev = NULL;
}

static inline bool link_in_list(const struct link *n)
{
    return n->next != NULL;
}

static inline void link_insert_after(struct link *place, struct link *n)
{
    n->prev = place;
    n->next = place->next;
    place->next->prev = n;
    place->next = n;
}

/* At the front. */
static inline void list_prepend(struct list *l, struct link *n)
{
    link_insert_after(&l->head, n);
}

/* At the end. */
static inline void list_append(struct list *l, struct link *n)
{
    link_insert_after(l->head.prev, n);
}

/* Takes n out of whatever list it is in; a link that is in none is left alone. */
static inline void list_remove(struct link *n)
{
    if (n->next == NULL)
        return;
    n->prev->next = n->next;
    n->next->prev = n->prev;
    link_init(n);
}

/* NULL when empty. */
static inline struct link *list_first(const struct list *l)
{
    return list_empty(l) ? NULL : l->head.next;
}

static inline struct link *list_last(const struct list *l)
{
    return list_empty(l) ? NULL : l->head.prev;
}

/* The first, taken out; NULL when empty. */
static inline struct link *list_pop(struct list *l)
{
    struct link *n = list_first(l);

    if (n != NULL)
        list_remove(n);
    return n;
}

/* All of `from` to the end of l; from is empty afterwards. */
static inline void list_move(struct list *l, struct list *from)
{
    if (list_empty(from))
        return;
    from->head.next->prev = l->head.prev;
    l->head.prev->next = from->head.next;
    from->head.prev->next = &l->head;
    l->head.prev = from->head.prev;
    list_init(from);
}

#define LIST_EACH(type, name, list, member)                                                        \
    for (struct link *name##_at = (list)->head.next, *name##_next = name##_at->next;               \
         name##_at != &(list)->head; name##_at = name##_next, name##_next = name##_at->next)       \
        for (type *name = CONTAINER(name##_at, type, member); name != NULL; name = NULL)
