// SPDX-License-Identifier: MIT
/* ingest: reports into the statistics and the history, each exactly once.
 *
 * What a report added is told by the totals before and after it was merged, so that it is decoded
 * once however many tables it ends up in. */
#include "common/base/log.h"
#include "common/wire/report.h"
#include "common/base/sbuf.h"
#include "master/core.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define TRUSTED_CLOCK_S 2.0 /* a worker's clock that differs by more is corrected */
#define STOCK_INTERVAL_S 3.0
#define CLOSE_AFTER_S 2.2 /* a second waits so long for reports of our workers */
#define CLOSE_AFTER_STOCK_S 5.0

struct before {
    uint64_t requests, none_requests, failures, sum_us;
    struct hist hist;
};

static struct before remember(const struct stats *s)
{
    struct before b = {.requests = s->total.requests,
                       .none_requests = s->total.none_requests,
                       .failures = s->total.failures,
                       .sum_us = s->total.sum_us};
    hist_init(&b.hist);
    hist_merge(&b.hist, &s->total.hist);
    return b;
}

/* The end of what the report covers, by our clock. */
static double report_time(struct worker *w, const struct message_stats *s, double now)
{
    if (!s->is_katydid)
        return now;
    double offset = now - s->sent_at;
    if (fabs(offset - w->clock_offset_s) > TRUSTED_CLOCK_S)
        w->clock_offset_s = fabs(offset) > TRUSTED_CLOCK_S ? offset : 0;
    return fmin(s->sent_at + w->clock_offset_s, now);
}

static void account(struct master *m, struct worker *w, struct before *b, double to)
{
    const struct tally *t = &m->stats.total;
    struct hist added;
    hist_init(&added);
    hist_merge(&added, &t->hist);
    hist_subtract(&added, &b->hist);
    double interval = w->is_katydid ? 1.0 : STOCK_INTERVAL_S;
    double from = w->last_report_at > 0 ? w->last_report_at : to - interval;
    uint64_t requests = t->requests - b->requests;
    history_add(m->history, &(struct history_delta){
                                .from = from,
                                .to = to,
                                .requests = requests,
                                .failures = t->failures - b->failures,
                                .timed = requests - (t->none_requests - b->none_requests),
                                .sum_us = t->sum_us - b->sum_us,
                                .hist = &added,
                            });
    w->requests += requests;
    w->rps = to - from > 0.1 ? (double)requests / (to - from) : (double)requests;
    w->last_report_at = fmax(to, w->last_report_at);
    hist_fini(&added);
}

static void merge(struct master *m, struct worker *w, const struct message *msg)
{
    const struct message_stats *s = &msg->stats;
    double now = master_now().unix_time;
    struct before b = remember(&m->stats);
    int rc = s->is_katydid ? report_merge(&m->stats, s->report.data, s->report.len, w->id)
                           : report_merge_locust(&m->stats, msg->data.data, msg->data.len);
    if (rc == 0)
        account(m, w, &b, report_time(w, s, now));
    else
        m->trouble.broken++;
    hist_fini(&b.hist);
}

static void on_own_report(struct master *m, struct worker *w, const struct message *msg)
{
    const struct message_stats *s = &msg->stats;
    struct sbuf ack = {0};
    w->cpu_percent = s->cpu_percent;
    w->lag_ms = s->lag_ms;
    w->lag_p99_ms = s->lag_p99_ms;
    w->fds = s->fds;
    w->connections = s->connections;
    w->memory_bytes = s->memory_bytes;
    if (worker_take_report(w, s->epoch, s->seq)) {
        if (m->run.id[0] && !strcmp(s->run, m->run.id))
            merge(m, w, msg);
        else
            m->trouble.late++;
    }
    proto_report_ack(&ack, w->id, s->epoch, s->seq);
    post_bytes(m, w->id, &ack);
}

/* A stock worker's report has no run in it: one that comes when none is on is of nobody's run. */
void ingest_report(struct master *m, struct worker *w, const struct message *msg)
{
    if (msg->stats.is_katydid) {
        on_own_report(m, w, msg);
        return;
    }
    if (m->run.id[0] && (run_is_active(&m->run) || m->run.state == RUN_STOPPING))
        merge(m, w, msg);
    if (w->owes_report && w->owes_since > 0) {
        w->owes_report = false;
        conduct_check_stopped(m);
    }
}

void ingest_exception(struct master *m, struct worker *w, const struct message_exception *e)
{
    if (!w->is_katydid) /* ours are in the reports */
        stats_add_exception(&m->stats, master_now().unix_time, e->message, e->traceback, w->id, 1);
}

void ingest_clear(struct master *m)
{
    double now = master_now().unix_time;
    stats_clear(&m->stats, now);
    viewer_forget(m->viewer);
    history_clear(m->history, now);
    for (size_t i = 0; i < m->roster.count; i++)
        worker_begin_run(m->roster.workers[i]);
}

void ingest_reset(struct master *m)
{
    stats_reset(&m->stats, master_now().unix_time);
    for (size_t i = 0; i < m->roster.count; i++)
        m->roster.workers[i]->requests = 0;
    script_tell(m, "reset_stats", &(struct event_args){0});
}

static bool has_stock_worker(const struct master *m)
{
    for (size_t i = 0; i < m->roster.count; i++)
        if (worker_is_active(m->roster.workers[i]) && !m->roster.workers[i]->is_katydid)
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

void ingest_second(struct master *m)
{
    struct run_clock now = master_now();
    if (run_is_active(&m->run) || m->run.state == RUN_STOPPING) {
        history_users(m->history, now.unix_time, roster_user_count(&m->roster),
                      m->run.target_users);
        history_close(m->history,
                      now.unix_time - (has_stock_worker(m) ? CLOSE_AFTER_STOCK_S : CLOSE_AFTER_S));
    }
    tell_trouble(m, now.mono);
}
