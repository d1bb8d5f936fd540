// SPDX-License-Identifier: MIT
/* A series has a history: points in order of time, each of which says where its bytes are, and a
 * list of open seconds. What the series itself has as its value is the sum of the closed seconds,
 * so that the whole run is answered without reading points. */
#include "master/data/series_store.h"

#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"

#include <stdlib.h>
#include <string.h>

#define WORK_SERIES 64 /* that are looked at in a second, at least: a share of all */
#define WORK_ROUND_S 60
#define PRESSURE_MOST 12
#define THIN_SHARE 8 /* of the points: how many may be too many */

static const struct {
    int64_t span, keep_s, least_s; /* points of that span: kept so long, and so long at least */
} LEVELS[] = {{1, 3600, 10}, {10, 6 * 3600, 60}, {60, 48 * 3600, 600}, {600, 30 * 86400, 3600}};
#define LEVEL_COUNT (sizeof LEVELS / sizeof *LEVELS)
#define LAST_SPAN 3600

struct point {
    int64_t second;
    uint32_t span, at; /* at: in the bytes of its history */
};

struct open {
    int64_t second;
    struct value value;
    struct open *next; /* later */
};

struct history {
    struct point *points; /* owned; by time */
    uint32_t count, cap;
    uint32_t look_at; /* so many points: then there may be too many */
    struct sbuf bytes;
    struct open *open; /* owned; by time */
    struct series_times times;
};

#define SERIES_STORE_TAG 0x73657269u /* "seri" */

struct series_store {
    uint32_t tag; /* handle.h */
    struct series_table table;
    struct history *histories; /* owned; by id less 1 */
    size_t count, limit, bytes;
    struct open *spare; /* owned; for the next ones */
    int64_t closed;
    uint64_t clears, version;
    struct gauge_said said;
    size_t work_next;  /* the series that is looked at next */
    unsigned pressure; /* how often what is kept was halved */
};

/* ---- life ---- */

struct series_store *series_store_new(size_t limit_bytes)
{
    struct series_store *store = mem_zalloc(sizeof *store);
    HANDLE_MADE(store, SERIES_STORE_TAG);
    store->limit = limit_bytes;
    series_init(&store->table, SERIES_LIMITS_DEFAULT);
    return store;
}

static void free_open(struct open *o)
{
    while (o) {
        struct open *next = o->next;
        value_fini(&o->value);
        free(o);
        o = next;
    }
}

static void history_fini(struct history *h)
{
    free(h->points);
    sbuf_fini(&h->bytes);
    free_open(h->open);
    *h = (struct history){0};
}

static void drop_histories(struct series_store *store)
{
    for (size_t i = 0; i < store->count; i++)
        history_fini(&store->histories[i]);
    free_open(store->spare);
    store->spare = NULL;
    gauge_said_fini(&store->said);
    store->bytes = store->work_next = 0;
    store->pressure = 0;
}

void series_store_free(struct series_store *store)
{
    if (!store)
        return;
    HANDLE_IS(store, SERIES_STORE_TAG);
    drop_histories(store);
    free(store->histories);
    series_fini(&store->table);
    HANDLE_ENDS(store);
    free(store);
}

void series_store_clear(struct series_store *store)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    drop_histories(store);
    free(store->histories);
    store->histories = NULL;
    store->count = 0;
    store->closed = 0;
    store->clears++;
    store->version++;
    series_fini(&store->table);
    series_init(&store->table, SERIES_LIMITS_DEFAULT);
}

void series_store_reset(struct series_store *store)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    drop_histories(store);
    store->version++;
    for (size_t i = 0; i < store->table.count; i++)
        value_clear(&store->table.list[i]->value);
}

uint64_t series_store_clears(const struct series_store *store)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    return store->clears;
}

size_t series_store_bytes(const struct series_store *store)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    return store->bytes;
}

struct series_table *series_store_table(struct series_store *store)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    return &store->table;
}

const struct series_table *series_store_all(const struct series_store *store)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    return &store->table;
}

uint64_t series_store_version(const struct series_store *store)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    return store->version;
}

/* ---- open seconds ---- */

static struct history *history_of(struct series_store *store, const struct series *s)
{
    if (s->id > store->count) {
        const size_t count = s->id + s->id / 2 + 16;
        store->histories = mem_realloc(store->histories, count * sizeof *store->histories);
        memset(store->histories + store->count, 0,
               (count - store->count) * sizeof *store->histories);
        store->count = count;
    }
    return &store->histories[s->id - 1];
}

static const struct history *known_history(const struct series_store *store, const struct series *s)
{
    static const struct history none = {0};
    return s->id <= store->count ? &store->histories[s->id - 1] : &none;
}

static struct open *open_of(struct series_store *store, struct history *h, int64_t second)
{
    struct open **at = &h->open;
    while (*at && (*at)->second < second)
        at = &(*at)->next;
    struct open *next = *at;
    if (next && next->second == second)
        return next;
    struct open *o = store->spare;
    if (o) {
        store->spare = o->next;
    } else {
        o = mem_zalloc(sizeof *o);
        value_init(&o->value);
    }
    o->second = second;
    o->next = *at;
    return *at = o;
}

static void note_time(int64_t second, int64_t *first, int64_t *last)
{
    *first = *first && *first < second ? *first : second;
    *last = *last > second ? *last : second;
}

void series_store_add(struct series_store *store, struct series *s, int64_t second,
                      const struct value_read *more)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    struct history *h = history_of(store, s);
    second = second < store->closed ? store->closed : second;
    note_time(second, &h->times.first, &h->times.last);
    if (s->metric->kind == METRIC_RATE && more->numbers.trues < more->numbers.count)
        note_time(second, &h->times.first_false, &h->times.last_false);
    value_add_read(&open_of(store, h, second)->value, more);
    store->version++;
}

void series_store_said(struct series_store *store, const struct series *s, unsigned index,
                       const char *worker, const struct value_read *more)
{
    if (s->metric->kind == METRIC_GAUGE)
        gauge_said_note(&store->said, s->id, index, worker, more->numbers.last,
                        more->numbers.last_at);
}

const struct gauge_said *series_store_gauges(const struct series_store *store)
{
    return &store->said;
}

/* ---- closed ones ---- */

static void add_point(struct history *h, int64_t second, uint32_t span, const struct value *v,
                      enum metric_kind kind)
{
    if (h->count == h->cap) {
        h->cap = h->cap ? h->cap + h->cap / 2 : 8;
        h->points = mem_realloc(h->points, h->cap * sizeof *h->points);
    }
    h->points[h->count++] = (struct point){second, span, (uint32_t)h->bytes.len};
    value_put(&h->bytes, v, kind);
}

/* What it takes, its room for more included. */
static size_t size_of(const struct history *h)
{
    return h->bytes.cap + h->cap * sizeof *h->points;
}

static void close_history(struct series_store *store, struct history *h, struct series *s,
                          int64_t until)
{
    const size_t before = size_of(h);
    while (h->open && h->open->second < until) {
        struct open *o = h->open;
        h->open = o->next;
        add_point(h, o->second, 1, &o->value, s->metric->kind);
        value_merge(&s->value, &o->value);
        value_clear(&o->value);
        o->next = store->spare;
        store->spare = o;
    }
    store->bytes += size_of(h) - before;
}

/* How long points of a level are kept now. */
static int64_t kept_s(const struct series_store *store, size_t level)
{
    const int64_t s = LEVELS[level].keep_s >> store->pressure;
    return s > LEVELS[level].least_s ? s : LEVELS[level].least_s;
}

static uint32_t span_at(const struct series_store *store, int64_t second)
{
    const int64_t age = store->closed - second;
    for (size_t i = 0; i < LEVEL_COUNT; i++)
        if (age <= kept_s(store, i))
            return (uint32_t)LEVELS[i].span;
    return LAST_SPAN;
}

static void read_point(const struct history *h, const struct point *p, enum metric_kind kind,
                       struct value *into)
{
    const unsigned char *bytes = (const unsigned char *)h->bytes.data, *at = bytes + p->at;
    struct value_read more;
    if (value_read(&at, bytes + h->bytes.len, kind, &more))
        value_add_read(into, &more);
}

/* Whether a point belongs to the one of `span` seconds that begins at `start`. */
static bool belongs(const struct point *p, int64_t start, uint32_t span)
{
    return p->span <= span && p->second - p->second % span == start;
}

/* How many points fewer there would be. */
static uint32_t to_save(const struct series_store *store, const struct history *h)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i + 1 < h->count; i++) {
        const struct point *p = &h->points[i];
        const uint32_t span = span_at(store, p->second);
        if (p->second + 1 > store->closed - kept_s(store, 0))
            break;
        count += p->span < span && belongs(p + 1, p->second - p->second % span, span);
    }
    return count;
}

/* Adds up what is older than it should be for its resolution, as soon as that is worth it. */
static void thin(struct series_store *store, struct history *h, enum metric_kind kind)
{
    struct history thinner = {.open = h->open, .times = h->times};
    struct value sum;
    h->look_at = h->count + h->count / THIN_SHARE + 1;
    if (to_save(store, h) <= h->count / THIN_SHARE)
        return;
    value_init(&sum);
    for (uint32_t i = 0, next; i < h->count; i = next) {
        const struct point *p = &h->points[i];
        const uint32_t wanted = span_at(store, p->second),
                       span = p->span > wanted ? p->span : wanted;
        const int64_t start = p->second - p->second % span;
        value_clear(&sum);
        for (next = i; next == i || (next < h->count && belongs(&h->points[next], start, span));
             next++)
            read_point(h, &h->points[next], kind, &sum);
        add_point(&thinner, start, span, &sum, kind);
    }
    value_fini(&sum);
    store->bytes = store->bytes - size_of(h) + size_of(&thinner);
    free(h->points);
    sbuf_fini(&h->bytes);
    *h = thinner;
}

/* A share of all series each time. Under pressure all of them at once: the budget is one. */
static void work(struct series_store *store)
{
    const size_t count = store->table.count;
    size_t share = count / WORK_ROUND_S + WORK_SERIES;
    for (; share && count; share--) {
        store->work_next = store->work_next < count ? store->work_next : 0;
        const struct series *s = store->table.list[store->work_next++];
        struct history *h = history_of(store, s);
        if (h->count >= h->look_at)
            thin(store, h, s->metric->kind);
    }
    while (store->bytes > store->limit && store->pressure < PRESSURE_MOST) {
        store->pressure++;
        for (size_t i = 0; i < count; i++)
            thin(store, history_of(store, store->table.list[i]),
                 store->table.list[i]->metric->kind);
    }
}

void series_store_close(struct series_store *store, int64_t until)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    if (until <= store->closed)
        return;
    store->closed = until;
    for (size_t i = 0; i < store->table.count; i++) {
        struct series *s = store->table.list[i];
        close_history(store, history_of(store, s), s, until);
    }
    work(store);
}

int64_t series_store_closed(const struct series_store *store)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    return store->closed;
}

/* ---- reading ---- */

void series_value_init(struct series_value *v)
{
    *v = (struct series_value){.scale = METRIC_SCALE};
    hist_init(&v->hist);
    hist_init(&v->negative);
}

void series_value_fini(struct series_value *v)
{
    hist_fini(&v->hist);
    hist_fini(&v->negative);
    series_value_init(v);
}

double series_value_quantile(const struct series_value *v, double q)
{
    struct hist hist = v->hist, negative = v->negative; /* borrowed, and only read */
    const struct value value = {
        .count = v->n, .min = v->min, .max = v->max, .hist = &hist, .negative = &negative};
    return value_quantile(&value, v->scale, q);
}

/* The first point that does not end before `from`. */
static uint32_t first_point(const struct history *h, int64_t from)
{
    uint32_t low = 0, high = h->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (h->points[middle].second + h->points[middle].span <= from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void read_points(const struct history *h, enum metric_kind kind, int64_t from, int64_t to,
                        struct value *into)
{
    for (uint32_t i = first_point(h, from); i < h->count && h->points[i].second < to; i++)
        read_point(h, &h->points[i], kind, into);
}

static void read_series(const struct series_store *store, const struct series *s, int64_t from,
                        int64_t to, struct value *into)
{
    const struct history *h = known_history(store, s);
    if (from <= h->times.first && to >= store->closed)
        value_merge(into, &s->value);
    else
        read_points(h, s->metric->kind, from, to, into);
    for (const struct open *o = h->open; o; o = o->next)
        if (o->second >= from && o->second < to)
            value_merge(into, &o->value);
}

static void to_value(struct series_value *v, const struct metric *m, const struct value *sum)
{
    const bool has_numbers = sum->count && m->kind != METRIC_RATE;
    v->kind = m->kind;
    memcpy(v->unit, m->unit, sizeof v->unit);
    v->scale = m->scale;
    v->n = sum->count;
    v->trues = sum->trues;
    v->sum = sum->sum;
    v->min = has_numbers ? sum->min : 0;
    v->max = has_numbers ? sum->max : 0;
    v->last = sum->last;
    v->last_at = sum->last_at;
}

bool series_store_read(const struct series_store *store, const struct series_query *q,
                       uint32_t from_s, uint32_t to_s, struct series_value *out)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    bool is_there = false;
    struct hist hist = out->hist, negative = out->negative;
    struct value sum;
    hist_clear(&hist);
    hist_clear(&negative);
    *out = (struct series_value){.scale = METRIC_SCALE, .hist = hist, .negative = negative};
    const struct metric *m = series_find_metric(&store->table, q->metric);
    if (!m)
        return false;
    value_init(&sum); /* it borrows the histograms */
    sum.hist = &out->hist;
    sum.negative = &out->negative;
    for (const struct series *s = m->first; s; s = s->next) {
        if (!series_has(s, q->tags, q->tag_count))
            continue;
        is_there = true;
        read_series(store, s, from_s, to_s == SERIES_TO_NOW ? INT64_MAX : to_s, &sum);
    }
    to_value(out, m, &sum);
    return is_there;
}

void series_store_sum(const struct series_store *store, const struct series *s, int64_t from,
                      int64_t to, struct value *into)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    read_series(store, s, from, to, into);
}

struct series_extent series_store_extent(const struct series_store *store, const struct series *s,
                                         int64_t from, int64_t to)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    const struct history *h = known_history(store, s);
    struct series_extent e = {0};
    for (uint32_t i = first_point(h, from); i < h->count && h->points[i].second < to; i++) {
        e.span = h->points[i].span > e.span ? h->points[i].span : e.span;
        e.count++;
    }
    for (const struct open *o = h->open; o; o = o->next)
        if (o->second >= from && o->second < to) {
            e.span = e.span ? e.span : 1;
            e.count++;
        }
    return e;
}

void series_store_walk(const struct series_store *store, const struct series *s, int64_t from,
                       int64_t to, void (*each)(void *arg, int64_t second, const struct value *v),
                       void *arg)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    const struct history *h = known_history(store, s);
    struct value v;
    value_init(&v);
    for (uint32_t i = first_point(h, from); i < h->count && h->points[i].second < to; i++) {
        value_clear(&v);
        read_point(h, &h->points[i], s->metric->kind, &v);
        each(arg, h->points[i].second, &v);
    }
    value_fini(&v);
    for (const struct open *o = h->open; o; o = o->next)
        if (o->second >= from && o->second < to)
            each(arg, o->second, &o->value);
}

struct series_times series_store_times(const struct series_store *store, const struct series *s)
{
    HANDLE_IS(store, SERIES_STORE_TAG);
    return known_history(store, s)->times;
}
