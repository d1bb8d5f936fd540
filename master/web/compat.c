// SPDX-License-Identifier: MIT
/* compat: see compat.h. Keys, rounding and the limit of 500 rows are Locust's. CSV cells that a
 * spreadsheet would take for a formula get an apostrophe in front: names and error texts come from
 * the tested system. */
#include "master/web/compat.h"

#include <math.h>
#include <string.h>

#define ROWS_MAX 500

static void add_text(struct sbuf *out, const char *text)
{
    sbuf_add_json(out, text, strlen(text));
}

static void add_value(struct sbuf *out, double number)
{
    if (isfinite(number))
        sbuf_addf(out, "%.10g", number);
    else
        sbuf_adds(out, "null");
}

static void add_number(struct sbuf *out, const char *key, double number)
{
    sbuf_addf(out, ",\"%s\":", key);
    add_value(out, number);
}

static void add_row(struct sbuf *out, const struct view_row *r)
{
    sbuf_adds(out, "{\"method\":");
    add_text(out, r->method);
    sbuf_adds(out, ",\"name\":");
    add_text(out, r->name);
    sbuf_addf(out, ",\"num_requests\":%llu,\"num_failures\":%llu", (unsigned long long)r->requests,
              (unsigned long long)r->failures);
    add_number(out, "min_response_time", round(r->min_ms));
    add_number(out, "max_response_time", round(r->max_ms));
    add_number(out, "current_rps", r->rps);
    add_number(out, "current_fail_per_sec", r->fail_rps);
    add_number(out, "avg_response_time", r->mean_ms);
    add_number(out, "median_response_time", r->median_ms);
    add_number(out, "total_rps", r->total_rps);
    add_number(out, "total_fail_per_sec", r->total_fail_rps);
    add_number(out, "response_time_percentile_0.95", r->p95);
    add_number(out, "response_time_percentile_0.99", r->p99);
    add_number(out, "avg_content_length", r->mean_bytes);
    sbuf_addc(out, '}');
}

static bool is_connected(const struct view_worker *w)
{
    return strcmp(w->state, "ready") == 0 || strcmp(w->state, "spawning") == 0 ||
           strcmp(w->state, "running") == 0;
}

static size_t connected_count(const struct view *v)
{
    size_t count = 0;
    for (size_t i = 0; i < v->worker_count; i++)
        count += is_connected(&v->workers[i]);
    return v->is_distributed ? count : 0;
}

static void add_stats(const struct view *v, struct sbuf *out)
{
    size_t rows = v->row_count < ROWS_MAX ? v->row_count : ROWS_MAX;
    sbuf_adds(out, "{\"stats\":[");
    for (size_t i = 0; i < rows; i++) {
        add_row(out, &v->rows[i]);
        sbuf_addc(out, ',');
    }
    add_row(out, &v->total);
    sbuf_adds(out, "],\"errors\":[");
    size_t failures = v->failure_count < ROWS_MAX ? v->failure_count : ROWS_MAX;
    for (size_t i = 0; i < failures; i++) {
        const struct view_failure *f = &v->failures[i];
        sbuf_adds(out, i > 0 ? ",{\"method\":" : "{\"method\":");
        add_text(out, f->method);
        sbuf_adds(out, ",\"name\":");
        add_text(out, f->name);
        sbuf_adds(out, ",\"error\":");
        add_text(out, f->text);
        sbuf_addf(out, ",\"occurrences\":%llu", (unsigned long long)f->count);
        sbuf_addf(out, ",\"first_seen\":%.3f,\"last_seen\":%.3f}", f->first_at, f->last_at);
    }
    sbuf_addc(out, ']');
}

static void add_worker_list(const struct view *v, struct sbuf *out)
{
    sbuf_adds(out, ",\"workers\":[");
    for (size_t i = 0; i < v->worker_count; i++) {
        const struct view_worker *w = &v->workers[i];
        sbuf_adds(out, i > 0 ? ",{\"id\":" : "{\"id\":");
        add_text(out, w->id);
        sbuf_adds(out, ",\"state\":");
        add_text(out, w->state);
        sbuf_addf(out, ",\"user_count\":%u", w->users);
        add_number(out, "cpu_usage", w->cpu_percent);
        sbuf_addf(out, ",\"memory_usage\":%llu}", (unsigned long long)w->memory_bytes);
    }
    sbuf_addf(out, "],\"worker_count\":%zu", connected_count(v));
}

void compat_requests(const struct view *v, struct sbuf *out)
{
    const struct view_row *t = &v->total;
    const struct view_point *last = v->point_count > 0 ? &v->points[v->point_count - 1] : NULL;
    double ratio =
        t->requests > 0 ? (double)t->failures / (double)t->requests : (t->failures > 0 ? 1.0 : 0.0);
    add_stats(v, out);
    add_number(out, "current_rps", t->rps);
    add_number(out, "current_fail_per_sec", t->fail_rps);
    add_number(out, "total_rps", t->total_rps);
    add_number(out, "total_fail_per_sec", t->total_fail_rps);
    add_number(out, "fail_ratio", ratio);
    sbuf_addf(out, ",\"cut\":%llu,\"current_response_time_percentiles\":{",
              (unsigned long long)t->cut);
    sbuf_adds(out, "\"response_time_percentile_0.5\":");
    add_value(out, last != NULL ? last->p50 : NAN);
    add_number(out, "response_time_percentile_0.95", last != NULL ? last->p95 : NAN);
    sbuf_addc(out, '}');
    if (v->is_distributed)
        add_worker_list(v, out);
    sbuf_adds(out, ",\"state\":");
    add_text(out, v->state);
    sbuf_addf(out, ",\"user_count\":%u}\n", v->users);
}

void compat_exceptions(const struct view *v, struct sbuf *out)
{
    sbuf_adds(out, "{\"exceptions\":[");
    for (size_t i = 0; i < v->exception_count; i++) {
        const struct view_exception *x = &v->exceptions[i];
        sbuf_addf(out, "%s{\"count\":%llu,\"msg\":", i > 0 ? "," : "",
                  (unsigned long long)x->count);
        add_text(out, x->message);
        sbuf_adds(out, ",\"nodes\":");
        add_text(out, x->nodes);
        sbuf_adds(out, ",\"traceback\":");
        add_text(out, x->traceback);
        sbuf_addc(out, '}');
    }
    sbuf_adds(out, "]}\n");
}

void compat_worker_count(const struct view *v, struct sbuf *out)
{
    sbuf_addf(out, "{\"worker_count\":%zu}\n", connected_count(v));
}

/* -- CSV -- */

static void csv_row(struct sbuf *out, const struct view_row *r)
{
    sbuf_add_csv(out, r->method);
    sbuf_addc(out, ',');
    sbuf_add_csv(out, r->name);
    sbuf_addf(out, ",%llu,%llu", (unsigned long long)r->requests, (unsigned long long)r->failures);
    const double numbers[] = {r->median_ms, r->mean_ms,        r->min_ms, r->max_ms, r->mean_bytes,
                              r->total_rps, r->total_fail_rps, r->p50,    r->p90,    r->p95,
                              r->p99,       r->p999,           r->max_ms};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (isfinite(numbers[i]) && r->requests > 0)
            sbuf_addf(out, ",%.10g", numbers[i]);
        else
            sbuf_adds(out, ",N/A");
    }
    sbuf_addf(out, ",%llu\r\n", (unsigned long long)r->cut);
}

void compat_requests_csv(const struct view *v, struct sbuf *out)
{
    sbuf_adds(
        out, "Type,Name,Request Count,Failure Count,Median Response Time,"
             "Average Response Time,Min Response Time,Max Response Time,"
             "Average Content Size,Requests/s,Failures/s,50%,90%,95%,99%,99.9%,100%,Cut Count\r\n");
    for (size_t i = 0; i < v->row_count; i++)
        csv_row(out, &v->rows[i]);
    csv_row(out, &v->total);
}

void compat_failures_csv(const struct view *v, struct sbuf *out)
{
    sbuf_adds(out, "Method,Name,Error,Occurrences,First Seen,Last Seen\r\n");
    for (size_t i = 0; i < v->failure_count; i++) {
        const struct view_failure *f = &v->failures[i];
        sbuf_add_csv(out, f->method);
        sbuf_addc(out, ',');
        sbuf_add_csv(out, f->name);
        sbuf_addc(out, ',');
        sbuf_add_csv(out, f->text);
        sbuf_addf(out, ",%llu,%.3f,%.3f\r\n", (unsigned long long)f->count, f->first_at,
                  f->last_at);
    }
}

void compat_exceptions_csv(const struct view *v, struct sbuf *out)
{
    sbuf_adds(out, "Count,Message,Traceback,Nodes\r\n");
    for (size_t i = 0; i < v->exception_count; i++) {
        const struct view_exception *x = &v->exceptions[i];
        sbuf_addf(out, "%llu,", (unsigned long long)x->count);
        sbuf_add_csv(out, x->message);
        sbuf_addc(out, ',');
        sbuf_add_csv(out, x->traceback);
        sbuf_addc(out, ',');
        sbuf_add_csv(out, x->nodes);
        sbuf_adds(out, "\r\n");
    }
}
