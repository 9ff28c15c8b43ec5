/*
 * t/fuzz/upstream/sticky_sessions_fuzz.c - any sequence of sessions begun, asked for and forgotten
 * in a small zone: one is found with its own route or not at all, and the zone stays in order.
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/slab_check.h"
#include "worker/limit/key_zone.h"
#include "worker/upstream/sticky_sessions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern const struct module *const modules[];
extern const struct role *const roles[];
const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

#define TIMEOUT_MS 1000
#define KEYS       65536

struct model {
    uint64_t route[KEYS];
    int64_t used_ms[KEYS];
};

static void find(struct zone *z, struct model *m, uint32_t n, struct str key)
{
    uint64_t route = sticky_session_find(z, key, TIMEOUT_MS);

    must(route == 0 || route == m->route[n]);
    must(route == 0 || clock_mono_ms - m->used_ms[n] <= TIMEOUT_MS);
    if (route != 0)
        m->used_ms[n] = clock_mono_ms;
}

static void set(struct zone *z, struct model *m, uint32_t n, struct str key, uint64_t route)
{
    must(sticky_session_set(z, key, route, TIMEOUT_MS));
    m->route[n] = route;
    m->used_ms[n] = clock_mono_ms;
    must(sticky_session_find(z, key, TIMEOUT_MS) == route);
}

static void check(struct zone *z)
{
    const char *fault;

    zone_lock(z);
    must(key_zone_repair(z)); /* as after a death */
    fault = slab_check(zone_slab(z));
    zone_unlock(z);
    must(fault == NULL);
}

/* Four bytes a step: what to do, which key, and a number. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model *m = calloc(1, sizeof(*m));
    const char *why;
    struct zone *z = zone_create(&sticky_zone_kind, STR("s"), ZONE_MIN_BYTES, &why);
    int64_t now_ms = 1000;

    must(z != NULL && m != NULL);
    for (size_t i = 0; i + 4 <= size; i += 4) {
        struct str key = {(const char *)data + i + 1, 2};
        uint32_t n = data[i + 1] * 256u + data[i + 2];

        clock_fake(now_ms, 0);
        switch (data[i] % 8) {
        case 0:
            now_ms += data[i + 3] * 8;
            break;
        case 1:
            check(z);
            break;
        case 2:
        case 3:
            find(z, m, n, key);
            break;
        case 4: /* many at once */
            for (uint32_t j = 0; j < data[i + 3]; j++) {
                uint8_t more[2] = {(uint8_t)((n + j) >> 8), (uint8_t)(n + j)};

                set(z, m, (n + j) % KEYS, (struct str){(const char *)more, 2}, j + 1u);
            }
            break;
        default:
            set(z, m, n, key, data[i + 3] + 1u);
            break;
        }
    }
    check(z);
    zone_destroy(z);
    free(m);
    return 0;
}
