// SPDX-License-Identifier: MIT
#pragma once
/* hresp_known: a head that was parsed before is compared instead.
 *
 * A server's answers to the same request have the same head for as long as its Date is the same,
 * and what an answer's first bytes say depends on nothing but them. Where each answer is another (a
 * number of its own in it) that costs a comparison up to there, and now and then a copy.
 */
#include "worker/http1/hresp.h"

#define HRESP_KNOWN_MOST 1024

struct hresp_known { /* zeroed: none yet */
    uint32_t len;    /* of the head; 0: none */
    uint32_t missed; /* others since it was taken */
    struct hresp said;
    struct fetch_header headers[HRESP_INLINE_HEADERS];
    char text[HRESP_KNOWN_MOST];
};

/* Whether r, which has read nothing, is past its head now: that is r->known. */
bool hresp_recall(struct hresp *r, const char *bytes, size_t len, size_t *used);
/* r is just past a head that was not. */
void hresp_learn(struct hresp *r);
