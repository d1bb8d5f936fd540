// SPDX-License-Identifier: MIT
#include "master/data/series_list.h"

#include "common/base/mem.h"
#include "common/base/sbuf.h"

#include <stdlib.h>
#include <string.h>

static const double SHARES[SERIES_QUANTILES] = {0.5, 0.9, 0.95, 0.99};
static const char *const SHARE_NAMES[SERIES_QUANTILES] = {"50", "90", "95", "99"};
static const char *const KINDS[METRIC_KINDS] = {"counter", "gauge", "rate", "trend"};

#define PIECES_MOST 100000 /* of a range that are added up for one list */

struct range {
    int64_t from, to;
    bool is_all;
    bool has_hists;
};

/* ---- choosing ---- */

static int by_name(const void *a, const void *b)
{
    const struct series *x = *(const struct series *const *)a,
                        *y = *(const struct series *const *)b;
    int order = strcmp(x->metric->name, y->metric->name);
    for (uint32_t i = 0; !order && i < x->tags->count && i < y->tags->count; i++) {
        order = strcmp(x->tags->list[i].key, y->tags->list[i].key);
        order = order ? order : strcmp(x->tags->list[i].value, y->tags->list[i].value);
    }
    if (!order)
        order = (x->tags->count > y->tags->count) - (x->tags->count < y->tags->count);
    return order ? order : (x->id > y->id) - (x->id < y->id);
}

static size_t pieces_of(const struct series_store *store, const struct series *s, struct range r)
{
    if (r.is_all)
        return series_store_times(store, s).first ? 1 : 0;
    return series_store_extent(store, s, r.from, r.to).count;
}

/* Those that have something; malloced. */
static const struct series **chosen(const struct series_store *store, struct range r,
                                    struct series_list *l, size_t most)
{
    const struct series_table *t = series_store_all(store);
    const struct series **list = mem_zalloc((t->count + 1) * sizeof *list);
    size_t work = 0;
    for (size_t i = 0; i < t->count; i++) {
        const size_t pieces = pieces_of(store, t->list[i], r);
        if (!pieces)
            continue;
        work += r.is_all ? 0 : pieces;
        if (l->count < most && work <= PIECES_MOST)
            list[l->count++] = t->list[i];
        else
            l->left_out++;
    }
    qsort(list, l->count, sizeof *list, by_name);
    return list;
}

/* ---- copying ---- */

/* Texts are places in the buffer until all of them are there. */
static const char *place(struct sbuf *texts, const char *text)
{
    const size_t at = texts->len;
    sbuf_add(texts, text, strlen(text) + 1);
    return (const char *)(uintptr_t)at; // NOLINT(performance-no-int-to-ptr)
}

static void settle(const char **text, const char *texts)
{
    *text = texts + (uintptr_t)*text;
}

static void set_numbers(struct series_row *r, const struct value *v, double scale)
{
    r->n = v->count;
    r->trues = v->trues;
    if (!v->count || r->kind == METRIC_RATE)
        return;
    r->sum = v->sum;
    r->min = v->min;
    r->max = v->max;
    r->mean = v->sum / (double)v->count;
    r->last = v->last;
    for (size_t i = 0; i < SERIES_QUANTILES && r->kind == METRIC_TREND; i++)
        r->quantile[i] = value_quantile(v, scale, SHARES[i]);
}

static bool are_within(const struct said *list, size_t count, struct range r)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].at < (double)r.from || list[i].at >= (double)r.to)
            return false;
    return true;
}

/* Each name is one text, however many gauges the worker has told of. Where a worker's latest is of
 * another time, what it said last in the range is not known. */
static void set_said(struct series_list *l, const struct series_store *store,
                     const struct series **list, struct range range, struct sbuf *texts)
{
    const struct gauge_said *g = series_store_gauges(store);
    const char **names = mem_zalloc((g->name_count + 1) * sizeof *names);
    for (uint32_t i = 0; i < g->name_count; i++)
        names[i] = place(texts, g->names[i]);
    l->said = mem_zalloc((g->count + 1) * sizeof *l->said);
    for (size_t i = 0; i < l->count; i++) {
        size_t count;
        const struct said *said = gauge_said_list(g, list[i]->id, &count);
        if (!are_within(said, count, range))
            continue;
        l->rows[i].said = &l->said[l->said_count];
        l->rows[i].said_count = count;
        for (size_t k = 0; k < count; k++)
            l->said[l->said_count++] =
                (struct series_said){names[said[k].worker], said[k].value, said[k].at};
    }
    free(names);
}

/* Bytes are places in the buffer, as texts are. */
static size_t place_hist(struct sbuf *texts, const struct hist *h, const char **at)
{
    const size_t from = texts->len;
    *at = (const char *)(uintptr_t)from; // NOLINT(performance-no-int-to-ptr)
    if (h)
        hist_pack(h, texts);
    return texts->len - from;
}

static void set_row(struct series_row *r, const struct series_store *store, struct range range,
                    const struct series *s, struct tag **tags, struct sbuf *texts)
{
    struct value v;
    *r = (struct series_row){.metric = place(texts, s->metric->name),
                             .unit = place(texts, s->metric->unit),
                             .kind = s->metric->kind,
                             .tags = *tags,
                             .tag_count = s->tags->count,
                             .is_other = s->is_other,
                             .times = series_store_times(store, s)};
    for (uint32_t i = 0; i < s->tags->count; i++)
        *(*tags)++ =
            (struct tag){place(texts, s->tags->list[i].key), place(texts, s->tags->list[i].value)};
    value_init(&v);
    series_store_sum(store, s, range.from, range.to, &v);
    set_numbers(r, &v, s->metric->scale);
    if (range.has_hists && r->kind == METRIC_TREND) {
        r->scale = s->metric->scale;
        r->hist_len = place_hist(texts, v.hist, &r->hist);
        r->negative_len = place_hist(texts, v.negative, &r->negative);
    }
    value_fini(&v);
}

static struct series_list *make(const struct series_store *store, struct range range, size_t most)
{
    struct series_list *l = mem_zalloc(sizeof *l);
    struct sbuf texts = {0};
    size_t tag_count = 0;
    l->refs = 1;
    const struct series **list = chosen(store, range, l, most);
    for (size_t i = 0; i < l->count; i++)
        tag_count += list[i]->tags->count;
    l->rows = mem_zalloc((l->count + 1) * sizeof *l->rows);
    l->tags = mem_zalloc((tag_count + 1) * sizeof *l->tags);
    struct tag *next = l->tags;
    for (size_t i = 0; i < l->count; i++)
        set_row(&l->rows[i], store, range, list[i], &next, &texts);
    set_said(l, store, list, range, &texts);
    free(list);
    l->texts = sbuf_take(&texts);
    for (size_t i = 0; i < l->count; i++) {
        settle(&l->rows[i].metric, l->texts);
        settle(&l->rows[i].unit, l->texts);
        settle(&l->rows[i].hist, l->texts);
        settle(&l->rows[i].negative, l->texts);
        if (strcmp(l->rows[i].metric, "metrics_rejected") == 0)
            l->rejected += l->rows[i].n;
    }
    for (size_t i = 0; i < tag_count; i++) {
        settle(&l->tags[i].key, l->texts);
        settle(&l->tags[i].value, l->texts);
    }
    for (size_t i = 0; i < l->said_count; i++)
        settle(&l->said[i].worker, l->texts);
    return l;
}

struct series_list *series_list_new(const struct series_store *store, size_t most)
{
    return make(store, (struct range){0, INT64_MAX, true, false}, most);
}

struct series_list *series_list_full(const struct series_store *store)
{
    return make(store, (struct range){0, INT64_MAX, true, true}, SIZE_MAX);
}

struct series_list *series_list_range(const struct series_store *store, int64_t from, int64_t to,
                                      size_t most)
{
    return make(store, (struct range){from, to, false, false}, most);
}

struct series_list *series_list_ref(struct series_list *l)
{
    __atomic_add_fetch(&l->refs, 1, __ATOMIC_RELAXED);
    return l;
}

void series_list_unref(struct series_list *l)
{
    if (!l || __atomic_sub_fetch(&l->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    free(l->rows);
    free(l->tags);
    free(l->said);
    free(l->texts);
    free(l);
}

const char *series_row_tag(const struct series_row *row, const char *key)
{
    for (size_t i = 0; i < row->tag_count; i++)
        if (strcmp(row->tags[i].key, key) == 0)
            return row->tags[i].value;
    return NULL;
}

const struct series_said *series_row_latest(const struct series_row *row)
{
    const struct series_said *latest = NULL;
    for (size_t i = 0; i < row->said_count; i++)
        if (!latest || row->said[i].at > latest->at ||
            (row->said[i].at == latest->at && row->said[i].value == row->last))
            latest = &row->said[i];
    return latest;
}

/* ---- JSON ---- */

static void add_text(struct sbuf *out, const char *text)
{
    sbuf_add_json(out, text, strlen(text));
}

static void add_number(struct sbuf *out, const char *key, double number)
{
    sbuf_addf(out, ",\"%s\":%.17g", key, number);
}

static void add_time(struct sbuf *out, const char *key, int64_t at)
{
    if (at)
        sbuf_addf(out, ",\"%s\":%lld", key, (long long)at);
}

static void add_trend(struct sbuf *out, const struct series_row *r)
{
    sbuf_adds(out, ",\"percentiles\":{");
    for (size_t i = 0; i < SERIES_QUANTILES; i++)
        sbuf_addf(out, "%s\"%s\":%.17g", i ? "," : "", SHARE_NAMES[i], r->quantile[i]);
    sbuf_addc(out, '}');
}

static void add_buckets(struct sbuf *out, const char *key, const char *packed, size_t len)
{
    struct hist h;
    bool is_first = true;
    hist_init(&h);
    hist_unpack_add(&h, packed, len);
    sbuf_addf(out, ",\"%s\":[", key);
    for (unsigned o = 0; o < HIST_OCTAVES; o++)
        for (unsigned i = 0; h.octave[o] && i < HIST_SUB_COUNT; i++)
            if (h.octave[o][i] > 0) {
                sbuf_addf(out, "%s[%u,%llu]", is_first ? "" : ",", o * HIST_SUB_COUNT + i,
                          (unsigned long long)h.octave[o][i]);
                is_first = false;
            }
    sbuf_addc(out, ']');
    hist_fini(&h);
}

static void add_histogram(struct sbuf *out, const struct series_row *r)
{
    sbuf_addf(out, ",\"histogram\":{\"sub_bits\":%d,\"scale\":%.17g", HIST_SUB_BITS, r->scale);
    add_buckets(out, "buckets", r->hist, r->hist_len);
    add_buckets(out, "negative", r->negative, r->negative_len);
    sbuf_addc(out, '}');
}

static void add_said(struct sbuf *out, const struct series_row *r)
{
    const struct series_said *latest = series_row_latest(r);
    if (!latest)
        return;
    sbuf_add_json_member(out, "worker", latest->worker);
    sbuf_adds(out, ",\"workers\":[");
    for (size_t i = 0; i < r->said_count; i++) {
        sbuf_adds(out, i ? ",{\"worker\":" : "{\"worker\":");
        add_text(out, r->said[i].worker);
        add_number(out, "value", r->said[i].value);
        sbuf_adds(out, ",\"at\":");
        sbuf_add_decimal(out, r->said[i].at);
        sbuf_addc(out, '}');
    }
    sbuf_addc(out, ']');
}

static void add_numbers(struct sbuf *out, const struct series_row *r)
{
    sbuf_addf(out, ",\"count\":%llu", (unsigned long long)r->n);
    if (r->kind == METRIC_RATE) {
        sbuf_addf(out, ",\"passes\":%llu,\"fails\":%llu", (unsigned long long)r->trues,
                  (unsigned long long)(r->n - r->trues));
        add_time(out, "first_failed", r->times.first_false);
        add_time(out, "last_failed", r->times.last_false);
        return;
    }
    if (r->kind != METRIC_GAUGE)
        add_number(out, "sum", r->sum);
    if (r->kind == METRIC_GAUGE)
        add_number(out, "value", r->last);
    if (r->kind == METRIC_GAUGE)
        add_said(out, r);
    if (r->kind == METRIC_COUNTER)
        return;
    add_number(out, "mean", r->mean);
    add_number(out, "min", r->min);
    add_number(out, "max", r->max);
    if (r->kind == METRIC_TREND)
        add_trend(out, r);
    if (r->scale > 0)
        add_histogram(out, r);
}

static void add_row(struct sbuf *out, const struct series_row *r)
{
    sbuf_adds(out, "{\"metric\":");
    add_text(out, r->metric);
    sbuf_addf(out, ",\"type\":\"%s\",\"unit\":", KINDS[r->kind]);
    add_text(out, r->unit);
    sbuf_adds(out, ",\"tags\":{");
    for (size_t i = 0; i < r->tag_count; i++) {
        sbuf_adds(out, i ? "," : "");
        add_text(out, r->tags[i].key);
        sbuf_addc(out, ':');
        add_text(out, r->tags[i].value);
    }
    sbuf_addf(out, "},\"other\":%s", r->is_other ? "true" : "false");
    add_numbers(out, r);
    add_time(out, "first", r->times.first);
    add_time(out, "last", r->times.last);
    sbuf_addc(out, '}');
}

static void add_rows(const struct series_list *l, const char *metric, bool is_wanted,
                     struct sbuf *out)
{
    bool has_some = false;
    sbuf_addc(out, '[');
    for (size_t i = 0; l && i < l->count; i++) {
        if (metric && (strcmp(metric, l->rows[i].metric) == 0) != is_wanted)
            continue;
        sbuf_adds(out, has_some ? "," : "");
        add_row(out, &l->rows[i]);
        has_some = true;
    }
    sbuf_addc(out, ']');
}

void series_list_json(const struct series_list *l, const char *metric, struct sbuf *out)
{
    add_rows(l, metric, true, out);
}

void series_list_json_but(const struct series_list *l, const char *metric, struct sbuf *out)
{
    add_rows(l, metric, false, out);
}
