/*
 * t/unit/h1/h1_body_test.c - bodies of requests: read whole, kept in place, in memory or in a file,
 * flowing, counted, cut anywhere, and as subrequests see them.
 */
#include "t/unit/h1/h1_kit.h"

#include <stdlib.h>

static char dir[] = "/tmp/h1-body-XXXXXX";

static struct kit *load(void)
{
    static char config[1024]; /* names are slices of it */

    snprintf(config, sizeof(config),
             "events { } http { client_body_temp_path %s; server { listen 127.0.0.1:80;\n"
             "  location /echo { toy echo; }\n"
             "  location /file { client_body_buffer_size 16; toy echo; }\n"
             "  location /ten { client_max_body_size 10; toy echo; }\n"
             "  location /custom { client_max_body_size 10; toy custom; } } }", dir);
    return h1_kit(config);
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";

/* A POST of the first `len` letters; with chunk above 0 in chunks of so many. */
static struct str post(const char *path, size_t len, size_t chunk)
{
    static char text[2048];
    char *p = text;

    p += sprintf(p, "POST %s HTTP/1.1\r\nHost: a\r\n", path);
    if (chunk == 0) {
        p += sprintf(p, "Content-Length: %zu\r\n\r\n%.*s", len, (int)len, letters);
        return str_range(text, p);
    }
    p += sprintf(p, "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0; at < len; at += chunk) {
        size_t n = MIN(chunk, len - at);

        p += sprintf(p, "%zx\r\n%.*s\r\n", n, (int)n, letters + at);
    }
    p += sprintf(p, "0\r\n\r\n");
    return str_range(text, p);
}

/* The answer to a request that comes in two pieces. */
static struct str in_pieces(const struct kit *kit, struct str text, size_t at)
{
    int fd = client_open(kit);
    struct str got;

    client_send(fd, (struct str){text.data, at});
    client_send(fd, str_from(text, at));
    got = client_hear(fd, NULL);
    close(fd);
    kit_turns(4);
    return got;
}

/* How many ways to cut it give another status, or, if it is 200, another body. */
static int differ(const struct kit *kit, const char *path, size_t len, size_t chunk, int status)
{
    struct str text = post(path, len, chunk);
    char first[32];
    int count = 0;

    snprintf(first, sizeof(first), "HTTP/1.1 %d ", status);
    for (size_t at = 1; at <= text.len; at++) {
        struct str got = in_pieces(kit, text, at);

        if (str_starts(got, str_of(first)) &&
            (status != 200 || str_ends(got, (struct str){letters, len})))
            continue;
        printf("# cut at %zu of %zu: %.*s\n", at, text.len, (int)MIN(got.len, 300), got.data);
        count++;
    }
    return count;
}

static void cut_anywhere(const struct kit *kit)
{
    is_int(differ(kit, "/echo", 20, 0, 200), 0, "a length, in memory");
    is_int(differ(kit, "/echo", 20, 7, 200), 0, "chunks, in memory");
    is_int(differ(kit, "/file", 50, 0, 200), 0, "a length, in a file");
    is_int(differ(kit, "/file", 50, 9, 200), 0, "chunks, in a file");
    is_int(differ(kit, "/ten", 10, 0, 200), 0, "just within the limit");
    is_int(differ(kit, "/ten", 10, 3, 200), 0, "with chunks");
    is_int(differ(kit, "/ten", 11, 0, 413), 0, "one byte beyond it");
    is_int(differ(kit, "/ten", 11, 3, 413), 0, "with chunks");
    is_int(differ(kit, "/echo", 0, 5, 200), 0, "no chunks but the last");
}

static bool was_in_place, was_in_file;

static enum verdict look(struct request *r)
{
    enum verdict verdict = toy_echo(r);

    if (verdict == ANSWERED) {
        was_in_place = r->body->in_place.len > 0;
        was_in_file = body_in_memory(r).data == NULL;
    }
    return verdict;
}

static void where_it_lies(const struct kit *kit)
{
    struct str text = post("/custom", 10, 0);

    custom = look;
    in_pieces(kit, text, text.len);
    ok(was_in_place, "what came with its head stays where it is");
    in_pieces(kit, text, text.len - 10);
    ok(was_in_place, "so does what came in one piece behind it");
    in_pieces(kit, text, text.len - 5);
    ok(!was_in_place && !was_in_file, "two pieces are joined in memory");
}

/* A flow that is pulled three bytes at a time. */
static struct {
    struct source *source;
    size_t bytes, most;
    enum pull last;
} flow;

static enum verdict stream(struct request *r)
{
    if (flow.source == NULL)
        flow.source = body_stream(r);
    flow.source->waiter = &r->post;
    do {
        struct chain out;

        chain_init(&out);
        flow.last = source_pull(flow.source, &out, 3);
        flow.bytes += out.bytes;
        flow.most = MAX(flow.most, out.bytes);
        chain_fini(&out);
    } while (flow.last == PULL_MORE);
    if (flow.last == PULL_WAIT)
        return WAIT_EVENT;
    source_close(flow.source);
    if (flow.last == PULL_ERROR)
        return request_fail(r, r->body->status, NULL);
    return request_answer(r, 200, STR("text/plain"), STR("all\n"));
}

static struct str streamed(const struct kit *kit, struct str text, size_t at)
{
    memset(&flow, 0, sizeof(flow));
    custom = stream;
    return in_pieces(kit, text, at);
}

static void flowing(const struct kit *kit)
{
    int wrong = 0;

    for (size_t chunk = 0; chunk < 11; chunk += 5) {
        struct str text = post("/custom", 10, chunk);

        for (size_t at = 60; at <= text.len; at++) {
            wrong += !str_ends(streamed(kit, text, at), STR("all\n"));
            wrong += flow.bytes != 10 || flow.most > 3;
        }
    }
    is_int(wrong, 0, "all of it comes, never more at once than was asked for");
    ok(str_starts(streamed(kit, post("/custom", 11, 4), 40), STR("HTTP/1.1 413 ")),
       "the limit holds for what flows");
}

/* A reader that lost interest is not told of a client that is slow. */
static enum verdict stop_early(struct request *r)
{
    if (flow.source != NULL) {
        source_close(flow.source);
        parked = r;
        custom = toy_park;
        return WAIT_EVENT;
    }
    flow.source = body_stream(r);
    return stream(r);
}

static void an_answer_before_the_body(const struct kit *kit)
{
    int fd = client_open(kit);
    struct str text = post("/custom", 10, 0);

    memset(&flow, 0, sizeof(flow));
    custom = stop_early;
    client_send(fd, (struct str){text.data, text.len - 5});
    client_send(fd, (struct str){text.data + text.len - 5, 1});
    kit_pass(61000);
    request_resume(parked);
    kit_turns(4);
    ok(str_starts(client_hear(fd, NULL), STR("HTTP/1.1 200 ")),
       "answered after client_body_timeout");
    close(fd);
    kit_turns(4);
}

static void a_client_that_goes(const struct kit *kit)
{
    int fd = client_open(kit);
    uint32_t before = logged_count;

    client_send(fd, str_of("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"));
    shutdown(fd, SHUT_WR);
    kit_turns(4);
    ok(str_starts(client_hear(fd, NULL), STR("HTTP/1.1 400 ")), "half a body is a bad request");
    is_int(logged[before % COUNT(logged)].status, 400, "and logged as such");
    close(fd);
    kit_turns(4);
}

/* Subrequests ---------------------------------------------------------------------------------- */

static struct request *sub;
static bool sub_ended;
static int closed_bodies;

static void count_close(struct source *source)
{
    closed_bodies++;
}

static enum pull never(struct source *source, struct chain *out, size_t max)
{
    return PULL_WAIT;
}

static const struct source_ops counting_ops = {"counting", never, count_close};
static struct source counting = {.ops = &counting_ops, .length = -1};

static void on_sub(struct request *s, void *arg)
{
    sub_ended = true;
    request_resume(s->parent);
}

/* The subrequest asks for the body first; then the main one does. */
static enum verdict with_sub(struct request *r)
{
    if (sub == NULL) {
        sub = request_sub(r, STR("/echo"), STR_NONE, false, on_sub, NULL);
        return WAIT_EVENT;
    }
    if (!sub_ended)
        return WAIT_EVENT;
    return toy_echo(r);
}

static void a_subrequest_takes_no_body(const struct kit *kit)
{
    struct str text = post("/custom", 10, 0), got;

    sub = NULL;
    sub_ended = false;
    custom = with_sub;
    got = in_pieces(kit, text, text.len - 5);
    ok(sub_ended, "a subrequest that asks for a body that is not read is answered");
    ok(str_ends(got, (struct str){letters, 10}), "and its main request gets all of it");
}

static enum verdict leave_sub(struct request *r)
{
    if (r != r->main) {
        r->out.status = 200;
        r->out.body = &counting;
        return ANSWERED;
    }
    if (sub == NULL)
        sub = request_sub(r, STR("/custom"), STR_NONE, false, on_sub, NULL);
    return sub_ended ? request_answer(r, 200, STR("text/plain"), STR("done\n")) : WAIT_EVENT;
}

static void bodies_of_subrequests_are_closed(const struct kit *kit)
{
    sub = NULL;
    sub_ended = false;
    custom = leave_sub;
    in_pieces(kit, STR("GET /custom HTTP/1.1\r\nHost: a\r\n\r\n"), 20);
    is_int(closed_bodies, 1, "a subrequest's body is closed with its main request");
}

int main(void)
{
    struct kit *kit;

    must(mkdtemp(dir) != NULL);
    kit = load();
    process_log.level = LOG_EMERG;
    cut_anywhere(kit);
    where_it_lies(kit);
    flowing(kit);
    an_answer_before_the_body(kit);
    a_client_that_goes(kit);
    a_subrequest_takes_no_body(kit);
    bodies_of_subrequests_are_closed(kit);
    h1_kit_end(kit);
    rmdir(dir);
    return tap_done();
}
