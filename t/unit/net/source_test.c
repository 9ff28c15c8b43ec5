/*
 * t/unit/net/source_test.c - the simple sources give what they have, no more at once than asked.
 */
#include <sys/mman.h>

#include "t/unit/net/net_kit.h"
#include "worker/net/source.h"

/* The bytes of memory pieces, which the chain then no longer has. */
static struct str text_of(struct chain *c)
{
    static char text[256];
    size_t len = 0;

    while (!chain_empty(c)) {
        const struct piece *p = chain_head(c);

        memcpy(text + len, p->data, p->len);
        len += p->len;
        chain_consume(c, p->len);
    }
    return (struct str){text, len};
}

static void memory_is_given_in_parts(struct pool *pool)
{
    struct source *s = source_memory(pool, STR("hello"));
    struct chain c;

    chain_init(&c);
    is_int(s->length, 5, "its length is known");
    is_int(source_pull(s, &c, 3), PULL_MORE, "a part");
    is_slice(text_of(&c), "hel", "as asked");
    is_int(s->length, 2, "the rest is known");
    is_int(source_pull(s, &c, 10), PULL_END, "the end comes with the last bytes");
    is_slice(text_of(&c), "lo", "the rest");
    source_close(s);
}

static void a_file_is_given_as_pieces_or_read(struct pool *pool)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    struct source *s;
    struct chain c;

    kit_write(fd, "0123456789");
    chain_init(&c);
    s = source_file(pool, fd, 2, 6);
    is_int(source_pull(s, &c, 4), PULL_MORE, "a part of a file");
    ok(chain_head(&c)->kind == PIECE_FILE && chain_head(&c)->offset == 2, "is a file piece");
    is_int((int64_t)chain_head(&c)->len, 4, "of that length");
    chain_clear(&c);
    s->file_ok = false;
    is_int(source_pull(s, &c, 10), PULL_END, "the rest");
    is_slice(text_of(&c), "67", "is read for one who wants memory");
    source_close(s);

    s = source_file(pool, fd, 8, 10);
    s->file_ok = false;
    is_int(source_pull(s, &c, 100), PULL_MORE, "what a short file has");
    chain_clear(&c);
    is_int(source_pull(s, &c, 100), PULL_ERROR, "is not passed off as the whole");
    source_close(s);
    close(fd);
}

/* Any part, in any order, also behind the end of what was read. */
static void a_window_is_read_alone(struct pool *pool)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    struct source *sources[] = {source_memory(pool, STR("0123456789")),
                                source_file(pool, fd, 1, 10)};
    struct chain c;

    kit_write(fd, "-0123456789-");
    chain_init(&c);
    for (size_t i = 0; i < COUNT(sources); i++) {
        struct source *s = sources[i];

        s->file_ok = false;
        s->ops->window(s, 4, 3);
        is_int(source_pull(s, &c, 100), PULL_END, "a part from the middle");
        is_slice(text_of(&c), "456", "and no more");
        s->ops->window(s, 0, 2);
        is_int(source_pull(s, &c, 1), PULL_MORE, "one before it");
        is_slice(text_of(&c), "0", "from its beginning");
        is_int(source_pull(s, &c, 100), PULL_END, "in two steps");
        is_slice(text_of(&c), "1", "to its end");
        s->ops->window(s, 9, 1);
        is_int(source_pull(s, &c, 100), PULL_END, "and the last byte");
        is_slice(text_of(&c), "9", "is there");
        source_close(s);
    }
    close(fd);
}

static void nothing_ends_at_once(void)
{
    struct chain c;

    chain_init(&c);
    is_int(source_pull(source_empty(), &c, 1), PULL_END, "nothing");
    source_close(source_empty());
    source_close(NULL);
}

static void joined_ones_are_one(struct pool *pool)
{
    static const char all[] = "abcdefghij";
    struct source *parts[5], *s;
    int wrong = 0;
    struct chain c;

    chain_init(&c);
    parts[0] = source_memory(pool, STR("abc"));
    parts[1] = source_memory(pool, STR(""));
    parts[2] = source_memory(pool, STR("d"));
    parts[3] = source_memory(pool, STR("efghij"));
    parts[4] = source_memory(pool, STR(""));
    s = source_joined(pool, parts, COUNT(parts));
    is_int(s->length, 10, "as long as all together");
    for (size_t max = 1; max < 12; max++) {
        for (size_t first = 0; first <= 10; first++) {
            for (size_t len = 0; first + len <= 10; len++) {
                enum pull result;

                s->ops->window(s, (int64_t)first, (int64_t)len);
                do {
                    result = source_pull(s, &c, max);
                } while (result == PULL_MORE);
                wrong += result != PULL_END || s->length != 0 ||
                         !str_eq(text_of(&c), (struct str){all + first, len});
            }
        }
    }
    is_int(wrong, 0, "and read like one, from anywhere");
    source_close(s);
}

int main(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);

    kit_start();
    memory_is_given_in_parts(pool);
    a_file_is_given_as_pieces_or_read(pool);
    a_window_is_read_alone(pool);
    joined_ones_are_one(pool);
    nothing_ends_at_once();
    pool_destroy(pool);
    loop_fini(&kit_loop);
    return tap_done();
}
