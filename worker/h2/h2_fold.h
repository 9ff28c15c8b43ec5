/*
 * worker/h2/h2_fold.h - the tables of a session, folded up while it rests.
 *
 * libnghttp2 takes 25 KB for a session when that begins: tables that are mostly zeros, and a buffer
 * for one frame. They get a place of their own. While the connection is silent, what is not zero is
 * kept in a small block and the place's pages go back to the system; before the session is used
 * again, all of it is at its addresses as it was.
 */
#pragma once

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

struct h2_fold;

/* A place for one session, and the allocator that the session is to be made with: it takes what the
   library asks for until h2_fold_made() from that place, the rest from malloc(). NULL: there is no
   place, *mem is not set. */
struct h2_fold *h2_fold_take(nghttp2_mem *mem);
void h2_fold_made(struct h2_fold *fold);

/* After the session's end. */
void h2_fold_give(struct h2_fold *fold);

/* The session rests: nobody may use it until h2_fold_open(). Without memory all stays as it is. */
void h2_fold_close(struct h2_fold *fold);

/* Nothing happens to one that is open. */
void h2_fold_open(struct h2_fold *fold);
