/*
 * master/notify.h - telling systemd how we are, by its datagram protocol (sd_notify).
 *
 * Nothing happens when NOTIFY_SOCKET is not set.
 */
#pragma once

#include "common/base.h"

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
/* The service goes on in that process: a new binary. */
void notify_main_pid(pid_t pid);
