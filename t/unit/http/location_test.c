/*
 * t/unit/http/location_test.c - the location of a uri, against a model that looks at each location
 * in turn.
 */
#include "t/unit/http/http_kit.h"
#include "t/unit/http/http_modules.h"
#include "t/unit/rnd.h"
#include "t/unit/tap.h"

#include "worker/http/location.h"

#define MOST      24
#define CONFIGS   400
#define URIS      120
#define NAME_ROOM 16

/* The model ------------------------------------------------------------------------------------ */

enum pattern { STARTS, ENDS, CONTAINS };

struct place {
    enum location_kind kind;
    enum pattern pattern;   /* of a regex; name is what the uri starts with, ends in, contains */
    char name[NAME_ROOM];
    bool away;
    int line;
    struct place *parent;
};

static struct place places[MOST];
static int place_count;

static void random_path(char *out, uint32_t most)
{
    uint32_t len = rnd(most);

    *out++ = '/';
    while (len-- > 0)
        *out++ = "ab/"[rnd(3)];
    *out = '\0';
}

static bool is_like(const struct place *a, const struct place *b)
{
    bool exact = a->kind == LOCATION_EXACT, other = b->kind == LOCATION_EXACT;

    return a->parent == b->parent && exact == other && a->kind != LOCATION_REGEX &&
           b->kind != LOCATION_REGEX && strcmp(a->name, b->name) == 0;
}

static bool may_be_inside(const struct place *inner, const struct place *outer)
{
    if (outer == NULL)
        return true;
    if (outer->kind == LOCATION_EXACT)
        return false;
    return inner->kind == LOCATION_REGEX || outer->kind == LOCATION_REGEX ||
           strncmp(inner->name, outer->name, strlen(outer->name)) == 0;
}

static void add_place(void)
{
    static const enum location_kind kinds[] = {LOCATION_PREFIX, LOCATION_PREFIX, LOCATION_EXACT,
                                               LOCATION_PREFIX_ONLY, LOCATION_REGEX};
    struct place *p = &places[place_count];

    *p = (struct place){.kind = kinds[rnd(5)], .pattern = (enum pattern)rnd(3), .away = rnd(2)};
    p->parent = place_count > 0 && rnd(2) ? &places[rnd((uint32_t)place_count)] : NULL;
    random_path(p->name, 6);
    if (!may_be_inside(p, p->parent))
        return;
    for (int i = 0; i < place_count; i++) {
        if (is_like(p, &places[i]))
            return;
    }
    place_count++;
}

static bool matches(const struct place *p, const char *uri)
{
    size_t len = strlen(p->name), all = strlen(uri);

    switch (p->pattern) {
    case STARTS:
        return strncmp(uri, p->name, len) == 0;
    case ENDS:
        return all >= len && strcmp(uri + all - len, p->name) == 0;
    case CONTAINS:
        break;
    }
    return strstr(uri, p->name) != NULL;
}

static bool wants_slash(const struct place *parent, const char *uri)
{
    bool wanted = false;
    size_t len = strlen(uri);

    for (struct place *p = places; p < places + place_count; p++) {
        if (p->parent != parent || p->kind == LOCATION_REGEX)
            continue;
        if (strcmp(p->name, uri) == 0)
            return false;
        wanted |= p->away && strncmp(p->name, uri, len) == 0 && strcmp(p->name + len, "/") == 0;
    }
    return wanted;
}

static const struct place *longest(const struct place *parent, const char *uri)
{
    const struct place *best = NULL;

    for (struct place *p = places; p < places + place_count; p++) {
        if (p->parent == parent &&
            (p->kind == LOCATION_PREFIX || p->kind == LOCATION_PREFIX_ONLY) &&
            strncmp(uri, p->name, strlen(p->name)) == 0 &&
            (best == NULL || strlen(p->name) > strlen(best->name)))
            best = p;
    }
    return best;
}

static enum location_result model_find(const struct place *parent, const char *uri,
                                       const struct place **out)
{
    const struct place *best = longest(parent, uri), *inner = NULL;
    enum location_result nested;

    for (struct place *p = places; p < places + place_count; p++) {
        if (p->parent == parent && p->kind == LOCATION_EXACT && strcmp(p->name, uri) == 0) {
            *out = p;
            return LOCATION_FINAL;
        }
    }
    if (wants_slash(parent, uri))
        return LOCATION_ADD_SLASH;
    if (best != NULL) {
        nested = model_find(best, uri, &inner);
        *out = inner != NULL ? inner : best;
        if (nested == LOCATION_FINAL || nested == LOCATION_ADD_SLASH)
            return nested;
        if (best->kind == LOCATION_PREFIX_ONLY)
            return LOCATION_FOUND;
    }
    for (struct place *p = places; p < places + place_count; p++) {
        if (p->parent == parent && p->kind == LOCATION_REGEX && matches(p, uri)) {
            *out = p;
            model_find(p, uri, out);
            return LOCATION_FINAL;
        }
    }
    return best != NULL ? LOCATION_FOUND : LOCATION_NONE;
}

/* The same as a configuration ------------------------------------------------------------------ */

static char text[MOST * 100];
static int line;

static size_t print_line(size_t at, const char *what)
{
    line++;
    return at + (size_t)snprintf(text + at, sizeof(text) - at, "%s\n", what);
}

static size_t print_places(size_t at, struct place *parent)
{
    static const char *const signs[] = {[LOCATION_PREFIX] = "", [LOCATION_PREFIX_ONLY] = "^~",
                                        [LOCATION_EXACT] = "=", [LOCATION_REGEX] = "~"};

    for (struct place *p = places; p < places + place_count; p++) {
        char head[64];
        bool regex = p->kind == LOCATION_REGEX;

        if (p->parent != parent)
            continue;
        snprintf(head, sizeof(head), "location %s %s%s%s { %s", signs[p->kind],
                 regex && p->pattern == STARTS ? "^" : "", p->name,
                 regex && p->pattern == ENDS ? "$" : "", p->away && !regex ? "away;" : "");
        at = print_line(at, head);
        p->line = line;
        at = print_places(at, p);
        at = print_line(at, "}");
    }
    return at;
}

static void print_config(void)
{
    line = 0;
    print_line(print_places(print_line(0, "events { } http { server { listen 127.0.0.1:80;"), NULL),
               "} }");
}

static bool same(struct kit *kit, const char *uri)
{
    struct http_fields in, out;
    struct request r;
    struct location *found = NULL;
    const struct place *wanted = NULL;
    enum location_result result, model;

    request_init(&r, NULL, NULL, NULL, &in, &out);
    r.uri = str_of(uri);
    result = location_find(&r, kit_address(kit)->first->locations, &found);
    model = model_find(NULL, uri, &wanted);
    pool_destroy(r.scope.pool);
    if (result == model && (model == LOCATION_ADD_SLASH ||
                            (found == NULL) == (wanted == NULL)) &&
        (model == LOCATION_ADD_SLASH || found == NULL ||
         (int)found->node->line == wanted->line))
        return true;
    printf("# %s: %d line %d, want %d line %d\n%s", uri, result,
           found == NULL ? 0 : (int)found->node->line, model, wanted == NULL ? 0 : wanted->line,
           text);
    return false;
}

static int compare(void)
{
    struct kit *kit;
    char uri[NAME_ROOM];
    int differ = 0;

    place_count = 0;
    for (uint32_t n = rnd(MOST); n > 0; n--)
        add_place();
    print_config();
    kit = kit_load(text);
    if (kit == NULL)
        return 1;
    for (int i = 0; i < URIS && differ == 0; i++) {
        random_path(uri, 9);
        differ += !same(kit, uri);
    }
    kit_free(kit);
    return differ;
}

static void finds_what_the_model_finds(void)
{
    int differ = 0;

    for (int i = 0; i < CONFIGS && differ == 0; i++)
        differ += compare();
    is_int(differ, 0, "random locations, nested or not, and random uris");
}

/* What may not be written ---------------------------------------------------------------------- */

static bool loads(const char *locations)
{
    char config[512];
    struct kit *kit;

    snprintf(config, sizeof(config), "events { } http { server { %s } }", locations);
    kit = kit_load(config);
    if (kit != NULL)
        kit_free(kit);
    return kit != NULL;
}

static void refuses(void)
{
    kit_quiet = true;
    ok(!loads("location /a { } location /a { }"), "the same prefix twice");
    ok(!loads("location /a { } location ^~ /a { }"), "also with ^~");
    ok(!loads("location = /a { } location =/a { }"), "the same exact one twice");
    ok(loads("location = /a { } location /a { }"), "but exact beside a prefix");
    ok(loads("location @a { } location @a { }"), "but the same name twice");
    ok(!loads("location /a { location /b { } }"), "a prefix outside the one around it");
    ok(loads("location ~ x { location /b { } }"), "but any inside a regex");
    ok(!loads("location = /a { location /a/b { } }"), "one inside an exact one");
    ok(!loads("location /a { location @b { } }"), "a named one inside another");
    ok(!loads("location @a { location /b { } }"), "one inside a named one");
    ok(!loads("location ! /a { }"), "an unknown sign");
    ok(!loads("location ~ a( { }"), "a broken regex");
    kit_quiet = false;
}

int main(void)
{
    finds_what_the_model_finds();
    refuses();
    return tap_done();
}
