/*
 * common/generation.c - what modules ask of the generation that is being loaded.
 *
 * While loading, maps in gen->load find log files and zones; the lists are what remains.
 */
#include "common/generation.h"

#include <unistd.h>

#include "common/addr_list.h"
#include "common/load_state.h"
#include "common/syslog.h"

#define SYSLOG_PORT 514

static struct str absolute(struct generation *gen, struct str base, struct str text)
{
    if (text.len > 0 && text.data[0] == '/')
        return pool_str(gen->pool, text);
    return pool_printf(gen->pool, "%" STR_FMT "%" STR_FMT, STR_ARG(base), STR_ARG(text));
}

struct str generation_path(struct generation *gen, struct str text)
{
    return absolute(gen, gen->prefix, text);
}

struct str generation_conf_path(struct generation *gen, struct str text)
{
    return absolute(gen, gen->conf_dir, text);
}

/* Log files ----------------------------------------------------------------------------------- */

static struct log_file *add_log_file(struct generation *gen, struct str key)
{
    struct log_file *file = pool_zalloc(gen->pool, sizeof(*file));

    file->fd = -1;
    *growing_map_at(&gen->load->log_files, key) = file;
    *(gen->load->last_log_file ? &gen->load->last_log_file->next : &gen->log_files) = file;
    gen->load->last_log_file = file;
    return file;
}

/* The daemon may be a host name: then it is looked up with the others. */
static struct syslog_target *read_syslog(struct generation *gen, struct str params,
                                         const char **why)
{
    struct syslog_target *target = pool_zalloc(gen->pool, sizeof(*target));
    struct addr_list *names;

    if (!syslog_parse(target, gen->pool, params, why))
        return NULL;
    if (target->to.len == 0) {
        names = addr_list_add(gen, gen->http_vars.place, target->server,
                              target->port > 0 ? target->port : SYSLOG_PORT, why);
        if (names == NULL)
            return NULL;
        names->copy_first = &target->to;
    }
    return target;
}

struct log_file *generation_log_file(struct generation *gen, struct str text, const char **why)
{
    bool is_stderr = str_eq(text, STR("stderr"));
    bool is_syslog = str_starts(text, STR("syslog:"));
    struct str key = is_stderr || is_syslog ? text : generation_path(gen, text);
    struct log_file *file = growing_map_find(&gen->load->log_files, key);
    struct syslog_target *target = NULL;

    if (file != NULL)
        return file;
    if (text.len == 0) {
        *why = "the path of a log is empty";
        return NULL;
    }
    if (is_syslog && (target = read_syslog(gen, str_from(text, 7), why)) == NULL)
        return NULL;
    file = add_log_file(gen, key);
    file->syslog = target;
    if (is_stderr)
        file->fd = STDERR_FILENO;
    else if (!is_syslog)
        file->path = key.data;
    return file;
}

/* Zones --------------------------------------------------------------------------------------- */

static struct zone_spec *add_zone(struct generation *gen, struct str name,
                                  const struct zone_kind *kind, const struct conf_node *node)
{
    struct zone_spec *zone = pool_zalloc(gen->pool, sizeof(*zone));

    zone->name = pool_str(gen->pool, name);
    zone->kind = kind;
    zone->node = node;
    *growing_map_at(&gen->load->zones, zone->name) = zone;
    *(gen->load->last_zone ? &gen->load->last_zone->next : &gen->zones) = zone;
    gen->load->last_zone = zone;
    return zone;
}

struct zone_spec *generation_zone(struct generation *gen, struct str name, int64_t bytes,
                                  const struct zone_kind *kind, const struct conf_node *node,
                                  const char **why)
{
    struct zone_spec *zone = growing_map_find(&gen->load->zones, name);

    if (zone == NULL)
        zone = add_zone(gen, name, kind, node);
    if (zone->kind != kind) {
        *why = pool_printf(gen->pool, "the zone \"%" STR_FMT "\" is already used for something "
                                      "else, on line %u", STR_ARG(name), zone->node->line).data;
        return NULL;
    }
    if (bytes > 0 && zone->bytes > 0 && zone->bytes != bytes) {
        *why = pool_printf(gen->pool, "the size %lld of the zone \"%" STR_FMT "\" conflicts with "
                                      "%lld on line %u", (long long)bytes, STR_ARG(name),
                           (long long)zone->bytes, zone->node->line).data;
        return NULL;
    }
    if (bytes > 0 && zone->bytes == 0) {
        zone->bytes = bytes;
        zone->node = node;
    }
    return zone;
}
