/*
 * t/unit/common/conf_speed_test.c - ten thousand servers load quickly and in little memory.
 *
 * Prints what it took; fails only on growth that is worse than linear, which no slow machine
 * excuses.
 */
#include <time.h>

#include "t/unit/common/conf_toy.h"
#include "t/unit/tap.h"

static char *many_servers(unsigned count)
{
    size_t room = count * 512 + 512, len = 0;
    char *text = malloc(room);

    len += (size_t)sprintf(text, "events { worker_connections 1024; }\nhttp {\n");
    for (unsigned i = 0; i < count; i++)
        len += (size_t)sprintf(text + len,
            "    server {\n"
            "        header \"listen %u\";\n"
            "        header host%u.example.com;\n"
            "        root /srv/www/host%u;\n"
            "        location / {\n"
            "            title \"$host $http_accept\";\n"
            "            body_size 8k;\n"
            "        }\n"
            "        location /static/ {\n"
            "            send_timeout 30d;\n"
            "            header X-Cache;\n"
            "            pass http://backend;\n"
            "        }\n"
            "    }\n", i % 1000, i, i);
    sprintf(text + len, "}\n");
    return text;
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double load_ms(unsigned count)
{
    char *text = many_servers(count);
    double start = seconds(), ms;
    struct toy *toy = toy_load(text);

    ms = (seconds() - start) * 1000;
    is_str(toy->said, "", "loads without a word");
    is_int((int64_t)toy->servers->count, count, "all servers are there");
    printf("# %u servers: %.1f ms, %zu KB (text %zu KB)\n", count, ms,
           pool_footprint(toy->gen.pool) / 1024, strlen(text) / 1024);
    toy_free(toy);
    free(text);
    return ms;
}

int main(void)
{
    double few, many;

    load_ms(1000);
    few = load_ms(2500);
    many = load_ms(10000);
    ok(many < few * 12 + 20, "time grows with the size and not faster");
    return tap_done();
}
