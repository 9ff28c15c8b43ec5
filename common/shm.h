/*
 * common/shm.h - memory that several processes map.
 *
 * Behind it is a memfd, whose size is sealed, or a file where the contents must outlive a restart.
 * The descriptor is close-on-exec; who passes it to a new binary clears that. All calls that can
 * fail leave errno. Fresh memory reads as zeros.
 */
#pragma once

#include "common/base.h"

struct shm {
    void *base;
    size_t bytes;
    int fd; /* -1 once shm_forget_fd was called */
};

/* `name` is what /proc shows. Pages are taken from the system when first touched. */
bool shm_create(struct shm *s, const char *name, size_t bytes);

/*
 * A file of exactly `bytes`, all of it allocated, locked against any other user. *kept is true when
 * the file was there in that size: its contents are then what the last user left. Otherwise it is
 * emptied. A path that is not a plain file of our own with one name is refused with EPERM, for its
 * directory may belong to someone less privileged; one that is in use with EWOULDBLOCK.
 */
bool shm_create_file(struct shm *s, const char *path, size_t bytes, bool *kept);

/* Maps what an inherited descriptor refers to, whole, and owns the descriptor from then on. On
   failure the descriptor stays the caller's. */
bool shm_attach(struct shm *s, int fd);

/* Keeps the mapping and closes the descriptor: for children, who could shrink a file with it. */
void shm_forget_fd(struct shm *s);

void shm_close(struct shm *s);

/* Zeroed pages shared with the children forked later, NULL when there are none. */
void *shm_pages(size_t bytes);
void shm_pages_free(void *pages, size_t bytes);
