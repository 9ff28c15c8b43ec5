/*
 * worker/handler/empty_gif.c - a transparent picture of one pixel, from memory.
 */
#include "worker/handler/empty_gif.h"

#include "worker/http/http_block.h"

#define LAST_CHANGE 23349600 /* 28 September 1970: the picture never changes */

static const char picture[] =
    "GIF89a" "\1\0" "\1\0"              /* one by one pixels */
    "\x80\1\0" "\0\0\0" "\xff\xff\xff"  /* two colours */
    "\x21\xf9\4\1\0\0\1\0"              /* the second is transparent */
    "\x2c\0\0\0\0\1\0\1\0\0"            /* the image, */
    "\2\2L\1\0" ";";                    /* compressed */

static enum verdict answer(struct request *r)
{
    if (r->method != METHOD_GET && r->method != METHOD_HEAD)
        return request_fail(r, 405, "request.method");
    request_answer(r, 200, STR("image/gif"), (struct str){picture, sizeof(picture) - 1});
    r->out.has_last_modified = true;
    r->out.last_modified = LAST_CHANGE;
    return ANSWERED;
}

static bool set_handler(struct conf_call *call)
{
    http_block_location(call->scope)->handler = answer;
    return true;
}

static const struct directive directives[] = {
    {.name = "empty_gif", .where = IN_LOCATION, .args = "", .apply = set_handler,
     .doc = "Answers with a transparent picture of one pixel."},
};

const struct module empty_gif_module = {
    .name = "empty_gif", .nginx_name = "http_empty_gif_module",
    .doc = "A transparent picture of one pixel.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
};
