// SPDX-License-Identifier: MIT
#pragma once
/* report_read: the totals of a run out of a report of --html or of the page (docs/api.md), so that
 * it can be compared; as of a summary there is no timeline, and no view. */
#include "master/store/stored.h"

/* NULL and *why (malloced). Nothing in the file is taken at its word. */
struct stored *report_read(const char *path, char **why);
