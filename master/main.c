/*
 * master/main.c - what was asked for on the command line.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/conf_doc.h"
#include "common/fail_reason.h"
#include "common/log.h"
#include "common/proctitle.h"
#include "master/ctl.h"
#include "master/options.h"
#include "master/quick.h"
#include "master/signal_send.h"
#include "master/start.h"
#include "master/test_run.h"

extern char **environ;

static int show(const struct options *o)
{
    identity_print_version(o->identity);
    if (o->show_help)
        options_usage(o);
    if (o->show_build)
        identity_print_build(o->identity);
    return 0;
}

static int help(const struct options *o)
{
    const char *near;

    if (conf_doc_print(stdout, str_of(o->subject)))
        return 0;
    near = conf_doc_near(str_of(o->subject));
    fprintf(stderr, "%s: there is no directive \"%s\"", o->identity->name, o->subject);
    if (near != NULL)
        fprintf(stderr, " (did you mean \"%s\"?)", near);
    fputc('\n', stderr);
    return 1;
}

/* `serve` and `proxy`. */
static int run_quick(const struct options *o, int argc, char **argv)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    const char *text = quick_text(o, pool);
    struct load_source source;
    int code = 1;

    if (text != NULL && o->print_config) {
        fputs(text, stdout);
        code = 0;
    } else if (text != NULL && quick_source(&source, o, text)) {
        code = start(o, &source, argc, argv);
        quick_cleanup(&source);
    }
    pool_destroy(pool);
    return code;
}

static int run(const struct options *o, int argc, char **argv)
{
    struct load_source source;

    if (!generation_source(&source, o))
        return 1;
    if (o->test)
        return test_run(o, &source);
    if (o->signal != NULL)
        return signal_send(&source, o->signal);
    return start(o, &source, argc, argv);
}

int main(int argc, char **argv)
{
    struct options o;

    argv = proctitle_init(argc, argv, environ);
    clock_update();
    if (!options_parse(&o, argc, argv))
        return 1;
    log_set_program(o.identity->name);
    if (o.command == COMMAND_CTL)
        return ctl_run(&o);
    if (o.show_help || o.show_version)
        if (show(&o) == 0 && !o.test)
            return 0;
    switch (o.command) {
    case COMMAND_SERVE:
    case COMMAND_PROXY:
        return run_quick(&o, argc, argv);
    case COMMAND_HELP:
        return help(&o);
    case COMMAND_DUMP_DIRECTIVES:
        conf_doc_dump(stdout);
        return 0;
    case COMMAND_DUMP_REASONS:
        fail_reason_dump(stdout);
        return 0;
    case COMMAND_CTL:
    case COMMAND_RUN:
        break;
    }
    return run(&o, argc, argv);
}
