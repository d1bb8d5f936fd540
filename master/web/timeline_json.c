// SPDX-License-Identifier: MIT
#include "master/web/timeline_json.h"

#include "master/data/events.h"
#include "master/data/timeline_read.h"
#include "master/data/view_build.h"
#include "master/web/feed.h"
#include "master/web/groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- settling ---- */

struct settled_range timeline_json_settle(const struct view *v, const struct query *q)
{
    const struct timeline_snap *t = v->timeline;
    struct settled_range r = {.from = q->from, .to = q->to, .step = 1, .is_empty = true};
    if (t == NULL || t->first == 0)
        return r;
    int64_t from = q->has_from ? q->from : t->since, to = q->has_to ? q->to : t->until;
    r.from = from < t->first ? t->first : from;
    r.to = to > t->until ? t->until : to;
    bool is_over = v->ended_at > 0;
    r.is_complete = is_over || (q->has_to && to <= t->until);
    r.is_empty = r.from >= r.to;
    if (r.is_empty)
        return r;
    struct timeline_plan plan;
    timeline_plan(t, r.from, r.to, &plan);
    r.from = plan.from < t->first ? t->first : plan.from;
    r.to = plan.to > t->until ? t->until : plan.to;
    r.step = plan.resolution;
    timeline_plan_fini(&plan);
    return r;
}

struct settled_range timeline_json_settle_steps(const struct view *v, const struct query *q,
                                                uint32_t steps)
{
    struct settled_range r = timeline_json_settle(v, q);
    struct timeline_ask ask = {.from = r.from, .to = r.to, .step = q->step, .max_steps = steps};
    if (r.is_empty || !timeline_settle(v->timeline, &ask))
        return r;
    r.from = ask.from;
    r.to = ask.to;
    r.step = ask.step;
    return r;
}

/* ---- values ---- */

static void add_i64(struct sbuf *out, int64_t number)
{
    if (number < 0)
        sbuf_addc(out, '-');
    sbuf_add_u64(out, number < 0 ? (uint64_t)-number : (uint64_t)number);
}

static void add_next(struct sbuf *out, double number)
{
    sbuf_addc(out, ',');
    sbuf_add_decimal(out, number);
}

static void add_head(struct sbuf *out, const char *type, const struct view *v,
                     const struct settled_range *r)
{
    sbuf_addf(out, "{\"type\":\"%s\",\"from\":", type);
    add_i64(out, r->from);
    sbuf_adds(out, ",\"to\":");
    add_i64(out, r->to);
    sbuf_addf(out, ",\"step\":%u,\"complete\":%s,\"tick\":", r->step,
              r->is_complete ? "true" : "false");
    sbuf_add_u64(out, v->tick);
    sbuf_adds(out, ",\"boot\":");
    sbuf_add_json(out, v->boot_id, strlen(v->boot_id));
    sbuf_adds(out, ",\"run\":");
    sbuf_add_json(out, v->run_id, strlen(v->run_id));
}

/* ---- a range ---- */

struct range_out {
    struct sbuf *out;
    double seconds;
    const struct timeline_health *healths;
    size_t health_count;
};

/* Of requests without a time there is none: not even 0. */
static void forget_times(struct view_row *row, const struct tally *t)
{
    if (t->requests <= t->none_requests)
        row->mean_ms = row->min_ms = row->max_ms = NAN;
    if (t->hist.count > 0)
        return;
#define SHOWN_QUANTILE(field, name, of, share, unit, label, width, meaning) row->field = NAN;
#include "common/metric/columns.def"
    row->median_ms = NAN;
}

static struct view_row row_of(uint32_t id, const struct tally *t, double seconds)
{
    struct view_row row = {.id = id,
                           .rps = seconds > 0 ? (double)t->requests / seconds : 0,
                           .fail_rps = seconds > 0 ? (double)t->failures / seconds : 0};
    row.total_rps = row.rps;
    row.total_fail_rps = row.fail_rps;
    view_set_statistics(&row, t);
    forget_times(&row, t);
    return row;
}

static void add_worker(struct range_out *o, uint32_t index, const struct tally *t)
{
    const struct timeline_health none = {.index = index}, *h = &none;
    for (size_t i = 0; i < o->health_count; i++)
        if (o->healths[i].index == index)
            h = &o->healths[i];
    sbuf_addf(o->out, "[%u,", index);
    sbuf_add_u64(o->out, t != NULL ? t->requests : 0);
    sbuf_addc(o->out, ',');
    sbuf_add_u64(o->out, t != NULL ? t->failures : 0);
    add_next(o->out, h->samples > 0 ? (double)h->cpu_sum / 10 / h->samples : NAN);
    add_next(o->out, h->samples > 0 ? (double)h->cpu_max / 10 : NAN);
    add_next(o->out, h->has_lag ? (double)h->lag_us / 1000 : NAN);
    add_next(o->out, h->samples > 0 ? (double)h->users_sum / h->samples : NAN);
    sbuf_addc(o->out, ']');
}

static void add_row_of(struct range_out *o, uint32_t id, const struct tally *t)
{
    struct view_row row = row_of(id, t, o->seconds);
    feed_row(o->out, &row);
}

static void comma_unless_first(struct sbuf *out, bool *is_first)
{
    if (!*is_first)
        sbuf_addc(out, ',');
    *is_first = false;
}

/* Workers that reported nothing but were there, up to (not with) `until`. */
static void add_silent(struct range_out *o, size_t *next, uint32_t until, bool *is_first)
{
    for (; *next < o->health_count && o->healths[*next].index < until; ++*next) {
        comma_unless_first(o->out, is_first);
        add_worker(o, o->healths[*next].index, NULL);
    }
}

/* The rows of the merge one by one, or as the groups they are in; they come in front of workers. */
static bool add_rows(struct range_out *o, struct timeline_merge *m, bool is_there, struct groups *g)
{
    bool is_first = true;
    for (; is_there && m->id < TIMELINE_WORKER; is_there = timeline_merge_next(m, false)) {
        if (g != NULL) {
            groups_merge(g, m->id, &m->sum);
            continue;
        }
        comma_unless_first(o->out, &is_first);
        add_row_of(o, m->id, &m->sum);
    }
    const struct tally *sum;
    size_t next = 0;
    for (uint32_t n = 1; g != NULL && (sum = groups_next(g, &next)) != NULL; n++) {
        comma_unless_first(o->out, &is_first);
        add_row_of(o, n, sum);
    }
    return is_there;
}

/* total, rows and workers: the merge brings them in this order. */
static void add_merged(struct range_out *o, const struct timeline_plan *plan, struct groups *g)
{
    struct timeline_merge m;
    struct tally none;
    bool is_first = true, has_total = false;
    size_t next_health = 0;
    timeline_merge_init(&m, plan->blocks, plan->count);
    bool is_there = timeline_merge_next(&m, false);
    tally_init(&none, NULL, NULL);
    has_total = is_there && m.id == TIMELINE_TOTAL;
    sbuf_adds(o->out, ",\"total\":");
    add_row_of(o, TIMELINE_TOTAL, has_total ? &m.sum : &none);
    if (has_total)
        is_there = timeline_merge_next(&m, false);
    sbuf_adds(o->out, ",\"rows\":[");
    is_there = add_rows(o, &m, is_there, g);
    sbuf_adds(o->out, "],\"workers\":[");
    for (; is_there; is_there = timeline_merge_next(&m, false)) {
        uint32_t index = m.id - TIMELINE_WORKER;
        add_silent(o, &next_health, index, &is_first);
        if (next_health < o->health_count && o->healths[next_health].index == index)
            next_health++;
        comma_unless_first(o->out, &is_first);
        add_worker(o, index, &m.sum);
    }
    add_silent(o, &next_health, UINT32_MAX, &is_first);
    sbuf_addc(o->out, ']');
    timeline_merge_fini(&m);
}

static void add_one_worker(struct range_out *o, const struct timeline_plan *plan, uint32_t index)
{
    struct tally sum;
    tally_init(&sum, NULL, NULL);
    timeline_read_row(plan, TIMELINE_WORKER + index, &sum);
    sbuf_adds(o->out, ",\"total\":");
    add_row_of(o, TIMELINE_TOTAL, &sum);
    sbuf_adds(o->out, ",\"rows\":[],\"workers\":[");
    add_worker(o, index, &sum);
    sbuf_addc(o->out, ']');
    tally_fini(&sum);
}

static void add_range_failures(struct sbuf *out, const struct timeline_plan *plan)
{
    struct timeline_failed *list;
    size_t count = timeline_merge_failures(plan->blocks, plan->count, &list);
    sbuf_adds(out, ",\"failures\":[");
    for (size_t i = 0; i < count; i++) {
        sbuf_addf(out, "%s[%u,", i > 0 ? "," : "", list[i].kind);
        sbuf_add_u64(out, list[i].count);
        sbuf_addc(out, ',');
        add_i64(out, list[i].first);
        sbuf_addc(out, ',');
        add_i64(out, list[i].last);
        sbuf_addc(out, ']');
    }
    sbuf_addc(out, ']');
    free(list);
}

void timeline_json_saturated(struct sbuf *out, const struct view *v, int64_t from, int64_t to)
{
    bool is_first = true;
    sbuf_addc(out, '[');
    for (size_t i = 0; v->events != NULL && i < v->events->saturation_count; i++) {
        const struct saturation *s = &v->events->saturations[i];
        if (s->to <= (double)from || s->from >= (double)to)
            continue;
        sbuf_adds(out, is_first ? "[" : ",[");
        sbuf_add_decimal(out, s->from);
        add_next(out, s->to);
        sbuf_addf(out, ",%u,\"%s\"]", s->worker, s->why);
        is_first = false;
    }
    sbuf_addc(out, ']');
}

static bool is_lost(const struct view_loss *l, int64_t from, int64_t to)
{
    return l->to > (double)from && l->from < (double)to;
}

static void add_lost(struct sbuf *out, const struct view *v, int64_t from, int64_t to)
{
    const char *comma = "";
    sbuf_addc(out, '[');
    for (size_t i = 0; i < v->loss_count; i++) {
        const struct view_loss *l = &v->losses[i];
        if (!is_lost(l, from, to))
            continue;
        sbuf_addf(out, "%s[", comma);
        sbuf_add_decimal(out, l->from);
        add_next(out, l->to);
        sbuf_addc(out, ',');
        sbuf_add_json(out, l->worker, strlen(l->worker));
        sbuf_addc(out, ']');
        comma = ",";
    }
    sbuf_addc(out, ']');
}

static bool is_valid(const struct view *v, int64_t from, int64_t to)
{
    for (size_t i = 0; i < v->loss_count; i++)
        if (is_lost(&v->losses[i], from, to))
            return false;
    for (size_t i = 0; v->events != NULL && i < v->events->saturation_count; i++) {
        const struct saturation *s = &v->events->saturations[i];
        if (s->to > (double)from && s->from < (double)to)
            return false;
    }
    return true;
}

/* The time of the run that the range has. */
static double run_seconds(const struct view *v, int64_t from, int64_t to)
{
    double begin = fmax((double)from, v->started_at), end = (double)to;
    if (v->ended_at > begin && v->ended_at < end)
        end = v->ended_at;
    return fmax(end - begin, 0);
}

void timeline_json_range(struct sbuf *out, const struct view *v, const struct query *q)
{
    struct settled_range r = timeline_json_settle(v, q);
    struct timeline_plan plan = {0};
    struct timeline_health *healths = NULL;
    if (!r.is_empty)
        timeline_plan(v->timeline, r.from, r.to, &plan);
    struct range_out o = {.out = out, .seconds = r.is_empty ? 0 : run_seconds(v, r.from, r.to)};
    o.health_count = timeline_merge_healths(plan.blocks, plan.count, &healths);
    o.healths = healths;
    struct groups *g = q->has_group ? groups_new(v, q->group) : NULL;
    add_head(out, "range", v, &r);
    sbuf_addf(out, ",\"columns\":%s", feed_row_columns);
    if (q->has_worker)
        add_one_worker(&o, &plan, q->worker);
    else
        add_merged(&o, &plan, g);
    if (g != NULL) {
        sbuf_adds(out, ",\"groups\":");
        groups_write(g, out);
    }
    groups_free(g);
    add_range_failures(out, &plan);
    sbuf_addf(out, ",\"valid\":%s,\"saturated\":", is_valid(v, r.from, r.to) ? "true" : "false");
    timeline_json_saturated(out, v, r.from, r.to);
    sbuf_adds(out, ",\"lost\":");
    add_lost(out, v, r.from, r.to);
    sbuf_adds(out, "}");
    free(healths);
    timeline_plan_fini(&plan);
}

/* ---- a course ---- */

static const char SERIES_COLUMNS[] =
    "\"second\",\"rps\",\"fail_rps\",\"p50\",\"p95\",\"p99\",\"mean\",\"users\",\"target\"";
static const char MORE_COLUMNS[] =
    ",\"p75\",\"p90\",\"p999\",\"max\",\"s0\",\"s2\",\"s3\",\"s4\",\"s5\",\"sent\",\"received\","
    "\"queue\",\"dns\",\"connect\",\"tls\",\"send\",\"wait\",\"receive\",\"lag\",\"cpu\"";

struct series_out {
    struct sbuf *out;
    bool has_all, is_first;
};

static double ms_or_none(const struct tally *t, double value)
{
    return t->hist.count > 0 ? value : NAN;
}

static void add_more(struct sbuf *out, const struct timeline_step *s, const struct view_row *row)
{
    const struct tally *t = s->sum;
    double seconds = s->seconds > 0 ? s->seconds : 1;
    add_next(out, ms_or_none(t, row->p75));
    add_next(out, ms_or_none(t, row->p90));
    add_next(out, ms_or_none(t, row->p999));
    add_next(out, ms_or_none(t, row->max_ms));
    for (size_t i = 0; i < STATS_STATUSES; i++)
        if (i != 1)
            add_next(out, (double)t->extra.status[i] / seconds);
    add_next(out, (double)t->extra.sent_bytes / seconds);
    add_next(out, (double)t->extra.received_bytes / seconds);
    for (size_t i = 0; i < PHASES; i++)
        add_next(out, t->extra.phased > 0
                          ? (double)t->extra.phase_us[i] / (double)t->extra.phased / 1000
                          : NAN);
    add_next(out, s->lag_ms);
    add_next(out, s->cpu_percent);
}

static void add_step(void *arg, const struct timeline_step *s)
{
    struct series_out *o = arg;
    struct view_row row = row_of(0, s->sum, s->seconds);
    bool has_mean = s->sum->requests > s->sum->none_requests;
    comma_unless_first(o->out, &o->is_first);
    sbuf_addc(o->out, '[');
    add_i64(o->out, s->second);
    add_next(o->out, row.rps);
    add_next(o->out, row.fail_rps);
    add_next(o->out, ms_or_none(s->sum, row.p50));
    add_next(o->out, ms_or_none(s->sum, row.p95));
    add_next(o->out, ms_or_none(s->sum, row.p99));
    add_next(o->out, has_mean ? row.mean_ms : NAN);
    add_next(o->out, s->users);
    add_next(o->out, s->target);
    if (o->has_all)
        add_more(o->out, s, &row);
    sbuf_addc(o->out, ']');
}

static uint32_t row_id(const struct query *q)
{
    return q->has_worker ? TIMELINE_WORKER + q->worker : q->id;
}

void timeline_json_points(struct sbuf *out, const struct view *v, const struct query *q,
                          const struct settled_range *r)
{
    struct series_out o = {out, q->has_all_columns, true};
    struct timeline_ask ask = {.from = r->from, .to = r->to, .step = r->step, .id = row_id(q)};
    sbuf_addf(out, "\"columns\":[%s%s],\"points\":[", SERIES_COLUMNS,
              q->has_all_columns ? MORE_COLUMNS : "");
    if (!r->is_empty)
        timeline_read_steps(v->timeline, &ask, add_step, &o);
    sbuf_addc(out, ']');
}

bool timeline_json_recent(struct sbuf *out, const struct view *v, uint32_t seconds)
{
    const struct timeline_snap *t = v->timeline;
    struct series_out o = {out, true, true};
    if (t == NULL)
        return false;
    struct timeline_ask ask = {.from = t->until - seconds, .to = t->until, .step = 1};
    if (!timeline_settle(t, &ask) || ask.step > 1)
        return false;
    timeline_read_steps(t, &ask, add_step, &o);
    return true;
}

void timeline_json_series(struct sbuf *out, const struct view *v, const struct query *q,
                          const struct settled_range *r)
{
    add_head(out, "series", v, r);
    sbuf_addf(out, ",\"id\":%u,", q->id);
    timeline_json_points(out, v, q, r);
    sbuf_addc(out, '}');
}

/* ---- sparks ---- */

struct spark_out {
    struct sbuf *out;
    bool is_first;
};

static void add_spark(void *arg, const struct timeline_step *s)
{
    struct spark_out *o = arg;
    comma_unless_first(o->out, &o->is_first);
    sbuf_add_decimal(o->out, ms_or_none(s->sum, tally_quantile_ms(s->sum, 0.95)));
}

void timeline_json_sparks(struct sbuf *out, const struct view *v, const struct query *q)
{
    struct settled_range r = timeline_json_settle_steps(v, q, q->points);
    add_head(out, "sparks", v, &r);
    sbuf_adds(out, ",\"rows\":{");
    for (size_t i = 0; i < q->id_count; i++) {
        struct spark_out o = {out, true};
        struct timeline_ask ask = {.from = r.from, .to = r.to, .step = r.step, .id = q->ids[i]};
        sbuf_addf(out, "%s\"%u\":[", i > 0 ? "," : "", q->ids[i]);
        if (!r.is_empty)
            timeline_read_steps(v->timeline, &ask, add_spark, &o);
        sbuf_addc(out, ']');
    }
    sbuf_adds(out, "}}");
}

/* ---- events ---- */

void timeline_json_events(struct sbuf *out, const struct view *v)
{
    sbuf_addc(out, '[');
    for (size_t i = 0; v->events != NULL && i < v->events->count; i++) {
        const struct run_event *e = &v->events->events[i];
        sbuf_addf(out, "%s{\"at\":", i > 0 ? "," : "");
        sbuf_add_decimal(out, e->at);
        sbuf_addf(out, ",\"kind\":\"%s\",\"text\":", e->kind);
        sbuf_add_json(out, e->text, strlen(e->text));
        sbuf_addc(out, '}');
    }
    sbuf_addc(out, ']');
}
