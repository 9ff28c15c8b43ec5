/*
 * worker/proxy/origin_tls.h - TLS towards origins, as configured for any protocol spoken to them.
 */
#pragma once

#include "common/template.h"
#include "worker/net/tls_context.h"
#include "worker/upstream/secure.h"

struct conf_call;

struct origin_tls {
    struct tls_settings settings;
    struct array *certificates, *keys; /* struct tls_file: at most one */
    struct str password_file;
    int64_t cache;                     /* accepted */
    bool send_name;
    struct template *name;             /* NULL: the host of the target */
    struct tls_host host;
    struct secure_options secure;
};

/* Apply functions of the rows (origin_rows.h). */
bool origin_tls_set_certificate(struct conf_call *call);
bool origin_tls_set_key(struct conf_call *call);
bool origin_tls_add_command(struct conf_call *call);
bool origin_tls_set_key_log(struct conf_call *call);
bool origin_tls_set_cache(struct conf_call *call);

/* From scope_done, where requests may be passed over TLS: checks and prepares. */
bool origin_tls_finish(struct conf_call *call, struct origin_tls *tls);
