/*
 * worker/http/request.h - one request, whatever protocol carries it.
 *
 * A request begins in a protocol room (h1, h2 ...), which fills in what was asked, calls
 * request_start and from then on is driven through its wire_ops. Subrequests and internal redirects
 * use the same struct. Handlers and filters never ask which protocol is below.
 *
 * Life: request_init -> (fields filled) -> request_start -> phases -> ANSWERED -> filters ->
 * wire->respond -> (the wire pulls the body) -> request_done -> log phase -> pool destroyed.
 */
#pragma once

#include "common/module.h"
#include "worker/codec/field.h"
#include "worker/codec/method.h"
#include "worker/net/scope.h"
#include "worker/net/source.h"

struct http_server;
struct location;
struct wire_ops;
struct request_body;
struct phase_ops;
struct recorder;
struct upstream_summary;
struct limit_refusal;

/*
 * What goes back. A handler fills it in and returns ANSWERED; filters change it; the wire sends it.
 * Nothing is sent before that, so an error page can still replace it.
 */
struct response {
    uint16_t status;
    bool no_default_type;       /* send no Content-Type when `type` is empty */
    bool accept_ranges;         /* the body is a representation that ranges may cut */
    bool single_range;          /* but only one at a time */
    bool keep_head;             /* the head is an origin's: its Date, Server are kept in fields */
    bool is_origins;            /* it answers for its preconditions (RFC 9110, 13.2.1) itself */
    bool is_error_page;         /* the body is ours, for an error status */
    bool intercepted;           /* error_page was applied already */
    bool has_last_modified;
    bool upgraded;              /* 101: what follows the head is a tunnel */
    bool no_server, no_date;    /* these fields are left out */
    bool etag_added;            /* the ETag is one that add_header gave */
    int64_t length;             /* of the body; -1: unknown (chunked or until close) */
    int64_t last_modified;      /* seconds since 1970, when has_last_modified */
    struct str reason;          /* empty: the standard one */
    struct str type;            /* Content-Type without charset */
    struct str charset;         /* empty: none */
    struct str override_charset;/* what an origin wants it recoded to: X-Accel-Charset */
    struct str etag;            /* with its quotes; empty: none */
    struct str location;        /* Location, as a handler gives it: completed to an absolute URL on
                                   output when it begins with '/' and absolute_redirect is on */
    struct str encoding;        /* Content-Encoding set by a filter or handler; empty: none */
    struct source *body;        /* NULL: none. Owned: closed when sent or dropped */
    struct http_fields *fields; /* all others, in order */
    struct http_fields *trailers; /* NULL: none */
};

/* The variables of the generation that this process serves. */
extern const struct var_table *request_vars;

/* A module's own struct for a request. */
struct request_ctx {
    struct request_ctx *next;
    uint32_t module_index;
    _Alignas(16) char data[];
};

struct request {
    struct scope scope;         /* first: handlers of shared modules see only this */
    struct log log;
    const struct wire_ops *wire;
    const struct phase_ops *ops;/* the engine's I/O: real, or a dry run's */
    struct recorder *recorder;  /* NULL: nobody listens */
    struct post post;           /* resumes the engine */
    struct request *main;       /* itself, unless a subrequest */
    struct request *parent;

    /* What was asked. */
    uint8_t method;             /* enum method */
    uint8_t version;            /* 9, 10, 11, 20, 30 */
    bool keep_alive;            /* the client wants it and may have it */
    bool header_only;           /* HEAD: head as for GET, no body */
    bool has_host;
    bool uri_behind_alias;      /* in a regex location with `alias`: try_files found `uri` there */
    bool uri_raw_ok;            /* `target` still stands for `uri`: it was not rewritten */
    bool rewritten_inside;      /* `rewrite ... break` made `uri`: the location's name is no part */
    bool uri_quoted;            /* the client wrote codes: a URI built from `uri` is escaped */
    bool internal;              /* came by an internal redirect or is a subrequest */
    bool expect_continue;
    bool args_changed;
    bool pipelined;             /* its bytes came with the request before it */
    bool close_silently;        /* no answer, just close: 408, 444, 499 */
    struct str method_text;
    struct str line;            /* $request */
    struct str target;          /* $request_uri: path and query as sent */
    struct str uri;             /* $uri: decoded, normalised */
    struct str args;            /* $args; data NULL when there is no '?' */
    struct str ext;             /* of uri; empty: none */
    struct str host;            /* lower case, without port; empty without Host */
    int32_t host_port;          /* -1: none given */
    struct http_fields *fields; /* header fields */
    int64_t content_length;     /* -1: none, or chunked */
    bool chunked;
    struct request_body *body;  /* NULL when no body was announced */
    int64_t head_bytes;         /* of the request as read so far, body too: $request_length */
    int64_t started_ms;         /* wall clock */
    int64_t started_mono_ms;
    int64_t conn_opened_ms;     /* monotonic */
    uint32_t conn_requests;     /* on this connection, this one included */

    /* Where it is handled. */
    struct http_server *server;
    struct location *location;  /* NULL until found */
    const struct listen_spec *listen;
    bool extended_connect;      /* a handshake that came so (RFC 8441): the stream may become a
                                   tunnel */
    bool tls;

    /* The engine. */
    uint8_t phase;              /* enum phase */
    uint8_t uri_changes;        /* left: 10 at the start */
    uint8_t subrequests_left;   /* levels of subrequests that may yet nest */
    uint8_t limit_req_status, limit_conn_status; /* of the main request; 0: not asked yet */
    bool running, answered;
    bool logged;                /* of a subrequest */
    bool errors_are_parents;    /* a subrequest whose parent makes what it likes of an error */
    bool in_error_page;         /* no further error_page applies (recursive_error_pages off) */
    bool uri_changed;           /* set by rewrite: find the location again */
    bool access_delayed;        /* auth_delay: the refusal is ready and waits */
    uint16_t access_status;     /* the refusal that `satisfy any` may yet forgive */
    uint16_t handler_at;        /* in the phase's list */
    uint16_t error_status;      /* what an error page stands for; 0 otherwise */
    const char *fail_reason;    /* short dotted cause of a 4xx/5xx of our own */
    const struct limit_refusal *limit_refusal; /* what limit_headers tells of; NULL: nothing */

    struct response out;
    uint64_t body_sent;         /* bytes of body, framing included, written so far: for
                                   $body_bytes_sent */
    uint64_t head_sent;         /* bytes of head */
    int64_t limit_rate;         /* bytes a second, from $limit_rate or an origin; -1: not set */
    bool send_failed;           /* the client went away or timed out */
    bool complete;              /* all of the response was sent */

    struct request_ctx *ctx;    /* what modules keep here, newest first: there are few */
    size_t (*describe_upstream)(const struct request *r, char *out, size_t room); /* for the log */
    struct upstream_summary *upstreams; /* tries so far, newest last, for $upstream_... */
    void *wire_data;            /* the protocol's own: struct h1_conn *, ... */
    void (*client_gone)(struct request *r, void *arg); /* called once when the client hangs up
                                   before the answer; NULL: nobody minds */
    void *client_gone_arg;
    bool client_left;           /* log as 499 */
    void (*sub_done)(struct request *sub, void *arg); /* a subrequest's answer is there */
    void *sub_arg;
    struct request *subs;       /* of a main request: those that run, newest first */
    struct request *next_sub;
    uint32_t subs_running, subs_made;
    uint32_t subs_turn, subs_in_turn; /* how many have begun in that turn of the loop */
    struct http_fields *fields_of_part; /* include.c's; NULL until there is one */
};

/* For the wire: an empty request of this connection, with its pool. `fields` and `out_fields` are
   lists that the wire keeps beside it. */
void request_init(struct request *r, struct conn *c, const struct wire_ops *wire, void *wire_data,
                  struct http_fields *in, struct http_fields *out);

/* For a copy of a request: what there is to know of the run of the one it was copied from is
   forgotten. What was asked, where it is handled and the pool stay as they are. */
void request_anew(struct request *copy);

/* Everything asked is known: runs the phases from the first. */
void request_start(struct request *r);

/* Something a handler waited for happened: the engine calls it again (posted, never at once). */
void request_resume(struct request *r);

/* For the wire: the response has been sent (or has failed: r->send_failed). Logs, closes the body,
   destroys the pool. The struct is the wire's again. */
void request_done(struct request *r);

/* For the wire, in place of respond and request_done: the client went away before the answer.
   Cancels what runs (cleanups of the pool do it) and logs 499, or r->out.status if one is set. */
void request_abort(struct request *r);

/* Sets uri, args and what follows from them (ext). */
void request_set_uri(struct request *r, struct str uri, struct str args);

/* The location (or the server's base) and its conf from now on. What it says of keep-alive counts:
   a place that forbids it ends r->keep_alive for good. */
void request_enter(struct request *r, struct location *location);

/* Do the keepalive_ directives of where it is let the connection carry another request? */
bool request_may_keep(const struct request *r);

/* A handler's answer is an error or an empty special answer: `status`, with the standard page.
   Returns ANSWERED. `why` is a dotted cause for $fail_reason ("body.too_large"), or NULL. */
enum verdict request_fail(struct request *r, int status, const char *why);

/* A small text answer. `text` must live as long as the pool. */
enum verdict request_answer(struct request *r, int status, struct str type, struct str text);

/* A redirect with Location. */
enum verdict request_redirect_to(struct request *r, int status, struct str location);

/* Goes on inside: with another uri (from server rewrite on, `r->internal` set), or at a named
   location. Returns REROUTE, or ANSWERED (500) when the limit of 10 is reached or the name is
   unknown. */
enum verdict request_go_to(struct request *r, struct str uri, struct str args);
enum verdict request_go_named(struct request *r, struct str name);

/* A module's own struct for this request (zeroed at first); freed with the pool. */
void *request_ctx(struct request *r, uint32_t module_index, size_t bytes);
static inline void *request_ctx_find(const struct request *r, uint32_t module_index)
{
    for (struct request_ctx *ctx = r->ctx; ctx != NULL; ctx = ctx->next)
        if (ctx->module_index == module_index)
            return ctx->data;
    return NULL;
}

/* A module's struct where the request is now. */
#define REQUEST_CONF(r, index, type) ((const type *)(r)->scope.conf[index])

/* Ends the uri with '/'? It may be empty where try_files found the path of an alias itself. */
static inline bool request_names_directory(const struct request *r)
{
    return r->uri.len > 0 && r->uri.data[r->uri.len - 1] == '/';
}

static inline struct pool *request_pool(const struct request *r)
{
    return r->scope.pool;
}

/* Adds a response field (copied only by reference). */
void request_add_field(struct request *r, struct str name, struct str value, enum field_id id);

/*
 * A subrequest for `uri` (copied, as are the args): inherits fields, server and variables' values;
 * has a pool and a response of its own. It runs posted; when its head is ready `done` is called,
 * in the subrequest's turn: it only notes that and posts. Then sub->out may be read and its body
 * pulled. NULL, logged, when they nest too deeply (50) or there were too many (64535).
 */
struct request *request_sub(struct request *r, struct str uri, struct str args, bool header_only,
                            void (*done)(struct request *sub, void *arg), void *arg);

/* All of its body was taken: logs it now (if log_subrequest), not only when it ends. */
void request_sub_log(struct request *sub);

/* The parent is finished with it, and with all that lies in its pool: logs it, closes the body,
   frees everything. Never from within its own engine (`done`). */
void request_sub_end(struct request *sub);

/* For the wire: the client hung up. request_minds_hangup: somebody (the request or a subrequest)
   has work under way that is in vain then. request_hangup tells those; true when the request is to
   be given up. */
bool request_minds_hangup(const struct request *r);
bool request_hangup(struct request *r);
