/*
 * worker/codec/mp4_write.c - the index of a movie that was cut.
 *
 * Each function writes one box and returns its length; without a place to write to it only counts.
 */
#include "worker/codec/mp4.h"
#include "worker/codec/mp4_bytes.h"

#define BOX_HEADER 8

static char *behind(char *out, size_t len)
{
    return out == NULL ? NULL : out + len;
}

/* The box of so many bytes that begins at `out`. */
static size_t close_box(char *out, uint32_t name, size_t len)
{
    if (out != NULL)
        mp4_box_write(out, name, len - BOX_HEADER);
    return len;
}

/* One that is as it was; nothing where there was none. */
static size_t write_kept(char *out, uint32_t name, struct str content)
{
    if (content.data == NULL)
        return 0;
    if (out != NULL)
        memcpy(out + BOX_HEADER, content.data, content.len);
    return close_box(out, name, BOX_HEADER + content.len);
}

static void put32(char *out, size_t at, uint32_t n)
{
    if (out != NULL)
        mp4_put32(out + at, n);
}

static size_t write_table(char *out, uint32_t name, const struct mp4_table *table, size_t unit)
{
    size_t bytes = table->count * unit;

    put32(out, BOX_HEADER, table->head);
    put32(out, BOX_HEADER + 4, table->count);
    if (out != NULL && bytes > 0)
        memcpy(out + BOX_HEADER + 8, table->entries, bytes);
    return close_box(out, name, BOX_HEADER + 8 + bytes);
}

/* Chunks --------------------------------------------------------------------------------------- */

/* stsc as it is written. */
struct runs {
    char *out;          /* of the box; NULL: they are counted */
    uint32_t count;
    uint32_t first_chunk;
};

/* Chunks from `chunk` on with so many samples each. */
static void add_run(struct runs *runs, uint32_t chunk, uint32_t samples, uint32_t description)
{
    size_t at = BOX_HEADER + 8 + 12 * (size_t)runs->count++;

    put32(runs->out, at, chunk - runs->first_chunk + 1);
    put32(runs->out, at + 4, samples);
    put32(runs->out, at + 8, description);
}

/* The part of a run that is left: its chunks [chunk, end). The first and the last of all may have
   fewer samples. */
static void add_part_of_run(struct runs *runs, const struct mp4_track *t, uint32_t chunk,
                            uint32_t end, uint32_t samples, uint32_t description)
{
    uint32_t skipped = chunk == t->first_chunk ? t->skipped : 0;
    uint32_t kept = end == t->end_chunk && t->kept > 0 ? t->kept : samples;

    if (skipped > 0) {
        add_run(runs, chunk, (chunk + 1 == end ? kept : samples) - skipped, description);
        chunk++;
    }
    if (chunk < end && (kept == samples || chunk + 1 < end))
        add_run(runs, chunk, samples, description);
    if (chunk < end && kept < samples)
        add_run(runs, end - 1, kept, description);
}

static size_t write_runs(const struct mp4_track *t, char *out)
{
    struct runs runs = {.out = out, .first_chunk = t->first_chunk};

    for (uint32_t i = 0; i < t->runs.count; i++) {
        const char *entry = t->runs.entries + 12 * (size_t)i;
        uint32_t chunk = mp4_get32(entry) - 1;
        uint32_t end = i + 1 < t->runs.count ? mp4_get32(entry + 12) - 1 : t->chunks.count;

        chunk = MAX(chunk, t->first_chunk);
        end = MIN(end, t->end_chunk);
        if (chunk < end)
            add_part_of_run(&runs, t, chunk, end, mp4_get32(entry + 4), mp4_get32(entry + 8));
    }
    put32(out, BOX_HEADER, t->runs.head);
    put32(out, BOX_HEADER + 4, runs.count);
    return close_box(out, MP4_NAME('s', 't', 's', 'c'),
                     BOX_HEADER + 8 + 12 * (size_t)runs.count);
}

static size_t write_chunks(const struct mp4_track *t, char *out, int64_t shift)
{
    size_t unit = t->wide ? 8 : 4;
    struct mp4_table left = {t->chunks.entries + t->first_chunk * unit,
                             t->end_chunk - t->first_chunk, t->chunks.head};
    uint32_t name = t->wide ? MP4_NAME('c', 'o', '6', '4') : MP4_NAME('s', 't', 'c', 'o');
    size_t len = write_table(out, name, &left, unit);

    for (uint32_t i = 0; out != NULL && i < left.count; i++) {
        char *entry = out + BOX_HEADER + 8 + i * unit;
        uint64_t at = i == 0 ? t->first : t->wide ? mp4_get64(entry) : mp4_get32(entry);

        if (t->wide)
            mp4_put64(entry, at + (uint64_t)shift);
        else
            mp4_put32(entry, (uint32_t)(at + (uint64_t)shift));
    }
    return len;
}

/* Samples -------------------------------------------------------------------------------------- */

static size_t write_sizes(const struct mp4_track *t, char *out)
{
    uint32_t count = (uint32_t)(t->end_sample - t->first_sample);
    size_t bytes = t->sizes.entries == NULL ? 0 : 4 * (size_t)count;

    put32(out, BOX_HEADER, t->sizes.head);
    put32(out, BOX_HEADER + 4, t->size_of_all);
    put32(out, BOX_HEADER + 8, count);
    if (out != NULL && bytes > 0)
        memcpy(out + BOX_HEADER + 12, t->sizes.entries + 4 * t->first_sample, bytes);
    return close_box(out, MP4_NAME('s', 't', 's', 'z'), BOX_HEADER + 12 + bytes);
}

static size_t write_stbl(const struct mp4_track *t, char *out, int64_t shift)
{
    size_t len = BOX_HEADER;

    len += write_kept(behind(out, len), MP4_NAME('s', 't', 's', 'd'), t->stsd);
    len += write_table(behind(out, len), MP4_NAME('s', 't', 't', 's'), &t->times, 8);
    if (t->keys.entries != NULL)
        len += write_table(behind(out, len), MP4_NAME('s', 't', 's', 's'), &t->keys, 4);
    if (t->offsets.count > 0)
        len += write_table(behind(out, len), MP4_NAME('c', 't', 't', 's'), &t->offsets, 8);
    len += write_runs(t, behind(out, len));
    len += write_sizes(t, behind(out, len));
    len += write_chunks(t, behind(out, len), shift);
    return close_box(out, MP4_NAME('s', 't', 'b', 'l'), len);
}

/* Tracks --------------------------------------------------------------------------------------- */

static size_t write_mdia(const struct mp4_track *t, char *out, int64_t shift)
{
    size_t len = BOX_HEADER, minf = BOX_HEADER;
    char *inner;

    len += write_kept(behind(out, len), MP4_NAME('m', 'd', 'h', 'd'), t->mdhd);
    len += write_kept(behind(out, len), MP4_NAME('h', 'd', 'l', 'r'), t->hdlr);
    inner = behind(out, len);
    minf += write_kept(behind(inner, minf), MP4_NAME('v', 'm', 'h', 'd'), t->vmhd);
    minf += write_kept(behind(inner, minf), MP4_NAME('s', 'm', 'h', 'd'), t->smhd);
    minf += write_kept(behind(inner, minf), MP4_NAME('d', 'i', 'n', 'f'), t->dinf);
    minf += write_stbl(t, behind(inner, minf), shift);
    len += close_box(inner, MP4_NAME('m', 'i', 'n', 'f'), minf);
    return close_box(out, MP4_NAME('m', 'd', 'i', 'a'), len);
}

/* An edit list of one entry: show it from behind what is hidden on. */
static size_t write_edit(const struct mp4_track *t, char *out)
{
    char *entry = behind(out, 2 * BOX_HEADER);

    if (t->hidden == 0)
        return 0;
    if (out != NULL) {
        mp4_put32(entry, 1 << 24); /* version 1: of 64 bits */
        mp4_put32(entry + 4, 1);
        mp4_put64(entry + 8, t->movie_duration);
        mp4_put64(entry + 16, t->hidden);
        mp4_put32(entry + 24, 1 << 16);
    }
    return close_box(out, MP4_NAME('e', 'd', 't', 's'),
                     BOX_HEADER + close_box(behind(out, BOX_HEADER), MP4_NAME('e', 'l', 's', 't'),
                                            BOX_HEADER + 28));
}

static size_t write_trak(const struct mp4_track *t, char *out, int64_t shift)
{
    size_t len = BOX_HEADER;

    len += write_kept(behind(out, len), MP4_NAME('t', 'k', 'h', 'd'), t->tkhd);
    len += write_edit(t, behind(out, len));
    len += write_mdia(t, behind(out, len), shift);
    return close_box(out, MP4_NAME('t', 'r', 'a', 'k'), len);
}

size_t mp4_movie_write(const struct mp4_movie *m, char *out, int64_t shift)
{
    size_t len = BOX_HEADER;

    len += write_kept(behind(out, len), MP4_NAME('m', 'v', 'h', 'd'), m->mvhd);
    for (uint32_t i = 0; i < m->track_count; i++)
        len += write_trak(&m->tracks[i], behind(out, len), shift);
    return close_box(out, MP4_NAME('m', 'o', 'o', 'v'), len);
}
