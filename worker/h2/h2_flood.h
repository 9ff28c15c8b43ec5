/*
 * worker/h2/h2_flood.h - patience with frames that move nothing forward (RFC 9113, 10.5).
 *
 * Pings, settings, resets, priorities, windows and empty data are free in moderation, from clients
 * as from origins. A flood ends the connection.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "common/clock.h"

#define H2_PATIENCE       1000  /* such frames at once ... */
#define H2_PATIENCE_A_SEC 100   /* ... and for each second */

struct h2_flood {
    int64_t left;      /* frames that may still come */
    int64_t counted_ms; /* when that was last counted */
};

static inline void h2_flood_init(struct h2_flood *f)
{
    f->left = H2_PATIENCE;
    f->counted_ms = clock_mono_ms;
}

static inline int64_t h2_flood_cost(const nghttp2_frame_hd *head)
{
    switch (head->type) {
    case NGHTTP2_DATA:
        return head->length == 0 && !(head->flags & NGHTTP2_FLAG_END_STREAM);
    case NGHTTP2_HEADERS:
        return 0;
    case NGHTTP2_RST_STREAM:
        return 4;
    default:
        return 1;
    }
}

/* Whether this frame may still be borne with. */
static inline bool h2_flood_bears(struct h2_flood *f, const nghttp2_frame_hd *head)
{
    int64_t cost = h2_flood_cost(head), earned;

    if (cost == 0)
        return true;
    earned = (clock_mono_ms - f->counted_ms) * H2_PATIENCE_A_SEC / 1000;
    if (earned > 0) {
        f->left = MIN(f->left + earned, H2_PATIENCE);
        f->counted_ms = clock_mono_ms;
    }
    f->left -= cost;
    return f->left >= 0;
}

/* Something useful went to and fro. */
static inline void h2_flood_earn(struct h2_flood *f)
{
    f->left++;
}
