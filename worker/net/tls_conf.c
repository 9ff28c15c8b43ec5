/*
 * worker/net/tls_conf.c - what directives about TLS have in common, towards clients and origins.
 */
#include "worker/net/tls_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/conf_value.h"
#include "common/template.h"

const struct word tls_protocol_words[] = {
    {"SSLv2", TLS_SSL_2}, {"SSLv3", TLS_SSL_3}, {"TLSv1", TLS_1_0}, {"TLSv1.1", TLS_1_1},
    {"TLSv1.2", TLS_1_2}, {"TLSv1.3", TLS_1_3}, {NULL, 0}};

static struct tls_file *add_file(struct conf_call *call, struct array **list)
{
    struct tls_file *file;

    if (*list == NULL) {
        *list = pool_zalloc(call->pool, sizeof(**list));
        **list = array_of(struct tls_file, call->pool);
    }
    file = array_push(*list);
    *file = (struct tls_file){.node = call->node};
    return file;
}

bool tls_conf_add_template(struct conf_call *call, struct array **list)
{
    struct str text = conf_arg(call, 0);
    struct template *template;
    struct tls_file *file;
    const char *why;

    if (!template_has_vars(text))
        return tls_conf_add_file(call, list);
    template = template_compile(call->pool, &call->gen->http_vars, text, &why);
    if (template == NULL)
        return conf_fail_arg(call, 0, "%s", why);
    file = add_file(call, list);
    file->path = text;
    file->template = template;
    return true;
}

static bool read_cache_word(struct conf_call *call, uint32_t i, struct tls_cert_cache_conf *cache)
{
    struct str value;

    if (conf_arg_is(call, i, "max=", &value))
        return conf_int(value, &cache->max) && cache->max > 0;
    if (conf_arg_is(call, i, "inactive=", &value))
        return conf_sec(value, &cache->inactive_s);
    return conf_arg_is(call, i, "valid=", &value) && conf_sec(value, &cache->valid_s);
}

bool tls_conf_set_cache(struct conf_call *call, struct tls_cert_cache_conf *cache)
{
    *cache = (struct tls_cert_cache_conf){.inactive_s = 10, .valid_s = 60};
    if (call->count == 1 && str_eq(conf_arg(call, 0), STR("off")))
        return true;
    for (uint32_t i = 0; i < call->count; i++)
        if (!read_cache_word(call, i, cache))
            return conf_fail_arg(call, i, "invalid parameter \"%" STR_FMT "\"",
                                 STR_ARG(conf_arg(call, i)));
    return cache->max > 0 ||
           conf_fail(call, "\"%s\" must have the \"max\" parameter", call->directive->name);
}

bool tls_conf_add_file(struct conf_call *call, struct array **list)
{
    struct str text = conf_arg(call, 0);
    struct tls_file *file;

    if (template_has_vars(text))
        return conf_fail_arg(call, 0, "variables in \"%s\" are not supported by this version of "
                                      "Weir", call->directive->name);
    file = add_file(call, list);
    file->path = str_starts(text, STR("data:")) || str_starts(text, STR("engine:"))
                     ? text
                     : generation_conf_path(call->gen, text);
    return true;
}

bool tls_conf_set_key_log(struct conf_call *call, struct tls_settings *settings)
{
    struct str path = generation_path(call->gen, conf_arg(call, 0));
    const char *why;
    int fd;

    settings->key_log = generation_log_file(call->gen, path, &why);
    if (settings->key_log == NULL)
        return conf_fail_arg(call, 0, "%s", why);
    if (call->gen->testing)
        return true;
    fd = open(pool_cstr(call->pool, path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
              0600);
    if (fd < 0)
        return conf_fail_arg(call, 0, "open() \"%" STR_FMT "\" failed (%d: %s)", STR_ARG(path),
                             errno, strerror(errno));
    close(fd);
    return true;
}

bool tls_conf_add_command(struct conf_call *call, struct array **list)
{
    struct tls_command *command;

    if (*list == NULL) {
        *list = pool_zalloc(call->pool, sizeof(**list));
        **list = array_of(struct tls_command, call->pool);
    }
    command = array_push(*list);
    *command = (struct tls_command){conf_arg(call, 0), conf_arg(call, 1), call->node};
    return true;
}

/* What helps against faults of certificates and keys, by what OpenSSL says of them. */
static const char *help_for(const char *why)
{
    static const char *const help[][2] = {
        {"key values mismatch", "it is the key of another certificate; in a file with several "
                                "certificates the server's own comes first"},
        {"no start line:Expecting: TRUSTED CERTIFICATE",
         "the file holds no certificate in PEM form; are certificate and key exchanged?"},
        {"DECODER routines::unsupported", "the file holds no key in PEM form"},
        {"bad password read", "the key is encrypted: a file named by \"%s_password_file\" holds "
                              "its password"},
        {"bad decrypt", "no password in the file of \"%s_password_file\" opens the key"},
        {"bad end line", "the file is damaged, or was cut off"},
        {"bad base64 decode", "the file is damaged, or was cut off"},
    };

    for (size_t i = 0; i < COUNT(help); i++)
        if (strstr(why, help[i][0]) != NULL)
            return help[i][1];
    return NULL;
}

/* `prefix` is for the names of directives. */
static bool fail_identity(struct generation *gen, const char *prefix,
                          const struct tls_file *culprit, const char *why)
{
    const char *help = help_for(why), *gap = help != NULL ? strstr(help, "%s") : NULL;

    conf_fail_at(gen, culprit->node, "%s", why);
    if (gap != NULL)
        return conf_hint_at(gen, "%.*s%s%s", (int)(gap - help), help, prefix, gap + 2);
    return help != NULL && conf_hint_at(gen, "%s", help);
}

bool tls_conf_identity(struct generation *gen, const char *prefix, const struct array *certificates,
                       const struct array *keys, struct str password_file,
                       struct tls_identity **identity)
{
    const struct tls_file *culprit;
    const char *why;

    if (keys == NULL || keys->count < certificates->count) {
        culprit = array_at(certificates, certificates->count - 1);
        return conf_fail_at(gen, culprit->node,
                            "no \"%s_certificate_key\" is defined for certificate \"%" STR_FMT "\"",
                            prefix, STR_ARG(culprit->path));
    }
    *identity = tls_identity_load(tls_store_of(gen), certificates, keys, password_file, &why,
                                  &culprit);
    return *identity != NULL || fail_identity(gen, prefix, culprit, why);
}
