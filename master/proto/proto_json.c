// SPDX-License-Identifier: MIT
/* JSON from the page as the data of a message. */
#include "common/base/sbuf.h"
#include "master/proto/proto_in.h"
#include "master/proto/proto_walk.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define MAX_OPENED 200 /* brackets: the parser recurses, and none of our texts nests so deep */

static int append(void *to, const char *bytes, size_t len)
{
    sbuf_add(to, bytes, len);
    return 0;
}

void proto_pack_text(struct sbuf *out, const char *text)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, append);
    msgpack_pack_str_with_body(&pk, text, strlen(text));
}

char *proto_member(struct slice map, const char *key)
{
    msgpack_unpacked u;
    if (!proto_decode(&u, map))
        return NULL;
    char *text = proto_text(proto_get(&u.data, key));
    msgpack_unpacked_destroy(&u);
    return text;
}

static void pack(msgpack_packer *pk, const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        msgpack_pack_map(pk, json_object_size(value));
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
            msgpack_pack_str_with_body(pk, key, strlen(key));
            pack(pk, member);
        }
        break;
    case JSON_ARRAY:
        msgpack_pack_array(pk, json_array_size(value));
        for (i = 0; i < json_array_size(value); i++)
            pack(pk, json_array_get(value, i));
        break;
    case JSON_STRING:
        msgpack_pack_str_with_body(pk, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        msgpack_pack_int64(pk, json_integer_value(value));
        break;
    case JSON_REAL:
        msgpack_pack_double(pk, json_real_value(value));
        break;
    case JSON_TRUE:
        msgpack_pack_true(pk);
        break;
    case JSON_FALSE:
        msgpack_pack_false(pk);
        break;
    case JSON_NULL:
        msgpack_pack_nil(pk);
        break;
    }
}

static bool nests_deep(const char *text)
{
    size_t opened = 0;
    for (; *text; text++)
        opened += *text == '[' || *text == '{';
    return opened > MAX_OPENED;
}

bool proto_from_json(const char *text, struct sbuf *out, struct json_wrong *wrong)
{
    json_error_t why;
    msgpack_packer pk;
    memset(wrong, 0, sizeof *wrong);
    json_t *root = nests_deep(text) ? NULL : json_loads(text, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        snprintf(wrong->text, sizeof wrong->text, "The body is not valid JSON: %.100s.",
                 nests_deep(text) ? "it nests too deep" : why.text);
    else if (!json_is_object(root))
        snprintf(wrong->text, sizeof wrong->text, "The body must be a JSON object.");
    msgpack_packer_init(&pk, out, append);
    if (!wrong->text[0])
        pack(&pk, root);
    json_decref(root);
    return !wrong->text[0];
}
