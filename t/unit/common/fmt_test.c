/*
 * t/unit/common/fmt_test.c - numbers print as printf prints them.
 */
#include "common/fmt.h"
#include "t/unit/tap.h"

static bool same(uint64_t n)
{
    char ours[64], theirs[64];
    bool equal;

    *fmt_uint(ours, n) = '\0';
    snprintf(theirs, sizeof(theirs), "%llu", (unsigned long long)n);
    equal = strcmp(ours, theirs) == 0;
    *fmt_hex(ours, n) = '\0';
    snprintf(theirs, sizeof(theirs), "%llx", (unsigned long long)n);
    equal = equal && strcmp(ours, theirs) == 0;
    *fmt_pad(ours, n, 7) = '\0';
    snprintf(theirs, sizeof(theirs), "%07llu", (unsigned long long)n);
    return equal && strcmp(ours, theirs) == 0;
}

int main(void)
{
    uint64_t power = 1;
    bool all = true;
    char out[8] = "........";

    for (uint64_t n = 0; n < 100000; n++)
        all = all && same(n);
    for (int i = 0; i < 64; i++)
        all = all && same((UINT64_C(1) << i) - 1) && same(UINT64_C(1) << i);
    for (int i = 0; i < 20; i++, power *= 10)
        all = all && same(power - 1) && same(power);
    ok(all && same(UINT64_MAX), "decimal, hexadecimal and padded");
    ok(FMT_LIT(out, "ab") == out + 2 && out[2] == '.', "a literal without its NUL");
    ok(fmt_str(out, STR_NONE) == out, "nothing from none");
    return tap_done();
}
