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
/* For as long as the process lives; volatile, or the compiler drops what is never read. */
static char **volatile arguments, **volatile environment;

/* Counts a string among those that lie end to end: the room of the title. */
static size_t measure(char *string)
{
    size_t bytes = strlen(string) + 1;

    if (title == NULL)
        title = string;
    if (string == title + room)
        room += bytes;
    return bytes;
}

/* Pointers to copies of the strings, all in one piece of memory, which whoever drops some of the
   pointers (unsetenv) leaves whole. */
static char **move_strings(char **strings, size_t count)
{
    size_t bytes = (count + 1) * sizeof(*strings);
    char **copies, *to;

    for (size_t i = 0; i < count; i++)
        bytes += measure(strings[i]);
    copies = calloc(1, bytes);
    must(copies != NULL);
    to = (char *)(copies + count + 1);
    for (size_t i = 0; i < count; i++) {
        copies[i] = to;
        to = stpcpy(to, strings[i]) + 1;
    }
    return copies;
}

char **proctitle_init(int argc, char **argv, char **envp)
{
    size_t vars = 0;

    arguments = move_strings(argv, (size_t)argc);
    while (envp[vars] != NULL)
        vars++;
    environment = move_strings(envp, vars);
    environ = environment;
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

void proctitle_add(const char *text)
{
    size_t len;

    if (room < 2)
        return;
    len = strlen(title);
    snprintf(title + len, room - len, "%s", text);
}
