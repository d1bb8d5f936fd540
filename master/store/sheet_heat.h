// SPDX-License-Identifier: MIT
#pragma once
/* sheet_heat: where the newest run of one side has more of its requests than that of the other:
 * over the time since each began, and over response times. Filled: the later run; hatched: the
 * earlier. Nothing where one has no seconds, or no answer. */
#include "master/store/sheet.h"

void sheet_add_heat(struct sbuf *out, const struct sheet_side *before,
                    const struct sheet_side *after);
