// SPDX-License-Identifier: MIT
#pragma once
/* json_slice: the parts of a JSON text as pieces of that text, none of it made: of a large one what
 * is wanted can be read piece by piece. Strings and brackets are looked at, what is in a piece only
 * by who reads it. */
#include <stdbool.h>
#include <stddef.h>

struct json_slice {
    const char *text; /* NULL: none */
    size_t len;
};

/* Each member of an object, with its key as it stands between the quotes, or element of a list,
 * without one. False: it is neither, or broken, or visit said false, which ends it. */
bool json_slice_each(struct json_slice of,
                     bool (*visit)(void *arg, struct json_slice key, struct json_slice value),
                     void *arg);
/* The first member of that name; text NULL: there is none. */
struct json_slice json_slice_member(struct json_slice object, const char *key);
size_t json_slice_count(struct json_slice of); /* members or elements; 0 of what is broken */
