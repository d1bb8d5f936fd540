// SPDX-License-Identifier: MIT
#pragma once
/* csv_window: what each row measured in the last ten ticks, for --csv-full-history.
 *
 * Per row one copy of its histogram and the last ten differences, packed; a row that measured
 * nothing costs a comparison. Advance once a second.
 */
#include "common/stats/stats.h"

struct csv_windows;
struct csv_windows *csv_windows_new(void);
void csv_windows_free(struct csv_windows *w); /* NULL is fine */
void csv_windows_advance(struct csv_windows *w, const struct stats *s);
/* The histogram of the window; NULL when it is empty. Borrowed until the next advance. */
const struct hist *csv_windows_find(const struct csv_windows *w, const struct tally *t);
