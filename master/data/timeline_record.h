// SPDX-License-Identifier: MIT
#pragma once
/* timeline_record: the figures of one row over some time, as few bytes as they need.
 *
 *   record   mask, then of each histogram and number whose bit is set in the mask, its length
 *            or itself as LEB128; then the packed histograms
 *
 * The numbers are those of a struct tally that are merged by addition, and the shortest and longest
 * time. A record is decoded by adding it to a tally, so merging records is decoding them in turn.
 * Records are made by this program only: they are trusted. Pure.
 */
#include "common/base/sbuf.h"
#include "common/metric/stats.h"

/* Appends the record of t with these histograms. */
void timeline_record_put(struct sbuf *out, const struct tally *t,
                         const struct tally_packed *packed);
/* The same with the tally's own histograms; scratch is overwritten. */
void timeline_record_put_tally(struct sbuf *out, const struct tally *t, struct sbuf *scratch);
/* Adds a record to t. */
void timeline_record_add(struct tally *t, const unsigned char *bytes);

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
