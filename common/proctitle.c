/*
 * common/proctitle.c - the title lies over the arguments and the environment that follows them.
 */
#include "common/proctitle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *title;
static size_t room;
static char **arguments; /* for as long as the process lives */

/* Pointers to copies of the strings; `title` and `room` grow over those that lie end to end. */
static char **move_strings(char **strings, size_t count)
{
    char **copies = calloc(count + 1, sizeof(*copies));

    must(copies != NULL);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = strlen(strings[i]) + 1;

        if (title == NULL)
            title = strings[i];
        if (strings[i] == title + room)
            room += bytes;
        copies[i] = strdup(strings[i]);
        must(copies[i] != NULL);
    }
    return copies;
}

char **proctitle_init(int argc, char **argv, char **envp)
{
    size_t vars = 0;

    arguments = move_strings(argv, (size_t)argc);
    while (envp[vars] != NULL)
        vars++;
    environ = move_strings(envp, vars);
    for (int i = 1; i < argc; i++)
        argv[i] = NULL;
    return arguments;
}

void proctitle_set(const char *fmt, ...)
{
    va_list args;
    int len;

    if (room < 2)
        return;
    va_start(args, fmt);
    len = vsnprintf(title, room, fmt, args);
    va_end(args);
    len = MIN(MAX(len, 0), (int)room - 1);
    memset(title + len, 0, room - (size_t)len);
}
