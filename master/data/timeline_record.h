// SPDX-License-Identifier: MIT
#pragma once
/* timeline_record: the figures of one row over some time, as few bytes as they need.
 *
 *   record   mask, then of each number whose bit is set in the mask its LEB128 form, then the
 *            histogram: its length and its packed bytes; behind it, to the record's end, the
 *            packed histogram of the failed requests
 *
 * The numbers are those of a struct tally that are merged by addition, and the shortest and longest
 * time. A record is decoded by adding it to a tally, so merging records is decoding them in turn.
 * Records are made by this program only: they are trusted. Pure.
 */
#include "common/base/sbuf.h"
#include "common/metric/stats.h"

/* Appends the record of t with these packed histograms (their lengths may be 0). */
void timeline_record_put(struct sbuf *out, const struct tally *t, const void *hist, size_t hist_len,
                         const void *failed, size_t failed_len);
/* The same with the tally's own histograms; scratch is overwritten. */
void timeline_record_put_tally(struct sbuf *out, const struct tally *t, struct sbuf *scratch);
/* Adds a record to t. */
void timeline_record_add(struct tally *t, const unsigned char *bytes, size_t len);

/* LEB128. */
void timeline_put_varint(struct sbuf *out, uint64_t value);
static inline uint64_t timeline_get_varint(const unsigned char **p)
{
    uint64_t value = *(*p)++;
    if (value < 0x80)
        return value;
    value &= 0x7F;
    for (unsigned shift = 7;; shift += 7) {
        uint64_t byte = *(*p)++;
        value |= (byte & 0x7F) << shift;
        if (byte < 0x80)
            return value;
    }
}
