/*
 * t/unit/master/inherit_test.c - what goes into the environment comes out again.
 */
#include "master/inherit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/generation.h"
#include "common/role.h"
#include "common/slots.h"
#include "common/zone.h"
#include "t/unit/tap.h"

const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

extern char **environ;

static struct pool *pool;

static int open_port(struct addr *addr, int type)
{
    int fd = socket(AF_INET, type, 0);

    *addr = (struct addr){.in = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                          .len = sizeof(struct sockaddr_in)};
    bind(fd, &addr->sa, addr->len);
    getsockname(fd, &addr->sa, &addr->len);
    if (type == SOCK_STREAM)
        listen(fd, 1);
    return fd;
}

static void comes_out_as_it_went_in(void)
{
    static const struct zone_kind kind = {.name = "none"};
    struct zone zone = {.kind = &kind, .shm = {.fd = dup(0)}};
    struct zone_spec zones = {.name = STR("a;b=c%"), .zone = &zone};
    struct listen_spec udp = {.kind = LISTEN_QUIC, .next = NULL};
    struct listen_spec tcp = {.kind = LISTEN_TCP, .next = &udp, .slot_count = 2};
    struct generation gen = {.listens = &tcp, .zones = &zones};
    struct slots slots = {.shm = {.fd = dup(0)}};
    struct inheritance in;
    int both[2];

    both[0] = both[1] = open_port(&tcp.addr, SOCK_STREAM);
    tcp.fd = both[0];
    tcp.slot_fds = both;
    udp.fd = open_port(&udp.addr, SOCK_DGRAM);
    fcntl(udp.fd, F_SETFD, FD_CLOEXEC);
    environ = inherit_environment(&gen, &slots, pool, 1234);
    is_int(fcntl(udp.fd, F_GETFD), 0, "descriptors outlive exec");

    inherit_read(&in, pool);
    ok(in.from_master, "a master gave us");
    is_int(in.generation, 1234, "a number to begin with");
    is_int(in.slots_fd, slots.shm.fd, "the table of slots");
    is_int(inherit_count(&in, &tcp.addr, LISTEN_TCP), 2, "two sockets of one address");
    is_int(inherit_take(&in, &tcp.addr, LISTEN_TCP), both[0], "the first");
    is_int(inherit_take(&in, &tcp.addr, LISTEN_TCP), both[0], "the second");
    is_int(inherit_take(&in, &tcp.addr, LISTEN_TCP), -1, "no third");
    is_int(inherit_take(&in, &udp.addr, LISTEN_TCP), -1, "not as another kind");
    is_int(inherit_take(&in, &udp.addr, LISTEN_UDP), -1, "QUIC is not UDP");
    is_int(inherit_take(&in, &udp.addr, LISTEN_QUIC), udp.fd, "the QUIC socket");
    is_int(fcntl(udp.fd, F_GETFD), FD_CLOEXEC, "closed on the next exec");
    is_int(inherit_take_zone(&in, STR("a")), -1, "no such zone");
    is_int(inherit_take_zone(&in, STR("a;b=c%")), zone.shm.fd, "a zone with a difficult name");
    ok(getenv("WEIR_SOCKETS") == NULL && getenv("WEIR_ZONES") == NULL, "children see none of it");
    close(tcp.fd);
    close(udp.fd);
    close(zone.shm.fd);
    close(slots.shm.fd);
}

static void understands_nginx_and_systemd(void)
{
    struct inheritance in;
    struct addr a, b;
    int nginx_fd = open_port(&a, SOCK_STREAM), systemd_fd = open_port(&b, SOCK_STREAM);
    char text[64];

    snprintf(text, sizeof(text), "%d;", nginx_fd);
    setenv("NGINX", text, 1);
    dup2(systemd_fd, 3);
    snprintf(text, sizeof(text), "%d", (int)getpid());
    setenv("LISTEN_PID", text, 1);
    setenv("LISTEN_FDS", "1", 1);
    inherit_read(&in, pool);
    is_int(inherit_take(&in, &a, LISTEN_TCP), nginx_fd, "from nginx");
    is_int(inherit_take(&in, &b, LISTEN_TCP), 3, "from systemd");
    ok(getenv("LISTEN_FDS") == NULL, "children see none of it");

    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("WEIR_SOCKETS", "x;;999;2", 1);
    inherit_read(&in, pool);
    is_int((int64_t)in.sockets.count, 0, "what is for others, or none, is left alone");
}

int main(void)
{
    pool = pool_create(POOL_BLOCK);
    open("/dev/null", O_RDONLY); /* 3 is for systemd */
    comes_out_as_it_went_in();
    understands_nginx_and_systemd();
    pool_destroy(pool);
    return tap_done();
}
