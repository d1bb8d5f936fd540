// SPDX-License-Identifier: MIT
#pragma once
/* path: the one reading of the path that a request names. Pure.
 *
 * Who guards a path and who serves it must read it alike, or the guard guards nothing. So there is
 * one reading: percent escapes are decoded once, and the result is what is routed, looked up,
 * shown to the locustfile's functions and passed on. What others might read in another way (dot
 * segments in any disguise, backslashes, encoded slashes, broken escapes, control characters, text
 * that is no UTF-8) is no path.
 */
#include <stdbool.h>
#include <stddef.h>

struct sbuf;

enum path_verdict {
    PATH_OK,
    PATH_DOUBLED, /* slashes follow one another: the path without them is the one meant */
    PATH_BAD,
};

/* raw: as it came, without the query. Adds the reading to *out, for PATH_DOUBLED with single
 * slashes; nothing for PATH_BAD. */
enum path_verdict path_read(const char *raw, struct sbuf *out);
/* The reading as it is written in a request or a header. */
void path_add_encoded(struct sbuf *out, const char *path);
/* Whether it is a path that the route's pattern means: "/runs/{run}/range" has any one part of a
 * path in the place of {run}. That part goes to piece, "" when the pattern has none; one that is
 * too long for it matches nothing. */
bool path_fits(const char *pattern, const char *path, char *piece, size_t size);
