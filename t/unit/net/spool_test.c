/*
 * t/unit/net/spool_test.c - a spool gives every reader every byte, within its limits.
 */
#include <ftw.h>
#include <sys/stat.h>

#include "common/generation.h"
#include "t/unit/net/net_kit.h"
#include "worker/event/threads.h"
#include "worker/net/spool.h"

static struct temp_path temp;
static char temp_dir[64];
static int wakes;

static void count_wake(struct post *post)
{
    wakes++;
}

static struct post waiter = {.run = count_wake}, writer = {.run = count_wake};

/* The spool's byte at `pos`: a pattern that no shift hides. */
static char byte_at(int64_t pos)
{
    return (char)(pos * 31 + pos / 251 + pos / 65521);
}

static void fill(char *into, int64_t pos, size_t len)
{
    for (size_t i = 0; i < len; i++)
        into[i] = byte_at(pos + (int64_t)i);
}

/* Checks and drops what a pull gave; -1 if a byte is wrong. */
static int64_t check(struct chain *c, int64_t pos)
{
    static char text[1 << 16];
    int64_t len = 0;

    while (!chain_empty(c)) {
        struct piece p = *chain_head(c);
        const char *data = p.data;

        p.len = MIN(p.len, sizeof(text));
        if (p.kind == PIECE_FILE) {
            if (pread(p.fd, text, p.len, p.offset) != (ssize_t)p.len)
                return -1;
            data = text;
        }
        for (size_t i = 0; i < p.len; i++)
            if (data[i] != byte_at(pos + len + (int64_t)i))
                return -1;
        len += (int64_t)p.len;
        chain_consume(c, p.len);
    }
    return len;
}

static enum rc add_bytes(struct spool *s, size_t len)
{
    char text[40000];

    fill(text, spool_bytes(s), len);
    return spool_add(s, text, len);
}

static void bytes_flow_through_memory(void)
{
    struct spool_limits limits = {.memory_bytes = 8192, .block_bytes = 4096, .length = -1,
                                  .writer = &writer};
    struct spool *s = spool_create(&limits, &process_log);
    struct source *r = spool_read(s);
    struct chain c;

    chain_init(&c);
    r->waiter = &waiter;
    is_int(source_pull(r, &c, 1000), PULL_WAIT, "nothing yet");
    is_int(add_bytes(s, 3000), RC_OK, "some");
    loop_turn(&kit_loop, 0);
    is_int(wakes, 1, "the reader is woken");
    is_int(source_pull(r, &c, 1000), PULL_MORE, "it takes a part");
    is_int(check(&c, 0), 1000, "the first bytes");
    is_int(add_bytes(s, 5192), RC_AGAIN, "memory is full");
    ok(spool_full(s), "and says so");
    is_int(source_pull(r, &c, 4000), PULL_MORE, "the next part");
    is_int(check(&c, 1000), 4000, "across blocks");
    is_int(source_pull(r, &c, 10), PULL_MORE, "pulling again gives back what was read");
    is_int(check(&c, 5000), 10, "ten bytes");
    wakes = 0;
    loop_turn(&kit_loop, 0);
    is_int(wakes, 1, "and the writer is told that there is room");
    spool_finish(s);
    is_int(r->length, 3182, "the end is known");
    is_int(source_pull(r, &c, 100000), PULL_END, "the rest");
    is_int(check(&c, 5010), 3182, "all of it");
    spool_drop(s);
    source_close(r);
    loop_turn(&kit_loop, 0);
}

static void what_is_too_much_goes_to_a_file(void)
{
    struct spool_limits limits = {.memory_bytes = 8192, .block_bytes = 4096, .length = 100000,
                                  .file_bytes = 65536, .temp = &temp, .writer = &writer};
    struct spool *s = spool_create(&limits, &process_log);
    struct source *a = spool_read(s), *b = spool_read(s);
    struct chain c;
    char *into;
    size_t room;

    chain_init(&c);
    while ((into = spool_reserve(s, &room)) != NULL) {
        fill(into, spool_bytes(s), room);
        is_int(spool_commit(s, room), RC_OK, "committed");
    }
    is_int(spool_bytes(s), 8192 + 65536, "memory and file are full");
    ok(spool_file(s) >= 0 && spool_file_name(s) == NULL, "the file has no name");
    is_int(a->length, 100000, "the announced length is known");
    b->file_ok = false;
    is_int(source_pull(a, &c, 100000), PULL_MORE, "one reader takes all");
    is_int(c.count, 3, "two blocks and a range of the file");
    is_int(check(&c, 0), 73728, "the right bytes");
    a->waiter = &waiter;
    is_int(source_pull(a, &c, 100000), PULL_WAIT, "and waits");
    ok(spool_full(s), "the other still needs them");
    for (int64_t pos = 0; pos < 73728;) {
        int64_t n;

        source_pull(b, &c, 100000);
        n = check(&c, pos);
        if (n <= 0 || c.count > 0)
            break;
        pos += n;
        if (pos == 73728)
            ok(true, "which reads file bytes into memory");
    }
    is_int(source_pull(b, &c, 1), PULL_WAIT, "until it has seen all");
    ok(!spool_full(s), "then there is room");
    is_int(add_bytes(s, 9000), RC_OK, "for more");
    source_close(b);
    is_int(source_pull(a, &c, 100000), PULL_MORE, "the first goes on");
    is_int(check(&c, 73728), 9000, "where it was");
    spool_fail(s);
    is_int(source_pull(a, &c, 100000), PULL_ERROR, "a body that broke off does not end well");
    source_close(a);
    spool_drop(s);
    loop_turn(&kit_loop, 0);
}

static void a_request_body_is_kept_whole(void)
{
    struct spool_limits limits = {.memory_bytes = 8192, .length = -1, .keep = true,
                                  .file_bytes = INT64_MAX, .temp = &temp, .whole_file = true};
    struct spool *s = spool_create(&limits, &process_log);
    struct pool *pool = pool_create(POOL_BLOCK);
    struct chain c;

    chain_init(&c);
    is_int(add_bytes(s, 8000), RC_OK, "what fits");
    is_int((int64_t)spool_text(s, pool).len, 8000, "is one text in memory");
    is_int(add_bytes(s, 8000), RC_OK, "what does not");
    ok(spool_text(s, pool).data == NULL, "is in a file");
    add_bytes(s, 100);
    spool_finish(s);
    for (int i = 0; i < 2; i++) {
        struct source *r = spool_read(s);

        is_int(r->length, 16100, "each reader begins at the start");
        is_int(source_pull(r, &c, 100000), PULL_END, "reads all");
        is_int(c.count, 1, "from the file, which has all");
        is_int(check(&c, 0), 16100, "unchanged");
        source_close(r);
    }
    spool_drop(s);
    pool_destroy(pool);
    loop_turn(&kit_loop, 0);
}

static void a_named_file_is_there_and_goes(void)
{
    struct spool_limits limits = {.memory_bytes = 8192, .length = -1, .keep = true,
                                  .file_bytes = INT64_MAX, .temp = &temp, .file_only = true,
                                  .file_named = true};
    struct spool *s = spool_create(&limits, &process_log);
    struct stat st;
    char name[4096];

    temp.levels[0] = 1;
    temp.levels[1] = 2;
    add_bytes(s, 10);
    ok(spool_file_name(s) != NULL, "it has a name");
    snprintf(name, sizeof(name), "%s", spool_file_name(s));
    ok(stat(name, &st) == 0 && st.st_size == 10, "with the body in it");
    is_int((int64_t)strlen(name), (int64_t)strlen(temp_dir) + 1 + 1 + 1 + 2 + 1 + 10,
           "in its two levels of directories");
    spool_drop(s);
    ok(stat(name, &st) != 0, "and is gone with the spool");
    temp.levels[0] = 0;
    loop_turn(&kit_loop, 0);
}

static void a_full_disk_costs_a_response_nothing(void)
{
    struct temp_path nowhere = {.path = STR_INIT("/nonexistent/dir")};
    struct spool_limits limits = {.memory_bytes = 8192, .block_bytes = 4096, .length = -1,
                                  .file_bytes = 65536, .temp = &nowhere};
    struct spool *s = spool_create(&limits, &process_log);
    struct source *r = spool_read(s);
    struct chain c;

    chain_init(&c);
    is_int(add_bytes(s, 12000), RC_AGAIN, "it is full without the file");
    is_int(source_pull(r, &c, 100000), PULL_MORE, "and all is there");
    is_int(check(&c, 0), 12000, "unchanged");
    source_close(r);
    spool_drop(s);

    limits.keep = true;
    s = spool_create(&limits, &process_log);
    is_int(add_bytes(s, 12000), RC_ERROR, "a body that must be kept is refused");
    spool_drop(s);
    loop_turn(&kit_loop, 0);
}

static bool is_all_in_file(struct chain *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->pieces[c->first + i].kind != PIECE_FILE)
            return false;
    return c->count > 0;
}

static bool last_is_done;

static void nothing(struct task *task)
{
}

static void note_last(struct task *task)
{
    last_is_done = true;
}

/* A pool of one thread: what was submitted before is done when this is. */
static void finish_threads(struct thread_pool *threads)
{
    struct task last = {.work = nothing, .done = note_last};

    last_is_done = false;
    threads_submit(threads, &last);
    while (!last_is_done)
        loop_turn(&kit_loop, 10);
    threads_destroy(threads);
    loop_turn(&kit_loop, 0);
}

static void threads_write_the_file(void)
{
    struct thread_pool *threads = threads_create("spool", 1, 16);
    struct spool_limits limits = {.memory_bytes = 4096, .block_bytes = 4096, .length = -1,
                                  .file_bytes = 1 << 20, .temp = &temp, .file_only = true,
                                  .writer = &writer, .write_threads = threads};
    struct spool *s = spool_create(&limits, &process_log);
    struct source *r = spool_read(s);
    struct chain c;

    chain_init(&c);
    wakes = 0;
    is_int(add_bytes(s, 30000), RC_AGAIN, "full while it is written");
    ok(spool_full(s), "says so");
    is_int(source_pull(r, &c, 5000), PULL_MORE, "a reader need not wait for that");
    is_int(check(&c, 0), 5000, "what it gets");
    for (int i = 0; i < 1000 && wakes == 0; i++)
        loop_turn(&kit_loop, 10);
    is_int(wakes, 1, "the writer hears that there is room");
    ok(!spool_full(s), "and there is");
    is_int(add_bytes(s, 1), RC_AGAIN, "more");
    spool_finish(s);
    is_int(source_pull(r, &c, 100), PULL_MORE, "from the block that was read while it was written");
    is_int(check(&c, 5000), 100, "what it gets");
    is_int(source_pull(r, &c, 8192 - 5100), PULL_MORE, "up to its end");
    check(&c, 5100);
    is_int(source_pull(r, &c, 20000), PULL_MORE, "the rest");
    ok(is_all_in_file(&c), "is in the file");
    is_int(check(&c, 8192), 20000, "as it was");
    source_close(r);
    spool_drop(s);
    finish_threads(threads);
}

static struct spool_limits random_limits(void)
{
    struct spool_limits limits = {
        .memory_bytes = (size_t)(1 + rand() % 20000),
        .block_bytes = (size_t)(512 + rand() % 8192),
        .file_bytes = rand() % 2 ? rand() % 50000 : 0,
        .temp = &temp,
        .length = -1,
        .keep = rand() % 2,
    };

    if (!limits.keep && rand() % 2)
        limits.write_threads = threads_create("spool", 1, 64);
    return limits;
}

/* One writer, three readers of different speed and taste, limits of every size. */
static bool random_run(void)
{
    struct spool_limits limits = random_limits();
    struct thread_pool *threads = limits.write_threads;
    int64_t total = rand() % 300000, pos[3] = {0, 0, 0};
    bool ended[3] = {false, false, false};
    struct spool *s;
    struct source *r[3];
    struct chain c;
    int idle = 0;

    if (limits.keep) /* nothing is ever given back */
        limits.memory_bytes = (size_t)total + limits.block_bytes;
    chain_init(&c);
    s = spool_create(&limits, &process_log);
    for (int i = 0; i < 3; i++) {
        r[i] = spool_read(s);
        r[i]->file_ok = rand() % 2;
    }
    while (!(ended[0] && ended[1] && ended[2]) && idle++ < 100000) {
        int i = rand() % 4;
        size_t room, want;

        if (threads != NULL && rand() % 4 == 0)
            loop_turn(&kit_loop, 0);
        if (i == 3 && spool_bytes(s) < total) {
            char *into = spool_reserve(s, &room);

            if (into == NULL && threads != NULL)
                loop_turn(&kit_loop, 1);
            if (into == NULL)
                continue;
            want = (size_t)(rand() % 10000);
            room = MIN(MIN(room, want), (size_t)(total - spool_bytes(s)));
            fill(into, spool_bytes(s), room);
            if (spool_commit(s, room) != RC_OK)
                return false;
        } else if (i == 3) {
            spool_finish(s);
        } else if (!ended[i]) {
            enum pull got = source_pull(r[i], &c, (size_t)(1 + rand() % 30000));
            int64_t n = check(&c, pos[i]);

            if (n < 0 || got == PULL_ERROR)
                return false;
            pos[i] += n;
            ended[i] = got == PULL_END;
        }
    }
    for (int i = 0; i < 3; i++)
        source_close(r[i]);
    spool_drop(s);
    loop_turn(&kit_loop, 0);
    if (threads != NULL)
        finish_threads(threads);
    return pos[0] == total && pos[1] == total && pos[2] == total;
}

static void any_mix_keeps_the_bytes(void)
{
    bool good = true;

    srand(7);
    for (unsigned i = 0; i < 200 && good; i++) {
        good = random_run();
        if (!good)
            printf("# run %u\n", i);
    }
    ok(good, "every reader saw every byte, whatever the limits and speeds");
}

/* What the named file's two levels leave: "3/12" in the directory. */
static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

static void remove_tree(void)
{
    nftw(temp_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    kit_start();
    snprintf(temp_dir, sizeof(temp_dir), "/tmp/spool_test.XXXXXX");
    if (mkdtemp(temp_dir) == NULL)
        abort();
    temp.path = str_of(temp_dir);
    bytes_flow_through_memory();
    what_is_too_much_goes_to_a_file();
    a_request_body_is_kept_whole();
    a_named_file_is_there_and_goes();
    a_full_disk_costs_a_response_nothing();
    threads_write_the_file();
    any_mix_keeps_the_bytes();
    loop_fini(&kit_loop);
    remove_tree();
    return tap_done();
}
