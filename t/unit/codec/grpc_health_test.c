/*
 * t/unit/codec/grpc_health_test.c - the gRPC Health Checking Protocol.
 */
#include "t/unit/tap.h"
#include "worker/codec/grpc_health.h"

#define BYTES(text) ((struct str){text, sizeof(text) - 1})

static void asks(void)
{
    static char room[GRPC_SERVICE_MOST + GRPC_HEALTH_MORE];
    static char name[300];
    struct str whole;

    whole = str_range(room, grpc_health_ask(room, STR("")));
    ok(str_eq(whole, BYTES("\0\0\0\0\0")), "the server: an empty message");
    whole = str_range(room, grpc_health_ask(room, STR("a.B")));
    ok(str_eq(whole, BYTES("\0\0\0\0\5\n\3a.B")), "a service");
    memset(name, 'x', sizeof(name));
    whole = str_range(room, grpc_health_ask(room, (struct str){name, sizeof(name)}));
    is_int((int)whole.len, 5 + 3 + 300, "a long name");
    ok(memcmp(room, "\0\0\0\1\57\n\254\2x", 9) == 0, "with its length in two bytes");
}

static void reads(void)
{
    is_int(grpc_health_read(BYTES("\0\0\0\0\2\10\1")), GRPC_HEALTH_SERVING, "SERVING");
    is_int(grpc_health_read(BYTES("\0\0\0\0\2\10\2")), GRPC_HEALTH_NOT_SERVING, "NOT_SERVING");
    is_int(grpc_health_read(BYTES("\0\0\0\0\0")), GRPC_HEALTH_UNKNOWN, "nothing said: 0");
    is_int(grpc_health_read(BYTES("\0\0\0\0\2\10\11")), GRPC_HEALTH_UNKNOWN, "a value to come");
    is_int(grpc_health_read(BYTES("\0\0\0\0\4\10\2\10\1")), GRPC_HEALTH_SERVING, "the last counts");
    is_int(grpc_health_read(BYTES("\0\0\0\0\24\22\1x\30\200\1\41abcdefgh\10\1\45abc")),
           GRPC_HEALTH_BAD, "a field that is cut");
    is_int(grpc_health_read(BYTES("\0\0\0\0\25\22\1x\30\200\1\41abcdefgh\10\1\45abcd")),
           GRPC_HEALTH_BAD, "longer than it says");
    is_int(grpc_health_read(BYTES("\0\0\0\0\26\22\1x\30\200\1\41abcdefgh\10\1\45abcd")),
           GRPC_HEALTH_SERVING, "fields that nobody knows are passed over");
    is_int(grpc_health_read(BYTES("\1\0\0\0\2\10\1")), GRPC_HEALTH_BAD, "compressed");
    is_int(grpc_health_read(BYTES("\0\0\0\0\3\10\1")), GRPC_HEALTH_BAD, "shorter than it says");
    is_int(grpc_health_read(BYTES("\0\0\0\0")), GRPC_HEALTH_BAD, "no prefix");
    is_int(grpc_health_read(BYTES("\0\0\0\0\2\10\200")), GRPC_HEALTH_BAD, "a number that is cut");
    is_int(grpc_health_read(BYTES("\0\0\0\0\14\10\377\377\377\377\377\377\377\377\377\377\1")),
           GRPC_HEALTH_BAD, "a number without end");
    is_int(grpc_health_read(BYTES("\0\0\0\0\3\22\177x")), GRPC_HEALTH_BAD, "a text that is cut");
    is_int(grpc_health_read(BYTES("\0\0\0\0\1\13")), GRPC_HEALTH_BAD, "a group");
}

int main(void)
{
    asks();
    reads();
    return tap_done();
}
