// SPDX-License-Identifier: MIT
#pragma once
/* proto_walk: msgpack decoding shared by the proto*.c files, and by nobody else. */
#include "master/proto/proto_json.h"
#include "master/proto/ratio.h"
#include <msgpack.h>

/* The end of the one value that begins at p, or NULL when it is not all there. Counts of arrays
 * and maps are bounded by the bytes that follow. */
const unsigned char *proto_skip(const unsigned char *p, const unsigned char *end);

/* Decodes a value that proto_skip accepted. False when it is nested too deeply. */
bool proto_decode(msgpack_unpacked *u, struct slice bytes);

/* The value of a key of a map; NULL when o is no map or has no such key. */
const msgpack_object *proto_get(const msgpack_object *o, const char *key);
bool proto_is(const msgpack_object *o, const char *text);
/* Any number, finite; else `otherwise`. */
double proto_number(const msgpack_object *o, double otherwise);
uint64_t proto_unsigned(const msgpack_object *o, uint64_t otherwise);
bool proto_bool(const msgpack_object *o);
char *proto_text(const msgpack_object *o); /* malloced; NULL when it is no string */
/* Copies a string that fits; false when it is none or is too long. */
bool proto_copy(const msgpack_object *o, char *to, size_t size);
/* The ratio trees of a class. task_list_fini. */
void proto_tasks(const msgpack_object *map, struct task_list *out);
char **
proto_texts(const msgpack_object *o); /* malloced list of strings, NULL-terminated; or NULL */
