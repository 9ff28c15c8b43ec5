/*
 * worker/codec/uri.c - a request target made into the path that locations are matched with.
 *
 * The order is nginx's: codes are decoded first and the result is what dots and slashes are judged
 * by, so "%2e%2e" climbs like ".." and "%2f" separates like '/'. Only a '?' or '#' that was not
 * encoded ends the path.
 */
#include "worker/codec/uri.h"

#include "worker/codec/scan.h"

static const char *const fault_texts[URI_FAULTS] = {
    [URI_OK] = "valid URI",
    [URI_NO_SLASH] = "a URI without a leading slash",
    [URI_BAD_PERCENT] = "an incomplete percent code in the URI",
    [URI_NUL] = "a NUL in the URI",
    [URI_ABOVE_ROOT] = "a URI that leads above the root",
    [URI_BAD_BYTE] = "a control character in the URI",
};

const char *uri_fault_text(enum uri_fault fault)
{
    return fault_texts[fault];
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum uri_fault decode_percent(const char *p, const char *end, char *out)
{
    int high, low;

    if (end - p < 3)
        return URI_BAD_PERCENT;
    high = digit_of(p[1]);
    low = digit_of(p[2]);
    if (high < 0 || low < 0)
        return URI_BAD_PERCENT;
    *out = (char)(high << 4 | low);
    return *out == '\0' ? URI_NUL : URI_OK;
}

static enum uri_fault byte_fault(char c)
{
    return c == '\0' ? URI_NUL : URI_BAD_BYTE;
}

/* Decodes [p, end) up to '?', '#' or the end into out; *rest is where it stopped. */
static enum uri_fault decode(const char *p, const char *end, char **out, const char **rest)
{
    enum uri_fault fault;

    for (; p < end && *p != '?' && *p != '#'; p++) {
        if (*p == '%') {
            fault = decode_percent(p, end, (*out)++);
            if (fault != URI_OK)
                return fault;
            p += 2;
        } else if (scan_is(SCAN_BLANK, (unsigned char)*p)) {
            return byte_fault(*p);
        } else {
            *(*out)++ = *p;
        }
    }
    *rest = p;
    return URI_OK;
}

/* Back over the last segment of [root, out), which ends with '/'; NULL above the root. */
static char *climb(char *root, char *out)
{
    if (out - root < 2)
        return NULL;
    for (out--; out[-1] != '/'; out--)
        ;
    return out;
}

/* Resolves dots and, if asked, double slashes in place; the path begins with '/'. Returns the end,
   NULL if it leads above the root. */
static char *resolve(char *path, char *end, bool merge_slashes)
{
    char *p = path + 1, *out = path + 1, *segment;
    size_t len;

    for (;; p++) { /* one segment a turn */
        for (segment = p; p < end && *p != '/'; p++)
            ;
        len = (size_t)(p - segment);
        if (len == 2 && segment[0] == '.' && segment[1] == '.') {
            out = climb(path, out);
            if (out == NULL)
                return NULL;
        } else if (!(len == 1 && segment[0] == '.') && !(len == 0 && merge_slashes)) {
            memmove(out, segment, len);
            out += len;
            if (p < end)
                *out++ = '/';
        }
        if (p == end)
            return out;
    }
}

/* What is behind the path: arguments up to a fragment, which no server should get to see. */
static enum uri_fault take_args(struct uri *u, const char *p, const char *end)
{
    const char *stop, *hash;

    if (p == end)
        return URI_OK;
    stop = scan_find(SCAN_BLANK, p, p, end);
    if (stop < end)
        return byte_fault(*stop);
    hash = memchr(p, '#', (size_t)(end - p));
    if (*p == '?')
        u->args = str_range(p + 1, hash != NULL ? hash : end);
    u->changed = u->changed || hash != NULL;
    return URI_OK;
}

static enum uri_fault rebuild(struct uri *u, struct str target, bool merge_slashes,
                              struct pool *pool)
{
    const char *end = target.data + target.len, *rest;
    char *path = pool_bytes(pool, target.len), *out = path;
    enum uri_fault fault = decode(target.data, end, &out, &rest);

    if (fault != URI_OK)
        return fault;
    out = resolve(path, out, merge_slashes);
    if (out == NULL)
        return URI_ABOVE_ROOT;
    u->path = str_range(path, out);
    u->changed = !str_eq(u->path, str_range(target.data, rest));
    u->quoted = memchr(target.data, '%', (size_t)(rest - target.data)) != NULL;
    return take_args(u, rest, end);
}

enum uri_fault uri_parse(struct uri *out, struct str target, bool merge_slashes, struct pool *pool)
{
    const char *end = target.data + target.len, *stop;
    enum uri_fault fault;

    *out = (struct uri){.path = target};
    if (unlikely(target.len == 0 || target.data[0] != '/')) {
        if (str_eq(target, STR("*")))
            return URI_OK;
        if (target.len == 0 || (target.data[0] != '?' && target.data[0] != '#'))
            return URI_NO_SLASH;
        out->path = STR("/");
        out->changed = true;
        return take_args(out, target.data, end);
    }
    stop = scan_path(target.data, end);
    if (stop == end || *stop == '?') {
        out->path = str_range(target.data, stop);
        fault = take_args(out, stop, end);
    } else {
        fault = rebuild(out, target, merge_slashes, pool);
    }
    uri_set_ext(out);
    return fault;
}

void uri_set_ext(struct uri *out)
{
    struct str path = out->path;

    out->ext = STR_NONE;
    for (size_t i = path.len; i-- > 2;) {
        if (path.data[i] == '/')
            return;
        if (path.data[i] == '.' && path.data[i - 1] != '/') {
            out->ext = str_from(path, i + 1);
            return;
        }
    }
}

bool uri_arg(struct str args, struct str name, struct str *value)
{
    struct str arg, key;

    while (args.len > 0) {
        arg = str_cut(&args, '&');
        key = str_cut(&arg, '=');
        if (arg.data != NULL && key.len == name.len && str_eq_nocase(key, name)) {
            *value = arg;
            return true;
        }
    }
    return false;
}

bool uri_is_safe(struct str path)
{
    struct str segment;

    if (path.len > 0 && memchr(path.data, '\0', path.len) != NULL)
        return false;
    while (path.len > 0) {
        segment = str_cut(&path, '/');
        if (str_eq(segment, STR("..")))
            return false;
    }
    return true;
}
