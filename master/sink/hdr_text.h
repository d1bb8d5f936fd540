// SPDX-License-Identifier: MIT
#pragma once
/* hdr_text: a histogram of microseconds as HdrHistogram writes its own: encoding V2, deflated, in
 * base64. One of two significant digits has just the buckets of ours (hist.h), and the same numbers
 * for them, so that nothing is lost or guessed. */
#include "common/base/sbuf.h"
#include "common/metric/hist.h"

void hdr_text_add(struct sbuf *out, const struct hist *h);
