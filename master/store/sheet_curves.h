// SPDX-License-Identifier: MIT
#pragma once
/* sheet_curves: the drawings of a sheet, as SVG. Nothing is told by colour alone: lines of the
 * earlier runs are dashed. */
#include "master/store/sheet.h"

/* Requests, failures and p95 over the time since each run began; nothing where there are no
 * seconds. */
void sheet_add_courses(struct sbuf *out, const struct sheet_side *before,
                       const struct sheet_side *after);
/* An interval around its value beside the margin; all of them changes, 0 is none. */
void sheet_add_interval(struct sbuf *out, const struct contrast_line *l);
