// SPDX-License-Identifier: MIT
/* feed: see feed.h. Rows are arrays, not objects: a thousand of them change each second, and their
 * columns are listed once, in hello. Numbers are cut to what a page can show. */
#include "master/web/feed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define RECENT_POINTS 5 /* late reports still change seconds that young */

/* -- values -- */

static void add_text(struct sbuf *out, const char *text)
{
    if (text == NULL)
        text = "";
    sbuf_add_json(out, text, strlen(text));
}

static void add_key_text(struct sbuf *out, const char *key, const char *text)
{
    sbuf_addf(out, ",\"%s\":", key);
    add_text(out, text);
}

/* At most three decimals, no trailing zeros; null when it is no number. */
static void add_number(struct sbuf *out, double number)
{
    char text[48];
    if (!isfinite(number)) {
        sbuf_adds(out, "null");
        return;
    }
    int written = snprintf(text, sizeof text, "%.3f", number);
    if (written <= 0 || written >= (int)sizeof text) {
        sbuf_adds(out, "null");
        return;
    }
    size_t len = (size_t)written;
    while (len > 1 && text[len - 1] == '0')
        len--;
    if (len > 1 && text[len - 1] == '.')
        len--;
    sbuf_add(out, text, len);
}

static void add_next(struct sbuf *out, double number)
{
    sbuf_addc(out, ',');
    add_number(out, number);
}

/* -- parts -- */

static const char ROW_COLUMNS[] =
    "[\"id\",\"requests\",\"failures\",\"cut\",\"rps\",\"fail_rps\",\"mean\",\"min\",\"max\","
    "\"median\",\"p50\",\"p90\",\"p95\",\"p99\",\"p999\",\"total_rps\",\"total_fail_rps\","
    "\"mean_bytes\"]";
static const char POINT_COLUMNS[] =
    "[\"second\",\"rps\",\"fail_rps\",\"p50\",\"p95\",\"p99\",\"mean\",\"users\",\"target\"]";
static const char WORKER_COLUMNS[] =
    "[\"id\",\"index\",\"state\",\"users\",\"cpu\",\"memory\",\"lag\",\"is_katydid\",\"requests\","
    "\"rps\"]";

static void add_row(struct sbuf *out, const struct view_row *r)
{
    sbuf_addf(out, "[%u,%llu,%llu,%llu", r->id, (unsigned long long)r->requests,
              (unsigned long long)r->failures, (unsigned long long)r->cut);
    const double numbers[] = {
        r->rps, r->fail_rps, r->mean_ms, r->min_ms, r->max_ms,    r->median_ms,      r->p50,
        r->p90, r->p95,      r->p99,     r->p999,   r->total_rps, r->total_fail_rps, r->mean_bytes};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        add_next(out, numbers[i]);
    sbuf_addc(out, ']');
}

static void add_point(struct sbuf *out, const struct view_point *p)
{
    sbuf_addf(out, "[%lld", (long long)p->second);
    const double numbers[] = {p->rps, p->fail_rps, p->p50, p->p95, p->p99, p->mean_ms};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        add_next(out, numbers[i]);
    sbuf_addf(out, ",%u,%u]", p->users, p->target_users);
}

static void add_workers(struct sbuf *out, const struct view *v)
{
    sbuf_addc(out, '[');
    for (size_t i = 0; i < v->worker_count; i++) {
        const struct view_worker *w = &v->workers[i];
        sbuf_adds(out, i > 0 ? ",[" : "[");
        add_text(out, w->id);
        sbuf_addf(out, ",%d,", w->index);
        add_text(out, w->state);
        sbuf_addf(out, ",%u", w->users);
        add_next(out, w->cpu_percent);
        sbuf_addf(out, ",%llu", (unsigned long long)w->memory_bytes);
        add_next(out, w->loop_lag_ms < 0 ? NAN : w->loop_lag_ms);
        sbuf_addf(out, ",%s,%llu", w->is_katydid ? "true" : "false",
                  (unsigned long long)w->requests);
        add_next(out, w->rps);
        sbuf_addc(out, ']');
    }
    sbuf_addc(out, ']');
}

static void add_classes(struct sbuf *out, const struct view *v)
{
    sbuf_addc(out, '[');
    for (size_t i = 0; i < v->class_count; i++) {
        const struct view_class *c = &v->classes[i];
        sbuf_adds(out, i > 0 ? ",[" : "[");
        add_text(out, c->name);
        add_next(out, c->weight);
        sbuf_addf(out, ",%d,%u]", c->fixed_count, c->users);
    }
    sbuf_addc(out, ']');
}

/* What both hello and tick tell: who is speaking and how the run stands. */
static void add_state(struct sbuf *out, const struct view *v)
{
    sbuf_addf(out, ",\"tick\":%llu,\"now\":", (unsigned long long)v->tick);
    add_number(out, v->now);
    add_key_text(out, "boot", v->boot_id);
    add_key_text(out, "run", v->run_id);
    add_key_text(out, "state", v->state);
    add_key_text(out, "host", v->host);
    add_key_text(out, "notice", v->notice);
    const struct {
        const char *key;
        double number;
    } numbers[] = {{"started", v->started_at},  {"ended", v->ended_at},
                   {"run_time", v->run_time_s}, {"users", v->users},
                   {"target", v->target_users}, {"rate", v->spawn_rate}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sbuf_addf(out, ",\"%s\":", numbers[i].key);
        add_number(out, numbers[i].number);
    }
    sbuf_addf(out, ",\"shape\":%s,\"distributed\":%s", v->has_shape ? "true" : "false",
              v->is_distributed ? "true" : "false");
}

/* -- messages -- */

void feed_mark_query(struct feed_mark *mark, const struct form *query)
{
    const char *boot = form_get(query, "boot"), *run = form_get(query, "run");
    memset(mark, 0, sizeof *mark);
    if (boot == NULL || run == NULL)
        return;
    mark->tick = form_get_number(query, "since", UINT64_MAX, 0);
    mark->rows = (uint32_t)form_get_number(query, "defs", UINT32_MAX, 0);
    snprintf(mark->boot, sizeof mark->boot, "%s", boot);
    snprintf(mark->run, sizeof mark->run, "%s", run);
}

void feed_hello(const struct view *v, struct sbuf *out)
{
    sbuf_adds(out, "{\"type\":\"hello\",\"protocol\":1");
    add_key_text(out, "version", v->version);
    add_key_text(out, "locustfile", v->locustfile);
    add_state(out, v);
    sbuf_addf(out, ",\"columns\":{\"row\":%s,\"point\":%s,\"worker\":%s}}", ROW_COLUMNS,
              POINT_COLUMNS, WORKER_COLUMNS);
}

static void adapt_mark(const struct view *v, struct feed_mark *mark)
{
    if (strcmp(mark->boot, v->boot_id) == 0 && strcmp(mark->run, v->run_id) == 0 &&
        mark->tick <= v->tick)
        return;
    memset(mark, 0, sizeof *mark);
    snprintf(mark->boot, sizeof mark->boot, "%s", v->boot_id);
    snprintf(mark->run, sizeof mark->run, "%s", v->run_id);
}

static void add_new_names(struct sbuf *out, const struct view *v, struct feed_mark *mark)
{
    uint32_t highest = mark->rows;
    bool is_first = true;
    sbuf_adds(out, ",\"defs\":[");
    for (size_t i = 0; i < v->row_count; i++) {
        const struct view_row *r = &v->rows[i];
        if (r->id <= mark->rows)
            continue;
        sbuf_addf(out, "%s[%u,", is_first ? "" : ",", r->id);
        add_text(out, r->method);
        sbuf_addc(out, ',');
        add_text(out, r->name);
        sbuf_addc(out, ']');
        is_first = false;
        if (r->id > highest)
            highest = r->id;
    }
    sbuf_addc(out, ']');
    mark->rows = highest;
}

static void add_changed_rows(struct sbuf *out, const struct view *v, uint64_t since, uint32_t known)
{
    bool is_first = true;
    sbuf_adds(out, ",\"rows\":[");
    for (size_t i = 0; i < v->row_count; i++) {
        if (v->rows[i].changed_tick <= since && v->rows[i].id <= known)
            continue;
        if (!is_first)
            sbuf_addc(out, ',');
        is_first = false;
        add_row(out, &v->rows[i]);
    }
    sbuf_addc(out, ']');
}

static void add_recent_points(struct sbuf *out, const struct view *v)
{
    size_t first = v->point_count > RECENT_POINTS ? v->point_count - RECENT_POINTS : 0;
    sbuf_addf(out, ",\"first_second\":%lld,\"points\":[",
              v->point_count > 0 ? (long long)v->points[0].second : 0LL);
    for (size_t i = first; i < v->point_count; i++) {
        if (i > first)
            sbuf_addc(out, ',');
        add_point(out, &v->points[i]);
    }
    sbuf_addc(out, ']');
}

static void add_kinds(struct sbuf *out, const struct view *v)
{
    uint64_t failures = 0, exceptions = 0;
    for (size_t i = 0; i < v->failure_count; i++)
        failures += v->failures[i].count;
    for (size_t i = 0; i < v->exception_count; i++)
        exceptions += v->exceptions[i].count;
    sbuf_addf(out, ",\"failures\":[%zu,%llu],\"exceptions\":[%zu,%llu]", v->failure_count,
              (unsigned long long)failures, v->exception_count, (unsigned long long)exceptions);
}

void feed_tick(const struct view *v, struct feed_mark *mark, struct sbuf *out)
{
    adapt_mark(v, mark);
    uint32_t known = mark->rows;
    sbuf_addf(out, "{\"type\":\"tick\",\"since\":%llu", (unsigned long long)mark->tick);
    add_state(out, v);
    sbuf_adds(out, ",\"total\":");
    add_row(out, &v->total);
    add_new_names(out, v, mark);
    add_changed_rows(out, v, mark->tick, known);
    add_recent_points(out, v);
    add_kinds(out, v);
    sbuf_adds(out, ",\"workers\":");
    add_workers(out, v);
    sbuf_adds(out, ",\"classes\":");
    add_classes(out, v);
    sbuf_addc(out, '}');
    mark->tick = v->tick;
}

/* -- ranges and lists -- */

/* Worse of two percentiles that may be missing. Percentiles are never averaged. */
static double worse(double a, double b)
{
    return isnan(a) || b > a ? b : a;
}

static void merge_point(struct view_point *sum, const struct view_point *p, int n)
{
    if (n == 0) {
        *sum = *p;
        return;
    }
    double requests = sum->rps + p->rps;
    if (isnan(sum->mean_ms))
        sum->mean_ms = p->mean_ms;
    else if (!isnan(p->mean_ms) && requests > 0)
        sum->mean_ms = (sum->mean_ms * sum->rps + p->mean_ms * p->rps) / requests;
    sum->rps = requests;
    sum->fail_rps += p->fail_rps;
    sum->p50 = worse(sum->p50, p->p50);
    sum->p95 = worse(sum->p95, p->p95);
    sum->p99 = worse(sum->p99, p->p99);
    sum->users = p->users;
    sum->target_users = p->target_users;
}

static void flush_point(struct sbuf *out, struct view_point *sum, int step, int *n, bool *is_first)
{
    if (*n == 0)
        return;
    sum->second -= sum->second % step;
    sum->rps /= step;
    sum->fail_rps /= step;
    if (!*is_first)
        sbuf_addc(out, ',');
    add_point(out, sum);
    *is_first = false;
    *n = 0;
}

void feed_series(const struct view *v, int64_t from, int64_t to, int step, struct sbuf *out)
{
    struct view_point sum;
    int n = 0;
    bool is_first = true;
    sbuf_addf(out, "{\"type\":\"series\",\"step\":%d,\"tick\":%llu", step,
              (unsigned long long)v->tick);
    add_key_text(out, "boot", v->boot_id);
    add_key_text(out, "run", v->run_id);
    sbuf_addf(out, ",\"columns\":%s,\"points\":[", POINT_COLUMNS);
    for (size_t i = 0; i < v->point_count; i++) {
        const struct view_point *p = &v->points[i];
        if (p->second < from || p->second > to)
            continue;
        if (n > 0 && sum.second / step != p->second / step)
            flush_point(out, &sum, step, &n, &is_first);
        merge_point(&sum, p, n++);
    }
    flush_point(out, &sum, step, &n, &is_first);
    sbuf_adds(out, "]}");
}

void feed_failures(const struct view *v, struct sbuf *out)
{
    sbuf_addf(out, "{\"type\":\"failures\",\"tick\":%llu,\"failures\":[",
              (unsigned long long)v->tick);
    for (size_t i = 0; i < v->failure_count; i++) {
        const struct view_failure *f = &v->failures[i];
        sbuf_addf(out, "%s{\"count\":%llu", i > 0 ? "," : "", (unsigned long long)f->count);
        add_key_text(out, "method", f->method);
        add_key_text(out, "name", f->name);
        add_key_text(out, "text", f->text);
        sbuf_adds(out, ",\"first\":");
        add_number(out, f->first_at);
        sbuf_adds(out, ",\"last\":");
        add_number(out, f->last_at);
        sbuf_addc(out, '}');
    }
    sbuf_adds(out, "]}");
}

void feed_exceptions(const struct view *v, struct sbuf *out)
{
    sbuf_addf(out, "{\"type\":\"exceptions\",\"tick\":%llu,\"exceptions\":[",
              (unsigned long long)v->tick);
    for (size_t i = 0; i < v->exception_count; i++) {
        const struct view_exception *x = &v->exceptions[i];
        sbuf_addf(out, "%s{\"count\":%llu", i > 0 ? "," : "", (unsigned long long)x->count);
        add_key_text(out, "message", x->message);
        add_key_text(out, "traceback", x->traceback);
        add_key_text(out, "nodes", x->nodes);
        sbuf_adds(out, ",\"first\":");
        add_number(out, x->first_at);
        sbuf_adds(out, ",\"last\":");
        add_number(out, x->last_at);
        sbuf_addc(out, '}');
    }
    sbuf_adds(out, "]}");
}

void feed_workers(const struct view *v, struct sbuf *out)
{
    sbuf_addf(out,
              "{\"type\":\"workers\",\"tick\":%llu,\"distributed\":%s,\"columns\":%s,\"workers\":",
              (unsigned long long)v->tick, v->is_distributed ? "true" : "false", WORKER_COLUMNS);
    add_workers(out, v);
    sbuf_addc(out, '}');
}
