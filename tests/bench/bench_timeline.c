// SPDX-License-Identifier: MIT
/* bench_timeline: what a long run costs the master, and what a question costs.
 *
 *     bench_timeline [ROWS [SECONDS [REQUESTS]]]      1000 endpoints, 3600 seconds, 10 requests
 * each
 *
 * Prints JSON: milliseconds of the main thread per second of the run, memory, and milliseconds to
 * answer a range of all but the last seconds, a series, a report block, and to write a tick in
 * which every row changed: all of it, and what a page asks for. The best of some tries, because
 * another process may have the processor meanwhile. */
#include "common/base/clk.h"
#include "common/base/mem.h"
#include "master/data/timeline.h"
#include "master/data/view_build.h"
#include "master/web/feed.h"
#include "master/web/timeline_json.h"
#include "master/web/html_report_data.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1700000000

static uint32_t dice = 7;
static double roll(void)
{
    dice = dice * 1664525u + 1013904223u;
    return (double)(dice >> 8) / (1 << 24);
}

static void add_second(struct timeline *t, struct stats *s, struct tally **rows, uint32_t count,
                       uint32_t requests, double at)
{
    struct tally more;
    struct sbuf hist = {0};
    tally_init(&more, NULL, NULL);
    timeline_report(t, 0, at, at + 1);
    for (uint32_t i = 0; i < count; i++) {
        tally_zero(&more);
        more.requests = requests;
        more.bytes = 900 * requests;
        more.extra.status[2] = more.extra.phased = requests;
        more.first_at = more.last_at = at;
        for (uint32_t k = 0; k < requests; k++) {
            double spread = (roll() + roll() + roll() - 1.5) * 2;
            uint64_t us = (uint64_t)((20000 + 200 * (i % 100)) * exp(spread));
            hist_add(&more.hist, us, 1);
            more.sum_us += us;
            more.min_us = us < more.min_us ? us : more.min_us;
            more.max_us = us > more.max_us ? us : more.max_us;
        }
        more.extra.phase_us[PHASE_WAIT] = more.sum_us;
        sbuf_clear(&hist);
        hist_pack(&more.hist, &hist);
        tally_merge(rows[i], &more);
        tally_merge(&s->total, &more);
        timeline_row(t, rows[i]->number, &more,
                     &(struct tally_packed){.hist = {hist.data, hist.len}});
    }
    sbuf_fini(&hist);
    tally_fini(&more);
}

static double ms_since(uint64_t start)
{
    return (double)(clk_mono_ns() - start) / 1e6;
}

#define TRIES 5
#define PAGE_COLUMNS 0x3557 /* what webui/src/live/live-source.ts asks for always */

static double ask_once(const struct view *v, struct query *q, const char *what, size_t *bytes)
{
    struct sbuf out = {0};
    uint64_t start = clk_mono_ns();
    if (strcmp(what, "range") == 0) {
        timeline_json_range(&out, v, q);
    } else if (strcmp(what, "series") == 0) {
        struct settled_range r = timeline_json_settle_steps(v, q, TIMELINE_JSON_STEPS);
        timeline_json_series(&out, v, q, &r);
    } else if (strcmp(what, "report") == 0) {
        html_report_data_add(&out, v, &(struct html_report_ask){0},
                             &(struct html_report_size){200, SIZE_MAX});
    } else {
        struct feed_mark mark = {.columns = strcmp(what, "page") == 0 ? PAGE_COLUMNS : 0};
        feed_tick(v, &mark, &out);
    }
    double ms = ms_since(start);
    *bytes = out.len;
    sbuf_fini(&out);
    return ms;
}

static double ask(const struct view *v, struct query *q, const char *what, size_t *bytes)
{
    double best = INFINITY;
    for (int i = 0; i < TRIES; i++)
        best = fmin(best, ask_once(v, q, what, bytes));
    return best;
}

int main(int argc, char **argv)
{
    uint32_t numbers[3] = {1000, 3600, 10};
    for (int i = 1; i < argc && i < 4; i++)
        numbers[i - 1] = (uint32_t)strtoul(argv[i], NULL, 10);
    uint32_t count = numbers[0], seconds = numbers[1];
    struct stats s;
    struct timeline *t = timeline_new((size_t)256 << 20);
    struct tally **rows = mem_zalloc((count + 1) * sizeof(struct tally *));
    double close_ms = 0, worst_ms = 0;
    stats_init(&s, NOW, STATS_LIMITS_DEFAULT);
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        int len = snprintf(name, sizeof name, "/endpoint/%u", i);
        rows[i] = stats_row(&s, "GET", 3, name, (size_t)len);
    }
    timeline_clear(t, NOW);
    for (uint32_t i = 0; i < seconds; i++) {
        add_second(t, &s, rows, count, numbers[2], NOW + i);
        uint64_t start = clk_mono_ns();
        timeline_close(t, NOW + i + 1);
        timeline_work(t, false);
        timeline_snap_unref(timeline_snapshot(t));
        double ms = ms_since(start);
        close_ms += ms;
        worst_ms = ms > worst_ms ? ms : worst_ms;
    }
    struct view_builder *m = view_builder_new();
    struct view head = {.boot_id = "", .run_id = "", .state = "running", .started_at = NOW};
    head.timeline = timeline_snapshot(t);
    struct view *v = view_builder_build(m, &head, &s);
    double view_ms = INFINITY;
    for (uint32_t i = 0; i < 10; i++) { /* every row has changed; the best is the least disturbed */
        add_second(t, &s, rows, count, numbers[2], NOW + seconds + i);
        view_unref(v);
        head.timeline = timeline_snapshot(t);
        uint64_t start = clk_mono_ns();
        v = view_builder_build(m, &head, &s);
        view_ms = fmin(view_ms, ms_since(start));
    }
    struct query q = {.has_from = true, .has_to = true, .from = NOW + 3, .to = NOW + seconds - 4};
    size_t range_bytes, other_bytes, tick_bytes, page_bytes;
    double range_ms = ask(v, &q, "range", &range_bytes);
    q.id = rows[0]->number;
    double series_ms = ask(v, &q, "series", &other_bytes);
    double report_ms = ask(v, &q, "report", &other_bytes);
    double tick_ms = ask(v, &q, "tick", &tick_bytes);
    double page_ms = ask(v, &q, "page", &page_bytes);
    printf("{\"rows\": %u, \"seconds\": %u, \"close_ms\": %.3f, \"close_worst_ms\": %.3f, "
           "\"memory_mb\": %.1f, \"resolution_s\": %u, \"range_ms\": %.1f, "
           "\"range_kb\": %zu, \"series_ms\": %.1f, \"report_ms\": %.1f, \"view_ms\": %.2f, "
           "\"tick_ms\": %.2f, \"tick_kb\": %zu, \"page_ms\": %.2f, \"page_kb\": %zu}\n",
           count, seconds, close_ms / seconds, worst_ms, (double)v->timeline->bytes / (1 << 20),
           timeline_resolution(v->timeline, NOW), range_ms, range_bytes >> 10, series_ms, report_ms,
           view_ms, tick_ms, tick_bytes >> 10, page_ms, page_bytes >> 10);
    view_unref(v);
    view_builder_free(m);
    timeline_free(t);
    stats_fini(&s);
    free(rows);
    return 0;
}
