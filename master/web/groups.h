// SPDX-License-Identifier: MIT
#pragma once
/* groups: rows merged by the beginning of their names' paths, for ranges (docs/api.md).
 *
 * A group's key is the first `depth` parts of a path; what is left out is a star: "/shop/cart/3"
 * has "/shop/cart/" and a star at depth 2. The page groups recorded runs by the same rule
 * (webui/src/lib/prefix.ts).
 */
#include "common/base/sbuf.h"
#include "master/data/timeline_read.h"
#include "master/data/view.h"

#define GROUPS_DEPTH_MAX 3

struct groups;
struct groups *groups_new(const struct view *v, uint32_t depth); /* keeps v's texts, no reference */
void groups_free(struct groups *g);
/* The figures of the row with this id go to its group; of a row that v has not, nowhere. */
void groups_merge(struct groups *g, uint32_t id, const struct tally *t);

/* The group at *next, or the first after it that has anything; moves *next behind it. NULL: none.
 */
const struct tally *groups_next(const struct groups *g, size_t *next);
/* [method or "*" for several, path, rows] of each of these, in the same order, as a JSON array. */
void groups_write(const struct groups *g, struct sbuf *out);

/* The key of a name. */
void groups_add_prefix(struct sbuf *out, const char *name, uint32_t depth);
