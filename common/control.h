/*
 * common/control.h - what `weir ctl` and the server say to each other over the control socket.
 *
 * A request is one line of words with a blank between them; a byte that would confuse is %XX. One
 * that begins with CONTROL_MASTER is a single verb for the master, which reads it. All others are
 * for the keeper: their first word says how the answer is to look ("text" or "json").
 *
 * The reply is a line "ok" or "no", then text: what was asked for, or why not. It ends with the
 * connection.
 */
#pragma once

#include <sys/un.h>

#include "common/str.h"

#define CONTROL_MASTER    '!'
#define CONTROL_VERB_MAX  16    /* bytes of a line for the master, newline included */
#define CONTROL_LINE_MAX  8192  /* bytes of any line, newline included */
#define CONTROL_WORDS_MAX 64

#define CONTROL_OK "ok\n"
#define CONTROL_NO "no\n"

/* Writes the line with its newline. Its length; 0 when it is too long. */
size_t control_print(char out[CONTROL_LINE_MAX], const struct str *words, size_t count);

/* The words of a line without its newline, decoded in place. 0: none, too many, or malformed. */
size_t control_read(char *line, size_t len, struct str words[CONTROL_WORDS_MAX]);

/* The address of a unix socket. A path that is too long for one is named from its directory, which
   stays open as *dir until the address was used; else -1. False: it cannot be. */
bool control_address(struct sockaddr_un *out, const char *path, int *dir);
