// SPDX-License-Identifier: MIT
/* influxdb_k6: points as k6 writes them (--out influxdb): a measurement for each metric, with one
 * field, value. k6 has a point a sample, which no store takes at a load like ours; so here a point
 * stands for a push. What is counted has the count, so that sum() is right; a rate has its share,
 * and beside it the count; of response times there are some values that are spread as all of them
 * are (every one of them, as long as they are few), so that mean() and percentile() are near.
 *
 * Points of one series need times of their own: they are spread over the time of the push. */
#include "master/sink/sink_rows.h"
#include "master/sink/influxdb_lines.h"
#include "master/sink/sink_series.h"
#include "master/sink/k6_rows.h"
#include <math.h>
#include <string.h>

static void begin(struct lines *l, const char *metric, const struct sink_row *r)
{
    line_begin(l, metric);
    if (r && *r->method)
        line_tag(l->body, "method", r->method);
    if (r)
        line_tag(l->body, "name", r->name);
    for (size_t i = 0; r && i < r->label_count; i++)
        line_tag(l->body, r->labels[i].key, r->labels[i].value);
}

static void add_value(struct lines *l, const char *metric, double value)
{
    begin(l, metric, NULL);
    line_real(l, "value", value);
    line_end(l);
}

static void add_times(struct lines *l, const char *metric, const struct sink_row *r, size_t most)
{
    const uint64_t all = sink_row_hist(r)->count;
    const size_t count = all < most ? (size_t)all : most;
    const double span = fmax(influxdb_seconds(l->m), (double)count / 1e3);
    for (size_t i = 0; i < count; i++) {
        const double share = ((double)i + 0.5) / (double)count;
        begin(l, metric, r);
        line_real(l, "value", sink_row_quantile_ms(r, share));
        line_end_at(l, l->m->at - span * (1 - share));
    }
}

static void add_row(struct lines *l, const struct sink_row *r, size_t points)
{
    const struct k6_names *names = k6_names_of(k6_row_of(r->method));
    if (r->requests == 0)
        return;
    if (names->count) {
        begin(l, names->count, r);
        line_real(l, "value", (double)r->requests);
        line_end(l);
        begin(l, names->failed, r);
        line_real(l, "value", (double)r->failures / (double)r->requests);
        line_whole(l, "count", r->requests);
        line_end(l);
    }
    add_times(l, names->duration, r, points);
}

/* Of all requests: their parts are not known by row. */
static void add_phases(struct lines *l, const struct tally_extra *e)
{
    static const struct {
        const char *metric;
        enum stats_phase of[2];
    } parts[] = {{"http_req_blocked", {PHASE_QUEUE, PHASE_DNS}},
                 {"http_req_connecting", {PHASE_CONNECT, PHASES}},
                 {"http_req_tls_handshaking", {PHASE_TLS, PHASES}},
                 {"http_req_sending", {PHASE_SEND, PHASES}},
                 {"http_req_waiting", {PHASE_WAIT, PHASES}},
                 {"http_req_receiving", {PHASE_RECEIVE, PHASES}}};
    for (size_t i = 0; e->phase_count && i < sizeof parts / sizeof *parts; i++) {
        uint64_t us = 0;
        for (size_t k = 0; k < 2; k++)
            us += parts[i].of[k] < PHASES ? e->phase_us[parts[i].of[k]] : 0;
        begin(l, parts[i].metric, NULL);
        line_real(l, "value", (double)us / 1e3 / (double)e->phase_count);
        line_whole(l, "count", e->phase_count);
        line_end(l);
    }
}

static void add_series_row(struct lines *l, const struct series_row *r,
                           const struct series_row *was)
{
    const uint64_t n = r->n - (was && was->n <= r->n ? was->n : 0);
    const double sum = r->sum - (was ? was->sum : 0);
    const uint64_t trues = r->trues - (was && was->trues <= r->trues ? was->trues : 0);
    if (n == 0)
        return;
    line_begin(l, r->metric);
    for (size_t k = 0; k < r->tag_count; k++)
        line_tag(l->body, r->tags[k].key, r->tags[k].value);
    line_real(l, "value",
              r->kind == METRIC_GAUGE     ? r->last
              : r->kind == METRIC_COUNTER ? sum
              : r->kind == METRIC_RATE    ? (double)trues / (double)n
                                          : sum / (double)n);
    line_whole(l, "count", n);
    line_end(l);
}

static void add_series(struct lines *l)
{
    const struct series_list *now = l->m->s->view->series;
    const struct series_list *old = l->m->since ? l->m->since->view->series : NULL;
    size_t at = 0;
    for (size_t i = 0; now && i < now->count; i++)
        add_series_row(l, &now->rows[i], sink_series_before(old, &at, &now->rows[i]));
}

void influxdb_add_k6(struct lines *l, size_t names, size_t points, unsigned labels)
{
    const struct view *v = l->m->s->view;
    struct sink_rows f;
    sink_rows_init_by(&f, l->m->s, l->m->since, names, labels);
    for (size_t i = 0; i < f.part_count; i++)
        add_row(l, &f.parts[i], points);
    add_phases(l, &f.extra);
    add_value(l, "data_sent", (double)f.extra.sent_bytes);
    add_value(l, "data_received", (double)f.extra.received_bytes);
    add_value(l, "vus", v->users);
    add_value(l, "vus_max", l->m->s->target_users);
    add_series(l);
    sink_rows_fini(&f);
}
