// SPDX-License-Identifier: MIT
#pragma once
/* unpack: msgpack from strangers, and the accessors that every decoder needs.
 *
 * msgpack-c allocates what an array header promises before it sees the elements, so a message of
 * five bytes can ask for gigabytes. unpack_object walks the bytes first: containers must fit the
 * bytes that are there, nesting and the number of values have limits, nothing may follow.
 *
 * The accessors answer false on another type or range than they promise, and then leave the
 * result alone.
 */
#include "common/metric/stats.h"

#include <msgpack.h>

#define UNPACK_MAX_DEPTH 24
#define UNPACK_MAX_VALUES (1u << 21)

/* What counts of one message may be at most. Sums of many saturate (common/base/sat.h). */
#define UNPACK_MAX_COUNT (UINT64_C(1) << 40)

/* 0, and *out lives in zone and borrows strings from bytes; or -1: malformed. */
int unpack_object(msgpack_zone *zone, const void *bytes, size_t len, msgpack_object *out);

struct unpack_text {
    const char *s; /* not NUL-terminated */
    size_t len;
};

bool unpack_u64(const msgpack_object *o, uint64_t max, uint64_t *value);
bool unpack_time(const msgpack_object *o, double *unix_seconds);     /* 0 .. year 5138 */
bool unpack_number(const msgpack_object *o, double *value);          /* int or float, finite */
bool unpack_text(const msgpack_object *o, struct unpack_text *text); /* str, bin; nil is "" */
bool unpack_is_key(const msgpack_object *o, const char *name);
/* The value of a string key of a map; NULL when it is not there or map is none. */
const msgpack_object *unpack_get(const msgpack_object *map, const char *name);

struct sbuf;
/* Valid UTF-8 with a NUL, in scratch; invalid bytes become U+FFFD. */
const char *unpack_clean(struct sbuf *scratch, struct unpack_text text);
