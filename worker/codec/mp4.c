/*
 * worker/codec/mp4.c - reading the index of a movie.
 *
 * Boxes that are not known here are left out of what is made: most of what they say would no longer
 * be true.
 */
#include "worker/codec/mp4.h"

#include "worker/codec/mp4_bytes.h"

bool mp4_box_read(struct str in, struct mp4_box *box, const char **why)
{
    *box = (struct mp4_box){.header_bytes = 8};
    *why = "a box is cut off";
    if (in.len < 8)
        return false;
    box->bytes = mp4_get32(in.data);
    box->name = mp4_get32(in.data + 4);
    if (box->bytes == 0)
        return true;
    if (box->bytes == 1) {
        if (in.len < 16)
            return false;
        box->header_bytes = 16;
        box->bytes = mp4_get64(in.data + 8);
    }
    *why = "a box is smaller than its header";
    return box->bytes >= box->header_bytes;
}

size_t mp4_box_write(char *out, uint32_t name, uint64_t payload_bytes)
{
    if (payload_bytes + 8 <= UINT32_MAX) {
        mp4_put32(out, (uint32_t)payload_bytes + 8);
        mp4_put32(out + 4, name);
        return 8;
    }
    mp4_put32(out, 1);
    mp4_put32(out + 4, name);
    mp4_put64(out + 8, payload_bytes + 16);
    return 16;
}

/* Boxes within boxes --------------------------------------------------------------------------- */

struct walk {
    char *at, *end;
    const char *why;        /* not NULL: it is over, for this cause */
};

struct content {
    char *data;
    size_t len;
};

/* The next box and what is in it; false at the end. Some writers leave a few zeros there. */
static bool next_box(struct walk *w, uint32_t *name, struct content *content)
{
    struct mp4_box box;
    size_t left = (size_t)(w->end - w->at);
    const char *why;

    if (left < 8 || w->why != NULL)
        return false;
    if (!mp4_box_read((struct str){w->at, left}, &box, &why)) {
        w->why = why;
        return false;
    }
    if (box.bytes == 0)
        box.bytes = left;
    if (box.bytes > left) {
        w->why = "a box is larger than the one around it";
        return false;
    }
    *name = box.name;
    *content = (struct content){w->at + box.header_bytes, (size_t)box.bytes - box.header_bytes};
    w->at += box.bytes;
    return true;
}

static struct walk walk_into(struct content c)
{
    return (struct walk){c.data, c.data + c.len, NULL};
}

static const char *keep(struct str *box, struct content c)
{
    if (box->data != NULL)
        return "a box is there twice";
    *box = (struct str){c.data, c.len};
    return NULL;
}

/* A table of entries of `unit` bytes, behind `skip` bytes (version, flags ...) and their number. */
static const char *read_table(struct mp4_table *table, struct content c, size_t skip, size_t unit)
{
    if (table->entries != NULL)
        return "a table is there twice";
    if (c.len < skip + 4) /* skip is 4 or more */
        return "a table is too small";
    table->head = mp4_get32(c.data);
    table->count = mp4_get32(c.data + skip);
    table->entries = c.data + skip + 4;
    return table->count > (c.len - skip - 4) / unit ? "a table is smaller than it says" : NULL;
}

static const char *read_sizes(struct mp4_track *t, struct content c)
{
    if (t->sizes.entries != NULL || t->size_of_all != 0)
        return "a table is there twice";
    if (c.len < 12)
        return "a table is too small";
    t->size_of_all = mp4_get32(c.data + 4);
    if (t->size_of_all == 0)
        return read_table(&t->sizes, c, 8, 4);
    t->sizes.head = mp4_get32(c.data);
    t->sizes.count = mp4_get32(c.data + 8);
    return NULL;
}

static const char *read_chunks(struct mp4_track *t, struct content c, bool wide)
{
    t->wide = wide;
    return read_table(&t->chunks, c, 4, wide ? 8 : 4);
}

/* Tracks --------------------------------------------------------------------------------------- */

typedef const char *box_fn(struct mp4_track *t, uint32_t name, struct content c);

/* Hands each box within to `read`, which gives NULL or a cause. */
static const char *read_within(struct mp4_track *t, struct content c, box_fn *read)
{
    struct walk w = walk_into(c);
    struct content inner;
    uint32_t name;

    while (next_box(&w, &name, &inner))
        w.why = read(t, name, inner);
    return w.why;
}

static const char *read_in_stbl(struct mp4_track *t, uint32_t name, struct content c)
{
    switch (name) {
    case MP4_NAME('s', 't', 's', 'd'):
        return keep(&t->stsd, c);
    case MP4_NAME('s', 't', 't', 's'):
        return read_table(&t->times, c, 4, 8);
    case MP4_NAME('s', 't', 's', 's'):
        return read_table(&t->keys, c, 4, 4);
    case MP4_NAME('c', 't', 't', 's'):
        return read_table(&t->offsets, c, 4, 8);
    case MP4_NAME('s', 't', 's', 'c'):
        return read_table(&t->runs, c, 4, 12);
    case MP4_NAME('s', 't', 's', 'z'):
        return read_sizes(t, c);
    case MP4_NAME('s', 't', 'c', 'o'):
        return read_chunks(t, c, false);
    case MP4_NAME('c', 'o', '6', '4'):
        return read_chunks(t, c, true);
    default:
        return NULL;
    }
}

static const char *read_in_minf(struct mp4_track *t, uint32_t name, struct content c)
{
    switch (name) {
    case MP4_NAME('v', 'm', 'h', 'd'):
        return keep(&t->vmhd, c);
    case MP4_NAME('s', 'm', 'h', 'd'):
        return keep(&t->smhd, c);
    case MP4_NAME('d', 'i', 'n', 'f'):
        return keep(&t->dinf, c);
    case MP4_NAME('s', 't', 'b', 'l'):
        return read_within(t, c, read_in_stbl);
    default:
        return NULL;
    }
}

static const char *read_in_mdia(struct mp4_track *t, uint32_t name, struct content c)
{
    switch (name) {
    case MP4_NAME('m', 'd', 'h', 'd'):
        return keep(&t->mdhd, c);
    case MP4_NAME('h', 'd', 'l', 'r'):
        return keep(&t->hdlr, c);
    case MP4_NAME('m', 'i', 'n', 'f'):
        return read_within(t, c, read_in_minf);
    default:
        return NULL;
    }
}

static const char *read_in_trak(struct mp4_track *t, uint32_t name, struct content c)
{
    switch (name) {
    case MP4_NAME('t', 'k', 'h', 'd'):
        return keep(&t->tkhd, c);
    case MP4_NAME('m', 'd', 'i', 'a'):
        return read_within(t, c, read_in_mdia);
    default:
        return NULL;
    }
}

static const char *what_is_missing(const struct mp4_track *t)
{
    return t->tkhd.data == NULL             ? "a track has no tkhd"
           : t->mdhd.data == NULL           ? "a track has no mdhd"
           : t->times.entries == NULL       ? "a track has no stts"
           : t->runs.entries == NULL        ? "a track has no stsc"
           : t->chunks.entries == NULL      ? "a track has no stco"
           : t->sizes.entries == NULL && t->size_of_all == 0 ? "a track has no stsz"
                                                             : NULL;
}

static const char *read_trak(struct mp4_movie *m, struct content c)
{
    struct mp4_track *t = &m->tracks[m->track_count];
    const char *why;

    if (m->track_count == MP4_TRACKS_MOST)
        return "there are too many tracks";
    *t = (struct mp4_track){{0}};
    m->track_count++;
    why = read_within(t, c, read_in_trak);
    return why != NULL ? why : what_is_missing(t);
}

/* The movie ------------------------------------------------------------------------------------ */

bool mp4_movie_read(struct mp4_movie *m, char *moov, size_t len, const char **why)
{
    struct walk w = walk_into((struct content){moov, len});
    struct content c;
    uint32_t name;

    m->mvhd = STR_NONE;
    m->track_count = 0;
    while (next_box(&w, &name, &c)) {
        if (name == MP4_NAME('m', 'v', 'h', 'd'))
            w.why = keep(&m->mvhd, c);
        else if (name == MP4_NAME('t', 'r', 'a', 'k'))
            w.why = read_trak(m, c);
        else if (name == MP4_NAME('c', 'm', 'o', 'v'))
            w.why = "its index is compressed (cmov)";
    }
    if (w.why == NULL && m->mvhd.data == NULL)
        w.why = "there is no mvhd";
    if (w.why == NULL && m->track_count == 0)
        w.why = "there are no tracks";
    *why = w.why;
    return w.why == NULL;
}
