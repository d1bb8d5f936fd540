// SPDX-License-Identifier: MIT
/* What heads of answers mean: as nghttp2 has told it of one, for the next like it. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "worker/http2/h2.h"

#define ENTRY_EXTRA 32u /* of a table: RFC 7541 4.1 */

void heads_forget_kind(struct heads *k, int kind)
{
    free(k->read[kind]);
    k->read[kind] = NULL;
}

void heads_forget_read(struct heads *k)
{
    for (int kind = 0; kind < HEADS_KINDS; kind++)
        heads_forget_kind(k, kind);
}

/* ---- one that came before ------------------------------------------------------------------- */

bool heads_recall(struct h2 *h, struct fetch *f, const struct head_read *r)
{
    struct h2x *x = h2x_of(f);
    h->head_of = NULL; /* what nghttp2 tells of the stub is known */
    f->engine->counters.heads_plain += r->text_len;
    if (!x->is_trailer) {
        x->status = r->status;
        f->engine->counters.heads_plain += sizeof ":status200" - 1;
        return fields_add_all(&x->fields, r->text, r->text_len, r->parts, r->count);
    }
    const char *at = r->text;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct fields_part p = r->parts[i];
        if (!stream_header(f, at, p.name_len, at + p.name_len, p.value_len))
            return false;
        at += p.name_len + p.value_len;
    }
    return true;
}

/* ---- one that comes again ------------------------------------------------------------------- */

static bool is_length(const struct fetch_header *h)
{
    return h->name_len == 14 && !memcmp(h->name, "content-length", 14);
}

/* Without putting anything into the table. False: it is none that one is likely to meet. */
static bool add_to_stub(struct head_read *r, const uint8_t *field, size_t len)
{
    uint8_t *to = r->stub + r->stub_len;
    const uint8_t index = field[0] & 0x3f;
    size_t begin = 0;
    if (heads_is_inserted(field[0])) {
        begin = index < 0x0f ? 1 : 2;
        if (index == 0x3f || r->stub_len + begin + len - 1 > r->block_len)
            return false;
        to[0] = begin == 1 ? index : 0x0f;
        if (begin == 2)
            to[1] = (uint8_t)(index - 0x0f);
        field++;
        len--;
    }
    if (r->stub_len + begin + len > r->block_len)
        return false;
    mem_copy(to + begin, field, len);
    r->stub_len += (uint32_t)(begin + len);
    return true;
}

/* ends: of all fields, that for the status first, if it is there. */
static bool put_fields(struct head_read *r, const struct fetch_header *list, const uint16_t *ends,
                       bool has_status)
{
    char *to = r->text;
    if (has_status && !add_to_stub(r, r->block, ends[0]))
        return false;
    r->status_len = r->stub_len;
    if (has_status && heads_is_inserted(r->block[0]))
        r->table_bytes += ENTRY_EXTRA;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct fetch_header *h = &list[i];
        const uint32_t field = has_status ? i + 1 : i, begin = field ? ends[field - 1] : 0;
        r->parts[i] = (struct fields_part){(uint16_t)h->name_len, (uint16_t)h->value_len};
        mem_copy(to, h->name, h->name_len);
        mem_copy(to + h->name_len, h->value, h->value_len);
        to += h->name_len + h->value_len;
        if (heads_is_inserted(r->block[begin]))
            r->table_bytes += ENTRY_EXTRA + h->name_len + h->value_len;
        if (has_status && is_length(h) && !add_to_stub(r, r->block + begin, ends[field] - begin))
            return false;
    }
    return true;
}

static size_t text_size(const struct fetch_header *list, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += list[i].name_len + list[i].value_len;
    return size;
}

void heads_learn(struct h2 *h, struct fetch *f)
{
    struct heads *k = &h->heads;
    struct h2x *x = h2x_of(f);
    uint16_t ends[HEADS_FIELDS_MOST];
    const bool is_first = k->learning_kind == HEADS_FIRST;
    const uint32_t before = is_first ? 0 : (uint32_t)f->response.header_count;
    const size_t len = k->learning_len;
    bool inserts;
    if (!k->learning || (is_first && x->status < 200) || x->fault)
        return;
    const struct fetch_header *list = x->fields.headers + before;
    const uint32_t count = x->fields.count - before;
    const size_t text_len = text_size(list, count);
    if (heads_fields(k->learning, len, ends, &inserts) != count + is_first || text_len > UINT16_MAX)
        return; /* nghttp2 has left out what it does not like */
    struct head_read *r = mem_zalloc(sizeof *r + count * sizeof *r->parts + 2 * len + text_len);
    r->block_len = (uint32_t)len;
    r->text_len = (uint32_t)text_len;
    r->count = count;
    r->status = x->status;
    r->parts = (struct fields_part *)(void *)(r + 1);
    r->block = (uint8_t *)(r->parts + count);
    r->stub = r->block + len;
    r->text = (char *)r->stub + len;
    mem_copy(r->block, k->learning, len);
    r->has_length = fields_length(&x->fields, &r->length);
    r->is_known = !inserts || k->is_learning_last;
    if (!put_fields(r, list, ends, is_first)) {
        free(r);
        r = NULL;
    }
    heads_forget_kind(k, k->learning_kind);
    k->read[k->learning_kind] = r;
}
