// SPDX-License-Identifier: MIT
/* What the statistics path costs: recording, finding a row, packing, and merging one entry of a
 * report into a master's table that many workers share, and its timeline. Prints nanoseconds of
 * processor time.
 *
 *   bench_report [cluster]      cluster: only what many workers cost */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/wire/report.h"
#include "master/data/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENDPOINTS 100
#define ROUNDS 2000
#define WORKERS 1000
#define SECONDS 6
#define LATE_S 3 /* a second is closed so much later */

static void fill(struct stats *s, int per_row)
{
    uint64_t x = 1;
    for (int i = 0; i < ENDPOINTS * per_row; i++) {
        char name[64];
        int len = snprintf(name, sizeof name, "/api/v1/things/%d/details", i % ENDPOINTS);
        x = x * UINT64_C(6364136223846793005) + 1;
        uint64_t us = 2000 + (x >> 33) % 3000 + ((x >> 60) == 0 ? 200000 : 0);
        struct tally *row = stats_row(s, "GET", 3, name, (size_t)len);
        struct measures more;
        measures_init(&more);
        more.extra.s2 = more.extra.phased = 1;
        more.extra.sent_bytes = 140;
        more.extra.received_bytes = 700;
        more.extra.queue_us = 11;
        more.extra.send_us = 9;
        more.extra.receive_us = 13;
        more.extra.wait_us = more.part_us[PART_wait] = us - 33;
        stats_add(s, row, 1700000000 + i % 2 + 0.5, us, 512);
        stats_add_measures(s, row, us, &more);
    }
}

static void show(const char *what, clock_t from, double n)
{
    printf("%-44s %8.1f ns\n", what, (double)(clock() - from) * (1e9 / CLOCKS_PER_SEC) / n);
}

static void bench_recording(void)
{
    struct stats s;
    stats_init(&s, 1700000000, STATS_LIMITS_DEFAULT);
    fill(&s, 1);
    const char *name = "/api/v1/things/42/details";
    clock_t from = clock();
    struct tally *row = NULL;
    for (int i = 0; i < 5000000; i++) {
        __asm__ volatile("" : "+r"(name));
        row = stats_row(&s, "GET", 3, name, strlen(name));
    }
    show("stats_row, 25 byte name", from, 5000000);
    from = clock();
    for (int i = 0; i < 5000000; i++)
        stats_add(&s, row, 1700000000 + i * 1e-6, 2000 + (uint64_t)(i & 1023), 512);
    show("stats_add", from, 5000000);
    stats_fini(&s);
}

static void bench_numbered(struct stats *worker, struct stats *master)
{
    struct sbuf report = {0}, names = {0};
    struct report_names known = {0};
    clock_t from = clock();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        sbuf_clear(&report);
        sbuf_clear(&names);
        report_pack_numbered(worker, &report);
        report_pack_names(worker, 1, true, &names);
    }
    printf("  numbered: %zu bytes, and %zu of names once\n", report.len, names.len);
    show("  report_pack_numbered, per entry", from, (double)ROUNDS * ENDPOINTS);
    struct report_bytes in = {report.data, names.data, report.len, names.len};
    from = clock();
    for (int i = 0; i < ROUNDS; i++, in.names_len = 0)
        if (report_merge_numbered(master, &known, &in, "worker", NULL) != 0)
            puts("refused");
    show("  report_merge_numbered, per entry", from, (double)ROUNDS * ENDPOINTS);
    report_names_fini(&known);
    sbuf_fini(&report);
    sbuf_fini(&names);
}

static void bench_reports(int per_row)
{
    struct stats worker, master;
    stats_init(&worker, 1700000000, STATS_LIMITS_DEFAULT);
    stats_init(&master, 1700000000, STATS_LIMITS_DEFAULT);
    fill(&worker, per_row);
    struct sbuf ours = {0}, locust = {0};
    clock_t from = clock();
    for (int i = 0; i < ROUNDS; i++) {
        sbuf_clear(&ours);
        report_pack(&worker, &ours);
    }
    printf("%d endpoints x %d samples: ours %zu bytes\n", ENDPOINTS, per_row, ours.len);
    show("  report_pack, per entry", from, (double)ROUNDS * ENDPOINTS);
    from = clock();
    for (int i = 0; i < ROUNDS; i++)
        if (report_merge(&master, ours.data, ours.len, "worker") != 0)
            puts("refused");
    show("  report_merge, per entry", from, (double)ROUNDS * ENDPOINTS);
    bench_numbered(&worker, &master);
    sbuf_addc(&locust, '\x83');
    report_pack_locust(&worker, &locust);
    from = clock();
    for (int i = 0; i < ROUNDS; i++)
        if (report_merge_locust(&master, locust.data, locust.len) != 0)
            puts("refused");
    printf("  Locust's dialect: %zu bytes\n", locust.len);
    show("  report_merge_locust, per entry", from, (double)ROUNDS * ENDPOINTS);
    sbuf_fini(&ours);
    sbuf_fini(&locust);
    stats_fini(&worker);
    stats_fini(&master);
}

static void note_row(void *arg, const struct tally *row, const struct tally *more,
                     const struct tally_packed *packed)
{
    timeline_row(arg, row->number, more, packed);
}

static void note_failure(void *arg, const struct failure *kind, const struct failure *more)
{
    timeline_failure(arg, kind->number, more);
}

/* Reports of many workers, of which none is of one whole second. */
static void bench_cluster(void)
{
    struct stats worker, master;
    struct sbuf report = {0}, names = {0};
    struct report_names *known = mem_zalloc(WORKERS * sizeof *known);
    struct timeline *t = timeline_new(64u << 20);
    const struct report_watch watch = {.on_row = note_row, .on_failure = note_failure, .arg = t};
    stats_init(&worker, 1700000000, STATS_LIMITS_DEFAULT);
    stats_init(&master, 1700000000, STATS_LIMITS_DEFAULT);
    fill(&worker, 10);
    report_pack_numbered(&worker, &report);
    report_pack_names(&worker, 1, true, &names);
    struct report_bytes in = {report.data, names.data, report.len, names.len};
    timeline_clear(t, 1700000000);
    const clock_t from = clock();
    for (int second = 0; second < SECONDS; second++, in.names_len = 0) {
        for (uint32_t w = 0; w < WORKERS; w++) {
            const double to = 1700000001 + second + w / (double)WORKERS;
            timeline_report(t, w, to - 1, to);
            report_merge_numbered(&master, &known[w], &in, "worker", &watch);
        }
        timeline_close(t, 1700000001 + second - LATE_S);
        timeline_work(t, false);
    }
    timeline_close(t, 1700000002 + SECONDS);
    printf("%d workers x %d endpoints x 10 samples, with a timeline\n", WORKERS, ENDPOINTS);
    show("  per entry", from, (double)SECONDS * WORKERS * ENDPOINTS);
    for (uint32_t w = 0; w < WORKERS; w++)
        report_names_fini(&known[w]);
    free(known);
    timeline_free(t);
    stats_fini(&worker);
    stats_fini(&master);
    sbuf_fini(&report);
    sbuf_fini(&names);
}

int main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "cluster") != 0) {
        bench_recording();
        bench_reports(10);
        bench_reports(1000);
    }
    bench_cluster();
    return 0;
}
