/*
 * t/unit/common/chain_test.c - chains and buffers: joining, consuming, growing, recycling.
 */
#include "common/buf.h"
#include "common/chain.h"
#include "t/unit/tap.h"

static const char text[] = "abcdefghijklmnopqrstuvwxyz";

#define PACKED_NO_MORE 1000

static void neighbours_are_joined(void)
{
    struct chain c;

    chain_init(&c);
    chain_add(&c, text, 3);
    chain_add(&c, text + 3, 3);
    chain_add(&c, text + 9, 0);
    is_int(c.count, 1, "memory that follows memory, and nothing");
    chain_add(&c, text + 9, 3);
    is_int(c.count, 2, "a gap is a new piece");
    chain_add_file(&c, 5, 0, 10);
    chain_add_file(&c, 5, 10, 10);
    is_int(c.count, 3, "file ranges that follow");
    chain_add_file(&c, 5, 30, 10);
    chain_add_file(&c, 6, 40, 10);
    is_int(c.count, 5, "not those of another place or file");
    chain_add_pipe(&c, 7, 4);
    is_int((int64_t)c.bytes, 53, "all counted");
    chain_fini(&c);
}

static void consuming_spans_pieces(void)
{
    struct chain c;

    chain_init(&c);
    chain_add(&c, text, 2);
    chain_add(&c, text + 4, 2);
    chain_add_file(&c, 5, 100, 50);
    chain_consume(&c, 0);
    is_int((int64_t)c.bytes, 54, "nothing");
    chain_consume(&c, 3);
    ok(chain_head(&c)->data == text + 5 && chain_head(&c)->len == 1, "into the second");
    chain_consume(&c, 11);
    is_int(chain_head(&c)->offset, 110, "into the file");
    is_int((int64_t)chain_head(&c)->len, 40, "what is left of it");
    chain_consume(&c, 40);
    ok(chain_empty(&c) && c.bytes == 0, "to the end");
}

/* A chain of many pieces, taken from the front while added to at the end, against a model. */
static void a_long_queue_keeps_order(void)
{
    static char bytes[4096], got[4096];
    size_t in = 0, out = 0;
    struct chain c;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 31);
    chain_init(&c);
    while (out < sizeof(bytes)) {
        for (int i = 0; i < 9 && in < sizeof(bytes); i++, in++) {
            static char copies[4096 * 2]; /* two apart, so that none is joined */
            copies[in * 2] = bytes[in];
            chain_add(&c, &copies[in * 2], 1);
        }
        for (int i = 0; i < 7 && !chain_empty(&c); i++, out++) {
            got[out] = *chain_head(&c)->data;
            chain_consume(&c, 1);
        }
    }
    ok(memcmp(bytes, got, sizeof(got)) == 0, "order kept");
    ok(!c.on_heap, "an empty chain holds no memory");
}

static void chains_move(void)
{
    struct chain a, b;

    chain_init(&a);
    chain_init(&b);
    chain_add(&a, text, 3);
    chain_add(&b, text + 3, 3);
    chain_add_file(&b, 3, 0, 9);
    chain_add_pipe(&b, 4, 9);
    chain_move(&a, &b);
    ok(chain_empty(&b) && b.bytes == 0, "the source is empty");
    is_int(a.count, 3, "joined at the seam");
    is_int((int64_t)a.bytes, 24, "all there");
    chain_clear(&a);
    ok(chain_empty(&a) && a.bytes == 0, "cleared");
    chain_add(&b, text, 3);
    chain_add_file(&b, 3, 5, 9);
    chain_move_first(&a, &b, 7);
    ok(a.bytes == 7 && b.bytes == 5 && chain_head(&b)->offset == 9, "a part of it");
    chain_move_first(&a, &b, 0);
    chain_move_first(&a, &b, 5);
    ok(a.bytes == 12 && chain_empty(&b) && a.count == 2, "and the rest");
    chain_clear(&a);
}

static void iovecs_name_leading_memory(void)
{
    struct chain c;
    struct iovec iov[8];

    chain_init(&c);
    for (size_t i = 0; i < 6; i++)
        chain_add(&c, text + i * 4, 2);
    is_int(chain_iovec(&c, iov, 8, SIZE_MAX), 6, "all");
    is_int(chain_iovec(&c, iov, 4, SIZE_MAX), 4, "as many as fit");
    is_int(chain_iovec(&c, iov, 8, 5), 3, "as many bytes as asked for");
    is_int((int64_t)iov[2].iov_len, 1, "the last one cut");
    ok(iov[1].iov_base == text + 4, "the right place");
    chain_add_file(&c, 3, 0, 10);
    chain_add(&c, text, 2);
    is_int(chain_iovec(&c, iov, 8, SIZE_MAX), 6, "up to the file");
    chain_consume(&c, 12);
    is_int(chain_iovec(&c, iov, 8, SIZE_MAX), 0, "none when a file leads");
    chain_clear(&c);
}

static void buffers_are_recycled_by_size(void)
{
    struct buf a, b = {NULL, NULL, NULL, NULL};
    char *memory;

    buf_give(&b);
    ok(b.start == NULL, "giving none back is nothing");
    buf_take(&a, 1000);
    is_int((int64_t)buf_room(&a), 1024, "rounded up");
    is_int((int64_t)buf_used(&a), 0, "empty");
    memory = a.start;
    memset(a.start, 1, 1024);
    buf_give(&a);
    ok(a.start == NULL, "held no more");
    buf_take(&a, 2048);
    ok(a.start != memory, "another size is another list");
    buf_take(&b, 1024);
    ok(b.start == memory, "the same size is the warm one");
    buf_give(&a);
    buf_give(&b);
    buf_take(&a, 0);
    ok(buf_room(&a) >= 512, "never without room");
    buf_give(&a);
    buf_take(&a, 1 << 20);
    is_int((int64_t)buf_room(&a), 1 << 20, "large");
    buf_give(&a);
    buf_trim(0);
}

static void buffers_grow_and_compact(void)
{
    struct buf b;
    const char *old, *slice;

    buf_take(&b, 512);
    memcpy(b.last, text, 26);
    b.last += 26;
    b.pos += 10;
    slice = b.pos + 2;
    old = buf_grow(&b, 4096);
    is_int((int64_t)buf_used(&b), 16, "what was unread is unread");
    slice = b.start + (slice - old);
    is_slice(str_range(slice, slice + 3), "mno", "a slice can be rebased");
    is_slice(str_range(b.start, b.start + 3), "abc", "also one of what was consumed");
    buf_compact(&b);
    ok(b.pos == b.start && buf_used(&b) == 16, "moved to the front");
    is_slice(buf_str(&b), "klmnopqrstuvwxyz", "intact");
    buf_give(&b);
}

static void scattered_bytes_are_packed(void)
{
    char buffer[4096], big[PACKED_NO_MORE];
    struct chain c;

    memset(buffer, '#', sizeof(buffer));
    chain_init(&c);
    for (size_t i = 0; i < 500; i++) {
        buffer[i * 6 + 3] = (char)('a' + i % 26);
        chain_pack(&c, buffer, buffer + i * 6 + 3, 1);
    }
    is_int(c.count, 1, "500 pieces of a byte are one");
    is_int((int64_t)c.bytes, 500, "with all of them");
    is_slice(str_range(chain_head(&c)->data, chain_head(&c)->data + 27),
             "abcdefghijklmnopqrstuvwxyza", "in order");
    chain_pack(&c, big, big + 10, sizeof(big) - 10);
    is_int(c.count, 2, "one of another buffer is not moved");
    chain_pack(&c, buffer, buffer + 4000, 10);
    is_int(c.count, 3, "nor one behind it");
    chain_clear(&c);
    chain_pack(&c, buffer, buffer, 10);
    chain_pack(&c, buffer, buffer + 100, PACKED_NO_MORE);
    is_int(c.count, 2, "nor a long one");
    chain_fini(&c);
}

int main(void)
{
    neighbours_are_joined();
    consuming_spans_pieces();
    a_long_queue_keeps_order();
    chains_move();
    iovecs_name_leading_memory();
    buffers_are_recycled_by_size();
    buffers_grow_and_compact();
    scattered_bytes_are_packed();
    return tap_done();
}
