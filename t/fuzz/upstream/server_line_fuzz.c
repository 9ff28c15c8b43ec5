/*
 * t/fuzz/upstream/server_line_fuzz.c - any text as a server line, as a zone or a client may have
 * it: what is taken is within its bounds, and has somewhere to go.
 */
#include "worker/upstream/changes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct upstream_server s;
    struct pool *pool;
    struct str line;

    if (size > 4096)
        return 0;
    pool = pool_create(POOL_BLOCK);
    line = pool_str(pool, (struct str){(const char *)data, size});
    if (server_line_read(&s, line, pool) == NULL) {
        must(s.weight >= 1 && s.max_fails >= 0 && s.max_conns >= 0 && s.fail_timeout_s >= 0);
        must(s.resolve ? s.lookup.len > 0 : s.addrs != NULL && s.addrs->count == 1);
    }
    must(server_line_hash(line) != 0);
    pool_destroy(pool);
    return 0;
}
