// SPDX-License-Identifier: MIT
/* See proto_walk.h. The walk needs no stack: it only counts how many values are still to come. */
#include "master/proto/proto_in.h"
#include "master/proto/proto_walk.h"
#include "common/base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct head {             /* what follows a first byte */
    unsigned length_size; /* bytes of the big-endian length */
    size_t fixed;         /* bytes of the value, or what a length counts from */
    size_t children;      /* values that follow */
    unsigned each;        /* values per unit of the length; 0: the length is bytes */
};

static struct head small_head(unsigned char c)
{
    if (c <= 0x7f || c >= 0xe0)
        return (struct head){0};
    if (c <= 0x8f)
        return (struct head){.children = 2u * (c & 15)};
    if (c <= 0x9f)
        return (struct head){.children = c & 15};
    return (struct head){.fixed = c & 31};
}

/* 0xc0 … 0xdf. 0xc1 is never used and is told by length_size 9. */
static const struct head LARGE_HEADS[32] = {
    {0},
    {.length_size = 9},
    {0},
    {0}, /* nil, -, false, true */
    {.length_size = 1},
    {.length_size = 2},
    {.length_size = 4}, /* bin */
    {.length_size = 1, .fixed = 1},
    {.length_size = 2, .fixed = 1},
    {.length_size = 4, .fixed = 1},
    {.fixed = 4},
    {.fixed = 8}, /* float */
    {.fixed = 1},
    {.fixed = 2},
    {.fixed = 4},
    {.fixed = 8}, /* unsigned */
    {.fixed = 1},
    {.fixed = 2},
    {.fixed = 4},
    {.fixed = 8}, /* signed */
    {.fixed = 2},
    {.fixed = 3},
    {.fixed = 5},
    {.fixed = 9},
    {.fixed = 17}, /* ext of fixed size */
    {.length_size = 1},
    {.length_size = 2},
    {.length_size = 4}, /* str */
    {.length_size = 2, .each = 1},
    {.length_size = 4, .each = 1}, /* array */
    {.length_size = 2, .each = 2},
    {.length_size = 4, .each = 2}, /* map */
};

const unsigned char *proto_skip(const unsigned char *p, const unsigned char *end)
{
    for (size_t pending = 1; pending > 0; pending--) {
        if (p >= end)
            return NULL;
        unsigned char c = *p++;
        struct head h = c < 0xc0 || c >= 0xe0 ? small_head(c) : LARGE_HEADS[c - 0xc0];
        if (h.length_size > (size_t)(end - p))
            return NULL;
        size_t length = 0;
        for (unsigned i = 0; i < h.length_size; i++)
            length = length << 8 | *p++;
        if (length > (size_t)(end - p))
            return NULL;
        size_t children = h.children + length * h.each;
        size_t bytes = h.fixed + (h.each ? 0 : length);
        if (h.length_size == 9 || bytes > (size_t)(end - p) ||
            children + pending - 1 > (size_t)(end - p) - bytes)
            return NULL;
        p += bytes;
        pending += children;
    }
    return p;
}

bool proto_decode(msgpack_unpacked *u, struct slice bytes)
{
    size_t at = 0;
    msgpack_unpacked_init(u);
    if (msgpack_unpack_next(u, bytes.data, bytes.len, &at) == MSGPACK_UNPACK_SUCCESS)
        return true;
    msgpack_unpacked_destroy(u);
    return false;
}

bool proto_is(const msgpack_object *o, const char *text)
{
    const size_t len = strlen(text);
    return o && o->type == MSGPACK_OBJECT_STR && o->via.str.size == len &&
           (!len || !memcmp(o->via.str.ptr, text, len)); /* of an empty one there is no pointer */
}

const msgpack_object *proto_get(const msgpack_object *o, const char *key)
{
    if (!o || o->type != MSGPACK_OBJECT_MAP)
        return NULL;
    for (uint32_t i = 0; i < o->via.map.size; i++)
        if (proto_is(&o->via.map.ptr[i].key, key))
            return &o->via.map.ptr[i].val;
    return NULL;
}

double proto_number(const msgpack_object *o, double otherwise)
{
    if (!o)
        return otherwise;
    double number = otherwise;
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        number = (double)o->via.u64;
    else if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        number = (double)o->via.i64;
    else if (o->type == MSGPACK_OBJECT_FLOAT32 || o->type == MSGPACK_OBJECT_FLOAT64)
        number = o->via.f64;
    return isfinite(number) ? number : otherwise;
}

uint64_t proto_unsigned(const msgpack_object *o, uint64_t otherwise)
{
    if (o && o->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        return o->via.u64;
    double number = proto_number(o, -1);
    return number >= 0 && number < 9e18 ? (uint64_t)number : otherwise;
}

bool proto_bool(const msgpack_object *o)
{
    return o && o->type == MSGPACK_OBJECT_BOOLEAN && o->via.boolean;
}

/* Texts are C strings from here on: they end at a NUL inside. */
char *proto_text(const msgpack_object *o)
{
    return o && o->type == MSGPACK_OBJECT_STR ? mem_dup(o->via.str.ptr, o->via.str.size) : NULL;
}

bool proto_copy(const msgpack_object *o, char *to, size_t size)
{
    if (!o || o->type != MSGPACK_OBJECT_STR || o->via.str.size >= size)
        return false;
    if (o->via.str.size > 0)
        memcpy(to, o->via.str.ptr, o->via.str.size);
    to[o->via.str.size] = 0;
    return true;
}

char **proto_texts(const msgpack_object *o)
{
    if (!o || o->type != MSGPACK_OBJECT_ARRAY)
        return NULL;
    char **texts = mem_zalloc((o->via.array.size + (size_t)1) * sizeof *texts);
    size_t count = 0;
    for (uint32_t i = 0; i < o->via.array.size; i++)
        if (o->via.array.ptr[i].type == MSGPACK_OBJECT_STR)
            texts[count++] = proto_text(&o->via.array.ptr[i]);
    return texts;
}

void proto_texts_free(char **texts)
{
    for (size_t i = 0; texts && texts[i]; i++)
        free(texts[i]);
    free(texts);
}
