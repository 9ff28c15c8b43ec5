/*
 * worker/access/secure_link.c - links that only we can make, for a time.
 *
 * Either a digest of a text of the operator's choice, as "DIGEST[,EXPIRES]", or in the path itself:
 * /prefix/DIGEST/link with a digest of link and secret.
 */
#include "worker/access/secure_link.h"

#include <openssl/crypto.h>

#include "common/base64.h"
#include "common/clock.h"
#include "common/conf_load.h"
#include "common/digest.h"
#include "common/template.h"
#include "worker/http/request.h"

#define MD5_BYTES   16
#define BASE64_MOST 24

static uint32_t secure_link_index;

struct secure_link_conf {
    struct template *link, *text;
    struct str secret;
    const struct conf_node *link_in, *secret_in; /* the blocks that gave them */
};

static bool mixed(struct conf_call *call)
{
    return conf_fail(call, "\"secure_link_secret\" cannot be mixed with \"secure_link\" and "
                           "\"secure_link_md5\"");
}

/* Either kind of link, in place of what the surrounding block says. */
static bool take_link(struct conf_call *call)
{
    struct secure_link_conf *conf = call->conf;

    conf->link_in = call->scope->node;
    if (conf->secret.data != NULL && conf->secret_in == call->scope->node)
        return mixed(call);
    conf->secret = STR_NONE;
    return true;
}

static bool take_secret(struct conf_call *call)
{
    struct secure_link_conf *conf = call->conf;

    conf->secret_in = call->scope->node;
    if ((conf->link != NULL || conf->text != NULL) && conf->link_in == call->scope->node)
        return mixed(call);
    conf->link = conf->text = NULL;
    return true;
}

#define F(member) FIELD(struct secure_link_conf, member)

static const struct directive directives[] = {
    {.name = "secure_link", .where = IN_WEB, .args = "expression", .value = VALUE_TEMPLATE,
     .field = F(link), .apply = take_link,
     .doc = "Where a request has its digest (base64url), and when it expires: $arg_md5,$arg_time"},
    {.name = "secure_link_md5", .where = IN_WEB, .args = "expression", .value = VALUE_TEMPLATE,
     .field = F(text), .apply = take_link, .doc = "The text whose MD5 that must be."},
    {.name = "secure_link_secret", .where = IN_WEB, .args = "word", .value = VALUE_STR,
     .field = F(secret), .apply = take_secret,
     .doc = "The secret for links like /prefix/DIGEST/link: MD5 of link and secret, in hex."},
};

/* "DIGEST,EXPIRES": cuts the latter off. False when it is no time. */
static bool cut_expires(struct str *link, struct str *expires, int64_t *when)
{
    *expires = *link;
    *link = str_cut(expires, ',');
    *when = 0;
    return expires->data == NULL || (str_to_int(*expires, when) && *when > 0);
}

static bool is_digest_of(struct str base64, struct str text)
{
    char given[BASE64_DECODED(BASE64_MOST)];
    uint8_t wanted[DIGEST_MAX];

    if (base64.len > BASE64_MOST || base64_decode_url(given, base64) != MD5_BYTES)
        return false;
    digest(DIGEST_MD5, text, wanted);
    return CRYPTO_memcmp(given, wanted, MD5_BYTES) == 0;
}

/* The link within the path, if its digest is right; data NULL: not. */
static struct str link_in_path(const struct request *r, struct str secret)
{
    struct str rest = r->target, parts[2], given;
    char wanted[DIGEST_HEX_MAX];
    uint8_t bytes[DIGEST_MAX];

    if (rest.len > 0)
        rest = str_from(rest, 1);
    str_cut(&rest, '/');
    given = str_cut(&rest, '/');
    if (rest.len == 0 || given.len != 2 * MD5_BYTES)
        return STR_NONE;
    parts[0] = rest;
    parts[1] = secret;
    digest_parts(DIGEST_MD5, parts, 2, bytes);
    digest_put_hex(wanted, bytes, MD5_BYTES);
    return str_eq_nocase(given, (struct str){wanted, 2 * MD5_BYTES}) ? rest : STR_NONE;
}

static void get_link(struct scope *scope, struct var_value *out, uintptr_t data)
{
    const struct request *r = CONTAINER(scope, struct request, scope);
    const struct secure_link_conf *conf = scope->conf[secure_link_index];
    struct str link, expires;
    int64_t when;

    var_missing(out);
    if (conf->secret.data != NULL) {
        link = link_in_path(r, conf->secret);
        if (link.data != NULL)
            var_found(out, link);
        return;
    }
    if (conf->link == NULL || conf->text == NULL)
        return;
    link = scope_eval(scope, conf->link);
    if (cut_expires(&link, &expires, &when) && is_digest_of(link, scope_eval(scope, conf->text)))
        var_found(out, when > 0 && when < (int64_t)clock_wall_s() ? STR("0") : STR("1"));
}

static void get_expires(struct scope *scope, struct var_value *out, uintptr_t data)
{
    const struct secure_link_conf *conf = scope->conf[secure_link_index];
    struct str link, expires;
    int64_t when;

    var_missing(out);
    if (conf->link == NULL || conf->secret.data != NULL)
        return;
    link = scope_eval(scope, conf->link);
    if (cut_expires(&link, &expires, &when) && expires.data != NULL)
        var_found(out, expires);
}

static const struct var_def variables[] = {
    {.name = "secure_link", .get = get_link, .flags = VAR_CHANGEABLE},
    {.name = "secure_link_expires", .get = get_expires, .flags = VAR_CHANGEABLE},
};

const struct module secure_link_module = {
    .name = "secure_link", .nginx_name = "http_secure_link_module",
    .doc = "Links that only we can make, for a time.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct secure_link_conf),
    .variables = TABLE(variables), .index = &secure_link_index,
};
