/*
 * worker/handler/precompressed.c - files that were compressed beforehand: PATH.gz, PATH.br or
 * PATH.zst in place of PATH.
 *
 * Three modules, as operators know them, and one decision: of the siblings that are there the
 * client gets the one that it wants most.
 */
#include "worker/handler/precompressed.h"

#include <errno.h>

#include "worker/handler/static_file.h"
#include "worker/http/coding.h"
#include "worker/http/file_access.h"
#include "worker/http/file_path.h"
#include "worker/http/phase.h"

#define SUFFIX_MOST 4
#define UNASKED     1 /* weight of what is sent even to those who did not ask for it; above 0 */

enum mode { MODE_OFF, MODE_ON, MODE_ALWAYS };

struct precompressed_conf {
    int64_t mode;
};

static uint32_t indexes[CODINGS];

/* Those that make files smaller first: it decides where the client has no preference. */
static const struct sibling {
    enum coding coding;
    struct str suffix;
} siblings[] = {
    {CODING_BROTLI, STR_INIT(".br")},
    {CODING_ZSTD, STR_INIT(".zst")},
    {CODING_GZIP, STR_INIT(".gz")},
};

/* One sibling, for one request. */
struct choice {
    const struct sibling *sibling;
    enum mode mode;
    int weight;
};

static struct cached_file *open_sibling(struct request *r, const struct sibling *sibling)
{
    struct str path = file_path(r, SUFFIX_MOST);
    struct cached_file *file;

    memcpy((char *)(uintptr_t)path.data + path.len, sibling->suffix.data, sibling->suffix.len + 1);
    path.len += sibling->suffix.len;
    file = file_access_open(r, path);
    if (file == NULL && !file_access_is_missing(errno))
        log_error(&r->log, file_access_is_forbidden(errno) ? LOG_ERROR : LOG_CRIT, errno,
                  "open() \"%" STR_FMT "\" failed", STR_ARG(path));
    record(r, "handler", "file \"%" STR_FMT "\": %s", STR_ARG(path), file ? "found" : "missing");
    return file;
}

/* The file's own times and tag, the type of what it stands for. */
static enum verdict send_file(struct request *r, struct cached_file *file, enum coding coding)
{
    static_file_describe(r, file);
    r->out.length = file->bytes;
    r->out.encoding = coding_name(coding);
    r->out.body = file_access_source(r, file, 0, file->bytes);
    return ANSWERED;
}

static enum mode mode_of(const struct request *r, enum coding coding)
{
    return (enum mode)REQUEST_CONF(r, indexes[coding], struct precompressed_conf)->mode;
}

/* What may be sent here, by weight. Those that may not come last, where Vary asks for them. */
static size_t list_choices(struct request *r, struct choice choices[CODINGS])
{
    size_t count = 0, at;

    for (size_t i = 0; i < COUNT(siblings); i++) {
        struct choice c = {&siblings[i], mode_of(r, siblings[i].coding), 0};

        if (c.mode == MODE_OFF)
            continue;
        c.weight = coding_weight(r, c.sibling->coding);
        if (c.weight == 0 && c.mode == MODE_ALWAYS)
            c.weight = UNASKED;
        if (c.weight == 0 && !coding_says_vary(r))
            continue;
        for (at = count++; at > 0 && choices[at - 1].weight < c.weight; at--)
            choices[at] = choices[at - 1];
        choices[at] = c;
    }
    return count;
}

static enum verdict choose(struct request *r)
{
    struct choice choices[CODINGS];
    size_t count = list_choices(r, choices);

    for (size_t i = 0; i < count; i++) {
        struct cached_file *file = open_sibling(r, choices[i].sibling);

        if (file == NULL)
            continue;
        if (choices[i].mode == MODE_ON)
            coding_varies(r);
        if (choices[i].weight > 0 && file->kind == FILE_REGULAR)
            return send_file(r, file, choices[i].sibling->coding);
        file_cache_drop(file);
    }
    return GO_ON;
}

/* The first of the codings that are on here decides for all. */
static enum verdict serve(struct request *r, enum coding coding)
{
    if (mode_of(r, coding) == MODE_OFF || request_names_directory(r) ||
        (r->method != METHOD_GET && r->method != METHOD_HEAD))
        return GO_ON;
    for (int before = 0; before < (int)coding; before++)
        if (mode_of(r, (enum coding)before) != MODE_OFF)
            return GO_ON;
    return choose(r);
}

static enum verdict serve_gzip(struct request *r)
{
    return serve(r, CODING_GZIP);
}

static enum verdict serve_brotli(struct request *r)
{
    return serve(r, CODING_BROTLI);
}

static enum verdict serve_zstd(struct request *r)
{
    return serve(r, CODING_ZSTD);
}

static const struct word mode_words[] = {{"off", MODE_OFF}, {"on", MODE_ON},
                                         {"always", MODE_ALWAYS}, {NULL, 0}};

#define ROW(directive, text)                                                                       \
    {.name = directive, .where = IN_WEB, .args = "on|off|always", .value = VALUE_ENUM,             \
     .words = mode_words, .field = FIELD(struct precompressed_conf, mode), .initial = "off",       \
     .doc = text " Of several such files the client gets the one whose coding it wants most."}

static const struct directive gzip_directives[] = {
    ROW("gzip_static", "Send FILE.gz, where there is one, to clients that take gzip (on), or to "
                       "all."),
};
static const struct directive brotli_directives[] = {
    ROW("brotli_static", "Send FILE.br, where there is one, to clients that take br (on), or to "
                         "all."),
};
static const struct directive zstd_directives[] = {
    ROW("zstd_static", "Send FILE.zst, where there is one, to clients that take zstd (on), or to "
                       "all."),
};

const struct module gzip_static_module = {
    .name = "gzip_static", .nginx_name = "http_gzip_static_module",
    .doc = "Files that were compressed beforehand with gzip.",
    .family = FAMILY_HTTP,
    .directives = TABLE(gzip_directives), .conf_size = sizeof(struct precompressed_conf),
    .phase = PHASE_CONTENT, .handler = serve_gzip, .index = &indexes[CODING_GZIP],
    .idle_without = &gzip_static_module,
};

const struct module brotli_static_module = {
    .name = "brotli_static",
    .doc = "Files that were compressed beforehand with Brotli.",
    .family = FAMILY_HTTP,
    .directives = TABLE(brotli_directives), .conf_size = sizeof(struct precompressed_conf),
    .phase = PHASE_CONTENT, .handler = serve_brotli, .index = &indexes[CODING_BROTLI],
    .idle_without = &brotli_static_module,
};

const struct module zstd_static_module = {
    .name = "zstd_static",
    .doc = "Files that were compressed beforehand with Zstandard.",
    .family = FAMILY_HTTP,
    .directives = TABLE(zstd_directives), .conf_size = sizeof(struct precompressed_conf),
    .phase = PHASE_CONTENT, .handler = serve_zstd, .index = &indexes[CODING_ZSTD],
    .idle_without = &zstd_static_module,
};
