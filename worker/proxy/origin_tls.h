/*
 * worker/proxy/origin_tls.h - TLS towards origins, as configured for any protocol spoken to them.
 */
#pragma once

#include "common/template.h"
#include "worker/net/tls_context.h"
#include "worker/upstream/secure.h"

struct conf_call;
struct origin_certs;
struct request;

struct origin_tls {
    struct tls_settings settings;
    struct array *certificates, *keys; /* struct tls_file: at most one */
    struct str password_file;
    struct origin_certs *kept;         /* certificates read while serving, for all who inherit the
                                          directive; NULL: none are kept */
    bool send_name;
    struct template *name;             /* NULL: the host of the target */
    struct str conf_dir, passwords;    /* for certificates that are read while serving */
    bool chooses;                      /* they are: their names have variables */
    struct tls_host host;
    struct secure_options secure;
};

/* Apply functions of the rows (origin_rows.h). */
bool origin_tls_set_certificate(struct conf_call *call);
bool origin_tls_set_key(struct conf_call *call);
bool origin_tls_add_command(struct conf_call *call);
bool origin_tls_set_key_log(struct conf_call *call);
bool origin_tls_set_cache(struct conf_call *call);

/* What `..._ssl_certificate` with variables means for a try of this request, in its pool. NULL: it
   has none, or its value is empty and none is shown. */
const struct secure_shown *origin_tls_choose(struct request *r, const struct origin_tls *tls);

/* From scope_done, where requests may be passed over TLS: checks and prepares. */
bool origin_tls_finish(struct conf_call *call, struct origin_tls *tls);
