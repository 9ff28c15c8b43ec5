/*
 * t/fuzz/upstream/check_match_fuzz.c - any tests of a match, and any answer.
 *
 * The input's first line stands in the match (';' ends a test there); the answer follows: a byte
 * for the status, fields, an empty line, the body.
 */
#include "t/unit/upstream/match_toy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size}, tests = str_cut(&rest, '\n');
    struct pool *pool;
    struct toy *toy;

    if (size > 4096 || str_search(tests, STR("include")) >= 0)
        return 0;
    pool = pool_create(8192);
    match_loaded = NULL;
    toy = toy_run(&(struct conf_options){
        .file = "/etc/t.conf", .testing = true,
        .text = pool_printf(pool, "events { } http { match m { %" STR_FMT " } }", STR_ARG(tests))});
    if (match_loaded != NULL && toy->faults == 0 && rest.len > 0) {
        const char *fault = match_try(toy, (uint16_t)(100 + 4 * (uint8_t)rest.data[0]),
                                      str_from(rest, 1));

        must(fault == NULL || strncmp(fault, "checking ", 9) == 0);
    }
    toy_free(toy);
    pool_destroy(pool);
    return 0;
}
