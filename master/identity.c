/*
 * master/identity.c - names, default paths, and the version lines that tools parse.
 *
 * The configure arguments are derived from the table of modules: `--with-` for each module in it
 * that nginx builds on request, `--without-` for each that nginx builds by default and that is
 * missing here.
 */
#include "master/identity.h"

#include <openssl/crypto.h>
#include <openssl/opensslv.h>
#include <stdio.h>
#include <string.h>

#include "common/module.h"

const struct identity identity_weir = {
    .name = "weir",
    .version = "weir/" WEIR_VERSION " (nginx " NGINX_VERSION ")",
    .prefix = "/etc/weir/",
    .conf_path = "/etc/weir/weir.conf",
    .error_log = "/var/log/weir/error.log",
    .access_log = "/var/log/weir/access.log",
    .pid_path = "/run/weir.pid",
    .lock_path = "/run/lock/weir.lock",
    .temp = "/var/lib/weir/",
};

const struct identity identity_nginx = {
    .name = "nginx",
    .version = "nginx/" NGINX_VERSION " (weir " WEIR_VERSION ")",
    .prefix = "/etc/nginx/",
    .conf_path = "/etc/nginx/nginx.conf",
    .error_log = "/var/log/nginx/error.log",
    .access_log = "/var/log/nginx/access.log",
    .pid_path = "/run/nginx.pid",
    .lock_path = "/run/lock/nginx.lock",
    .temp = "/var/cache/nginx/",
};

/* nginx's modules by the name that its configure script takes, as `--without-NAME_module`;
   keepalive and zones of upstreams are never left out ... */
static const char *const built_by_default[] = {
    "http_charset", "http_gzip", "http_ssi", "http_userid", "http_access",
    "http_auth_basic", "http_mirror", "http_autoindex", "http_geo", "http_map",
    "http_split_clients", "http_referer", "http_rewrite", "http_proxy", "http_fastcgi",
    "http_uwsgi", "http_scgi", "http_grpc", "http_memcached", "http_limit_conn",
    "http_limit_req", "http_empty_gif", "http_browser", "http_upstream_hash",
    "http_upstream_ip_hash", "http_upstream_least_conn", "http_upstream_random",
    "http_upstream_sticky", "mail_pop3", "mail_imap", "mail_smtp", "stream_limit_conn",
    "stream_access", "stream_geo", "stream_map", "stream_split_clients",
    "stream_return", "stream_pass", "stream_set", "stream_upstream_hash",
    "stream_upstream_least_conn", "stream_upstream_random", "stream_upstream_zone",
};

/* ... and as `--with-NAME_module`. */
static const char *const built_on_request[] = {
    "http_ssl", "http_v2", "http_v3", "http_realip", "http_addition", "http_xslt",
    "http_image_filter", "http_geoip", "http_sub", "http_dav", "http_flv", "http_mp4",
    "http_gunzip", "http_gzip_static", "http_auth_request", "http_random_index",
    "http_secure_link", "http_degradation", "http_slice", "http_stub_status", "http_perl",
    "mail_ssl", "stream_ssl", "stream_realip", "stream_geoip", "stream_ssl_preread",
};

const struct identity *identity_find(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');

    if (strcmp(slash != NULL ? slash + 1 : argv0, "nginx") == 0)
        return &identity_nginx;
    return &identity_weir;
}

void identity_print_version(const struct identity *self)
{
    fprintf(stderr, "%s version: %s\n", self->name, self->version);
}

/* Modules are named as nginx's, with "_module" at the end. */
static bool is_built_in(const char *name)
{
    size_t len = strlen(name);

    for (const struct module *const *m = modules; *m != NULL; m++) {
        const char *theirs = (*m)->nginx_name;

        if (theirs != NULL && strncmp(theirs, name, len) == 0 &&
            strcmp(theirs + len, "_module") == 0)
            return true;
    }
    return false;
}

static bool has_family(enum family family)
{
    for (const struct module *const *m = modules; *m != NULL; m++)
        if ((*m)->family == family)
            return true;
    return false;
}

/* What nginx leaves out by default (stream, mail) needs no word on each of its parts. */
static bool is_family_missing(const char *name)
{
    return (strncmp(name, "stream_", 7) == 0 && !has_family(FAMILY_STREAM)) ||
           (strncmp(name, "mail_", 5) == 0 && !has_family(FAMILY_MAIL));
}

static void print_modules(void)
{
    if (has_family(FAMILY_STREAM))
        fputs(" --with-stream", stderr);
    if (has_family(FAMILY_MAIL))
        fputs(" --with-mail", stderr);
    for (size_t i = 0; i < COUNT(built_on_request); i++)
        if (is_built_in(built_on_request[i]))
            fprintf(stderr, " --with-%s_module", built_on_request[i]);
    for (size_t i = 0; i < COUNT(built_by_default); i++)
        if (!is_family_missing(built_by_default[i]) && !is_built_in(built_by_default[i]))
            fprintf(stderr, " --without-%s_module", built_by_default[i]);
}

/* Those that a build may do without; a name that several modules have is printed once. */
static void print_libraries(void)
{
    const char *separator = "built with ";

    for (const struct module *const *m = modules; *m != NULL; m++) {
        const struct module *const *first = modules;

        if ((*m)->library == NULL)
            continue;
        while ((*first)->library == NULL || strcmp((*first)->library, (*m)->library) != 0)
            first++;
        if (first != m)
            continue;
        fprintf(stderr, "%s%s", separator, (*m)->library);
        separator = ", ";
    }
    if (separator[0] == ',')
        fputc('\n', stderr);
}

void identity_print_build(const struct identity *self)
{
    const char *running = OpenSSL_version(OPENSSL_VERSION);

#ifdef __clang__
    fputs("built by " __VERSION__ "\n", stderr);
#else
    fputs("built by gcc " __VERSION__ "\n", stderr);
#endif
    fputs("built with " OPENSSL_VERSION_TEXT, stderr);
    if (strcmp(OPENSSL_VERSION_TEXT, running) != 0)
        fprintf(stderr, " (running with %s)", running);
    fputc('\n', stderr);
    print_libraries();
    fprintf(stderr, "TLS SNI support enabled\nconfigure arguments: --prefix=%.*s",
            (int)strlen(self->prefix) - 1, self->prefix);
    fprintf(stderr, " --conf-path=%s --error-log-path=%s --http-log-path=%s --pid-path=%s",
            self->conf_path, self->error_log, self->access_log, self->pid_path);
    fprintf(stderr, " --lock-path=%s --with-debug --with-pcre --with-pcre-jit"
            " --with-threads", self->lock_path);
    print_modules();
    fputc('\n', stderr);
}
