// SPDX-License-Identifier: MIT
#pragma once
/* tally_record: the figures of one row over some time, as few bytes as they need: in reports, and
 * in the timeline.
 *
 *   record   mask, then of each histogram and number whose bit is set in the mask, its length or
 *            itself as LEB128; then the packed histograms
 *
 * The numbers are those of columns.def that are merged by addition, and the shortest and longest
 * time: the shortest as one more than it is, the longest as what it is above that. Histograms and
 * numbers have their bits in the order of columns.def. A record is decoded by adding it to a tally,
 * so merging records is decoding them in turn. Pure.
 */
#include "common/base/sbuf.h"
#include "common/metric/stats.h"

/* Appends the record of t with these histograms. */
void tally_record_put(struct sbuf *out, const struct tally *t, const struct tally_packed *packed);
/* The same with the tally's own histograms; scratch is overwritten. */
void tally_record_put_tally(struct sbuf *out, const struct tally *t, struct sbuf *scratch);
/* Adds a record that this program wrote to t. */
void tally_record_add(struct tally *t, const unsigned char *bytes);
void tally_record_add_both(struct tally *t, struct tally *also, const unsigned char *bytes);
/* Reads a stranger's into t, which was nothing but zeros; histograms are borrowed and yet to be
 * checked. *p is then behind it. false: malformed. */
bool tally_record_read(const unsigned char **p, const unsigned char *end, struct tally *t,
                       struct tally_packed *packed);
