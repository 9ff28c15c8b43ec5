/*
 * t/unit/http/server_names_test.c - the server for a host, against a model that looks at each name
 * in turn.
 */
#include "t/unit/http/http_kit.h"
#include "t/unit/http/http_modules.h"
#include "t/unit/rnd.h"
#include "t/unit/tap.h"

#include "worker/http/server_names.h"

#define SERVERS 8
#define NAMES   5
#define CONFIGS 500
#define HOSTS   60
#define ROOM    40

/* The model ------------------------------------------------------------------------------------ */

static struct {
    char names[NAMES][ROOM];
    int count;
} servers[SERVERS];
static int server_count, marked;

static void random_host(char *out, uint32_t labels)
{
    for (uint32_t i = 0; i < labels; i++)
        out += sprintf(out, "%s%c", i > 0 ? "." : "", 'a' + (int)rnd(3));
}

static void random_name(char *out)
{
    char host[ROOM];

    random_host(host, 1 + rnd(3));
    switch (rnd(7)) {
    case 0:
        sprintf(out, "*.%s", host);
        break;
    case 1:
        sprintf(out, ".%s", host);
        break;
    case 2:
        sprintf(out, "%s.*", host);
        break;
    case 3:
        sprintf(out, "~^%s", host); /* a dot matches any character here; so it does in the model */
        break;
    case 4:
        sprintf(out, "%s", rnd(3) == 0 ? "\"\"" : host);
        break;
    default:
        strcpy(out, host);
    }
}

static bool pattern_starts(const char *pattern, const char *host)
{
    for (; *pattern != '\0'; pattern++, host++) {
        if (*host == '\0' || (*pattern != '.' && *pattern != *host))
            return false;
    }
    return true;
}

/* How well the name fits: 0 not at all; more is better. Wildcards: the longer the better. */
static int rank(const char *name, const char *host)
{
    size_t len = strlen(name), all = strlen(host);

    if (strcmp(name, "\"\"") == 0)
        return all == 0 ? 3000 : 0;
    if (name[0] == '~')
        return all > 0 && pattern_starts(name + 2, host) ? 1 : 0;
    if (name[0] == '.' && strcmp(name + 1, host) == 0)
        return 3000;
    if (name[0] == '.' || name[0] == '*') {
        name += name[0] == '*';
        len = strlen(name);
        return all > len && strcmp(host + all - len, name) == 0 ? 2000 + (int)len : 0;
    }
    if (name[len - 1] == '*')
        return all >= len && strncmp(name, host, len - 1) == 0 ? 1000 + (int)len : 0;
    return strcmp(name, host) == 0 ? 3000 : 0;
}

static int model_find(const char *host)
{
    int best = 0, server = marked;

    for (int s = 0; s < server_count; s++) {
        if (servers[s].count == 0 && host[0] == '\0' && best < 3000) {
            best = 3000;
            server = s;
        }
        for (int n = 0; n < servers[s].count; n++) {
            int r = rank(servers[s].names[n], host);

            if (r > best) {
                best = r;
                server = s;
            }
        }
    }
    return server;
}

/* The same as a configuration ------------------------------------------------------------------ */

static void print_config(char *out)
{
    out += sprintf(out, "events { } http {\n");
    for (int s = 0; s < server_count; s++) {
        out += sprintf(out, "server { listen 127.0.0.1:80%s;%s",
                       s == marked && s > 0 ? " default_server" : "",
                       servers[s].count > 0 ? " server_name" : "");
        for (int n = 0; n < servers[s].count; n++)
            out += sprintf(out, " %s", servers[s].names[n]);
        out += sprintf(out, "%s }\n", servers[s].count > 0 ? ";" : "");
    }
    sprintf(out, "}\n");
}

static void invent(void)
{
    server_count = 1 + (int)rnd(SERVERS);
    marked = (int)rnd((uint32_t)server_count);
    for (int s = 0; s < server_count; s++) {
        servers[s].count = (int)rnd(NAMES + 1);
        for (int n = 0; n < servers[s].count; n++)
            random_name(servers[s].names[n]);
    }
}

static struct http_server *find(const struct kit *kit, const char *host)
{
    struct http_fields in, out;
    struct http_server *found;
    struct request r;

    request_init(&r, NULL, NULL, NULL, &in, &out);
    found = server_names_find(&r.scope, kit_address(kit), str_of(host));
    pool_destroy(r.scope.pool);
    return found;
}

/* The number of the server, by its place in the configuration. */
static int found_at(const struct kit *kit, const char *host)
{
    return (int)find(kit, host)->node->line - 2;
}

static int compare(void)
{
    static char config[SERVERS * NAMES * ROOM + 1024];
    struct kit *kit;
    char host[ROOM] = "";
    int differ = 0;

    invent();
    print_config(config);
    kit = kit_load(config);
    if (kit == NULL) {
        printf("# %s", config);
        return 1;
    }
    for (int i = 0; i < HOSTS && differ == 0; i++) {
        differ += found_at(kit, host) != model_find(host);
        if (differ > 0)
            printf("# host \"%s\": server %d, want %d\n%s", host, found_at(kit, host),
                   model_find(host), config);
        random_host(host, 1 + rnd(5));
    }
    kit_free(kit);
    return differ;
}

static void finds_what_the_model_finds(void)
{
    int differ = 0;

    kit_quiet = true; /* conflicting names are warned of */
    for (int i = 0; i < CONFIGS && differ == 0; i++)
        differ += compare();
    kit_quiet = false;
    is_int(differ, 0, "random names in random servers, and random hosts");
}

/* A host of thousands of labels costs no more than the names there are. */
static void a_hostile_host(void)
{
    static char host[100001];
    struct kit *kit = kit_load("events { } http { server { listen 127.0.0.1:80; }\n"
                               "server { listen 127.0.0.1:80; server_name *.a.b x.a.*; } }");

    for (size_t i = 0; i < sizeof(host) - 1; i++)
        host[i] = ".a"[i & 1];
    for (int i = 0; i < 1000; i++)
        find(kit, host);
    ok(find(kit, host) == kit_address(kit)->first, "a hundred million bytes of hosts");
    memcpy(host + sizeof(host) - 5, ".a.b", 4);
    ok(find(kit, host) != kit_address(kit)->first, "and the wildcard is found all the same");
    kit_free(kit);
}

static bool loads(const char *names)
{
    char config[256];
    struct kit *kit;

    snprintf(config, sizeof(config), "events { } http { server { server_name %s; } }", names);
    kit = kit_load(config);
    if (kit != NULL)
        kit_free(kit);
    return kit != NULL;
}

static void refuses(void)
{
    kit_quiet = true;
    ok(!loads("*"), "a lone star");
    ok(!loads("a*.b"), "a star inside a label");
    ok(!loads("a.*.b"), "a star in the middle");
    ok(!loads("*.a.*"), "two stars");
    ok(!loads("*a.b"), "a star that is no whole label");
    ok(!loads("."), "a lone dot");
    ok(!loads(".*"), "a dot and a star");
    ok(!loads("~a("), "a broken regex");
    ok(loads("_ \"\" a *.b .c d.* ~x"), "all that is allowed");
    kit_quiet = false;
}

int main(void)
{
    finds_what_the_model_finds();
    a_hostile_host();
    refuses();
    return tap_done();
}
