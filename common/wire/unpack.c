// SPDX-License-Identifier: MIT
/* The walk keeps, per open container, how many values it still wants: no recursion on input. */
#include "common/wire/unpack.h"

#include "common/base/sbuf.h"
#include "common/base/utf8.h"

#include <math.h>
#include <string.h>

struct walk {
    const unsigned char *p, *end;
    uint64_t wanted[UNPACK_MAX_DEPTH]; /* values still to come, per open container */
    unsigned depth;
    unsigned values;
};

static bool take_uint(struct walk *w, unsigned bytes, uint64_t *value)
{
    if ((size_t)(w->end - w->p) < bytes)
        return false;
    *value = 0;
    for (unsigned i = 0; i < bytes; i++)
        *value = *value << 8 | *w->p++;
    return true;
}

static bool skip(struct walk *w, uint64_t bytes)
{
    if ((uint64_t)(w->end - w->p) < bytes)
        return false;
    w->p += bytes;
    return true;
}

static bool open_container(struct walk *w, uint64_t values)
{
    if (values > (uint64_t)(w->end - w->p) || (values && w->depth == UNPACK_MAX_DEPTH))
        return false;
    if (values)
        w->wanted[w->depth++] = values;
    return true;
}

/* str 8/16/32 and the like: a length of 1 << log bytes, then that many and `extra` bytes more. */
static bool skip_sized(struct walk *w, unsigned log, unsigned extra)
{
    uint64_t len;
    return take_uint(w, 1u << log, &len) && skip(w, len + extra);
}

static bool open_sized(struct walk *w, unsigned log, unsigned per)
{
    uint64_t n;
    return take_uint(w, 1u << log, &n) && open_container(w, n * per);
}

static bool walk_long(struct walk *w, unsigned char type)
{
    if (type <= 0xC3)
        return type != 0xC1;
    if (type <= 0xC6)
        return skip_sized(w, type - 0xC4u, 0);
    if (type <= 0xC9)
        return skip_sized(w, type - 0xC7u, 1);
    if (type <= 0xCB)
        return skip(w, type == 0xCA ? 4 : 8);
    if (type <= 0xD3)
        return skip(w, 1u << ((type - 0xCCu) & 3));
    if (type <= 0xD8)
        return skip(w, (1u << (type - 0xD4u)) + 1);
    if (type <= 0xDB)
        return skip_sized(w, type - 0xD9u, 0);
    return open_sized(w, type <= 0xDD ? type - 0xDBu : type - 0xDDu, type <= 0xDD ? 1 : 2);
}

static bool walk_value(struct walk *w)
{
    if (w->p == w->end || ++w->values > UNPACK_MAX_VALUES)
        return false;
    unsigned char type = *w->p++;
    if (type < 0x80 || type >= 0xE0)
        return true;
    if (type < 0x90)
        return open_container(w, (type & 15u) * 2);
    if (type < 0xA0)
        return open_container(w, type & 15u);
    if (type < 0xC0)
        return skip(w, type & 31u);
    return walk_long(w, type);
}

static bool is_sound(const unsigned char *bytes, size_t len)
{
    struct walk w = {.p = bytes, .end = bytes + len};
    if (!walk_value(&w))
        return false;
    while (w.depth) {
        uint64_t *wanted = &w.wanted[w.depth - 1];
        if (*wanted == 0)
            w.depth--;
        else if (--*wanted, !walk_value(&w))
            return false;
    }
    return w.p == w.end;
}

int unpack_object(msgpack_zone *zone, const void *bytes, size_t len, msgpack_object *out)
{
    size_t used = 0;
    if (!len || !is_sound(bytes, len) ||
        msgpack_unpack(bytes, len, &used, zone, out) != MSGPACK_UNPACK_SUCCESS)
        return -1;
    return 0;
}

bool unpack_u64(const msgpack_object *o, uint64_t max, uint64_t *value)
{
    if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER || o->via.u64 > max)
        return false;
    *value = o->via.u64;
    return true;
}

bool unpack_number(const msgpack_object *o, double *value)
{
    double v;
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        v = (double)o->via.u64;
    else if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        v = (double)o->via.i64;
    else if (o->type == MSGPACK_OBJECT_FLOAT32 || o->type == MSGPACK_OBJECT_FLOAT64)
        v = o->via.f64;
    else
        return false;
    if (!isfinite(v))
        return false;
    *value = v;
    return true;
}

bool unpack_time(const msgpack_object *o, double *unix_seconds)
{
    double v;
    if (!unpack_number(o, &v) || v < 0 || v > 1e11)
        return false;
    *unix_seconds = v;
    return true;
}

bool unpack_text(const msgpack_object *o, struct unpack_text *text)
{
    if (o->type == MSGPACK_OBJECT_STR)
        *text = (struct unpack_text){o->via.str.ptr, o->via.str.size};
    else if (o->type == MSGPACK_OBJECT_BIN)
        *text = (struct unpack_text){o->via.bin.ptr, o->via.bin.size};
    else if (o->type == MSGPACK_OBJECT_NIL)
        *text = (struct unpack_text){"", 0};
    else
        return false;
    return true;
}

bool unpack_is_key(const msgpack_object *o, const char *name)
{
    size_t len = strlen(name);
    return o->type == MSGPACK_OBJECT_STR && o->via.str.size == len &&
           memcmp(o->via.str.ptr, name, len) == 0;
}

const msgpack_object *unpack_get(const msgpack_object *map, const char *name)
{
    if (map->type != MSGPACK_OBJECT_MAP)
        return NULL;
    for (uint32_t i = 0; i < map->via.map.size; i++)
        if (unpack_is_key(&map->via.map.ptr[i].key, name))
            return &map->via.map.ptr[i].val;
    return NULL;
}

const char *unpack_clean(struct sbuf *scratch, struct unpack_text text)
{
    sbuf_clear(scratch);
    utf8_add_clean(scratch, text.s, text.len);
    sbuf_add(scratch, "", 0);
    return scratch->data;
}
