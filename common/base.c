/*
 * common/base.c - the end of the road for a broken invariant.
 */
#include "common/base.h"

#include <stdio.h>
#include <stdlib.h>

void must_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "weir: must(%s) failed at %s:%d\n", cond, file, line);
    fflush(stderr);
    abort();
}
