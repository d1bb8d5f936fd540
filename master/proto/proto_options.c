// SPDX-License-Identifier: MIT
/* One value of the options map {dest: value} of a script changed, as Locust's /swarm changes
 * environment.parsed_options: the type of the present value stays.
 *
 * The map is copied around the changed pair byte for byte: what other values are is not looked
 * at. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/proto/proto_script.h"
#include "master/proto/proto_walk.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_MOST 9e15 /* doubles are whole numbers up to there */

static int append(void *to, const char *bytes, size_t len)
{
    sbuf_add(to, bytes, len);
    return 0;
}

static void put(msgpack_packer *pk, const char *text)
{
    msgpack_pack_str_with_body(pk, text, strlen(text));
}

static bool is_number(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_POSITIVE_INTEGER || o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
}

static bool put_int(msgpack_packer *pk, const char *text)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    end += strspn(end, " \t");
    if (end == text || *end || errno != 0)
        return false;
    msgpack_pack_int64(pk, number);
    return true;
}

static bool put_float(msgpack_packer *pk, const char *text)
{
    char *end;
    double number = strtod(text, &end);
    end += strspn(end, " \t");
    if (end == text || *end)
        return false;
    msgpack_pack_double(pk, number);
    return true;
}

static bool holds_ints(const msgpack_object *list)
{
    for (size_t i = 0; i < list->via.array.size; i++)
        if (!is_number(&list->via.array.ptr[i]))
            return false;
    return list->via.array.size > 0;
}

static bool put_element(msgpack_packer *pk, const msgpack_object *list, const char *text)
{
    if (holds_ints(list))
        return put_int(pk, text);
    put(pk, text);
    return true;
}

/* One text with commas is split at them; else each text is an element. */
static bool put_list(msgpack_packer *pk, const msgpack_object *list, const char *const *texts,
                     size_t count)
{
    if (count != 1 || !strchr(texts[0], ',')) {
        msgpack_pack_array(pk, count);
        for (size_t i = 0; i < count; i++)
            if (!put_element(pk, list, texts[i]))
                return false;
        return true;
    }
    size_t parts = 1;
    for (const char *c = texts[0]; *c; c++)
        parts += *c == ',';
    msgpack_pack_array(pk, parts);
    char *copy = mem_strdup(texts[0]), *rest = copy;
    bool is_good = true;
    for (size_t i = 0; is_good && i < parts; i++)
        is_good = put_element(pk, list, strsep(&rest, ","));
    free(copy);
    return is_good;
}

static bool put_value(msgpack_packer *pk, const msgpack_object *old, const char *const *texts,
                      size_t count)
{
    const char *text = texts[0];
    if (old->type == MSGPACK_OBJECT_BOOLEAN) {
        if (!strcmp(text, "true"))
            msgpack_pack_true(pk);
        else
            msgpack_pack_false(pk);
        return true;
    }
    if (is_number(old))
        return put_int(pk, text);
    if (old->type == MSGPACK_OBJECT_FLOAT32 || old->type == MSGPACK_OBJECT_FLOAT64)
        return put_float(pk, text);
    if (old->type == MSGPACK_OBJECT_ARRAY)
        return put_list(pk, old, texts, count);
    put(pk, text);
    return true;
}

struct place { /* of a pair in the map */
    const unsigned char *pair, *value, *after;
};

static size_t map_head(struct slice map)
{
    unsigned char first = map.len > 0 ? (unsigned char)map.data[0] : 0;
    return first == 0xde ? 3 : first == 0xdf ? 5 : (first & 0xf0) == 0x80 ? 1 : 0;
}

static bool is_key(const unsigned char *p, const unsigned char *end, const char *name)
{
    msgpack_unpacked u;
    if (!proto_decode(&u, (struct slice){(const char *)p, (size_t)(end - p)}))
        return false;
    bool is_it = proto_is(&u.data, name);
    msgpack_unpacked_destroy(&u);
    return is_it;
}

static bool find_pair(struct slice map, const char *name, struct place *found)
{
    const unsigned char *p = (const unsigned char *)map.data, *end = p + map.len;
    size_t head = map_head(map);
    for (p += head; head > 0 && p < end; p = found->after) {
        *found = (struct place){.pair = p, .value = proto_skip(p, end)};
        found->after = found->value ? proto_skip(found->value, end) : NULL;
        if (!found->after)
            return false;
        if (is_key(p, found->value, name))
            return true;
    }
    return false;
}

static void splice(struct slice map, const struct place *at, const struct sbuf *value,
                   struct sbuf *out)
{
    const char *end = map.data + map.len;
    sbuf_add(out, map.data, (size_t)((const char *)at->value - map.data));
    sbuf_add(out, value->data, value->len);
    sbuf_add(out, at->after, (size_t)(end - (const char *)at->after));
}

enum proto_option proto_option_texts(struct slice map, const char *name, const char *const *texts,
                                     size_t count, struct sbuf *out)
{
    struct place at = {0};
    struct sbuf value = {0};
    msgpack_packer pk;
    msgpack_unpacked u;
    if (count == 0 || !find_pair(map, name, &at))
        return PROTO_OPTION_UNKNOWN;
    if (!proto_decode(&u, (struct slice){(const char *)at.value, (size_t)(at.after - at.value)}))
        return PROTO_OPTION_UNKNOWN;
    msgpack_packer_init(&pk, &value, append);
    bool is_good = put_value(&pk, &u.data, texts, count);
    msgpack_unpacked_destroy(&u);
    if (is_good)
        splice(map, &at, &value, out);
    sbuf_fini(&value);
    return is_good ? PROTO_OPTION_SET : PROTO_OPTION_BAD;
}

enum proto_option proto_option_value(struct slice map, const char *name,
                                     const struct option_set *set, struct sbuf *out)
{
    struct place at = {0};
    struct sbuf value = {0};
    msgpack_packer pk;
    if (!find_pair(map, name, &at))
        return PROTO_OPTION_UNKNOWN;
    msgpack_packer_init(&pk, &value, append);
    if (set->text)
        put(&pk, set->text);
    else if (set->is_whole && fabs(set->number) < WHOLE_MOST)
        msgpack_pack_int64(&pk, (int64_t)set->number);
    else
        msgpack_pack_double(&pk, set->number);
    splice(map, &at, &value, out);
    sbuf_fini(&value);
    return PROTO_OPTION_SET;
}
