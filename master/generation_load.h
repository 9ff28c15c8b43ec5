/*
 * master/generation_load.h - making a generation from a configuration, and ending it.
 */
#pragma once

#include "common/generation.h"
#include "master/options.h"

/* What stays the same from one load to the next. */
struct load_source {
    const char *name;      /* of the program, in messages */
    const char *prefix;    /* absolute, ends in '/' */
    const char *conf_path; /* absolute */
    const char *globals;   /* -g; NULL: none */
    const char *text;      /* the configuration itself, for `serve` and `proxy`; NULL: a file */
    enum log_level level;  /* on a terminal, faults down to this level are shown */
};

/* Paths from the command line, made absolute against the working directory, in static storage. With
   neither weir.conf nor nginx.conf there: false, after a message that names `weir serve`. */
bool generation_source(struct load_source *source, const struct options *options);

/*
 * Loads, and counts the faults; each goes to the log, and on a terminal comes with its source line.
 * The result is never NULL, but with faults good for nothing but generation_destroy, and core_conf
 * if it has a main scope.
 */
struct generation *generation_load(const struct load_source *source, uint32_t number, bool testing,
                                   unsigned *faults);

/*
 * What a loaded generation needs from the system: log files, directories, zones. False after an
 * [emerg] line. Sockets are listener.h's.
 */
struct inheritance;
struct slots;
bool generation_open(struct generation *gen, const struct generation *before,
                     struct inheritance *inherited, struct slots *slots);

/* Gives back all that it owns. Its sockets must be closed. */
void generation_destroy(struct generation *gen);
