/*
 * master/socket_options.h - making a socket as a listen spec wants it.
 */
#pragma once

#include "common/listen_spec.h"

/* Unbound, non-blocking, close-on-exec; -1 with errno. */
int socket_create(const struct listen_spec *spec);

/* What can be changed at any time is also set on a socket taken over from a generation before.
   A failure is reported and ignored, as nginx does. */
void socket_set_options(const struct listen_spec *spec, int fd);

/* From now on nobody new can connect: who tries is not answered. What is queued stays. */
void socket_refuse_new(const struct listen_spec *spec, int fd);

/* Lets further sockets bind beside one that is there. */
void socket_allow_reuseport(int fd);
