// SPDX-License-Identifier: MIT
#pragma once
/* context: what to know of two runs beside a judgement: how their surroundings differ, which rows
 * and failures only one of them has, and what each row contributed to the change. Of all of the
 * runs, ramps included: numbers without intervals. Pure. */
#include "master/store/contrast.h"

#define CONTEXT_ROWS 1000   /* those that contribute most */
#define CONTEXT_FAILURES 50 /* of each list, those with the most */

/* A new object (docs/api.md): "environment", "failures", "row_columns", "rows". */
json_t *context_of(const struct contrast_run *before, const struct contrast_run *after);
