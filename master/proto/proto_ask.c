// SPDX-License-Identifier: MIT
/* Questions to the host and their answers; samples and log lines of nodes. What the page gets as it
 * is (an answer's result, a sample) becomes JSON here, whatever bytes its texts have. */
#include "common/base/sbuf.h"
#include "common/wire/unpack.h"
#include "master/proto/proto_in.h"
#include "master/proto/proto_out.h"
#include "master/proto/proto_walk.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES_PER_MESSAGE 64
#define LINES_PER_MESSAGE 500

static int append(void *to, const char *bytes, size_t len)
{
    sbuf_add(to, bytes, len);
    return 0;
}

void proto_ask(struct sbuf *out, const char *node, uint64_t id, const char *what, struct slice args)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, append);
    msgpack_pack_array(&pk, 3);
    msgpack_pack_str_with_body(&pk, "katydid_ask", 11);
    msgpack_pack_map(&pk, 3);
    msgpack_pack_str_with_body(&pk, "id", 2);
    msgpack_pack_uint64(&pk, id);
    msgpack_pack_str_with_body(&pk, "what", 4);
    msgpack_pack_str_with_body(&pk, what, strlen(what));
    msgpack_pack_str_with_body(&pk, "args", 4);
    if (args.len)
        sbuf_add(out, args.data, args.len);
    else
        msgpack_pack_map(&pk, 0);
    msgpack_pack_str_with_body(&pk, node, strlen(node));
}

/* ---- as JSON -------------------------------------------------------------------------------- */

static void json_number(struct sbuf *out, double number)
{
    if (!isfinite(number))
        sbuf_adds(out, "null");
    else
        sbuf_addf(out, "%.15g", number);
}

static void json_value(struct sbuf *out, const msgpack_object *o);

static void json_array(struct sbuf *out, const msgpack_object_array *a)
{
    sbuf_addc(out, '[');
    for (uint32_t i = 0; i < a->size; i++) {
        if (i)
            sbuf_addc(out, ',');
        json_value(out, &a->ptr[i]);
    }
    sbuf_addc(out, ']');
}

/* Members whose key is no text are left out. */
static void json_map(struct sbuf *out, const msgpack_object_map *m)
{
    bool is_first = true;
    sbuf_addc(out, '{');
    for (uint32_t i = 0; i < m->size; i++) {
        if (m->ptr[i].key.type != MSGPACK_OBJECT_STR)
            continue;
        if (!is_first)
            sbuf_addc(out, ',');
        is_first = false;
        json_value(out, &m->ptr[i].key);
        sbuf_addc(out, ':');
        json_value(out, &m->ptr[i].val);
    }
    sbuf_addc(out, '}');
}

static void json_value(struct sbuf *out, const msgpack_object *o)
{
    switch (o->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        sbuf_adds(out, o->via.boolean ? "true" : "false");
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        sbuf_addf(out, "%" PRIu64, o->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        sbuf_addf(out, "%" PRId64, o->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        json_number(out, o->via.f64);
        break;
    case MSGPACK_OBJECT_STR:
    case MSGPACK_OBJECT_BIN:
        sbuf_add_json(out, o->via.str.ptr, o->via.str.size);
        break;
    case MSGPACK_OBJECT_ARRAY:
        json_array(out, &o->via.array);
        break;
    case MSGPACK_OBJECT_MAP:
        json_map(out, &o->via.map);
        break;
    case MSGPACK_OBJECT_NIL:
    case MSGPACK_OBJECT_EXT:
        sbuf_adds(out, "null");
        break;
    }
}

bool proto_to_json(struct slice value, struct sbuf *out)
{
    msgpack_zone zone;
    msgpack_object root;
    if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
        return false;
    const bool is_good = unpack_object(&zone, value.data, value.len, &root) == 0;
    if (is_good)
        json_value(out, &root);
    msgpack_zone_destroy(&zone);
    return is_good;
}

/* ---- answers -------------------------------------------------------------------------------- */

bool proto_answer(struct slice data, struct message_answer *out)
{
    msgpack_zone zone;
    msgpack_object root;
    memset(out, 0, sizeof *out);
    if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
        return false;
    bool is_good =
        unpack_object(&zone, data.data, data.len, &root) == 0 && root.type == MSGPACK_OBJECT_MAP;
    if (is_good) {
        const msgpack_object *result = proto_get(&root, "result");
        struct sbuf json = {0};
        out->id = proto_unsigned(proto_get(&root, "id"), 0);
        out->error = proto_text(proto_get(&root, "error"));
        proto_copy(proto_get(&root, "field"), out->field, sizeof out->field);
        if (result && result->type == MSGPACK_OBJECT_MAP)
            json_value(&json, result);
        out->result = json.data ? sbuf_take(&json) : NULL;
    }
    msgpack_zone_destroy(&zone);
    return is_good && out->id > 0;
}

void answer_fini(struct message_answer *a)
{
    free(a->error);
    free(a->result);
    memset(a, 0, sizeof *a);
}

/* ---- samples -------------------------------------------------------------------------------- */

static bool read_sample(const msgpack_object *o, struct sample_in *s)
{
    if (!o || o->type != MSGPACK_OBJECT_MAP)
        return false;
    s->is_failed = proto_is(proto_get(o, "kind"), "failed");
    s->time_ms = proto_number(proto_get(o, "time_ms"), 0);
    s->method = proto_text(proto_get(o, "method"));
    s->name = proto_text(proto_get(o, "name"));
    s->error = proto_text(proto_get(o, "error"));
    return s->method && s->name && (s->error || !s->is_failed);
}

static void take_sample(const msgpack_object *o, void (*each)(void *, struct sample_in *),
                        void *arg)
{
    struct sample_in s = {0};
    struct sbuf json = {0};
    if (read_sample(o, &s)) {
        json_value(&json, o);
        s.json = json;
        each(arg, &s);
    }
    free(s.method);
    free(s.name);
    free(s.error);
    sbuf_fini(&s.json);
}

bool proto_samples(struct slice data, const char *run_id, void (*each)(void *, struct sample_in *),
                   void *arg)
{
    msgpack_zone zone;
    msgpack_object root, list;
    if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
        return false;
    bool is_good = unpack_object(&zone, data.data, data.len, &root) == 0;
    const msgpack_object *run = is_good ? proto_get(&root, "run") : NULL;
    const msgpack_object *packed = is_good ? proto_get(&root, "samples") : NULL;
    is_good = packed && packed->type == MSGPACK_OBJECT_BIN &&
              unpack_object(&zone, packed->via.bin.ptr, packed->via.bin.size, &list) == 0 &&
              list.type == MSGPACK_OBJECT_ARRAY;
    if (is_good && proto_is(run, run_id))
        for (uint32_t i = 0; i < list.via.array.size && i < SAMPLES_PER_MESSAGE; i++)
            take_sample(&list.via.array.ptr[i], each, arg);
    msgpack_zone_destroy(&zone);
    return is_good;
}

/* ---- log lines ------------------------------------------------------------------------------ */

static bool read_line(const msgpack_object *o, struct line_in *line)
{
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size < 4)
        return false;
    const msgpack_object *part = o->via.array.ptr;
    line->at = proto_number(&part[0], 0);
    line->level = proto_text(&part[1]);
    line->logger = proto_text(&part[2]);
    line->text = proto_text(&part[3]);
    return line->level && line->logger && line->text;
}

bool proto_lines(struct slice data, uint64_t *dropped, void (*each)(void *, const struct line_in *),
                 void *arg)
{
    msgpack_zone zone;
    msgpack_object root;
    if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
        return false;
    bool is_good = unpack_object(&zone, data.data, data.len, &root) == 0;
    const msgpack_object *lines = is_good ? proto_get(&root, "lines") : NULL;
    is_good = lines && lines->type == MSGPACK_OBJECT_ARRAY;
    *dropped = is_good ? proto_unsigned(proto_get(&root, "dropped"), 0) : 0;
    for (uint32_t i = 0; is_good && i < lines->via.array.size && i < LINES_PER_MESSAGE; i++) {
        struct line_in line = {0};
        if (read_line(&lines->via.array.ptr[i], &line))
            each(arg, &line);
        free(line.level);
        free(line.logger);
        free(line.text);
    }
    msgpack_zone_destroy(&zone);
    return is_good;
}
