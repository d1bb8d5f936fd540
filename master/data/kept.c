// SPDX-License-Identifier: MIT
#include "master/data/kept.h"

#include "master/data/logs.h"
#include "master/data/record.h"

#define OCTAVE_BYTES (HIST_SUB_COUNT * sizeof(uint64_t))

static size_t octaves_of(const struct hist *h)
{
    size_t count = 0;
    for (unsigned o = 0; o < HIST_OCTAVES; o++)
        count += h->octave[o] != NULL;
    return count;
}

static size_t octaves_of_row(const struct tally *t)
{
    size_t count = octaves_of(&t->hist);
    for (size_t i = 0; i < TALLY_PARTS; i++)
        count += t->part[i] ? octaves_of(t->part[i]) : 0;
    return count;
}

/* Those of the statistics, and of the copies that outputs share. */
static struct kept_one histograms(const struct record *r)
{
    size_t count = octaves_of_row(&r->stats.total);
    for (const struct tally *t = r->stats.rows; t; t = t->next)
        count += octaves_of_row(t);
    for (const struct tally *t = r->parts.rows; t; t = t->next)
        count += octaves_of_row(t);
    const size_t most =
        2 * HIST_OCTAVES * ((r->stats.row_count + 1) * (1 + TALLY_PARTS) + r->parts.row_count);
    const size_t shared = snapshot_shared(r->snapshots) + snapshot_shared(r->part_snapshots);
    return (struct kept_one){"histograms", count * OCTAVE_BYTES + shared, most * OCTAVE_BYTES};
}

static struct kept_one timeline(const struct record *r)
{
    struct timeline_snap *s = timeline_snapshot(r->timeline);
    const struct kept_one one = {"timeline", s->bytes, s->limit};
    timeline_snap_unref(s);
    return one;
}

void kept_count(const struct record *r, struct logs *logs, struct kept *out)
{
    *out = (struct kept){
        {[KEPT_TIMELINE] = timeline(r),
         [KEPT_HISTOGRAMS] = histograms(r),
         [KEPT_SAMPLES] = {"samples", samples_bytes(r->samples), SAMPLES_BYTES},
         [KEPT_METRICS] = {"metrics", series_store_bytes(r->series), SERIES_STORE_BYTES},
         [KEPT_LOGS] = {"logs", logs_bytes(logs), LOGS_LINES * (size_t)LOGS_LINE_MAX}},
        .heap = {0}};
}
