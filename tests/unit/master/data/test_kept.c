// SPDX-License-Identifier: MIT
/* What a master says that it keeps of a run. */
#include "common/base/sbuf.h"
#include "master/data/kept.h"
#include "master/data/logs.h"
#include "master/data/record.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1700000000.0
#define FAST_US 1000
#define SLOW_US 1000000

struct bench {
    struct run run;
    struct roster roster;
    struct tunables tunables;
    struct record record;
    struct logs *logs;
    struct kept kept;
};

static struct bench *new_bench(void)
{
    struct bench *b = calloc(1, sizeof *b);
    b->tunables = tunables_usual;
    b->logs = logs_new();
    b->record.run = &b->run;
    b->record.roster = &b->roster;
    b->record.tunables = &b->tunables;
    record_init(&b->record, 1 << 20, NOW);
    return b;
}

static void free_bench(struct bench *b)
{
    record_fini(&b->record);
    roster_fini(&b->roster);
    logs_free(b->logs);
    free(b);
}

static size_t kept_of(struct bench *b, enum kept_kind kind)
{
    kept_count(&b->record, b->logs, &b->kept);
    for (size_t i = 0; i < KEPT_KINDS; i++)
        assert_true(b->kept.of[i].bytes <= b->kept.of[i].limit);
    return b->kept.of[kind].bytes;
}

static void histograms_are_as_large_as_what_they_saw(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct stats *s = &b->record.stats;
    struct tally *row = stats_row(s, "GET", 3, "/", 1);
    assert_int_equal(kept_of(b, KEPT_HISTOGRAMS), 0);
    stats_add(s, row, NOW, FAST_US, 1);
    const size_t one = kept_of(b, KEPT_HISTOGRAMS);
    assert_int_equal(one, 2 * HIST_SUB_COUNT * sizeof(uint64_t)); /* its own, the total's */
    stats_add(s, row, NOW, FAST_US, 1);
    assert_int_equal(kept_of(b, KEPT_HISTOGRAMS), one);
    stats_add(s, row, NOW, SLOW_US, 1);
    stats_add_part(s, row, PART_wait, FAST_US);
    assert_int_equal(kept_of(b, KEPT_HISTOGRAMS), 3 * one);
    record_clear(&b->record, NOW);
    assert_true(kept_of(b, KEPT_HISTOGRAMS) <= 2 * one); /* the total has its memory still */
    free_bench(b);
}

static void seconds_and_lines_count(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    run_start(&b->run, 1, 1, 0, 7, (struct run_clock){NOW, NOW});
    record_clear(&b->record, NOW);
    assert_int_equal(kept_of(b, KEPT_TIMELINE) + kept_of(b, KEPT_LOGS), 0);
    record_second(&b->record, (struct run_clock){NOW, NOW}, 0);
    record_close(&b->record, NOW);
    logs_add(b->logs, NOW, "w", NOW, "INFO", "root", "odd");
    const size_t line = kept_of(b, KEPT_LOGS);
    assert_true(line > strlen("oddwINFOroot"));
    logs_add(b->logs, NOW, "w", NOW, "INFO", "root", "odd");
    assert_true(kept_of(b, KEPT_TIMELINE) > 0);
    assert_int_equal(kept_of(b, KEPT_LOGS), line);
    for (int i = 0; i < 2 * LOGS_LINES; i++)
        logs_add(b->logs, NOW + i, "w", NOW, "INFO", "root", i % 2 ? "odd" : "not");
    assert_int_equal(kept_of(b, KEPT_LOGS), line * LOGS_LINES);
    free_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histograms_are_as_large_as_what_they_saw),
        cmocka_unit_test(seconds_and_lines_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
