/*
 * t/unit/codec/range_set_test.c - ranges are answered as nginx answers them.
 */
#include "worker/codec/range_set.h"

#include "t/unit/tap.h"

/* What nginx 1.22 sends for a file of that length with that max_ranges. */
static const struct {
    const char *value;
    int64_t length;
    uint32_t max;
    const char *answer;
} cases[] = {
    {"bytes=0-0", 10, 1000, "0-0"},
    {"bytes=0-9", 10, 1000, "0-9"},
    {"bytes=0-", 10, 1000, "0-9"},
    {"bytes=5-", 10, 1000, "5-9"},
    {"bytes=-3", 10, 1000, "7-9"},
    {"bytes=-0", 10, 1000, "416"},
    {"bytes=-10", 10, 1000, "0-9"},
    {"bytes=-11", 10, 1000, "0-9"},
    {"bytes=9-9", 10, 1000, "9-9"},
    {"bytes=9-100", 10, 1000, "9-9"},
    {"bytes=10-", 10, 1000, "416"},
    {"bytes=10-12", 10, 1000, "416"},
    {"bytes=5-4", 10, 1000, "416"},
    {"bytes=5-3", 10, 1000, "416"},
    {"bytes=3-2,1-1", 10, 1000, "1-1"},
    {"bytes=1-1,3-3", 10, 1000, "1-1 3-3"},
    {"bytes=1-1, 3-3", 10, 1000, "1-1 3-3"},
    {"bytes=1-1 ,3-3", 10, 1000, "1-1 3-3"},
    {"bytes= 1 - 1 ", 10, 1000, "1-1"},
    {"bytes=1-1,", 10, 1000, "416"},
    {"bytes=,1-1", 10, 1000, "416"},
    {"bytes=1-1,,3-3", 10, 1000, "416"},
    {"bytes=0-5,0-5", 10, 1000, "whole"},
    {"bytes=0-4,5-9", 10, 1000, "0-4 5-9"},
    {"bytes=0-4,5-9,0-0", 10, 1000, "whole"},
    {"bytes=0-9,0-0,x", 10, 1000, "416"},
    {"bytes=", 10, 1000, "whole"},
    {"bytes=-", 10, 1000, "416"},
    {"bytes=a-b", 10, 1000, "416"},
    {"bytes=1-a", 10, 1000, "416"},
    {"bytes=1", 10, 1000, "416"},
    {"bytes=1-2x", 10, 1000, "416"},
    {"Bytes=1-2", 10, 1000, "1-2"},
    {"byte=1-2", 10, 1000, "whole"},
    {"bytes =1-2", 10, 1000, "whole"},
    {"items=0-1", 10, 1000, "whole"},
    {"bytes=1--2", 10, 1000, "416"},
    {"bytes=- 3", 10, 1000, "416"},
    {"bytes=--3", 10, 1000, "416"},
    {"bytes=99999999999999999999-", 10, 1000, "416"},
    {"bytes=1-99999999999999999999", 10, 1000, "416"},
    {"bytes=9223372036854775807-", 10, 1000, "416"},
    {"bytes=1-9223372036854775807", 10, 1000, "1-9"},
    {"bytes=-9223372036854775807", 10, 1000, "0-9"},
    {"bytes=20-,1-1", 10, 1000, "1-1"},
    {"bytes=3-2", 10, 1000, "416"},
    {"bytes=1-1,2-2,3-3,4-4,5-5,6-6", 10, 1000, "1-1 2-2 3-3 4-4 5-5 6-6"},
    {"bytes=-1,-1", 10, 1000, "9-9 9-9"},
    {"bytes=0-0,-1", 10, 1000, "0-0 9-9"},
    {"bytes=\t1-2", 10, 1000, "416"},
    {"bytes=1-2\t,3-3", 10, 1000, "416"},
    {"bytes", 10, 1000, "whole"},
    {"bytes=00001-2", 10, 1000, "1-2"},
    {"bytes=5-4,0-", 10, 1000, "0-9"},
    {"bytes=0-0", 0, 1000, "whole"},
    {"bytes=0-", 0, 1000, "whole"},
    {"bytes=-5", 0, 1000, "whole"},
    {"bytes=1-", 0, 1000, "416"},
    {"bytes=-0", 0, 1000, "whole"},
    {"bytes=1-1", 10, 2, "1-1"},
    {"bytes=1-1,2-2", 10, 2, "1-1 2-2"},
    {"bytes=1-1,2-2,3-3", 10, 2, "whole"},
    {"bytes=20-,1-1,2-2", 10, 2, "1-1 2-2"},
    {"bytes=1-1,2-2,20-", 10, 2, "1-1 2-2"},
};

static void answer_text(char *out, enum range_answer answer, const struct range_set *set)
{
    out[0] = '\0';
    if (answer != RANGE_PARTIAL) {
        strcpy(out, answer == RANGE_WHOLE ? "whole" : "416");
        return;
    }
    for (uint32_t i = 0; i < set->count; i++)
        out += sprintf(out, "%s%lld-%lld", i > 0 ? " " : "", (long long)set->ranges[i].first,
                       (long long)set->ranges[i].end - 1);
}

static void as_nginx_answers(struct pool *pool)
{
    struct range_set set;
    char text[400];

    for (size_t i = 0; i < COUNT(cases); i++) {
        enum range_answer answer = range_set_parse(&set, str_of(cases[i].value), cases[i].length,
                                                   cases[i].max, pool);
        answer_text(text, answer, &set);
        is_str(text, cases[i].answer, cases[i].value);
    }
}

static void sums(struct pool *pool)
{
    struct range_set set;

    range_set_parse(&set, STR("bytes=0-9,-5"), 100, 10, pool);
    is_int(set.bytes, 15, "the sum is known");
    is_int(range_set_parse(&set, STR("bytes=0-1"), 100, 0, pool), RANGE_WHOLE, "no ranges allowed");
}

int main(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);

    as_nginx_answers(pool);
    sums(pool);
    pool_destroy(pool);
    return tap_done();
}
