// SPDX-License-Identifier: MIT
/* remote_write: Prometheus' remote write, 1.0 and 2.0: cumulative values of all families, response
 * times as native histograms, as classic buckets, or as gauges. Each push has one time, later than
 * the one before, so that nothing is out of order; at the end of a run its series are marked stale.
 *
 * 2.0 is spoken until a receiver shows that it does not know it, by a refusal or by an answer
 * without the header that 2.0 demands: then all that is known is sent as 1.0. */
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "master/sink/exposition.h"
#include "master/sink/http_post.h"
#include "master/sink/native.h"
#include "common/base/protobuf.h"
#include <math.h>
#include <snappy-c.h>
#include <stdlib.h>

#define DEFAULT_TARGET "http://localhost:9090/api/v1/write"
#define SERIES_MOST 5000 /* in a push */
#define STALE UINT64_C(0x7ff0000000000002)

enum trend { TREND_NATIVE, TREND_CLASSIC, TREND_GAUGES };

struct remote {
    const struct sink_spec *spec;
    struct http_post *http;
    enum trend trend;
    int version;
    bool may_fall_back, is_k6;
    char prefix[64];
};

/* ---- one series, in either version ------------------------------------------------------- */

struct push {
    struct remote *r;
    const struct families *f;
    struct parcels *out;
    struct sbuf series; /* of the request that is being made */
    size_t count;
    struct sbuf symbols; /* 2.0: as they are sent */
    struct map known;    /* ... struct symbol by its text */
    int64_t at_ms, start_ms;
    bool is_stale;
};

struct one { /* a series */
    struct label labels[POINT_LABELS + 2];
    size_t count;
};

static void add_clean(struct sbuf *b, unsigned field, const char *text)
{
    struct sbuf clean = {0};
    utf8_add_clean(&clean, text, strlen(text));
    pb_bytes(b, field, clean.data ? clean.data : "", clean.len);
    sbuf_fini(&clean);
}

struct symbol {
    uint64_t number;
    char text[];
};

static bool is_symbol(const void *value, const void *key)
{
    return !strcmp(((const struct symbol *)value)->text, key);
}

/* The number of a text in the request; 0 is the empty one. */
static uint64_t symbol(struct push *p, const char *text)
{
    const size_t len = strlen(text);
    const uint64_t hash = map_hash(0, text, len);
    struct symbol *known = map_find(&p->known, hash, is_symbol, text);
    if (known)
        return known->number;
    known = mem_zalloc(sizeof *known + len + 1);
    memcpy(known->text, text, len);
    known->number = p->known.count + 1;
    map_add(&p->known, hash, known);
    add_clean(&p->symbols, 4, text);
    return known->number;
}

static void forget_symbols(struct push *p)
{
    for (size_t i = 0; i < p->known.cap; i++)
        free(p->known.slots[i].value);
    map_clear(&p->known);
    sbuf_clear(&p->symbols);
}

static void put_labels(struct push *p, const struct one *o)
{
    struct sbuf *b = &p->series;
    struct sbuf refs = {0};
    for (size_t i = 0; i < o->count; i++) {
        if (p->r->version == 2) {
            sbuf_add_varint(&refs, symbol(p, o->labels[i].key));
            sbuf_add_varint(&refs, symbol(p, o->labels[i].value));
            continue;
        }
        const size_t at = pb_open(b, 1);
        pb_bytes(b, 1, o->labels[i].key, strlen(o->labels[i].key));
        add_clean(b, 2, o->labels[i].value);
        pb_close(b, at);
    }
    if (p->r->version == 2)
        pb_bytes(b, 1, refs.data, refs.len);
    sbuf_fini(&refs);
}

static void put_sample(struct push *p, double value)
{
    struct sbuf *b = &p->series;
    const size_t at = pb_open(b, 2);
    pb_fixed64(b, 1, p->is_stale ? STALE : pb_bits(value));
    pb_int(b, 2, p->at_ms);
    if (p->r->version == 2 && p->start_ms)
        pb_int(b, 3, p->start_ms);
    pb_close(b, at);
}

static void put_native(struct push *p, const struct sink_row *row)
{
    static const struct native_fields fields = {.schema = 4,
                                                .zero_threshold = 5,
                                                .zero_count = 6,
                                                .positive_spans = 11,
                                                .positive_deltas = 12};
    struct sbuf *b = &p->series;
    const size_t at = pb_open(b, p->r->version == 2 ? 3 : 4);
    pb_uint(b, 1, sink_row_hist(row)->count);
    pb_double(b, 3, (double)row->sum_us / 1e6);
    native_put(b, &fields, sink_row_hist(row));
    pb_int(b, 15, p->at_ms);
    if (p->r->version == 2)
        pb_int(b, 17, p->start_ms);
    pb_close(b, at);
}

static void put_type(struct push *p, const struct family *family)
{
    static const unsigned types[] = {[FAMILY_COUNTER] = 1,
                                     [FAMILY_GAUGE] = 2,
                                     [FAMILY_HISTOGRAM] = 3,
                                     [FAMILY_SUMMARY] = 5,
                                     [FAMILY_INFO] = 6};
    if (p->r->version != 2)
        return;
    const unsigned type =
        family->type == FAMILY_HISTOGRAM && p->r->trend == TREND_GAUGES ? 2 : types[family->type];
    const uint64_t help = symbol(p, family->help);
    const size_t at = pb_open(&p->series, 5);
    pb_uint(&p->series, 1, type);
    pb_uint(&p->series, 3, help);
    pb_close(&p->series, at);
}

static void finish(struct push *p)
{
    struct parcel *made = p->count ? parcels_add(p->out, p->r->version) : NULL;
    struct sbuf raw = {0};
    if (p->r->version == 2) {
        pb_bytes(&raw, 4, "", 0);
        sbuf_add(&raw, p->symbols.data, p->symbols.len);
    }
    sbuf_add(&raw, p->series.data, p->series.len);
    if (made) {
        size_t len = snappy_max_compressed_length(raw.len);
        sbuf_reserve(&made->body, len);
        if (snappy_compress(raw.data, raw.len, made->body.data, &len) != SNAPPY_OK)
            mem_refused("snappy");
        made->body.len = len;
    }
    sbuf_fini(&raw);
    sbuf_clear(&p->series);
    forget_symbols(p);
    p->count = 0;
}

static void insert(struct one *o, const char *key, const char *value)
{
    size_t at = o->count++;
    for (; at > 0 && strcmp(o->labels[at - 1].key, key) > 0; at--)
        o->labels[at] = o->labels[at - 1];
    o->labels[at] = (struct label){key, value};
}

/* One series of the point: its name with that suffix, and one more label or NULL. native: the
 * histogram itself. */
static void put_series(struct push *p, const struct family *family, const struct point *of,
                       const char *suffix, const struct label *more, double value, bool is_native)
{
    struct one o;
    struct sbuf name = {0};
    const char *given = family->name;
    if (p->r->prefix[0] && !strncmp(given, "katydid_", 8))
        sbuf_addf(&name, "%s%s%s", p->r->prefix, given + 8, suffix);
    else
        sbuf_addf(&name, "%s%s", given, suffix);
    o.count = families_labels(p->f, of, o.labels);
    insert(&o, "__name__", name.data);
    if (more)
        insert(&o, more->key, more->value);
    const size_t at = pb_open(&p->series, p->r->version == 2 ? 5 : 1);
    put_labels(p, &o);
    if (is_native && !p->is_stale)
        put_native(p, of->row);
    else
        put_sample(p, value);
    put_type(p, family);
    pb_close(&p->series, at);
    sbuf_fini(&name);
    if (++p->count == SERIES_MOST)
        finish(p);
}

/* ---- all of them ------------------------------------------------------------------------- */

static void put_classic(struct push *p, const struct family *family, const struct point *of)
{
    const size_t last = p->f->bound_count;
    uint64_t counts[SINK_BOUNDS_MOST + 1];
    char bound[32];
    classic_counts(p->f, sink_row_hist(of->row), counts);
    for (size_t i = 0; i <= last; i++) {
        snprintf(bound, sizeof bound, i < last ? "%.10g" : "+Inf", i < last ? p->f->bounds[i] : 0);
        put_series(p, family, of, "_bucket", &(struct label){"le", bound}, (double)counts[i],
                   false);
    }
    put_series(p, family, of, "_sum", NULL, (double)of->row->sum_us / 1e6, false);
    put_series(p, family, of, "_count", NULL, (double)counts[last], false);
}

static void put_gauges(struct push *p, const struct family *family, const struct point *of)
{
    static const struct {
        const char *suffix;
        double share;
    } shares[] = {{"_med", 0.5}, {"_p90", 0.9}, {"_p95", 0.95}, {"_p99", 0.99}};
    const struct sink_row *r = of->row;
    if (sink_row_hist(r)->count == 0)
        return;
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++)
        put_series(p, family, of, shares[i].suffix, NULL,
                   sink_row_quantile_ms(r, shares[i].share) / 1000, false);
    put_series(p, family, of, "_avg", NULL, sink_row_mean_ms(r) / 1000, false);
    put_series(p, family, of, "_min", NULL, (double)r->min_us / 1e6, false);
    put_series(p, family, of, "_max", NULL, (double)r->max_us / 1e6, false);
    put_series(p, family, of, "_count", NULL, (double)sink_row_hist(r)->count, false);
    put_series(p, family, of, "_sum", NULL, (double)r->sum_us / 1e6, false);
}

static void put_summary(struct push *p, const struct family *family, const struct point *of)
{
    char share[32];
    for (size_t i = 0; i < POINT_QUANTILES; i++) {
        snprintf(share, sizeof share, "%g", point_shares[i]);
        put_series(p, family, of, "", &(struct label){"quantile", share}, of->quantiles[i], false);
    }
    put_series(p, family, of, "_sum", NULL, of->sum, false);
    put_series(p, family, of, "_count", NULL, of->count, false);
}

static void put_point(struct push *p, const struct family *family, const struct point *of)
{
    switch (family->type) {
    case FAMILY_HISTOGRAM:
        if (p->r->trend == TREND_NATIVE)
            put_series(p, family, of, p->r->is_k6 ? "_seconds" : "", NULL, 0, true);
        else if (p->r->trend == TREND_CLASSIC)
            put_classic(p, family, of);
        else
            put_gauges(p, family, of);
        break;
    case FAMILY_SUMMARY:
        put_summary(p, family, of);
        break;
    case FAMILY_COUNTER:
        put_series(p, family, of, "_total", NULL, of->value, false);
        break;
    case FAMILY_INFO:
        put_series(p, family, of, "_info", NULL, of->value, false);
        break;
    case FAMILY_GAUGE:
        put_series(p, family, of, "", NULL, of->value, false);
        break;
    }
}

static void put_all(struct push *p, double at)
{
    p->at_ms = (int64_t)floor(at * 1000);
    for (size_t i = 0; i < p->f->count; i++) {
        const struct family *family = &p->f->list[i];
        p->start_ms = family->type == FAMILY_GAUGE || family->type == FAMILY_INFO
                          ? 0
                          : (int64_t)(p->f->started_at * 1000);
        for (size_t k = 0; k < family->count; k++)
            put_point(p, family, &p->f->points[family->first + k]);
    }
    finish(p);
}

/* The mark of staleness is a millisecond later: one time has one value. */
static void pack(void *self, const struct moment *m, struct parcels *out)
{
    struct families f;
    struct remote *r = self;
    if (r->is_k6)
        families_init_k6(&f, m->s, r->spec);
    else
        families_init(&f, m->s, r->spec);
    if (m->is_end && !r->is_k6)
        families_add_stop(&f, m->at);
    struct push p = {.r = r, .f = &f, .out = out};
    put_all(&p, m->at);
    if (m->is_end) {
        p.is_stale = true;
        put_all(&p, m->at + 0.001);
    }
    map_fini(&p.known);
    sbuf_fini(&p.series);
    sbuf_fini(&p.symbols);
    families_fini(&f);
}

/* ---- sending ----------------------------------------------------------------------------- */

static void set_version(struct remote *r, int version)
{
    r->version = version;
    http_post_header(r->http, version == 2
                                  ? "Content-Type: "
                                    "application/x-protobuf;proto=io.prometheus.write.v2.Request"
                                  : "Content-Type: application/x-protobuf");
    http_post_header(r->http, version == 2 ? "X-Prometheus-Remote-Write-Version: 2.0.0"
                                           : "X-Prometheus-Remote-Write-Version: 0.1.0");
}

/* Whether the answer is of somebody who does not know 2.0. */
static bool is_of_first(const struct http_answer *a)
{
    double written;
    const bool is_good = a->status >= 200 && a->status < 300;
    return is_good ? !http_answer_number(a, "x-prometheus-remote-write-samples-written", &written)
                   : a->status == 415 || a->status == 400;
}

static enum delivery deliver(void *self, const struct parcel *p, double timeout_s,
                             struct delivery_trouble *t)
{
    struct remote *r = self;
    struct http_answer a = {0};
    enum delivery d = DELIVERY_LATER;
    if (http_post_send(r->http, "", p->body.data, p->body.len, timeout_s, &a, &t->why) == 0) {
        if (r->may_fall_back && r->version == 2 && is_of_first(&a)) {
            set_version(r, 1);
            d = DELIVERY_ANEW;
        } else {
            d = http_judge(&a, t);
        }
        r->may_fall_back = r->may_fall_back && d != DELIVERED;
    }
    http_answer_fini(&a);
    return d;
}

static int reach(void *self, double timeout_s, struct sbuf *why)
{
    return http_post_reach(((struct remote *)self)->http, timeout_s, why);
}

static void close_it(void *self)
{
    struct remote *r = self;
    http_post_free(r->http);
    free(r);
}

static void set_up(struct remote *r)
{
    const char *token = sink_get(r->spec, "token"), *prefix = sink_get(r->spec, "prefix");
    struct sbuf line = {0};
    r->trend = sink_is_word(r->spec, "trend", "native")    ? TREND_NATIVE
               : sink_is_word(r->spec, "trend", "classic") ? TREND_CLASSIC
                                                           : TREND_GAUGES;
    r->is_k6 = sink_is_word(r->spec, "schema", "k6");
    if (r->is_k6 && r->trend == TREND_CLASSIC)
        r->trend = TREND_GAUGES; /* k6 has no buckets */
    if (prefix)
        snprintf(r->prefix, sizeof r->prefix, "%s", prefix);
    r->may_fall_back = sink_is_word(r->spec, "version", "auto");
    set_version(r, sink_is_word(r->spec, "version", "1") ? 1 : 2);
    http_post_header(r->http, "Content-Encoding: snappy");
    if (!token)
        return;
    sbuf_addf(&line, "Authorization: Bearer %s", token);
    http_post_header(r->http, line.data);
    sbuf_fini(&line);
}

static int make(struct sink_spec *spec, struct output *out, char **why)
{
    static const struct courier_kind kind = {pack, deliver, reach, close_it};
    struct http_post *http = http_post_new(spec, spec->target ? spec->target : DEFAULT_TARGET, why);
    if (!http) {
        sink_spec_free(spec);
        return -1;
    }
    const char *region = sink_get(spec, "aws-region");
    if (region && http_post_sign(http, region, "aps", why) != 0) {
        http_post_free(http);
        sink_spec_free(spec);
        return -1;
    }
    struct remote *r = mem_zalloc(sizeof *r);
    r->spec = spec;
    r->http = http;
    set_up(r);
    *out = courier_output(&kind, r, spec);
    return 0;
}

static const struct sink_key KEYS[] = {
    {"version", SINK_CHOICE, "auto", "auto 1 2", "of remote write; auto: 2, if it is understood"},
    {"trend", SINK_CHOICE, "classic", "classic native gauges",
     "response times as classic buckets, as native histograms, or as gauges of percentiles since "
     "the start"},
    {"schema", SINK_CHOICE, "katydid", "katydid k6",
     "names of the series: ours, or those that k6's own dashboards look for"},
    {"prefix", SINK_TEXT, NULL, NULL, "what names begin with, in place of katydid_"},
    SINK_CLASSIC_KEY,
    SINK_LABELS_KEY,
    {"token", SINK_SECRET, NULL, "KATYDID_OUT_TOKEN", "for Authorization: Bearer"},
    {"aws-region", SINK_TEXT, NULL, NULL,
     "of Amazon Managed Service for Prometheus: signed by the keys in AWS_ACCESS_KEY_ID, "
     "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"},
    SINK_KEYS("5s"),
    SINK_HTTP_KEYS,
};

const struct sink_kind sink_remote_write = {
    "remote-write",
    "Prometheus' remote write, which Mimir, Thanos, VictoriaMetrics and others take too",
    "http://HOST:9090/api/v1/write",
    KEYS,
    sizeof KEYS / sizeof KEYS[0],
    make,
};
