// SPDX-License-Identifier: MIT
/* exposition: see the header. */
#include "master/sink/exposition.h"
#include "common/base/utf8.h"
#include "master/sink/exponential.h"
#include "master/sink/native.h"
#include "common/base/protobuf.h"
#include <math.h>
#include <stdlib.h>

#define TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define OPEN_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define PROTO_TYPE                                                                                 \
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"

enum text_format { FORMAT_TEXT, FORMAT_OPEN, FORMAT_PROTO, FORMATS };

void classic_counts(const struct families *f, const struct hist *h,
                    uint64_t counts[static SINK_BOUNDS_MOST + 1])
{
    for (size_t i = 0; i < f->bound_count; i++)
        counts[i] = hist_count_upto(h, (uint64_t)round(f->bounds[i] * 1e6));
    counts[f->bound_count] = h->count;
}

/* ---- text -------------------------------------------------------------------------------- */

struct text {
    struct sbuf *out;
    const struct families *f;
    bool is_open; /* OpenMetrics */
};

static void add_value(struct sbuf *out, const char *value)
{
    struct sbuf clean = {0};
    utf8_add_clean(&clean, value, strlen(value));
    for (const char *p = clean.data; p && *p; p++) {
        if (*p == '\n')
            sbuf_adds(out, "\\n");
        else if (*p == '\\' || *p == '"')
            sbuf_addf(out, "\\%c", *p);
        else
            sbuf_addc(out, *p);
    }
    sbuf_fini(&clean);
}

static void add_number(struct sbuf *out, double value)
{
    if (isnan(value))
        sbuf_adds(out, "NaN");
    else if (isinf(value))
        sbuf_adds(out, value > 0 ? "+Inf" : "-Inf");
    else if (value >= 0 && value < 1e15 && value == floor(value))
        sbuf_add_u64(out, (uint64_t)value);
    else
        sbuf_addf(out, "%.15g", value);
}

/* One sample; extra: one more label of a format, or NULL. */
static void add_sample(const struct text *t, const struct family *family, const char *suffix,
                       const struct sbuf *labels, const char *extra, double value)
{
    sbuf_addf(t->out, "%s%s{", family->name, suffix);
    sbuf_add(t->out, labels->data, labels->len);
    if (extra)
        sbuf_addf(t->out, "%s%s", labels->len ? "," : "", extra);
    sbuf_adds(t->out, "} ");
    add_number(t->out, value);
    sbuf_addc(t->out, '\n');
}

static void add_histogram(const struct text *t, const struct family *family, const struct point *p,
                          const struct sbuf *labels)
{
    const double *bounds = t->f->bounds;
    const size_t last = t->f->bound_count;
    uint64_t counts[SINK_BOUNDS_MOST + 1];
    char bound[40];
    classic_counts(t->f, sink_row_hist(p->row), counts);
    for (size_t i = 0; i <= last; i++) {
        if (i < last) /* OpenMetrics has floats there */
            snprintf(bound, sizeof bound, "le=\"%.10g%s\"", bounds[i],
                     bounds[i] == floor(bounds[i]) && t->is_open ? ".0" : "");
        else
            snprintf(bound, sizeof bound, "le=\"+Inf\"");
        add_sample(t, family, "_bucket", labels, bound, (double)counts[i]);
    }
    add_sample(t, family, "_sum", labels, NULL, (double)p->row->sum_us / 1e6);
    add_sample(t, family, "_count", labels, NULL, (double)counts[last]);
}

static void add_summary(const struct text *t, const struct family *family, const struct point *p,
                        const struct sbuf *labels)
{
    char share[32];
    for (size_t i = 0; i < POINT_QUANTILES; i++) {
        snprintf(share, sizeof share, "quantile=\"%g\"", point_shares[i]);
        add_sample(t, family, "", labels, share, p->quantiles[i]);
    }
    add_sample(t, family, "_sum", labels, NULL, p->sum);
    add_sample(t, family, "_count", labels, NULL, p->count);
}

static void add_labels(struct sbuf *out, const struct families *f, const struct point *p)
{
    struct label labels[POINT_LABELS];
    const size_t count = families_labels(f, p, labels);
    for (size_t i = 0; i < count; i++) {
        sbuf_addf(out, "%s%s=\"", i ? "," : "", labels[i].key);
        add_value(out, labels[i].value);
        sbuf_addc(out, '"');
    }
}

static void add_point(const struct text *t, const struct family *family, const struct point *p)
{
    struct sbuf labels = {0};
    add_labels(&labels, t->f, p);
    switch (family->type) {
    case FAMILY_HISTOGRAM:
        add_histogram(t, family, p, &labels);
        break;
    case FAMILY_SUMMARY:
        add_summary(t, family, p, &labels);
        break;
    case FAMILY_COUNTER:
        add_sample(t, family, "_total", &labels, NULL, p->value);
        if (t->is_open)
            add_sample(t, family, "_created", &labels, NULL, t->f->started_at);
        break;
    case FAMILY_INFO:
        add_sample(t, family, "_info", &labels, NULL, p->value);
        break;
    case FAMILY_GAUGE:
        add_sample(t, family, "", &labels, NULL, p->value);
        break;
    }
    sbuf_fini(&labels);
}

/* Text 0.0.4 names a counter as its samples, and knows no info. */
static void add_head(const struct text *t, const struct family *family)
{
    static const char *const types[] = {[FAMILY_COUNTER] = "counter",
                                        [FAMILY_GAUGE] = "gauge",
                                        [FAMILY_HISTOGRAM] = "histogram",
                                        [FAMILY_SUMMARY] = "summary",
                                        [FAMILY_INFO] = "info"};
    const char *suffix = t->is_open                       ? ""
                         : family->type == FAMILY_COUNTER ? "_total"
                         : family->type == FAMILY_INFO    ? "_info"
                                                          : "";
    const size_t len = strlen(family->name), unit = strlen(family->unit);
    const char *type = !t->is_open && family->type == FAMILY_INFO ? "gauge" : types[family->type];
    sbuf_addf(t->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", family->name, suffix, family->help,
              family->name, suffix, type);
    if (t->is_open && unit && len > unit && !strcmp(family->name + len - unit, family->unit))
        sbuf_addf(t->out, "# UNIT %s %s\n", family->name, family->unit);
}

static void write_text(const struct families *f, bool is_open, struct sbuf *out)
{
    const struct text t = {out, f, is_open};
    for (size_t i = 0; i < f->count; i++) {
        const struct family *family = &f->list[i];
        if (family->count == 0)
            continue;
        add_head(&t, family);
        for (size_t k = 0; k < family->count; k++)
            add_point(&t, family, &f->points[family->first + k]);
    }
    if (is_open)
        sbuf_adds(out, "# EOF\n");
}

/* ---- protobuf: io.prometheus.client.MetricFamily ------------------------------------------ */

static void put_time(struct sbuf *b, unsigned field, double at)
{
    const size_t stamp = pb_open(b, field);
    pb_int(b, 1, (int64_t)floor(at));
    pb_int(b, 2, (int64_t)((at - floor(at)) * 1e9));
    pb_close(b, stamp);
}

static void put_buckets(struct sbuf *b, const struct families *f, const struct hist *h)
{
    uint64_t counts[SINK_BOUNDS_MOST + 1];
    classic_counts(f, h, counts);
    for (size_t i = 0; i <= f->bound_count; i++) {
        const size_t bucket = pb_open(b, 3);
        pb_uint(b, 1, counts[i]);
        pb_double(b, 2, i < f->bound_count ? f->bounds[i] : (double)INFINITY);
        pb_close(b, bucket);
    }
}

/* Classic and native at once: the scraper takes what it is configured for. */
static void put_histogram(struct sbuf *b, const struct families *f, const struct point *p)
{
    static const struct native_fields fields = {.schema = 5,
                                                .zero_threshold = 6,
                                                .zero_count = 7,
                                                .positive_spans = 12,
                                                .positive_deltas = 13};
    const size_t at = pb_open(b, 7);
    pb_uint(b, 1, sink_row_hist(p->row)->count);
    pb_double(b, 2, (double)p->row->sum_us / 1e6);
    put_buckets(b, f, sink_row_hist(p->row));
    native_put(b, &fields, sink_row_hist(p->row));
    put_time(b, 15, f->started_at);
    pb_close(b, at);
}

static void put_summary(struct sbuf *b, const struct point *p)
{
    const size_t at = pb_open(b, 4);
    pb_uint(b, 1, (uint64_t)p->count);
    pb_double(b, 2, p->sum);
    for (size_t i = 0; i < POINT_QUANTILES; i++) {
        const size_t quantile = pb_open(b, 3);
        pb_double(b, 1, point_shares[i]);
        pb_double(b, 2, p->quantiles[i]);
        pb_close(b, quantile);
    }
    pb_close(b, at);
}

static void put_text(struct sbuf *b, unsigned field, const char *text)
{
    struct sbuf clean = {0};
    utf8_add_clean(&clean, text, strlen(text));
    pb_bytes(b, field, clean.data ? clean.data : "", clean.len);
    sbuf_fini(&clean);
}

static void put_number(struct sbuf *b, const struct families *f, const struct family *family,
                       double value)
{
    const size_t at = pb_open(b, family->type == FAMILY_COUNTER ? 3 : 2);
    pb_double(b, 1, value);
    if (family->type == FAMILY_COUNTER)
        put_time(b, 3, f->started_at);
    pb_close(b, at);
}

static void put_metric(struct sbuf *b, const struct families *f, const struct family *family,
                       const struct point *p)
{
    struct label labels[POINT_LABELS];
    const size_t count = families_labels(f, p, labels), metric = pb_open(b, 4);
    for (size_t i = 0; i < count; i++) {
        const size_t at = pb_open(b, 1);
        put_text(b, 1, labels[i].key);
        put_text(b, 2, labels[i].value);
        pb_close(b, at);
    }
    if (family->type == FAMILY_HISTOGRAM)
        put_histogram(b, f, p);
    else if (family->type == FAMILY_SUMMARY)
        put_summary(b, p);
    else
        put_number(b, f, family, p->value);
    pb_close(b, metric);
}

static void write_proto(const struct families *f, struct sbuf *out)
{
    static const unsigned types[] = {[FAMILY_COUNTER] = 0,
                                     [FAMILY_GAUGE] = 1,
                                     [FAMILY_HISTOGRAM] = 4,
                                     [FAMILY_SUMMARY] = 2,
                                     [FAMILY_INFO] = 1};
    for (size_t i = 0; i < f->count; i++) {
        const struct family *family = &f->list[i];
        struct sbuf b = {0};
        if (family->count == 0)
            continue;
        struct sbuf name = {0};
        sbuf_addf(&name, "%s%s", family->name,
                  family->type == FAMILY_COUNTER ? "_total"
                  : family->type == FAMILY_INFO  ? "_info"
                                                 : "");
        pb_bytes(&b, 1, name.data, name.len);
        sbuf_fini(&name);
        pb_bytes(&b, 2, family->help, strlen(family->help));
        pb_uint(&b, 3, types[family->type]);
        for (size_t k = 0; k < family->count; k++)
            put_metric(&b, f, family, &f->points[family->first + k]);
        sbuf_add_varint(out, b.len);
        sbuf_add(out, b.data, b.len);
        sbuf_fini(&b);
    }
}

/* ---- which form -------------------------------------------------------------------------- */

static const char *find(const char *text, size_t len, const char *word)
{
    const char *at = memmem(text, len, word, strlen(word));
    return at ? at + strlen(word) : NULL;
}

/* What one entry of Accept asks for; FORMATS: nothing of ours. */
static enum text_format form_of(const char *entry, size_t len)
{
    if (find(entry, len, "application/vnd.google.protobuf"))
        return find(entry, len, "io.prometheus.client.MetricFamily") &&
                       find(entry, len, "delimited")
                   ? FORMAT_PROTO
                   : FORMATS;
    if (find(entry, len, "application/openmetrics-text"))
        return FORMAT_OPEN;
    return find(entry, len, "text/plain") || find(entry, len, "*/*") ? FORMAT_TEXT : FORMATS;
}

/* Of equal weights the richer one. */
static enum text_format choose(const char *accept)
{
    enum text_format best = FORMAT_TEXT;
    double most = 0;
    while (accept && *accept) {
        const size_t len = strcspn(accept, ",");
        const enum text_format form = form_of(accept, len);
        const char *q = find(accept, len, ";q=");
        const double weight = q ? strtod(q, NULL) : 1;
        if (form != FORMATS && (weight > most || (weight == most && form > best))) {
            best = form;
            most = weight;
        }
        accept += len + strspn(accept + len, ", ");
    }
    return best;
}

const char *exposition_write(const struct snapshot *s, const struct kept *kept,
                             const struct sink_spec *spec, const char *accept, struct sbuf *out)
{
    static const char *const types[FORMATS] = {TEXT_TYPE, OPEN_TYPE, PROTO_TYPE};
    const enum text_format form = choose(accept);
    struct families f;
    families_init(&f, s, spec);
    if (kept)
        families_add_kept(&f, kept);
    if (form == FORMAT_PROTO)
        write_proto(&f, out);
    else
        write_text(&f, form == FORMAT_OPEN, out);
    families_fini(&f);
    return types[form];
}
