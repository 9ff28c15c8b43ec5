/*
 * master/quick.c - a directory or a URL, written out as a configuration.
 *
 * --print-config prints the same text that is loaded: a start for a configuration of one's own.
 */
#include "master/quick.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/core_conf.h"
#include "common/default_paths.h"
#include "common/log.h"

#define DEFAULT_LISTEN "127.0.0.1:8080"

static const char types[] =
    "    types {\n"
    "        text/html              html htm;\n"
    "        text/css               css;\n"
    "        text/plain             txt md log;\n"
    "        text/xml               xml;\n"
    "        text/csv               csv;\n"
    "        text/javascript        js mjs;\n"
    "        application/json       json map;\n"
    "        application/wasm       wasm;\n"
    "        application/pdf        pdf;\n"
    "        application/zip        zip;\n"
    "        application/gzip       gz tgz;\n"
    "        image/png              png;\n"
    "        image/jpeg             jpg jpeg;\n"
    "        image/gif              gif;\n"
    "        image/webp             webp;\n"
    "        image/avif             avif;\n"
    "        image/svg+xml          svg svgz;\n"
    "        image/x-icon           ico;\n"
    "        font/woff              woff;\n"
    "        font/woff2             woff2;\n"
    "        audio/mpeg             mp3;\n"
    "        audio/ogg              ogg;\n"
    "        video/mp4              mp4;\n"
    "        video/webm             webm;\n"
    "    }\n"
    "    default_type application/octet-stream;\n";

static const char *fail(const struct options *o, const char *about, const char *what)
{
    fprintf(stderr, "%s: %s: \"%s\"\n", o->identity->name, about, what);
    return NULL;
}

/* What cannot be written into a configuration as one plain word. */
static bool is_plain_word(const char *text)
{
    return text[0] != '\0' && strpbrk(text, " \t\r\n\"'\\;{}$#") == NULL;
}

/* ":8080" means every address. */
static const char *listen_text(const struct options *o, struct pool *pool)
{
    const char *text = o->listen != NULL ? o->listen : DEFAULT_LISTEN;

    if (!is_plain_word(text))
        return fail(o, "invalid address", text);
    return text[0] == ':' ? pool_printf(pool, "*%s", text).data : text;
}

static struct str head(struct pool *pool)
{
    return pool_printf(pool,
                       "daemon off;\n%s"
                       "worker_processes auto;\n"
                       "error_log stderr warn;\n\n"
                       "events {\n    worker_connections 4096;\n}\n\n"
                       "http {\n%s"
                       "    access_log /dev/stdout;\n",
                       geteuid() == 0 ? "user root;\n" : "", types);
}

/* `serve` -------------------------------------------------------------------------------------- */

/* In quotes for the configuration. A '$' there would be a variable, and cannot be escaped. */
static const char *quote(const struct options *o, struct pool *pool, const char *path)
{
    char *out = pool_bytes(pool, 2 * strlen(path) + 3), *end = out;

    if (strchr(path, '$') != NULL)
        return fail(o, "cannot serve a path with a \"$\" in it", path);
    *end++ = '"';
    for (; *path != '\0'; path++) {
        if (*path == '"' || *path == '\\')
            *end++ = '\\';
        *end++ = *path;
    }
    memcpy(end, "\"", 2);
    return out;
}

static const char *serve_text(const struct options *o, struct pool *pool)
{
    const char *listen = listen_text(o, pool), *root;
    char path[PATH_MAX];

    if (realpath(o->subject, path) == NULL) {
        fprintf(stderr, "%s: cannot serve \"%s\": %s\n", o->identity->name, o->subject,
                strerror(errno));
        return NULL;
    }
    root = quote(o, pool, path);
    if (listen == NULL || root == NULL)
        return NULL;
    return pool_printf(pool,
                       "%" STR_FMT "    sendfile on;\n\n"
                       "    server {\n"
                       "        listen %s;\n\n"
                       "        location / {\n"
                       "            root %s;\n"
                       "            index index.html index.htm;\n"
                       "            autoindex on;\n"
                       "        }\n    }\n}\n",
                       STR_ARG(head(pool)), listen, root).data;
}

/* `proxy` -------------------------------------------------------------------------------------- */

struct target {
    struct str scheme;
    struct str host;   /* with its port */
    struct str path;   /* from the '/' on; empty */
};

/* A scheme may be left out. */
static bool split_url(const struct options *o, const char *url, struct target *out)
{
    struct str rest = str_of(url);
    ssize_t at = str_search(rest, STR("://"));

    out->scheme = at < 0 ? STR("http") : (struct str){url, (size_t)at};
    if (at >= 0)
        rest = str_from(rest, (size_t)at + 3);
    at = str_find(rest, '/');
    out->path = at < 0 ? STR("") : str_from(rest, (size_t)at);
    out->host = at < 0 ? rest : (struct str){rest.data, (size_t)at};
    if (is_plain_word(url) && out->host.len > 0 &&
        (str_eq(out->scheme, STR("http")) || str_eq(out->scheme, STR("https"))))
        return true;
    fail(o, "invalid URL", url);
    return false;
}

static const char *upstream_text(const struct options *o, struct pool *pool, struct str scheme)
{
    struct str text = pool_printf(pool, "    upstream application {\n");
    struct target t;

    for (size_t i = 0; i < o->to_count; i++) {
        if (!split_url(o, o->to[i], &t))
            return NULL;
        if (!str_eq(t.scheme, scheme) || t.path.len > 1)
            return fail(o, "several URLs must have the same scheme and no path", o->to[i]);
        text = pool_printf(pool, "%" STR_FMT "        server %" STR_FMT "%s;\n", STR_ARG(text),
                           STR_ARG(t.host),
                           str_eq(scheme, STR("https")) && str_find(t.host, ':') < 0 ? ":443"
                                                                                     : "");
    }
    return pool_printf(pool, "%" STR_FMT "    }\n\n", STR_ARG(text)).data;
}

static const char *proxy_text(const struct options *o, struct pool *pool)
{
    const char *listen = listen_text(o, pool), *upstream = "", *url;
    struct target t;

    if (listen == NULL || !split_url(o, o->to[0], &t))
        return NULL;
    if (o->to_count > 1) {
        upstream = upstream_text(o, pool, t.scheme);
        t.host = STR("application");
        t.path = STR("");
    }
    if (upstream == NULL)
        return NULL;
    url = pool_printf(pool, "%" STR_FMT "://%" STR_FMT "%" STR_FMT, STR_ARG(t.scheme),
                      STR_ARG(t.host), STR_ARG(t.path)).data;
    return pool_printf(pool,
                       "%" STR_FMT "\n%s"
                       "    map $http_upgrade $connection_upgrade {\n"
                       "        default upgrade;\n"
                       "        \"\"      \"\";\n"
                       "    }\n\n"
                       "    server {\n"
                       "        listen %s;\n\n"
                       "        location / {\n"
                       "            proxy_pass %s;\n"
                       "            proxy_set_header Host $http_host;\n"
                       "            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
                       "            proxy_set_header X-Forwarded-Proto $scheme;\n"
                       "            proxy_set_header Upgrade $http_upgrade;\n"
                       "            proxy_set_header Connection $connection_upgrade;\n"
                       "        }\n    }\n}\n",
                       STR_ARG(head(pool)), upstream, listen, url).data;
}

const char *quick_text(const struct options *o, struct pool *pool)
{
    return o->command == COMMAND_SERVE ? serve_text(o, pool) : proxy_text(o, pool);
}

/* Where the workers' temporary files go -------------------------------------------------------- */

bool quick_source(struct load_source *source, const struct options *o, const char *text)
{
    static char directory[PATH_MAX];
    const char *tmp = getenv("TMPDIR");

    if (tmp == NULL || tmp[0] != '/' || strlen(tmp) > PATH_MAX - 32)
        tmp = "/tmp";
    snprintf(directory, sizeof(directory), "%s/weir-XXXXXX", tmp);
    if (mkdtemp(directory) == NULL) {
        fprintf(stderr, "%s: cannot make a directory in %s: %s\n", o->identity->name, tmp,
                strerror(errno));
        return false;
    }
    strcat(directory, "/");
    *source = (struct load_source){
        .name = o->identity->name, .prefix = directory, .level = LOG_WARN, .text = text,
        .conf_path = o->command == COMMAND_SERVE ? "/serve" : "/proxy"};
    default_paths.error_log = "stderr";
    return true;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

void quick_cleanup(const struct load_source *source)
{
    nftw(source->prefix, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void quick_announce(const struct options *o)
{
    const char *listen = o->listen != NULL ? o->listen : DEFAULT_LISTEN;
    const char *host = strchr(listen, ':') == NULL || listen[0] == ':' || listen[0] == '*'
                           ? "localhost:"
                           : "";
    const char *port = listen[0] == '*' ? listen + 2 : listen[0] == ':' ? listen + 1 : listen;

    if (strncmp(listen, "unix:", 5) == 0)
        fprintf(stderr, "%s at %s", o->command == COMMAND_SERVE ? o->subject : o->to[0], listen);
    else
        fprintf(stderr, "%s at http://%s%s/", o->command == COMMAND_SERVE ? o->subject : o->to[0],
                host, port);
    fputs(" (Ctrl-C stops)\n", stderr);
}
