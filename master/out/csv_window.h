// SPDX-License-Identifier: MIT
#pragma once
/* csv_window: what each row measured in its last ten ticks, for --csv-full-history.
 *
 * A row is known by its number. Per row one copy of its histogram and the last ten differences,
 * packed; a row that measured nothing costs a comparison. A row's tick is one call of
 * csv_windows_advance for it.
 */
#include "common/metric/stats.h"

struct csv_windows;
struct csv_windows *csv_windows_new(void);
void csv_windows_free(struct csv_windows *w); /* NULL is fine */
/* Forgets everything when the statistics of s began anew. Call it before a round of advances. */
void csv_windows_begin(struct csv_windows *w, const struct stats *s);
/* A tick of t. Returns the histogram of its window, borrowed until the next tick; NULL when it is
 * empty. */
const struct hist *csv_windows_advance(struct csv_windows *w, const struct tally *t);
