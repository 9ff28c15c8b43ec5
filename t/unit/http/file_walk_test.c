/*
 * t/unit/http/file_walk_test.c - paths with links in them, with openat2 and on a kernel without.
 */
#include "worker/http/file_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "t/unit/tap.h"

static char dir[64];

static struct str path_of(const char *name)
{
    static char text[4 * PATH_MAX];

    return (struct str){text, (size_t)snprintf(text, sizeof(text), "%s/%s", dir, name)};
}

static void make_file(const char *name)
{
    int fd = open(path_of(name).data, O_WRONLY | O_CREAT | O_EXCL, 0644);

    if (fd < 0 || write(fd, name, strlen(name)) < 0)
        exit(1);
    close(fd);
}

static void make_link(const char *to, const char *name)
{
    if (symlink(to, path_of(name).data) != 0)
        exit(1);
}

static void make_tree(void)
{
    snprintf(dir, sizeof(dir), "/tmp/file_walk_test.XXXXXX");
    if (mkdtemp(dir) == NULL || mkdir(path_of("d").data, 0755) != 0)
        exit(1);
    make_file("f");
    make_file("d/f");
    make_link("f", "link");
    make_link("d", "dl");
    make_link("loop", "loop");
    make_link("nothing", "dangling");
    make_link("..", "d/up");
    make_link("/etc/passwd", "passwd");
    if (geteuid() == 0 && lchown(path_of("link").data, 65534, 65534) != 0)
        exit(1);
}

/* errno, or 0; what was read must be what is expected. */
static int result(enum links links, const char *trusted, const char *name, int flags)
{
    struct str path = path_of(name);
    struct file_walk walk = {links, 0};
    int fd;

    if (trusted != NULL)
        walk.trusted = (uint32_t)(strlen(dir) + strlen(trusted));
    fd = file_walk_open(&walk, path, flags);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

#define NEVER(name) result(LINKS_NEVER, "", name, O_RDONLY)
#define OWNER(name) result(LINKS_OWNER, "", name, O_RDONLY)

static void no_links_are_followed(void)
{
    is_int(result(LINKS_FOLLOW, NULL, "link", O_RDONLY), 0, "links are followed");
    is_int(NEVER("f"), 0, "a file");
    is_int(NEVER("d/f"), 0, "in a directory");
    is_int(NEVER("d//f"), 0, "behind two slashes");
    is_int(NEVER("d/"), 0, "a directory");
    is_int(NEVER("d/."), 0, "itself");
    is_int(NEVER(""), 0, "the trusted part alone");
    is_int(NEVER("link"), ELOOP, "a link");
    is_int(NEVER("dangling"), ELOOP, "one to nothing");
    is_int(NEVER("loop"), ELOOP, "one to itself");
    is_int(NEVER("dl/f"), ENOTDIR, "a link on the way");
    is_int(NEVER("dl/"), ENOTDIR, "a link with a slash");
    is_int(NEVER("d/up/f"), ENOTDIR, "one that leads up");
    is_int(NEVER("none"), ENOENT, "nothing");
    is_int(NEVER("f/x"), ENOTDIR, "a file is no directory");
    is_int(NEVER("f/"), ENOTDIR, "even with a slash");
    is_int(result(LINKS_NEVER, "", "link", O_PATH), ELOOP, "a link to look at");
    is_int(result(LINKS_NEVER, "", "d", O_RDONLY | O_DIRECTORY), 0, "a directory to read");
    is_int(result(LINKS_NEVER, "", "dl", O_RDONLY | O_DIRECTORY), ELOOP, "a link to one");
    is_int(result(LINKS_NEVER, "", "f", O_RDONLY | O_DIRECTORY), ENOTDIR, "none");
    is_int(result(LINKS_NEVER, NULL, "f", O_RDONLY), 0, "from the root on");
    is_int(result(LINKS_NEVER, NULL, "link", O_RDONLY), ELOOP, "a link from the root on");
    is_int(result(LINKS_NEVER, "/dl", "dl/f", O_RDONLY), 0, "a link in the trusted part");
    is_int(result(LINKS_NEVER, "/none", "none/f", O_RDONLY), ENOENT, "no trusted part");
}

static void own_links_are_followed(void)
{
    is_int(OWNER("dl/f"), 0, "a link of the directory's owner");
    is_int(OWNER("dl"), 0, "as the last name");
    is_int(OWNER("dl/"), 0, "with a slash");
    is_int(OWNER("d/up/f"), 0, "one that leads up");
    is_int(OWNER("dangling"), ENOENT, "one to nothing");
    is_int(OWNER("loop"), ELOOP, "one to itself");
    is_int(result(LINKS_OWNER, "", "dl", O_RDONLY | O_DIRECTORY), 0, "a directory to read");
    is_int(result(LINKS_OWNER, "", "dl", O_PATH), 0, "to look at");
    if (geteuid() == 0)
        is_int(OWNER("link"), ELOOP, "a link of another user");
    else
        is_int(OWNER("passwd"), ELOOP, "a link to another user's file");
}

static void long_names_are_no_danger(void)
{
    char name[NAME_MAX + 10], deep[PATH_MAX + 100];

    memset(name, 'x', sizeof(name));
    name[NAME_MAX + 1] = '\0';
    is_int(NEVER(name), ENAMETOOLONG, "a long name");
    is_int(OWNER(name), ENAMETOOLONG, "a long name, by owner");
    for (size_t i = 0; i + 2 < sizeof(deep); i += 2)
        memcpy(deep + i, "d/", 3);
    is_int(NEVER(deep), ENAMETOOLONG, "a long path");
}

static void stats_and_parents(void)
{
    struct file_walk walk = {LINKS_NEVER, (uint32_t)strlen(dir)};
    struct stat st;
    struct str name;
    int fd;

    is_int(file_walk_stat(&walk, path_of("d/f"), &st), 0, "stat");
    ok(S_ISREG(st.st_mode), "of a file");
    is_int(file_walk_stat(&walk, path_of("dl/f"), &st), -1, "stat behind a link");
    fd = file_walk_parent(&walk, path_of("d/new"), &name);
    ok(fd >= 0, "the parent of a name");
    is_slice(name, "new", "and the name");
    ok(fd >= 0 && fstatat(fd, "f", &st, 0) == 0, "the directory is that one");
    close(fd);
    fd = file_walk_parent(&walk, path_of("d/new//"), &name);
    ok(fd >= 0 && name.len >= 3 && memcmp(name.data, "new", 3) == 0, "slashes behind");
    close(fd);
    is_int(file_walk_parent(&walk, path_of("dl/new"), &name), -1, "behind a link");
}

/* As on old kernels, and in some containers. */
static void forbid_openat2(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = COUNT(code), .filter = code};

    ok(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0,
       "openat2 is forbidden");
}

static void remove_tree(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", dir);
    ok(system(command) == 0, "tidied up");
}

int main(void)
{
    make_tree();
    for (int i = 0; i < 2; i++) {
        if (i == 1)
            forbid_openat2();
        no_links_are_followed();
        own_links_are_followed();
        long_names_are_no_danger();
        stats_and_parents();
    }
    remove_tree();
    return tap_done();
}
