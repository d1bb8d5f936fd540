// SPDX-License-Identifier: MIT
/* What the statistics path costs: recording, finding a row, packing, and merging one entry of a
 * report into a master's table that many workers share. Prints nanoseconds of processor time; no
 * arguments. */
#include "common/base/sbuf.h"
#include "common/wire/report.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ENDPOINTS 100
#define ROUNDS 2000

static void fill(struct stats *s, int per_row)
{
    uint64_t x = 1;
    for (int i = 0; i < ENDPOINTS * per_row; i++) {
        char name[64];
        int len = snprintf(name, sizeof name, "/api/v1/things/%d/details", i % ENDPOINTS);
        x = x * UINT64_C(6364136223846793005) + 1;
        uint64_t us = 2000 + (x >> 33) % 3000 + ((x >> 60) == 0 ? 200000 : 0);
        stats_add(s, stats_row(s, "GET", 3, name, (size_t)len), 1700000000 + i % 2, us, 512);
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

int main(void)
{
    bench_recording();
    bench_reports(10);
    bench_reports(1000);
    return 0;
}
