// SPDX-License-Identifier: MIT
/* otlp: OpenTelemetry's metrics as protobuf: all families as sums and gauges, response
 * times as exponential histograms. Cumulative, which is what stores like Prometheus' want, or of
 * the time since the push before (delta), which others do. */
#include "common/base/mem.h"
#include "common/base/protobuf.h"
#include "master/sink/exponential.h"
#include "master/sink/families.h"
#include "master/sink/k6_rows.h"
#include "master/sink/otlp_link.h"
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#define SCALE_MOST 7
#define DELTA_INTERVAL "1s" /* unless another is given */
enum { DELTA = 1, CUMULATIVE = 2 };
enum { HISTOGRAM = 9, EXPONENTIAL = 10 }; /* of Metric */

enum about { /* rows that a metric is about */
             ABOUT_ALL,
             ABOUT_HTTP, /* with the attributes that the conventions have for it */
             ABOUT_OTHERS,
};

struct address { /* of the target */
    const char *name;
    size_t len;
    unsigned port; /* 0: not known */
};

struct otlp {
    const struct sink_spec *spec;
    struct otlp_link *link;
    int temporality;
    bool is_explicit;    /* histograms with buckets that were chosen */
    bool is_like_locust; /* what Locust's --otel has is there by its names, too */
};

struct batch {
    const struct otlp *o;
    const struct families *f, *old; /* old: of the push before; or NULL */
    const struct moment *m;
    struct sbuf *b;
    uint64_t start_ns, now_ns;
    struct address host;
};

/* ---- attributes -------------------------------------------------------------------------- */

static void put_attributes(const struct batch *x, unsigned field, const struct point *p)
{
    for (size_t i = 0; i < p->label_count; i++) {
        const struct label *l = &x->f->labels[p->first_label + i];
        otlp_put_attribute(x->b, field, l->key, l->value);
    }
}

/* http://shop.example:8080/path; of anything else nothing is known. */
static struct address address_of(const char *url)
{
    struct address a = {0};
    const bool is_tls = !strncasecmp(url, "https://", 8);
    if (!is_tls && strncasecmp(url, "http://", 7) != 0)
        return a;
    a.name = url + (is_tls ? 8 : 7);
    size_t len = strcspn(a.name, "/?#");
    const char *user = memchr(a.name, '@', len);
    if (user) {
        len -= (size_t)(user + 1 - a.name);
        a.name = user + 1;
    }
    const char *bracket = *a.name == '[' ? memchr(a.name, ']', len) : NULL;
    const size_t before = bracket ? (size_t)(bracket + 1 - a.name) : 0;
    const char *colon = memchr(a.name + before, ':', len - before);
    a.port = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : is_tls ? 443 : 80;
    a.len = colon ? (size_t)(colon - a.name) : len;
    if (bracket) {
        a.name++;
        a.len = before - 2;
    }
    return a;
}

/* A row whose name is an URL went there, any other to the host of the test. */
static void put_conventions(const struct batch *x, unsigned field, const struct point *p)
{
    const struct address own = address_of(p->row->name), a = own.len ? own : x->host;
    char *name = mem_dup(a.len ? a.name : "", a.len);
    for (size_t i = 0; i < p->label_count; i++) {
        const struct label *l = &x->f->labels[p->first_label + i];
        otlp_put_attribute(x->b, field,
                           !strcmp(l->key, "method") ? "http.request.method"
                           : !strcmp(l->key, "name") ? "request.name"
                                                     : l->key,
                           l->value);
    }
    otlp_put_attribute(x->b, field, "server.address", name);
    if (a.port)
        otlp_put_number(x->b, field, "server.port", a.port);
    free(name);
}

/* ---- points ------------------------------------------------------------------------------ */

static void put_times(const struct batch *x)
{
    pb_fixed64(x->b, 2, x->start_ns);
    pb_fixed64(x->b, 3, x->now_ns);
}

static void put_number(const struct batch *x, const struct point *p, double value)
{
    const size_t at = pb_open(x->b, 1);
    put_times(x);
    pb_double(x->b, 4, value);
    put_attributes(x, 7, p);
    pb_close(x->b, at);
}

static void put_exponential(const struct batch *x, const struct sink_row *r)
{
    struct exponential e;
    struct sbuf counts = {0}, *b = x->b;
    exponential_of(sink_row_hist(r), SCALE_MOST, &e);
    pb_sint(b, 6, e.scale);
    pb_fixed64(b, 7, e.zeros);
    const size_t positive = pb_open(b, 8);
    pb_sint(b, 1, e.first - 1); /* bucket i begins at base^i there */
    for (unsigned i = 0; i < e.length; i++)
        sbuf_add_varint(&counts, e.counts[i]);
    pb_bytes(b, 2, counts.data ? counts.data : "", counts.len);
    pb_close(b, positive);
    sbuf_fini(&counts);
}

static void put_explicit(const struct batch *x, const struct sink_row *r)
{
    const struct hist *h = sink_row_hist(r);
    struct sbuf *b = x->b;
    uint64_t before = 0;
    const size_t counts = pb_open(b, 6);
    for (size_t i = 0; i <= x->f->bound_count; i++) {
        const uint64_t upto = i < x->f->bound_count
                                  ? hist_count_upto(h, (uint64_t)round(x->f->bounds[i] * 1e6))
                                  : h->count;
        pb_fixed(b, upto - before);
        before = upto;
    }
    pb_close(b, counts);
    const size_t bounds = pb_open(b, 7);
    for (size_t i = 0; i < x->f->bound_count; i++)
        pb_fixed(b, pb_bits(x->f->bounds[i]));
    pb_close(b, bounds);
}

static void put_histogram(const struct batch *x, const struct point *p, const struct sink_row *r,
                          enum about about)
{
    struct sbuf *b = x->b;
    const bool is_explicit = x->o->is_explicit;
    const unsigned attributes = is_explicit ? 9 : 1, least = is_explicit ? 11 : 12;
    const size_t at = pb_open(b, 1);
    if (about == ABOUT_HTTP)
        put_conventions(x, attributes, p);
    else
        put_attributes(x, attributes, p);
    put_times(x);
    pb_fixed64(b, 4, sink_row_hist(r)->count);
    pb_double(b, 5, (double)r->sum_us / 1e6);
    if (is_explicit)
        put_explicit(x, r);
    else
        put_exponential(x, r);
    if (sink_row_hist(r)->count) {
        pb_double(b, least, (double)r->min_us / 1e6);
        pb_double(b, least + 1, (double)r->max_us / 1e6);
    }
    pb_close(b, at);
}

/* What the point was in the push before. */
static double value_before(const struct batch *x, const struct family *family,
                           const struct point *p)
{
    const struct family *old = NULL;
    for (size_t i = 0; x->old && i < x->old->count; i++)
        if (!strcmp(x->old->list[i].name, family->name))
            old = &x->old->list[i];
    for (size_t k = 0; old && k < old->count; k++) { /* usually at the same place */
        const size_t place = (size_t)(p - x->f->points) - family->first + k;
        const struct point *o = &x->old->points[old->first + place % old->count];
        bool is_same = o->label_count == p->label_count;
        for (size_t i = 0; is_same && i < p->label_count; i++)
            is_same = !strcmp(x->f->labels[p->first_label + i].value,
                              x->old->labels[o->first_label + i].value) &&
                      !strcmp(x->f->labels[p->first_label + i].key,
                              x->old->labels[o->first_label + i].key);
        if (is_same)
            return o->value;
    }
    return 0;
}

/* ---- metrics ----------------------------------------------------------------------------- */

static void put_head(const struct batch *x, const char *name, const struct family *family)
{
    otlp_put_text(x->b, 1, name);
    otlp_put_text(x->b, 2, family->help);
    otlp_put_text(x->b, 3,
                  !strcmp(family->unit, "seconds") ? "s"
                  : !strcmp(family->unit, "bytes") ? "By"
                                                   : "");
}

/* katydid_users as katydid.users; a unit is no part of a name here: katydid_bytes_sent as
 * katydid.sent. */
static char *name_of(const struct family *family)
{
    static const char ours[] = "katydid_";
    struct sbuf name = {0};
    const char *rest = family->name;
    const size_t unit = strlen(family->unit);
    if (!strncmp(rest, ours, sizeof ours - 1)) {
        sbuf_adds(&name, "katydid.");
        rest += sizeof ours - 1;
    }
    if (unit && !strncmp(rest, family->unit, unit) && rest[unit] == '_')
        rest += unit + 1;
    size_t len = strlen(rest);
    if (unit && len > unit + 1 && !strcmp(rest + len - unit, family->unit))
        len -= unit + 1;
    sbuf_add(&name, rest, len);
    return sbuf_take(&name);
}

static void put_sum(const struct batch *x, const struct family *family)
{
    const size_t sum = pb_open(x->b, 7);
    for (size_t k = 0; k < family->count; k++) {
        const struct point *p = &x->f->points[family->first + k];
        const double before = x->o->temporality == DELTA ? value_before(x, family, p) : 0;
        put_number(x, p, p->value - before);
    }
    pb_uint(x->b, 2, (uint64_t)x->o->temporality);
    pb_uint(x->b, 3, 1);
    pb_close(x->b, sum);
}

/* Of a trend of the script: quantiles since the start as gauges. */
static void put_quantiles(const struct batch *x, const struct family *family)
{
    const size_t gauge = pb_open(x->b, 5);
    char share[16];
    for (size_t k = 0; k < family->count; k++) {
        const struct point *p = &x->f->points[family->first + k];
        for (size_t i = 0; i < POINT_QUANTILES; i++) {
            const size_t at = pb_open(x->b, 1);
            put_times(x);
            pb_double(x->b, 4, p->quantiles[i]);
            put_attributes(x, 7, p);
            snprintf(share, sizeof share, "%g", point_shares[i]);
            otlp_put_attribute(x->b, 7, "quantile", share);
            pb_close(x->b, at);
        }
    }
    pb_close(x->b, gauge);
}

static void put_gauge(const struct batch *x, const struct family *family)
{
    const size_t gauge = pb_open(x->b, 5);
    for (size_t k = 0; k < family->count; k++) {
        const struct point *p = &x->f->points[family->first + k];
        if (!isnan(p->value))
            put_number(x, p, p->value);
    }
    pb_close(x->b, gauge);
}

static bool is_about(const struct point *p, enum about about)
{
    const bool is_http = k6_row_of(p->row->method) == K6_HTTP;
    return about == ABOUT_ALL || is_http == (about == ABOUT_HTTP);
}

static void put_histograms(const struct batch *x, const struct family *family,
                           const struct sink_rows *gained, enum about about)
{
    const size_t histogram = pb_open(x->b, x->o->is_explicit ? HISTOGRAM : EXPONENTIAL);
    size_t at = 0;
    for (size_t k = 0; k < family->count; k++) {
        const struct point *p = &x->f->points[family->first + k];
        if (!is_about(p, about))
            continue;
        if (x->o->temporality == CUMULATIVE)
            put_histogram(x, p, p->row, about);
        const struct sink_row *more = gained ? sink_rows_find(gained, p->row, &at) : NULL;
        if (more)
            put_histogram(x, p, more, about);
    }
    pb_uint(x->b, 2, (uint64_t)x->o->temporality);
    pb_close(x->b, histogram);
}

static void put_family(const struct batch *x, const char *name, const struct family *family,
                       const struct sink_rows *gained, enum about about)
{
    const size_t metric = pb_open(x->b, 2);
    put_head(x, name, family);
    switch (family->type) {
    case FAMILY_HISTOGRAM:
        put_histograms(x, family, gained, about);
        break;
    case FAMILY_COUNTER:
        put_sum(x, family);
        break;
    case FAMILY_SUMMARY:
        put_quantiles(x, family);
        break;
    case FAMILY_GAUGE:
    case FAMILY_INFO:
        put_gauge(x, family);
        break;
    }
    pb_close(x->b, metric);
}

/* As Locust's --otel calls it; NULL: it has no such metric. */
static const char *name_in_locust(const struct family *family)
{
    return !strcmp(family->name, "katydid_request_duration_seconds") ? "locust.client.duration"
           : !strcmp(family->name, "katydid_users")                  ? "locust.users.count"
                                                                     : NULL;
}

/* What is HTTP by the name of the conventions; a metric without points is not sent. */
static void put_durations(const struct batch *x, const struct family *family,
                          const struct sink_rows *gained)
{
    static const char *const names[] = {
        [ABOUT_HTTP] = "http.client.request.duration", [ABOUT_OTHERS] = "katydid.request.duration"};
    for (enum about about = ABOUT_HTTP; about <= ABOUT_OTHERS; about++)
        for (size_t k = 0; k < family->count; k++)
            if (is_about(&x->f->points[family->first + k], about)) {
                put_family(x, names[about], family, gained, about);
                break;
            }
}

static void put_named(const struct batch *x, const struct family *family,
                      const struct sink_rows *gained)
{
    char *name = name_of(family);
    const char *theirs = x->o->is_like_locust ? name_in_locust(family) : NULL;
    if (family->type == FAMILY_HISTOGRAM)
        put_durations(x, family, gained);
    else
        put_family(x, name, family, gained, ABOUT_ALL);
    if (theirs)
        put_family(x, theirs, family, gained, ABOUT_ALL);
    free(name);
}

static void put_request(const struct batch *x, const struct sink_rows *gained)
{
    const size_t resource_metrics = pb_open(x->b, 1);
    otlp_put_resource(x->b, x->o->spec, x->m->s, NULL);
    const size_t scope_metrics = pb_open(x->b, 2);
    otlp_put_scope(x->b);
    for (size_t i = 0; i < x->f->count; i++)
        if (x->f->list[i].count)
            put_named(x, &x->f->list[i], gained);
    pb_close(x->b, scope_metrics);
    pb_close(x->b, resource_metrics);
}

static void pack(void *self, const struct moment *m, struct parcels *out)
{
    const struct otlp *o = self;
    const bool is_delta = o->temporality == DELTA;
    struct families f, old = {0};
    struct sink_rows gained;
    families_init(&f, m->s, o->spec);
    if (is_delta && m->since)
        families_init(&old, m->since, o->spec);
    if (is_delta)
        sink_rows_init_by(&gained, m->s, m->since, (size_t)sink_number(o->spec, "names"),
                          sink_labels(o->spec));
    const double start = is_delta && m->since ? m->since->view->now : f.started_at;
    const struct batch x = {.o = o,
                            .f = &f,
                            .old = is_delta && m->since ? &old : NULL,
                            .m = m,
                            .b = &parcels_add(out, 0)->body,
                            .start_ns = (uint64_t)(start * 1e9),
                            .now_ns = (uint64_t)(m->at * 1e9),
                            .host = address_of(m->s->view->host ? m->s->view->host : "")};
    put_request(&x, is_delta ? &gained : NULL);
    otlp_link_seal(o->link, x.b);
    if (x.old)
        families_fini(&old);
    if (is_delta)
        sink_rows_fini(&gained);
    families_fini(&f);
}

/* ---- sending ----------------------------------------------------------------------------- */

static enum delivery deliver(void *self, const struct parcel *p, double timeout_s,
                             struct delivery_trouble *t)
{
    struct otlp *o = self;
    const enum delivery d = otlp_link_deliver(o->link, p, timeout_s, t);
    t->refused = 0; /* a push is what is counted here */
    if (d == DELIVERY_REFUSED && o->temporality == DELTA && t->why.data &&
        strstr(t->why.data, "answers 500"))
        sbuf_adds(&t->why, " (it may want temporality=cumulative)");
    return d;
}

static int reach(void *self, double timeout_s, struct sbuf *why)
{
    return otlp_link_reach(((struct otlp *)self)->link, timeout_s, why);
}

static void close_it(void *self)
{
    struct otlp *o = self;
    otlp_link_free(o->link);
    free(o);
}

static int make(struct sink_spec *spec, struct output *out, char **why)
{
    static const struct courier_kind kind = {pack, deliver, reach, close_it};
    struct otlp_link *link = otlp_link_new(spec, OTLP_METRICS, why);
    const bool is_delta = link && !sink_is_word(spec, "temporality", "cumulative");
    if (is_delta && !sink_set_missing(spec, "interval", DELTA_INTERVAL, why)) {
        otlp_link_free(link);
        link = NULL;
    }
    if (!link) {
        sink_spec_free(spec);
        return -1;
    }
    struct otlp *o = mem_zalloc(sizeof *o);
    o->spec = spec;
    o->link = link;
    o->temporality = is_delta ? DELTA : CUMULATIVE;
    o->is_explicit = sink_is_word(spec, "histogram", "explicit_bucket_histogram");
    o->is_like_locust = sink_is_word(spec, "compat", "locust");
    *out = courier_output(&kind, o, spec);
    return 0;
}

static const struct sink_key KEYS[] = {
    {"temporality", SINK_CHOICE, "cumulative", "cumulative delta lowmemory",
     "since the start, or since the push before (lowmemory: likewise), then by itself every "
     "second; or as "
     "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE has it"},
    {"histogram", SINK_CHOICE, "base2_exponential_bucket_histogram",
     "base2_exponential_bucket_histogram explicit_bucket_histogram",
     "explicit_bucket_histogram: with the bounds of `buckets`; or as "
     "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION has it"},
    SINK_CLASSIC_KEY,
    SINK_LABELS_KEY,
    {"compat", SINK_CHOICE, "none", "none locust",
     "locust: response times and users also by the names of Locust's --otel"},
    OTLP_KEYS,
    SINK_KEYS("5s"),
};

const struct sink_kind sink_otlp = {
    "otlp",
    "OpenTelemetry's metrics, over HTTP or gRPC; OTEL_EXPORTER_OTLP_* are heard",
    "http://HOST:4318, of gRPC http://HOST:4317",
    KEYS,
    sizeof KEYS / sizeof KEYS[0],
    make,
};
