/*
 * worker/filter/ssi_page.h - a page whose commands are carried out as it flows: what the parts of
 * the ssi filter share.
 *
 * A page is a source. What the body below gives is parsed at once, as a whole, into a queue of
 * texts and includes: so includes run at the same time, and their order in the answer is that of
 * the queue. The next piece of the body is asked for when the queue has gone out; while an include
 * makes it wait, up to AHEAD_BYTES of it are read ahead.
 */
#pragma once

#include "worker/codec/ssi_parse.h"
#include "worker/http/include.h"

struct type_set;

struct ssi_conf {
    bool on, silent_errors, last_modified;
    bool ignored_flag;
    int64_t ignored_size;
    int64_t value_length;
    struct type_set *types;
};

extern uint32_t ssi_index;

/* What all pages of a request have in common: variables, blocks, captures. --------------------- */

struct ssi_text {           /* on the heap, with the request */
    char *data;
    size_t len, room;
};

struct ssi_named {
    struct ssi_named *next;
    struct str name;        /* of a variable: in lower case */
    struct ssi_text text;
    bool complete;          /* of a block: its end was seen, so its text stays where it is */
    bool too_large;         /* of a block: it has become empty */
};

struct ssi_shared {
    struct ssi_named *vars, *blocks; /* blocks: the oldest first */
    size_t bytes;           /* of all texts */
    struct ssi_text captured;
    size_t captures[20];    /* of $0 to $9, into it */
    uint32_t capture_count;
};

struct ssi_ctx {            /* of a request, main or not */
    struct ssi_shared *shared; /* of the main request only */
    struct ssi_page *page;  /* whose formats variables have */
};

/* The request's own, made when first asked for. */
struct ssi_shared *ssi_shared_of(struct request *r);

/* False, logged, when the request has too much of them. */
bool ssi_text_set(struct ssi_shared *shared, struct ssi_text *t, struct str text, struct log *log);
bool ssi_text_add(struct ssi_shared *shared, struct ssi_text *t, struct str text, struct log *log);

struct ssi_named *ssi_find_var(const struct ssi_shared *shared, struct str name);
struct ssi_named *ssi_find_block(const struct ssi_shared *shared, struct str name);
struct ssi_named *ssi_make_var(struct request *r, struct ssi_shared *shared, struct str name);
struct ssi_named *ssi_make_block(struct request *r, struct ssi_shared *shared, struct str name);
void ssi_add_to_block(struct ssi_page *page, struct str text);

/* A page --------------------------------------------------------------------------------------- */

enum ssi_item_kind { SSI_ITEM_TEXT, SSI_ITEM_INCLUDE };

struct ssi_item {
    struct ssi_item *next;
    enum ssi_item_kind kind;
    struct str text;        /* lies elsewhere, or ... */
    struct buf own;         /* ... here, if this has memory */
    bool lent;              /* text is the body's, which must not be pulled before it is out */
    struct include include;
    bool gave;              /* a byte of the include */
    const struct ssi_named *stub; /* in place of an include that is empty or fails */
};

/* <!--# include set="..." -->: the answer becomes a variable. */
struct ssi_setting {
    bool active;
    struct include include;
    struct ssi_named *var;
    size_t limit;           /* of the text */
    struct buf text;
};

enum ssi_conditional { SSI_NO_IF, SSI_IN_IF, SSI_IN_ELSE };

struct ssi_page {
    struct source source;
    struct request *r;
    const struct ssi_conf *conf;
    struct ssi_shared *shared;
    struct source *body;
    struct post post;           /* news of the body and of includes */
    struct pool *scratch;       /* of the command that is carried out */

    struct ssi_parser parser;
    struct chain in;            /* pulled, not yet parsed */
    bool body_ended, body_failed, finished;
    bool command_waits;         /* the parser has one that was put off */

    struct ssi_item *first, **end; /* the queue */
    struct ssi_item *given;     /* in the reader's hands until the next pull */
    struct ssi_item *spare;
    struct ssi_item *awaited;   /* include wait="yes": nothing is parsed until it has gone out */
    struct ssi_setting setting;
    bool begun;                 /* it was pulled from */
    bool reader_waits;
    bool lent_out;              /* the reader holds memory of the body */
    uint32_t pulls;             /* of the body, without anything to show for it */

    enum ssi_conditional conditional;
    bool output, chosen;        /* of `if`: what is shown now, and whether a branch was */
    struct ssi_named *block;    /* the one that is being read */
    uint8_t encoding;           /* of `echo`: enum in ssi_command.c */
    struct str errmsg, timefmt;
};

/* A page over a body, for this request. */
struct source *ssi_page_create(struct request *r, struct source *body);
bool ssi_is_page(const struct source *s);

/* For commands: adds to the page. `copy`: the text does not last. */
void ssi_add_text(struct ssi_page *page, struct str text, bool copy);
/* An include; false when it could not begin. */
bool ssi_add_include(struct ssi_page *page, struct str uri, struct str args, bool wait,
                     const struct ssi_named *stub);
bool ssi_begin_setting(struct ssi_page *page, struct str uri, struct str args,
                       struct ssi_named *var);
void ssi_add_error(struct ssi_page *page);

/* ssi_command.c: what the parser has found. */
void ssi_run_command(struct ssi_page *page);

/* ssi_eval.c */

/* A text with variables in it ("a $b ${c} \$"). The result lies in the page's scratch memory. False
   after a logged error. */
bool ssi_eval(struct ssi_page *page, struct str text, struct str *out);
/* One variable, by its name; false if there is none. */
bool ssi_eval_var(struct ssi_page *page, struct str name, struct str *value);
