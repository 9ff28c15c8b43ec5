/*
 * worker/access/auth_basic.c - users and passwords from a file (RFC 7617).
 *
 * The file is looked at for every request, through the cache of files, so a change holds at once.
 * Hashes that are slow on purpose are computed in a thread; a password that was right is remembered
 * (as a keyed digest of it and the stored text), so that the next request of the same user costs no
 * such computation.
 */
#include "worker/access/auth_basic.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base64.h"
#include "common/digest.h"
#include "common/generation.h"
#include "common/random.h"
#include "worker/access/password.h"
#include "worker/event/threads.h"
#include "worker/http/file_cache.h"
#include "worker/http/phase.h"

#define THREADS    4
#define QUEUE      1024
#define NICE       10       /* of the threads */
#define REMEMBERED 1024
#define PROOF      32       /* bytes of SHA-256 */
#define FILE_MOST  (64 << 20)

static uint32_t auth_basic_index;

struct auth_basic_conf {
    struct template *realm;
    struct template *file;
};

/* A password on its way through a thread: outlives the request if that ends first. */
struct job {
    struct task task;
    struct check *check;        /* NULL: nobody waits any more */
    struct cached_file *file;   /* to be read there, as it is not in memory; or NULL */
    struct str user, password, stored;
    enum password_result result;
    bool unknown_user, unreadable;
    char text[];                /* of user, password, stored */
};

enum check_state { CHECK_NEW, CHECK_RUNS, CHECK_DONE };

struct check {
    enum check_state state;
    struct request *request;
    struct job *job;            /* while it runs */
    enum password_result result;
    bool unknown_user, unreadable;
};

static struct thread_pool *threads; /* NULL until first needed */
static uint8_t proofs[REMEMBERED][PROOF];
static uint8_t proof_key[32];

/* Configuration -------------------------------------------------------------------------------- */

static bool set_file(struct conf_call *call)
{
    struct auth_basic_conf *conf = call->conf;
    struct str text = conf_arg(call, 0);
    const char *why;

    if (text.len == 0 || text.data[0] != '$')
        text = generation_conf_path(call->gen, text);
    conf->file = template_compile(call->pool, &call->gen->http_vars, text, &why);
    return conf->file != NULL || conf_fail_arg(call, 0, "%s", why);
}

#define IN_PLACES (IN_WEB | IN_LIMIT_EXCEPT)

static const struct directive directives[] = {
    {.name = "auth_basic", .where = IN_PLACES, .args = "string|off", .value = VALUE_TEMPLATE,
     .field = FIELD(struct auth_basic_conf, realm), .initial = "off",
     .doc = "Ask for a user and a password; the text names what they are for."},
    {.name = "auth_basic_user_file", .where = IN_PLACES, .args = "file", .apply = set_file,
     .doc = "The users, one \"name:password\" per line; passwords as crypt(3) or htpasswd make "
            "them, or {PLAIN}, {SHA}, {SSHA}."},
};

/* What was right before ------------------------------------------------------------------------ */

static void make_proof(struct str stored, struct str password, uint8_t proof[PROOF])
{
    struct str parts[] = {{(char *)proof_key, sizeof(proof_key)}, stored, STR("\0"), password};
    uint8_t inner[DIGEST_MAX];

    digest_parts(DIGEST_SHA256, parts, COUNT(parts), inner);
    digest_hmac(DIGEST_SHA256, parts[0], (struct str){(char *)inner, PROOF}, proof);
}

static uint8_t *place_of(const uint8_t proof[PROOF])
{
    return proofs[(proof[0] | proof[1] << 8) % REMEMBERED];
}

static bool was_right(struct str stored, struct str password)
{
    uint8_t proof[DIGEST_MAX];

    make_proof(stored, password, proof);
    return CRYPTO_memcmp(place_of(proof), proof, PROOF) == 0;
}

static void remember(struct str stored, struct str password)
{
    uint8_t proof[DIGEST_MAX];

    make_proof(stored, password, proof);
    memcpy(place_of(proof), proof, PROOF);
}

/* In a thread ---------------------------------------------------------------------------------- */

static void find_in_file(struct job *job)
{
    size_t len = (size_t)job->file->bytes;
    char *text = malloc(len + 1);
    struct str stored;

    if (text == NULL || pread(job->file->fd, text, len, 0) != (ssize_t)len) {
        job->unreadable = true;
    } else {
        stored = password_find((struct str){text, len}, job->user);
        job->unknown_user = stored.data == NULL;
        if (!job->unknown_user)
            job->result = password_check(stored, job->password);
    }
    free(text);
}

/* Whoever tries many passwords slows down others who log in, not the loop. */
static void yield_to_loop(void)
{
    static _Thread_local bool lowered;

    if (!lowered)
        setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    lowered = true;
}

static void work(struct task *task)
{
    struct job *job = CONTAINER(task, struct job, task);

    yield_to_loop();
    if (job->file != NULL)
        find_in_file(job);
    else
        job->result = password_check(job->stored, job->password);
}

static void done(struct task *task)
{
    struct job *job = CONTAINER(task, struct job, task);
    struct check *check = job->check;

    if (check != NULL) {
        check->state = CHECK_DONE;
        check->job = NULL;
        check->result = job->result;
        check->unknown_user = job->unknown_user;
        check->unreadable = job->unreadable;
        request_resume(check->request);
    }
    if (job->file != NULL)
        file_cache_drop(job->file);
    else if (job->result == PASSWORD_RIGHT)
        remember(job->stored, job->password);
    OPENSSL_cleanse(job->text, job->user.len + job->password.len + job->stored.len);
    free(job);
}

static void forget_request(void *arg)
{
    struct check *check = arg;

    if (check->job != NULL)
        check->job->check = NULL;
}

static struct str copy(char **at, struct str text)
{
    struct str kept = {*at, text.len};

    if (text.len > 0)
        memcpy(*at, text.data, text.len);
    *at += text.len;
    return kept;
}

/* Takes over the hold on `file`, NULL when `stored` was found already. */
static enum rc submit(struct check *check, struct cached_file *file, struct str user,
                      struct str password, struct str stored)
{
    struct job *job = pool_malloc(sizeof(*job) + user.len + password.len + stored.len);
    char *at = job->text;

    *job = (struct job){.task = {.work = work, .done = done}, .check = check, .file = file,
                        .result = PASSWORD_WRONG};
    job->user = copy(&at, user);
    job->password = copy(&at, password);
    job->stored = copy(&at, stored);
    if (threads == NULL)
        threads = threads_create("passwords", THREADS, QUEUE);
    if (threads == NULL || threads_submit(threads, &job->task) != RC_OK) {
        if (file != NULL)
            file_cache_drop(file);
        free(job);
        return RC_ERROR;
    }
    check->job = job;
    check->state = CHECK_RUNS;
    pool_on_destroy(request_pool(check->request), forget_request, check);
    return RC_AGAIN;
}

/* The phase ------------------------------------------------------------------------------------ */

static enum verdict ask(struct request *r, struct str realm)
{
    struct str value = pool_printf(request_pool(r), "Basic realm=\"%" STR_FMT "\"",
                                   STR_ARG(field_safe_value(request_pool(r), realm)));

    request_fail(r, 401, "auth.basic");
    request_add_field(r, STR("WWW-Authenticate"), value, FIELD_WWW_AUTHENTICATE);
    return ANSWERED;
}

static bool read_credentials(struct request *r, struct str *user, struct str *password)
{
    struct str text = fields_value(r->fields, FIELD_AUTHORIZATION);
    ssize_t len, colon;
    char *plain;

    if (text.data == NULL || !str_starts_nocase(text, STR("basic ")))
        return false;
    text = str_trim(str_from(text, 6));
    plain = pool_bytes(request_pool(r), BASE64_DECODED(text.len) + 1);
    len = base64_decode(plain, text);
    if (len <= 0 || (colon = str_find((struct str){plain, (size_t)len}, ':')) <= 0)
        return false;
    *user = (struct str){plain, (size_t)colon};
    *password = (struct str){plain + colon + 1, (size_t)(len - colon - 1)};
    return true;
}

static enum verdict judge(struct request *r, const struct check *check, struct str realm,
                          struct str user, struct str path)
{
    char name[256];
    struct str shown = {name, log_escape(name, sizeof(name), user)};

    if (check->unreadable) {
        log_error(&r->log, LOG_CRIT, 0, "read() \"%" STR_FMT "\" failed", STR_ARG(path));
        return request_fail(r, 500, "auth.file");
    }
    if (check->unknown_user) {
        log_error(&r->log, LOG_ERROR, 0, "user \"%" STR_FMT "\" was not found in \"%" STR_FMT "\"",
                  STR_ARG(shown), STR_ARG(path));
        return ask(r, realm);
    }
    if (check->result == PASSWORD_RIGHT)
        return ALLOW;
    if (check->result == PASSWORD_UNKNOWN_FORM)
        log_error(&r->log, LOG_ERROR, 0, "user \"%" STR_FMT "\": the form of the password in \"%"
                  STR_FMT "\" is not known", STR_ARG(shown), STR_ARG(path));
    else
        log_error(&r->log, LOG_ERROR, 0, "user \"%" STR_FMT "\": password mismatch",
                  STR_ARG(shown));
    return ask(r, realm);
}

static enum verdict open_failed(struct request *r, struct str path, int err)
{
    log_error(&r->log, err == ENOENT ? LOG_ERROR : LOG_CRIT, err, "open() \"%" STR_FMT "\" failed",
              STR_ARG(path));
    return request_fail(r, err == ENOENT ? 403 : 500, "auth.file");
}

/* RC_OK: the check says all. RC_AGAIN: a thread will. */
static enum rc start_check(struct check *check, struct cached_file *file, struct str user,
                           struct str password)
{
    struct str stored;

    if (file->content == NULL && file->bytes > 0)
        return submit(check, file, user, password, STR_NONE);
    stored = password_find((struct str){file->content, (size_t)file->bytes}, user);
    if (stored.data == NULL) {
        check->unknown_user = true;
    } else if (password_is_quick(stored)) {
        check->result = password_check(stored, password);
    } else if (was_right(stored, password)) {
        check->result = PASSWORD_RIGHT;
    } else {
        enum rc rc = submit(check, NULL, user, password, stored);

        file_cache_drop(file);
        return rc;
    }
    file_cache_drop(file);
    return RC_OK;
}

static enum verdict begin(struct request *r, struct check *check, struct str realm, struct str user,
                          struct str password, struct str path)
{
    struct cached_file *file = file_cache_open(&file_how_plain, path);

    if (file == NULL)
        return open_failed(r, path, errno);
    if (file->kind != FILE_REGULAR || file->bytes > FILE_MOST) {
        log_error(&r->log, LOG_CRIT, 0, "\"%" STR_FMT "\" is no file of users", STR_ARG(path));
        file_cache_drop(file);
        return request_fail(r, 500, "auth.file");
    }
    *check = (struct check){.request = r};
    switch (start_check(check, file, user, password)) {
    case RC_OK:
        return judge(r, check, realm, user, path);
    case RC_AGAIN:
        return WAIT_EVENT;
    case RC_ERROR:
        break;
    }
    return request_fail(r, 503, "auth.busy");
}

static enum verdict authenticate(struct request *r)
{
    const struct auth_basic_conf *conf =
        REQUEST_CONF(r, auth_basic_index, struct auth_basic_conf);
    struct str realm, user, password, path;
    struct check *check;

    if (conf->file == NULL || (conf->realm->constant && str_eq(conf->realm->source, STR("off"))))
        return GO_ON;
    realm = scope_eval(&r->scope, conf->realm);
    if (str_eq(realm, STR("off")))
        return GO_ON;
    if (r->ops->dry) {
        record(r, "access", "auth_basic \"%" STR_FMT "\": assumed to know a password",
               STR_ARG(realm));
        return ALLOW;
    }
    if (!read_credentials(r, &user, &password)) {
        log_error(&r->log, LOG_INFO, 0,
                  "no user/password was provided for basic authentication");
        return ask(r, realm);
    }
    path = pool_str(request_pool(r), scope_eval(&r->scope, conf->file));
    check = request_ctx(r, auth_basic_index, sizeof(*check));
    switch (check->state) {
    case CHECK_NEW:
        return begin(r, check, realm, user, password, path);
    case CHECK_RUNS:
        return WAIT_EVENT;
    case CHECK_DONE:
        break;
    }
    check->state = CHECK_NEW;
    return judge(r, check, realm, user, path);
}

static enum rc start(const struct child *child)
{
    random_bytes(proof_key, sizeof(proof_key));
    return RC_OK;
}

static void stop(void)
{
    if (threads != NULL)
        threads_destroy(threads);
    threads = NULL;
}

const struct module auth_basic_module = {
    .name = "auth_basic", .nginx_name = "http_auth_basic_module",
    .doc = "Users and passwords from a file.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct auth_basic_conf),
    .phase = PHASE_ACCESS, .handler = authenticate,
    .worker_start = start, .worker_stop = stop, .index = &auth_basic_index,
    .idle_without = &auth_basic_module,
};
