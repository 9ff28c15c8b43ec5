/*
 * worker/http/include.h - a subrequest whose body goes into another body: SSI, addition.
 *
 * What the client said of its whole request (conditions, ranges, codings) is not said to whoever
 * makes the part: a 304 or a compressed part would be a hole in the page.
 */
#pragma once

#include "worker/http/request.h"

struct include {
    struct request *sub;    /* NULL: none, or ended */
    struct post *news;      /* posted when pulling makes sense again */
    bool answered;
    bool cut_off;           /* its body broke off: what came of it is all there is */
    bool ended;             /* PULL_END was given */
};

/* Begins it. False, logged, when there are too many. */
bool include_begin(struct include *i, struct request *r, struct str uri, struct str args,
                   struct post *news);

/*
 * As source_pull. PULL_END: the pieces that came with it stay until include_end. A body that breaks
 * off ends, as in nginx; PULL_ERROR: the answer is to close the connection (444).
 */
enum pull include_pull(struct include *i, struct chain *out, size_t max, bool file_ok);

/* Gives all of it back; also before its end, and when there was none. */
void include_end(struct include *i);
