/*
 * master/options.h - the command line: nginx's options, their long forms, and our own commands.
 */
#pragma once

#include "common/base.h"
#include "master/identity.h"

enum command {
    COMMAND_RUN,             /* with a configuration: start, test or signal */
    COMMAND_SERVE,           /* weir serve DIR */
    COMMAND_PROXY,           /* weir proxy --to URL... */
    COMMAND_CTL,             /* weir ctl COMMAND */
    COMMAND_HELP,            /* weir help DIRECTIVE */
    COMMAND_DUMP_DIRECTIVES, /* --dump-directives, for tools/reference */
    COMMAND_DUMP_REASONS,    /* --dump-fail-reasons, for the same */
};

#define OPTIONS_MAX_URLS 32

struct options {
    const struct identity *identity;
    enum command command;

    bool show_help, show_version, show_build;
    bool test, dump, quiet;
    const char *signal;      /* stop, quit, reload, reopen; NULL: none */
    const char *prefix;      /* as given; NULL: the identity's */
    const char *error_log;
    const char *conf;
    const char *globals;

    const char *subject;     /* serve: the directory; help: the directive */
    const char *listen;      /* serve, proxy */
    const char *to[OPTIONS_MAX_URLS];
    size_t to_count;
    bool print_config;

    const char *socket;      /* ctl; NULL: that of the configuration */
    bool json;
    char **words;            /* of its command */
    size_t word_count;
};

/* Strings stay in argv. False after a message on stderr. */
bool options_parse(struct options *o, int argc, char **argv);

/* The usage text, to stderr. */
void options_usage(const struct options *o);
