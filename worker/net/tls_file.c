/*
 * worker/net/tls_file.c - certificates and keys from PEM files.
 *
 * A key that asks for a password which nobody gave is refused: a server must not stop at a prompt.
 */
#include "worker/net/tls_file.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "common/growing_map.h"
#include "worker/net/tls.h"

#define PASSWORD_MAX 4096

struct tls_files {
    struct pool *pool;
    struct growing_map certs; /* struct cert_file * */
    struct growing_map keys;  /* EVP_PKEY *, by path and password file */
};

struct cert_file {
    X509 *leaf;
    STACK_OF(X509) *chain;
};

struct tls_files *tls_files_new(struct pool *pool)
{
    struct tls_files *files = pool_zalloc(pool, sizeof(*files));

    files->pool = pool;
    growing_map_init(&files->certs, pool);
    growing_map_init(&files->keys, pool);
    return files;
}

static const char *fault(struct pool *pool, const char *kind, struct str path, const char *call)
{
    char text[1024];
    size_t len = tls_errors(text, sizeof(text));

    if (str_starts(path, STR("data:")))
        path = STR("data:");
    return pool_printf(pool, "cannot load %s \"%" STR_FMT "\": %s failed (SSL: %.*s)", kind,
                       STR_ARG(path), call, (int)len, text).data;
}

static BIO *open_file(struct pool *pool, struct str path)
{
    if (str_starts(path, STR("data:")))
        return BIO_new_mem_buf(path.data + 5, (int)(path.len - 5));
    return BIO_new_file(pool_cstr(pool, path), "r");
}

/* Certificates --------------------------------------------------------------------------------- */

static void free_cert(void *arg)
{
    struct cert_file *file = arg;

    X509_free(file->leaf);
    sk_X509_pop_free(file->chain, X509_free);
}

/* The end of the file is an error to OpenSSL, but none to us. */
static bool at_end(void)
{
    unsigned long code = ERR_peek_last_error();

    if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE)
        return false;
    ERR_clear_error();
    return true;
}

static const char *read_certs(struct pool *pool, BIO *bio, struct cert_file *file, struct str path)
{
    X509 *next;

    file->leaf = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    if (file->leaf == NULL)
        return fault(pool, "certificate", path, "PEM_read_bio_X509_AUX()");
    while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (file->chain == NULL)
            file->chain = sk_X509_new_null();
        sk_X509_push(file->chain, next);
    }
    return at_end() ? NULL : fault(pool, "certificate", path, "PEM_read_bio_X509()");
}

bool tls_files_cert(struct tls_files *files, struct str path, X509 **leaf, STACK_OF(X509) **chain,
                    const char **why)
{
    struct cert_file *file = growing_map_find(&files->certs, path);
    BIO *bio;

    if (file == NULL) {
        bio = open_file(files->pool, path);
        if (bio == NULL) {
            *why = fault(files->pool, "certificate", path, "BIO_new_file()");
            return false;
        }
        file = pool_zalloc(files->pool, sizeof(*file));
        pool_on_destroy(files->pool, free_cert, file);
        *why = read_certs(files->pool, bio, file, path);
        BIO_free(bio);
        if (*why != NULL)
            return false;
        *growing_map_at(&files->certs, path) = file;
    }
    *leaf = file->leaf;
    *chain = file->chain;
    return true;
}

/* Keys ----------------------------------------------------------------------------------------- */

static int give_password(char *into, int room, int writing, void *arg)
{
    const struct str *password = arg;

    if (password->data == NULL || password->len > (size_t)room)
        return -1;
    memcpy(into, password->data, password->len);
    return (int)password->len;
}

/* Each line of the file is tried. */
static EVP_PKEY *read_key(BIO *bio, struct str passwords)
{
    EVP_PKEY *key = NULL;
    struct str line = STR_NONE;

    do {
        line = passwords.data == NULL ? STR_NONE : str_cut(&passwords, '\n');
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        ERR_clear_error();
        BIO_reset(bio);
        key = PEM_read_bio_PrivateKey(bio, NULL, give_password, &line);
    } while (key == NULL && passwords.len > 0);
    return key;
}

bool tls_file_passwords(struct pool *pool, struct str path, struct str *out, const char **why)
{
    BIO *bio;
    char *text;
    int n;

    *out = STR_NONE;
    if (path.len == 0)
        return true;
    bio = open_file(pool, path);
    if (bio == NULL) {
        *why = fault(pool, "password file", path, "BIO_new_file()");
        return false;
    }
    text = pool_bytes(pool, PASSWORD_MAX);
    n = BIO_read(bio, text, PASSWORD_MAX);
    BIO_free(bio);
    *out = (struct str){text, n < 0 ? 0 : (size_t)n};
    return true;
}

static void free_key(void *key)
{
    EVP_PKEY_free(key);
}

static EVP_PKEY *load_key(struct tls_files *files, struct str path, struct str passwords,
                          const char **why)
{
    struct str words;
    EVP_PKEY *key;
    BIO *bio;

    if (str_starts(path, STR("engine:"))) {
        *why = "keys of engines are not supported: OpenSSL 3 replaced engines by providers";
        return NULL;
    }
    if (!tls_file_passwords(files->pool, passwords, &words, why))
        return NULL;
    bio = open_file(files->pool, path);
    if (bio == NULL) {
        *why = fault(files->pool, "certificate key", path, "BIO_new_file()");
        return NULL;
    }
    key = read_key(bio, words);
    if (key == NULL)
        *why = fault(files->pool, "certificate key", path, "PEM_read_bio_PrivateKey()");
    if (words.data != NULL)
        OPENSSL_cleanse((char *)(uintptr_t)words.data, PASSWORD_MAX);
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

EVP_PKEY *tls_files_key(struct tls_files *files, struct str path, struct str passwords,
                        const char **why)
{
    struct str name = pool_printf(files->pool, "%" STR_FMT "\n%" STR_FMT, STR_ARG(path),
                                  STR_ARG(passwords));
    EVP_PKEY *key = growing_map_find(&files->keys, name);

    if (key != NULL)
        return key;
    key = load_key(files, path, passwords, why);
    if (key != NULL) {
        pool_on_destroy(files->pool, free_key, key);
        *growing_map_at(&files->keys, name) = key;
    }
    return key;
}

EVP_PKEY *tls_files_dhparam(struct tls_files *files, struct str path, const char **why)
{
    BIO *bio = open_file(files->pool, path);
    EVP_PKEY *dh = bio == NULL ? NULL : PEM_read_bio_Parameters(bio, NULL);
    char text[1024];

    if (dh == NULL)
        *why = pool_printf(files->pool, "%s(\"%" STR_FMT "\") failed (SSL: %.*s)",
                           bio == NULL ? "BIO_new_file" : "PEM_read_bio_DHparams", STR_ARG(path),
                           (int)tls_errors(text, sizeof(text)), text).data;
    BIO_free(bio);
    return dh;
}

/* From memory ---------------------------------------------------------------------------------- */

bool tls_file_parse_cert(struct pool *pool, struct str text, struct str path, X509 **leaf,
                         STACK_OF(X509) **chain, const char **why)
{
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    struct cert_file file = {NULL, NULL};

    ERR_clear_error();
    *why = bio == NULL ? "no memory" : read_certs(pool, bio, &file, path);
    BIO_free(bio);
    if (*why != NULL)
        free_cert(&file);
    *leaf = *why == NULL ? file.leaf : NULL;
    *chain = *why == NULL ? file.chain : NULL;
    return *why == NULL;
}

EVP_PKEY *tls_file_parse_key(struct pool *pool, struct str text, struct str path,
                             struct str passwords, const char **why)
{
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    EVP_PKEY *key = bio == NULL ? NULL : read_key(bio, passwords);

    if (key == NULL)
        *why = fault(pool, "certificate key", path, "PEM_read_bio_PrivateKey()");
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

struct str tls_file_beside(struct pool *pool, struct str conf_dir, struct str name)
{
    if (str_starts(name, STR("data:")) || str_starts(name, STR("/")))
        return name;
    return pool_printf(pool, "%" STR_FMT "%" STR_FMT, STR_ARG(conf_dir), STR_ARG(name));
}

struct str tls_file_data(struct str path)
{
    return str_starts(path, STR("data:")) ? str_from(path, 5) : STR_NONE;
}
