// SPDX-License-Identifier: MIT
#pragma once
/* golden_stats: the samples of tests/unit/golden/stats, and what stock Locust made of them. */
#include "common/base/sbuf.h"
#include "common/metric/stats.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN "tests/unit/golden/stats/"
#define GOLDEN_START 1700000000.0

static inline void golden_read(struct sbuf *out, const char *name)
{
    char path[256], block[4096];
    snprintf(path, sizeof path, GOLDEN "%s", name);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        sbuf_add(out, block, n);
    fclose(f);
}

static inline void golden_add(struct stats *s, char *line)
{
    char *field[6];
    for (size_t i = 0; i < 6; i++)
        assert_non_null(field[i] = strsep(&line, "\t\n"));
    double at = strtod(field[0], NULL);
    uint64_t us = *field[3] == '-' ? STATS_NO_TIME : strtoull(field[3], NULL, 10) * 1000;
    struct tally *row = stats_row(s, field[1], strlen(field[1]), field[2], strlen(field[2]));
    stats_add(s, row, at, us, strtoull(field[4], NULL, 10));
    if (strcmp(field[5], "-") != 0)
        stats_add_failure(s, row, at, field[5], strlen(field[5]));
}

static inline void golden_load(struct stats *s)
{
    struct sbuf text = {0};
    stats_init(s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    golden_read(&text, "samples.tsv");
    for (char *line = text.data, *next; line && *line; line = next) {
        next = strchr(line, '\n') + 1;
        golden_add(s, line);
    }
    sbuf_fini(&text);
    stats_add_exception(s, GOLDEN_START, "boom, \"twice\"", "Traceback:\n  File \"x.py\"\n",
                        "local", 3);
}

/* got must be the golden file, byte for byte. Releases got. */
static inline void golden_compare(struct sbuf *got, const char *name)
{
    struct sbuf want = {0};
    golden_read(&want, name);
    assert_string_equal(got->data, want.data);
    sbuf_fini(got);
    sbuf_fini(&want);
}
