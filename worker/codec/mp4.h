/*
 * worker/codec/mp4.h - MP4 movies (ISO/IEC 14496-12) made to begin and end at other times.
 *
 * The index of a movie (the box `moov`) says for each track what samples there are, when they are
 * shown, and where in the file they lie, in chunks. What begins later has another index; its media
 * data is one range of the file's. In memory, from bytes that nobody vouches for: every size and
 * number is checked against what is there.
 */
#pragma once

#include "common/str.h"

/* Boxes ---------------------------------------------------------------------------------------- */

#define MP4_NAME(a, b, c, d)                                                                       \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

#define MP4_HEADER_MOST 16

struct mp4_box {
    uint32_t name;
    uint32_t header_bytes;  /* 8 or 16 */
    uint64_t bytes;         /* all of it, header included; 0: up to the end of the file */
};

/* The header of the box that begins with these bytes (MP4_HEADER_MOST of them, or all there are).
   False with *why if there is none. */
bool mp4_box_read(struct str in, struct mp4_box *box, const char **why);

/* Writes the header of a box with so many bytes behind it; returns its length. */
size_t mp4_box_write(char *out, uint32_t name, uint64_t payload_bytes);

/* Movies --------------------------------------------------------------------------------------- */

#define MP4_TRACKS_MOST 64

struct mp4_table {
    char *entries;          /* NULL: there is none */
    uint32_t count;
    uint32_t head;          /* version and flags */
};

struct mp4_track {
    struct str tkhd, mdhd, hdlr, vmhd, smhd, dinf, stsd; /* what is in them; data NULL: none */
    struct mp4_table times;     /* stts: count, duration */
    struct mp4_table keys;      /* stss: number of the sample, from 1 */
    struct mp4_table offsets;   /* ctts: count, offset */
    struct mp4_table runs;      /* stsc: first chunk from 1, samples in each, description */
    struct mp4_table sizes;     /* stsz: each sample's; entries NULL where all have size_of_all */
    struct mp4_table chunks;    /* stco, co64: where they lie in the file */
    uint32_t size_of_all;
    bool wide;                  /* chunks are co64's, of 64 bits */
    uint32_t timescale;         /* ticks a second */
    uint64_t media_duration;    /* in these */
    uint64_t movie_duration;    /* in the movie's */

    /* Once it is cut. */
    uint64_t first_sample, end_sample;
    uint64_t hidden;            /* ticks before the start that are sent, as samples after it need
                                   those before it */
    uint32_t first_chunk, end_chunk;
    uint32_t skipped;           /* samples left out at the begin of the first chunk */
    uint32_t kept;              /* samples of the last chunk, from its begin; 0: all */
    uint64_t first, end;        /* bytes of the file */
};

struct mp4_movie {
    struct str mvhd;
    uint32_t timescale;
    struct mp4_track tracks[MP4_TRACKS_MOST];
    uint32_t track_count;
    uint64_t first, end;        /* once it is cut: the bytes of the file that are its media data */
    uint64_t narrow_most;       /* the highest place that a table of 32 bits says */
};

struct mp4_part {
    uint64_t start_ms;
    uint64_t length_ms;         /* 0: to the end */
    bool from_key;              /* begin with a key frame, and hide what comes before start_ms */
};

/*
 * Reads what is in a `moov` box, and keeps pointers to it. It is then cut to a part, in place:
 * once. `data_first` and `data_end` are where the file's media data is. False with *why when the
 * index is not sound, or the part is not in it.
 */
bool mp4_movie_read(struct mp4_movie *m, char *moov, size_t len, const char **why);
bool mp4_movie_cut(struct mp4_movie *m, const struct mp4_part *part, uint64_t data_first,
                   uint64_t data_end, const char **why);

/* The `moov` box of a movie that was cut, for a file in which what was at `first` is `shift` bytes
   further on: narrow_most + shift must fit into 32 bits. Returns its length, which does not depend
   on `shift`; `out` may be NULL. */
size_t mp4_movie_write(const struct mp4_movie *m, char *out, int64_t shift);
