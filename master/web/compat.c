// SPDX-License-Identifier: MIT
/* compat: see compat.h. Keys, their order, rounding and the limit of 500 rows are Locust's. */
#include "master/web/compat.h"

#include "master/data/json_out.h"
#include "master/data/number_text.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define ROWS_MAX 500

/* Named as Python writes the share: response_time_percentile_0.95. */
static void add_percentiles(struct json_out *j, const struct tunables_shares *of, const double *ms,
                            double factor)
{
    struct sbuf name = {0};
    for (size_t i = 0; i < of->count; i++) {
        sbuf_clear(&name);
        sbuf_adds(&name, "response_time_percentile_");
        output_add_float(&name, of->of[i]);
        json_out_whole(j, name.data, factor * ms[i]);
    }
    sbuf_fini(&name);
}

static void add_row(struct json_out *j, const struct view_row *r,
                    const struct tunables_shares *asked)
{
    bool has_any = r->requests > 0;
    json_out_open(j, NULL, '{');
    json_out_float(j, "avg_content_length", r->mean_bytes);
    json_out_float(j, "avg_response_time", r->mean_ms);
    json_out_float(j, "current_fail_per_sec", r->fail_rps);
    json_out_float(j, "current_rps", r->rps);
    json_out_count(j, "cut", r->cut);
    json_out_count(j, "discarded", r->discarded);
    json_out_float(j, "max_response_time", has_any ? round(r->max_ms) : 0);
    json_out_whole(j, "median_response_time", has_any ? r->median_ms : 0);
    json_out_text(j, "method", r->method);
    json_out_float(j, "min_response_time", has_any ? round(r->min_ms) : 0);
    json_out_text(j, "name", r->name);
    json_out_count(j, "num_failures", r->failures);
    json_out_count(j, "num_requests", r->requests);
    json_out_count(j, "resent", r->resent);
    add_percentiles(j, asked, r->asked, has_any ? 1 : 0);
    json_out_float(j, "total_fail_per_sec", r->total_fail_rps);
    json_out_float(j, "total_rps", r->total_rps);
    json_out_close(j, '}');
}

static bool is_connected(const struct view_worker *w)
{
    return strcmp(w->state, "ready") == 0 || strcmp(w->state, "spawning") == 0 ||
           strcmp(w->state, "running") == 0;
}

size_t compat_connected(const struct view *v)
{
    size_t count = 0;
    for (size_t i = 0; i < v->worker_count; i++)
        count += is_connected(&v->workers[i]);
    return v->is_distributed ? count : 0;
}

static void add_errors(struct json_out *j, const struct view *v)
{
    size_t failures = v->failure_count < ROWS_MAX ? v->failure_count : ROWS_MAX;
    json_out_open(j, "errors", '[');
    for (size_t i = 0; i < failures; i++) {
        const struct view_failure *f = &v->failures[i];
        json_out_open(j, NULL, '{');
        json_out_text(j, "error", f->text);
        json_out_float(j, "first_seen", f->first_at);
        json_out_float(j, "last_seen", f->last_at);
        json_out_text(j, "method", f->method);
        json_out_text(j, "name", f->name);
        json_out_count(j, "occurrences", f->count);
        json_out_close(j, '}');
    }
    json_out_close(j, ']');
}

static void add_stats(struct json_out *j, const struct view *v)
{
    size_t rows = v->row_count < ROWS_MAX ? v->row_count : ROWS_MAX;
    json_out_open(j, "stats", '[');
    for (size_t i = 0; i < rows; i++)
        add_row(j, &v->rows[i], &v->statistics);
    add_row(j, &v->total, &v->statistics);
    json_out_close(j, ']');
}

static void add_workers(struct json_out *j, const struct view *v)
{
    json_out_count(j, "worker_count", compat_connected(v));
    json_out_open(j, "workers", '[');
    for (size_t i = 0; i < v->worker_count; i++) {
        const struct view_worker *w = &v->workers[i];
        json_out_open(j, NULL, '{');
        json_out_float(j, "cpu_usage", w->cpu_percent);
        json_out_text(j, "id", w->id);
        json_out_count(j, "memory_usage", w->memory_bytes);
        json_out_text(j, "state", w->state);
        json_out_count(j, "user_count", w->users);
        json_out_close(j, '}');
    }
    json_out_close(j, ']');
}

void compat_requests(const struct view *v, struct sbuf *out)
{
    struct json_out j;
    const struct view_row *t = &v->total;
    double ratio =
        t->requests > 0 ? (double)t->failures / (double)t->requests : (t->failures > 0 ? 1.0 : 0.0);
    json_out_init(&j, out);
    json_out_open(&j, NULL, '{');
    json_out_float(&j, "current_fail_per_sec", t->fail_rps);
    json_out_open(&j, "current_response_time_percentiles", '{');
    add_percentiles(&j, &v->chart, v->chart_ms, 1);
    json_out_close(&j, '}');
    json_out_float(&j, "current_rps", t->rps);
    json_out_count(&j, "cut", t->cut);
    json_out_count(&j, "discarded", t->discarded);
    add_errors(&j, v);
    json_out_float(&j, "fail_ratio", ratio);
    json_out_count(&j, "resent", t->resent);
    json_out_text(&j, "state", v->state);
    add_stats(&j, v);
    json_out_float(&j, "total_fail_per_sec", t->total_fail_rps);
    json_out_float(&j, "total_rps", t->total_rps);
    json_out_count(&j, "user_count", v->users);
    if (v->is_distributed)
        add_workers(&j, v);
    json_out_close(&j, '}');
}

static void add_nodes(struct json_out *j, const char *nodes)
{
    struct sbuf list = {0};
    output_add_nodes(&list, nodes);
    json_out_text(j, "nodes", list.data);
    sbuf_fini(&list);
}

void compat_exceptions(const struct view *v, struct sbuf *out)
{
    struct json_out j;
    json_out_init(&j, out);
    json_out_open(&j, NULL, '{');
    json_out_open(&j, "exceptions", '[');
    for (size_t i = 0; i < v->exception_count; i++) {
        const struct view_exception *x = &v->exceptions[i];
        json_out_open(&j, NULL, '{');
        json_out_count(&j, "count", x->count);
        json_out_text(&j, "msg", x->message);
        add_nodes(&j, x->nodes);
        json_out_text(&j, "traceback", x->traceback);
        json_out_close(&j, '}');
    }
    json_out_close(&j, ']');
    json_out_close(&j, '}');
}

void compat_worker_count(const struct view *v, struct sbuf *out)
{
    struct json_out j;
    json_out_init(&j, out);
    json_out_open(&j, NULL, '{');
    json_out_count(&j, "worker_count", compat_connected(v));
    json_out_close(&j, '}');
}

/* What would end a header's value or leave the folder of a download. */
static void add_file_part(struct sbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        sbuf_addc(out, c <= ' ' || c >= 0x7f || strchr("\"\\;,", c) != NULL ? '_' : *text);
    }
}

void compat_file_name(const struct view *v, const char *suffix, struct sbuf *out)
{
    struct tm at;
    time_t started = (time_t)(v->started_at > 0 ? v->started_at : v->now);
    localtime_r(&started, &at);
    sbuf_addf(out, "Locust_%04d-%02d-%02d-%02dh%02d_", at.tm_year + 1900, at.tm_mon + 1, at.tm_mday,
              at.tm_hour, at.tm_min);
    add_file_part(out, v->locustfile != NULL ? v->locustfile : "");
    if (v->host != NULL && v->host[0] != '\0') {
        sbuf_addc(out, '_');
        add_file_part(out, v->host);
    }
    sbuf_adds(out, suffix);
}
