// SPDX-License-Identifier: MIT
/* influxdb: line protocol for InfluxDB 1, 2 and 3, and what takes that too (VictoriaMetrics,
 * QuestDB, Telegraf): a point a row and push, of what the row gained since the one before. Times
 * are milliseconds. A line is the same when it is sent again, so nothing is counted twice. */
#include "common/base/clk.h"
#include "common/base/mem.h"
#include "master/sink/sink_rows.h"
#include "master/sink/happened.h"
#include "master/sink/hdr_text.h"
#include "master/sink/http_post.h"
#include "master/sink/influxdb_lines.h"
#include "master/sink/sink_series.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define LINES_MOST 5000 /* in a push; and bytes: */
#define BYTES_MOST (1000u << 10)
#define DEFAULT_TARGET "http://localhost:8086"

struct influxdb {
    const struct sink_spec *spec;
    struct http_post *http;
    char *path, *database;
    bool is_gzip, is_created; /* version 1: the database was asked for */
    bool is_k6;               /* by k6's names */
    bool has_hdr;
    size_t names, points;
    unsigned labels;
};

/* ---- what there is ----------------------------------------------------------------------- */

static void add_times(struct lines *l, const struct sink_row *r)
{
    static const struct {
        const char *key;
        double share;
    } of[] = {{"p50", 0.5},  {"p75", 0.75}, {"p90", 0.9},
              {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}};
    if (sink_row_hist(r)->count == 0)
        return;
    line_real(l, "mean", sink_row_mean_ms(r));
    line_real(l, "min", (double)r->min_us / 1000);
    line_real(l, "max", (double)r->max_us / 1000);
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
        line_real(l, of[i].key, sink_row_quantile_ms(r, of[i].share));
    if (l->has_hdr) {
        struct sbuf text = {0};
        hdr_text_add(&text, sink_row_hist(r));
        line_text(l, "hdr", text.data);
        sbuf_fini(&text);
    }
}

static void begin_row(struct lines *l, const struct sink_row *r)
{
    line_begin(l, "katydid_requests");
    if (*r->method)
        line_tag(l->body, "method", r->method);
    line_tag(l->body, "name", r->name);
    for (size_t i = 0; i < r->label_count; i++)
        line_tag(l->body, r->labels[i].key, r->labels[i].value);
}

/* What parts have. */
static void add_counts(struct lines *l, const struct sink_row *r)
{
    line_whole(l, "count", r->requests);
    line_whole(l, "fails", r->failures);
    line_real(l, "rps", (double)r->requests / influxdb_seconds(l->m));
    add_times(l, r);
}

/* What rows have beside. */
static void add_rest(struct lines *l, const struct sink_row *r)
{
    line_whole(l, "bytes", r->bytes);
    line_whole(l, "cut", r->cut);
    line_whole(l, "discarded", r->discarded);
    line_whole(l, "resent", r->resent);
}

/* A point for each part; one without labels has what is not told apart, too. */
static void add_rows(struct lines *l, const struct sink_rows *f)
{
    size_t k = 0;
    for (size_t i = 0; i < f->row_count; i++) {
        const struct sink_row *row = &f->rows[i], *bare = NULL;
        for (; k < f->part_count && sink_part_is_of(&f->parts[k], row); k++) {
            if (!f->parts[k].label_count) {
                bare = &f->parts[k];
                continue;
            }
            begin_row(l, &f->parts[k]);
            add_counts(l, &f->parts[k]);
            line_end(l);
        }
        begin_row(l, row);
        add_rest(l, row);
        if (bare)
            add_counts(l, bare);
        line_end(l);
    }
}

static void add_run(struct lines *l, const struct sink_rows *f)
{
    const struct view *v = l->m->s->view;
    double cpu = 0;
    for (size_t i = 0; i < v->worker_count; i++)
        cpu = v->workers[i].cpu_percent > cpu ? v->workers[i].cpu_percent : cpu;
    line_begin(l, "katydid_total");
    add_counts(l, &f->total);
    add_rest(l, &f->total);
    line_whole(l, "users", v->users);
    line_whole(l, "target", v->target_users);
    line_whole(l, "workers", v->worker_count);
    line_real(l, "worker_cpu_most", cpu);
    line_whole(l, "valid", !v->is_saturated);
    line_whole(l, "sent_bytes", f->extra.sent_bytes);
    line_whole(l, "received_bytes", f->extra.received_bytes);
    for (int i = 0; i < STATS_STATUSES; i++) {
        const char key[] = {'s', (char)('0' + i), 0};
        line_whole(l, key, f->extra.status[i]);
    }
    line_end(l);
}

static void add_workers(struct lines *l)
{
    const struct view *v = l->m->s->view;
    for (size_t i = 0; i < v->worker_count; i++) {
        const struct view_worker *w = &v->workers[i];
        line_begin(l, "katydid_workers");
        line_tag(l->body, "worker", w->id);
        line_whole(l, "users", w->users);
        line_real(l, "cpu", w->cpu_percent);
        line_whole(l, "memory", w->memory_bytes);
        if (w->loop_lag_ms >= 0)
            line_real(l, "lag", w->loop_lag_ms);
        line_end(l);
    }
}

static void add_series_fields(struct lines *l, const struct series_row *r,
                              const struct series_row *old)
{
    const uint64_t n = r->n - (old && old->n <= r->n ? old->n : 0);
    const double sum = r->sum - (old ? old->sum : 0);
    const uint64_t trues = r->trues - (old && old->trues <= r->trues ? old->trues : 0);
    line_whole(l, "count", n);
    switch (r->kind) {
    case METRIC_GAUGE:
        line_real(l, "value", r->last);
        break;
    case METRIC_COUNTER:
        line_real(l, "sum", sum);
        break;
    case METRIC_RATE:
        line_whole(l, "pass", trues);
        line_whole(l, "fail", n - trues);
        break;
    case METRIC_TREND:
        line_real(l, "mean", sum / (double)n);
        line_real(l, "run_p50", r->quantile[SERIES_P50]);
        line_real(l, "run_p95", r->quantile[SERIES_P95]);
        line_real(l, "run_p99", r->quantile[SERIES_P99]);
        break;
    }
}

static void add_series(struct lines *l)
{
    const struct series_list *now = l->m->s->view->series;
    const struct series_list *old = l->m->since ? l->m->since->view->series : NULL;
    size_t at = 0;
    for (size_t i = 0; now && i < now->count; i++) {
        const struct series_row *r = &now->rows[i], *was = sink_series_before(old, &at, r);
        if (was && was->n == r->n)
            continue;
        line_begin(l, strcmp(r->metric, "checks") ? "katydid_metrics" : "katydid_checks");
        if (strcmp(r->metric, "checks") != 0)
            line_tag(l->body, "metric", r->metric);
        for (size_t k = 0; k < r->tag_count; k++)
            line_tag(l->body, r->tags[k].key, r->tags[k].value);
        add_series_fields(l, r, was);
        line_end(l);
    }
}

static void add_event(void *arg, const struct run_event *e)
{
    struct lines *l = arg;
    line_begin(l, "katydid_events");
    line_tag(l->body, "kind", e->kind);
    line_text(l, "title", e->kind);
    line_text(l, "text", e->text);
    line_end_at(l, e->at);
}

static void add_mark(struct lines *l, const char *kind)
{
    const char *file = l->m->s->view->locustfile;
    add_event(l, &(struct run_event){l->m->at, kind, file ? file : ""});
}

static void add_all(struct lines *l, const struct influxdb *db)
{
    struct sink_rows f;
    sink_rows_init_by(&f, l->m->s, l->m->since, db->names, db->labels);
    add_rows(l, &f);
    add_run(l, &f);
    add_workers(l);
    add_series(l);
    sink_rows_fini(&f);
}

static void pack(void *self, const struct moment *m, struct parcels *out)
{
    struct influxdb *db = self;
    struct lines l = {.out = out, .m = m, .is_gzip = db->is_gzip, .has_hdr = db->has_hdr};
    sink_add_tags(db->spec, m->s->view->run_id, line_tag, &l.tags);
    if (m->is_first)
        add_mark(&l, "start");
    happened_since(m, add_event, &l);
    if (db->is_k6)
        influxdb_add_k6(&l, db->names, db->points, db->labels);
    else
        add_all(&l, db);
    if (m->is_end)
        add_mark(&l, "stop");
    lines_end(&l);
}

/* ---- sending ----------------------------------------------------------------------------- */

/* Version 1 has no database by itself; who may not make one is told by the write. */
static void create_database(struct influxdb *db, double timeout_s)
{
    struct sbuf path = {0}, why = {0};
    struct http_answer a = {0};
    sbuf_adds(&path, "/query?q=");
    struct sbuf query = {0};
    sbuf_addf(&query, "CREATE DATABASE \"%s\"", db->database);
    http_add_query(&path, query.data);
    http_post_header(db->http, "Content-Encoding:");
    if (http_post_send(db->http, path.data, "", 0, timeout_s, &a, &why) == 0)
        db->is_created = true;
    if (db->is_gzip)
        http_post_header(db->http, "Content-Encoding: gzip");
    http_answer_fini(&a);
    sbuf_fini(&query);
    sbuf_fini(&path);
    sbuf_fini(&why);
}

static enum delivery deliver(void *self, const struct parcel *p, double timeout_s,
                             struct delivery_trouble *t)
{
    struct influxdb *db = self;
    const uint64_t began = clk_mono_ns();
    if (sink_is_word(db->spec, "version", "1") && !db->is_created)
        create_database(db, timeout_s / 2);
    timeout_s -= (double)(clk_mono_ns() - began) / 1e9;
    return http_post_deliver(db->http, db->path, p, timeout_s, t);
}

static int reach(void *self, double timeout_s, struct sbuf *why)
{
    return http_post_reach(((struct influxdb *)self)->http, timeout_s, why);
}

static void close_it(void *self)
{
    struct influxdb *db = self;
    http_post_free(db->http);
    free(db->path);
    free(db->database);
    free(db);
}

/* http://host:8086/name: the database, or bucket, is behind the address. */
static char *base_of(const struct sink_spec *spec, char **database)
{
    char *base = mem_strdup(spec->target ? spec->target : DEFAULT_TARGET);
    char *host = strstr(base, "://"), *slash = host ? strchr(host + 3, '/') : NULL;
    const char *named = sink_get(spec, "db");
    if (slash) {
        *slash = 0;
        for (char *end = slash + strlen(slash + 1); end > slash && *end == '/'; end--)
            *end = 0;
    }
    *database = mem_strdup(named                                ? named
                           : slash && slash[1]                  ? slash + 1
                           : sink_is_word(spec, "schema", "k6") ? "k6"
                                                                : "katydid");
    return base;
}

static char *path_of(const struct sink_spec *spec, const char *database)
{
    struct sbuf path = {0};
    const char *org = sink_get(spec, "org"), *policy = sink_get(spec, "rp");
    if (sink_is_word(spec, "version", "3"))
        sbuf_adds(&path, "/api/v3/write_lp?precision=millisecond&accept_partial=true&db=");
    else if (sink_is_word(spec, "version", "2"))
        sbuf_adds(&path, "/api/v2/write?precision=ms&bucket=");
    else
        sbuf_adds(&path, "/write?precision=ms&db=");
    http_add_query(&path, database);
    if (sink_is_word(spec, "version", "2")) {
        sbuf_adds(&path, "&org=");
        http_add_query(&path, org ? org : "");
    }
    if (sink_is_word(spec, "version", "1") && policy) {
        sbuf_adds(&path, "&rp=");
        http_add_query(&path, policy);
    }
    return sbuf_take(&path);
}

static void set_headers(struct influxdb *db)
{
    const char *token = sink_get(db->spec, "token");
    struct sbuf line = {0};
    http_post_header(db->http, "Content-Type: text/plain; charset=utf-8");
    if (db->is_gzip)
        http_post_header(db->http, "Content-Encoding: gzip");
    if (!token)
        return;
    sbuf_addf(&line, "Authorization: %s %s",
              sink_is_word(db->spec, "version", "3") ? "Bearer" : "Token", token);
    http_post_header(db->http, line.data);
    sbuf_fini(&line);
}

static int make(struct sink_spec *spec, struct output *out, char **why)
{
    static const struct courier_kind kind = {pack, deliver, reach, close_it};
    char *database, *base = base_of(spec, &database);
    struct http_post *http = http_post_new(spec, base, why);
    free(base);
    if (!http) {
        free(database);
        sink_spec_free(spec);
        return -1;
    }
    struct influxdb *db = mem_zalloc(sizeof *db);
    *db = (struct influxdb){.spec = spec,
                            .http = http,
                            .path = path_of(spec, database),
                            .database = database,
                            .is_gzip = sink_is(spec, "gzip"),
                            .is_k6 = sink_is_word(spec, "schema", "k6"),
                            .has_hdr = sink_is(spec, "histogram"),
                            .names = (size_t)sink_number(spec, "names"),
                            .labels = sink_labels(spec),
                            .points = (size_t)sink_number(spec, "points")};
    set_headers(db);
    *out = courier_output(&kind, db, spec);
    return 0;
}

static const struct sink_key KEYS[] = {
    {"version", SINK_CHOICE, "1", "1 2 3", "of InfluxDB, or of what speaks as it does"},
    {"db", SINK_TEXT, NULL, NULL, "database or bucket, if it is not behind the address"},
    {"org", SINK_TEXT, NULL, NULL, "organization, of version 2"},
    {"rp", SINK_TEXT, NULL, NULL, "retention policy, of version 1"},
    {"token", SINK_SECRET, NULL, "INFLUX_TOKEN INFLUXDB_TOKEN", "of versions 2 and 3"},
    {"gzip", SINK_FLAG, "yes", NULL, "compress what is sent"},
    {"schema", SINK_CHOICE, "katydid", "katydid k6",
     "names of measurements and fields: ours, or those that k6's own dashboards look for"},
    {"histogram", SINK_FLAG, "no", NULL,
     "a field hdr as well: all response times of the row and push, as HdrHistogram's base64"},
    SINK_LABELS_KEY,
    {"points", SINK_NUMBER, "20", "1 1000",
     "of schema=k6: response times of a row and push, which stand for all of them"},
    SINK_KEYS("1s"),
    SINK_HTTP_KEYS,
};

const struct sink_kind sink_influxdb = {
    "influxdb",
    "InfluxDB's line protocol: a point a second and row",
    "http://HOST:8086/DATABASE",
    KEYS,
    sizeof KEYS / sizeof KEYS[0],
    make,
};
