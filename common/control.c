/*
 * common/control.c - words to lines and back, and where the socket is.
 */
#include "common/control.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static bool is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && c != '%';
}

static char *print_word(char *out, const char *end, struct str word)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < word.len; i++) {
        unsigned char c = (unsigned char)word.data[i];

        if (end - out < 4)
            return NULL;
        if (is_plain(c)) {
            *out++ = (char)c;
            continue;
        }
        *out++ = '%';
        *out++ = digits[c >> 4];
        *out++ = digits[c & 15];
    }
    return out;
}

size_t control_print(char out[CONTROL_LINE_MAX], const struct str *words, size_t count)
{
    const char *end = out + CONTROL_LINE_MAX;
    char *p = out;

    for (size_t i = 0; i < count; i++) {
        p = print_word(p, end, words[i]);
        if (p == NULL || end - p < 2)
            return 0;
        *p++ = i + 1 < count ? ' ' : '\n';
    }
    return (size_t)(p - out);
}

/* False for a byte that no word may have. */
static bool decode(struct str *word)
{
    char *to = (char *)(uintptr_t)word->data; /* the caller's line */
    struct str rest = *word;
    uint64_t byte;

    while (rest.len > 0) {
        bool escaped = rest.data[0] == '%';

        if (escaped && (rest.len < 3 || !str_to_hex((struct str){rest.data + 1, 2}, &byte)))
            return false;
        if (!escaped && !is_plain((unsigned char)rest.data[0]))
            return false;
        *to++ = escaped ? (char)byte : rest.data[0];
        rest = str_from(rest, escaped ? 3 : 1);
    }
    word->len = (size_t)(to - word->data);
    return true;
}

size_t control_read(char *line, size_t len, struct str words[CONTROL_WORDS_MAX])
{
    struct str rest = {line, len};
    size_t count = 0;

    while (rest.data != NULL && rest.len > 0) {
        struct str word = str_cut(&rest, ' ');

        if (word.len == 0 || count == CONTROL_WORDS_MAX || !decode(&word))
            return 0;
        words[count++] = word;
    }
    return count;
}

bool control_address(struct sockaddr_un *out, const char *path, int *dir)
{
    const char *slash = strrchr(path, '/');
    char above[PATH_MAX];

    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    *dir = -1;
    if (strlen(path) < sizeof(out->sun_path)) {
        strcpy(out->sun_path, path);
        return true;
    }
    if (slash == NULL || (size_t)(slash - path) >= sizeof(above))
        return false;
    snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
    *dir = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *dir >= 0 && snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/%s", *dir,
                                 slash + 1) < (int)sizeof(out->sun_path);
}
