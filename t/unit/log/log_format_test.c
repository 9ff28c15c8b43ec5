/*
 * t/unit/log/log_format_test.c - values in log lines: what is escaped, and how.
 */
#include "t/unit/tap.h"

#include "common/pool.h"
#include "worker/log/log_format.h"

static struct str escaped(struct str value, enum log_escape escape)
{
    static char out[2048];

    return str_range(out, log_format_escape(out, value, escape));
}

/* Each byte at each place of a word, against what the rule says. */
static void every_byte_is_judged_alone(void)
{
    unsigned wrong = 0;

    for (int c = 0; c < 256; c++) {
        for (size_t at = 0; at < 19; at++) {
            char text[19], want[64];
            bool bad = c < 0x20 || c > 0x7e || c == '"' || c == '\\';
            int len;

            memset(text, 'a', sizeof(text));
            text[at] = (char)c;
            len = snprintf(want, sizeof(want), bad ? "%.*s\\x%02X%.*s" : "%.*s%c%.*s", (int)at,
                           "aaaaaaaaaaaaaaaaaaa", c, 18 - (int)at, "aaaaaaaaaaaaaaaaaaa");
            wrong += !str_eq(escaped((struct str){text, 19}, LOG_ESCAPE_DEFAULT),
                             (struct str){want, (size_t)len});
        }
    }
    is_int(wrong, 0, "every byte, at every place");
}

static void escapes_differ(void)
{
    struct str odd = STR("q\" b\\ n\n t\t one\x01 del\x7f \xc3\xa9");

    is_slice(escaped(odd, LOG_ESCAPE_DEFAULT),
             "q\\x22 b\\x5C n\\x0A t\\x09 one\\x01 del\\x7F \\xC3\\xA9", "default");
    is_slice(escaped(odd, LOG_ESCAPE_JSON),
             "q\\\" b\\\\ n\\n t\\t one\\u0001 del\x7f \xc3\xa9", "json");
    is_slice(escaped(odd, LOG_ESCAPE_NONE), odd.data, "none");
    is_slice(escaped(STR("\r\b\f\x1f"), LOG_ESCAPE_JSON), "\\r\\b\\f\\u001F", "json's short forms");
    is_int((int64_t)escaped(STR(""), LOG_ESCAPE_DEFAULT).len, 0, "nothing");
}

int main(void)
{
    every_byte_is_judged_alone();
    escapes_differ();
    return tap_done();
}
