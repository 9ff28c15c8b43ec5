/*
 * worker/proxy/fastcgi.h - fastcgi_pass and its kin: settings, and the variables of scripts.
 */
#pragma once

#include "common/regex.h"
#include "worker/proxy/cgi_params.h"

struct fastcgi_conf {
    struct cgi_conf cgi;         /* first */
    struct str index;
    struct regex *split;         /* fastcgi_split_path_info; NULL: all of it is the script */
    struct array *catch_stderr;  /* struct str */
    bool keep_conn;
};

extern const struct module fastcgi_module;
extern uint32_t fastcgi_index;
extern const struct proxy_codec proxy_fastcgi; /* fastcgi_talk.c */
