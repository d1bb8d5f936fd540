// SPDX-License-Identifier: MIT
#pragma once
/* sheet_heat: where the runs of one side have more of their requests than those of the other: over
 * the time since each began, and over response times. Filled: the later ones; hatched: the earlier.
 * Of several runs a side the mean. Nothing where one side has no seconds, or no answer. */
#include "master/store/sheet.h"

void sheet_add_heat(struct sbuf *out, const struct sheet_side *before,
                    const struct sheet_side *after);
