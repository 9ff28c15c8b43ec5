/*
 * common/version.h - the nginx whose directives, defaults and wordings we follow.
 */
#pragma once

#define NGINX_VERSION "1.31.5"
