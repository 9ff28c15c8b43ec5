/*
 * worker/codec/h1_line.h - the first line of a head: request line or status line.
 *
 * Private to h1_head.
 */
#pragma once

#include "worker/codec/h1_head.h"

/* A whole line without its line end, from h->base + h->line_start on. Fills the line's members. On
   a fault, fault_at may be set. */
enum h1_fault h1_line_request(struct h1_head *h, struct str line);
enum h1_fault h1_line_status(struct h1_head *h, struct str line);

/* A line that is not complete: whether the bytes from h->scanned on can still be part of one. */
enum h1_fault h1_line_request_part(struct h1_head *h, struct str line);
enum h1_fault h1_line_status_part(struct h1_head *h, struct str line);
