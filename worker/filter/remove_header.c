/*
 * worker/filter/remove_header.c - fields that the configuration takes away from responses.
 *
 * Runs behind all filters that add some, so it does not matter where a field comes from: an origin,
 * a handler, or ourselves. Only what add_header adds stays.
 */
#include "worker/filter/remove_header.h"

#include "common/generation.h"
#include "worker/http/representation.h"

struct removed {
    struct str name;
    enum field_id id;
    struct removed *next;
};

struct remove_header_conf {
    struct removed *names;
};

static uint32_t remove_header_index;

static bool add(struct conf_call *call, uint32_t arg)
{
    struct remove_header_conf *conf = call->conf;
    struct removed *removed = pool_zalloc(call->pool, sizeof(*removed));

    removed->name = conf_arg(call, arg);
    removed->id = field_find_id(removed->name);
    removed->next = conf->names;
    conf->names = removed;
    if (!field_name_is_safe(removed->name))
        return conf_fail_arg(call, arg, "invalid field name \"%" STR_FMT "\"",
                             STR_ARG(removed->name));
    if (field_is_hop_by_hop(removed->id) || removed->id == FIELD_CONTENT_LENGTH)
        return conf_fail_arg(call, arg, "\"%" STR_FMT "\" cannot be removed: it says where the "
                                        "message or the connection ends", STR_ARG(removed->name));
    return true;
}

static bool set_names(struct conf_call *call)
{
    for (uint32_t i = 0; i < call->count; i++)
        if (!add(call, i))
            return false;
    return true;
}

/* What has a member of its own in the response. */
static void remove_member(struct response *out, enum field_id id)
{
    switch (id) {
    case FIELD_SERVER:
        out->no_server = true;
        break;
    case FIELD_DATE:
        out->no_date = true;
        break;
    case FIELD_CONTENT_TYPE:
        out->type = out->charset = STR_NONE;
        out->no_default_type = true;
        break;
    case FIELD_LOCATION:
        out->location = STR_NONE;
        break;
    case FIELD_ACCEPT_RANGES:
        out->accept_ranges = false;
        break;
    case FIELD_ETAG:
        out->etag = out->etag_added ? out->etag : STR_NONE;
        break;
    case FIELD_LAST_MODIFIED:
        out->has_last_modified = false;
        break;
    case FIELD_CONTENT_ENCODING:
        out->encoding = STR_NONE;
        break;
    default:
        break;
    }
}

static bool is_same(const struct http_field *f, const struct removed *removed)
{
    return f->id == removed->id &&
           (removed->id != FIELD_OTHER || str_eq_nocase(f->name, removed->name));
}

static void filter(struct request *r)
{
    const struct remove_header_conf *conf =
        REQUEST_CONF(r, remove_header_index, struct remove_header_conf);

    if (r != r->main)
        return;
    for (const struct removed *removed = conf->names; removed != NULL; removed = removed->next) {
        if (removed->id != FIELD_OTHER)
            remove_member(&r->out, removed->id);
        EACH_FIELD (f, r->out.fields)
            if (!(f->flags & FIELD_ADDED) && is_same(f, removed))
                f->flags |= FIELD_DELETED;
    }
}

static const struct directive directives[] = {
    {.name = "remove_header", .where = IN_WEB_IF, .args = "name ...", .apply = set_names,
     .repeat = true, .field = FIELD(struct remove_header_conf, names),
     .doc = "Leaves fields out of responses, whatever their status and whether they come from an "
            "origin or from here (Server and Date too); add_header may put another in their place. "
            "Replaces those of the enclosing level."},
};

const struct module remove_header_module = {
    .name = "remove_header",
    .doc = "Fields that are taken away from responses.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct remove_header_conf),
    .filter = filter, .index = &remove_header_index,
    .idle_without = &remove_header_module,
};
