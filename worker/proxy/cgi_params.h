/*
 * worker/proxy/cgi_params.h - what FastCGI, uwsgi and SCGI applications are told about a request:
 * names and values, configured or made of the client's fields (HTTP_ACCEPT ...).
 */
#pragma once

#include "worker/proxy/origin_rows.h"
#include "worker/proxy/proxy_run.h"

struct cgi_plan;

/* The configuration struct of each such module begins with it. */
struct cgi_conf {
    struct origin_conf origin;   /* first */
    struct array *params;        /* struct cgi_param */
    const struct cgi_plan *plan;
};

#define CGI_ROWS(prefix)                                                                           \
    {.name = prefix "_param", .where = IN_WEB, .args = "parameter value [if_not_empty]",           \
     .field = FIELD(struct cgi_conf, params), .repeat = true, .apply = cgi_params_set,             \
     .doc = "Sends this parameter to the application; with if_not_empty, if it has a value. "      \
            "HTTP_... takes the place of the client's field of that name."}

/* What ..._next_upstream knows. */
extern const struct word cgi_next_words[];

/* Fields of answers that clients do not see unless ..._pass_header names them, for origin_finish.
   The first is Status: it is none of those to uwsgi. */
extern const char *const cgi_hidden[];

bool cgi_params_set(struct conf_call *call);

/* From scope_done, after origin_finish. */
void cgi_params_finish(struct conf_call *call);

struct cgi_pair {
    struct str name; /* of a field: as the client wrote it */
    struct str value;
    bool field;
};

struct cgi_pairs {
    struct cgi_pair *pairs;
    uint32_t count;
};

/* For a request: evaluated, in the order in which they are sent. Lives as long as its pool. */
struct cgi_pairs cgi_params_collect(struct proxy_run *run);

#define CGI_FIELD_PREFIX "HTTP_"

static inline size_t cgi_name_bytes(const struct cgi_pair *pair)
{
    return pair->name.len + (pair->field ? sizeof(CGI_FIELD_PREFIX) - 1 : 0);
}

/* The name as it is sent: cgi_name_bytes of it; returns the end. */
char *cgi_name_print(char *out, const struct cgi_pair *pair);
