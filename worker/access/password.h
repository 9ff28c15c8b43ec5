/*
 * worker/access/password.h - passwords as files of users keep them.
 *
 * "{PLAIN}", "{SHA}" and "{SSHA}" cost nothing worth mentioning. All others are slow on purpose,
 * "$apr1$" and what crypt(3) knows ("$2y$", "$5$", "$6$", "$y$", DES): those are for a thread.
 */
#pragma once

#include "common/str.h"

bool password_is_quick(struct str stored);

enum password_result { PASSWORD_RIGHT, PASSWORD_WRONG, PASSWORD_UNKNOWN_FORM };

/* Touches nothing of the process: any thread may call it. Neither text may hold a NUL that counts:
   crypt(3) would stop there, so such a password is wrong. */
enum password_result password_check(struct str stored, struct str password);

/* The password stored for the user in the text of a file, one "user:password[:comment]" per line;
   data NULL when there is none. */
struct str password_find(struct str file, struct str user);
