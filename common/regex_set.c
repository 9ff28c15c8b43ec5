/*
 * common/regex_set.c - which regexes of many may match.
 */
#include "common/regex_set.h"

#include "common/growing_map.h"
#include "common/needles.h"
#include "common/regex_need.h"

#define FEW 4 /* so many are run sooner than ruled out */

struct block {
    struct needles *needles;            /* NULL: all of the block are picked */
    uint64_t always[REGEX_BLOCK / 64];  /* those that need nothing we know of */
};

/* What one regex needs, while a set is built. */
struct needs {
    uint32_t count;
    struct need *groups;
};

void regex_set_init(struct regex_set *set, struct pool *pool)
{
    set->pool = pool;
    set->regexes = array_of(const struct regex *, pool);
    set->blocks = array_of(struct block, pool);
}

void regex_set_add(struct regex_set *set, const struct regex *regex)
{
    *(const struct regex **)array_push(&set->regexes) = regex;
}

/* Building ------------------------------------------------------------------------------------- */

static struct needs needs_of(struct pool *pool, const struct regex *regex)
{
    struct need groups[NEED_GROUPS];
    struct needs needs = {.count = regex_need(pool, regex->pattern, groups)};

    needs.groups = pool_alloc(pool, NEED_GROUPS * sizeof(*groups));
    memcpy(needs.groups, groups, needs.count * sizeof(*groups));
    return needs;
}

/* Of one block: `texts` maps each text to the number of regexes that have it in some group. */
static void count_texts(struct growing_map *texts, const struct needs *needs)
{
    for (uint32_t g = 0; g < needs->count; g++) {
        for (uint32_t i = 0; i < needs->groups[g].count; i++) {
            void **count = growing_map_at(texts, needs->groups[g].texts[i].text);

            *count = (void *)((uintptr_t)*count + 1);
        }
    }
}

/* How many regexes its commonest text would pick, at worst. */
static uintptr_t sharers(const struct growing_map *texts, const struct need *group)
{
    uintptr_t most = 0;

    for (uint32_t i = 0; i < group->count; i++)
        most = MAX(most, (uintptr_t)growing_map_find(texts, group->texts[i].text));
    return most;
}

/* The group that tells this regex from the others best; of equals the one found first. */
static const struct need *choose_group(const struct growing_map *texts, const struct needs *needs)
{
    const struct need *best = &needs->groups[0];

    for (uint32_t g = 1; g < needs->count; g++)
        if (sharers(texts, &needs->groups[g]) < sharers(texts, best))
            best = &needs->groups[g];
    return best;
}

static void add_needles(struct array *list, const struct need *group, uint32_t id,
                        struct pool *pool)
{
    for (uint32_t i = 0; i < group->count; i++) {
        const struct need_text *text = &group->texts[i];

        *(struct needle *)array_push(list) = (struct needle){
            .text = pool_str(pool, text->text), .at_start = text->at_start, .id = id};
    }
}

static void build_block(struct block *block, struct pool *pool, const struct regex **regexes,
                        uint32_t count)
{
    struct pool *scratch = pool_create(65536);
    struct needs *needs = pool_alloc(scratch, count * sizeof(*needs));
    struct array list = array_of(struct needle, pool);
    struct growing_map texts;

    growing_map_init(&texts, scratch);
    for (uint32_t i = 0; i < count; i++) {
        needs[i] = needs_of(scratch, regexes[i]);
        count_texts(&texts, &needs[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (needs[i].count > 0)
            add_needles(&list, choose_group(&texts, &needs[i]), i, pool);
        else
            block->always[i / 64] |= (uint64_t)1 << i % 64;
    }
    if (list.count > 0)
        block->needles = needles_build(pool, list.items, (uint32_t)list.count);
    pool_destroy(scratch);
}

static void pick_all(uint64_t *bits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bits[i / 64] |= (uint64_t)1 << i % 64;
}

void regex_set_build(struct regex_set *set)
{
    const struct regex **regexes = set->regexes.items;
    size_t left = set->regexes.count;

    for (; left > 0; left -= MIN(left, REGEX_BLOCK), regexes += REGEX_BLOCK) {
        struct block *block = array_push(&set->blocks);

        if (set->regexes.count <= FEW)
            pick_all(block->always, left);
        else
            build_block(block, set->pool, regexes, (uint32_t)MIN(left, REGEX_BLOCK));
    }
}

/* Picking -------------------------------------------------------------------------------------- */

static void enter_block(struct regex_pick *pick)
{
    const struct block *block = array_at(&pick->set->blocks, pick->next / REGEX_BLOCK);
    size_t count = MIN(pick->set->regexes.count - pick->next, REGEX_BLOCK);

    memcpy(pick->may_match, block->always, (count + 63) / 64 * sizeof(*pick->may_match));
    if (block->needles != NULL)
        needles_find(block->needles, pick->subject, pick->may_match);
}

int64_t regex_pick_next(struct regex_pick *pick)
{
    uint32_t count = (uint32_t)pick->set->regexes.count;

    while (pick->next < count) {
        uint32_t at = pick->next % REGEX_BLOCK;
        uint64_t word;

        if (at == 0)
            enter_block(pick);
        word = pick->may_match[at / 64] >> at % 64;
        if (word != 0) {
            pick->next += (uint32_t)__builtin_ctzll(word);
            return pick->next++;
        }
        pick->next = MIN(pick->next - at % 64 + 64, count);
    }
    return -1;
}
