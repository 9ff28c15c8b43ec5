/*
 * worker/http/coded_text.h - texts of the rewrite language, with what they capture coded again.
 */
#pragma once

#include "common/template.h"
#include "worker/http/request.h"

/* As scope_eval; but where the client wrote codes or a '+' in the path, numbered captures (which
   are decoded) are coded as for a query. */
struct str coded_text(struct request *r, const struct template *t);
