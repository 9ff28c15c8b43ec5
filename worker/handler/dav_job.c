/*
 * worker/handler/dav_job.c - what a WebDAV method does to the file system, in a thread.
 *
 * What is to be seen appears whole and at once: it is made under a hidden name and renamed into
 * place. What was in that place goes away only when the new is there.
 */
#include "worker/handler/dav_job.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fmt.h"
#include "worker/codec/field.h"
#include "worker/handler/dav_tree.h"

/* Where something is or is to be, opened. */
struct spot {
    int dir;                /* the directory above; -1: not opened */
    char name[NAME_MAX + 1];
    bool exists;
    struct stat st;         /* of the name itself, when it exists */
};

/* Answers -------------------------------------------------------------------------------------- */

static void answer(struct dav_job *job, int status)
{
    job->status = status;
}

/* As nginx answers; `missing` is for what is not there. */
static void fail(struct dav_job *job, int err, int missing, const char *what, const char *where)
{
    job->err = err;
    job->what = what;
    job->where = where;
    switch (err) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        job->status = missing;
        break;
    case EACCES:
    case EPERM:
    case ELOOP:
        job->status = 403;
        break;
    case EEXIST:
        job->status = 405;
        break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        job->status = 507;
        break;
    default:
        job->status = 500;
    }
}

/* Where nginx knows no other answer than 500. */
static void fail_writing(struct dav_job *job, int err, const char *what)
{
    fail(job, err, 500, what, job->op == DAV_PUT ? job->at.path.data : job->to.path.data);
    if (job->status != 507)
        job->status = 500;
}

/* Places --------------------------------------------------------------------------------------- */

/* Makes one directory; that it is there already is fine. 0 or an errno. */
static int make_directory(const struct dav_job *job, const struct file_walk *walk, struct str path)
{
    struct str name;
    int dir = file_walk_parent(walk, path, &name), err = 0;

    if (dir < 0)
        return errno;
    if (mkdirat(dir, name.data, job->dir_mode) == 0)
        err = fchmodat(dir, name.data, job->dir_mode, 0) == 0 ? 0 : errno;
    else if (errno != EEXIST)
        err = errno;
    close(dir);
    return err;
}

/* The directories above the path: first the one that is missing in one that is not, and so down. */
static int make_parents(const struct dav_job *job, const struct dav_place *place)
{
    const struct file_walk *walk = &place->walk;
    char text[PATH_MAX];
    size_t end = place->path.len;
    struct stat st;
    int err = 0;

    if (end >= sizeof(text))
        return ENAMETOOLONG;
    memcpy(text, place->path.data, end + 1);
    do { /* up, cutting the text at each '/' */
        while (end > 0 && text[end] != '/')
            end--;
        if (end <= walk->trusted)
            return ENOENT;
        text[end] = '\0';
    } while (file_walk_stat(walk, (struct str){text, end}, &st) != 0 && errno == ENOENT);
    while (err == 0) {
        text[end] = '/';
        end += strlen(text + end);
        if (end == place->path.len)
            break;
        err = make_directory(job, walk, (struct str){text, end});
    }
    return err;
}

/* Opens what is above the place and looks at the place itself. 0 or an errno; ENOENT: what is above
   is not there. */
static int open_spot(const struct dav_job *job, const struct dav_place *place, bool make,
                     struct spot *spot)
{
    struct str name;
    int err;

    spot->dir = file_walk_parent(&place->walk, place->path, &name);
    if (spot->dir < 0 && errno == ENOENT && make) {
        err = make_parents(job, place);
        if (err != 0)
            return err;
        spot->dir = file_walk_parent(&place->walk, place->path, &name);
    }
    if (spot->dir < 0)
        return errno;
    if (name.len > NAME_MAX)
        return ENAMETOOLONG;
    if (name.len == 0)
        name = STR(".");
    memcpy(spot->name, name.data, name.len);
    spot->name[name.len] = '\0';
    spot->exists = fstatat(spot->dir, spot->name, &spot->st, AT_SYMLINK_NOFOLLOW) == 0;
    return spot->exists || errno == ENOENT ? 0 : errno;
}

static void close_spot(struct spot *spot)
{
    if (spot->dir >= 0)
        close(spot->dir);
}

static bool is_dir(const struct spot *spot)
{
    return spot->exists && S_ISDIR(spot->st.st_mode);
}

/* Conditions ----------------------------------------------------------------------------------- */

static bool tags_match(struct str list, const struct stat *st, bool weakly)
{
    char etag[48], *p = etag;
    struct str item;

    *p++ = '"';
    p = fmt_hex(p, (uint64_t)st->st_mtim.tv_sec);
    *p++ = '-';
    p = fmt_hex(p, (uint64_t)st->st_size);
    *p++ = '"';
    while (field_list_next(&list, &item)) {
        if (weakly && str_starts(item, STR("W/")))
            item = str_from(item, 2);
        if (str_eq(item, STR("*")) || str_eq(item, str_range(etag, p)))
            return true;
    }
    return false;
}

static bool conditions_hold(const struct dav_conditions *c, const struct spot *spot)
{
    bool is_file = spot->exists && S_ISREG(spot->st.st_mode);

    if (c->if_match.len > 0 && !(is_file && tags_match(c->if_match, &spot->st, false)))
        return false;
    if (c->if_match.len == 0 && c->unmodified_since >= 0 && is_file &&
        spot->st.st_mtim.tv_sec > c->unmodified_since)
        return false;
    return !(c->if_none_match.len > 0 && is_file &&
             tags_match(c->if_none_match, &spot->st, true));
}

/* PUT ------------------------------------------------------------------------------------------ */

/* The body's file becomes the file; from another file system it is copied. 0 or an errno. */
static int move_body(struct dav_job *job, const struct spot *spot)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
    int err;

    if (job->mtime_s >= 0)
        times[1] = (struct timespec){.tv_sec = (time_t)job->mtime_s};
    if (fchmod(job->body, job->file_mode) != 0 || futimens(job->body, times) != 0)
        return errno;
    if (renameat(AT_FDCWD, job->body_name, spot->dir, spot->name) == 0) {
        job->body_gone = true;
        return 0;
    }
    if (errno != EXDEV)
        return errno;
    if (lseek(job->body, 0, SEEK_SET) != 0)
        return errno;
    err = tree_copy_file(job->body, job->file_mode, times, spot->dir, spot->name);
    return err;
}

static void put(struct dav_job *job)
{
    struct spot spot;
    int err = open_spot(job, &job->at, job->make_parents, &spot);

    if (err != 0) {
        fail_writing(job, err, "open()");
    } else if (is_dir(&spot)) {
        fail(job, EISDIR, 409, "PUT", job->at.path.data);
        job->status = 409;
    } else if (!conditions_hold(&job->conditions, &spot)) {
        answer(job, 412);
    } else if ((err = move_body(job, &spot)) != 0) {
        fail_writing(job, err, "rename()");
    } else {
        answer(job, spot.exists ? 204 : 201);
    }
    close_spot(&spot);
    if (!job->body_gone)
        job->body_gone = unlink(job->body_name) == 0;
}

/* DELETE, MKCOL -------------------------------------------------------------------------------- */

static void delete(struct dav_job *job)
{
    struct spot spot;
    int err = open_spot(job, &job->at, false, &spot);

    if (err == 0 && !spot.exists)
        err = ENOENT;
    if (err == 0 && !is_dir(&spot) && job->at.collection)
        err = ENOTDIR;
    if (err != 0) {
        fail(job, err, err == ENOTDIR ? 409 : 404, "lstat()", job->at.path.data);
    } else if (is_dir(&spot) && !job->at.collection) {
        fail(job, EISDIR, 409, "DELETE", job->at.path.data);
        job->status = 409;
    } else if (job->depth != DAV_INFINITE && (is_dir(&spot) || job->depth != DAV_ZERO)) {
        fail(job, EINVAL, 400, "DELETE with this Depth of", job->at.path.data);
        job->status = 400;
    } else if (!conditions_hold(&job->conditions, &spot)) {
        answer(job, 412);
    } else if ((err = tree_remove(spot.dir, spot.name)) != 0) {
        fail(job, err, 404, "unlink()", job->at.path.data);
    } else {
        answer(job, 204);
    }
    close_spot(&spot);
}

static void make_collection(struct dav_job *job)
{
    struct spot spot;
    int err = open_spot(job, &job->at, false, &spot);

    if (err == 0 && mkdirat(spot.dir, spot.name, job->dir_mode) != 0)
        err = errno;
    if (err == 0 && fchmodat(spot.dir, spot.name, job->dir_mode, 0) != 0)
        err = errno;
    if (err != 0)
        fail(job, err, 409, "mkdir()", job->at.path.data);
    else
        answer(job, 201);
    close_spot(&spot);
}

/* COPY and MOVE -------------------------------------------------------------------------------- */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Both names are one: there is nothing to do that would not destroy it (RFC 4918, 9.8.5). */
static bool is_itself(const struct spot *from, const struct spot *to)
{
    struct stat a, b;

    return from->exists && to->exists && is_same_file(&from->st, &to->st) &&
           strcmp(from->name, to->name) == 0 && fstat(from->dir, &a) == 0 &&
           fstat(to->dir, &b) == 0 && is_same_file(&a, &b);
}

/* The destination lies in the directory that is to be copied or moved. */
static bool is_within(const struct spot *from, const struct spot *to)
{
    int dir = openat(to->dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), above;
    struct stat st, before = {.st_ino = 0};
    bool found = false;

    while (dir >= 0 && !found && fstat(dir, &st) == 0 && !is_same_file(&st, &before)) {
        found = is_same_file(&st, &from->st);
        before = st;
        above = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        close(dir);
        dir = above;
    }
    if (dir >= 0)
        close(dir);
    return found;
}

/* What was made under a hidden name takes the place of what is there, which then goes. */
static int exchange(const struct spot *to, const char *made)
{
    int err;

    if (!to->exists)
        return renameat(to->dir, made, to->dir, to->name) == 0 ? 0 : errno;
    if (syscall(SYS_renameat2, to->dir, made, to->dir, to->name, 2 /* RENAME_EXCHANGE */) == 0)
        return tree_remove(to->dir, made);
    err = tree_remove(to->dir, to->name);
    if (err == 0 && renameat(to->dir, made, to->dir, to->name) != 0)
        err = errno;
    return err;
}

static int copy_collection(const struct dav_job *job, const struct spot *from,
                           const struct spot *to)
{
    char made[TREE_NAME];
    int err;

    tree_make_name(made);
    err = tree_copy(from->dir, from->name, to->dir, made, job->depth == DAV_INFINITE);
    if (err == 0)
        err = exchange(to, made);
    if (err != 0)
        tree_remove(to->dir, made);
    return err;
}

static int move_collection(const struct dav_job *job, const struct spot *from,
                           const struct spot *to)
{
    char made[TREE_NAME];
    int err;

    if (!to->exists && renameat(from->dir, from->name, to->dir, to->name) == 0)
        return 0;
    tree_make_name(made);
    if (renameat(from->dir, from->name, to->dir, made) == 0) {
        err = exchange(to, made);
        if (err != 0)
            renameat(to->dir, made, from->dir, from->name);
        return err;
    }
    if (errno != EXDEV)
        return errno;
    err = copy_collection(job, from, to);
    return err != 0 ? err : tree_remove(from->dir, from->name);
}

static int copy_file(const struct dav_job *job, const struct spot *from, const struct spot *to)
{
    int fd = file_walk_open_at(&job->at.walk, from->dir, from->name, O_RDONLY | O_NONBLOCK);
    struct stat st;
    int err = 0;

    if (fd < 0)
        return errno;
    if (fstat(fd, &st) != 0)
        err = errno;
    else if (!S_ISREG(st.st_mode))
        err = EACCES;
    else
        err = tree_copy_file(fd, st.st_mode, (struct timespec[2]){st.st_atim, st.st_mtim},
                             to->dir, to->name);
    close(fd);
    return err;
}

static int move_file(const struct dav_job *job, const struct spot *from, const struct spot *to)
{
    int err;

    if (renameat(from->dir, from->name, to->dir, to->name) == 0) {
        if (to->exists && is_same_file(&from->st, &to->st)) /* two names of one file: nothing */
            unlinkat(from->dir, from->name, 0);             /* was done */
        return 0;
    }
    if (errno != EXDEV)
        return errno;
    err = copy_file(job, from, to);
    if (err == 0 && unlinkat(from->dir, from->name, 0) != 0)
        err = errno;
    return err;
}

static void transfer_collection(struct dav_job *job, const struct spot *from,
                                const struct spot *to)
{
    int err;

    if (job->depth == DAV_INFINITE && is_within(from, to)) {
        fail(job, EINVAL, 403, "transfer into itself, to", job->to.path.data);
        job->status = 403;
        return;
    }
    err = job->op == DAV_COPY ? copy_collection(job, from, to) : move_collection(job, from, to);
    if (err != 0)
        fail(job, err, 404, job->op == DAV_COPY ? "mkdir()" : "rename()", job->to.path.data);
    else
        answer(job, 201);
}

static void transfer_file(struct dav_job *job, const struct spot *from, const struct spot *to)
{
    int err = job->op == DAV_COPY ? copy_file(job, from, to) : move_file(job, from, to);

    if (err != 0)
        fail_writing(job, err, job->op == DAV_COPY ? "copy" : "rename()");
    else
        answer(job, 204);
}

/* In nginx's order: the destination is judged first. False: answered. */
static bool may_transfer(struct dav_job *job, const struct spot *from, int from_err,
                         const struct spot *to)
{
    if (to->exists && is_dir(to) && !job->to.collection) {
        fail(job, EISDIR, 409, "replacing the collection", job->to.path.data);
        job->status = 409;
    } else if (to->exists && !job->overwrite) {
        fail(job, EEXIST, 412, "creating", job->to.path.data);
        job->status = 412;
    } else if (from_err != 0) {
        fail(job, from_err, 404, "lstat()", job->at.path.data);
    } else if (is_dir(from) && !job->at.collection) {
        fail(job, EISDIR, 400, "transfer of the collection", job->at.path.data);
        job->status = 400;
    } else if (is_itself(from, to)) {
        fail(job, EEXIST, 403, "transfer to itself of", job->to.path.data);
        job->status = 403;
    } else {
        return true;
    }
    return false;
}

static void transfer(struct dav_job *job)
{
    struct spot from = {.dir = -1}, to = {.dir = -1};
    int from_err = open_spot(job, &job->at, false, &from), err;
    bool from_file = from_err == 0 && !is_dir(&from);

    if (from_err == 0 && !from.exists)
        from_err = ENOENT;
    else if (from_file && job->at.collection)
        from_err = ENOTDIR;
    err = open_spot(job, &job->to, job->op == DAV_MOVE && from_file && from_err == 0, &to);
    if (err != 0 && err != ENOENT)
        fail(job, err, 404, "lstat()", job->to.path.data);
    else if (!may_transfer(job, &from, from_err, &to))
        ;
    else if (err != 0 && from_file)
        fail_writing(job, err, "open()");
    else if (err != 0)
        fail(job, err, 404, "mkdir()", job->to.path.data);
    else if (from_file)
        transfer_file(job, &from, &to);
    else
        transfer_collection(job, &from, &to);
    close_spot(&from);
    close_spot(&to);
}

void dav_job_run(struct dav_job *job)
{
    switch (job->op) {
    case DAV_PUT:
        put(job);
        break;
    case DAV_DELETE:
        delete(job);
        break;
    case DAV_MKCOL:
        make_collection(job);
        break;
    case DAV_COPY:
    case DAV_MOVE:
        transfer(job);
        break;
    }
}
