/*
 * worker/handler/dir_list.c - what is in a directory, sorted for showing; read in a thread.
 *
 * A directory may be large and its disk slow: the loop only opens it. The job is the thread's while
 * it runs, and outlives a request that ends meanwhile.
 */
#include "worker/handler/dir_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "worker/event/threads.h"
#include "worker/http/file_access.h"
#include "worker/http/phase.h"

struct dir_job {
    struct task task;
    struct request *request;     /* NULL: it has ended */
    bool ended;
    int fd;                      /* the directory; readdir's once the job runs */
    struct file_walk walk;       /* which links count */
    struct dir_entry *entries;   /* their names on the heap, one by one: see `texts` */
    size_t count, room;
    struct text_block *texts;
    int err, skipped_err;
};

/* Names are kept many to a block. */
struct text_block {
    struct text_block *next;
    size_t used;
    char text[16 * 1024];
};

/* In a thread ---------------------------------------------------------------------------------- */

static char *text_room(struct dir_job *job, size_t len)
{
    struct text_block *block = job->texts;

    if (block == NULL || sizeof(block->text) - block->used < len) {
        block = malloc(sizeof(*block));
        if (block == NULL)
            return NULL;
        block->next = job->texts;
        block->used = 0;
        job->texts = block;
    }
    block->used += len;
    return block->text + block->used - len;
}

static int keep(struct dir_job *job, struct dir_entry entry, struct str name)
{
    char *text = text_room(job, name.len);

    if (text == NULL)
        return ENOMEM;
    if (job->count == job->room) {
        size_t room = MAX(job->room * 2, 64);
        struct dir_entry *more = realloc(job->entries, room * sizeof(*more));

        if (more == NULL)
            return ENOMEM;
        job->entries = more;
        job->room = room;
    }
    entry.name = (struct str){memcpy(text, name.data, name.len), name.len};
    job->entries[job->count++] = entry;
    return 0;
}

/* What a link points to, or the link itself where that is nothing. */
static int look_through(int dir, const char *name, struct stat *st)
{
    if (fstatat(dir, name, st, 0) == 0)
        return 0;
    if (errno != ENOENT && errno != ELOOP)
        return errno;
    return fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

/* ENOENT for a link that may not be followed. */
static int look_warily(const struct file_walk *walk, int dir, const char *name, struct stat *st)
{
    int fd, err = 0;

    if (fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno;
    if (!S_ISLNK(st->st_mode))
        return 0;
    fd = file_walk_open_at(walk, dir, name, O_PATH);
    if (fd < 0)
        return errno == ELOOP ? ENOENT : errno;
    if (fstat(fd, st) != 0)
        err = errno;
    close(fd);
    return err;
}

/* One that vanished meanwhile, or may not be looked at, is left out. */
static int add(struct dir_job *job, int dir, const char *name)
{
    struct dir_entry entry;
    struct stat st;
    int err = job->walk.links == LINKS_FOLLOW ? look_through(dir, name, &st)
                                              : look_warily(&job->walk, dir, name, &st);

    if (err == EACCES)
        job->skipped_err = err;
    if (err != 0)
        return err == ENOENT || err == EACCES ? 0 : err;
    entry.kind = S_ISDIR(st.st_mode) ? DIR_DIRECTORY : S_ISREG(st.st_mode) ? DIR_FILE : DIR_OTHER;
    entry.bytes = st.st_size;
    entry.mtime_s = st.st_mtim.tv_sec;
    return keep(job, entry, str_of(name));
}

static int compare(const void *left, const void *right)
{
    const struct dir_entry *a = left, *b = right;

    if ((a->kind == DIR_DIRECTORY) != (b->kind == DIR_DIRECTORY))
        return a->kind == DIR_DIRECTORY ? -1 : 1;
    return str_cmp(a->name, b->name);
}

static void work(struct task *task)
{
    struct dir_job *job = CONTAINER(task, struct dir_job, task);
    DIR *dir = fdopendir(job->fd);
    struct dirent *next;

    if (dir == NULL) {
        job->err = errno;
        return;
    }
    for (errno = 0; job->err == 0 && (next = readdir(dir)) != NULL; errno = 0)
        if (next->d_name[0] != '.')
            job->err = add(job, dirfd(dir), next->d_name);
    if (job->err == 0)
        job->err = errno;
    closedir(dir);
    job->fd = -1;
    if (job->err == 0 && job->count > 1)
        qsort(job->entries, job->count, sizeof(*job->entries), compare);
}

/* In the loop ---------------------------------------------------------------------------------- */

static void destroy(struct dir_job *job)
{
    while (job->texts != NULL) {
        struct text_block *block = job->texts;

        job->texts = block->next;
        free(block);
    }
    if (job->fd >= 0)
        close(job->fd);
    free(job->entries);
    free(job);
}

static void done(struct task *task)
{
    struct dir_job *job = CONTAINER(task, struct dir_job, task);

    job->ended = true;
    if (job->request != NULL)
        request_resume(job->request);
    else
        destroy(job);
}

static void request_ends(void *arg)
{
    struct dir_job *job = arg;

    if (job->ended)
        destroy(job);
    else
        job->request = NULL;
}

static enum rc finish(struct request *r, struct dir_list *list)
{
    struct dir_job *job = list->job;

    if (job->skipped_err != 0)
        log_error(&r->log, LOG_CRIT, job->skipped_err, "stat() of an entry failed");
    list->entries = job->entries;
    list->err = job->err;
    list->count = job->err == 0 ? job->count : 0;
    list->job = NULL; /* the pool's from now on: another directory may be asked for */
    return RC_OK;
}

/* In a dry run, and when the threads have too much to do, the reading is done here. */
static bool is_begun(struct request *r, struct dir_job *job)
{
    if (r->ops->dry)
        return false;
    return threads_submit(file_access_threads(r), &job->task) == RC_OK;
}

enum rc dir_list_read(struct request *r, struct str path, struct dir_list *list)
{
    struct dir_job *job = list->job;
    struct file_walk walk;
    int fd;

    if (job != NULL)
        return job->ended ? finish(r, list) : RC_AGAIN;
    fd = file_access_open_dir(r, path, &walk);
    list->opened = fd >= 0;
    if (fd < 0) {
        list->err = errno;
        return RC_OK;
    }
    job = list->job = pool_malloc(sizeof(*job));
    *job = (struct dir_job){.task = {.work = work, .done = done}, .request = r, .fd = fd,
                            .walk = walk};
    pool_on_destroy(request_pool(r), request_ends, job);
    if (is_begun(r, job))
        return RC_AGAIN;
    work(&job->task);
    job->ended = true;
    return finish(r, list);
}
