/*
 * worker/codec/mp4_cut.c - the part of a movie between two times.
 *
 * First the times say which samples there are in it; these, which chunks; and those, which bytes.
 * Tables of runs (so many samples of this kind, then so many of that) are cut in place: the first
 * and the last entry left get other counts.
 */
#include "worker/codec/mp4.h"
#include "worker/codec/mp4_bytes.h"

#define TIME_MOST_MS ((uint64_t)1 << 40)

static uint64_t ticks_of(uint64_t ms, uint32_t timescale)
{
    return ms / 1000 * timescale + ms % 1000 * timescale / 1000;
}

/* Durations ------------------------------------------------------------------------------------ */

/* Where a box of version 0 (32 bits), and one of version 1 (64), has its duration. */
struct duration_place {
    size_t narrow, wide;
};

static const struct duration_place in_header = {16, 24}, in_track = {20, 28};

static bool is_wide(struct str box)
{
    return box.len > 0 && box.data[0] == 1;
}

static bool read_duration(struct str box, const struct duration_place *place, uint64_t *duration)
{
    size_t at = is_wide(box) ? place->wide : place->narrow;

    if (box.len < at + (is_wide(box) ? 8 : 4))
        return false;
    *duration = is_wide(box) ? mp4_get64(box.data + at) : mp4_get32(box.data + at);
    return true;
}

static void write_duration(struct str box, const struct duration_place *place, uint64_t duration)
{
    char *bytes = (char *)(uintptr_t)box.data;

    if (is_wide(box))
        mp4_put64(bytes + place->wide, duration);
    else
        mp4_put32(bytes + place->narrow, (uint32_t)duration);
}

/* For mvhd and mdhd: what comes before the duration. */
static uint32_t read_timescale(struct str box)
{
    return mp4_get32(box.data + (is_wide(box) ? in_header.wide : in_header.narrow) - 4);
}

/* What is left of a duration. False: it ends before. */
static bool cut_duration(uint64_t *duration, const struct mp4_part *part, uint32_t timescale)
{
    uint64_t start = ticks_of(part->start_ms, timescale);

    if (*duration <= start)
        return false;
    *duration -= start;
    if (part->length_ms > 0)
        *duration = MIN(*duration, ticks_of(part->length_ms, timescale));
    return true;
}

/* Times: which samples ------------------------------------------------------------------------- */

/* Entries of stts and ctts: a count, and what holds for so many samples. */
static uint32_t count_at(const struct mp4_table *table, uint32_t i)
{
    return mp4_get32(table->entries + 8 * (size_t)i);
}

static void set_count(struct mp4_table *table, uint32_t i, uint32_t count)
{
    mp4_put32(table->entries + 8 * (size_t)i, count);
}

static uint32_t value_at(const struct mp4_table *table, uint32_t i)
{
    return mp4_get32(table->entries + 8 * (size_t)i + 4);
}

/* Cuts off what is before `rest` samples of entry i. */
static void begin_at(struct mp4_table *table, uint32_t i, uint32_t rest)
{
    set_count(table, i, count_at(table, i) - rest);
    table->entries += 8 * (size_t)i;
    table->count -= i;
}

/* And what is behind them. */
static void end_at(struct mp4_table *table, uint32_t i, uint32_t rest)
{
    set_count(table, i, rest);
    table->count = i + 1;
}

struct spot {
    uint32_t entry, rest;   /* so many samples of the entry come before */
    uint64_t sample;        /* from the begin of the table */
};

/* The sample that is shown at a time. False when all end before; then `sample` is their number. */
static bool find_time(const struct mp4_table *times, uint64_t time, struct spot *spot)
{
    *spot = (struct spot){0};
    for (; spot->entry < times->count; spot->entry++) {
        uint32_t count = count_at(times, spot->entry), duration = value_at(times, spot->entry);

        if (time < (uint64_t)count * duration) {
            spot->rest = (uint32_t)(time / duration);
            spot->sample += spot->rest;
            return true;
        }
        spot->sample += count;
        time -= (uint64_t)count * duration;
    }
    return false;
}

/* How many samples before this one (from 0) the last key frame is. */
static uint64_t distance_from_key(const struct mp4_track *t, uint64_t sample)
{
    uint64_t distance = 0;

    for (uint32_t i = 0; i < t->keys.count; i++) {
        uint32_t key = mp4_get32(t->keys.entries + 4 * (size_t)i);

        if (key == 0 || key > sample + 1)
            break;
        distance = sample + 1 - key;
    }
    return distance;
}

/* Goes back so many samples, and adds up how long they are. */
static void go_back(struct mp4_track *t, struct spot *spot, uint64_t distance)
{
    spot->sample -= distance;
    while (spot->rest < distance) {
        t->hidden += (uint64_t)spot->rest * value_at(&t->times, spot->entry);
        distance -= spot->rest;
        spot->rest = count_at(&t->times, --spot->entry);
    }
    t->hidden += distance * value_at(&t->times, spot->entry);
    spot->rest -= (uint32_t)distance;
}

static const char *cut_times(struct mp4_track *t, const struct mp4_part *part)
{
    struct spot spot;

    if (!find_time(&t->times, ticks_of(part->start_ms, t->timescale), &spot))
        return "the start is behind the samples of a track";
    if (part->from_key)
        go_back(t, &spot, distance_from_key(t, spot.sample));
    begin_at(&t->times, spot.entry, spot.rest);
    t->first_sample = spot.sample;
    if (part->length_ms == 0)
        return NULL;
    if (find_time(&t->times, ticks_of(part->length_ms, t->timescale) + t->hidden, &spot))
        end_at(&t->times, spot.entry, spot.rest);
    t->end_sample = t->first_sample + spot.sample;
    return NULL;
}

/* Tables by sample ----------------------------------------------------------------------------- */

/* Key frames are numbered from 1, in the order of the table. */
static void cut_keys(struct mp4_track *t, bool to_end)
{
    struct mp4_table *keys = &t->keys;
    uint32_t i = 0;

    while (i < keys->count && mp4_get32(keys->entries + 4 * (size_t)i) <= t->first_sample)
        i++;
    keys->entries = keys->entries == NULL ? NULL : keys->entries + 4 * (size_t)i;
    keys->count -= i;
    for (i = 0; i < keys->count; i++) {
        char *entry = keys->entries + 4 * (size_t)i;
        uint32_t key = mp4_get32(entry);

        if (!to_end && key > t->end_sample)
            break;
        mp4_put32(entry, key - (uint32_t)t->first_sample);
    }
    keys->count = i;
}

/* The entry of a table of runs in which so many samples end; false when it has fewer. */
static bool find_sample(const struct mp4_table *table, uint64_t sample, struct spot *spot)
{
    for (spot->entry = 0; spot->entry < table->count; spot->entry++) {
        uint32_t count = count_at(table, spot->entry);

        if (sample < count) {
            spot->rest = (uint32_t)sample;
            return true;
        }
        sample -= count;
    }
    return false;
}

static void cut_offsets(struct mp4_track *t, bool to_end)
{
    struct spot spot;

    if (!find_sample(&t->offsets, t->first_sample, &spot)) {
        t->offsets.count = 0;
        return;
    }
    begin_at(&t->offsets, spot.entry, spot.rest);
    if (!to_end && find_sample(&t->offsets, t->end_sample - t->first_sample, &spot))
        end_at(&t->offsets, spot.entry, spot.rest);
}

/* Chunks --------------------------------------------------------------------------------------- */

struct place {
    uint32_t chunk;     /* from 0 */
    uint32_t before;    /* samples before it in this chunk */
    uint32_t samples;   /* of the chunk */
};

/* Where a sample is. The one behind the last is in a chunk behind the last. */
static const char *find_chunk(const struct mp4_track *t, uint64_t sample, struct place *place)
{
    for (uint32_t i = 0; i < t->runs.count; i++) {
        const char *entry = t->runs.entries + 12 * (size_t)i;
        uint32_t first = mp4_get32(entry), samples = mp4_get32(entry + 4);
        uint32_t next = i + 1 < t->runs.count ? mp4_get32(entry + 12) : t->chunks.count + 1;

        if (first == 0 || next < first || next - 1 > t->chunks.count)
            return "the chunks of a track are not in order";
        if (sample < (uint64_t)(next - first) * samples) {
            *place = (struct place){first - 1 + (uint32_t)(sample / samples),
                                    (uint32_t)(sample % samples), samples};
            return NULL;
        }
        sample -= (uint64_t)(next - first) * samples;
    }
    *place = (struct place){.chunk = t->chunks.count};
    return sample == 0 ? NULL : "a track has more samples than its chunks";
}

static const char *cut_chunks(struct mp4_track *t, bool to_end)
{
    struct place place;
    const char *why = find_chunk(t, t->first_sample, &place);

    if (why != NULL)
        return why;
    t->first_chunk = t->end_chunk = place.chunk;
    t->skipped = place.before;
    if (to_end) {
        t->end_chunk = t->chunks.count;
        return NULL;
    }
    if (t->end_sample == t->first_sample)
        return NULL;
    why = find_chunk(t, t->end_sample - 1, &place);
    if (why != NULL || place.chunk == t->chunks.count)
        return why != NULL ? why : "the end is behind the chunks of a track";
    t->end_chunk = place.chunk + 1;
    t->kept = place.before + 1 < place.samples ? place.before + 1 : 0;
    return NULL;
}

/* Bytes ---------------------------------------------------------------------------------------- */

/* Of the samples [first, end). */
static uint64_t bytes_of(const struct mp4_track *t, uint64_t first, uint64_t end)
{
    uint64_t bytes = 0;

    if (t->sizes.entries == NULL)
        return (end - first) * t->size_of_all;
    for (; first < end; first++)
        bytes += mp4_get32(t->sizes.entries + 4 * first);
    return bytes;
}

static uint64_t chunk_at(const struct mp4_track *t, uint32_t i)
{
    return t->wide ? mp4_get64(t->chunks.entries + 8 * (size_t)i)
                   : mp4_get32(t->chunks.entries + 4 * (size_t)i);
}

static const char *find_end(struct mp4_track *t)
{
    struct place place;
    const char *why = find_chunk(t, t->end_sample - 1, &place);

    if (why == NULL)
        t->end = chunk_at(t, place.chunk) +
                 bytes_of(t, t->end_sample - 1 - place.before, t->end_sample);
    return why;
}

/* `end` stays 0 where that is the end of the media data. */
static const char *find_bytes(struct mp4_track *t, bool to_end)
{
    if (to_end)
        t->end_sample = t->sizes.count;
    if (t->first_sample > t->sizes.count || t->end_sample > t->sizes.count)
        return "a track has fewer sizes than samples";
    if (t->end_chunk == t->first_chunk)
        return NULL;
    t->first = chunk_at(t, t->first_chunk) +
               bytes_of(t, t->first_sample - t->skipped, t->first_sample);
    return to_end ? NULL : find_end(t);
}

static const char *cut_track(struct mp4_track *t, const struct mp4_part *part)
{
    bool to_end = part->length_ms == 0;
    const char *why = cut_times(t, part);

    if (why != NULL)
        return why;
    cut_keys(t, to_end);
    cut_offsets(t, to_end);
    why = cut_chunks(t, to_end);
    return why != NULL ? why : find_bytes(t, to_end);
}

/* The movie ------------------------------------------------------------------------------------ */

/* False where a track has ended by then: it is left out. */
static bool has_part(struct mp4_track *t, const struct mp4_movie *m, const struct mp4_part *part,
                     const char **why)
{
    if (!read_duration(t->tkhd, &in_track, &t->movie_duration) ||
        !read_duration(t->mdhd, &in_header, &t->media_duration)) {
        *why = "the header of a track is too small";
        return false;
    }
    t->timescale = read_timescale(t->mdhd);
    return cut_duration(&t->movie_duration, part, m->timescale) &&
           cut_duration(&t->media_duration, part, t->timescale);
}

static void note_bytes(struct mp4_movie *m, const struct mp4_track *t, uint64_t data_end)
{
    if (t->end_chunk == t->first_chunk)
        return;
    m->first = MIN(m->first, t->first);
    m->end = MAX(m->end, t->end != 0 ? MIN(t->end, data_end) : data_end);
    for (uint32_t i = t->first_chunk; !t->wide && i < t->end_chunk; i++)
        m->narrow_most = MAX(m->narrow_most, chunk_at(t, i));
    if (!t->wide)
        m->narrow_most = MAX(m->narrow_most, t->first);
}

/* Tracks that end before it are taken out. */
static const char *cut_tracks(struct mp4_movie *m, const struct mp4_part *part, uint64_t data_end)
{
    uint32_t count = m->track_count;
    const char *why = NULL;

    m->track_count = 0;
    for (uint32_t i = 0; i < count && why == NULL; i++) {
        struct mp4_track *t = &m->tracks[m->track_count];

        if (t != &m->tracks[i])
            *t = m->tracks[i];
        if (!has_part(t, m, part, &why))
            continue;
        why = cut_track(t, part);
        t->media_duration += t->hidden;
        write_duration(t->tkhd, &in_track, t->movie_duration);
        write_duration(t->mdhd, &in_header, t->media_duration);
        note_bytes(m, t, data_end);
        m->track_count++;
    }
    return why;
}

bool mp4_movie_cut(struct mp4_movie *m, const struct mp4_part *part, uint64_t data_first,
                   uint64_t data_end, const char **why)
{
    uint64_t duration;

    *why = "its header is too small";
    if (!read_duration(m->mvhd, &in_header, &duration))
        return false;
    m->timescale = read_timescale(m->mvhd);
    *why = "the start is behind its end";
    if (part->start_ms > TIME_MOST_MS || part->length_ms > TIME_MOST_MS ||
        !cut_duration(&duration, part, m->timescale))
        return false;
    write_duration(m->mvhd, &in_header, duration);
    m->first = UINT64_MAX;
    m->end = m->narrow_most = 0;
    *why = cut_tracks(m, part, data_end);
    if (*why != NULL)
        return false;
    if (m->track_count == 0) {
        *why = "the start is behind the end of each track";
        return false;
    }
    *why = "there are no samples between start and end";
    if (m->first == UINT64_MAX)
        return false;
    m->end = MAX(m->end, m->first);
    *why = "the start is outside of its media data";
    return m->first >= data_first && m->first <= data_end;
}
