// SPDX-License-Identifier: MIT
#pragma once
/* tags: what tells the series of one metric apart, as sets of keys and values.
 *
 * A set is sorted, has each key once, and is interned: two sets of the same tags are the same
 * pointer, so comparing them is comparing pointers. It lives as long as its table.
 *
 * A key is a letter or underscore, then letters, digits and underscores. A value is any text
 * without a NUL, valid UTF-8, cut at its limit; an empty one takes the key out of the set.
 * Bounded: beyond `most` sets there is one for all others, with no tags (tags_other), and
 * `overflow` counts how often it was given. Pure. Not thread-safe; one owner.
 */
#include "common/base/map.h"

#define TAGS_MOST 32 /* in a set */
#define TAG_KEY_MOST 64
#define TAG_VALUE_MOST 256 /* bytes */

struct tag {
    const char *key, *value;
};

struct tags {
    uint32_t number; /* from 1 up; 0 is the set of all others */
    uint32_t count;
    struct tag list[]; /* by key; owned */
};

struct tags_table {
    struct map index;
    struct tags *other, *none; /* owned; none: the empty set */
    struct tags **sets;        /* owned, by number less 1 */
    size_t count, cap, most;
    uint64_t overflow;
};

void tags_init(struct tags_table *t, size_t most);
void tags_fini(struct tags_table *t);

bool tags_is_key(const char *key);
/* The set of these; of a key that comes twice, the later one counts. NULL: a key is none, a value
 * is no text, or there are more than TAGS_MOST. */
const struct tags *tags_of(struct tags_table *t, const struct tag *list, size_t count);
/* The set with one more, or another value of one. */
const struct tags *tags_with(struct tags_table *t, const struct tags *base, struct tag more);
const char *tags_get(const struct tags *set, const char *key); /* NULL: it has none */
/* Whether every tag of `of` is in the set. */
bool tags_have(const struct tags *set, const struct tags *of);
