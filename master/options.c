/*
 * master/options.c - reading the command line.
 *
 * Short options follow nginx to the letter: they may be joined (-tq), a value may follow directly
 * (-sreload) or be the next word, and "-" alone is nothing.
 */
#include "master/options.h"

#include <stdio.h>
#include <string.h>

struct reader {
    struct options *o;
    char **argv;
    int argc;
    int at;
};

/* An option with a value: where it goes, and what is missing when there is none. */
struct valued {
    char letter;
    const char *name;
    size_t offset;
    const char *what;
};

#define PLACE(member) offsetof(struct options, member)

static const struct valued valued[] = {
    {'s', "signal", PLACE(signal), "parameter"},
    {'p', "prefix", PLACE(prefix), "directory name"},
    {'e', "error-log", PLACE(error_log), "file name"},
    {'c', "config", PLACE(conf), "file name"},
    {'g', "directives", PLACE(globals), "parameter"},
};

struct plain {
    char letter;
    const char *name;
    size_t offset, also; /* bool members to set; the same twice when there is but one */
};

static const struct plain plain[] = {
    {'?', "help", PLACE(show_help), PLACE(show_version)},
    {'h', "help", PLACE(show_help), PLACE(show_version)},
    {'v', "version", PLACE(show_version), PLACE(show_version)},
    {'V', "build-info", PLACE(show_build), PLACE(show_version)},
    {'t', "test", PLACE(test), PLACE(test)},
    {'T', "dump", PLACE(dump), PLACE(test)},
    {'q', "quiet", PLACE(quiet), PLACE(quiet)},
};

static bool complain(const struct reader *r, const char *about, const char *what)
{
    fprintf(stderr, "%s: %s: \"%s\"\n", r->o->identity->name, about, what);
    return false;
}

static bool complain_usage(const struct reader *r, const char *usage)
{
    fprintf(stderr, "%s: usage: weir %s [--listen ADDR] [--print-config]\n",
            r->o->identity->name, usage);
    return false;
}

static void set_plain(struct options *o, const struct plain *p)
{
    *(bool *)(void *)((char *)o + p->offset) = true;
    *(bool *)(void *)((char *)o + p->also) = true;
}

static void set_valued(struct options *o, const struct valued *v, const char *value)
{
    *(const char **)(void *)((char *)o + v->offset) = value;
}

static const char *next_word(struct reader *r)
{
    return r->at + 1 < r->argc ? r->argv[++r->at] : NULL;
}

static bool is_known_signal(const char *word)
{
    static const char *const known[] = {"stop", "quit", "reopen", "reload"};

    for (size_t i = 0; i < COUNT(known); i++)
        if (strcmp(word, known[i]) == 0)
            return true;
    return false;
}

static const struct plain *find_plain(char letter)
{
    for (size_t i = 0; i < COUNT(plain); i++)
        if (plain[i].letter == letter)
            return &plain[i];
    return NULL;
}

static const struct valued *find_valued(char letter)
{
    for (size_t i = 0; i < COUNT(valued); i++)
        if (valued[i].letter == letter)
            return &valued[i];
    return NULL;
}

/* A value that is missing: `option "-c" requires file name`. */
static bool complain_missing(const struct reader *r, const char *option, const char *what)
{
    fprintf(stderr, "%s: option \"%s\" requires %s\n", r->o->identity->name, option, what);
    return false;
}

static bool read_letters(struct reader *r, const char *letters)
{
    for (; *letters != '\0'; letters++) {
        const struct valued *v = find_valued(*letters);
        const struct plain *p = find_plain(*letters);
        char option[] = {'-', *letters, '\0'};

        if (v != NULL) {
            const char *value = letters[1] != '\0' ? letters + 1 : next_word(r);

            if (value == NULL || *value == '\0')
                return complain_missing(r, option, v->what);
            set_valued(r->o, v, value);
            return true;
        }
        if (p == NULL)
            return complain(r, "invalid option", option + 1);
        set_plain(r->o, p);
    }
    return true;
}

/* The value of `--name=value` or `--name value`, when `word` (without dashes) is that option. */
static bool match_long(struct reader *r, const char *word, const char *name, const char **value)
{
    size_t len = strlen(name);

    if (strncmp(word, name, len) != 0 || (word[len] != '\0' && word[len] != '='))
        return false;
    *value = word[len] == '=' ? word + len + 1 : next_word(r);
    return true;
}

static bool read_long(struct reader *r, const char *word)
{
    const char *value;

    for (size_t i = 0; i < COUNT(plain); i++)
        if (strcmp(word, plain[i].name) == 0) {
            set_plain(r->o, &plain[i]);
            return true;
        }
    if (strcmp(word, "dump-directives") == 0) {
        r->o->command = COMMAND_DUMP_DIRECTIVES;
        return true;
    }
    if (strcmp(word, "dump-fail-reasons") == 0) {
        r->o->command = COMMAND_DUMP_REASONS;
        return true;
    }
    for (size_t i = 0; i < COUNT(valued); i++)
        if (match_long(r, word, valued[i].name, &value)) {
            if (value == NULL || *value == '\0')
                return complain_missing(r, word - 2, valued[i].what);
            set_valued(r->o, &valued[i], value);
            return true;
        }
    return complain(r, "invalid option", word - 2);
}

static bool check_signal(struct reader *r)
{
    if (r->o->signal == NULL || is_known_signal(r->o->signal))
        return true;
    fprintf(stderr, "%s: invalid option: \"-s %s\"\n", r->o->identity->name, r->o->signal);
    return false;
}

static bool read_options(struct reader *r)
{
    for (; r->at < r->argc; r->at++) {
        const char *word = r->argv[r->at];

        if (word[0] != '-')
            return complain(r, "invalid option", word);
        if (word[1] == '-' && word[2] != '\0' ? !read_long(r, word + 2)
                                              : !read_letters(r, word + 1))
            return false;
    }
    return check_signal(r);
}

/* Commands ------------------------------------------------------------------------------------- */

static bool add_url(struct reader *r, const char *url)
{
    if (url == NULL)
        return complain_missing(r, "--to", "a URL");
    if (r->o->to_count == OPTIONS_MAX_URLS)
        return complain(r, "too many \"--to\" options", url);
    r->o->to[r->o->to_count++] = url;
    return true;
}

/* The options of `serve` and `proxy`; what is none of them is the directory, or one more URL. */
static bool read_quick_word(struct reader *r, const char *word)
{
    struct options *o = r->o;
    const char *value;

    if (strcmp(word, "--print-config") == 0) {
        o->print_config = true;
    } else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
        o->show_help = true;
    } else if (strncmp(word, "--", 2) == 0 && match_long(r, word + 2, "listen", &value)) {
        o->listen = value;
        if (value == NULL)
            return complain_missing(r, "--listen", "an address");
    } else if (strncmp(word, "--", 2) == 0 && match_long(r, word + 2, "to", &value)) {
        return add_url(r, value);
    } else if (word[0] == '-') {
        return complain(r, "invalid option", word);
    } else if (o->command == COMMAND_PROXY && o->to_count > 0) {
        return add_url(r, word);
    } else if (o->command == COMMAND_SERVE && o->subject == NULL) {
        o->subject = word;
    } else {
        return complain(r, "unexpected argument", word);
    }
    return true;
}

static bool read_quick(struct reader *r)
{
    struct options *o = r->o;

    for (; r->at < r->argc; r->at++)
        if (!read_quick_word(r, r->argv[r->at]))
            return false;
    if (o->show_help)
        return true;
    if (o->command == COMMAND_SERVE && o->subject == NULL)
        return complain_usage(r, "serve DIR");
    if (o->command == COMMAND_PROXY && o->to_count == 0)
        return complain_usage(r, "proxy --to URL...");
    return true;
}

/* The options of `ctl`: those that find a configuration, and its own. */
static bool read_ctl_option(struct reader *r, const char *word)
{
    struct options *o = r->o;
    const char *value;

    if (strcmp(word, "--json") == 0) {
        o->json = true;
        return true;
    }
    if (strncmp(word, "--", 2) == 0 && match_long(r, word + 2, "socket", &value)) {
        o->socket = value;
        return value != NULL || complain_missing(r, "--socket", "file name");
    }
    return word[1] == '-' ? read_long(r, word + 2) : read_letters(r, word + 1);
}

/* An option may stand anywhere; a word of the command never begins with '-'. */
static bool read_ctl(struct reader *r)
{
    struct options *o = r->o;

    o->words = r->argv + r->at;
    for (; r->at < r->argc; r->at++) {
        char *word = r->argv[r->at];

        if (word[0] != '-' || word[1] == '\0')
            o->words[o->word_count++] = word;
        else if (!read_ctl_option(r, word))
            return false;
    }
    return true;
}

static bool read_help(struct reader *r)
{
    if (r->at >= r->argc) {
        r->o->show_help = true;
        return true;
    }
    r->o->subject = r->argv[r->at++];
    if (r->at < r->argc)
        return complain(r, "unexpected argument", r->argv[r->at]);
    return true;
}

bool options_parse(struct options *o, int argc, char **argv)
{
    struct reader r = {.o = o, .argv = argv, .argc = argc, .at = 1};
    const char *word = argc > 1 ? argv[1] : "";

    *o = (struct options){.identity = identity_find(argc > 0 ? argv[0] : "weir")};
    if (strcmp(word, "serve") == 0)
        o->command = COMMAND_SERVE;
    else if (strcmp(word, "proxy") == 0)
        o->command = COMMAND_PROXY;
    else if (strcmp(word, "ctl") == 0)
        o->command = COMMAND_CTL;
    else if (strcmp(word, "help") == 0)
        o->command = COMMAND_HELP;
    else
        return read_options(&r);
    r.at = 2;
    if (o->command == COMMAND_CTL)
        return read_ctl(&r);
    return o->command == COMMAND_HELP ? read_help(&r) : read_quick(&r);
}

void options_usage(const struct options *o)
{
    const struct identity *self = o->identity;

    fprintf(stderr,
            "Usage: %s [-?hvVtTq] [-s signal] [-p prefix]\n"
            "       %*s [-e filename] [-c filename] [-g directives]\n"
            "       %s serve DIR [--listen ADDR] [--print-config]\n"
            "       %s proxy --to URL... [--listen ADDR] [--print-config]\n"
            "       %s ctl [-c filename] [--json] COMMAND\n"
            "       %s help DIRECTIVE\n\n",
            self->name, (int)strlen(self->name), "", self->name, self->name, self->name,
            self->name);
    fputs("Options:\n"
          "  -?,-h, --help     : this help\n"
          "  -v, --version     : show version and exit\n"
          "  -V, --build-info  : show version and configure options then exit\n"
          "  -t, --test        : test configuration and exit\n"
          "  -T, --dump        : test configuration, dump it and exit\n"
          "  -q, --quiet       : suppress non-error messages during configuration testing\n"
          "  -s, --signal NAME : send signal to a master process: stop, quit, reopen, reload\n",
          stderr);
    fprintf(stderr,
            "  -p, --prefix DIR  : set prefix path (default: %s)\n"
            "  -e, --error-log FILE : set error log file (default: %s)\n"
            "  -c, --config FILE : set configuration file (default: %s)\n"
            "  -g, --directives TEXT : set global directives out of configuration file\n\n",
            self->prefix, self->error_log, self->conf_path);
    fputs("Commands:\n"
          "  serve DIR         : serve the files of a directory, in the foreground\n"
          "  proxy --to URL    : pass requests on to a server, or to several in turn\n"
          "  ctl COMMAND       : look at a server that runs, and change it; see ctl --help\n"
          "  help DIRECTIVE    : what a directive of the configuration does\n", stderr);
}
