// SPDX-License-Identifier: MIT
#pragma once
/* labelled: the requests of the rows, told apart by labels (scenario, class, group), for outputs.
 *
 * A table of tallies like that of the rows: each is a part of one row, and has its requests,
 * failures and response times, nothing else. Its notice_us is the number of the row. Its name are
 * the labels and then the row's name, in one text (labelled_read). A request that has none of the
 * labels is in no part, nor is one whose row is not known by that name (longer than a tag may be,
 * or one too many): so the parts of a row never have more than the row, and what is left of the row
 * has no label. Pure. */
#include "common/metric/series.h"
#include "common/metric/stats.h"

#define LABELS_OF_PART 3 /* at most */

/* What came in a series. False: it is none of these metrics. */
bool labelled_take(struct stats *parts, const struct stats *rows, const struct series *s,
                   const struct value_read *more);

struct labelled_name {
    struct tag label[LABELS_OF_PART];
    size_t count;
    const char *name; /* of the row */
};
/* Takes the text apart, in place. */
struct labelled_name labelled_read(char *text);
