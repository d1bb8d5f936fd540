// SPDX-License-Identifier: MIT
/* judging: tells the verdict each second that is complete, from the timeline, and does what follows
 * from it: events, lines, the stop of the test, the exit code. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/baseline.h"
#include "master/app/core.h"
#include "master/app/judged_series.h"
#include "master/app/repeat.h"
#include "common/run/exit_code.h"
#include "master/data/timeline_read.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- figures for the verdict ---- */

struct source { /* of one round */
    struct master *m;
    struct timeline_snap *snap;
    struct events_list *events;
    struct timeline_plan plan; /* of the seconds that were asked for last */
    int64_t from, to, second;  /* second: that is told */
    struct series_value value;
};

static const struct timeline_plan *plan_of(struct source *s, int64_t from, int64_t to)
{
    if (s->from == from && s->to == to)
        return &s->plan;
    timeline_plan_fini(&s->plan);
    timeline_plan(s->snap, from, to, &s->plan);
    s->from = from;
    s->to = to;
    return &s->plan;
}

static void read_row(void *arg, uint32_t row, int64_t from, int64_t to, struct tally *t)
{
    timeline_read_row(plan_of(arg, from, to), row, t);
}

static bool read_worker(void *arg, const char *name, int64_t from, int64_t to, struct tally *t)
{
    struct source *s = arg;
    const struct roster *r = &s->m->machine.roster;
    bool is_there = false;
    for (size_t i = 0; i < r->count; i++)
        if (threshold_glob(name, r->workers[i]->id)) {
            timeline_read_row(plan_of(s, from, to), TIMELINE_WORKER + r->workers[i]->index, t);
            is_there = true;
        }
    return is_there;
}

static bool read_metric(void *arg, const struct threshold *t, int64_t from, int64_t to,
                        struct verdict_metric *out)
{
    struct source *s = arg;
    if (judged_series_read(s->m->record.series, t, from, to, &s->value, out))
        return true;
    const bool is_zero =
        t->scope == SCOPE_METRIC && t->tag_count == 0 && gates_has_counter(s->m, t->metric);
    *out = (struct verdict_metric){.kind = VERDICT_COUNTER, .scale = 1, .factor = 1};
    return is_zero;
}

static char *nearest(void *arg, const struct threshold *t)
{
    const struct source *s = arg;
    return judged_series_nearest(s->m->record.series, t);
}

static bool is_made(void *arg, const char *metric)
{
    const struct source *s = arg;
    return gates_has_metric(s->m, metric);
}

static void take_users(void *arg, const struct timeline_step *step)
{
    double *users = arg;
    *users = step->users;
}

/* At the end of the second that is told, as was known then. */
static double users_then(const struct source *s)
{
    struct timeline_ask ask = {.from = s->second, .to = s->second + 1, .step = 1, .max_steps = 1};
    double users = NAN;
    if (timeline_settle(s->snap, &ask))
        timeline_read_steps(s->snap, &ask, take_users, &users);
    return users;
}

static double gauge(void *arg, enum threshold_stat stat, const char *worker)
{
    const struct source *s = arg;
    const struct roster *r = &s->m->machine.roster;
    double most = NAN;
    if (stat == STAT_USERS && !run_is_active(&s->m->machine.run)) /* they are stopped since */
        return worker ? NAN : users_then(s);
    if (stat == STAT_USERS && !worker)
        return roster_user_count(r);
    for (size_t i = 0; i < r->count; i++) {
        const struct worker *w = r->workers[i];
        if (!worker_is_active(w) || (worker && !threshold_glob(worker, w->id)))
            continue;
        const double value = stat == STAT_USERS        ? w->users
                             : stat == STAT_WORKER_CPU ? w->cpu_percent
                             : stat == STAT_LOOP_LAG   ? w->lag_p99_ms
                                                       : NAN;
        if (value >= 0)
            most = fmax(value, most);
    }
    return most;
}

static bool is_valid(void *arg, int64_t from, int64_t to)
{
    const struct source *s = arg;
    for (size_t i = 0; i < s->events->saturation_count; i++) {
        const struct saturation *x = &s->events->saturations[i];
        if (x->from < (double)to && x->to > (double)from)
            return false;
    }
    for (const struct loss *l = s->m->record.losses.first; l; l = l->next)
        if (!l->is_settled && l->since < (double)to && losses_end(l) > (double)from)
            return false;
    return true;
}

static struct verdict_feed feed_of(struct source *s)
{
    return (struct verdict_feed){.arg = s,
                                 .read = read_row,
                                 .worker = read_worker,
                                 .metric = read_metric,
                                 .nearest = nearest,
                                 .is_made = is_made,
                                 .gauge = gauge,
                                 .is_valid = is_valid};
}

static void source_open(struct source *s, struct master *m)
{
    *s = (struct source){.m = m, .from = 1};
    s->snap = timeline_snapshot(m->record.timeline);
    s->events = events_snapshot(m->record.events);
    series_value_init(&s->value);
}

static void source_close(struct source *s)
{
    timeline_plan_fini(&s->plan);
    timeline_snap_unref(s->snap);
    events_list_unref(s->events);
    series_value_fini(&s->value);
}

/* ---- a second ---- */

/* Rows come at the end of their list, and all go at once. */
static void tell_rows(struct master *m)
{
    struct judging *j = &m->judging;
    const struct stats *stats = &m->record.stats;
    const struct tally *row = j->last_row ? j->last_row->next : stats->rows;
    for (; row; row = row->next) {
        verdict_row(j->verdict, row->number, row->method, row->name);
        j->last_row = row;
    }
}

static void begin(struct master *m, int64_t since)
{
    struct judging *j = &m->judging;
    const double started = m->machine.run.started_at;
    j->since = since;
    j->until = floor(started) > (double)since ? (int64_t)floor(started) : since; /* setup is over */
    j->last_row = NULL;
    j->clears = m->record.stats.clears;
    verdict_begin(j->verdict, j->until,
                  started > (double)j->until ? started - (double)j->until : 0);
    tell_rows(m);
}

/* Of the local time at that moment, as people's clocks showed it. */
static long seconds_east(int64_t unix_time)
{
    struct tm local;
    const time_t at = (time_t)unix_time;
    return localtime_r(&at, &local) ? local.tm_gmtoff : 0;
}

static void tell_turned(struct master *m, size_t index)
{
    const struct verdict_result r = verdict_result(m->judging.verdict, index);
    struct sbuf line = {0};
    verdict_line(&r, seconds_east(r.failed_at), &line);
    events_add(m->record.events, (double)r.failed_at, "threshold", "%s", line.data);
    log_warning(MAIN_LOGGER, "%s", line.data);
    sbuf_fini(&line);
}

/* As if somebody had pressed the button. */
static void stop(struct master *m, size_t index)
{
    const struct verdict_result r = verdict_result(m->judging.verdict, index);
    struct sbuf text = {0};
    char value[80];
    if (!run_is_active(&m->machine.run))
        return;
    verdict_add_value(&r, r.value, value, sizeof value);
    sbuf_addf(&text, "stopped by threshold %s: value %s at second %lld", r.threshold->text, value,
              (long long)(r.failed_at - m->judging.since));
    log_error(MAIN_LOGGER, "The test is %s", text.data);
    snprintf(m->nodes.stop_reason, sizeof m->nodes.stop_reason, "%s", text.data);
    nodes_note_end(&m->nodes, text.data);
    sbuf_fini(&text);
    m->judging.wants_stop = true;
}

/* One scenario of those that run. */
static void stop_scenario(struct master *m, const struct threshold *t)
{
    const char *obstacle = plans_end(m, t->scenario);
    if (obstacle)
        log_warning(MAIN_LOGGER, "Scenario '%s' is not stopped by threshold %s: %s", t->scenario,
                    t->text, obstacle);
    else
        log_warning(MAIN_LOGGER, "Scenario '%s' is stopped by threshold %s", t->scenario, t->text);
}

static void follow(struct master *m)
{
    struct verdict *v = m->judging.verdict;
    int stopper = -1;
    for (int i = verdict_stops(v); i >= 0; i = verdict_stops(v)) {
        const struct threshold *t = verdict_result(v, (size_t)i).threshold;
        if (t->scenario)
            stop_scenario(m, t);
        else
            stopper = stopper < 0 ? i : stopper;
    }
    for (int i = verdict_turned(v); i >= 0; i = verdict_turned(v))
        if (verdict_result(v, (size_t)i).state == VERDICT_FAIL) /* else it has recovered already */
            tell_turned(m, (size_t)i);
    if (stopper >= 0)
        stop(m, (size_t)stopper);
}

static void note_state(struct master *m)
{
    struct judging *j = &m->judging;
    const bool is_active = run_is_active(&m->machine.run);
    if (is_active)
        j->stopped_at = 0;
    else if (j->was_active)
        j->stopped_at = master_now().unix_time;
    j->was_active = is_active;
}

void judging_state(struct master *m)
{
    note_state(m);
}

/* The seconds in which users are being stopped count, but no window is judged by them. */
static void tell_seconds(struct source *s)
{
    struct master *m = s->m;
    struct judging *j = &m->judging;
    const struct verdict_feed feed = feed_of(s);
    const double end = m->machine.run.ended_at;
    int64_t until = s->snap->until;
    if (m->machine.run.state == RUN_STOPPED && end > 0 && until > (int64_t)ceil(end))
        until = (int64_t)ceil(end);
    while (j->until < until) {
        const bool is_tail = j->stopped_at > 0 && (double)(j->until + 1) > j->stopped_at;
        if (is_tail)
            verdict_tail(j->verdict, j->stopped_at);
        s->second = j->until;
        verdict_second(j->verdict, j->until, 1, &feed);
        j->until++;
    }
}

void judging_advance(struct master *m)
{
    struct judging *j = &m->judging;
    if (m->machine.run.number == 0 || j->is_over || m->machine.is_setting_up)
        return;
    record_close_told(&m->record, master_now().unix_time);
    struct source s;
    source_open(&s, m);
    if (s.snap->since != j->since || m->record.stats.clears != j->clears)
        begin(m, s.snap->since);
    tell_rows(m);
    tell_seconds(&s);
    source_close(&s);
    follow(m);
}

void judging_begin(struct master *m)
{
    m->judging.is_over = false;
    m->judging.since = -1;
    m->judging.stopped_at = 0;
    m->judging.was_active = true;
}

void judging_end(struct master *m)
{
    struct judging *j = &m->judging;
    if (j->is_over || m->machine.run.number == 0)
        return;
    judging_advance(m);
    j->is_over = true;
    struct source s;
    source_open(&s, m);
    const struct verdict_feed feed = feed_of(&s);
    verdict_end(j->verdict, &feed);
    source_close(&s);
    follow(m);
}

/* ---- what comes of it ---- */

static const char *worker_name(const struct master *m, unsigned index)
{
    const struct roster *r = &m->machine.roster;
    for (size_t i = 0; i < r->count; i++)
        if (r->workers[i]->has_joined && r->workers[i]->index == index)
            return r->workers[i]->id;
    return "?";
}

bool judging_was_valid(const struct master *m)
{
    for (const struct loss *l = m->record.losses.first; l; l = l->next)
        if (!l->is_settled)
            return false;
    return events_saturated_s(m->record.events) <= 0 && !m->machine.is_deserted;
}

struct check { /* of locust-plugins */
    const char *what, *format;
    double value, limit, factor;
    bool is_failed;
};

static size_t list_checks(const struct master *m, struct check out[static 3])
{
    const struct options *o = m->o;
    const struct stats *s = &m->record.stats;
    const double ratio =
        s->total.requests ? (double)s->total.failures / (double)s->total.requests : 0;
    const double rps = tally_total_rps(&s->total, s), mean = tally_mean_ms(&s->total);
    size_t n = 0;
    if (o->check_fail_ratio >= 0)
        out[n++] = (struct check){"fail ratio",        "%.2f%%", ratio,
                                  o->check_fail_ratio, 100,      ratio > o->check_fail_ratio};
    if (o->check_rps >= 0)
        out[n++] = (struct check){"total rps", "%.1f", rps, o->check_rps, 1, rps < o->check_rps};
    if (o->check_avg_response_time >= 0)
        out[n++] =
            (struct check){"avg response time",        "%.1f", mean,
                           o->check_avg_response_time, 1,      mean > o->check_avg_response_time};
    return n;
}

static size_t failed_checks(const struct master *m, bool is_told)
{
    struct check checks[3];
    const size_t count = list_checks(m, checks);
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        const struct check *c = &checks[i];
        const bool is_percent = c->factor > 1;
        if (is_told)
            log_write(c->is_failed ? LOG_INFO : LOG_DEBUG, "root",
                      "CHECK %s: %s was %.*f%s (threshold %.*f%s)",
                      c->is_failed ? "FAILED" : "SUCCESSFUL", c->what, is_percent ? 2 : 1,
                      c->value * c->factor, is_percent ? "%" : "", is_percent ? 2 : 1,
                      c->limit * c->factor, is_percent ? "%" : "");
        failed += c->is_failed;
    }
    return failed;
}

/* The plug-in itself may be there as well, and have said so already: one fact, one line. */
bool judging_says(struct master *m, int code)
{
    const bool is_ours = code == EXIT_CHECKS && failed_checks(m, false) > 0;
    m->judging.checks_are_told |= is_ours;
    return is_ours;
}

int judging_code(struct master *m, int failed)
{
    judging_end(m);
    repeat_judge(m, judging_was_valid(m), baseline_gate(m));
    baseline_judge(m, judging_was_valid(m));
    const size_t checks = failed_checks(m, !m->judging.checks_are_told);
    m->judging.checks_failed = checks;
    if (m->o->fail_on_invalid && !judging_was_valid(m))
        return exit_code_as(m->o->is_locust, EXIT_INVALID);
    if (verdict_failed(m->judging.verdict) > 0)
        return exit_code_as(m->o->is_locust, EXIT_THRESHOLDS);
    if (baseline_reason(m))
        return exit_code_as(m->o->is_locust, EXIT_WORSE);
    if (checks > 0)
        return EXIT_CHECKS;
    return m->machine.is_teardown_failed ? exit_code_as(m->o->is_locust, EXIT_TEARDOWN) : failed;
}

bool judging_forgives_failures(const struct master *m)
{
    return m->o->check_fail_ratio >= 0;
}

static void add_reason(struct sbuf *out, size_t n, const char *one, const char *many)
{
    if (n > 0)
        sbuf_addf(out, "%s%zu %s", out->len ? "; " : "", n, n == 1 ? one : many);
}

static void add_word(struct sbuf *out, const char *word)
{
    sbuf_addf(out, "%s%s", out->len ? "; " : "", word);
}

/* Everything that speaks against the run, whatever became the exit code. */
char *judging_reasons(const struct master *m)
{
    const struct verdict *v = m->judging.verdict;
    struct sbuf out = {0};
    size_t absent = 0, failed = verdict_failed(v);
    for (size_t i = 0; i < verdict_count(v); i++) {
        const struct verdict_result r = verdict_result(v, i);
        absent += r.is_failed && r.state == VERDICT_NO_DATA;
    }
    if (!judging_was_valid(m) && (m->o->fail_on_invalid || verdict_count(v) > 0))
        add_word(&out, "measurement not valid");
    add_reason(&out, failed - absent, "threshold failed", "thresholds failed");
    add_reason(&out, absent, "threshold without data", "thresholds without data");
    add_reason(&out, m->judging.checks_failed, "check failed", "checks failed");
    if (baseline_reason(m))
        add_word(&out, baseline_reason(m));
    if (m->machine.is_setup_failed)
        add_word(&out, "setup failed");
    if (m->machine.is_teardown_failed)
        add_word(&out, "teardown failed");
    if (out.len > 0 || verdict_count(v) > 0) {
        add_reason(&out, m->record.stats.total.failures, "request failed", "requests failed");
        if (out.len == 0)
            sbuf_adds(&out,
                      verdict_count(v) == 1 ? "the threshold passed" : "all thresholds passed");
    }
    return out.data;
}

static void add_loss(const struct loss *l, bool has_more, struct sbuf *out)
{
    const char *name = l->worker ? l->worker : "master";
    sbuf_adds(out, has_more ? ",[" : "[");
    sbuf_add_decimal(out, l->since);
    sbuf_addc(out, ',');
    sbuf_add_decimal(out, losses_end(l));
    sbuf_adds(out, ",-1,");
    sbuf_add_json(out, name, strlen(name));
    sbuf_adds(out, ",\"lost\"]");
}

static void add_invalid(const struct master *m, struct sbuf *out)
{
    struct events_list *events = events_snapshot(m->record.events);
    sbuf_adds(out, ",\"invalid\":[");
    for (size_t i = 0; i < events->saturation_count; i++) {
        const struct saturation *x = &events->saturations[i];
        const char *name = worker_name(m, x->worker);
        sbuf_adds(out, i ? ",[" : "[");
        sbuf_add_decimal(out, x->from);
        sbuf_addc(out, ',');
        sbuf_add_decimal(out, x->to);
        sbuf_addf(out, ",%u,", x->worker);
        sbuf_add_json(out, name, strlen(name));
        sbuf_addf(out, ",\"%s\"]", x->why);
    }
    size_t n = events->saturation_count;
    for (const struct loss *l = m->record.losses.first; l; l = l->next)
        if (!l->is_settled)
            add_loss(l, n++ > 0, out);
    sbuf_addc(out, ']');
    events_list_unref(events);
}

void judging_write(const struct master *m, struct sbuf *out)
{
    const struct judging *j = &m->judging;
    const size_t failed = verdict_failed(j->verdict);
    char *reasons = judging_reasons(m);
    sbuf_addf(out, "{\"over\":%s,\"passed\":%s,\"failed\":%zu,\"valid\":%s",
              j->is_over ? "true" : "false",
              failed || (m->o->fail_on_invalid && !judging_was_valid(m)) ? "false" : "true", failed,
              judging_was_valid(m) ? "true" : "false");
    if (m->machine.is_judged)
        sbuf_addf(out, ",\"code\":%d", m->machine.exit_code);
    sbuf_addf(out, ",\"fail_on_invalid\":%s", m->o->fail_on_invalid ? "true" : "false");
    sbuf_adds(out, ",\"reasons\":");
    sbuf_add_json(out, reasons ? reasons : "", reasons ? strlen(reasons) : 0);
    add_invalid(m, out);
    sbuf_addf(out, ",\"since\":%lld,\"until\":%lld,\"thresholds\":",
              (long long)(j->since > 0 ? j->since : 0), (long long)j->until);
    verdict_write(j->verdict, out);
    sbuf_addc(out, '}');
    free(reasons);
}

static void add_span(struct sbuf *out, const char *who, double from, double to, const char *why)
{
    char words[2][16];
    struct tm local;
    const time_t at[2] = {(time_t)from, (time_t)to};
    for (int i = 0; i < 2; i++)
        strftime(words[i], sizeof words[i], "%H:%M:%S", localtime_r(&at[i], &local));
    sbuf_addf(out, "not valid: %s, from %s to %s (%s)\n", who, words[0], words[1], why);
}

static void add_worker_span(struct sbuf *out, const char *name, double from, double to,
                            const char *why)
{
    struct sbuf who = {0};
    sbuf_addf(&who, "worker %s", name);
    add_span(out, who.data, from, to, why);
    sbuf_fini(&who);
}

static void add_spans(const struct master *m, struct sbuf *out)
{
    struct events_list *events = events_snapshot(m->record.events);
    for (size_t i = 0; i < events->saturation_count; i++) {
        const struct saturation *x = &events->saturations[i];
        add_worker_span(out, worker_name(m, x->worker), x->from, x->to, x->why);
    }
    events_list_unref(events);
    for (const struct loss *l = m->record.losses.first; l; l = l->next)
        if (!l->is_settled && l->worker)
            add_worker_span(out, l->worker, l->since, losses_end(l), "lost");
        else if (!l->is_settled)
            add_span(out, "the master", l->since, losses_end(l), "lost");
}

/* A line each, the stable form that pipelines read; and when the measurement was not valid. */
void judging_lines(const struct master *m, struct sbuf *out)
{
    for (size_t i = 0; i < verdict_count(m->judging.verdict); i++) {
        const struct verdict_result r = verdict_result(m->judging.verdict, i);
        verdict_line(&r, seconds_east(r.failed_at), out);
        sbuf_addc(out, '\n');
    }
    add_spans(m, out);
    char *reasons = judging_reasons(m);
    if (reasons)
        sbuf_addf(out, "Exit code %d: %s\n", m->machine.exit_code, reasons);
    free(reasons);
    if (out->len > 0)
        sbuf_addc(out, '\n');
}
