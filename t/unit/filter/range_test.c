/*
 * t/unit/filter/range_test.c - parts of bodies that come bit by bit, and of those that can be read
 * anywhere.
 */
#include "t/unit/http/http_kit.h"
#include "t/unit/tap.h"

#include "common/core_conf.h"
#include "common/role.h"
#include "worker/filter/range.h"
#include "worker/http/http_block.h"
#include "worker/http/http_core.h"
#include "worker/http/request.h"

const struct module *const modules[] = {
    &core_module, &http_core_module, &range_module, &http_block_module, NULL,
};
const struct role *const roles[] = {NULL};

#define BODY "0123456789abcdefghijklmnopqrstuvwxyz"

/* Gives `step` bytes at a time, and before each of them says once that there is nothing yet. */
struct drip {
    struct source source;
    struct str rest;
    size_t step;
    bool waited;
    int closed;
};

static enum pull drip_pull(struct source *source, struct chain *out, size_t max)
{
    struct drip *d = CONTAINER(source, struct drip, source);
    size_t n = MIN(MIN(d->step, max), d->rest.len);

    d->waited = !d->waited;
    if (d->waited)
        return PULL_WAIT;
    chain_add(out, d->rest.data, n);
    d->rest = str_from(d->rest, n);
    return d->rest.len == 0 ? PULL_END : PULL_MORE;
}

static void drip_close(struct source *source)
{
    CONTAINER(source, struct drip, source)->closed++;
}

static const struct source_ops drip_ops = {.name = "drip", .pull = drip_pull, .close = drip_close};

struct exchange {
    struct request r;
    struct http_fields in, out;
    struct drip drip;
};

static struct exchange *ask(const struct kit *kit, const char *range, size_t step)
{
    struct exchange *x = calloc(1, sizeof(*x));
    struct pool *pool = pool_create(POOL_BLOCK);

    fields_init(&x->in, pool);
    fields_init(&x->out, pool);
    fields_add(&x->in, STR("Range"), str_of(range), FIELD_RANGE);
    x->r.main = &x->r;
    x->r.scope.pool = pool;
    x->r.scope.conf = ((struct http_server *)kit_address(kit)->first)->scope->conf;
    x->r.fields = &x->in;
    x->drip = (struct drip){.source = {.ops = &drip_ops}, .rest = STR(BODY), .step = step};
    x->r.out = (struct response){.status = 200, .accept_ranges = true, .length = 36,
                                 .fields = &x->out, .body = &x->drip.source,
                                 .type = STR_INIT("text/x")};
    if (step == 0)
        x->r.out.body = source_memory(pool, STR(BODY));
    range_module.filter(&x->r);
    return x;
}

static struct str read_all(struct exchange *x, size_t max)
{
    static char text[4096];
    enum pull result = PULL_MORE;
    size_t len = 0;
    struct chain c;

    chain_init(&c);
    while (result == PULL_MORE || result == PULL_WAIT) {
        result = source_pull(x->r.out.body, &c, max);
        while (!chain_empty(&c)) {
            memcpy(text + len, chain_head(&c)->data, chain_head(&c)->len);
            len += chain_head(&c)->len;
            chain_consume(&c, chain_head(&c)->len);
        }
    }
    return result == PULL_END ? (struct str){text, len} : STR("failed");
}

static void end(struct exchange *x)
{
    source_close(x->r.out.body);
    pool_destroy(x->r.scope.pool);
    free(x);
}

static void one_part(const struct kit *kit, size_t step)
{
    struct exchange *x = ask(kit, "bytes=10-12", step);

    is_int(x->r.out.status, 206, "a part");
    is_int(x->r.out.length, 3, "its length");
    is_slice(fields_value(&x->out, FIELD_CONTENT_RANGE), "bytes 10-12/36", "and where it is");
    is_slice(read_all(x, 2), "abc", "its bytes");
    end(x);
    x = ask(kit, "bytes=-1", step);
    is_slice(read_all(x, 100), "z", "the last byte");
    end(x);
}

/* The boundary is whatever it is; what it encloses is checked, and that the length is right. */
static void several_parts(const struct kit *kit, size_t step)
{
    struct exchange *x = ask(kit, "bytes=0-1,5-5,-2", step);
    ssize_t at = str_search(x->r.out.type, STR("boundary="));
    struct str mark = str_from(x->r.out.type, (size_t)at + 9);
    struct str text = read_all(x, 7), want;

    want = pool_printf(x->r.scope.pool,
                       "\r\n--%.*s\r\nContent-Type: text/x\r\nContent-Range: bytes 0-1/36\r\n\r\n01"
                       "\r\n--%.*s\r\nContent-Type: text/x\r\nContent-Range: bytes 5-5/36\r\n\r\n5"
                       "\r\n--%.*s\r\nContent-Type: text/x\r\nContent-Range: bytes 34-35/36\r\n\r\n"
                       "yz\r\n--%.*s--\r\n", STR_ARG(mark), STR_ARG(mark), STR_ARG(mark),
                       STR_ARG(mark));
    is_int(x->r.out.status, 206, "several parts");
    is_slice(text, want.data, "each with its head");
    is_int(x->r.out.length, (int64_t)text.len, "the length is right");
    end(x);
}

static void parts_that_go_back(const struct kit *kit)
{
    struct exchange *x = ask(kit, "bytes=5-6,0-1", 3);

    is_int(x->r.out.status, 200, "one that only flows cannot go back: all of it");
    is_slice(read_all(x, 100), BODY, "unchanged");
    end(x);
    x = ask(kit, "bytes=5-6,0-1", 0);
    is_int(x->r.out.status, 206, "one in memory can");
    ok(str_search(read_all(x, 100), STR("0-1/36\r\n\r\n01\r\n")) > 0, "and does");
    end(x);
}

static void a_body_that_ends_early(const struct kit *kit)
{
    struct exchange *x = ask(kit, "bytes=30-35", 4);

    x->drip.rest.len = 32;
    is_slice(read_all(x, 100), "failed", "is not passed off as whole");
    end(x);
    x = ask(kit, "bytes=30-35", 4);
    x->drip.rest.len = 20;
    is_slice(read_all(x, 100), "failed", "nor one that ends before the part");
    source_close(x->r.out.body);
    is_int(x->drip.closed, 1, "closing reaches the body");
    pool_destroy(x->r.scope.pool);
    free(x);
}

static void outside(const struct kit *kit)
{
    struct exchange *x = ask(kit, "bytes=36-", 4);

    is_int(x->r.out.status, 416, "a part behind the end");
    ok(x->r.out.is_error_page, "is an error");
    is_slice(fields_value(&x->out, FIELD_CONTENT_RANGE), "bytes */36", "that tells the length");
    end(x);
}

int main(void)
{
    struct kit *kit = kit_load("events { } http { server { listen 127.0.0.1:80; } }");

    if (ok(kit != NULL, "a configuration")) {
        for (size_t step = 0; step < 40; step += 4) {
            one_part(kit, step);
            several_parts(kit, step);
        }
        parts_that_go_back(kit);
        a_body_that_ends_early(kit);
        outside(kit);
        kit_free(kit);
    }
    return tap_done();
}
