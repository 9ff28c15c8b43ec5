/*
 * worker/net/ocsp_zone.h - what is known of the status of certificates, in a zone that all
 * processes share: responses to be stapled, or only verdicts.
 */
#pragma once

#include "common/zone.h"
#include "worker/net/ocsp.h"

#define OCSP_ZONE_ENTRY_BYTES 4096 /* of a zone, for each response: most have half of it */

extern const struct zone_kind ocsp_zone_kind;

struct ocsp_known {
    int32_t status;           /* V_OCSP_CERTSTATUS_... */
    int64_t valid_s;          /* until when */
    int64_t refresh_s;        /* when to ask again */
    struct str response;      /* DER; empty: only the verdict is kept */
};

/* Replaces what was known; the oldest make room. */
void ocsp_zone_put(struct zone *z, const uint8_t *key, const struct ocsp_known *known);

/* False: nothing is known that would still be valid. The response is a copy, the caller's to
   OPENSSL_free. */
bool ocsp_zone_find(struct zone *z, const uint8_t *key, struct ocsp_known *out);

/* Counts changes: while it stays the same, so does what was found. */
uint32_t ocsp_zone_changes(const struct zone *z);
