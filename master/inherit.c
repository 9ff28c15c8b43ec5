/*
 * master/inherit.c - descriptors through the environment, in and out.
 *
 * WEIR_SOCKETS=6;7u;8q;   a descriptor and its kind each: tcp, or what the letter says
 * WEIR_ZONES=9=NAME;10=NAME;   names with %XX for what would confuse
 * WEIR_SLOTS=11      the slots table
 * WEIR_GENERATION=N
 */
#include "master/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/generation.h"
#include "common/log.h"
#include "common/slots.h"
#include "common/zone.h"

#define ENV_SOCKETS       "WEIR_SOCKETS"
#define ENV_ZONES         "WEIR_ZONES"
#define ENV_SLOTS         "WEIR_SLOTS"
#define ENV_GENERATION    "WEIR_GENERATION"
#define SYSTEMD_FIRST_FD  3

extern char **environ;

/* In ------------------------------------------------------------------------------------------- */

static bool read_socket(struct inherited_socket *s)
{
    int type = 0, listening = 0;
    socklen_t len = sizeof(type);

    s->addr.len = sizeof(s->addr.any);
    if (getsockopt(s->fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
        getsockname(s->fd, &s->addr.sa, &s->addr.len) != 0)
        return false;
    if (type == SOCK_DGRAM && s->kind == LISTEN_TCP)
        s->kind = LISTEN_UDP;
    len = sizeof(listening);
    if (type == SOCK_STREAM &&
        (getsockopt(s->fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 || listening == 0)) {
        errno = EINVAL;
        return false;
    }
    return true;
}

static void add_socket(struct inheritance *in, int fd, enum listen_kind kind)
{
    struct inherited_socket s = {.fd = fd, .kind = kind};

    if (!read_socket(&s)) {
        log_error(&process_log, LOG_WARN, errno, "inherited descriptor %d is no listening socket",
                  fd);
        return;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    *(struct inherited_socket *)array_push(&in->sockets) = s;
}

/* A descriptor number at the start of *text, which then begins after it. -1: none. */
static int cut_fd(struct str *text)
{
    size_t digits = 0;
    int64_t fd;

    while (digits < text->len && text->data[digits] >= '0' && text->data[digits] <= '9')
        digits++;
    if (!str_to_int((struct str){text->data, digits}, &fd) || fd > INT_MAX)
        return -1;
    *text = str_from(*text, digits);
    return (int)fd;
}

static void read_sockets(struct inheritance *in, const char *name)
{
    const char *value = getenv(name);
    struct str rest;

    if (value == NULL)
        return;
    rest = str_of(value);
    log_error(&process_log, LOG_NOTICE, 0, "using inherited sockets from \"%s\"", value);
    while (rest.len > 0) {
        struct str item = str_cut(&rest, ';');
        int fd = cut_fd(&item);
        enum listen_kind kind = str_eq(item, STR("q"))   ? LISTEN_QUIC
                                : str_eq(item, STR("u")) ? LISTEN_UDP
                                                         : LISTEN_TCP;
        if (fd > STDERR_FILENO)
            add_socket(in, fd, kind);
    }
    in->from_master = true;
    unsetenv(name);
}

static struct str unescape(struct pool *pool, struct str text)
{
    char *out = pool_bytes(pool, text.len), *end = out;
    uint64_t byte;

    while (text.len > 0) {
        bool escaped = text.data[0] == '%' && text.len >= 3 &&
                       str_to_hex((struct str){text.data + 1, 2}, &byte);
        *end++ = escaped ? (char)byte : text.data[0];
        text = str_from(text, escaped ? 3 : 1);
    }
    return str_range(out, end);
}

static void read_zones(struct inheritance *in, struct pool *pool)
{
    const char *value = getenv(ENV_ZONES);
    struct str rest = str_of(value != NULL ? value : "");

    while (rest.len > 0) {
        struct str item = str_cut(&rest, ';');
        int fd = cut_fd(&item);

        if (fd <= STDERR_FILENO || item.len == 0)
            continue;
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        *(struct inherited_zone *)array_push(&in->zones) =
            (struct inherited_zone){.fd = fd, .name = unescape(pool, str_from(item, 1))};
    }
    unsetenv(ENV_ZONES);
}

static void read_systemd(struct inheritance *in)
{
    const char *pid_text = getenv("LISTEN_PID"), *count_text = getenv("LISTEN_FDS");
    int64_t pid, count;

    if (pid_text != NULL && count_text != NULL && str_to_int(str_of(pid_text), &pid) &&
        str_to_int(str_of(count_text), &count) && pid == getpid() && count < INT_MAX / 2)
        for (int fd = SYSTEMD_FIRST_FD; fd < SYSTEMD_FIRST_FD + (int)count; fd++)
            add_socket(in, fd, LISTEN_TCP);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

/* A number from the environment, `otherwise` when it is not there or out of bounds. */
static int64_t read_number(const char *name, int64_t min, int64_t max, int64_t otherwise)
{
    const char *value = getenv(name);
    int64_t number;

    if (value == NULL || !str_to_int(str_of(value), &number) || number < min || number > max)
        number = otherwise;
    unsetenv(name);
    return number;
}

void inherit_read(struct inheritance *in, struct pool *pool)
{
    *in = (struct inheritance){.sockets = array_of(struct inherited_socket, pool),
                               .zones = array_of(struct inherited_zone, pool)};
    read_sockets(in, ENV_SOCKETS);
    read_sockets(in, "NGINX");
    read_zones(in, pool);
    read_systemd(in);
    in->generation = (uint32_t)read_number(ENV_GENERATION, 1, UINT32_MAX, 1);
    in->slots_fd = (int)read_number(ENV_SLOTS, STDERR_FILENO + 1, INT_MAX, -1);
    if (in->slots_fd >= 0)
        fcntl(in->slots_fd, F_SETFD, FD_CLOEXEC);
}

/* UDP and QUIC look the same to a giver that does not know our letters. */
static bool is_kind(enum listen_kind have, enum listen_kind want)
{
    return have == want || (have == LISTEN_UDP && want == LISTEN_QUIC);
}

int inherit_take(struct inheritance *in, const struct addr *addr, enum listen_kind kind)
{
    EACH(struct inherited_socket, s, &in->sockets)
        if (!s->taken && is_kind(s->kind, kind) && addr_eq(&s->addr, addr)) {
            s->taken = true;
            return s->fd;
        }
    return -1;
}

uint32_t inherit_count(const struct inheritance *in, const struct addr *addr,
                       enum listen_kind kind)
{
    uint32_t count = 0;

    EACH(const struct inherited_socket, s, &in->sockets)
        if (!s->taken && is_kind(s->kind, kind) && addr_eq(&s->addr, addr))
            count++;
    return count;
}

int inherit_take_zone(struct inheritance *in, struct str name)
{
    EACH(struct inherited_zone, z, &in->zones)
        if (!z->taken && str_eq(z->name, name)) {
            z->taken = true;
            return z->fd;
        }
    return -1;
}

void inherit_return_zone(struct inheritance *in, struct str name)
{
    EACH(struct inherited_zone, z, &in->zones)
        if (str_eq(z->name, name))
            z->taken = false;
}

void inherit_close_rest(struct inheritance *in)
{
    EACH(struct inherited_socket, s, &in->sockets) {
        char text[ADDR_TEXT];

        if (s->taken)
            continue;
        log_error(&process_log, LOG_NOTICE, 0,
                  "inherited socket %.*s is not in the configuration, closed",
                  (int)addr_print(&s->addr, text, sizeof(text)), text);
        close(s->fd);
        s->taken = true;
    }
    EACH(struct inherited_zone, z, &in->zones) {
        if (!z->taken)
            close(z->fd);
        z->taken = true;
    }
}

/* Out ------------------------------------------------------------------------------------------ */

static void leave_open(int fd)
{
    fcntl(fd, F_SETFD, 0);
}

static size_t print_socket(char *out, size_t room, const struct listen_spec *spec, int fd)
{
    static const char *const letters[] = {
        [LISTEN_TCP] = "", [LISTEN_UDP] = "u", [LISTEN_QUIC] = "q"};

    leave_open(fd);
    return (size_t)snprintf(out, room, "%d%s;", fd, letters[spec->kind]);
}

static uint32_t count_fds(const struct listen_spec *spec)
{
    if (spec->merged || spec->fd < 0)
        return 0;
    return spec->slot_fds != NULL ? spec->slot_count : 1;
}

static struct str print_sockets(const struct generation *gen, struct pool *pool)
{
    size_t room = sizeof(ENV_SOCKETS "=") + 1, len;
    char *out;

    for (const struct listen_spec *s = gen->listens; s != NULL; s = s->next)
        room += 16 * count_fds(s);
    out = pool_bytes(pool, room);
    len = (size_t)snprintf(out, room, ENV_SOCKETS "=");
    for (const struct listen_spec *s = gen->listens; s != NULL; s = s->next)
        for (uint32_t i = 0; i < count_fds(s); i++)
            len += print_socket(out + len, room - len, s,
                                s->slot_fds != NULL ? s->slot_fds[i] : s->fd);
    return (struct str){out, len};
}

static bool is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-' || c == '.';
}

static char *print_escaped(char *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (is_plain(c))
            *out++ = (char)c;
        else
            out += sprintf(out, "%%%02x", c);
    }
    return out;
}

static struct str print_zones(const struct generation *gen, struct pool *pool)
{
    size_t room = sizeof(ENV_ZONES "=") + 1;
    char *out, *end;

    for (const struct zone_spec *z = gen->zones; z != NULL; z = z->next)
        room += 16 + 3 * z->name.len;
    out = pool_bytes(pool, room);
    end = out + sprintf(out, ENV_ZONES "=");
    for (const struct zone_spec *z = gen->zones; z != NULL; z = z->next)
        if (z->zone != NULL && z->zone->shm.fd >= 0) {
            leave_open(z->zone->shm.fd);
            end += sprintf(end, "%d=", z->zone->shm.fd);
            end = print_escaped(end, z->name);
            *end++ = ';';
        }
    return str_range(out, end);
}

char **inherit_environment(const struct generation *gen, const struct slots *slots,
                           struct pool *pool, uint32_t next)
{
    size_t count = 0;
    char **env;

    while (environ[count] != NULL)
        count++;
    env = pool_alloc(pool, (count + 5) * sizeof(*env));
    memcpy(env, environ, count * sizeof(*env));
    env[count++] = pool_cstr(pool, print_sockets(gen, pool));
    env[count++] = pool_cstr(pool, print_zones(gen, pool));
    if (slots->shm.fd >= 0) {
        leave_open(slots->shm.fd);
        env[count++] = pool_cstr(pool, pool_printf(pool, ENV_SLOTS "=%d", slots->shm.fd));
    }
    env[count++] = pool_cstr(pool, pool_printf(pool, ENV_GENERATION "=%u", next));
    env[count] = NULL;
    return env;
}
