/*
 * t/unit/common/shm_test.c - shared memory: sizes that stay, files that are kept or refused.
 */
#include "common/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t/unit/tap.h"

static char dir[] = "/tmp/weir-shm-XXXXXX";
static char path[64], other[64];

static void a_child_and_its_parent_see_the_same_bytes(void)
{
    struct shm s;
    volatile char *at;
    pid_t pid;

    ok(shm_create(&s, "test", 10000), "created");
    is_int((int64_t)s.bytes, 10000, "in the size that was asked for");
    at = s.base;
    is_int(at[9999], 0, "and zeroed");
    if ((pid = fork()) == 0) {
        at[9999] = 'x';
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    is_int(at[9999], 'x', "what a child writes is there");
    shm_close(&s);
    is_int(s.fd, -1, "closed");
}

static void nobody_changes_the_size(void)
{
    struct shm s;

    shm_create(&s, "test", 8192);
    ok(ftruncate(s.fd, 0) < 0 && errno == EPERM, "it cannot be shrunk under those who map it");
    ok(ftruncate(s.fd, 100000) < 0 && errno == EPERM, "nor grown");
    ok(fcntl(s.fd, F_GETFD) & FD_CLOEXEC, "its descriptor is not passed by accident");
    shm_close(&s);
}

static void a_descriptor_is_all_that_another_program_needs(void)
{
    struct shm s, again;
    int fd;

    shm_create(&s, "test", 5000);
    strcpy(s.base, "kept");
    fd = dup(s.fd);
    shm_close(&s);
    ok(shm_attach(&again, fd), "attached by descriptor");
    is_int((int64_t)again.bytes, 5000, "with its size");
    is_str(again.base, "kept", "and its contents");
    shm_forget_fd(&again);
    ok(fcntl(fd, F_GETFD) < 0, "the descriptor can go");
    is_str(again.base, "kept", "and the mapping stays");
    shm_close(&again);
    ok(!shm_attach(&again, -1), "no descriptor, no memory");
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    ok(!shm_attach(&again, fd), "nor what is no memory");
    close(fd);
}

static void sizes_beyond_reason_are_refused(void)
{
    struct shm s;

    ok(!shm_create(&s, "test", SIZE_MAX), "more than there can be");
    ok(!shm_create(&s, "test", (size_t)INT64_MAX), "as much as a file may say it has");
    ok(!shm_create(&s, "test", 0), "nothing");
    ok(shm_pages((size_t)INT64_MAX) == NULL, "nor are there so many pages");
}

static void a_file_keeps_its_contents(void)
{
    struct shm s, second;
    bool kept = true;

    ok(shm_create_file(&s, path, 40960, &kept) && !kept, "a new file is empty");
    strcpy((char *)s.base + 30000, "kept");
    ok(!shm_create_file(&second, path, 40960, &kept) && errno == EWOULDBLOCK,
       "nobody else may use it meanwhile");
    shm_close(&s);
    ok(shm_create_file(&s, path, 40960, &kept) && kept, "later it is found again");
    is_str((char *)s.base + 30000, "kept", "with its contents");
    shm_close(&s);
    ok(shm_create_file(&s, path, 81920, &kept) && !kept, "another size starts anew");
    is_int(((char *)s.base)[30000], 0, "with zeros");
    shm_close(&s);
}

static void a_mapping_alone_keeps_others_away(void)
{
    struct shm s, second;
    bool kept;

    shm_create_file(&s, path, 40960, &kept);
    shm_forget_fd(&s);
    ok(!shm_create_file(&second, path, 40960, &kept), "in use, though the descriptor is closed");
    shm_close(&s);
    ok(shm_create_file(&second, path, 40960, &kept), "free when the last has gone");
    shm_close(&second);
}

static void what_someone_put_there_is_not_touched(void)
{
    struct shm s;
    bool kept;

    must(link(path, other) == 0);
    ok(!shm_create_file(&s, other, 4096, &kept) && errno == EPERM, "a file with a second name");
    unlink(other);
    must(symlink(path, other) == 0);
    ok(!shm_create_file(&s, other, 4096, &kept) && errno == ELOOP, "a symbolic link");
    unlink(other);
    must(mkfifo(other, 0600) == 0);
    ok(!shm_create_file(&s, other, 4096, &kept), "a pipe");
    unlink(other);
}

static void anonymous_pages_are_shared(void)
{
    volatile int *pages = shm_pages(8192);
    pid_t pid;

    if ((pid = fork()) == 0) {
        pages[1024] = 7;
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    is_int(pages[1024], 7, "pages without a descriptor are shared, too");
    shm_pages_free((void *)(uintptr_t)pages, 8192);
}

int main(void)
{
    must(mkdtemp(dir) != NULL);
    snprintf(path, sizeof(path), "%s/zone", dir);
    snprintf(other, sizeof(other), "%s/other", dir);
    a_child_and_its_parent_see_the_same_bytes();
    nobody_changes_the_size();
    a_descriptor_is_all_that_another_program_needs();
    sizes_beyond_reason_are_refused();
    a_file_keeps_its_contents();
    a_mapping_alone_keeps_others_away();
    what_someone_put_there_is_not_touched();
    anonymous_pages_are_shared();
    unlink(path);
    rmdir(dir);
    return tap_done();
}
