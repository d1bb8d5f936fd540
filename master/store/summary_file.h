// SPDX-License-Identifier: MIT
#pragma once
/* summary_file: the totals of a run out of what --summary wrote (docs/summary.schema.json), so that
 * it can be compared. It has no seconds: there is no timeline, and no view. */
#include "master/store/stored.h"

/* NULL and *why (malloced). Nothing in the file is taken at its word. */
struct stored *summary_file_open(const char *path, char **why);
