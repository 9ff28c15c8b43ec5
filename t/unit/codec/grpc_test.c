/*
 * t/unit/codec/grpc_test.c - gRPC's timeouts as text.
 */
#include "worker/codec/grpc.h"

#include "t/unit/tap.h"

static void reads_every_unit(void)
{
    is_int(grpc_timeout_ms(STR("2H")), 7200000, "hours");
    is_int(grpc_timeout_ms(STR("3M")), 180000, "minutes");
    is_int(grpc_timeout_ms(STR("4S")), 4000, "seconds");
    is_int(grpc_timeout_ms(STR("5m")), 5, "milliseconds");
    is_int(grpc_timeout_ms(STR("1000u")), 1, "microseconds");
    is_int(grpc_timeout_ms(STR("1u")), 1, "rounded up");
    is_int(grpc_timeout_ms(STR("1000001n")), 2, "nanoseconds, rounded up");
    is_int(grpc_timeout_ms(STR("0m")), 0, "none left");
    is_int(grpc_timeout_ms(STR("99999999H")), INT64_C(359999996400000), "the longest there is");
}

static void refuses_the_rest(void)
{
    static const char *const bad[] = {"", "m", "5", "5s", "5 m", "-5m", "+5m", "123456789m", "5mm"};

    for (size_t i = 0; i < COUNT(bad); i++)
        is_int(grpc_timeout_ms(str_of(bad[i])), -1, bad[i]);
}

int main(void)
{
    reads_every_unit();
    refuses_the_rest();
    return tap_done();
}
