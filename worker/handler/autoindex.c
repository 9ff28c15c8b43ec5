/*
 * worker/handler/autoindex.c - listings of directories, in the four forms that nginx gives them.
 */
#include "worker/handler/autoindex.h"

#include <stdio.h>
#include <time.h>

#include "common/fmt.h"
#include "worker/codec/escape.h"
#include "worker/codec/http_date.h"
#include "worker/codec/uri.h"
#include "worker/handler/dir_list.h"
#include "worker/http/file_access.h"
#include "worker/http/file_path.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"

#define NAME_WIDTH   50
#define ENTRY_BYTES  256 /* of one entry besides its name */
#define CALLBACK_MAX 128

enum format { FORMAT_HTML, FORMAT_JSON, FORMAT_JSONP, FORMAT_XML };

struct autoindex_conf {
    bool on, exact_size, localtime;
    int64_t format;
};
#define F(member) FIELD(struct autoindex_conf, member)

static uint32_t autoindex_index;

#define CONF_OF(r) REQUEST_CONF(r, autoindex_index, struct autoindex_conf)

/* HTML ---------------------------------------------------------------------------------------- */

/* Characters where the text is UTF-8, else bytes. */
static size_t char_count(struct str s, bool utf8)
{
    size_t count = 0;

    for (size_t i = 0; i < s.len; i++)
        count += !utf8 || ((unsigned char)s.data[i] & 0xc0) != 0x80;
    return count;
}

static size_t bytes_of_chars(struct str s, size_t chars, bool utf8)
{
    size_t i = 0;

    for (; i < s.len; i++)
        if ((!utf8 || ((unsigned char)s.data[i] & 0xc0) != 0x80) && chars-- == 0)
            break;
    return i;
}

static char *html_name(char *p, const struct dir_entry *entry, bool utf8)
{
    size_t chars = char_count(entry->name, utf8), len = entry->name.len;

    if (chars > NAME_WIDTH)
        len = bytes_of_chars(entry->name, NAME_WIDTH - 3, utf8);
    p = escape_html_write(p, (struct str){entry->name.data, len});
    if (chars > NAME_WIDTH)
        return FMT_LIT(p, "..&gt;</a>");
    if (entry->kind == DIR_DIRECTORY && chars < NAME_WIDTH) {
        *p++ = '/';
        chars++;
    }
    p = FMT_LIT(p, "</a>");
    return (char *)memset(p, ' ', NAME_WIDTH - chars) + NAME_WIDTH - chars;
}

static char *html_date(char *p, int64_t mtime_s, bool local)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t t = (time_t)mtime_s;
    struct tm tm;

    if (local)
        localtime_r(&t, &tm);
    else
        gmtime_r(&t, &tm);
    return p + sprintf(p, "%02d-%.3s-%d %02d:%02d ", tm.tm_mday, months + 3 * tm.tm_mon,
                       tm.tm_year + 1900, tm.tm_hour, tm.tm_min);
}

/* Rounded, in the largest unit that gives more than one digit. */
static char *rounded_size(char *p, int64_t bytes)
{
    static const struct {
        int64_t above, unit;
        char letter;
    } units[] = {{(1 << 30) - 1, 1 << 30, 'G'}, {(1 << 20) - 1, 1 << 20, 'M'}, {9999, 1024, 'K'}};

    for (size_t i = 0; i < COUNT(units); i++) {
        if (bytes > units[i].above)
            return p + sprintf(p, "%6lld%c",
                               (long long)(bytes / units[i].unit +
                                           (bytes % units[i].unit > units[i].unit / 2 - 1)),
                               units[i].letter);
    }
    return p + sprintf(p, " %6lld", (long long)bytes);
}

static char *html_size(char *p, const struct dir_entry *entry, bool exact)
{
    if (entry->kind == DIR_DIRECTORY)
        return p + sprintf(p, exact ? "%19s" : "%7s", "-");
    if (exact)
        return p + sprintf(p, "%19lld", (long long)entry->bytes);
    return rounded_size(p, entry->bytes);
}

static char *html_entry(char *p, const struct dir_entry *entry, const struct autoindex_conf *conf,
                        bool utf8)
{
    p = FMT_LIT(p, "<a href=\"");
    p = escape_write(p, entry->name, ESCAPE_COMPONENT);
    if (entry->kind == DIR_DIRECTORY)
        *p++ = '/';
    p = FMT_LIT(p, "\">");
    p = html_name(p, entry, utf8);
    *p++ = ' ';
    p = html_date(p, entry->mtime_s, conf->localtime);
    p = html_size(p, entry, conf->exact_size);
    return FMT_LIT(p, "\r\n");
}

static char *print_html(char *p, struct request *r, const struct dir_list *list)
{
    bool utf8 = str_eq_nocase(r->out.charset, STR("utf-8"));

    p = FMT_LIT(p, "<html>\r\n<head><title>Index of ");
    p = escape_html_write(p, r->uri);
    p = FMT_LIT(p, "</title></head>\r\n<body>\r\n<h1>Index of ");
    p = escape_html_write(p, r->uri);
    p = FMT_LIT(p, "</h1><hr><pre><a href=\"../\">../</a>\r\n");
    for (size_t i = 0; i < list->count; i++)
        p = html_entry(p, &list->entries[i], CONF_OF(r), utf8);
    return FMT_LIT(p, "</pre><hr></body>\r\n</html>\r\n");
}

/* JSON ---------------------------------------------------------------------------------------- */

/* RFC 8259, 7 */
static char *json_text(char *p, struct str s)
{
    static const char short_for[32] = {
        ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['\b'] = 'b', ['\f'] = 'f'};

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];

        if (c >= 0x20) {
            if (c == '"' || c == '\\')
                *p++ = '\\';
            *p++ = (char)c;
        } else if (short_for[c] != 0) {
            *p++ = '\\';
            *p++ = short_for[c];
        } else {
            p += sprintf(p, "\\u%04X", c);
        }
    }
    return p;
}

static char *json_entry(char *p, const struct dir_entry *entry)
{
    static const char *const kinds[] = {"directory", "file", "other"};

    p = FMT_LIT(p, "\r\n{ \"name\":\"");
    p = json_text(p, entry->name);
    p += sprintf(p, "\", \"type\":\"%s\", \"mtime\":\"", kinds[entry->kind]);
    p = http_date_print(p, entry->mtime_s);
    *p++ = '"';
    if (entry->kind == DIR_FILE)
        p += sprintf(p, ", \"size\":%lld", (long long)entry->bytes);
    return FMT_LIT(p, " }");
}

static char *print_json(char *p, const struct dir_list *list, struct str callback)
{
    if (callback.len > 0) {
        p = FMT_LIT(p, "/* callback */\r\n");
        p = fmt_str(p, callback);
        *p++ = '(';
    }
    *p++ = '[';
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            *p++ = ',';
        p = json_entry(p, &list->entries[i]);
    }
    p = FMT_LIT(p, "\r\n]");
    return callback.len > 0 ? FMT_LIT(p, ");") : p;
}

/* XML ----------------------------------------------------------------------------------------- */

static char *xml_entry(char *p, const struct dir_entry *entry)
{
    static const char *const tags[] = {"directory", "file", "other"};
    time_t t = (time_t)entry->mtime_s;
    struct tm tm;

    gmtime_r(&t, &tm);
    p += sprintf(p, "<%s mtime=\"%04d-%02d-%02dT%02d:%02d:%02dZ\"", tags[entry->kind],
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (entry->kind == DIR_FILE)
        p += sprintf(p, " size=\"%lld\"", (long long)entry->bytes);
    *p++ = '>';
    p = escape_html_write(p, entry->name);
    return p + sprintf(p, "</%s>\r\n", tags[entry->kind]);
}

static char *print_xml(char *p, const struct dir_list *list)
{
    p = FMT_LIT(p, "<?xml version=\"1.0\"?>\r\n<list>\r\n");
    for (size_t i = 0; i < list->count; i++)
        p = xml_entry(p, &list->entries[i]);
    return FMT_LIT(p, "</list>\r\n");
}

/* The answer ---------------------------------------------------------------------------------- */

/* The function that ?callback= names; empty: none. False: not the name of one. */
static bool read_callback(struct request *r, struct str *callback)
{
    struct str value = STR_NONE;

    *callback = STR_NONE;
    if (r->args.len == 0 || !uri_arg(r->args, STR("callback"), &value))
        return true;
    value = unescape(request_pool(r), value, UNESCAPE_ALL);
    for (size_t i = 0; i < value.len && i <= CALLBACK_MAX; i++) {
        char c = ascii_lower(value.data[i]);

        if (i == CALLBACK_MAX ||
            !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.')) {
            log_error(&r->log, LOG_INFO, 0, "client sent invalid callback name: \"%" STR_FMT "\"",
                      STR_ARG(value));
            return false;
        }
    }
    *callback = value;
    return true;
}

static enum verdict failed(struct request *r, struct str path, int err, bool opened)
{
    bool missing = file_access_is_missing(err);
    bool plain = !opened && (missing || file_access_is_forbidden(err));

    log_error(&r->log, plain ? LOG_ERROR : LOG_CRIT, err, "%s() \"%" STR_FMT "\" failed",
              opened ? "readdir" : "opendir", STR_ARG(path));
    if (!plain)
        return request_fail(r, 500, "file.error");
    return missing ? request_fail(r, 404, "file.missing") : request_fail(r, 403, "file.forbidden");
}

/* More than the listing can take, whatever its form: names are escaped to six bytes for one, or
   twice to three and six. */
static size_t room_needed(const struct request *r, const struct dir_list *list)
{
    size_t room = 512 + CALLBACK_MAX + 12 * r->uri.len;

    for (size_t i = 0; i < list->count; i++)
        room += ENTRY_BYTES + 9 * list->entries[i].name.len;
    return room;
}

static enum verdict answer(struct request *r, const struct dir_list *list, struct str callback)
{
    static const struct str types[] = {STR_INIT("text/html"), STR_INIT("application/json"),
                                       STR_INIT("application/javascript"), STR_INIT("text/xml")};
    enum format format = (enum format)CONF_OF(r)->format;
    char *text = pool_try_alloc(request_pool(r), room_needed(r, list)), *end;

    if (text == NULL)
        return request_fail(r, 500, "memory");
    if (format == FORMAT_JSONP && callback.len == 0)
        format = FORMAT_JSON;
    if (format == FORMAT_XML)
        end = print_xml(text, list);
    else if (format == FORMAT_HTML)
        end = print_html(text, r, list);
    else
        end = print_json(text, list, callback);
    request_answer(r, 200, types[format], str_range(text, end));
    if (format == FORMAT_XML)
        r->out.charset = STR("utf-8");
    r->out.length = -1; /* as nginx has it: no Content-Length */
    return ANSWERED;
}

static enum verdict list_directory(struct request *r)
{
    struct str path, callback = STR_NONE;
    struct dir_list *dir;

    if (!CONF_OF(r)->on || !request_names_directory(r) ||
        (r->method != METHOD_GET && r->method != METHOD_HEAD))
        return GO_ON;
    if (CONF_OF(r)->format == FORMAT_JSONP && !read_callback(r, &callback))
        return request_fail(r, 400, "request.callback");
    path = file_path(r, 0);
    dir = request_ctx(r, autoindex_index, sizeof(*dir));
    if (dir_list_read(r, path, dir) == RC_AGAIN)
        return WAIT_EVENT;
    record(r, "handler", "listing of \"%" STR_FMT "\"", STR_ARG(path));
    return dir->err != 0 ? failed(r, path, dir->err, dir->opened) : answer(r, dir, callback);
}

static const struct word format_words[] = {
    {"html", FORMAT_HTML}, {"json", FORMAT_JSON}, {"jsonp", FORMAT_JSONP}, {"xml", FORMAT_XML},
    {NULL, 0}};

static const struct directive directives[] = {
    {.name = "autoindex", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG, .field = F(on),
     .initial = "off", .doc = "List directories that have no index file."},
    {.name = "autoindex_exact_size", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(exact_size), .initial = "on",
     .doc = "Show sizes in bytes, not rounded to kilobytes, megabytes and gigabytes."},
    {.name = "autoindex_format", .where = IN_WEB, .args = "html|xml|json|jsonp",
     .value = VALUE_ENUM, .words = format_words, .field = F(format), .initial = "html",
     .doc = "The form of listings."},
    {.name = "autoindex_localtime", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(localtime), .initial = "off",
     .doc = "Show times in the local time zone, not in UTC."},
};

const struct module autoindex_module = {
    .name = "autoindex", .nginx_name = "http_autoindex_module",
    .doc = "Listings of directories.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct autoindex_conf),
    .phase = PHASE_CONTENT, .handler = list_directory, .index = &autoindex_index,
    .idle_without = &autoindex_module,
};
