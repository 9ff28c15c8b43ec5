/*
 * master/file_watch.c - which files are watched, when they are looked at, who is told.
 *
 * inotify says only that it is time to look: stamps tell what has changed. Files are seldom written
 * in place; they are renamed there, or a link on the way to them is. So the directories are
 * watched, of the file and of each link that leads to it. Files belong together, and one comes
 * after the other: they are looked at when it has been quiet for a while. What is no good then may
 * only be unfinished: it gets a little more time before the log is told.
 *
 * Where inotify does not reach (network file systems) a look each minute does.
 */
#include "master/file_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/watched.h"
#include "master/master.h"
#include "master/privilege.h"

#define QUIET_MS    100    /* after a file has come whole */
#define WRITING_MS  1000   /* while one is being written */
#define LONGEST_MS  5000   /* in all, when it is never quiet */
#define DOUBT_MS    1000
#define EACH_MS     60000  /* a look without any event */
#define DAY_MS      86400000
#define LINKS_MOST  40     /* on the way to one file */

#define EVENTS (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_MODIFY | \
                IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR)

struct watched_name {
    int wd;
    char *name;
};

struct file_watch {
    uint32_t generation;         /* whose files they are */
    int fd;                      /* inotify; -1: none */
    struct watched_name *names;  /* in which directory what matters */
    size_t count, room;
    int64_t look_ms;             /* when to look */
    int64_t first_ms;            /* the first event since the last look; 0: none */
    int64_t day_ms;              /* when to warn again */
};

/* What to listen to ---------------------------------------------------------------------------- */

static void clear_names(struct file_watch *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->names[i].name);
    w->count = 0;
}

static void add_name(struct file_watch *w, const char *dir, const char *name)
{
    int wd = inotify_add_watch(w->fd, dir[0] == '\0' ? "/" : dir, EVENTS);

    if (wd < 0)
        return; /* the look each minute has to do */
    if (w->count == w->room) {
        w->room = w->room * 2 + 16;
        w->names = reallocarray(w->names, w->room, sizeof(*w->names));
        must(w->names != NULL);
    }
    w->names[w->count] = (struct watched_name){wd, strdup(name)};
    must(w->names[w->count++].name != NULL);
}

/* The first component of *rest, which moves behind it. */
static const char *next_component(char **rest)
{
    char *start = *rest, *end;

    while (*start == '/')
        start++;
    end = start;
    while (*end != '/' && *end != '\0')
        end++;
    *rest = *end == '\0' ? end : end + 1;
    *end = '\0';
    return start;
}

struct walk {
    char dir[PATH_MAX];  /* resolved so far; empty: the root */
    char rest[PATH_MAX]; /* still to come */
    int links;
};

static bool append(char *dir, const char *name)
{
    size_t len = strlen(dir);

    return (size_t)snprintf(dir + len, PATH_MAX - len, "/%s", name) < PATH_MAX - len;
}

/* The link's target takes its place in what is still to come. */
static bool follow(struct walk *k, const char *target, const char *rest)
{
    char joined[PATH_MAX];

    if (++k->links > LINKS_MOST ||
        (size_t)snprintf(joined, sizeof(joined), "%s/%s", target, rest) >= sizeof(joined))
        return false;
    memcpy(k->rest, joined, sizeof(joined));
    if (target[0] == '/')
        k->dir[0] = '\0';
    return true;
}

/* One component further. False: the way ends here. */
static bool step(struct file_watch *w, struct walk *k)
{
    char full[PATH_MAX], target[PATH_MAX], *rest = k->rest;
    const char *name = next_component(&rest);
    struct stat st;
    ssize_t n;

    memcpy(full, k->dir, sizeof(full));
    if (strcmp(name, "..") == 0) {
        char *slash = strrchr(k->dir, '/');

        if (slash != NULL)
            *slash = '\0';
    } else if (name[0] != '\0' && strcmp(name, ".") != 0) {
        if (!append(full, name) || lstat(full, &st) != 0 || *rest == '\0' || S_ISLNK(st.st_mode))
            add_name(w, k->dir, name);
        if (lstat(full, &st) != 0)
            return false;
        n = S_ISLNK(st.st_mode) ? readlink(full, target, sizeof(target) - 1) : -1;
        if (n > 0) {
            target[n] = '\0';
            return follow(k, target, rest);
        }
        memcpy(k->dir, full, sizeof(full));
    }
    memmove(k->rest, rest, strlen(rest) + 1);
    return k->rest[0] != '\0';
}

static void watch_path(struct file_watch *w, struct str path)
{
    struct walk k = {.links = 0};

    if (path.len == 0 || path.len >= sizeof(k.rest))
        return;
    memcpy(k.rest, path.data, path.len);
    while (step(w, &k))
        continue;
}

/* Anew each time: links may lead elsewhere now. Events that come meanwhile are in the new one. */
static void listen_anew(struct file_watch *w, const struct generation *gen)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), old = w->fd;

    if (fd < 0)
        log_error(&process_log, LOG_WARN, errno, "inotify_init1() failed");
    w->fd = fd;
    clear_names(w);
    privilege_raise(PRIVILEGE_FILES);
    for (const struct watched_set *set = gen->watched; fd >= 0 && set != NULL; set = set->next)
        for (uint32_t i = 0; i < set->count; i++)
            watch_path(w, set->files[i].path);
    privilege_lower();
    if (old >= 0)
        close(old);
}

/* Events --------------------------------------------------------------------------------------- */

static bool matters(const struct file_watch *w, const struct inotify_event *event)
{
    if (event->len == 0) /* of the directory itself, or some were lost */
        return true;
    for (size_t i = 0; i < w->count; i++)
        if (w->names[i].wd == event->wd && strcmp(w->names[i].name, event->name) == 0)
            return true;
    return false;
}

static void note(struct file_watch *w, uint32_t mask)
{
    int64_t quiet_ms = (mask & (IN_MODIFY | IN_CREATE)) != 0 ? WRITING_MS : QUIET_MS;

    if (w->first_ms == 0)
        w->first_ms = clock_mono_ms;
    w->look_ms = MIN(clock_mono_ms + quiet_ms, w->first_ms + LONGEST_MS);
}

static void read_events(struct file_watch *w)
{
    _Alignas(struct inotify_event) char bytes[8192];
    ssize_t n;

    while (w->fd >= 0 && (n = read(w->fd, bytes, sizeof(bytes))) > 0) {
        for (char *p = bytes; p < bytes + n;) {
            const struct inotify_event *event = (void *)p;

            if ((event->mask & IN_IGNORED) == 0 && matters(w, event))
                note(w, event->mask);
            p += sizeof(*event) + event->len;
        }
    }
}

/* Looking -------------------------------------------------------------------------------------- */

static bool has_changed(const struct watched_set *set)
{
    struct file_stamp now;
    bool changed = set->doubtful;

    for (uint32_t i = 0; i < set->count; i++) {
        const struct watched_file *file = &set->files[i];

        if (file->path.len > 0 && watched_stamp(file->path, &now))
            changed = changed || !watched_stamp_eq(&now, &file->stamp);
    }
    return changed;
}

static bool read_open_file(struct pool *pool, int fd, struct watched_file *file, struct str *out)
{
    struct stat st;
    char *text;
    ssize_t n;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > WATCHED_FILE_MOST)
        return false;
    file->stamp = watched_stamp_of(&st);
    text = pool_bytes(pool, (size_t)st.st_size + 1);
    n = read(fd, text, (size_t)st.st_size);
    *out = (struct str){text, n < 0 ? 0 : (size_t)n};
    return n >= 0;
}

static bool read_file(struct pool *pool, struct watched_file *file, struct str *out)
{
    int fd = open(pool_cstr(pool, file->path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool good = fd >= 0 && read_open_file(pool, fd, file, out);

    if (fd >= 0)
        close(fd);
    return good;
}

static bool read_set(struct pool *pool, struct watched_set *set, struct str *contents)
{
    bool good = true;

    privilege_raise(PRIVILEGE_FILES);
    for (uint32_t i = 0; i < set->count; i++) {
        contents[i] = STR_NONE;
        if (set->files[i].path.len > 0)
            good = read_file(pool, &set->files[i], &contents[i]) && good;
    }
    privilege_lower();
    return good;
}

static void tell_all(struct master *m, const struct watched_set *set, const struct str *contents)
{
    int fd = watched_pack(contents, set->count);

    if (fd < 0) {
        log_error(&process_log, LOG_ALERT, errno, "handing files to workers failed");
        return;
    }
    for (struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        for (uint32_t i = 0; crew->gen == m->gen && i < crew->count; i++)
            child_tell(&crew->children[i], CHANNEL_FILES, set->index, fd);
    close(fd);
}

static void look_at(struct master *m, struct watched_set *set)
{
    struct pool *scratch = pool_create(POOL_BLOCK);
    struct str *contents = pool_zalloc(scratch, set->count * sizeof(*contents));
    bool doubted = set->doubtful;

    set->doubtful = false;
    if (read_set(scratch, set, contents)) {
        switch (set->take(m->gen, set, contents, doubted)) {
        case WATCHED_SAME:
            break;
        case WATCHED_TAKEN:
            tell_all(m, set, contents);
            break;
        case WATCHED_BAD:
            set->doubtful = !doubted;
            break;
        }
    }
    for (uint32_t i = 0; i < set->count; i++) /* keys are among them */
        if (contents[i].data != NULL)
            explicit_bzero((char *)(uintptr_t)contents[i].data, contents[i].len);
    pool_destroy(scratch);
}

static void look(struct master *m, struct file_watch *w)
{
    bool doubtful = false;

    listen_anew(w, m->gen);
    w->first_ms = 0;
    for (struct watched_set *set = m->gen->watched; set != NULL; set = set->next) {
        if (has_changed(set))
            look_at(m, set);
        doubtful = doubtful || set->doubtful;
    }
    w->look_ms = clock_mono_ms + (doubtful ? DOUBT_MS : EACH_MS);
}

static void warn(const struct generation *gen)
{
    for (const struct watched_set *set = gen->watched; set != NULL; set = set->next)
        if (set->look != NULL)
            set->look(set);
}

/* The master's turn ---------------------------------------------------------------------------- */

static bool is_wanted(const struct master *m)
{
    return m->gen != NULL && m->gen->watched != NULL && m->will == WILL_SERVE;
}

int file_watch_fd(const struct master *m)
{
    return m->files == NULL ? -1 : m->files->fd;
}

int64_t file_watch_deadline(const struct master *m, int64_t deadline_ms)
{
    if (!is_wanted(m))
        return deadline_ms;
    if (m->files == NULL || m->files->generation != m->gen->number)
        return clock_mono_ms;
    return MIN(deadline_ms, MIN(m->files->look_ms, m->files->day_ms));
}

static void stop(struct file_watch *w)
{
    w->generation = 0;
    clear_names(w);
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

static void begin(struct master *m)
{
    if (m->files == NULL) {
        m->files = calloc(1, sizeof(*m->files));
        must(m->files != NULL);
        m->files->fd = -1;
    }
    m->files->generation = m->gen->number;
    m->files->look_ms = m->files->day_ms = clock_mono_ms;
}

void file_watch_run(struct master *m)
{
    struct file_watch *w;

    if (!is_wanted(m)) {
        if (m->files != NULL && m->files->generation != 0)
            stop(m->files);
        return;
    }
    if (m->files == NULL || m->files->generation != m->gen->number)
        begin(m);
    w = m->files;
    read_events(w);
    if (clock_mono_ms >= w->look_ms)
        look(m, w);
    if (clock_mono_ms < w->day_ms)
        return;
    warn(m->gen);
    w->day_ms = clock_mono_ms + DAY_MS;
}

void file_watch_end(struct master *m)
{
    if (m->files == NULL)
        return;
    stop(m->files);
    free(m->files->names);
    free(m->files);
    m->files = NULL;
}
