/*
 * common/conf_suggest.c - nearest names by Damerau-Levenshtein distance (adjacent letters swapped
 * count once).
 */
#include "common/conf_suggest.h"

#define WORD_MAX 64

/* How many slips a word of that length may hold and still be recognised. */
static uint32_t tolerance(size_t len)
{
    return len <= 2 ? 0 : len <= 5 ? 1 : len <= 12 ? 2 : 3;
}

void conf_suggest_init(struct conf_suggest *s, struct str word)
{
    *s = (struct conf_suggest){.word = word,
                               .distance = word.len <= WORD_MAX ? tolerance(word.len) + 1 : 0};
}

static uint32_t least(uint32_t a, uint32_t b, uint32_t c)
{
    return MIN(MIN(a, b), c);
}

static uint32_t distance(struct str a, struct str b)
{
    uint32_t rows[3][WORD_MAX + 1], *before = rows[0], *above = rows[1], *row = rows[2];

    for (uint32_t j = 0; j <= b.len; j++)
        above[j] = j;
    for (uint32_t i = 1; i <= a.len; i++) {
        uint32_t *oldest = before;

        row[0] = i;
        for (uint32_t j = 1; j <= b.len; j++) {
            bool same = ascii_lower(a.data[i - 1]) == ascii_lower(b.data[j - 1]);

            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                row[j] = MIN(row[j], before[j - 2] + 1);
        }
        before = above;
        above = row;
        row = oldest;
    }
    return above[b.len];
}

void conf_suggest_offer(struct conf_suggest *s, const char *name)
{
    struct str other = str_of(name);
    size_t apart = other.len > s->word.len ? other.len - s->word.len : s->word.len - other.len;
    uint32_t d;

    if (other.len > WORD_MAX || apart >= s->distance)
        return;
    d = distance(s->word, other);
    if (d < s->distance) {
        s->best = name;
        s->distance = d;
    }
}

const char *conf_suggest(struct str word, const char *const *names)
{
    struct conf_suggest s;

    conf_suggest_init(&s, word);
    for (; *names != NULL; names++)
        conf_suggest_offer(&s, *names);
    return s.best;
}
