/*
 * worker/codec/ssi_parse.h - server side includes in a page that arrives in pieces: what is text
 * and what are commands.
 *
 *     while ((found = ssi_parse(&p, &in, &text)) != SSI_MORE)
 *         switch (found) ...
 *
 * A command is <!--# name key="value" key='value' --> in nginx's grammar. Its names have up to
 * SSI_NAME_MAX bytes, its values up to the page's limit; one that breaks the grammar or a limit is
 * skipped up to the next -->. So a command that never ends takes no more memory than a long one.
 */
#pragma once

#include "common/buf.h"

#define SSI_NAME_MAX 32
#define SSI_PARAMS   16 /* kept of one command: more than any knows */

enum ssi_found {
    SSI_MORE,    /* all of the input is used */
    SSI_TEXT,    /* *text is part of the page: a slice of the input, or static */
    SSI_COMMAND, /* p->command and p->params, valid until the next call */
    SSI_BAD,     /* a faulty command has ended: p->fault says what is wrong with p->command */
};

struct ssi_param {
    struct str name;  /* never empty */
    struct str value; /* between the quotes, backslashes and all */
};

struct ssi_mark {     /* where a name or value lies in the parser's memory */
    uint32_t at, len;
};

struct ssi_parser {
    uint8_t state;
    uint8_t seen;     /* bytes of "<!--#" that have come, and ... */
    uint8_t held;     /* ... how many of them in earlier pieces */
    char quote;
    uint32_t value_max;
    struct buf memory; /* of the command that is being read */
    struct ssi_mark name, keys[SSI_PARAMS], values[SSI_PARAMS];
    uint32_t count;
    uint32_t len;     /* of the element that is being read */

    struct str command;
    struct ssi_param params[SSI_PARAMS];
    uint32_t param_count;
    bool too_many;    /* there were more parameters than params holds */
    const char *fault;
};

void ssi_parse_init(struct ssi_parser *p, size_t value_max);
void ssi_parse_fini(struct ssi_parser *p);

/* What comes next in *in, which is advanced over it. */
enum ssi_found ssi_parse(struct ssi_parser *p, struct str *in, struct str *text);

/* The page has ended: text that might have begun a command (empty: none). A command that was cut
   off is no text; p->fault is set then. */
struct str ssi_parse_end(struct ssi_parser *p);
