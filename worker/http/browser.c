/*
 * worker/http/browser.c - whether a client's browser is one of today or one of old, by what it
 * calls itself: $modern_browser, $ancient_browser and $msie.
 */
#include "worker/http/browser.h"

#include "common/conf_load.h"
#include "worker/http/request.h"
#include "worker/http/user_agent.h"

static uint32_t browser_index;

/* Browsers by what names them in a User-Agent, which is looked for from `skip` on; their version
   begins `add` bytes behind the start of that. In the order in which they are looked for: Opera
   says that it is another, too. */
static const struct browser {
    const char *name;
    size_t skip, add;
    struct str mark;
} browsers[] = {
    {"opera", 0, sizeof("Opera ") - 1, STR_INIT("Opera")},
    {"msie", sizeof("Mozilla/4.0 (compatible; ") - 1, sizeof("MSIE ") - 1, STR_INIT("MSIE ")},
    {"gecko", sizeof("Mozilla/5.0 (") - 1, sizeof("rv:") - 1, STR_INIT("rv:")},
    {"safari", sizeof("Mozilla/5.0 (") - 1, sizeof("Safari/") - 1, STR_INIT("Safari/")},
    {"konqueror", sizeof("Mozilla/5.0 (compatible; ") - 1, sizeof("Konqueror/") - 1,
     STR_INIT("Konqueror/")},
};

#define OPERA       0           /* its place among them */
#define OPERA_NEVER 4001000000  /* a version that is old whatever it is */

/* What modern_browser says in one place. */
struct modern {
    bool any;
    bool listed[COUNT(browsers)];
    uint64_t least[COUNT(browsers)];    /* version of those listed */
    bool unlisted;
};

struct ancient_text {
    struct str text;
    struct ancient_text *next;
};

struct ancient {
    struct ancient_text *texts;
    bool netscape4;
};

struct browser_conf {
    struct modern *modern;
    struct ancient *ancient;
    struct str modern_value, ancient_value;
};

/* Versions: "5.5" is 5050000 ------------------------------------------------------------------- */

/* Reads digits and dots; the rest is left in *text. With `enough`, stops at a dot as soon as that
   is reached. */
static uint64_t read_version(struct str *text, uint64_t enough)
{
    uint64_t version = 0, part = 0, scale = 1000000;

    for (; text->len > 0; *text = str_from(*text, 1)) {
        char c = text->data[0];

        if (c >= '0' && c <= '9') {
            part = part * 10 + (uint64_t)(c - '0');
            continue;
        }
        if (c != '.')
            break;
        version += part * scale;
        if (version >= enough)
            return version;
        part = 0;
        scale /= 100;
    }
    return version + part * scale;
}

/* Clients -------------------------------------------------------------------------------------- */

enum age { AGE_UNKNOWN, AGE_MODERN, AGE_ANCIENT };

/* By the first of those listed that the client names. Where any is listed Opera is looked for too:
   what it says it is besides must not count. */
static enum age age_of_listed(const struct modern *modern, struct str agent)
{
    for (size_t i = 0; i < COUNT(browsers); i++) {
        struct str rest;
        ssize_t at;

        if (!modern->listed[i] || browsers[i].skip >= agent.len)
            continue;
        rest = str_from(agent, browsers[i].skip);
        at = str_search(rest, browsers[i].mark);
        if (at < 0 || (size_t)at + browsers[i].add >= rest.len)
            continue;
        rest = str_from(rest, (size_t)at + browsers[i].add);
        return read_version(&rest, modern->least[i]) >= modern->least[i] ? AGE_MODERN
                                                                         : AGE_ANCIENT;
    }
    return AGE_UNKNOWN;
}

static bool is_netscape4(struct str agent)
{
    return agent.len > sizeof("Mozilla/4.72 ") - 1 && str_starts(agent, STR("Mozilla/")) &&
           agent.data[8] > '0' && agent.data[8] < '5';
}

static bool is_ancient(const struct ancient *ancient, struct str agent)
{
    if (ancient->netscape4 && is_netscape4(agent))
        return true;
    for (const struct ancient_text *t = ancient->texts; t != NULL; t = t->next)
        if (str_search(agent, t->text) >= 0)
            return true;
    return false;
}

static enum age age_of(const struct request *r, const struct browser_conf *conf)
{
    struct str agent = fields_value(r->fields, FIELD_USER_AGENT);
    enum age age = AGE_UNKNOWN;

    if (agent.data != NULL && conf->modern != NULL)
        age = age_of_listed(conf->modern, agent);
    if (age == AGE_UNKNOWN && agent.data != NULL && conf->ancient != NULL &&
        is_ancient(conf->ancient, agent))
        age = AGE_ANCIENT;
    if (age == AGE_UNKNOWN)
        age = conf->modern != NULL && conf->modern->unlisted ? AGE_MODERN : AGE_ANCIENT;
    return age;
}

static void get_age(struct scope *scope, struct var_value *out, uintptr_t age)
{
    const struct request *r = CONTAINER(scope, struct request, scope);
    const struct browser_conf *conf = REQUEST_CONF(r, browser_index, struct browser_conf);
    struct str value = age == AGE_MODERN ? conf->modern_value : conf->ancient_value;

    var_found(out, age_of(r, conf) == (enum age)age ? value : STR(""));
}

static void get_msie(struct scope *scope, struct var_value *out, uintptr_t data)
{
    const struct request *r = CONTAINER(scope, struct request, scope);

    var_found(out, user_agent_is_msie(fields_value(r->fields, FIELD_USER_AGENT)) ? STR("1")
                                                                                 : STR(""));
}

static const struct var_def variables[] = {
    {.name = "modern_browser", .get = get_age, .data = AGE_MODERN},
    {.name = "ancient_browser", .get = get_age, .data = AGE_ANCIENT},
    {.name = "msie", .get = get_msie},
};

/* Configuration -------------------------------------------------------------------------------- */

static bool add_modern(struct conf_call *call)
{
    struct browser_conf *conf = call->conf;
    struct str name = conf_arg(call, 0), version = conf_arg(call, 1);
    size_t i = 0;

    if (conf->modern == NULL)
        conf->modern = pool_zalloc(call->pool, sizeof(*conf->modern));
    if (call->count == 1) {
        conf->modern->unlisted = true;
        return str_eq(name, STR("unlisted")) ||
               conf_fail_arg(call, 0, "browser \"%" STR_FMT "\" needs a version", STR_ARG(name));
    }
    while (i < COUNT(browsers) && !str_eq_nocase(name, str_of(browsers[i].name)))
        i++;
    if (i == COUNT(browsers))
        return conf_fail_arg(call, 0, "unknown browser name \"%" STR_FMT "\"", STR_ARG(name));
    if (conf->modern->listed[i] && conf->modern->least[i] != OPERA_NEVER)
        return true; /* the first one holds */
    if (!conf->modern->any) {
        conf->modern->any = conf->modern->listed[OPERA] = true;
        conf->modern->least[OPERA] = OPERA_NEVER;
    }
    conf->modern->listed[i] = true;
    conf->modern->least[i] = read_version(&version, UINT64_MAX);
    return version.len == 0 ||
           conf_fail_arg(call, 1, "invalid browser version \"%" STR_FMT "\"",
                         STR_ARG(conf_arg(call, 1)));
}

static bool add_ancient(struct conf_call *call)
{
    struct browser_conf *conf = call->conf;

    if (conf->ancient == NULL)
        conf->ancient = pool_zalloc(call->pool, sizeof(*conf->ancient));
    for (uint32_t i = 0; i < call->count; i++) {
        struct ancient_text *t;

        if (str_eq(conf_arg(call, i), STR("netscape4"))) {
            conf->ancient->netscape4 = true;
            continue;
        }
        t = pool_alloc(call->pool, sizeof(*t));
        *t = (struct ancient_text){conf_arg(call, i), conf->ancient->texts};
        conf->ancient->texts = t;
    }
    return true;
}

#define F(member) FIELD(struct browser_conf, member)

static const struct directive directives[] = {
    {.name = "modern_browser", .where = IN_WEB, .args = "browser version ;; unlisted",
     .apply = add_modern, .repeat = true, .field = F(modern),
     .doc = "A browser (msie, gecko, opera, safari, konqueror) that is modern from a version on; "
            "or all those that neither this nor ancient_browser lists."},
    {.name = "modern_browser_value", .where = IN_WEB, .args = "string", .value = VALUE_STR,
     .field = F(modern_value), .initial = "1", .doc = "What $modern_browser is where it is set."},
    {.name = "ancient_browser", .where = IN_WEB, .args = "string ...", .apply = add_ancient,
     .repeat = true, .field = F(ancient),
     .doc = "Browsers whose User-Agent has one of these texts are ancient. netscape4 is one that "
            "says so."},
    {.name = "ancient_browser_value", .where = IN_WEB, .args = "string", .value = VALUE_STR,
     .field = F(ancient_value), .initial = "1", .doc = "What $ancient_browser is where it is set."},
};

const struct module browser_module = {
    .name = "browser", .nginx_name = "http_browser_module",
    .doc = "Browsers of today and of old.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct browser_conf),
    .variables = TABLE(variables), .index = &browser_index,
};
