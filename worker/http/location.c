/*
 * worker/http/location.c - location blocks, and finding the one for a uri.
 *
 * Prefix and exact locations of one level live in a compressed tree: each node has the piece of
 * path that leads to it, and its children are told apart by their first byte. A walk keeps the last
 * prefix location it passed.
 */
#include "worker/http/location.h"

#include "common/generation.h"
#include "worker/http/phase.h"
#include "worker/net/scope_regex.h"
#include "worker/http/server.h"

struct node {
    struct str label;
    struct location *prefix;
    struct location *exact;
    struct node **children;
    char *first_bytes;      /* of the children's labels, child_count of them */
    uint32_t child_count;
};

struct location_set {
    struct location *first, **last; /* all but named ones, in order of writing */
    struct node *root;              /* NULL until built, or when there are only regexes */
    struct location **regexes;      /* in order of writing */
    uint32_t regex_count;
    struct scope_regex_set regex_set; /* the same */
};

/* The name's form: location [=|~|~*|^~] name, the sign possibly attached. */
static bool read_name(struct conf_call *call, struct location *location, bool *nocase)
{
    static const struct {
        struct str sign;
        enum location_kind kind;
    } signs[] = {
        {STR_INIT("="), LOCATION_EXACT},      {STR_INIT("^~"), LOCATION_PREFIX_ONLY},
        {STR_INIT("~*"), LOCATION_REGEX},     {STR_INIT("~"), LOCATION_REGEX},
    };
    struct str name = conf_arg(call, call->count - 1), sign = conf_arg(call, 0);

    location->kind = LOCATION_PREFIX;
    for (size_t i = 0; i < COUNT(signs); i++) {
        if (call->count == 2 ? !str_eq(sign, signs[i].sign) : !str_starts(name, signs[i].sign))
            continue;
        location->kind = signs[i].kind;
        *nocase = signs[i].sign.len == 2 && location->kind == LOCATION_REGEX;
        if (call->count == 1)
            name = str_from(name, signs[i].sign.len);
        break;
    }
    if (call->count == 2 && location->kind == LOCATION_PREFIX) {
        conf_fail_arg(call, 0, "invalid location modifier \"%" STR_FMT "\"", STR_ARG(sign));
        return conf_hint(call, "one of: =, ~, ~*, ^~");
    }
    if (location->kind == LOCATION_PREFIX && name.len > 0 && name.data[0] == '@')
        location->kind = LOCATION_NAMED;
    location->name = name;
    return true;
}

static bool check_nesting(struct conf_call *call, const struct location *location)
{
    const struct location *outer = location->parent;

    if (outer == NULL)
        return true;
    if (outer->kind == LOCATION_EXACT)
        return conf_fail(call, "location \"%" STR_FMT "\" cannot be inside the exact location "
                               "\"%" STR_FMT "\"", STR_ARG(location->name), STR_ARG(outer->name));
    if (outer->kind == LOCATION_NAMED)
        return conf_fail(call, "location \"%" STR_FMT "\" cannot be inside the named location "
                               "\"%" STR_FMT "\"", STR_ARG(location->name), STR_ARG(outer->name));
    if (location->kind == LOCATION_NAMED)
        return conf_fail(call, "named location \"%" STR_FMT "\" can be on the server level only",
                         STR_ARG(location->name));
    if (location->kind != LOCATION_REGEX && outer->kind != LOCATION_REGEX &&
        !str_starts(location->name, outer->name))
        return conf_fail(call, "location \"%" STR_FMT "\" is outside location \"%" STR_FMT "\"",
                         STR_ARG(location->name), STR_ARG(outer->name));
    return true;
}

static void set_add(struct pool *pool, struct location_set **set, struct location *location)
{
    if (*set == NULL) {
        *set = pool_zalloc(pool, sizeof(**set));
        (*set)->last = &(*set)->first;
    }
    *(*set)->last = location;
    (*set)->last = &location->next;
}

/* Of two with the same name the first holds, as in nginx, which keeps silent about it. */
static void add_named(struct conf_call *call, struct location *location,
                      struct http_server *server)
{
    void **place = growing_map_at(&server->named, location->name);

    if (*place == NULL)
        *place = location;
    else
        conf_warn(call, "duplicate location \"%" STR_FMT "\", ignored", STR_ARG(location->name));
}

struct location *location_add(struct conf_call *call, struct location_set **set,
                              struct location *parent, struct http_server *server)
{
    struct location *location = pool_zalloc(call->pool, sizeof(*location));
    bool nocase = false;

    location->parent = parent;
    location->node = call->node;
    location->scope = call->inner;
    location->server = server;
    if (!read_name(call, location, &nocase) || !check_nesting(call, location))
        return NULL;
    if (location->kind == LOCATION_NAMED) {
        add_named(call, location, server);
        return location;
    }
    if (location->kind == LOCATION_REGEX) {
        location->regex = scope_regex_load(call, call->count - 1, location->name, nocase);
        if (location->regex == NULL)
            return NULL;
    }
    set_add(call->pool, set, location);
    return location;
}

/* Building the tree ---------------------------------------------------------------------------- */

static struct node *new_node(struct pool *pool, struct str label)
{
    struct node *node = pool_zalloc(pool, sizeof(*node));

    node->label = label;
    return node;
}

static void add_child(struct pool *pool, struct node *parent, struct node *child)
{
    uint32_t n = parent->child_count;

    if ((n & (n - 1)) == 0) { /* a power of two: full */
        uint32_t cap = n == 0 ? 1 : 2 * n;
        struct node **children = pool_alloc(pool, cap * sizeof(*children));
        char *bytes = pool_bytes(pool, cap);

        if (n > 0) {
            memcpy(children, parent->children, n * sizeof(*children));
            memcpy(bytes, parent->first_bytes, n);
        }
        parent->children = children;
        parent->first_bytes = bytes;
    }
    parent->children[n] = child;
    parent->first_bytes[n] = child->label.data[0];
    parent->child_count++;
}

static struct node *find_child(const struct node *node, char byte)
{
    const char *at;

    if (node->child_count == 0)
        return NULL;
    at = memchr(node->first_bytes, byte, node->child_count);
    return at == NULL ? NULL : node->children[at - node->first_bytes];
}

/* Cuts the node after `keep` bytes of its label; what it held moves to a new child. */
static void split(struct pool *pool, struct node *node, size_t keep)
{
    struct node *lower = new_node(pool, str_from(node->label, keep));

    lower->prefix = node->prefix;
    lower->exact = node->exact;
    lower->children = node->children;
    lower->first_bytes = node->first_bytes;
    lower->child_count = node->child_count;
    node->label.len = keep;
    node->prefix = node->exact = NULL;
    node->child_count = 0;
    add_child(pool, node, lower);
}

static size_t common_prefix(struct str a, struct str b)
{
    size_t n = 0;

    while (n < a.len && n < b.len && a.data[n] == b.data[n])
        n++;
    return n;
}

/* The node for exactly this name, made if need be. */
static struct node *tree_node(struct pool *pool, struct node *root, struct str name)
{
    struct node *at = root, *child;
    size_t same;

    while (name.len > 0) {
        child = find_child(at, name.data[0]);
        if (child == NULL) {
            child = new_node(pool, name);
            add_child(pool, at, child);
            return child;
        }
        same = common_prefix(child->label, name);
        if (same < child->label.len)
            split(pool, child, same);
        name = str_from(name, same);
        at = child;
    }
    return at;
}

static bool tree_add(struct generation *gen, struct location_set *set, struct location *location)
{
    struct location **place;
    struct node *node;

    if (set->root == NULL)
        set->root = new_node(gen->pool, STR(""));
    node = tree_node(gen->pool, set->root, location->name);
    place = location->kind == LOCATION_EXACT ? &node->exact : &node->prefix;
    if (*place != NULL)
        return conf_fail_at(gen, location->node, "duplicate location \"%" STR_FMT "\"",
                            STR_ARG(location->name));
    *place = location;
    return true;
}

static void add_regex(struct location_set *set, struct location *location)
{
    set->regexes[set->regex_count++] = location;
    scope_regex_set_add(&set->regex_set, location->regex);
}

bool location_set_build(struct generation *gen, struct location_set *set)
{
    uint32_t regexes = 0;
    bool good = true;

    if (set == NULL)
        return true;
    for (struct location *l = set->first; l != NULL; l = l->next)
        regexes += l->kind == LOCATION_REGEX;
    if (regexes > 0)
        set->regexes = pool_alloc(gen->pool, regexes * sizeof(*set->regexes));
    scope_regex_set_init(&set->regex_set, gen->pool);
    for (struct location *l = set->first; l != NULL; l = l->next) {
        if (l->kind == LOCATION_REGEX)
            add_regex(set, l);
        else
            good &= tree_add(gen, set, l);
        good &= location_set_build(gen, l->inner);
    }
    scope_regex_set_build(&set->regex_set);
    return good;
}

/* Looking up ----------------------------------------------------------------------------------- */

struct walk {
    struct location *exact;   /* name is the whole uri, and it is an exact one */
    struct location *prefix;  /* longest */
    bool add_slash;
};

/* The uri ended inside or at this node: would one more '/' reach a location that wants it? */
static bool wants_slash(const struct node *node, struct str rest_of_label)
{
    const struct node *child = node;

    if (rest_of_label.len == 0) {
        child = find_child(node, '/');
        if (child == NULL)
            return false;
        rest_of_label = child->label;
    }
    if (rest_of_label.len != 1 || rest_of_label.data[0] != '/')
        return false;
    return (child->prefix != NULL && child->prefix->auto_redirect) ||
           (child->exact != NULL && child->exact->auto_redirect);
}

static struct walk tree_walk(const struct node *node, struct str uri)
{
    struct walk found = {NULL, NULL, false};
    const struct node *child;

    for (;;) {
        if (node->prefix != NULL)
            found.prefix = node->prefix;
        if (uri.len == 0) {
            found.exact = node->exact;
            found.add_slash = node->exact == NULL && node->prefix == NULL &&
                              wants_slash(node, STR_NONE);
            return found;
        }
        child = find_child(node, uri.data[0]);
        if (child == NULL)
            return found;
        if (!str_starts(uri, child->label)) {
            found.add_slash = str_starts(child->label, uri) &&
                              wants_slash(child, str_from(child->label, uri.len));
            return found;
        }
        uri = str_from(uri, child->label.len);
        node = child;
    }
}

static bool match_regex(struct request *r, struct location *location)
{
    bool match = scope_regex_match(&r->scope, location->regex, r->uri);

    record(r, "location", "~ \"%" STR_FMT "\": %s", STR_ARG(location->name), match ? "yes" : "no");
    return match;
}

/* Who listens is told of each one that does not match. */
static struct location *find_regex(struct request *r, const struct location_set *set)
{
    int64_t at;

    if (set->regex_count == 0)
        return NULL;
    if (likely(r->recorder == NULL)) {
        at = scope_regex_set_match(&r->scope, &set->regex_set, r->uri);
        return at < 0 ? NULL : set->regexes[at];
    }
    for (uint32_t i = 0; i < set->regex_count; i++)
        if (match_regex(r, set->regexes[i]))
            return set->regexes[i];
    return NULL;
}

/* *out changes only when something matches. Names the outcome as a level sees it. */
enum location_result location_find(struct request *r, struct location_set *set,
                                   struct location **out)
{
    struct walk found = {NULL, NULL, false};
    struct location *inner = NULL, *regex;

    if (set == NULL)
        return LOCATION_NONE;
    if (set->root != NULL)
        found = tree_walk(set->root, r->uri);
    if (found.exact != NULL) {
        *out = found.exact;
        return LOCATION_FINAL;
    }
    if (found.add_slash)
        return LOCATION_ADD_SLASH;
    if (found.prefix != NULL) {
        enum location_result nested = location_find(r, found.prefix->inner, &inner);

        *out = inner != NULL ? inner : found.prefix;
        if (nested == LOCATION_FINAL || nested == LOCATION_ADD_SLASH)
            return nested;
        if (found.prefix->kind == LOCATION_PREFIX_ONLY)
            return LOCATION_FOUND;
    }
    if ((regex = find_regex(r, set)) != NULL) {
        *out = regex;
        location_find(r, regex->inner, out);
        return LOCATION_FINAL;
    }
    return found.prefix != NULL ? LOCATION_FOUND : LOCATION_NONE;
}

struct location *location_find_named(const struct http_server *server, struct str name)
{
    return growing_map_find(&server->named, name);
}
