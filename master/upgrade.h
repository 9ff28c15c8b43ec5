/*
 * master/upgrade.h - changing the binary while serving: SIGUSR2.
 *
 * The new binary is started with our sockets and zones and serves beside us. Then the operator
 * decides: WINCH and QUIT to us completes the change; QUIT to the new one, and HUP to us if our
 * workers rest, goes back.
 */
#pragma once

struct master;

void upgrade_init(struct master *m);
