/*
 * t/fuzz/common/conf_load_fuzz.c - any text through the loader with toy modules.
 *
 * Texts that would read files, look up names or users, or ask for lots of memory are passed over.
 */
#include "t/unit/common/conf_toy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool reaches_out(struct str text)
{
    static const char *const words[] = {"include", "debug_connection", "syslog", "user"};

    for (size_t i = 0; i < COUNT(words); i++)
        if (str_search(text, str_of(words[i])) >= 0)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_options options = {.file = "/etc/t.conf", .testing = true, .color = true,
                                   .text = {(const char *)data, size}};
    struct toy *toy;

    if (size > 65536 || reaches_out(options.text))
        return 0;
    if (options.text.data == NULL)
        options.text.data = "";
    toy = toy_run(&options);
    must((toy->faults == 0) == (strstr(toy->said, "[emerg]") == NULL));
    toy_free(toy);
    return 0;
}
