// SPDX-License-Identifier: MIT
#include "master/sink/timescale_series.h"

#include "master/sink/postgres.h"
#include "master/sink/sink_series.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define TEXT_MOST 16384 /* of tags as JSON */

struct writing {
    struct sbuf *sql;
    const char *before;
    bool has_some;
};

static void add_number(struct sbuf *sql, bool has, double number)
{
    if (has && isfinite(number))
        sbuf_addf(sql, ",%.10g", number);
    else
        sbuf_adds(sql, ",NULL");
}

static void add_whole(struct sbuf *sql, bool has, uint64_t number)
{
    if (has)
        sbuf_addf(sql, ",%" PRIu64, number);
    else
        sbuf_adds(sql, ",NULL");
}

static void add_tags(struct sbuf *sql, const struct series_row *r)
{
    struct sbuf json = {0};
    sbuf_addc(&json, '{');
    for (size_t i = 0; i < r->tag_count; i++) {
        sbuf_adds(&json, i ? "," : "");
        sbuf_add_json(&json, r->tags[i].key, strlen(r->tags[i].key));
        sbuf_addc(&json, ':');
        sbuf_add_json(&json, r->tags[i].value, strlen(r->tags[i].value));
    }
    sbuf_addc(&json, '}');
    postgres_add_text(sql, json.len < TEXT_MOST ? json.data : "{}", TEXT_MOST);
    sbuf_fini(&json);
}

/* Quantiles are those since the start, as a trend's histogram is not in what a push has. */
static void add_row(void *arg, const struct series_gain *g)
{
    struct writing *w = arg;
    struct sbuf *sql = w->sql;
    const struct series_row *r = g->row;
    const bool is_rate = r->kind == METRIC_RATE, is_trend = r->kind == METRIC_TREND;
    if (!w->has_some)
        sbuf_adds(sql, "INSERT INTO " TIMESCALE_SERIES_TABLE
                       " (\"time\",run_id,testplan,metric,tags,count,passes,fails,sum,value,"
                       "run_p50,run_p95,run_p99) VALUES\n");
    sbuf_addf(sql, "%s(%s,", w->has_some ? ",\n" : "", w->before);
    w->has_some = true;
    postgres_add_text(sql, r->metric, TEXT_MOST);
    sbuf_addc(sql, ',');
    add_tags(sql, r);
    add_whole(sql, true, g->count);
    add_whole(sql, is_rate, g->trues);
    add_whole(sql, is_rate, g->count - g->trues);
    add_number(sql, r->kind == METRIC_COUNTER || is_trend, g->sum);
    add_number(sql, r->kind == METRIC_GAUGE, r->last);
    add_number(sql, is_trend, r->quantile[SERIES_P50]);
    add_number(sql, is_trend, r->quantile[SERIES_P95]);
    add_number(sql, is_trend, r->quantile[SERIES_P99]);
    sbuf_addc(sql, ')');
}

void timescale_add_series(struct sbuf *sql, const struct moment *m, const char *before)
{
    struct writing w = {.sql = sql, .before = before};
    sink_series_each(m, add_row, &w);
    if (w.has_some)
        sbuf_adds(sql, ";\n");
}
