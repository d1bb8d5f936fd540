// SPDX-License-Identifier: MIT
/* otlp: OpenTelemetry's metrics as protobuf over HTTP: all families as sums and gauges, response
 * times as exponential histograms. Cumulative, which is what stores like Prometheus' want, or of
 * the time since the push before (delta), which others do. */
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "master/sink/exponential.h"
#include "master/sink/figures.h"
#include "master/sink/http_post.h"
#include "master/sink/protobuf.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#define DEFAULT_TARGET "http://localhost:4318"
#define PATH "/v1/metrics"
#define SCALE_MOST 7
enum { DELTA = 1, CUMULATIVE = 2 };

struct otlp {
    const struct sink_spec *spec;
    struct http_post *http;
    bool is_gzip;
    int temporality;
    char host[256];
};

struct batch {
    const struct otlp *o;
    const struct families *f, *old; /* old: of the push before; or NULL */
    const struct moment *m;
    struct sbuf *b;
    uint64_t start_ns, now_ns;
};

/* ---- attributes -------------------------------------------------------------------------- */

static void put_text(struct sbuf *b, unsigned field, const char *text)
{
    struct sbuf clean = {0};
    utf8_add_clean(&clean, text, strlen(text));
    pb_bytes(b, field, clean.data ? clean.data : "", clean.len);
    sbuf_fini(&clean);
}

static void put_attribute(struct sbuf *b, unsigned field, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    const size_t at = pb_open(b, field);
    put_text(b, 1, key);
    const size_t any = pb_open(b, 2);
    put_text(b, 1, value);
    pb_close(b, any);
    pb_close(b, at);
}

static void put_attributes(const struct batch *x, unsigned field, const struct point *p)
{
    for (size_t i = 0; i < p->label_count; i++) {
        const struct label *l = &x->f->labels[p->first_label + i];
        put_attribute(x->b, field, l->key, l->value);
    }
}

/* key=value,key=value as in OTEL_RESOURCE_ATTRIBUTES. */
static void put_listed(struct sbuf *b, const char *list)
{
    while (list && *list) {
        const size_t len = strcspn(list, ",");
        char *pair = mem_dup(list, len), *value = strchr(pair, '=');
        if (value) {
            *value++ = 0;
            put_attribute(b, 1, pair, value);
        }
        free(pair);
        list += len + (list[len] == ',');
    }
}

static void put_resource(const struct batch *x)
{
    const struct view *v = x->m->s->view;
    const char *service = sink_get(x->o->spec, "service"), *given = getenv("OTEL_SERVICE_NAME");
    const size_t at = pb_open(x->b, 1);
    put_attribute(x->b, 1, "service.name", service ? service : given && *given ? given : "katydid");
    put_attribute(x->b, 1, "service.version", v->version);
    put_attribute(x->b, 1, "host.name", x->o->host);
    put_attribute(x->b, 1, "test.run.id", v->run_id);
    put_attribute(x->b, 1, "filename", v->locustfile);
    for (size_t i = 0; i < x->f->common_count; i++)
        put_attribute(x->b, 1, x->f->common[i].key, x->f->common[i].value);
    put_listed(x->b, getenv("OTEL_RESOURCE_ATTRIBUTES"));
    pb_close(x->b, at);
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

static void put_histogram(const struct batch *x, const struct point *p, const struct figure_row *r)
{
    struct exponential e;
    struct sbuf counts = {0}, *b = x->b;
    const size_t at = pb_open(b, 1);
    exponential_of(figure_hist(r), SCALE_MOST, &e);
    put_attributes(x, 1, p);
    put_times(x);
    pb_fixed64(b, 4, figure_hist(r)->count);
    pb_double(b, 5, (double)r->sum_us / 1e6);
    pb_sint(b, 6, e.scale);
    pb_fixed64(b, 7, e.zeros);
    const size_t positive = pb_open(b, 8);
    pb_sint(b, 1, e.first - 1); /* bucket i begins at base^i there */
    for (unsigned i = 0; i < e.length; i++)
        sbuf_add_varint(&counts, e.counts[i]);
    pb_bytes(b, 2, counts.data ? counts.data : "", counts.len);
    pb_close(b, positive);
    if (figure_hist(r)->count) {
        pb_double(b, 12, (double)r->min_us / 1e6);
        pb_double(b, 13, (double)r->max_us / 1e6);
    }
    pb_close(b, at);
    sbuf_fini(&counts);
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
                              x->old->labels[o->first_label + i].value);
        if (is_same)
            return o->value;
    }
    return 0;
}

/* ---- metrics ----------------------------------------------------------------------------- */

static void put_head(const struct batch *x, const char *name, const struct family *family)
{
    put_text(x->b, 1, name);
    put_text(x->b, 2, family->help);
    put_text(x->b, 3,
             !strcmp(family->unit, "seconds") ? "s"
             : !strcmp(family->unit, "bytes") ? "By"
                                              : "");
}

/* katydid_users as katydid.users; a unit is no part of a name here. */
static char *name_of(const struct family *family)
{
    struct sbuf name = {0};
    size_t len = strlen(family->name);
    const size_t unit = strlen(family->unit);
    if (!strcmp(family->name, "katydid_request_duration_seconds"))
        return mem_strdup("http.client.request.duration");
    if (unit && len > unit + 1 && !strcmp(family->name + len - unit, family->unit))
        len -= unit + 1;
    sbuf_add(&name, family->name, len);
    if (!strncmp(name.data, "katydid_", 8))
        name.data[7] = '.';
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
            put_attribute(x->b, 7, "quantile", share);
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

static void put_histograms(const struct batch *x, const struct family *family,
                           const struct figures *gained)
{
    const size_t histogram = pb_open(x->b, 10);
    for (size_t k = 0; k < family->count; k++) {
        const struct point *p = &x->f->points[family->first + k];
        if (x->o->temporality == CUMULATIVE)
            put_histogram(x, p, p->row);
        for (size_t i = 0; gained && i < gained->row_count; i++)
            if (!strcmp(gained->rows[i].name, p->row->name) &&
                !strcmp(gained->rows[i].method, p->row->method)) {
                put_histogram(x, p, &gained->rows[i]);
                break;
            }
    }
    pb_uint(x->b, 2, (uint64_t)x->o->temporality);
    pb_close(x->b, histogram);
}

static void put_family(const struct batch *x, const struct family *family,
                       const struct figures *gained)
{
    char *name = name_of(family);
    const size_t metric = pb_open(x->b, 2);
    put_head(x, name, family);
    switch (family->type) {
    case FAMILY_HISTOGRAM:
        put_histograms(x, family, gained);
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
    free(name);
}

static void put_request(const struct batch *x, const struct figures *gained)
{
    const size_t resource_metrics = pb_open(x->b, 1);
    put_resource(x);
    const size_t scope_metrics = pb_open(x->b, 2);
    const size_t scope = pb_open(x->b, 1);
    put_text(x->b, 1, "katydid");
    put_text(x->b, 2, KATYDID_VERSION);
    pb_close(x->b, scope);
    for (size_t i = 0; i < x->f->count; i++)
        if (x->f->list[i].count)
            put_family(x, &x->f->list[i], gained);
    pb_close(x->b, scope_metrics);
    pb_close(x->b, resource_metrics);
}

static void pack(void *self, const struct moment *m, struct parcels *out)
{
    const struct otlp *o = self;
    const bool is_delta = o->temporality == DELTA;
    struct families f, old;
    struct figures gained;
    families_init(&f, m->s, o->spec);
    if (is_delta && m->since)
        families_init(&old, m->since, o->spec);
    if (is_delta)
        figures_init(&gained, m->s, m->since, (size_t)sink_number(o->spec, "names"));
    const double start = is_delta && m->since ? m->since->view->now : f.started_at;
    const struct batch x = {.o = o,
                            .f = &f,
                            .old = is_delta && m->since ? &old : NULL,
                            .m = m,
                            .b = &parcels_add(out, 0)->body,
                            .start_ns = (uint64_t)(start * 1e9),
                            .now_ns = (uint64_t)(m->at * 1e9)};
    put_request(&x, is_delta ? &gained : NULL);
    if (o->is_gzip)
        http_gzip(x.b);
    if (x.old)
        families_fini(&old);
    if (is_delta)
        figures_fini(&gained);
    families_fini(&f);
}

/* ---- sending ----------------------------------------------------------------------------- */

/* Of ExportMetricsServiceResponse.partial_success (1): rejected_data_points (1), error_message (2).
 * Full success may have an empty one. */
static uint64_t rejected(const struct sbuf *body, struct sbuf *message)
{
    const unsigned char *p = (const unsigned char *)body->data, *end = p ? p + body->len : p;
    uint64_t key, len, number = 0;
    if (!p || !varint_read(&p, end, &key) || key != (1 << 3 | PB_BYTES) ||
        !varint_read(&p, end, &len) || len > (uint64_t)(end - p))
        return 0;
    end = p + len;
    while (p < end && varint_read(&p, end, &key) && varint_read(&p, end, &len)) {
        if (key == (1 << 3 | PB_VARINT))
            number = len;
        if (key != (2 << 3 | PB_BYTES))
            continue;
        if (len > (uint64_t)(end - p))
            break;
        sbuf_add(message, p, len < 200 ? len : 200);
        p += len;
    }
    return number;
}

static enum delivery judge(const struct otlp *o, const struct http_answer *a,
                           struct delivery_trouble *t)
{
    enum delivery d = http_judge(a, t);
    if (d == DELIVERED) {
        struct sbuf message = {0};
        const uint64_t lost = rejected(&a->body, &message);
        if (lost)
            sbuf_addf(&t->why, "the receiver rejects %" PRIu64 " points: %s", lost,
                      message.data ? message.data : "");
        sbuf_fini(&message);
        return lost ? DELIVERY_REFUSED : DELIVERED;
    }
    if (a->status == 500 && o->temporality == DELTA)
        sbuf_adds(&t->why, " (it may want temporality=cumulative)");
    return d == DELIVERY_LATER && a->status != 429 && (a->status < 502 || a->status > 504)
               ? DELIVERY_REFUSED
               : d;
}

static enum delivery deliver(void *self, const struct parcel *p, double timeout_s,
                             struct delivery_trouble *t)
{
    struct otlp *o = self;
    struct http_answer a = {0};
    enum delivery d = DELIVERY_LATER;
    if (http_post_send(o->http, "", p->body.data, p->body.len, timeout_s, &a, &t->why) == 0)
        d = judge(o, &a, t);
    http_answer_fini(&a);
    return d;
}

static int reach(void *self, double timeout_s, struct sbuf *why)
{
    return http_post_reach(((struct otlp *)self)->http, timeout_s, why);
}

static void close_it(void *self)
{
    struct otlp *o = self;
    http_post_free(o->http);
    free(o);
}

static const char *of_environment(const char *special, const char *general)
{
    const char *value = getenv(special);
    if (!value || !*value)
        value = getenv(general);
    return value && *value ? value : NULL;
}

/* A special endpoint is used as it is, the general one and a target without a path get ours. */
static char *address_of(const struct sink_spec *spec)
{
    struct sbuf base = {0};
    const char *special = getenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
    const char *general = getenv("OTEL_EXPORTER_OTLP_ENDPOINT");
    if (!spec->target && special && *special)
        return mem_strdup(special);
    const char *target = spec->target ? spec->target : general && *general ? general : NULL;
    sbuf_adds(&base, target ? target : DEFAULT_TARGET);
    while (base.len && base.data[base.len - 1] == '/')
        base.data[--base.len] = 0;
    const char *host = base.data ? strstr(base.data, "://") : NULL;
    if (!spec->target || !host || !strchr(host + 3, '/'))
        sbuf_adds(&base, PATH);
    return sbuf_take(&base);
}

/* key=value,… of OTEL_EXPORTER_OTLP_HEADERS. */
static void add_headers(struct http_post *http, const char *list)
{
    while (list && *list) {
        const size_t len = strcspn(list, ",");
        char *pair = mem_dup(list, len), *value = strchr(pair, '=');
        if (value) {
            struct sbuf line = {0};
            *value++ = 0;
            sbuf_addf(&line, "%s: %s", pair, value);
            http_post_header(http, line.data);
            sbuf_fini(&line);
        }
        free(pair);
        list += len + (list[len] == ',');
    }
}

static bool wants_delta(const struct sink_spec *spec)
{
    const char *asked = sink_get(spec, "temporality");
    if (!asked)
        asked = getenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE");
    return asked && !strcasecmp(asked, "delta");
}

static int make(struct sink_spec *spec, struct output *out, char **why)
{
    static const struct courier_kind kind = {pack, deliver, reach, close_it};
    char *address = address_of(spec);
    struct http_post *http = http_post_new(spec, address, why);
    const char *compression =
        of_environment("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION");
    free(address);
    if (!http) {
        sink_spec_free(spec);
        return -1;
    }
    struct otlp *o = mem_zalloc(sizeof *o);
    o->spec = spec;
    o->http = http;
    o->is_gzip = sink_is(spec, "gzip") || (compression && !strcmp(compression, "gzip"));
    o->temporality = wants_delta(spec) ? DELTA : CUMULATIVE;
    if (gethostname(o->host, sizeof o->host - 1) != 0)
        o->host[0] = 0;
    http_post_header(http, "Content-Type: application/x-protobuf");
    if (o->is_gzip)
        http_post_header(http, "Content-Encoding: gzip");
    add_headers(http,
                of_environment("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"));
    *out = courier_output(&kind, o, spec);
    return 0;
}

static const struct sink_key KEYS[] = {
    {"temporality", SINK_CHOICE, NULL, "cumulative delta",
     "since the start, or since the push before; cumulative, or as "
     "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE has it"},
    {"service", SINK_TEXT, NULL, NULL, "service.name; katydid, or as OTEL_SERVICE_NAME has it"},
    {"gzip", SINK_FLAG, NULL, NULL, "compress what is sent"},
    SINK_KEYS("5s"),
    SINK_HTTP_KEYS,
};

const struct sink_kind sink_otlp = {
    "otlp",
    "OpenTelemetry's metrics as protobuf over HTTP; OTEL_EXPORTER_OTLP_* are heard",
    "http://HOST:4318",
    KEYS,
    sizeof KEYS / sizeof KEYS[0],
    make,
};
