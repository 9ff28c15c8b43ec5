/*
 * worker/vars/split_clients.c - variables that divide clients into parts of given sizes.
 *
 * The parts are ranges of the text's MurmurHash2, so that a client finds itself in the same part on
 * every server and under nginx.
 */
#include "worker/vars/split_clients.h"

#include "common/array.h"
#include "common/digest.h"
#include "worker/net/scope.h"
#include "worker/net/scope_conf.h"

#define ALL 10000 /* hundredths of a percent */

struct part {
    uint32_t end;   /* the first hash behind it */
    bool rest;      /* "*": whatever is left */
    struct str value;
};

struct split {
    struct template *key;
    struct array parts; /* struct part */
};

/* "12.5%" in hundredths; 0 when it is no such thing. */
static uint32_t read_percent(struct str text)
{
    struct str whole, fraction;
    int64_t units, hundredths = 0;

    if (!str_ends(text, STR("%")))
        return 0;
    fraction = (struct str){text.data, text.len - 1};
    whole = str_cut(&fraction, '.');
    if (whole.len == 0 && fraction.len > 0)
        units = 0;
    else if (!str_to_int(whole, &units) || units > 100)
        return 0;
    if (fraction.data != NULL &&
        (fraction.len > 2 || (fraction.len > 0 && !str_to_int(fraction, &hundredths))))
        return 0;
    return (uint32_t)(units * 100 + hundredths * (fraction.len == 1 ? 10 : 1));
}

static bool add_part(struct conf_call *call, struct split *split, const struct conf_node *line,
                     uint32_t *sum)
{
    struct part *part;
    uint32_t percent;

    if (line->has_block || line->count != 2)
        return conf_fail_in(call, line, 0, "invalid number of the split_clients parameters");
    part = array_push(&split->parts);
    part->value = line->words[1].text;
    part->rest = str_eq(line->words[0].text, STR("*"));
    if (part->rest) {
        *sum = ALL;
        return true;
    }
    percent = read_percent(line->words[0].text);
    if (percent == 0)
        return conf_fail_in(call, line, 0, "invalid percent value \"%" STR_FMT "\"",
                            STR_ARG(line->words[0].text));
    if (*sum + percent > ALL)
        return conf_fail_in(call, line, 0, "percent total is greater than 100%%");
    /* Each part's share is rounded down by itself: the sum of these, not the share of the sum. */
    part->end = (uint32_t)((uint64_t)percent * UINT32_MAX / ALL);
    if (split->parts.count > 1)
        part->end += part[-1].end;
    *sum += percent;
    return true;
}

static void get(struct scope *scope, struct var_value *out, uintptr_t data)
{
    const struct split *split = (const struct split *)data;
    uint32_t hash = digest_murmur2(scope_eval(scope, split->key));

    EACH (const struct part, part, &split->parts) {
        if (part->rest || hash < part->end) {
            var_found(out, part->value);
            return;
        }
    }
    var_found(out, STR(""));
}

static bool set_split(struct conf_call *call)
{
    struct split *split = pool_zalloc(call->pool, sizeof(*split));
    struct var *var = scope_conf_define(call, 1);
    bool good = true;
    uint32_t sum = 0;

    if (var == NULL)
        return false;
    var->get = get;
    var->data = (uintptr_t)split;
    split->key = scope_conf_template(call, call->node, 1);
    split->parts = array_of(struct part, call->pool);
    for (const struct conf_node *line = call->node->children; line != NULL; line = line->next)
        good &= add_part(call, split, line, &sum);
    return good && split->key != NULL;
}

static const struct directive directives[] = {
    {.name = "split_clients", .where = IN_HTTP, .args = "string $variable { }",
     .apply = set_split, .repeat = true, .raw_block = true,
     .doc = "Defines a variable that has one of several values, each for a share of the texts."},
};

const struct module split_clients_module = {
    .name = "split_clients", .nginx_name = "http_split_clients_module",
    .doc = "Variables that divide clients into parts of given sizes.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
};
