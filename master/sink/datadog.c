// SPDX-License-Identifier: MIT
/* datadog: Datadog's HTTP API, without an agent: counts and gauges to /api/v2/series, response
 * times as a sample of each row's histogram to /api/v1/distribution_points, where they are added up
 * to distributions. That API has no weights: more values than SAMPLES_MOST a row and push are
 * thinned out, so quantiles are right and the distribution's own count is not; katydid.requests has
 * it. */
#include "common/base/mem.h"
#include "master/sink/sink_rows.h"
#include "master/sink/sink_series.h"
#include "master/sink/http_post.h"
#include "master/sink/downsample.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define BODY_MOST (2u << 20) /* before it is compressed; the API takes 5 MB */
#define TAG_MOST 200

enum { TYPE_COUNT = 1, TYPE_GAUGE = 3 };
enum { TO_SERIES, TO_DISTRIBUTIONS };

struct datadog {
    const struct sink_spec *spec;
    struct http_post *http;
    size_t names;
    char host[256];
};

struct bodies {
    const struct datadog *of;
    const struct moment *m;
    struct parcels *out;
    struct sbuf *body;
    int what;
    int64_t at, seconds;
};

static void finish(struct bodies *b)
{
    if (!b->body)
        return;
    sbuf_adds(b->body, "]}");
    http_deflate(b->body);
    b->body = NULL;
}

/* Room for one more series. */
static struct sbuf *begin(struct bodies *b, const char *name)
{
    if (b->body && b->body->len > BODY_MOST)
        finish(b);
    if (!b->body) {
        b->body = &parcels_add(b->out, b->what)->body;
        sbuf_adds(b->body, "{\"series\":[");
    } else {
        sbuf_addc(b->body, ',');
    }
    sbuf_addf(b->body, "{\"metric\":\"%s.%s\"", sink_get(b->of->spec, "prefix"), name);
    return b->body;
}

/* Into an array that is open. */
static void add_tag(struct sbuf *out, const char *key, const char *value)
{
    struct sbuf text = {0};
    if (!*value)
        return;
    sbuf_addf(&text, "%s:", key);
    for (const char *p = value; *p && text.len < TAG_MOST; p++)
        sbuf_addc(&text, *p == ',' ? '_' : *p);
    if (out->data[out->len - 1] != '[')
        sbuf_addc(out, ',');
    sbuf_add_json(out, text.data, text.len);
    sbuf_fini(&text);
}

struct of { /* what a number is of: a row, a series, or of all */
    const struct sink_row *row;
    const struct series_row *series;
    const char *result;
};

static void add_tags(struct bodies *b, const struct of *of)
{
    sbuf_adds(b->body, ",\"tags\":[");
    sink_add_tags(b->of->spec, b->m->s->view->run_id, add_tag, b->body);
    for (size_t i = 0; of->series && i < of->series->tag_count; i++)
        add_tag(b->body, of->series->tags[i].key, of->series->tags[i].value);
    if (of->row) {
        add_tag(b->body, "method", of->row->method);
        add_tag(b->body, "name", of->row->name);
    }
    for (size_t i = 0; of->row && i < of->row->label_count; i++)
        add_tag(b->body, of->row->labels[i].key, of->row->labels[i].value);
    add_tag(b->body, "result", of->result ? of->result : "");
    sbuf_addc(b->body, ']');
}

static void put(struct bodies *b, const char *what, int type, double value, const struct of *of)
{
    if (!isfinite(value) || (type == TYPE_COUNT && value == 0))
        return;
    begin(b, what);
    sbuf_addf(b->body, ",\"type\":%d", type);
    if (type == TYPE_COUNT)
        sbuf_addf(b->body, ",\"interval\":%" PRId64, b->seconds);
    sbuf_addf(b->body, ",\"points\":[{\"timestamp\":%" PRId64 ",\"value\":%.10g}]", b->at, value);
    sbuf_adds(b->body, ",\"resources\":[{\"type\":\"host\",\"name\":");
    sbuf_add_json(b->body, b->of->host, strlen(b->of->host));
    sbuf_adds(b->body, "}]");
    add_tags(b, of);
    sbuf_addc(b->body, '}');
}

/* What a row has and its parts have not. */
static void put_row(struct bodies *b, const struct sink_row *r)
{
    const struct of of = {.row = r};
    put(b, "cut", TYPE_COUNT, (double)r->cut, &of);
    put(b, "bytes", TYPE_COUNT, (double)r->bytes, &of);
}

static void put_part(struct bodies *b, const struct sink_row *r)
{
    const struct of of = {.row = r};
    put(b, "requests", TYPE_COUNT, (double)r->requests, &of);
    put(b, "failures", TYPE_COUNT, (double)r->failures, &of);
}

static void put_trend(struct bodies *b, const char *name, const struct series_gain *g)
{
    static const char *const words[] = {"mean", "run_p50", "run_p95", "run_p99"};
    const double *quantile = g->row->quantile;
    const double values[] = {g->sum / (double)g->count, quantile[SERIES_P50], quantile[SERIES_P95],
                             quantile[SERIES_P99]};
    const struct of of = {.series = g->row};
    struct sbuf what = {0};
    sbuf_addf(&what, "%s.count", name);
    put(b, what.data, TYPE_COUNT, (double)g->count, &of);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        sbuf_clear(&what);
        sbuf_addf(&what, "%s.%s", name, words[i]);
        put(b, what.data, TYPE_GAUGE, values[i], &of);
    }
    sbuf_fini(&what);
}

/* Checks, and the script's own metrics. */
static void put_series(void *arg, const struct series_gain *g)
{
    struct bodies *b = arg;
    const struct series_row *r = g->row;
    const bool is_check = strcmp(r->metric, "checks") == 0;
    char *name = is_check ? mem_strdup(r->metric) : sbuf_words("metric.%s", r->metric);
    if (r->kind == METRIC_RATE) {
        put(b, name, TYPE_COUNT, (double)g->trues, &(struct of){.series = r, .result = "pass"});
        put(b, name, TYPE_COUNT, (double)(g->count - g->trues),
            &(struct of){.series = r, .result = "fail"});
    } else if (r->kind == METRIC_TREND) {
        put_trend(b, name, g);
    } else {
        put(b, name, r->kind == METRIC_COUNTER ? TYPE_COUNT : TYPE_GAUGE,
            r->kind == METRIC_COUNTER ? g->sum : r->last, &(struct of){.series = r});
    }
    free(name);
}

static void add_value(void *arg, double ms)
{
    struct sbuf *body = arg;
    if (body->data[body->len - 1] != '[')
        sbuf_addc(body, ',');
    sbuf_addf(body, "%.10g", ms);
}

static void put_times(struct bodies *b, const struct sink_row *r)
{
    struct downsample s = downsample_of(sink_row_hist(r));
    if (sink_row_hist(r)->count == 0)
        return;
    begin(b, "response_time");
    sbuf_addf(b->body, ",\"type\":\"distribution\",\"points\":[[%" PRId64 ",[", b->at);
    downsample_each(sink_row_hist(r), &s, add_value, b->body);
    sbuf_adds(b->body, "]]],\"host\":");
    sbuf_add_json(b->body, b->of->host, strlen(b->of->host));
    add_tags(b, &(struct of){.row = r});
    sbuf_addc(b->body, '}');
}

static void pack(void *self, const struct moment *m, struct parcels *out)
{
    const struct datadog *d = self;
    const double since = m->since ? m->since->view->now : m->s->stats.started_at;
    const double seconds = floor(m->s->view->now - since + 0.5);
    struct bodies b = {.of = d,
                       .m = m,
                       .out = out,
                       .what = TO_SERIES,
                       .at = (int64_t)floor(m->at),
                       .seconds = seconds >= 1 ? (int64_t)seconds : 1};
    struct sink_rows f;
    sink_rows_init_by(&f, m->s, m->since, d->names, sink_labels(d->spec));
    for (size_t i = 0; i < f.row_count; i++)
        put_row(&b, &f.rows[i]);
    for (size_t i = 0; i < f.part_count; i++)
        put_part(&b, &f.parts[i]);
    sink_series_each(m, put_series, &b);
    put(&b, "users", TYPE_GAUGE, m->s->view->users, &(struct of){0});
    put(&b, "users_target", TYPE_GAUGE, m->s->view->target_users, &(struct of){0});
    finish(&b);
    b.what = TO_DISTRIBUTIONS;
    for (size_t i = 0; i < f.part_count; i++)
        put_times(&b, &f.parts[i]);
    finish(&b);
    sink_rows_fini(&f);
}

static enum delivery deliver(void *self, const struct parcel *p, double timeout_s,
                             struct delivery_trouble *t)
{
    struct datadog *d = self;
    const enum delivery is = http_post_deliver(
        d->http, p->what == TO_SERIES ? "/api/v2/series" : "/api/v1/distribution_points", p,
        timeout_s, t);
    if (is == DELIVERY_REFUSED && t->why.data && strstr(t->why.data, "answers 403"))
        sbuf_adds(&t->why, " (the key is not one of that site)");
    return is;
}

static int reach(void *self, double timeout_s, struct sbuf *why)
{
    return http_post_reach(((struct datadog *)self)->http, timeout_s, why);
}

static void close_it(void *self)
{
    struct datadog *d = self;
    http_post_free(d->http);
    free(d);
}

static char *base_of(const struct sink_spec *spec)
{
    struct sbuf base = {0};
    if (spec->target)
        sbuf_adds(&base, spec->target);
    else
        sbuf_addf(&base, "https://api.%s", sink_get(spec, "site"));
    while (base.len && base.data[base.len - 1] == '/')
        base.data[--base.len] = 0;
    return sbuf_take(&base);
}

static void set_headers(struct http_post *http, const char *key)
{
    struct sbuf line = {0};
    sbuf_addf(&line, "DD-API-KEY: %s", key);
    http_post_header(http, line.data);
    http_post_header(http, "Content-Type: application/json");
    http_post_header(http, "Content-Encoding: deflate");
    sbuf_fini(&line);
}

static int make(struct sink_spec *spec, struct output *out, char **why)
{
    static const struct courier_kind kind = {pack, deliver, reach, close_it};
    const char *key = sink_get(spec, "api_key");
    struct http_post *http = NULL;
    if (!key) {
        *why = sink_words(spec, "it needs a key: api_key=@FILE, or set DD_API_KEY");
    } else {
        char *base = base_of(spec);
        http = http_post_new(spec, base, why);
        free(base);
    }
    if (!http) {
        sink_spec_free(spec);
        return -1;
    }
    struct datadog *d = mem_zalloc(sizeof *d);
    d->spec = spec;
    d->http = http;
    d->names = (size_t)sink_number(spec, "names");
    if (gethostname(d->host, sizeof d->host - 1) != 0)
        d->host[0] = 0;
    set_headers(http, key);
    *out = courier_output(&kind, d, spec);
    return 0;
}

static const struct sink_key KEYS[] = {
    {"api_key", SINK_SECRET, NULL, "DD_API_KEY", "of the organization"},
    {"site", SINK_TEXT, "datadoghq.com", NULL, "the organization's, if there is no target"},
    {"prefix", SINK_TEXT, "katydid", NULL, "what all names begin with"},
    SINK_LABELS_KEY,
    SINK_KEYS("10s"),
    SINK_HTTP_KEYS,
};

const struct sink_kind sink_datadog = {
    "datadog",
    "Datadog's HTTP API, without an agent: counts, gauges and distributions",
    "https://api.SITE",
    KEYS,
    sizeof KEYS / sizeof KEYS[0],
    make,
};
