// SPDX-License-Identifier: MIT
/* See record.h. */
#include "master/data/record.h"
#include "common/base/log.h"
#include "common/wire/report.h"
#include "common/wire/report_series.h"
#include "common/wire/written.h"
#include "master/data/host_stats.h"
#include "master/data/labelled.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define TRUSTED_CLOCK_S 2.0       /* a worker's clock that differs by more is corrected */
#define TRUSTED_STOCK_CLOCK_S 5.0 /* theirs is guessed by their newest request */
#define LATEST_S 600              /* a report that is older is of now */
#define STOCK_INTERVAL_S 3.0
#define CLOSE_AFTER_S 2.2 /* a second waits so long for reports of our workers */
#define CLOSE_AFTER_STOCK_S 5.0
#define LOGGER "locust.runners" /* Locust's, for what reads the log */
#define TROUBLE_TOLD_EVERY_S 10
/* Of a worker that is not there: most that come back need not be asked anew. */
#define NAMES_KEPT_S 600

/* What to add to the report's times, and in *to the end of what it covers: all by our clock. */
static int64_t clock_shift(struct worker *w, const struct message_stats *s, double now, double *to)
{
    *to = now;
    if (!s->is_katydid)
        return s->sent_at > 0 ? worker_clock_shift(w, now, s->sent_at, TRUSTED_STOCK_CLOCK_S) : 0;
    int64_t shift = worker_clock_shift(w, now, s->sent_at, TRUSTED_CLOCK_S);
    double end = s->sent_at + (double)shift;
    if (end < now && end > now - LATEST_S)
        *to = end;
    return shift;
}

static void on_row(void *arg, const struct tally *row, const struct tally *more,
                   const struct tally_packed *packed)
{
    struct record *r = arg;
    timeline_row(r->timeline, row->number, more, packed);
}

static void on_failure(void *arg, const struct failure *kind, const struct failure *more)
{
    struct record *r = arg;
    timeline_failure(r->timeline, kind->number, more);
}

static struct report_bytes bytes_of(const struct message_stats *s)
{
    return (struct report_bytes){.report = s->report.data,
                                 .names = s->names.data,
                                 .report_len = s->report.len,
                                 .names_len = s->names.len};
}

static struct series_bytes series_bytes_of(const struct message_stats *s)
{
    return (struct series_bytes){s->series.data, s->series_names.data, s->series.len,
                                 s->series_names.len};
}

static struct row_names_slot *names_of(struct record *r, const struct worker *w, const char *epoch)
{
    return row_names_of(&r->row_names, w ? w->index + 1 : ROW_NAMES_HOST, epoch);
}

static int check_series(struct record *r, const struct worker *w, const struct message_stats *s)
{
    const struct series_bytes bytes = series_bytes_of(s);
    return report_series_check(&names_of(r, w, s->epoch)->series, series_store_clears(r->series),
                               &bytes);
}

static const char *name_of(const struct record *r, const struct worker *w)
{
    return r->is_local ? "local" : w ? w->id : "master";
}

struct series_taker { /* w: NULL for the host */
    struct record *r;
    const struct worker *w;
};

static void on_value(void *arg, struct series *series, int64_t second,
                     const struct value_read *more)
{
    const struct series_taker *to = arg;
    if (!series) {
        to->r->series_refused += more->numbers.count;
        return;
    }
    if (labelled_take(&to->r->parts, &to->r->stats, series, more))
        return;
    series_store_add(to->r->series, series, second, more);
    series_store_said(to->r->series, series, to->w ? to->w->index + 1 : 0, name_of(to->r, to->w),
                      more);
}

static void merge_series(struct record *r, const struct worker *w, const struct message_stats *s,
                         int64_t shift_s)
{
    const struct series_bytes bytes = series_bytes_of(s);
    const uint64_t before = r->series_refused,
                   said_before = series_store_gauges(r->series)->left_out;
    struct series_taker to = {r, w};
    report_series_merge(series_store_table(r->series), &names_of(r, w, s->epoch)->series,
                        series_store_clears(r->series), &bytes,
                        &(struct series_watch){on_value, &to, shift_s});
    if (!before && r->series_refused)
        log_warning(LOGGER, "values of a metric are dropped: another worker has a metric of that "
                            "name with another type, unit or scale");
    if (!said_before && series_store_gauges(r->series)->left_out)
        log_warning(LOGGER, "there are too many gauges and workers to keep apart what each said");
}

static int merge_rows(struct record *r, const struct worker *w, const struct message_stats *s,
                      const char *node, const struct report_watch *watch)
{
    const struct report_bytes bytes = bytes_of(s);
    const bool is_checked =
        r->checked.report == bytes.report && r->checked.clears == r->stats.clears;
    r->checked.report = NULL;
    if (!report_is_numbered(bytes.report, bytes.report_len))
        return report_merge_watched(&r->stats, bytes.report, bytes.report_len, node, watch);
    struct report_names *names = &names_of(r, w, s->epoch)->names;
    if (!is_checked)
        return report_merge_numbered(&r->stats, names, &bytes, node, watch);
    report_count_numbered(&r->stats, names, &bytes, node, watch);
    return 0;
}

/* Rows and series, or nothing. */
static int merge_ours(struct record *r, const struct worker *w, const struct message_stats *s,
                      const char *node, const struct report_watch *watch)
{
    if (check_series(r, w, s) != 0)
        return -1;
    const int rc = merge_rows(r, w, s, node, watch);
    if (rc == 0)
        merge_series(r, w, s, watch->shift_s);
    return rc;
}

static void merge(struct record *r, struct worker *w, const struct message *msg, double came)
{
    const struct message_stats *s = &msg->stats;
    uint64_t before = r->stats.total.requests;
    double to;
    const struct report_watch watch = {on_row, on_failure, r, clock_shift(w, s, came, &to)};
    double interval = w->is_katydid ? 1.0 : STOCK_INTERVAL_S;
    double from = w->last_report_at > 0 ? w->last_report_at : to - interval;
    timeline_report(r->timeline, w->index, from, to);
    const char *node = name_of(r, w);
    int rc = s->is_katydid
                 ? merge_ours(r, w, s, node, &watch)
                 : report_merge_locust_watched(&r->stats, msg->data.data, msg->data.len, &watch);
    if (rc != 0) {
        r->trouble.broken++;
        return;
    }
    uint64_t requests = r->stats.total.requests - before;
    w->requests += requests;
    w->rps = to - from > 0.1 ? (double)requests / (to - from) : (double)requests;
    w->last_report_at = fmax(to, w->last_report_at);
    const bool is_of_load = r->run->ended_at <= 0 || from < r->run->ended_at;
    if (s->is_katydid && is_of_load) /* once, however late: it is about its own time */
        events_watch(r->events, to, w->index, w->id,
                     &(struct events_health){.cpu = s->cpu_percent,
                                             .lag_ms = s->lag_ms,
                                             .cores = s->cores,
                                             .throttled = s->throttled,
                                             .starved = s->starved,
                                             .late_starts = s->late_starts,
                                             .seconds = to - from});
}

/* What code changed by hand. w: NULL for the host. */
static void apply_written(struct record *r, const struct worker *w, struct slice bytes)
{
    struct written_of of = {.node = name_of(r, w), .is_part = w && !r->is_local};
    if (!bytes.len)
        return;
    if (written_apply(&r->stats, bytes.data, bytes.len, &of) != 0)
        r->trouble.broken++;
    if (!of.is_part)
        host_stats_written(r->host_stats, of.number);
    view_builder_forget(r->view_builder);
    snapshot_forget(r->snapshots);
}

static void take_health(struct worker *w, const struct message_stats *s)
{
    w->cpu_percent = s->cpu_percent;
    w->lag_ms = s->lag_ms;
    w->worst_lag_ms = fmax(w->worst_lag_ms, s->lag_ms);
    w->cores = s->cores;
    w->throttled = s->throttled;
    w->starved = s->starved;
    w->lag_p99_ms = s->lag_p99_ms;
    w->fds = s->fds;
    w->connections = s->connections;
    w->memory_bytes = s->memory_bytes;
}

static bool is_of_this_run(const struct record *r, const char *run)
{
    return r->run->id[0] && !strcmp(run, r->run->id);
}

/* far fewer are under way */
static uint64_t host_bit(const struct message_stats *s)
{
    return UINT64_C(1) << s->seq % 64;
}

static bool is_new_of_host(const struct record *r, const struct message_stats *s)
{
    return strcmp(s->epoch, r->host_epoch) != 0 || s->seq > r->host_seq ||
           r->host_asked & host_bit(s);
}

static void meet_host(struct record *r, const struct message_stats *s)
{
    if (strcmp(s->epoch, r->host_epoch) == 0)
        return;
    snprintf(r->host_epoch, sizeof r->host_epoch, "%s", s->epoch);
    r->host_seq = r->host_asked = 0;
}

/* Nothing is merged between this and the merge of the same report: it need not be checked twice. */
static bool lacks_rows(struct record *r, const struct worker *w, const struct message_stats *s)
{
    const struct report_bytes bytes = bytes_of(s);
    if (!report_is_numbered(bytes.report, bytes.report_len))
        return false;
    const int rc = report_check_numbered(&r->stats, &names_of(r, w, s->epoch)->names, &bytes);
    r->checked.report = rc == 0 ? bytes.report : NULL;
    r->checked.clears = r->stats.clears;
    return rc == REPORT_NAMELESS;
}

static bool lacks_names(struct record *r, const struct worker *w, const struct message_stats *s)
{
    return lacks_rows(r, w, s) || check_series(r, w, s) == REPORT_NAMELESS;
}

bool record_needs_names(struct record *r, const struct worker *w, const struct message_stats *s)
{
    r->checked.report = NULL;
    if (!is_of_this_run(r, s->run) || (!w && !is_new_of_host(r, s)) || !lacks_names(r, w, s))
        return false;
    if (!w) {
        meet_host(r, s);
        r->host_asked |= host_bit(s);
    }
    return true;
}

static bool own_report(struct record *r, struct worker *w, const struct message *msg, double came)
{
    const struct message_stats *s = &msg->stats;
    take_health(w, s);
    if (!worker_take_report(w, s->epoch, s->seq))
        return false;
    if (!is_of_this_run(r, s->run)) {
        r->trouble.late++;
        return false;
    }
    apply_written(r, w, s->anew);
    merge(r, w, msg, came);
    apply_written(r, w, s->written);
    return true;
}

/* A stock worker's report has no run in it: one that comes when none is on is of nobody's run. */
bool record_report(struct record *r, struct worker *w, const struct message *msg, double came)
{
    if (msg->stats.is_katydid)
        return own_report(r, w, msg, came);
    const bool is_ours = r->run->id[0] && run_is_on(r->run);
    if (is_ours)
        merge(r, w, msg, came);
    return is_ours;
}

void record_host_report(struct record *r, const struct message_stats *s, double came)
{
    const struct report_watch watch = {on_row, on_failure, r, 0};
    meet_host(r, s);
    const bool is_new = is_new_of_host(r, s);
    r->host_seq = s->seq > r->host_seq ? s->seq : r->host_seq;
    r->host_asked &= ~host_bit(s);
    if (!is_new || !is_of_this_run(r, s->run))
        return;
    apply_written(r, NULL, s->anew);
    timeline_report(r->timeline, TIMELINE_NOBODY, came - 1, came);
    if (merge_ours(r, NULL, s, "master", &watch) != 0)
        r->trouble.broken++;
    apply_written(r, NULL, s->written);
}

void record_exception(struct record *r, const struct worker *w, const struct message_exception *e,
                      double now)
{
    if (!w->is_katydid) /* ours are in the reports */
        stats_add_exception(&r->stats, now, e->message, e->traceback, w->id, 1);
}

void record_forget_exceptions(struct record *r)
{
    stats_forget_exceptions(&r->stats);
}

void record_clear(struct record *r, double now)
{
    record_forget_exceptions(r);
    record_clear_requests(r, now);
}

void record_clear_requests(struct record *r, double now)
{
    host_stats_clear(r->host_stats);
    stats_clear_requests(&r->stats, now);
    stats_clear(&r->parts, now);
    view_builder_forget(r->view_builder);
    snapshot_forget(r->snapshots);
    snapshot_forget(r->part_snapshots);
    timeline_clear(r->timeline, now);
    events_clear(r->events);
    samples_clear(r->samples);
    series_store_clear(r->series);
    r->series_refused = 0;
    for (size_t i = 0; i < r->roster->count; i++)
        worker_begin_run(r->roster->workers[i]);
}

void record_count(struct record *r, const char *metric, struct tag tag, double n, double now)
{
    struct series_table *t = series_store_table(r->series);
    enum metric_problem why;
    struct metric *m =
        series_metric(t, metric, (struct metric_kind_of){METRIC_COUNTER, "", METRIC_SCALE}, &why);
    const struct tags *tags = m ? tags_of(&t->tags, &tag, 1) : NULL;
    struct value_read more = {.hist = NULL};
    if (!tags || n <= 0)
        return;
    value_init(&more.numbers);
    value_add(&more.numbers, METRIC_COUNTER, METRIC_SCALE, n, now);
    series_store_add(r->series, series_of(t, m, tags), (int64_t)now, &more);
}

void record_close(struct record *r, double now)
{
    timeline_users(r->timeline, now, roster_user_count(r->roster), 0);
    timeline_close(r->timeline, now + 2); /* a reset may have begun the next second */
    series_store_close(r->series, (int64_t)ceil(now + 2));
    timeline_work(r->timeline, true);
    for (size_t i = 0; i < r->roster->count; i++)
        events_worker_idle(r->events, r->roster->workers[i]->index);
}

void record_began(struct record *r, double now)
{
    r->stats.started_at = now;
}

void record_reset(struct record *r, double now)
{
    stats_reset_requests(&r->stats, now);
    stats_reset(&r->parts, now);
    timeline_reset(r->timeline, now);
    samples_clear(r->samples);
    series_store_reset(r->series);
    events_add(r->events, now, "reset", "Statistics reset");
    for (size_t i = 0; i < r->roster->count; i++)
        r->roster->workers[i]->requests = 0;
    host_stats_clear(r->host_stats);
}

static bool has_stock_worker(const struct record *r)
{
    for (size_t i = 0; i < r->roster->count; i++)
        if (worker_is_active(r->roster->workers[i]) && !r->roster->workers[i]->is_katydid)
            return true;
    return false;
}

static void tell_trouble(struct record *r, double mono)
{
    struct trouble *t = &r->trouble;
    uint64_t sum = t->broken + t->stray;
    if (sum == t->logged || mono - t->logged_at < TROUBLE_TOLD_EVERY_S)
        return;
    log_warning(LOGGER,
                "dropped messages so far: %" PRIu64 " malformed, %" PRIu64
                " from nodes that are no workers of this master",
                t->broken, t->stray);
    t->logged = sum;
    t->logged_at = mono;
}

/* How a worker is, once a second: our workers by their reports, others by their heartbeats. */
static void note_health(struct record *r, struct worker *w, double now)
{
    uint32_t cpu = (uint32_t)(fmin(fmax(w->cpu_percent, 0), 1e5) * 10);
    double lag_ms = fmax(w->worst_lag_ms, fmax(w->lag_ms, 0));
    struct timeline_health h = {.index = w->index,
                                .samples = 1,
                                .users_sum = w->users,
                                .cpu_sum = cpu,
                                .cpu_max = cpu,
                                .has_lag = w->lag_ms >= 0,
                                .lag_us = (uint32_t)(fmin(lag_ms, 4e6) * 1e3),
                                .memory_kb = w->memory_bytes >> 10};
    timeline_health(r->timeline, now, &h);
    w->worst_lag_ms = 0;
    if (!w->is_katydid)
        events_watch(r->events, now, w->index, w->id,
                     &(struct events_health){.cpu = w->cpu_percent, .lag_ms = -1});
}

static void note_second(struct record *r, double now)
{
    timeline_users(r->timeline, now, roster_user_count(r->roster), r->run->target_users);
    for (size_t i = 0; i < r->roster->count; i++) {
        struct worker *w = r->roster->workers[i];
        if (worker_is_active(w) || w->state == WORKER_STOPPING)
            note_health(r, w, now);
        else if (w->has_joined)
            events_worker_idle(r->events, w->index);
    }
}

/* Until when all that have users have told; now if there are none. */
static double told_until(const struct record *r, double now)
{
    double until = now;
    for (size_t i = 0; i < r->roster->count; i++) {
        const struct worker *w = r->roster->workers[i];
        if (!worker_is_active(w) && w->state != WORKER_STOPPING)
            continue;
        if (!w->is_katydid || w->last_report_at <= 0)
            return 0;
        until = fmin(until, w->last_report_at);
    }
    return until;
}

void record_close_told(struct record *r, double now)
{
    const double until = floor(told_until(r, now));
    if (!run_is_active(r->run) || until <= 0)
        return;
    timeline_close(r->timeline, until);
    series_store_close(r->series, (int64_t)until);
}

/* Of workers that come and go each leaves the numbers of its rows, whose memory is that of all
 * names. One that reports after all is asked again. */
static void forget_names(struct record *r, double now)
{
    for (size_t i = 0; i < r->roster->count; i++) {
        const struct worker *w = r->roster->workers[i];
        if (w->has_joined && !worker_is_active(w) && w->state != WORKER_STOPPING &&
            w->last_report_at + NAMES_KEPT_S < now)
            row_names_forget(&r->row_names, w->index + 1);
    }
}

void record_second(struct record *r, struct run_clock now, double late_s)
{
    if (run_is_on(r->run))
        note_second(r, now.unix_time);
    double close_after = has_stock_worker(r) ? CLOSE_AFTER_STOCK_S : CLOSE_AFTER_S;
    close_after += late_s;
    timeline_close(r->timeline, now.unix_time - close_after);
    series_store_close(r->series, (int64_t)floor(now.unix_time - close_after));
    timeline_work(r->timeline, false);
    forget_names(r, now.unix_time);
    tell_trouble(r, now.mono);
}

/* Series that are there may all be such as go elsewhere. Takes the reference. */
static struct series_list *unless_empty(struct series_list *l)
{
    if (l->count || l->left_out)
        return l;
    series_list_unref(l);
    return NULL;
}

struct series_list *record_series(struct record *r, bool is_all)
{
    const uint64_t version = series_store_version(r->series);
    if (!series_store_all(r->series)->count)
        return NULL;
    if (is_all)
        return unless_empty(series_list_full(r->series));
    if (!r->series_list || r->series_listed != version) {
        series_list_unref(r->series_list);
        r->series_list = series_list_new(r->series, SERIES_LIST_LIVE);
        r->series_listed = version;
    }
    return unless_empty(series_list_ref(r->series_list));
}

void record_init(struct record *r, size_t timeline_bytes, double now)
{
    stats_init(&r->stats, now, STATS_LIMITS_DEFAULT);
    stats_init(&r->parts, now, STATS_LIMITS_DEFAULT);
    r->timeline = timeline_new(timeline_bytes);
    r->events = events_new();
    r->samples = samples_new(SAMPLES_BYTES);
    r->series = series_store_new(SERIES_STORE_BYTES);
    r->view_builder = view_builder_new();
    r->snapshots = snapshot_maker_new();
    r->part_snapshots = snapshot_maker_new();
    r->host_stats = host_stats_new();
}

void record_fini(struct record *r)
{
    losses_clear(&r->losses);
    host_stats_free(r->host_stats);
    timeline_free(r->timeline);
    events_free(r->events);
    view_builder_free(r->view_builder);
    snapshot_maker_free(r->snapshots);
    snapshot_maker_free(r->part_snapshots);
    samples_free(r->samples);
    series_store_free(r->series);
    series_list_unref(r->series_list);
    row_names_clear(&r->row_names);
    stats_fini(&r->stats);
    stats_fini(&r->parts);
}
