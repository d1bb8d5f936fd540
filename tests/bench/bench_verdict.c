// SPDX-License-Identifier: MIT
/* bench_verdict: what thresholds cost the master's main thread.
 *
 *     bench_verdict [ROWS [SECONDS]]      1000 endpoints, 60 seconds
 *
 * 200 thresholds of all kinds, most of them on a row of their own. Prints JSON: milliseconds for
 * each second of the run, to judge and to write what came out; the mean of the last half, and the
 * worst. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/data/timeline.h"
#include "master/data/timeline_read.h"
#include "master/verdict/verdict.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW 1700000000
#define THRESHOLDS 200
#define REQUESTS 10

static uint32_t dice = 7;
static uint64_t roll_us(void)
{
    dice = dice * 1664525u + 1013904223u;
    return 20000 + (uint64_t)(dice >> 12) % 80000;
}

static void add_second(struct timeline *t, uint32_t count, double at)
{
    struct tally more;
    struct sbuf hist = {0};
    tally_init(&more, NULL, NULL);
    timeline_report(t, 0, at, at + 1);
    for (uint32_t i = 1; i <= count; i++) {
        tally_zero(&more);
        more.requests = REQUESTS;
        for (int k = 0; k < REQUESTS; k++) {
            const uint64_t us = roll_us();
            hist_add(&more.hist, us, 1);
            more.sum_us += us;
            more.min_us = us < more.min_us ? us : more.min_us;
            more.max_us = us > more.max_us ? us : more.max_us;
        }
        sbuf_clear(&hist);
        hist_pack(&more.hist, &hist);
        timeline_row(t, i, &more, &(struct tally_packed){.hist = {hist.data, hist.len}});
    }
    tally_fini(&more);
    sbuf_fini(&hist);
    timeline_close(t, at + 1);
    timeline_work(t, false);
}

/* Of this thread: another process may have the processor meanwhile. */
static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

struct source {
    struct timeline_snap *snap;
    struct timeline_plan plan;
    int64_t from, to;
};

static void read_row(void *arg, uint32_t row, int64_t from, int64_t to, struct tally *t)
{
    struct source *s = arg;
    if (s->from != from || s->to != to) {
        timeline_plan_fini(&s->plan);
        timeline_plan(s->snap, from, to, &s->plan);
        s->from = from;
        s->to = to;
    }
    timeline_read_row(&s->plan, row, t);
}

static void make_list(struct threshold_list *list, uint32_t rows)
{
    static const struct {
        const char *stat, *star, *rest;
    } forms[] = {{"p95", "", "< 1ms"},
                 {"p99", "", "< 1s for 5s"},
                 {"avg", "", "< 1s within 30s"},
                 {"fail_ratio", "", "< 1%"},
                 {"p95", "*", "< 1s"}};
    for (uint32_t i = 0; i < THRESHOLDS; i++) {
        char text[80], *why = NULL;
        snprintf(text, sizeof text, "%s of 'GET /r%u%s' %s", forms[i % 5].stat, i * 5 % rows,
                 forms[i % 5].star, forms[i % 5].rest);
        if (threshold_list_text(list, text, "bench", &why) != 0)
            puts(why);
    }
}

int main(int argc, char **argv)
{
    const uint32_t rows = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000;
    const int seconds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 60;
    struct timeline *t = timeline_new(256u << 20);
    struct threshold_list list = {0};
    struct verdict *v = verdict_new();
    struct sbuf out = {0};
    double sum = 0, worst = 0, write_ms = 0;
    make_list(&list, rows);
    verdict_set(v, &list);
    timeline_clear(t, NOW);
    verdict_begin(v, NOW, 0);
    for (uint32_t i = 1; i <= rows; i++) {
        char name[32];
        snprintf(name, sizeof name, "/r%u", i - 1);
        verdict_row(v, i, "GET", name);
    }
    for (int i = 0; i < seconds; i++) {
        struct source s = {.from = 1};
        add_second(t, rows, NOW + i);
        const double begin = cpu_ms();
        s.snap = timeline_snapshot(t);
        const struct verdict_feed feed = {.arg = &s, .read = read_row};
        verdict_second(v, NOW + i, 1, &feed);
        timeline_plan_fini(&s.plan);
        timeline_snap_unref(s.snap);
        const double judged = cpu_ms();
        sbuf_clear(&out);
        verdict_write(v, &out);
        const double ms = judged - begin;
        write_ms += i >= seconds / 2 ? cpu_ms() - judged : 0;
        worst = fmax(worst, ms);
        sum += i >= seconds / 2 ? ms : 0;
    }
    printf("{\"thresholds\": %zu, \"rows\": %u, \"ms_per_second\": %.3f, \"worst_ms\": %.3f, "
           "\"write_ms\": %.3f}\n",
           verdict_count(v), rows, sum / (seconds - seconds / 2), worst,
           write_ms / (seconds - seconds / 2));
    threshold_list_fini(&list);
    verdict_free(v);
    timeline_free(t);
    sbuf_fini(&out);
    return 0;
}
