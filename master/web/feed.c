// SPDX-License-Identifier: MIT
/* feed: see feed.h. Rows are arrays, not objects: a thousand of them change each second, and their
 * columns are listed once, in hello. Numbers are cut to what a page can show, and a page names the
 * columns that it shows: what nobody looks at is neither written nor sent. */
#include "master/web/feed.h"

#include "master/data/events.h"
#include "master/data/series_list.h"
#include "master/data/timeline_levels.h"
#include "master/web/timeline_json.h"

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

static void add_next(struct sbuf *out, double number)
{
    sbuf_addc(out, ',');
    sbuf_add_decimal(out, number);
}

/* -- parts -- */

static const char POINT_COLUMNS[] =
    "[\"second\",\"rps\",\"fail_rps\",\"p50\",\"p95\",\"p99\",\"mean\",\"users\",\"target\"]";
static const char WORKER_COLUMNS[] =
    "[\"id\",\"index\",\"state\",\"users\",\"cpu\",\"memory\",\"lag\",\"is_katydid\",\"requests\","
    "\"rps\",\"lag_p99\",\"fds\",\"connections\",\"cpu_limit\",\"throttled\",\"starved\","
    "\"weight\",\"clock_error\"]";

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
        add_next(out, w->lag_p99_ms < 0 ? NAN : w->lag_p99_ms);
        add_next(out, w->fds < 0 ? NAN : w->fds);
        add_next(out, w->connections < 0 ? NAN : w->connections);
        add_next(out, w->cores > 0 ? w->cores : NAN);
        add_next(out, w->throttled);
        add_next(out, w->starved < 0 ? NAN : w->starved);
        add_next(out, w->weight ? (double)w->weight : NAN);
        add_next(out, w->clock_error_ms < 0 ? NAN : w->clock_error_ms);
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

static void add_outputs(struct sbuf *out, const struct view *v)
{
    const char *before = "";
    sbuf_adds(out, ",\"outputs\":[");
    for (size_t i = 0; i < v->output_count; i++) {
        const struct view_output *o = &v->outputs[i];
        if (o->dropped == 0 && !*o->trouble)
            continue;
        sbuf_addf(out, "%s[", before);
        before = ",";
        add_text(out, o->name);
        sbuf_addf(out, ",%llu,", (unsigned long long)o->dropped);
        add_text(out, o->trouble);
        sbuf_addc(out, ']');
    }
    sbuf_addc(out, ']');
}

/* All of those that send, the well ones too; nothing when there is none. */
static void add_receivers(struct sbuf *out, const struct view *v)
{
    const char *before = ",\"receivers\":[";
    for (size_t i = 0; i < v->output_count; i++) {
        const struct view_output *o = &v->outputs[i];
        if (!o->sends)
            continue;
        sbuf_adds(out, before);
        before = ",";
        sbuf_addc(out, '[');
        add_text(out, o->name);
        sbuf_addf(out, ",%llu,%llu,", (unsigned long long)o->sent, (unsigned long long)o->dropped);
        add_text(out, o->trouble);
        sbuf_addc(out, ']');
    }
    if (*before == ',' && !before[1])
        sbuf_addc(out, ']');
}

static void add_known(struct sbuf *out, double number)
{
    if (number < 0)
        sbuf_adds(out, "null");
    else
        sbuf_add_decimal(out, number);
}

/* What both hello and tick tell: who is speaking and how the run stands. */
static void add_state(struct sbuf *out, const struct view *v)
{
    sbuf_addf(out, ",\"tick\":%llu,\"now\":", (unsigned long long)v->tick);
    sbuf_add_decimal(out, v->now);
    add_key_text(out, "boot", v->boot_id);
    add_key_text(out, "run", v->run_id);
    add_key_text(out, "state", v->state);
    add_key_text(out, "host", v->host);
    add_key_text(out, "notice", v->notice);
    add_key_text(out, "ended_by", v->ended_by);
    const struct {
        const char *key;
        double number;
    } numbers[] = {{"started", v->started_at},  {"ended", v->ended_at},
                   {"run_time", v->run_time_s}, {"users", v->users},
                   {"target", v->target_users}, {"rate", v->spawn_rate}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sbuf_addf(out, ",\"%s\":", numbers[i].key);
        sbuf_add_decimal(out, numbers[i].number);
    }
    sbuf_adds(out, ",\"next\":[");
    add_known(out, v->next_users);
    sbuf_addc(out, ',');
    add_known(out, v->next_rate);
    sbuf_addf(out, "],\"log_errors\":%llu", (unsigned long long)v->log_errors);
    sbuf_addf(out, ",\"shape\":%s,\"scenarios\":%zu,\"distributed\":%s",
              v->has_shape ? "true" : "false", v->scenario_count,
              v->is_distributed ? "true" : "false");
    if (v->plan_count)
        sbuf_addf(out, ",\"plans\":%zu", v->plan_count);
    sbuf_addf(out, ",\"setup\":%s,\"teardown\":%s", v->is_setting_up ? "true" : "false",
              v->is_tearing_down ? "true" : "false");
    add_outputs(out, v);
    add_receivers(out, v);
}

/* -- messages -- */

bool feed_mark_query(struct feed_mark *mark, const struct form *query, struct query_error *e)
{
    const char *boot = form_get(query, "boot"), *run = form_get(query, "run");
    uint64_t since = 0, rows = 0, columns = 0, has = 0;
    memset(mark, 0, sizeof *mark);
    if (!query_count(query, "since", UINT64_MAX, &since, e) ||
        !query_count(query, "defs", UINT32_MAX, &rows, e) ||
        !query_count(query, "columns", UINT64_MAX, &columns, e) ||
        !query_count(query, "has", UINT64_MAX, &has, e))
        return false;
    mark->columns = columns;
    mark->has = has;
    if (boot == NULL || run == NULL)
        return true;
    mark->tick = since;
    mark->rows = (uint32_t)rows;
    snprintf(mark->boot, sizeof mark->boot, "%s", boot);
    snprintf(mark->run, sizeof mark->run, "%s", run);
    return true;
}

void feed_hello(const struct view *v, struct sbuf *out)
{
    sbuf_adds(out, "{\"type\":\"hello\",\"protocol\":1");
    add_key_text(out, "version", v->version);
    add_key_text(out, "locustfile", v->locustfile);
    if (v->stock_port != 0)
        sbuf_addf(out, ",\"stock_port\":%d", v->stock_port);
    add_state(out, v);
    sbuf_addf(out, ",\"columns\":{\"row\":%s,\"point\":%s,\"worker\":%s}}", feed_row_columns,
              POINT_COLUMNS, WORKER_COLUMNS);
}

static void adapt_mark(const struct view *v, struct feed_mark *mark)
{
    if (strcmp(mark->boot, v->boot_id) == 0 && strcmp(mark->run, v->run_id) == 0 &&
        mark->tick <= v->tick)
        return;
    uint64_t columns = mark->columns;
    memset(mark, 0, sizeof *mark);
    mark->columns = columns;
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

static void add_changed_rows(struct sbuf *out, const struct view *v, const struct feed_mark *mark,
                             uint32_t known)
{
    bool is_first = true;
    uint64_t since = mark->columns & ~mark->has ? 0 : mark->tick;
    sbuf_adds(out, ",\"rows\":[");
    for (size_t i = 0; i < v->row_count; i++) {
        if (v->rows[i].changed_tick <= since && v->rows[i].id <= known)
            continue;
        if (!is_first)
            sbuf_addc(out, ',');
        is_first = false;
        feed_columns(out, &v->rows[i], mark->columns);
    }
    sbuf_addc(out, ']');
}

static void add_recent_points(struct sbuf *out, const struct view *v, bool has_all_columns)
{
    size_t first = v->point_count > RECENT_POINTS ? v->point_count - RECENT_POINTS : 0;
    sbuf_addf(out, ",\"first_second\":%lld,\"points\":[",
              v->timeline != NULL ? (long long)v->timeline->first : 0LL);
    if (has_all_columns && timeline_json_recent(out, v, RECENT_POINTS))
        first = v->point_count;
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
    sbuf_addf(out, ",\"failures\":[%zu,%llu],\"exceptions\":[%zu,%llu]", v->kind_count,
              (unsigned long long)failures, v->exception_count, (unsigned long long)exceptions);
}

/* What the timeline keeps, and what it takes. */
static void add_memory(struct sbuf *out, const struct view *v)
{
    const struct timeline_snap *t = v->timeline;
    if (t != NULL)
        sbuf_addf(out,
                  ",\"timeline\":{\"first\":%lld,\"since\":%lld,\"until\":%lld,\"bytes\":%zu,"
                  "\"limit\":%zu}",
                  (long long)t->first, (long long)t->since, (long long)t->until, t->bytes,
                  t->limit);
}

void feed_tick(const struct view *v, struct feed_mark *mark, struct sbuf *out)
{
    adapt_mark(v, mark);
    uint32_t known = mark->rows;
    sbuf_addf(out, "{\"type\":\"tick\",\"since\":%llu", (unsigned long long)mark->tick);
    if (mark->columns != 0) {
        mark->columns = (mark->columns | 1) & FEED_COLUMNS_ALL; /* no row without its id */
        sbuf_adds(out, ",\"columns\":");
        sbuf_add_u64(out, mark->columns);
    }
    add_state(out, v);
    sbuf_adds(out, ",\"total\":");
    feed_row(out, &v->total);
    add_new_names(out, v, mark);
    add_changed_rows(out, v, mark, known);
    add_recent_points(out, v, mark->columns != 0);
    add_kinds(out, v);
    sbuf_adds(out, ",\"workers\":");
    add_workers(out, v);
    sbuf_adds(out, ",\"classes\":");
    add_classes(out, v);
    add_memory(out, v);
    sbuf_addf(out, ",\"series\":%zu", v->series ? v->series->count : 0);
    sbuf_addf(out, ",\"verdict\":{\"thresholds\":%zu,\"failed\":%zu}", v->threshold_count,
              v->threshold_failed);
    sbuf_addf(out, ",\"events\":%llu,\"saturated\":%s}",
              v->events != NULL ? (unsigned long long)v->events->total : 0ULL,
              v->is_saturated ? "true" : "false");
    mark->tick = v->tick;
    mark->has = mark->columns;
}

/* -- lists -- */

void feed_exception_list(const struct view *v, struct sbuf *out)
{
    sbuf_addc(out, '[');
    for (size_t i = 0; i < v->exception_count; i++) {
        const struct view_exception *x = &v->exceptions[i];
        sbuf_addf(out, "%s{\"count\":%llu", i > 0 ? "," : "", (unsigned long long)x->count);
        add_key_text(out, "type", x->type);
        add_key_text(out, "message", x->message);
        add_key_text(out, "traceback", x->traceback);
        add_key_text(out, "nodes", x->nodes);
        sbuf_adds(out, ",\"first\":");
        sbuf_add_decimal(out, x->first_at);
        sbuf_adds(out, ",\"last\":");
        sbuf_add_decimal(out, x->last_at);
        sbuf_addc(out, '}');
    }
    sbuf_addc(out, ']');
}

void feed_exceptions(const struct view *v, struct sbuf *out)
{
    sbuf_addf(
        out, "{\"type\":\"exceptions\",\"tick\":%llu,\"exceptions\":", (unsigned long long)v->tick);
    feed_exception_list(v, out);
    sbuf_addc(out, '}');
}

void feed_series(const struct view *v, struct sbuf *out)
{
    sbuf_addf(out, "{\"type\":\"series\",\"tick\":%llu,\"left_out\":%zu,\"series\":",
              (unsigned long long)v->tick, v->series ? v->series->left_out : 0);
    series_list_json(v->series, NULL, out);
    sbuf_addc(out, '}');
}

void feed_workers(const struct view *v, struct sbuf *out)
{
    sbuf_addf(out,
              "{\"type\":\"workers\",\"tick\":%llu,\"distributed\":%s,\"columns\":%s,\"workers\":",
              (unsigned long long)v->tick, v->is_distributed ? "true" : "false", WORKER_COLUMNS);
    add_workers(out, v);
    sbuf_addc(out, '}');
}
