// SPDX-License-Identifier: MIT
/* ingest: reports into the statistics and the timeline, each exactly once.
 *
 * A report is decoded once: what it added to the statistics, row by row, is told to the timeline on
 * the way. */
#include "common/base/clk.h"
#include "common/base/log.h"
#include "common/wire/report.h"
#include "common/wire/written.h"
#include "common/base/sbuf.h"
#include "master/core.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define TRUSTED_CLOCK_S 2.0       /* a worker's clock that differs by more is corrected */
#define TRUSTED_STOCK_CLOCK_S 5.0 /* theirs is guessed by their newest request */
#define LATEST_S 600              /* a report that is older is of now */
#define STOCK_INTERVAL_S 3.0
#define CLOSE_AFTER_S 2.2 /* a second waits so long for reports of our workers */
#define CLOSE_AFTER_STOCK_S 5.0

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
    struct master *m = arg;
    timeline_row(m->timeline, row->number, more, packed);
}

static void on_failure(void *arg, const struct failure *kind, const struct failure *more)
{
    struct master *m = arg;
    timeline_failure(m->timeline, kind->number, more);
}

static void merge(struct master *m, struct worker *w, const struct message *msg)
{
    const struct message_stats *s = &msg->stats;
    uint64_t before = m->stats.total.requests;
    double to;
    const struct report_watch watch = {on_row, on_failure, m,
                                       clock_shift(w, s, m->inbox.handled.steady, &to)};
    double interval = w->is_katydid ? 1.0 : STOCK_INTERVAL_S;
    double from = w->last_report_at > 0 ? w->last_report_at : to - interval;
    timeline_report(m->timeline, w->index, from, to);
    const char *node = m->is_local ? "local" : w->id;
    int rc = s->is_katydid
                 ? report_merge_watched(&m->stats, s->report.data, s->report.len, node, &watch)
                 : report_merge_locust_watched(&m->stats, msg->data.data, msg->data.len, &watch);
    if (rc != 0) {
        m->trouble.broken++;
        return;
    }
    uint64_t requests = m->stats.total.requests - before;
    w->requests += requests;
    w->rps = to - from > 0.1 ? (double)requests / (to - from) : (double)requests;
    w->last_report_at = fmax(to, w->last_report_at);
    if (s->is_katydid) /* each report once, however late: it is about its own time */
        events_watch(m->events, to, w->index, w->id,
                     &(struct events_health){.cpu = s->cpu_percent,
                                             .lag_ms = s->lag_ms,
                                             .cores = s->cores,
                                             .throttled = s->throttled,
                                             .seconds = to - from});
}

/* What code changed by hand. w: NULL for the host. */
static void apply_written(struct master *m, const struct worker *w, struct slice bytes)
{
    struct written_of of = {.node = m->is_local ? "local"
                                    : w         ? w->id
                                                : "master",
                            .is_part = w && !m->is_local};
    if (!bytes.len)
        return;
    if (written_apply(&m->stats, bytes.data, bytes.len, &of) != 0)
        m->trouble.broken++;
    if (!of.is_part)
        account_written(m, of.number);
    viewer_forget(m->viewer);
    snapshot_forget(m->snapshots);
}

static void on_own_of_run(struct master *m, struct worker *w, const struct message *msg)
{
    apply_written(m, w, msg->stats.anew);
    merge(m, w, msg);
    apply_written(m, w, msg->stats.written);
    hands_watch_cpu(m, w);
    away_reported(m, w, msg->stats.sent_at);
}

static void on_own_report(struct master *m, struct worker *w, const struct message *msg)
{
    const struct message_stats *s = &msg->stats;
    struct sbuf ack = {0};
    w->cpu_percent = s->cpu_percent;
    w->lag_ms = s->lag_ms;
    w->worst_lag_ms = fmax(w->worst_lag_ms, s->lag_ms);
    w->cores = s->cores;
    w->throttled = s->throttled;
    w->lag_p99_ms = s->lag_p99_ms;
    w->fds = s->fds;
    w->connections = s->connections;
    w->memory_bytes = s->memory_bytes;
    if (worker_take_report(w, s->epoch, s->seq)) {
        if (m->machine.run.id[0] && !strcmp(s->run, m->machine.run.id))
            on_own_of_run(m, w, msg);
        else
            m->trouble.late++;
    }
    proto_report_ack(&ack, w->id, s->epoch, s->seq, m->inbox.report_interval_s);
    post_bytes(m, w->id, &ack);
}

/* What the host's Python counted itself. It has no row among the workers; its link keeps the order.
 */
void ingest_host_report(struct master *m, const struct message_stats *s)
{
    struct host *h = &m->host;
    const struct report_watch watch = {on_row, on_failure, m, 0};
    if (strcmp(s->epoch, h->epoch) != 0) {
        snprintf(h->epoch, sizeof h->epoch, "%s", s->epoch);
        h->seq = 0;
    }
    bool is_new = s->seq > h->seq;
    h->seq = is_new ? s->seq : h->seq;
    if (!is_new || !m->machine.run.id[0] || strcmp(s->run, m->machine.run.id) != 0)
        return;
    double now = m->inbox.handled.steady;
    apply_written(m, NULL, s->anew);
    timeline_report(m->timeline, TIMELINE_NOBODY, now - 1, now);
    if (report_merge_watched(&m->stats, s->report.data, s->report.len, "master", &watch) != 0)
        m->trouble.broken++;
    apply_written(m, NULL, s->written);
}

/* A stock worker's report has no run in it: one that comes when none is on is of nobody's run. */
void ingest_report(struct master *m, struct worker *w, const struct message *msg)
{
    if (msg->stats.is_katydid) {
        on_own_report(m, w, msg);
        return;
    }
    if (m->machine.run.id[0] && run_is_on(&m->machine.run))
        merge(m, w, msg);
    run_on(m, &(struct machine_event){.kind = ON_WORKER_REPORT, .worker = w});
}

void ingest_exception(struct master *m, struct worker *w, const struct message_exception *e)
{
    if (!w->is_katydid) /* ours are in the reports */
        stats_add_exception(&m->stats, master_now().unix_time, e->message, e->traceback, w->id, 1);
}

void ingest_clear(struct master *m)
{
    account_clear(m);
    double now = master_now().unix_time;
    stats_clear(&m->stats, now);
    viewer_forget(m->viewer);
    snapshot_forget(m->snapshots);
    timeline_clear(m->timeline, now);
    inbox_begin_run(m);
    events_clear(m->events);
    samples_clear(m->samples);
    for (size_t i = 0; i < m->machine.roster.count; i++)
        worker_begin_run(m->machine.roster.workers[i]);
}

void ingest_close(struct master *m)
{
    const double now = master_now().unix_time;
    timeline_users(m->timeline, now, roster_user_count(&m->machine.roster), 0);
    timeline_close(m->timeline, now + 2); /* a reset may have begun the next second */
    timeline_work(m->timeline, true);
    for (size_t i = 0; i < m->machine.roster.count; i++)
        events_worker_idle(m->events, m->machine.roster.workers[i]->index);
}

void ingest_zero(struct master *m)
{
    double now = master_now().unix_time;
    stats_reset(&m->stats, now);
    timeline_reset(m->timeline, now);
    samples_clear(m->samples);
    events_add(m->events, now, "reset", "Statistics reset");
    for (size_t i = 0; i < m->machine.roster.count; i++)
        m->machine.roster.workers[i]->requests = 0;
    account_clear(m);
}

void ingest_reset(struct master *m)
{
    ingest_zero(m);
    script_tell(m, "reset_stats", &(struct event_args){0});
}

static bool has_stock_worker(const struct master *m)
{
    for (size_t i = 0; i < m->machine.roster.count; i++)
        if (worker_is_active(m->machine.roster.workers[i]) &&
            !m->machine.roster.workers[i]->is_katydid)
            return true;
    return false;
}

static void tell_trouble(struct master *m, double mono)
{
    struct trouble *t = &m->trouble;
    uint64_t sum = t->broken + t->stray;
    if (sum == t->logged || mono - t->logged_at < 10)
        return;
    log_warning(LOGGER,
                "dropped messages so far: %" PRIu64 " malformed, %" PRIu64
                " from nodes that are no workers of this master",
                t->broken, t->stray);
    t->logged = sum;
    t->logged_at = mono;
}

/* How a worker is, once a second: our workers by their reports, others by their heartbeats. */
static void note_health(struct master *m, struct worker *w, double now)
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
    timeline_health(m->timeline, now, &h);
    w->worst_lag_ms = 0;
    if (!w->is_katydid)
        events_watch(m->events, now, w->index, w->id,
                     &(struct events_health){.cpu = w->cpu_percent, .lag_ms = -1});
}

static void note_second(struct master *m, double now)
{
    timeline_users(m->timeline, now, roster_user_count(&m->machine.roster),
                   m->machine.run.target_users);
    for (size_t i = 0; i < m->machine.roster.count; i++) {
        struct worker *w = m->machine.roster.workers[i];
        if (worker_is_active(w) || w->state == WORKER_STOPPING)
            note_health(m, w, now);
        else if (w->has_joined)
            events_worker_idle(m->events, w->index);
    }
}

void ingest_second(struct master *m)
{
    struct run_clock now = master_now();
    if (run_is_on(&m->machine.run))
        note_second(m, now.unix_time);
    double close_after = has_stock_worker(m) ? CLOSE_AFTER_STOCK_S : CLOSE_AFTER_S;
    close_after += m->inbox.waits_s + m->inbox.report_interval_s - 1;
    timeline_close(m->timeline, now.unix_time - close_after);
    timeline_work(m->timeline, false);
    tell_trouble(m, now.mono);
}
