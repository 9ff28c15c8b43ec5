/*
 * master/generation_load.c - where the configuration is, and how it becomes a generation.
 */
#include "master/generation_load.h"

#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/core_conf.h"
#include "common/default_paths.h"
#include "common/log.h"
#include "master/inherit.h"
#include "master/listener.h"
#include "master/log_files.h"
#include "master/privilege.h"
#include "master/temp_dirs.h"
#include "master/zone_keep.h"

#define BLOCK_BYTES 65536

/* Where --------------------------------------------------------------------------------------- */

static char prefix_path[PATH_MAX], conf_path[PATH_MAX], error_log_path[PATH_MAX];

/* `path` against `base` (which ends in '/'), or as it is when absolute. */
static const char *absolute(char out[PATH_MAX], const char *base, const char *path)
{
    if (snprintf(out, PATH_MAX, "%s%s", path[0] == '/' ? "" : base, path) >= PATH_MAX) {
        fprintf(stderr, "path is too long: %s\n", path);
        exit(1);
    }
    return out;
}

/* -p is relative to the working directory; both end in a slash. */
static const char *absolute_prefix(const char *given)
{
    char here[PATH_MAX];
    size_t len;

    if (getcwd(here, sizeof(here) - 1) == NULL)
        here[0] = '\0';
    len = strlen(here);
    memcpy(here + len, "/", 2);
    absolute(prefix_path, here, given);
    len = strlen(prefix_path);
    if (prefix_path[len - 1] != '/' && len + 1 < PATH_MAX)
        memcpy(prefix_path + len, "/", 2);
    return prefix_path;
}

/* Weir without a configuration of its own takes nginx's, with the paths that go with it. */
static const struct identity *whose_conf(const struct options *o)
{
    if (o->identity != &identity_weir || o->prefix != NULL || o->conf != NULL ||
        access(identity_weir.conf_path, F_OK) == 0)
        return o->identity;
    return access(identity_nginx.conf_path, F_OK) == 0 ? &identity_nginx : NULL;
}

/* The directory of somebody who is not root, who can write nowhere else; empty for root. */
static const char *own_directory(const struct identity *self)
{
    static char path[PATH_MAX];
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (privilege_is_root() || self != &identity_weir)
        return "";
    if (state != NULL && state[0] == '/')
        snprintf(path, sizeof(path), "%s/weir/", state);
    else if (home != NULL && home[0] == '/')
        snprintf(path, sizeof(path), "%s/.local/state/weir/", home);
    return path;
}

static const char *below(const char *directory, const char *path)
{
    char *joined = NULL;

    if (directory[0] == '\0')
        return path;
    return asprintf(&joined, "%s%s", directory, strrchr(path, '/') + 1) < 0 ? path : joined;
}

static void set_default_paths(const struct options *o, const struct identity *self,
                              const char *prefix)
{
    const char *own = own_directory(self);

    default_paths.access_log = below(own, self->access_log);
    default_paths.pid = below(own, self->pid_path);
    default_paths.lock = below(own, self->lock_path);
    /* With a prefix of its own a server keeps to that. */
    default_paths.temp = o->prefix != NULL ? NULL : own[0] != '\0' ? own : self->temp;
    if (o->error_log == NULL)
        default_paths.error_log = below(own, self->error_log);
    else
        default_paths.error_log = strcmp(o->error_log, "stderr") == 0
                                      ? "stderr"
                                      : absolute(error_log_path, prefix, o->error_log);
}

bool generation_source(struct load_source *source, const struct options *o)
{
    const struct identity *self = whose_conf(o);

    if (self == NULL) {
        fprintf(stderr,
                "%s: there is no %s and no %s\n"
                "To serve the files of a directory right now: weir serve DIR\n"
                "To pass requests on to an application: weir proxy --to URL\n",
                o->identity->name, identity_weir.conf_path, identity_nginx.conf_path);
        return false;
    }
    *source = (struct load_source){.name = o->identity->name, .globals = o->globals,
                                   .level = LOG_NOTICE};
    source->prefix = o->prefix != NULL ? absolute_prefix(o->prefix) : self->prefix;
    /* With -p alone the usual file name is looked for below it. */
    if (o->conf == NULL && o->prefix == NULL)
        source->conf_path = self->conf_path;
    else
        source->conf_path = absolute(conf_path, source->prefix,
                                     o->conf != NULL ? o->conf : strrchr(self->conf_path, '/') + 1);
    set_default_paths(o, self, source->prefix);
    return true;
}

/* Loading -------------------------------------------------------------------------------------- */

/* A fault may be followed by its source line and a caret, for a terminal. */
static void report(void *arg, enum log_level level, const char *line)
{
    const struct load_source *source = arg;

    if (process_log.sinks != NULL)
        log_error(&process_log, level, 0, "%s", line);
    else if (level <= source->level)
        fprintf(stderr, "%s: [%s] %s\n", source->name, log_level_name(level), line);
}

static struct str directory_of(struct str path)
{
    return (struct str){path.data, (size_t)(str_rfind(path, '/') + 1)};
}

static struct generation *create(const struct load_source *source, uint32_t number, bool testing)
{
    struct pool *pool = pool_create(BLOCK_BYTES);
    struct generation *gen = pool_zalloc(pool, sizeof(*gen));

    gen->pool = pool;
    gen->number = number;
    gen->testing = testing;
    gen->prefix = pool_str(pool, str_of(source->prefix));
    gen->conf_path = pool_str(pool, str_of(source->conf_path));
    gen->conf_dir = directory_of(gen->conf_path);
    gen->names = array_of(struct addr_list *, pool);
    gen->paths = array_of(struct temp_path *, pool);
    return gen;
}

/* A file that somebody is about to write, still empty, is no reason to close all doors. */
static unsigned check_whole(struct generation *gen, struct load_source *source)
{
    if (core_conf(gen)->has_events)
        return 0;
    report(source, LOG_EMERG, "no \"events\" section in configuration (\"events { }\" will do)");
    return 1;
}

struct generation *generation_load(const struct load_source *source, uint32_t number, bool testing,
                                   unsigned *faults)
{
    struct generation *gen = create(source, number, testing);
    struct load_source copy = *source;
    struct conf_options options = {
        .file = gen->conf_path.data,
        .text = source->text != NULL ? str_of(source->text) : STR_NONE,
        .globals = source->globals != NULL ? str_of(source->globals) : STR_NONE,
        .prefix = gen->prefix,
        .testing = testing,
        .color = process_log.sinks == NULL && isatty(STDERR_FILENO),
    };

    privilege_raise(PRIVILEGE_FILES);
    privilege_raise(PRIVILEGE_KILL); /* the child that looks up names runs as another user */
    *faults = conf_load(gen, &options, report, &copy);
    privilege_lower();
    if (*faults == 0)
        *faults = check_whole(gen, &copy);
    if (*faults == 0 && testing && !log_files_could_open(gen))
        *faults = 1;
    if (*faults == 0)
        listener_merge(gen);
    return gen;
}

bool generation_open(struct generation *gen, const struct generation *before,
                     struct inheritance *inherited, struct slots *slots)
{
    return log_files_open(gen) && temp_dirs_create(gen) &&
           zone_keep_open(gen, before, inherited, slots);
}

void generation_destroy(struct generation *gen)
{
    zone_keep_close(gen);
    log_files_close(gen);
    pool_destroy(gen->pool);
    malloc_trim(0); /* it may have been most of what we had */
}
