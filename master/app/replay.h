// SPDX-License-Identifier: MIT
#pragma once
/* replay: the steps replay(FILE) and replay(FILE).speed(2) of a scenario, as the list of times that
 * all workers get (profile.h).
 *
 * A file has a time per line: seconds, the first of the fields between commas, blanks or tabs, or
 * "t" of a line of JSON. Their order is no matter; empty lines and those that begin with # or a
 * letter count for nothing. Seconds since 1970 count from the earliest one on.
 */

/* The text with lists in place of files; to be freed. NULL: *why (to be freed). */
char *replay_resolved(const char *text, char **why);
