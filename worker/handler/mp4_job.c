/*
 * worker/handler/mp4_job.c - a file's index read and made anew.
 *
 * Of the file only the headers of its outermost boxes and the index are read, each once, however
 * it is laid out: the index may be before the media data or behind.
 */
#include "worker/handler/mp4_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FTYP_MOST  4096
#define BOXES_MOST 10000

#define FTYP MP4_NAME('f', 't', 'y', 'p')
#define MOOV MP4_NAME('m', 'o', 'o', 'v')
#define MDAT MP4_NAME('m', 'd', 'a', 't')

/* Where something is in the file; `end` 0: it was not found. */
struct span {
    uint64_t first, end;
};

/* The contents of the boxes that matter. */
struct layout {
    struct span ftyp, moov, mdat;
};

static bool fail(struct mp4_job *job, const char *why, int err)
{
    job->outcome = MP4_FAILED;
    job->why = why;
    job->err = err;
    return false;
}

/* Reading -------------------------------------------------------------------------------------- */

/* One that was opened to be read past the page cache takes no odd reads. */
static int open_fd(const struct mp4_job *job)
{
    char path[40];

    if (!job->file->direct)
        return job->file->fd;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", job->file->fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool read_span(struct mp4_job *job, int fd, struct span span, char *out)
{
    uint64_t len = span.end - span.first;

    if (job->file->content != NULL) {
        memcpy(out, job->file->content + span.first, len);
        return true;
    }
    while (len > 0) {
        ssize_t n = pread(fd, out, len, (off_t)(span.end - len));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(job, n < 0 ? "read() failed" : "it became shorter", n < 0 ? errno : 0);
        out += n;
        len -= (uint64_t)n;
    }
    return true;
}

/* What it is of the boxes that matter; of several the first. */
static void note_box(struct layout *l, const struct mp4_box *box, struct span content)
{
    struct span *known = box->name == FTYP   ? &l->ftyp
                         : box->name == MOOV ? &l->moov
                         : box->name == MDAT ? &l->mdat
                                             : NULL;

    if (known != NULL && known->end == 0)
        *known = content;
}

/* Follows the boxes until index and data are found. */
static bool find_boxes(struct mp4_job *job, int fd, struct layout *l)
{
    uint64_t at = 0, bytes = (uint64_t)job->file->bytes;
    char header[MP4_HEADER_MOST];
    struct mp4_box box;
    const char *why;

    *l = (struct layout){{0}};
    for (int i = 0; at < bytes && (l->moov.end == 0 || l->mdat.end == 0); i++) {
        struct span span = {at, MIN(at + sizeof(header), bytes)};

        if (i == BOXES_MOST)
            return fail(job, "it has too many boxes", 0);
        if (!read_span(job, fd, span, header))
            return false;
        if (!mp4_box_read((struct str){header, (size_t)(span.end - at)}, &box, &why))
            return fail(job, why, 0);
        if (box.bytes == 0)
            box.bytes = bytes - at;
        if (box.bytes > bytes - at)
            return fail(job, "a box is larger than the file", 0);
        note_box(l, &box, (struct span){at + box.header_bytes, at + box.bytes});
        at += box.bytes;
    }
    if (l->moov.end == 0)
        return fail(job, "it has no index (moov)", 0);
    return l->mdat.end != 0 || fail(job, "it has no media data (mdat)", 0);
}

/* The part ------------------------------------------------------------------------------------- */

/* ftyp as it was, the new index, the header of the media data. */
static bool write_head(struct mp4_job *job, int fd, const struct layout *l,
                       const struct mp4_movie *m)
{
    size_t ftyp = l->ftyp.end == 0 ? 0 : 8 + (size_t)(l->ftyp.end - l->ftyp.first), moov;
    char mdat[MP4_HEADER_MOST], *p;
    size_t mdat_len = mp4_box_write(mdat, MDAT, m->end - m->first);
    int64_t shift;

    moov = mp4_movie_write(m, NULL, 0);
    job->head_len = ftyp + moov + mdat_len;
    shift = (int64_t)(job->head_len - m->first);
    if (m->narrow_most > 0 && (int64_t)m->narrow_most + shift > UINT32_MAX)
        return fail(job, "it is too large for its tables", 0);
    p = job->head = malloc(job->head_len);
    if (p == NULL)
        return fail(job, "no memory for its index", ENOMEM);
    if (ftyp > 0) {
        p += mp4_box_write(p, FTYP, ftyp - 8);
        if (!read_span(job, fd, l->ftyp, p))
            return false;
        p += ftyp - 8;
    }
    p += mp4_movie_write(m, p, shift);
    memcpy(p, mdat, mdat_len);
    return true;
}

static bool cut(struct mp4_job *job, int fd, const struct layout *l, char *moov)
{
    struct mp4_movie *m;
    const char *why;
    bool good;

    if (!read_span(job, fd, l->moov, moov))
        return false;
    m = malloc(sizeof(*m));
    if (m == NULL)
        return fail(job, "no memory for its index", ENOMEM);
    good = (mp4_movie_read(m, moov, (size_t)(l->moov.end - l->moov.first), &why) &&
            mp4_movie_cut(m, &job->part, l->mdat.first, l->mdat.end, &why)) ||
           fail(job, why, 0);
    if (good) {
        job->first = m->first;
        job->end = m->end;
        good = write_head(job, fd, l, m);
    }
    free(m);
    return good;
}

static void make_part(struct mp4_job *job, int fd)
{
    struct layout l;
    char *moov;

    if (!find_boxes(job, fd, &l))
        return;
    if (job->part.start_ms == 0 && job->part.length_ms == 0 && l.moov.first < l.mdat.first) {
        job->outcome = MP4_WHOLE;
        return;
    }
    if (l.moov.end - l.moov.first > job->index_most) {
        fail(job, "its index is larger than mp4_max_buffer_size", 0);
        return;
    }
    if (l.ftyp.end - l.ftyp.first > FTYP_MOST) {
        fail(job, "its ftyp is too large", 0);
        return;
    }
    moov = malloc((size_t)(l.moov.end - l.moov.first) + 1);
    if (moov == NULL) {
        fail(job, "no memory for its index", ENOMEM);
        return;
    }
    if (cut(job, fd, &l, moov))
        job->outcome = MP4_PART;
    free(moov);
}

void mp4_job_work(struct mp4_job *job)
{
    int fd = open_fd(job);

    if (fd < 0 && job->file->content == NULL) {
        fail(job, "it cannot be opened again", errno);
        return;
    }
    make_part(job, fd);
    if (fd >= 0 && fd != job->file->fd)
        close(fd);
}
