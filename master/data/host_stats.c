// SPDX-License-Identifier: MIT
/* A row of the history is packed when it is due and kept as bytes, so that one whole history or a
 * few new rows are sent in the same way. */
#include "master/data/host_stats.h"

#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/wire/pack.h"
#include "common/wire/report.h"
#include "master/data/record.h"
#include "master/data/number_text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_ROWS_MAX 100000 /* nearly six days; later ones are not kept */

#define HOST_STATS_TAG 0x686f7374u /* "host" */

struct host_stats {
    uint32_t tag; /* handle.h */
    bool is_wanted;
    uint64_t told_requests, told_failures, told_exceptions; /* what the host saw last */
    bool is_told;
    uint64_t written; /* the last message of what the host's code wrote that is in the numbers */
    struct sbuf rows; /* of the history, packed */
    size_t *starts;   /* of each row */
    size_t row_count, row_cap, rows_told;
    double next_row_at; /* unix seconds; 0: none is due */
};

struct host_stats *host_stats_new(void)
{
    struct host_stats *h = mem_zalloc(sizeof *h);
    HANDLE_MADE(h, HOST_STATS_TAG);
    return h;
}

void host_stats_free(struct host_stats *a)
{
    if (!a)
        return;
    HANDLE_IS(a, HOST_STATS_TAG);
    sbuf_fini(&a->rows);
    free(a->starts);
    HANDLE_ENDS(a);
    free(a);
}

/* ---- history ---- */

static void pack_at(struct sbuf *out, const char *key, const char *time, double value)
{
    pack_text(out, key);
    pack_array(out, 2);
    pack_text(out, time);
    pack_number(out, isnan(value) ? 0 : value);
}

static void pack_row(struct record *r, struct sbuf *out, double now)
{
    const struct tunables_shares *chart = &r->tunables->chart;
    double of_now[TUNABLES_SHOWN_MAX];
    struct sbuf time = {0};
    timeline_chart(r->timeline, of_now);
    output_add_utc(&time, now);
    pack_map(out, chart->count + 5);
    for (size_t i = 0; i < chart->count; i++) {
        char key[64];
        snprintf(key, sizeof key, "response_time_percentile_%.10g", chart->of[i]);
        pack_at(out, key, time.data, of_now[i]);
    }
    pack_at(out, "current_rps", time.data, tally_current_rps(&r->stats.total, &r->stats));
    pack_at(out, "current_fail_per_sec", time.data,
            tally_current_fail_rps(&r->stats.total, &r->stats));
    const double mean = tally_mean_ms(&r->stats.total);
    pack_at(out, "total_avg_response_time", time.data, round(mean * 100) / 100);
    pack_at(out, "user_count", time.data, roster_user_count(r->roster));
    pack_text(out, "time");
    pack_text(out, time.data);
    sbuf_fini(&time);
}

static void keep_row(struct record *r, double now)
{
    struct host_stats *a = r->host_stats;
    if (a->row_count == HISTORY_ROWS_MAX)
        return;
    if (a->row_count == a->row_cap) {
        a->row_cap = a->row_cap ? 2 * a->row_cap : 64;
        a->starts = mem_realloc(a->starts, a->row_cap * sizeof *a->starts);
    }
    a->starts[a->row_count++] = a->rows.len;
    pack_row(r, &a->rows, now);
}

static void watch_history(struct record *r, double now)
{
    struct host_stats *a = r->host_stats;
    if (!run_is_active(r->run)) {
        a->next_row_at = 0;
        return;
    }
    if (a->next_row_at <= 0)
        a->next_row_at = now + r->tunables->history_interval_s;
    if (now < a->next_row_at)
        return;
    keep_row(r, now);
    a->next_row_at += r->tunables->history_interval_s;
}

void host_stats_clear(struct host_stats *a)
{
    HANDLE_IS(a, HOST_STATS_TAG);
    sbuf_clear(&a->rows);
    a->row_count = a->rows_told = 0;
    a->next_row_at = 0;
    a->is_told = false;
}

/* ---- the message ---- */

static void pack_worker(struct sbuf *out, const struct worker *w)
{
    pack_map(out, 7);
    pack_text(out, "id");
    pack_text(out, w->id);
    pack_text(out, "index");
    pack_whole(out, w->index);
    pack_text(out, "state");
    pack_text(out, worker_state_name(w));
    pack_text(out, "user_count");
    pack_whole(out, w->users);
    pack_text(out, "user_classes_count");
    pack_map(out, w->class_count);
    for (size_t i = 0; i < w->class_count; i++) {
        pack_text(out, w->classes[i].name);
        pack_whole(out, w->classes[i].users);
    }
    pack_text(out, "cpu_usage");
    pack_number(out, w->cpu_percent);
    pack_text(out, "memory_usage");
    pack_whole(out, w->memory_bytes);
}

static bool is_listed(const struct worker *w)
{
    return w->has_joined && w->state != WORKER_GONE;
}

static void pack_workers(struct sbuf *out, const struct roster *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        count += is_listed(r->workers[i]);
    pack_text(out, "workers");
    pack_array(out, count);
    for (size_t i = 0; i < r->count; i++)
        if (is_listed(r->workers[i]))
            pack_worker(out, r->workers[i]);
}

static void pack_nodes(struct sbuf *out, const char *nodes)
{
    size_t count = *nodes != '\0';
    for (const char *p = nodes; *p; p++)
        count += *p == ',';
    pack_text(out, "nodes");
    pack_array(out, count);
    for (const char *p = nodes; count-- > 0;) {
        const size_t len = strcspn(p, ",");
        pack_chars(out, p, len);
        p += len + (p[len] == ',');
    }
}

static void pack_exceptions(struct sbuf *out, const struct stats *s)
{
    pack_text(out, "exceptions");
    pack_array(out, s->exception_count);
    for (const struct exception *e = s->exceptions; e; e = e->next) {
        pack_map(out, 4);
        pack_text(out, "count");
        pack_whole(out, e->count);
        pack_text(out, "msg");
        pack_text(out, e->message);
        pack_text(out, "traceback");
        pack_text(out, e->traceback);
        pack_nodes(out, e->nodes);
    }
}

static void pack_history(struct sbuf *out, struct host_stats *a)
{
    const size_t from = a->rows_told;
    pack_text(out, "history");
    pack_map(out, 2);
    pack_text(out, "from");
    pack_whole(out, from);
    pack_text(out, "rows");
    pack_array(out, a->row_count - from);
    if (a->row_count > from)
        sbuf_add(out, a->rows.data + a->starts[from], a->rows.len - a->starts[from]);
    a->rows_told = a->row_count;
}

void host_stats_pack(struct record *r, const char *node, struct sbuf *out)
{
    struct host_stats *a = r->host_stats;
    pack_array(out, 3);
    pack_text(out, "katydid_stats");
    pack_map(out, 7);
    report_pack_absolute(&r->stats, out);
    pack_text(out, "written");
    pack_whole(out, a->written);
    pack_workers(out, r->roster);
    pack_exceptions(out, &r->stats);
    pack_history(out, a);
    pack_text(out, node);
    a->told_requests = r->stats.total.requests;
    a->told_failures = r->stats.total.failures;
    a->told_exceptions = r->stats.exception_count;
    a->is_told = true;
}

void host_stats_want(struct host_stats *a, bool is_wanted)
{
    HANDLE_IS(a, HOST_STATS_TAG);
    a->is_wanted = is_wanted;
    a->rows_told = 0;
}

void host_stats_written(struct host_stats *a, uint64_t number)
{
    HANDLE_IS(a, HOST_STATS_TAG);
    if (number)
        a->written = number;
    a->is_told = false;
}

bool host_stats_second(struct record *r, double now)
{
    const struct host_stats *a = r->host_stats;
    watch_history(r, now);
    const bool is_still = a->is_told && a->told_requests == r->stats.total.requests &&
                          a->told_failures == r->stats.total.failures &&
                          a->told_exceptions == r->stats.exception_count &&
                          a->rows_told == a->row_count && !run_is_active(r->run);
    return a->is_wanted && !is_still;
}

bool host_stats_before_event(const struct host_stats *a, const char *name)
{
    HANDLE_IS(a, HOST_STATS_TAG);
    const bool is_final =
        !strcmp(name, "test_stop") || !strcmp(name, "quitting") || !strcmp(name, "quit");
    return is_final && a->is_wanted;
}
