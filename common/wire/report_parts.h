// SPDX-License-Identifier: MIT
#pragma once
/* report_parts: what both dialects of a report have in common. */
#include "common/base/sbuf.h"
#include "common/wire/report.h"
#include "common/wire/unpack.h"

/* Three texts of one row at a time, made valid; kept from row to row for their memory. */
struct scratch {
    struct sbuf a, b, c, hists;
    const struct report_watch *watch; /* or NULL */
};
void scratch_fini(struct scratch *scratch);

/* A time of the report by the reader's clock. */
double report_time(const struct scratch *scratch, double at);

/* A failure as it stands in a message: its texts belong to that. */
struct failure_view {
    struct unpack_text method, name, text;
    uint64_t count;
    double first_at, last_at;
};
void report_count_failure(struct stats *s, const struct failure_view *v, struct scratch *scratch);
/* The class of an exception, or "", stands in method, its message in name. node: the worker's id.
 */
void report_count_exception(struct stats *s, const struct failure_view *v, const char *node,
                            struct scratch *scratch);

/* The row that counts are for, made when it is new; they are added to it and to the total, with
 * their times by the reader's clock from now on. */
struct tally *report_count_row(struct stats *s, struct unpack_text method, struct unpack_text name,
                               struct tally *counts, struct scratch *scratch);

/* Whether the numbers of a row agree with each other, and its histograms are good. */
bool report_is_sound(const struct tally *counts, const struct tally_packed *packed);
/* The same into a row that was found, with the histograms, and tells the watch. has_place: the row
 * is the writer's own, or the writer had no place for it either. */
void report_count_into(struct stats *s, struct tally *row, struct tally *counts,
                       const struct tally_packed *packed, bool has_place, struct scratch *scratch);

int report_to_sbuf(void *out, const char *bytes, size_t len); /* for msgpack_packer_init */
void report_pack_text(msgpack_packer *pk, const char *text);
