/*
 * worker/filter/gunzip.c - responses compressed with gzip, for clients that do not take it.
 *
 * zlib's memory (some 40 KB) is kept for the next response. What follows one compressed member is
 * another, as in files that were joined (RFC 1952, 2.2).
 */
#include "worker/filter/gunzip.h"

#include <stdlib.h>
#include <zlib.h>

#include "common/conf_load.h"
#include "worker/filter/transform.h"
#include "worker/filter/zlib_step.h"
#include "worker/http/coding.h"
#include "worker/http/phase.h"
#include "worker/http/representation.h"

#define GZIP_FORMAT 16 /* added to the window bits: gzip's header and trailer, not zlib's */
#define IDLE_MOST   16

static uint32_t gunzip_index;

struct gunzip_conf {
    bool on;
    struct buf_count ignored_buffers;
};

struct inflater {
    z_stream z;
    struct inflater *next;
};

struct gunzip {
    struct transform transform;
    struct inflater *inflater;
    struct log *log;
    bool between;           /* members: the body may end here */
};

/* Inflaters, kept for reuse -------------------------------------------------------------------- */

static struct inflater *idle;
static uint32_t idle_count;

static struct inflater *take_inflater(void)
{
    struct inflater *inflater = idle;

    if (inflater != NULL) {
        idle = inflater->next;
        idle_count--;
        must(inflateReset(&inflater->z) == Z_OK);
        return inflater;
    }
    inflater = calloc(1, sizeof(*inflater));
    if (inflater != NULL && inflateInit2(&inflater->z, MAX_WBITS + GZIP_FORMAT) == Z_OK)
        return inflater;
    free(inflater);
    return NULL;
}

static void destroy(struct inflater *inflater)
{
    inflateEnd(&inflater->z);
    free(inflater);
}

static void give_inflater(struct inflater *inflater)
{
    if (idle_count == IDLE_MOST) {
        destroy(inflater);
        return;
    }
    inflater->next = idle;
    idle = inflater;
    idle_count++;
}

static void drop_idle(void)
{
    struct inflater *inflater;

    while ((inflater = idle) != NULL) {
        idle = inflater->next;
        destroy(inflater);
    }
    idle_count = 0;
}

/* The body ------------------------------------------------------------------------------------- */

static enum transform_step fail(const struct gunzip *g, int rc)
{
    const char *why = g->inflater->z.msg;

    log_error(g->log, LOG_ERROR, 0, "inflate() failed: %d%s%s", rc, why != NULL ? ", " : "",
              why != NULL ? why : "");
    return TRANSFORM_FAILED;
}

static enum transform_step finish(const struct gunzip *g)
{
    if (g->between)
        return TRANSFORM_END;
    log_error(g->log, LOG_ERROR, 0, "a compressed response ended too early");
    return TRANSFORM_FAILED;
}

/* Some of `in` to some of `out`; what zlib says. */
static int inflate_some(struct gunzip *g, struct str *in, struct buf *out)
{
    z_stream *z = &g->inflater->z;
    size_t before = in->len;
    int rc = zlib_step(inflate, z, Z_SYNC_FLUSH, in, out);

    if (in->len < before)
        g->between = false;
    if (rc == Z_STREAM_END) {
        must(inflateReset(z) == Z_OK);
        g->between = true;
    }
    return rc;
}

static enum transform_step run(struct transform *t, struct str *in, struct buf *out,
                               enum transform_wish wish)
{
    struct gunzip *g = CONTAINER(t, struct gunzip, transform);

    do {
        int rc = inflate_some(g, in, out);

        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return fail(g, rc);
        if (buf_room(out) == 0)
            return TRANSFORM_FULL;
    } while (in->len > 0);
    return wish == TRANSFORM_FINISH ? finish(g) : TRANSFORM_DONE;
}

static void give_inflater_back(struct transform *t)
{
    give_inflater(CONTAINER(t, struct gunzip, transform)->inflater);
}

static const struct transform_ops gunzip_ops = {.run = run, .fini = give_inflater_back};

static bool inflate_body(struct request *r)
{
    struct inflater *inflater = take_inflater();
    struct gunzip *g;

    if (inflater == NULL) {
        log_error(&r->log, LOG_ALERT, 0, "no memory to decompress with");
        return false;
    }
    g = pool_zalloc(request_pool(r), sizeof(*g));
    g->inflater = inflater;
    g->log = &r->log;
    g->between = true; /* an empty body is no broken one */
    transform_init(&g->transform, r, &gunzip_ops);
    return true;
}

/* The head ------------------------------------------------------------------------------------- */

static void filter(struct request *r)
{
    const struct gunzip_conf *conf = REQUEST_CONF(r, gunzip_index, struct gunzip_conf);

    if (!conf->on || !str_eq_nocase(representation_field(r, FIELD_CONTENT_ENCODING), STR("gzip")))
        return;
    coding_varies(r);
    if (coding_weight(r, CODING_GZIP) > 0)
        return;
    if (r->out.body != NULL && !r->ops->dry && !inflate_body(r))
        return;
    representation_drop(r, FIELD_CONTENT_ENCODING);
    representation_changes(r);
}

#define F(member) FIELD(struct gunzip_conf, member)

static const struct directive directives[] = {
    {.name = "gunzip", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG, .field = F(on),
     .initial = "off",
     .doc = "Decompress responses that are gzip, from files or origins, for clients that do not "
            "take it."},
    {.name = "gunzip_buffers", .where = IN_WEB, .args = "number size", .value = VALUE_BUFS,
     .field = F(ignored_buffers), .notice = "one buffer is filled as fast as the client takes it",
     .doc = "Accepted for compatibility: one buffer is filled as fast as the client takes it."},
};

const struct module gunzip_module = {
    .name = "gunzip", .nginx_name = "http_gunzip_module",
    .doc = "Compressed responses for clients that take none.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct gunzip_conf),
    .filter = filter, .worker_stop = drop_idle, .index = &gunzip_index,
    .idle_without = &gunzip_module,
};
