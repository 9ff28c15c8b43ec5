/*
 * common/core_conf.c - the core module: directives of the main and events contexts.
 *
 * "Not set" is zero while loading, since structs begin so; finish() gives the real defaults.
 */
#include "common/core_conf.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "common/addr_list.h"
#include "common/conf_value.h"
#include "common/default_paths.h"
#include "common/generation.h"

#define MAX_WORKERS 1024

uint32_t core_module_index;

struct core_conf *core_conf(const struct generation *gen)
{
    return CONF(gen->main, core_module_index, struct core_conf);
}

static struct array *array_made(struct array **at, struct pool *pool, struct array empty)
{
    if (*at == NULL) {
        *at = pool_alloc(pool, sizeof(**at));
        **at = empty;
    }
    return *at;
}

/* Processes ----------------------------------------------------------------------------------- */

/* The whole CPUs that a container's quota allows, or a large number. */
static int64_t quota_cpus(void)
{
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    long long quota, period;
    int64_t cpus = MAX_WORKERS;

    if (file == NULL)
        return cpus;
    if (fscanf(file, "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0)
        cpus = MAX((quota + period - 1) / period, 1);
    fclose(file);
    return cpus;
}

static int64_t usable_cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
    return MIN(CPU_COUNT(&set), quota_cpus());
}

static bool set_worker_processes(struct conf_call *call)
{
    struct core_conf *conf = call->conf;
    struct str text = conf_arg(call, 0);

    if (str_eq(text, STR("auto"))) {
        conf->worker_processes = usable_cpus();
        return true;
    }
    if (!conf_int(text, &conf->worker_processes)) {
        conf_fail_arg(call, 0, "\"worker_processes\" directive invalid value");
        return conf_hint(call, "a number or \"auto\", not \"%" STR_FMT "\"", STR_ARG(text));
    }
    if (conf->worker_processes < 1 || conf->worker_processes > MAX_WORKERS)
        return conf_fail_arg(call, 0, "\"worker_processes\" takes 1 to %d, or \"auto\", not "
                                      "\"%" STR_FMT "\"", MAX_WORKERS, STR_ARG(text));
    return true;
}

/* "0101": the last digit is CPU 0. */
static bool read_mask(struct conf_call *call, uint32_t arg, cpu_set_t *mask)
{
    struct str text = conf_arg(call, arg);

    CPU_ZERO(mask);
    if (text.len > CPU_SETSIZE)
        return conf_fail_arg(call, arg, "\"worker_cpu_affinity\" supports up to %d CPUs only",
                             CPU_SETSIZE);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '1')
            CPU_SET(text.len - 1 - i, mask);
        else if (text.data[i] != '0')
            return conf_fail_arg(call, arg, "invalid character \"%c\" in \"worker_cpu_affinity\"",
                                 text.data[i]);
    }
    return true;
}

/* One CPU for each worker, of those that are usable and in `allowed`. */
static bool affinity_auto(struct conf_call *call, const cpu_set_t *allowed)
{
    struct core_conf *conf = call->conf;
    cpu_set_t usable;

    if (sched_getaffinity(0, sizeof(usable), &usable) != 0)
        return true;
    CPU_AND(&usable, &usable, allowed);
    if (CPU_COUNT(&usable) == 0)
        return conf_fail_arg(call, call->count - 1, "\"worker_cpu_affinity\": none of these CPUs "
                                                    "may be used");
    conf->affinity = pool_zalloc(call->pool, (size_t)CPU_COUNT(&usable) * sizeof(cpu_set_t));
    conf->affinity_count = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &usable))
            CPU_SET(cpu, &conf->affinity[conf->affinity_count++]);
    return true;
}

static bool set_affinity(struct conf_call *call)
{
    struct core_conf *conf = call->conf;
    cpu_set_t allowed;

    if (str_eq(conf_arg(call, 0), STR("auto"))) {
        memset(&allowed, 0xFF, sizeof(allowed));
        if (call->count > 2)
            return conf_fail(call, "invalid number of arguments in \"worker_cpu_affinity\" "
                                   "directive");
        if (call->count == 2 && !read_mask(call, 1, &allowed))
            return false;
        return affinity_auto(call, &allowed);
    }
    conf->affinity = pool_alloc(call->pool, call->count * sizeof(cpu_set_t));
    conf->affinity_count = call->count;
    conf->affinity_given = true;
    for (uint32_t i = 0; i < call->count; i++)
        if (!read_mask(call, i, &conf->affinity[i]))
            return false;
    return true;
}

/* Workers beyond the masks given use the last of them. */
static void spread_affinity(struct generation *gen, struct core_conf *conf)
{
    cpu_set_t *all;

    if (!conf->affinity_given || conf->affinity_count == conf->worker_processes)
        return;
    conf_warn_at(gen, NULL, "the number of \"worker_processes\" is not equal to the number of "
                            "\"worker_cpu_affinity\" masks, using last mask for remaining worker "
                            "processes");
    if (conf->affinity_count > conf->worker_processes)
        return;
    all = pool_alloc(gen->pool, (size_t)conf->worker_processes * sizeof(*all));
    for (uint32_t i = 0; i < conf->worker_processes; i++)
        all[i] = conf->affinity[MIN(i, conf->affinity_count - 1)];
    conf->affinity = all;
    conf->affinity_count = (uint32_t)conf->worker_processes;
}

/* Limits are kept plus one while loading, so that 0 means "not set". */
static bool set_rlimit_nofile(struct conf_call *call)
{
    struct core_conf *conf = call->conf;

    if (conf_int(conf_arg(call, 0), &conf->rlimit_nofile) && conf->rlimit_nofile++ < INT64_MAX)
        return true;
    return conf_fail_arg(call, 0, "\"worker_rlimit_nofile\" directive invalid number");
}

static bool set_rlimit_core(struct conf_call *call)
{
    struct core_conf *conf = call->conf;

    if (conf_size(conf_arg(call, 0), &conf->rlimit_core) && conf->rlimit_core++ < INT64_MAX)
        return true;
    return conf_fail_arg(call, 0, "\"worker_rlimit_core\" directive invalid value");
}

static bool set_env(struct conf_call *call)
{
    struct core_conf *conf = call->conf;
    struct array *env = array_made(&conf->env, call->pool, array_of(struct str, call->pool));

    *(struct str *)array_push(env) = conf_arg(call, 0);
    return true;
}

/* User ---------------------------------------------------------------------------------------- */

static bool find_user(struct conf_call *call, struct str name, gid_t *primary)
{
    struct core_conf *conf = call->conf;
    struct passwd *user;

    errno = 0;
    user = getpwnam(pool_cstr(call->pool, name));
    if (user == NULL) {
        conf_fail_arg(call, 0, "getpwnam(\"%" STR_FMT "\") failed", STR_ARG(name));
        return conf_hint(call, "%s", errno ? strerror(errno) : "there is no such user");
    }
    conf->uid = user->pw_uid;
    *primary = user->pw_gid;
    return true;
}

static bool set_user(struct conf_call *call)
{
    struct core_conf *conf = call->conf;
    struct group *group;
    gid_t primary = 0;

    conf->user = conf_arg(call, 0);
    conf->group = call->count > 1 ? conf_arg(call, 1) : conf->user;
    if (geteuid() != 0) {
        conf_warn(call, "the \"user\" directive makes sense only if the master process runs with "
                        "super-user privileges, ignored");
        return true;
    }
    if (!find_user(call, conf->user, &primary))
        return false;
    conf->gid = primary;
    group = getgrnam(pool_cstr(call->pool, conf->group));
    if (group != NULL)
        conf->gid = group->gr_gid;
    else if (call->count > 1)
        return conf_fail_arg(call, 1, "getgrnam(\"%" STR_FMT "\") failed", STR_ARG(conf->group));
    return true;
}

/* Root without a `user`: nobody, with the group that goes with it. */
static void default_user(struct core_conf *conf)
{
    struct passwd *user;

    if (geteuid() != 0) {
        conf->uid = conf->gid = -1;
        return;
    }
    if (conf->user.data != NULL || (user = getpwnam("nobody")) == NULL)
        return;
    conf->user = STR("nobody");
    conf->group = STR("nogroup");
    conf->uid = user->pw_uid;
    conf->gid = user->pw_gid;
}

/* Logs ---------------------------------------------------------------------------------------- */

/* "[level] [json]" in either order. */
static bool read_log_words(struct conf_call *call, struct log_sink *sink)
{
    for (uint32_t i = 1; i < call->count; i++) {
        struct str word = conf_arg(call, i);
        enum log_level level = log_level_find(word);

        if (str_eq(word, STR("json"))) {
            sink->json = true;
            continue;
        }
        if (level == 0) {
            conf_fail_arg(call, i, "invalid log level \"%" STR_FMT "\"", STR_ARG(word));
            return conf_hint(call, "debug, info, notice, warn, error, crit, alert or emerg");
        }
        if (sink->level != 0)
            return conf_fail_arg(call, i, "duplicate log level \"%" STR_FMT "\"", STR_ARG(word));
        sink->level = level;
    }
    if (sink->level == 0)
        sink->level = LOG_ERROR;
    return true;
}

static bool add_sink(struct conf_call *call, struct str path, struct log_sink *words)
{
    struct core_conf *conf = call->conf;
    struct log_sink *sink = pool_alloc(call->pool, sizeof(*sink)), **last = &conf->error_log;
    const char *why = NULL;

    *sink = *words;
    sink->file = generation_log_file(call->gen, path, &why);
    if (sink->file == NULL)
        return conf_fail_arg(call, 0, "%s", why);
    while (*last != NULL)
        last = &(*last)->next;
    *last = sink;
    return true;
}

static bool set_error_log(struct conf_call *call)
{
    struct log_sink words = {0};

    if (str_starts(conf_arg(call, 0), STR("memory:")))
        return conf_fail_arg(call, 0, "\"error_log\" cannot keep its lines in memory");
    return read_log_words(call, &words) && add_sink(call, conf_arg(call, 0), &words);
}

/* Modules ------------------------------------------------------------------------------------- */

/* "modules/ngx_http_x_module.so" -> "http_x_module" */
static struct str module_word(struct str path)
{
    path = str_from(path, (size_t)(str_rfind(path, '/') + 1));
    if (str_ends(path, STR(".so")))
        path.len -= 3;
    if (str_starts(path, STR("ngx_")))
        path = str_from(path, 4);
    return path;
}

/* "http_brotli_filter_module": "brotli" here. */
static bool is_name_of(struct str word, const char *name)
{
    struct str ours = str_of(name);

    if (!str_starts(word, STR("http_")) || !str_starts(str_from(word, 5), ours))
        return false;
    word = str_from(word, 5 + ours.len);
    return str_eq(word, STR("_module")) || str_eq(word, STR("_filter_module"));
}

static bool is_built_in(struct str word)
{
    for (size_t i = 0; modules[i] != NULL; i++) {
        struct str name = str_of(modules[i]->nginx_name ? modules[i]->nginx_name : "");

        if (name.len > 0 && str_starts(word, name) &&
            (word.len == name.len || str_eq(str_from(word, name.len), STR("_module"))))
            return true;
        if (is_name_of(word, modules[i]->name))
            return true;
    }
    return false;
}

/* Modules that come with nginx: distributions load them whether or not they are used. */
static bool is_nginx_own(struct str word)
{
    static const char *const names[] = {
        "http_xslt_filter_module", "http_image_filter_module", "http_geoip_module",
        "http_perl_module", "mail_module", "stream_module", "stream_geoip_module",
    };

    for (size_t i = 0; i < COUNT(names); i++)
        if (str_eq(word, str_of(names[i])))
            return true;
    return false;
}

static bool set_load_module(struct conf_call *call)
{
    struct str word = module_word(conf_arg(call, 0));

    if (is_built_in(word)) {
        if (call->gen->testing)
            conf_notice(call, "\"%" STR_FMT "\" is built in", STR_ARG(word));
        return true;
    }
    if (is_nginx_own(word)) {
        conf_warn(call, "\"%" STR_FMT "\" is not part of this version of Weir: its directives "
                        "would be refused", STR_ARG(word));
        return true;
    }
    conf_fail_arg(call, 0, "module \"%" STR_FMT "\" cannot be loaded", STR_ARG(word));
    return conf_hint(call, "Weir has no loadable modules");
}

static bool read_pool_number(struct conf_call *call, uint32_t arg, const char *key, int64_t *n)
{
    struct str text;

    if (!conf_arg_is(call, arg, key, &text))
        return false;
    if (!conf_int(text, n) || *n < 1 || *n > INT_MAX)
        return conf_fail_arg(call, arg, "invalid %.*s value \"%" STR_FMT "\"",
                             (int)strlen(key) - 1, key, STR_ARG(conf_arg(call, arg)));
    return true;
}

static bool set_thread_pool(struct conf_call *call)
{
    struct core_conf *conf = call->conf;
    struct array *pools = array_made(&conf->thread_pools, call->pool,
                                     array_of(struct thread_pool_conf, call->pool));
    struct thread_pool_conf pool = {.name = conf_arg(call, 0), .max_queue = 65536};
    unsigned bad = 0;

    EACH(struct thread_pool_conf, other, pools)
        if (str_eq(other->name, pool.name))
            return conf_fail_arg(call, 0, "thread pool \"%" STR_FMT "\" is duplicate",
                                 STR_ARG(pool.name));
    for (uint32_t i = 1; i < call->count; i++) {
        struct str text;
        bool threads = conf_arg_is(call, i, "threads=", &text);

        if (!threads && !conf_arg_is(call, i, "max_queue=", &text))
            return conf_fail_arg(call, i, "invalid parameter \"%" STR_FMT "\"",
                                 STR_ARG(conf_arg(call, i)));
        bad += threads ? !read_pool_number(call, i, "threads=", &pool.threads)
                       : !read_pool_number(call, i, "max_queue=", &pool.max_queue);
    }
    if (bad == 0 && pool.threads == 0)
        return conf_fail(call, "\"threads\" parameter must be set for thread pool "
                               "\"%" STR_FMT "\"", STR_ARG(pool.name));
    *(struct thread_pool_conf *)array_push(pools) = pool;
    return bad == 0;
}

/* Events -------------------------------------------------------------------------------------- */

static bool open_events(struct conf_call *call)
{
    struct core_conf *conf = call->conf;

    conf->has_events = true;
    return true;
}

static bool set_use(struct conf_call *call)
{
    struct str method = conf_arg(call, 0);

    if (str_eq(method, STR("epoll")))
        return true;
    conf_fail_arg(call, 0, "invalid event type \"%" STR_FMT "\"", STR_ARG(method));
    return conf_hint(call, "Weir uses epoll");
}

static bool set_debug_connection(struct conf_call *call)
{
    struct core_conf *conf = call->conf;
    struct array *all = array_made(&conf->debug_connections, call->pool,
                                   array_of(struct cidr, call->pool));
    struct str text = conf_arg(call, 0);
    struct cidr cidr = {0};
    const char *why = NULL;
    bool extra = false;

    if (str_eq(text, STR("unix:"))) {
        cidr.addr.sa.sa_family = AF_UNIX;
    } else if (!addr_parse_cidr(&cidr.addr, &cidr.prefix, text, &extra)) {
        struct array *names = array_made(&conf->debug_names, call->pool,
                                         array_of(struct addr_list *, call->pool));
        struct addr_list *list = addr_list_add(call->gen, call->node, text, 0, &why);

        if (list == NULL)
            return conf_fail_arg(call, 0, "%s in debug_connection \"%" STR_FMT "\"", why,
                                 STR_ARG(text));
        *(struct addr_list **)array_push(names) = list;
        return true;
    }
    if (extra)
        conf_warn(call, "low address bits of %" STR_FMT " are meaningless", STR_ARG(text));
    *(struct cidr *)array_push(all) = cidr;
    return true;
}

static void add_debug_names(struct core_conf *conf)
{
    if (conf->debug_names == NULL)
        return;
    EACH(struct addr_list *, list, conf->debug_names)
        for (uint32_t i = 0; i < (*list)->count; i++) {
            struct cidr *cidr = array_push(conf->debug_connections);

            cidr->addr = (*list)->addrs[i];
            cidr->prefix = cidr->addr.sa.sa_family == AF_INET ? 32 : 128;
        }
}

/* The control socket -------------------------------------------------------------------------- */

static bool set_control(struct conf_call *call)
{
    struct core_conf *conf = call->conf;

    conf->control_given = true;
    if (!str_eq(conf_arg(call, 0), STR("off")))
        conf->control_path = generation_path(call->gen, conf_arg(call, 0));
    return true;
}

/* Beside the pid file. */
static struct str default_control(struct pool *pool, struct str pid_path)
{
    struct str stem = pid_path;

    if (str_ends(stem, STR(".pid")))
        stem.len -= 4;
    return pool_printf(pool, "%" STR_FMT ".ctl", STR_ARG(stem));
}

/* Defaults that the table cannot hold --------------------------------------------------------- */

static bool default_error_log(struct conf_call *call)
{
    struct log_sink words = {.level = LOG_ERROR};

    return add_sink(call, str_of(default_paths.error_log), &words);
}

static void default_env(struct core_conf *conf, struct pool *pool)
{
    struct array *env = array_made(&conf->env, pool, array_of(struct str, pool));

    EACH(struct str, entry, env)
        if (str_eq(*entry, STR("TZ")) || str_starts(*entry, STR("TZ=")))
            return;
    *(struct str *)array_push(env) = STR("TZ");
}

static bool finish(struct conf_call *call)
{
    struct core_conf *conf = call->conf;

    if (call->scope->kind == IN_EVENTS) {
        memcpy(core_conf(call->gen), conf, sizeof(*conf));
        return true;
    }
    if (call->scope->kind != IN_MAIN)
        return true;
    if (conf->pid_path.data == NULL)
        conf->pid_path = generation_path(call->gen, str_of(default_paths.pid));
    if (conf->lock_file.data == NULL)
        conf->lock_file = generation_path(call->gen, str_of(default_paths.lock));
    if (!conf->control_given && conf->master_process)
        conf->control_path = default_control(call->pool, conf->pid_path);
    conf->rlimit_nofile--;
    conf->rlimit_core--;
    default_user(conf);
    default_env(conf, call->pool);
    return conf->error_log != NULL || default_error_log(call);
}

static bool load_done(struct generation *gen)
{
    struct core_conf *conf = core_conf(gen);

    add_debug_names(conf);
    spread_affinity(gen, conf);
    gen->slots = conf->master_process ? (uint32_t)conf->worker_processes : 1;
    return true;
}

/* Rows ---------------------------------------------------------------------------------------- */

static const struct word debug_points_words[] = {{"stop", 1}, {"abort", 2}, {NULL, 0}};

#define F(member) FIELD(struct core_conf, member)
#define ERROR_LOG_PLACES                                                                           \
    (IN_MAIN | IN_WEB | IN_STREAM | IN_STREAM_SERVER | IN_MAIL | IN_MAIL_SERVER)

static const struct directive directives[] = {
    { .name = "daemon", .where = IN_MAIN, .args = "on|off",
      .value = VALUE_FLAG, .field = F(daemon), .initial = "on",
      .doc = "Go into the background." },
    { .name = "master_process", .where = IN_MAIN, .args = "on|off",
      .value = VALUE_FLAG, .field = F(master_process), .initial = "on",
      .doc = "Serve from worker processes that a master watches over. off is for developers." },
    { .name = "pid", .where = IN_MAIN, .args = "file",
      .value = VALUE_PATH, .field = F(pid_path),
      .doc = "Where the master writes its process id, once it serves." },
    { .name = "control", .where = IN_MAIN, .args = "file|off", .apply = set_control,
      .doc = "The unix socket that \"weir ctl\" connects to, for root alone. The default is beside "
             "the pid file: run/weir.ctl for run/weir.pid. There is none without a master." },
    { .name = "lock_file", .where = IN_MAIN, .args = "file",
      .value = VALUE_PATH, .field = F(lock_file), .notice = "nothing needs a lock file",
      .doc = "A file for locks on systems without atomic operations." },
    { .name = "worker_processes", .where = IN_MAIN, .args = "number|auto",
      .apply = set_worker_processes, .initial = "1",
      .doc = "How many workers serve. auto: one for each CPU that may be used." },
    { .name = "worker_cpu_affinity", .where = IN_MAIN, .args = "auto [mask] ;; mask ...",
      .apply = set_affinity,
      .doc = "The CPUs of each worker, as masks whose last digit is CPU 0. auto: one CPU each." },
    { .name = "worker_priority", .where = IN_MAIN, .args = "number",
      .value = VALUE_INT, .field = F(worker_priority), .min = -20, .max = 20, .initial = "0",
      .doc = "Scheduling priority of the workers, as nice takes it: negative is more." },
    { .name = "worker_rlimit_nofile", .where = IN_MAIN, .args = "number",
      .apply = set_rlimit_nofile,
      .doc = "How many files and sockets a worker may have open." },
    { .name = "worker_rlimit_core", .where = IN_MAIN, .args = "size",
      .apply = set_rlimit_core,
      .doc = "How large the core file of a crashed worker may be." },
    { .name = "worker_shutdown_timeout", .where = IN_MAIN, .args = "time",
      .value = VALUE_MS, .field = F(shutdown_timeout_ms),
      .doc = "How long a worker that was told to finish may keep its connections." },
    { .name = "worker_generations", .where = IN_MAIN, .args = "number",
      .value = VALUE_INT, .field = F(worker_generations), .min = 1, .max = 1000, .initial = "8",
      .doc = "How many configurations may have workers at once, draining ones counted. Beyond it "
             "the oldest end at once." },
    { .name = "working_directory", .where = IN_MAIN, .args = "directory",
      .value = VALUE_PATH, .field = F(working_directory),
      .doc = "Current directory of the workers, where core files go." },
    { .name = "env", .where = IN_MAIN, .args = "name[=value]", .apply = set_env, .repeat = true,
      .field = F(env),
      .doc = "Keep an environment variable for the workers, or give it a value." },
    { .name = "user", .where = IN_MAIN, .args = "user [group]", .apply = set_user,
      .doc = "The account that the workers run as. The default is nobody." },
    { .name = "error_log", .where = ERROR_LOG_PLACES, .args = "file [level] [json]",
      .apply = set_error_log, .repeat = true, .field = F(error_log),
      .doc = "A file, stderr or syslog:..., and the least severe level that is written to it. "
             "Several may be given." },
    { .name = "timer_resolution", .where = IN_MAIN, .args = "interval",
      .value = VALUE_MS, .field = F(timer_resolution_ms),
      .notice = "the clock is read once for each turn of the loop",
      .doc = "How often the clock is read." },
    { .name = "debug_points", .where = IN_MAIN, .args = "stop|abort",
      .value = VALUE_ENUM, .field = F(debug_points), .words = debug_points_words,
      .notice = "an internal error always ends the process with a core file",
      .doc = "What a process does when it meets an error of its own." },
    { .name = "load_module", .where = IN_MAIN, .args = "file", .apply = set_load_module,
      .repeat = true,
      .doc = "All modules are built in: accepted for those that are, and for those of nginx." },
    { .name = "pcre_jit", .where = IN_MAIN, .args = "on|off",
      .value = VALUE_FLAG, .field = F(pcre_jit),
      .notice = "regular expressions are always compiled to machine code",
      .doc = "Compile regular expressions to machine code." },
    { .name = "thread_pool", .where = IN_MAIN, .args = "name threads=number [max_queue=number]",
      .apply = set_thread_pool, .repeat = true, .field = F(thread_pools),
      .doc = "A pool of threads for file operations that may block." },
    { .name = "include", .where = IN_ANY, .args = "file|mask", .repeat = true,
      .doc = "What the file holds, or the files that match the mask, in order of their names. "
             "Relative to the directory of the main file." },
    { .name = "events", .where = IN_MAIN, .args = "{ }", .opens = IN_EVENTS,
      .apply = open_events,
      .doc = "How connections are processed." },

    { .name = "worker_connections", .where = IN_EVENTS, .args = "number",
      .value = VALUE_INT, .field = F(connections), .min = 1, .max = INT_MAX, .initial = "512",
      .doc = "How many connections a worker may have, those to upstreams counted." },
    { .name = "use", .where = IN_EVENTS, .args = "method", .apply = set_use,
      .doc = "The way of waiting for events: epoll." },
    { .name = "multi_accept", .where = IN_EVENTS, .args = "on|off",
      .value = VALUE_FLAG, .field = F(multi_accept), .initial = "off",
      .doc = "Accept all waiting connections at once, not one in each turn of the loop." },
    { .name = "accept_mutex", .where = IN_EVENTS, .args = "on|off",
      .value = VALUE_FLAG, .field = F(accept_mutex), .initial = "off",
      .notice = "the kernel wakes one worker for each connection",
      .doc = "Let workers accept in turn." },
    { .name = "accept_mutex_delay", .where = IN_EVENTS, .args = "time",
      .value = VALUE_MS, .field = F(accept_mutex_delay_ms), .initial = "500ms",
      .notice = "workers do not accept in turn",
      .doc = "How long a worker waits for its turn to accept." },
    { .name = "debug_connection", .where = IN_EVENTS, .args = "address|CIDR|unix:",
      .apply = set_debug_connection, .repeat = true,
      .doc = "Log at the debug level for connections from there." },
    { .name = "worker_aio_requests", .where = IN_EVENTS, .args = "number",
      .value = VALUE_INT, .field = F(aio_requests), .initial = "32",
      .notice = "files are read by threads",
      .doc = "How many asynchronous file operations a worker may have under way." },
    { .name = "epoll_events", .where = IN_EVENTS, .args = "number",
      .value = VALUE_INT, .field = F(epoll_events), .initial = "512",
      .notice = "the loop chooses the number itself",
      .doc = "How many events are taken from the kernel at once." },
};

const struct module core_module = {
    .name = "core", .doc = "Processes, logs, users and limits.", .family = FAMILY_CORE,
    .directives = TABLE(directives), .conf_size = sizeof(struct core_conf),
    .scope_done = finish, .load_done = load_done, .index = &core_module_index,
};
