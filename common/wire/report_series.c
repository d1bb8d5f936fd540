// SPDX-License-Identifier: MIT
/* The bytes, numbers as LEB128:
 *
 *   values  1 (one byte), base second, then records up to the end: the step from the id of the
 * record before (of both signs) times 4 plus the kind, the second less the base (of both signs),
 *           the value (common/metric/value.h)
 *   names   how many, then by rising id: the step from the id before, kind plus 4 for the series of
 *           what found no place, name, unit, scale (8 bytes), how many tags, and key, value of each
 *
 * A text is its length and its bytes. */
#include "common/wire/report_series.h"

#include "common/base/mem.h"
#include "common/base/varint.h"
#include "common/wire/report.h"
#include "common/wire/unpack.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define FARTHEST_S INT64_C(100000000000)
#define KINDS_BITS 2
#define OTHER_BIT 4u

/* ---- writing ---- */

static void put_text(struct sbuf *out, const char *text)
{
    const size_t len = strlen(text);
    sbuf_add_varint(out, len);
    sbuf_add(out, text, len);
}

void report_series_put(struct series_writer *w, struct series *s, int64_t second)
{
    if (!w->bytes.len) {
        w->base = second;
        w->last_id = 0;
        sbuf_addc(&w->bytes, VERSION);
        sbuf_add_varint(&w->bytes, (uint64_t)second);
    }
    const int64_t step = (int64_t)s->id - (int64_t)w->last_id;
    sbuf_add_varint(&w->bytes, varint_of_signed(step) << KINDS_BITS | s->metric->kind);
    sbuf_add_varint(&w->bytes, varint_of_signed(second - w->base));
    value_put(&w->bytes, &s->value, s->metric->kind);
    value_clear(&s->value);
    w->last_id = s->id;
    s->sent_in = w->number;
}

static void put_name(struct sbuf *out, const struct series *s)
{
    const struct metric *m = s->metric;
    sbuf_addc(out, (char)(m->kind | (s->is_other ? OTHER_BIT : 0)));
    put_text(out, m->name);
    put_text(out, m->unit);
    sbuf_add(out, &m->scale, sizeof m->scale);
    sbuf_add_varint(out, s->tags->count);
    for (uint32_t i = 0; i < s->tags->count; i++) {
        put_text(out, s->tags->list[i].key);
        put_text(out, s->tags->list[i].value);
    }
}

/* sent_in: the bytes that the series must be in and not be known; 0: any. */
static bool is_to_be_named(const struct series *s, uint32_t sent_in)
{
    return sent_in ? s->sent_in == sent_in && s->named_in != REPORT_NAME_KNOWN : s->sent_in;
}

static bool put_names(const struct series_table *t, uint32_t sent_in, struct sbuf *out)
{
    uint64_t count = 0;
    uint32_t before = 0;
    for (size_t i = 0; i < t->count; i++)
        count += is_to_be_named(t->list[i], sent_in);
    if (!count)
        return false;
    sbuf_add_varint(out, count);
    for (size_t i = 0; i < t->count; i++) {
        if (!is_to_be_named(t->list[i], sent_in))
            continue;
        sbuf_add_varint(out, t->list[i]->id - before);
        before = t->list[i]->id;
        put_name(out, t->list[i]);
    }
    return true;
}

bool report_series_all_names(const struct series_table *t, struct sbuf *out)
{
    return put_names(t, 0, out);
}

bool report_series_names(struct series_table *t, uint32_t number, uint32_t report, struct sbuf *out)
{
    const bool has_some = put_names(t, number, out);
    for (size_t i = 0; has_some && i < t->count; i++)
        if (is_to_be_named(t->list[i], number) && !t->list[i]->named_in)
            t->list[i]->named_in = report;
    return has_some;
}

void report_series_heard(struct series_table *t, uint32_t report)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->list[i]->named_in == report)
            t->list[i]->named_in = REPORT_NAME_KNOWN;
}

void report_series_forget(struct series_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        t->list[i]->named_in = 0;
}

/* ---- reading: names ---- */

struct reader {
    const unsigned char *p, *end;
};

static bool read_u64(struct reader *r, uint64_t most, uint64_t *value)
{
    return varint_read(&r->p, r->end, value) && *value <= most;
}

static bool read_text(struct reader *r, struct unpack_text *text)
{
    uint64_t len;
    if (!varint_read(&r->p, r->end, &len) || len > (uint64_t)(r->end - r->p))
        return false;
    *text = (struct unpack_text){(const char *)r->p, len};
    r->p += len;
    return true;
}

struct name {
    uint32_t id;
    uint64_t head, tag_count;
    double scale;
    struct unpack_text metric, unit, tags[2 * TAGS_MOST]; /* key, value, key, value … */
};

/* name->id: that of the name before at first. */
static bool read_name(struct reader *r, struct name *name)
{
    uint64_t step;
    if (!read_u64(r, REPORT_SERIES_MAX - name->id, &step) || !step ||
        !read_u64(r, OTHER_BIT + METRIC_KINDS - 1, &name->head) || !read_text(r, &name->metric) ||
        !read_text(r, &name->unit) || (size_t)(r->end - r->p) < sizeof name->scale)
        return false;
    name->id += (uint32_t)step;
    memcpy(&name->scale, r->p, sizeof name->scale);
    r->p += sizeof name->scale;
    if (!read_u64(r, TAGS_MOST, &name->tag_count))
        return false;
    for (uint64_t i = 0; i < 2 * name->tag_count; i++)
        if (!read_text(r, &name->tags[i]))
            return false;
    return true;
}

static bool names_begin(struct reader *r, const struct series_bytes *in, uint64_t *left)
{
    *left = 0;
    if (!in->names_len)
        return true;
    r->p = in->names;
    r->end = r->p + in->names_len;
    return varint_read(&r->p, r->end, left);
}

void series_ids_fini(struct series_ids *ids)
{
    free(ids->list);
    *ids = (struct series_ids){0};
}

static struct series_id *id_of(struct series_ids *ids, uint32_t id)
{
    if (id > ids->count) {
        const size_t count = id + id / 2 + 16;
        ids->list = mem_realloc(ids->list, count * sizeof *ids->list);
        memset(ids->list + ids->count, 0, (count - ids->count) * sizeof *ids->list);
        ids->count = count;
    }
    return &ids->list[id - 1];
}

static bool is_known(const struct series_ids *ids, uint64_t id)
{
    return id <= ids->count && ids->list[id - 1].is_named;
}

static bool is_text(struct unpack_text t)
{
    return !memchr(t.s, 0, t.len);
}

/* NULL: it cannot be. */
static struct series *series_named(struct series_table *t, const struct name *name)
{
    struct tag tags[TAGS_MOST];
    struct sbuf texts[2 * TAGS_MOST + 2] = {{0}};
    enum metric_problem why;
    const bool is_whole = is_text(name->metric) && is_text(name->unit);
    const struct metric_kind_of of = {.kind = (enum metric_kind)(name->head & (OTHER_BIT - 1)),
                                      .unit = unpack_clean(&texts[0], name->unit),
                                      .scale = name->scale};
    struct metric *m =
        is_whole ? series_metric(t, unpack_clean(&texts[1], name->metric), of, &why) : NULL;
    for (uint64_t i = 0; i < name->tag_count; i++)
        tags[i] = (struct tag){unpack_clean(&texts[2 * i + 2], name->tags[2 * i]),
                               unpack_clean(&texts[2 * i + 3], name->tags[2 * i + 1])};
    const struct tags *set = m ? tags_of(&t->tags, tags, name->tag_count) : NULL;
    struct series *s = !set                     ? NULL
                       : name->head & OTHER_BIT ? series_other(t, m)
                                                : series_of(t, m, set);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        sbuf_fini(&texts[i]);
    return s;
}

/* Whether all names are good. If so, they are noted as coming. */
static bool check_names(struct series_ids *ids, const struct series_bytes *in)
{
    for (int is_good = 0; is_good < 2; is_good++) {
        struct reader r = {0};
        struct name name = {0};
        uint64_t left;
        if (!names_begin(&r, in, &left))
            return false;
        for (; left; left--) {
            if (!read_name(&r, &name))
                return false;
            if (is_good)
                id_of(ids, name.id)->coming = ids->checks;
        }
        if (r.p != r.end)
            return false;
    }
    return true;
}

static void take_names(struct series_table *t, struct series_ids *ids,
                       const struct series_bytes *in)
{
    struct reader r = {0};
    struct name name = {0};
    uint64_t left;
    if (!names_begin(&r, in, &left))
        return;
    for (; left && read_name(&r, &name); left--) {
        struct series_id *id = id_of(ids, name.id);
        if (!id->is_named) {
            id->is_named = true;
            id->series = series_named(t, &name);
        }
    }
}

/* ---- reading: values ---- */

struct value_reader {
    struct reader r;
    int64_t base, second;
    uint32_t id;
    enum metric_kind kind;
    struct value_read value;
};

static bool values_begin(struct value_reader *record, const struct series_bytes *in)
{
    uint64_t base;
    *record = (struct value_reader){0};
    if (!in->values_len)
        return true;
    struct reader *r = &record->r;
    r->p = in->values;
    r->end = r->p + in->values_len;
    if (*r->p++ != VERSION || !read_u64(r, (uint64_t)FARTHEST_S, &base))
        return false;
    record->base = (int64_t)base;
    return true;
}

static bool next_value(struct value_reader *record)
{
    struct reader *r = &record->r;
    uint64_t head, second;
    if (!read_u64(r, (uint64_t)REPORT_SERIES_MAX << (KINDS_BITS + 1), &head) ||
        !varint_read(&r->p, r->end, &second))
        return false;
    const int64_t id = (int64_t)record->id + varint_signed(head >> KINDS_BITS),
                  away = varint_signed(second);
    if (id < 1 || id > REPORT_SERIES_MAX || away > FARTHEST_S || away < -record->base)
        return false;
    record->id = (uint32_t)id;
    record->kind = (enum metric_kind)(head & ((1u << KINDS_BITS) - 1));
    record->second = record->base + away;
    return value_read(&r->p, r->end, record->kind, &record->value);
}

static bool is_coming(const struct series_ids *ids, uint32_t id)
{
    return id <= ids->count && ids->list[id - 1].coming == ids->checks;
}

int report_series_check(struct series_ids *ids, uint64_t clears, const struct series_bytes *in)
{
    struct value_reader record;
    int rc = 0;
    if (ids->clears != clears)
        series_ids_fini(ids);
    ids->clears = clears;
    ids->checks++;
    if (!check_names(ids, in) || !values_begin(&record, in))
        return -1;
    while (record.r.p < record.r.end) {
        if (!next_value(&record))
            return -1;
        if (!is_known(ids, record.id) && !is_coming(ids, record.id))
            rc = REPORT_NAMELESS;
    }
    return rc;
}

int report_series_merge(struct series_table *t, struct series_ids *ids, uint64_t clears,
                        const struct series_bytes *in, const struct series_watch *watch)
{
    struct value_reader record;
    const int rc = report_series_check(ids, clears, in);
    if (rc != 0 || !values_begin(&record, in))
        return rc;
    take_names(t, ids, in);
    while (record.r.p < record.r.end && next_value(&record)) {
        struct series *s = ids->list[record.id - 1].series;
        if (record.value.numbers.last_at > 0)
            record.value.numbers.last_at += (double)watch->shift_s;
        watch->on_value(watch->arg, s && s->metric->kind == record.kind ? s : NULL,
                        record.second + watch->shift_s, &record.value);
    }
    return 0;
}
