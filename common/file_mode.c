/*
 * common/file_mode.c - permissions of new files as directives give them.
 */
#include "common/file_mode.h"

static bool read_rights(struct str text, int64_t *rights)
{
    if (str_eq(text, STR("r")))
        *rights = 4;
    else if (str_eq(text, STR("rw")))
        *rights = 6;
    else
        return false;
    return true;
}

bool file_mode_load(struct conf_call *call, int64_t *mode)
{
    static const struct {
        const char *key;
        unsigned shift;
    } whose[] = {{"user:", 6}, {"group:", 3}, {"all:", 0}};

    *mode = 0;
    for (uint32_t i = 0; i < call->count; i++) {
        int64_t rights = 0;
        bool known = false;

        for (size_t w = 0; w < COUNT(whose) && !known; w++) {
            struct str key = str_of(whose[w].key);

            if (!str_starts(conf_arg(call, i), key))
                continue;
            known = read_rights(str_from(conf_arg(call, i), key.len), &rights);
            *mode |= rights << whose[w].shift;
        }
        if (!known) {
            conf_fail_arg(call, i, "invalid value \"%" STR_FMT "\"", STR_ARG(conf_arg(call, i)));
            return conf_hint(call, "user, group or all, and what they may: \"user:rw group:r\"");
        }
    }
    *mode |= FILE_MODE_DEFAULT;
    return true;
}

mode_t file_mode_of_dir(mode_t mode)
{
    return mode | (mode & 0444) >> 2;
}
