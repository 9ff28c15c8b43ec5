/*
 * worker/vars/host_table.c - host names, some with a wildcard, to values.
 *
 * A wildcard's key is the rest of its name with the dot: ".example.com", "www.example.".
 */
#include "worker/vars/host_table.h"

void host_table_init(struct host_table *t, struct pool *pool)
{
    for (int kind = 0; kind < HOSTS_KINDS; kind++)
        t->items[kind] = array_of(struct hash_item, pool);
}

static void add(struct host_table *t, int kind, struct str key, void *value)
{
    *(struct hash_item *)array_push(&t->items[kind]) = (struct hash_item){key, value};
}

void host_table_add_exact(struct host_table *t, struct str name, void *value)
{
    add(t, HOSTS_EXACT, name, value);
}

/* No empty label, no NUL, at most one star. */
static bool is_plain(struct str name)
{
    size_t stars = 0;

    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '\0' ||
            (name.data[i] == '.' && i + 1 < name.len && name.data[i + 1] == '.'))
            return false;
        stars += name.data[i] == '*';
    }
    return stars <= 1;
}

bool host_table_add(struct host_table *t, struct str name, void *value)
{
    if (!is_plain(name))
        return false;
    if (name.len > 2 && str_starts(name, STR("*."))) {
        add(t, HOSTS_BELOW, str_from(name, 1), value);
    } else if (name.len > 2 && str_ends(name, STR(".*"))) {
        add(t, HOSTS_BEGINNING, (struct str){name.data, name.len - 1}, value);
    } else if (str_find(name, '*') >= 0) {
        return false;
    } else if (name.len > 1 && name.data[0] == '.') {
        add(t, HOSTS_EXACT, str_from(name, 1), value);
        add(t, HOSTS_BELOW, name, value);
    } else {
        add(t, HOSTS_EXACT, name, value);
    }
    return true;
}

void *host_table_build(struct host_table *t, struct pool *pool)
{
    size_t second;

    for (int kind = 0; kind < HOSTS_KINDS; kind++) {
        struct array *items = &t->items[kind];

        if (!hash_build(&t->hash[kind], pool, items->items, items->count, true, &second))
            return ((struct hash_item *)array_at(items, second))->value;
    }
    return NULL;
}

static void *find_below(const struct hash *h, struct str host)
{
    void *value;

    for (size_t i = 0; h->count > 0 && i < host.len; i++) {
        if (host.data[i] == '.' && (value = hash_find(h, str_from(host, i))) != NULL)
            return value;
    }
    return NULL;
}

static void *find_beginning(const struct hash *h, struct str host)
{
    void *value;

    for (size_t n = host.len; h->count > 0 && n > 1; n--) {
        if (host.data[n - 1] == '.' &&
            (value = hash_find(h, (struct str){host.data, n})) != NULL)
            return value;
    }
    return NULL;
}

void *host_table_find(const struct host_table *t, struct str host)
{
    void *value = hash_find(&t->hash[HOSTS_EXACT], host);

    if (value == NULL)
        value = find_below(&t->hash[HOSTS_BELOW], host);
    if (value == NULL)
        value = find_beginning(&t->hash[HOSTS_BEGINNING], host);
    return value;
}
