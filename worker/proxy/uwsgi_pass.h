/*
 * worker/proxy/uwsgi_pass.h - uwsgi_pass and its kin.
 */
#pragma once

#include "common/module.h"

extern const struct module uwsgi_module;
extern uint32_t uwsgi_index;
