/*
 * t/unit/master/listener_test.c - sockets are opened, kept, shared and closed as generations go.
 */
#include "master/listener.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/generation.h"
#include "common/role.h"
#include "t/unit/tap.h"

const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

static struct generation *make_generation(uint32_t slots)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct generation *gen = pool_zalloc(pool, sizeof(*gen));

    gen->pool = pool;
    gen->slots = slots;
    return gen;
}

static struct listen_spec *add(struct generation *gen, const char *text)
{
    struct listen_spec *spec = pool_zalloc(gen->pool, sizeof(*spec));
    const char *why = "";

    *spec = (struct listen_spec){.kind = LISTEN_TCP, .family = FAMILY_HTTP, .backlog = 511,
                                 .rcvbuf = -1, .sndbuf = -1, .fastopen = -1, .ipv6only = -1,
                                 .keepalive = -1, .fd = -1, .next = gen->listens};
    if (!addr_parse(&spec->addr, str_of(text), 0, &why))
        printf("# %s: %s\n", text, why);
    spec->text = pool_str(gen->pool, str_of(text));
    gen->listens = spec;
    return spec;
}

static void end(struct generation *gen)
{
    listener_close(gen, NULL, true);
    pool_destroy(gen->pool);
}

/* A port that is free right now. */
static int free_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    bind(fd, (struct sockaddr *)&in, sizeof(in));
    getsockname(fd, (struct sockaddr *)&in, &len);
    close(fd);
    return ntohs(in.sin_port);
}

static const char *at(const char *host, int port)
{
    static char text[4][64];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(text[turn], sizeof(text[turn]), "%s:%d", host, port);
    return text[turn];
}

static bool can_connect(const struct addr *addr)
{
    int fd = socket(addr->sa.sa_family, SOCK_STREAM, 0);
    bool connected = connect(fd, &addr->sa, addr->len) == 0;

    close(fd);
    return connected;
}

static bool is_open(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0;
}

static void shares_the_wildcard(void)
{
    struct generation *gen = make_generation(1);
    struct listen_spec *all = add(gen, "*:81"), *one = add(gen, "127.0.0.1:81");
    struct listen_spec *own = add(gen, "127.0.0.2:81"), *other = add(gen, "127.0.0.1:82");
    struct listen_spec *six = add(gen, "[::1]:81");

    own->bind = true;
    listener_merge(gen);
    ok(!all->merged, "the wildcard has a socket");
    ok(one->merged && one->through == all, "an address of the same port goes through it");
    ok(!own->merged, "not one that asked for its own");
    ok(!other->merged, "nor one of another port");
    ok(!six->merged, "nor one of the other family");
    pool_destroy(gen->pool);
}

static void keeps_sockets_over_a_reload(void)
{
    int port = free_port(), gone_port = free_port(), fd;
    struct generation *a = make_generation(1), *b = make_generation(1);
    struct listen_spec *kept = add(a, at("127.0.0.1", port));
    struct listen_spec *gone = add(a, at("127.0.0.1", gone_port));
    struct listen_spec *again = add(b, at("127.0.0.1", port));
    struct addr gone_addr = gone->addr;
    int gone_fd;

    listener_merge(a);
    ok(listener_open(a, NULL, NULL) == RC_OK, "two sockets");
    ok(can_connect(&kept->addr) && can_connect(&gone->addr), "both listen");
    fd = kept->fd;
    gone_fd = gone->fd;
    listener_merge(b);
    ok(listener_open(b, a, NULL) == RC_OK, "the next generation");
    ok(again->fd == fd && again->inherited, "has the same socket");
    listener_adopt(b);
    listener_close(a, b, true);
    ok(is_open(fd) && can_connect(&again->addr), "which outlives the first");
    ok(!is_open(gone_fd) && !can_connect(&gone_addr), "what only the first had is closed");
    pool_destroy(a->pool);
    end(b);
    ok(!is_open(fd), "and with the last it ends");
}

static void gives_up_without_a_trace(void)
{
    int port = free_port(), taken = free_port(), fd;
    struct generation *a = make_generation(1), *b = make_generation(1), *c = make_generation(1);
    struct listen_spec *busy = add(c, at("127.0.0.1", taken));
    struct listen_spec *kept = add(a, at("127.0.0.1", port));

    add(b, at("127.0.0.1", port));
    add(b, at("127.0.0.1", taken));
    listener_merge(a);
    listener_merge(b);
    listener_merge(c);
    ok(listener_open(c, NULL, NULL) == RC_OK && listener_open(a, NULL, NULL) == RC_OK,
       "a generation, and somebody else");
    ok(listener_open(b, a, NULL) == RC_AGAIN, "an address in use may become free");
    fd = kept->fd;
    end(c);
    ok(busy != NULL && listener_open(b, a, NULL) == RC_OK, "and then it works");
    listener_close(b, a, true);
    ok(is_open(fd) && can_connect(&kept->addr), "giving up leaves the old one's alone");
    pool_destroy(b->pool);
    end(a);
}

static void changes_between_wildcard_and_address(void)
{
    int port = free_port(), fd;
    struct generation *a = make_generation(1), *b = make_generation(1), *c = make_generation(1);
    struct generation *d = make_generation(1);
    struct listen_spec *add_merged = add(d, at("127.0.0.1", port));
    struct listen_spec *all = add(a, at("*", port)), *one = add(b, at("127.0.0.1", port));
    struct listen_spec *back = add(c, at("*", port));

    listener_merge(a);
    listener_merge(b);
    listener_merge(c);
    add(d, at("*", port));
    listener_merge(d);
    ok(listener_open(a, NULL, NULL) == RC_OK, "a wildcard");
    ok(listener_open(b, a, NULL) == RC_OK, "becomes one address");
    ok(all->fd >= 0 && one->fd != all->fd, "both listen for a while");
    listener_close(a, b, true);
    ok(can_connect(&one->addr), "then the new one alone");
    fd = one->fd;
    ok(listener_open(c, b, NULL) == RC_OK && back->fd >= 0, "and the other way round");
    listener_close(b, c, true);
    ok(can_connect(&one->addr) && is_open(fd), "what is queued at the address is not lost");
    ok(back->next != NULL && back->next->fd == fd, "its socket goes on beside the wildcard");
    ok(listener_open(d, c, NULL) == RC_OK, "and over further reloads");
    listener_close(c, d, true);
    ok(is_open(fd) && !add_merged->merged && add_merged->fd == fd, "also when it is named again");
    pool_destroy(a->pool);
    pool_destroy(b->pool);
    pool_destroy(c->pool);
    end(d);
}

static void has_a_socket_for_each_worker(void)
{
    int port = free_port(), first, third;
    struct generation *a = make_generation(3), *b = make_generation(2), *c = make_generation(2);
    struct listen_spec *many = add(a, at("127.0.0.1", port));
    struct listen_spec *fewer = add(b, at("127.0.0.1", port));
    struct listen_spec *plain = add(c, at("127.0.0.1", port));

    many->reuseport = fewer->reuseport = true;
    listener_merge(a);
    listener_merge(b);
    listener_merge(c);
    ok(listener_open(a, NULL, NULL) == RC_OK, "reuseport");
    is_int(many->slot_count, 3, "a socket each");
    ok(many->slot_fds[0] == many->fd && many->slot_fds[1] != many->fd, "all different");
    first = many->slot_fds[0];
    third = many->slot_fds[2];
    ok(listener_open(b, a, NULL) == RC_OK, "fewer workers");
    is_int(fewer->slot_count, 3, "keep them all");
    listener_close(a, b, true);
    ok(is_open(third) && fewer->slot_fds[2] == third, "with what is queued there");
    ok(listener_open(c, b, NULL) == RC_OK, "without reuseport");
    listener_close(b, c, true);
    ok(plain->fd == first && plain->slot_fds[2] == third, "they stay all the same");
    pool_destroy(a->pool);
    pool_destroy(b->pool);
    end(c);
}

static void starts_reuseport_on_a_reload(void)
{
    int port = free_port(), fd;
    struct generation *a = make_generation(2), *b = make_generation(2);
    struct listen_spec *plain = add(a, at("127.0.0.1", port));
    struct listen_spec *many = add(b, at("127.0.0.1", port));

    many->reuseport = true;
    listener_merge(a);
    listener_merge(b);
    ok(listener_open(a, NULL, NULL) == RC_OK, "without it first");
    fd = plain->fd;
    ok(listener_open(b, a, NULL) == RC_OK, "then with it");
    ok(many->slot_fds[0] == fd && many->slot_fds[1] >= 0, "beside the first socket");
    listener_close(a, b, true);
    pool_destroy(a->pool);
    end(b);
}

static void replaces_dead_unix_sockets(void)
{
    char dir[] = "/tmp/weir-listener-XXXXXX", text[64];
    struct generation *a = make_generation(1), *b = make_generation(1);
    struct listen_spec *dead, *next;
    struct stat st;

    ok(mkdtemp(dir) != NULL, "a directory");
    snprintf(text, sizeof(text), "unix:%s/s", dir);
    dead = add(a, text);
    next = add(b, text);
    listener_merge(a);
    listener_merge(b);
    ok(listener_open(a, NULL, NULL) == RC_OK, "a unix socket");
    ok(stat(text + 5, &st) == 0 && (st.st_mode & 0777) == 0666, "open to all");
    ok(listener_open(b, NULL, NULL) == RC_AGAIN, "a living one is not taken away");
    listener_close(a, NULL, false);
    ok(stat(text + 5, &st) == 0 && dead->fd == -1, "a dead one left its file");
    ok(listener_open(b, NULL, NULL) == RC_OK && can_connect(&next->addr), "is replaced");
    listener_close(b, NULL, true);
    ok(stat(text + 5, &st) != 0 && errno == ENOENT, "the file goes with an orderly end");
    pool_destroy(a->pool);
    pool_destroy(b->pool);
    rmdir(dir);
}

int main(void)
{
    shares_the_wildcard();
    keeps_sockets_over_a_reload();
    gives_up_without_a_trace();
    changes_between_wildcard_and_address();
    has_a_socket_for_each_worker();
    starts_reuseport_on_a_reload();
    replaces_dead_unix_sockets();
    return tap_done();
}
