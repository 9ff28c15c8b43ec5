/*
 * master/test_run.c - loads, says what it thinks, and dumps what it read.
 */
#include "master/test_run.h"

#include <stdio.h>

#include "common/conf_tree.h"

static void dump(const struct generation *gen)
{
    for (const struct conf_file *file = gen->files; file != NULL; file = file->next) {
        printf("# configuration file %.*s:\n", STR_ARG(file->path));
        fwrite(file->text.data, 1, file->text.len, stdout);
        putchar('\n');
    }
}

int test_run(const struct options *o, const struct load_source *source)
{
    static struct generation *gen; /* not taken apart: the process ends here */
    unsigned faults;

    gen = generation_load(source, 1, true, &faults);

    if (faults > 0)
        fprintf(stderr, "%s: configuration file %s test failed\n", source->name,
                source->conf_path);
    else if (!o->quiet)
        fprintf(stderr, "%s: the configuration file %s syntax is ok\n"
                "%s: configuration file %s test is successful\n", source->name,
                source->conf_path, source->name, source->conf_path);
    if (faults == 0 && o->dump)
        dump(gen);
    return faults > 0 ? 1 : 0;
}
