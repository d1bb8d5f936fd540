// SPDX-License-Identifier: MIT
#pragma once
/* played_runs: runs that never were, given second by second to the output that stores runs. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/data/timeline_levels.h"
#include "master/store/run_writer.h"
#include "tests/unit/snapshots.h"
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct played {
    const char *folder, *id;            /* id: the master's name of the run */
    size_t rows, seconds, per_second;   /* requests of a row in each second */
    double started, level_ms, slow_row; /* slow_row: what the times of row 1 are multiplied by */
    unsigned users;
    bool is_cut_off; /* the master is gone before the end */
    bool has_parts;  /* as large as they get, and hardly to be packed: courses, samples, lines,
                        script */
    uint64_t seed;
    const char *verdict; /* JSON; NULL: it was valid */
};

static inline double played_uniform(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static inline struct tally *played_row(struct stats *s, size_t row)
{
    char name[32];
    const int len = snprintf(name, sizeof name, "/row/%zu", row);
    return stats_row(s, "GET", 3, name, (size_t)len);
}

/* One second into the statistics, as a block. */
static inline struct timeline_block *played_second(struct played *p, struct stats *s,
                                                   struct tally **rows, double now, double wander,
                                                   struct timeline_builder *b)
{
    struct tally all, one;
    tally_init(&all, NULL, NULL);
    tally_init(&one, NULL, NULL);
    struct sbuf *records = mem_zalloc((p->rows + 1) * sizeof *records);
    struct sbuf scratch = {0};
    for (size_t r = 0; r < p->rows; r++) {
        const double by = (r == 1 && p->slow_row > 0 ? p->slow_row : 1) * wander;
        tally_zero(&one);
        for (size_t i = 0; i < p->per_second; i++) {
            const double us = 1000 * p->level_ms * by * (0.5 + played_uniform(&p->seed));
            hist_add(&one.hist, (uint64_t)us, 1);
            one.sum_us += (uint64_t)us;
            one.requests++;
            one.min_us = (uint64_t)us < one.min_us ? (uint64_t)us : one.min_us;
            one.max_us = (uint64_t)us > one.max_us ? (uint64_t)us : one.max_us;
        }
        one.last_at = now;
        tally_merge(rows[r], &one);
        tally_merge(&all, &one);
        tally_record_put_tally(&records[r], &one, &scratch);
    }
    tally_merge(&s->total, &all);
    s->total.last_at = now;
    b->span = (struct timeline_span){(int64_t)now, 1, p->users, p->users, -1, -1};
    timeline_build_tally(b, TIMELINE_TOTAL, &all);
    for (size_t r = 0; r < p->rows; r++) {
        timeline_build_row(b, rows[r]->number, records[r].data, records[r].len);
        sbuf_fini(&records[r]);
    }
    tally_fini(&all);
    tally_fini(&one);
    sbuf_fini(&scratch);
    free(records);
    return timeline_build_end(b);
}

/* A string of JSON of that length, of chance. */
static inline char *played_part(uint64_t seed, size_t len)
{
    char *text = mem_zalloc(len + 1);
    for (size_t i = 1; i + 1 < len; i++)
        text[i] = (char)('0' + (int)(played_uniform(&seed) * 75));
    for (size_t i = 1; i + 1 < len; i++)
        text[i] = text[i] == '\\' ? '_' : text[i];
    text[0] = text[len - 1] = '"';
    return text;
}

static inline struct snapshot *played_snapshot(const struct played *p, struct snapshot_maker *m,
                                               struct view_builder *viewer, const struct stats *s,
                                               const struct timeline_levels *levels, double now,
                                               bool is_over)
{
    struct timeline_snap *snap = timeline_levels_snapshot(levels);
    snap->since = (int64_t)p->started;
    const struct view head = {
        .state = is_over ? "stopped" : "running",
        .now = now,
        .run_id = p->id,
        .boot_id = "boot",
        .version = "0.1.0",
        .locustfile = "shop.py",
        .host = "http://shop",
        .notice = "",
        .verdict = p->verdict ? p->verdict
                              : "{\"valid\":true,\"passed\":true,\"failed\":0,\"thresholds\":[],"
                                "\"code\":0}",
        .started_at = p->started,
        .ended_at = is_over ? now : 0,
        .users = p->users,
        .timeline = snap,
    };
    struct snapshot of = {.mono = now,
                          .view = view_builder_build(viewer, &head, s),
                          .wishes = {.tunables = tunables_usual, .users = p->users},
                          .run_age_s = now - p->started,
                          .run_number = 1,
                          .target_users = p->users,
                          .is_live = !is_over,
                          .is_begun = true};
    if (is_over && p->has_parts) {
        of.end.metrics = played_part(1, 1u << 20);
        of.end.kept_samples = played_part(2, 256u << 10);
        of.end.kept_logs = played_part(3, 128u << 10);
        of.end.script = played_part(4, 500u << 10);
    }
    return snapshot_build(m, &of, s);
}

static inline void played_give(const struct output *o,
                               int (*call)(void *, const struct snapshot *, char **),
                               struct snapshot *s)
{
    char *why = NULL;
    call(o->self, s, &why);
    snapshot_unref(s);
    free(why);
}

/* The processor time that the output took, in seconds. */
static inline double play_run(struct played p)
{
    struct stats s;
    struct timeline_builder b = {0};
    struct timeline_levels *levels = timeline_levels_new(256u << 20);
    struct snapshot_maker *maker = snapshot_maker_new();
    struct view_builder *viewer = view_builder_new();
    struct tally **rows = mem_zalloc((p.rows + 1) * sizeof *rows);
    double wander = 0, took = 0;
    struct output o = history_output(
        &(struct history_wish){.folder = p.folder,
                               .about = json_pack("{s:s,s:{}}", "profile", "shop", "tags"),
                               .keep = {.runs = 1000}});
    stats_init(&s, p.started, STATS_LIMITS_DEFAULT);
    for (size_t r = 0; r < p.rows; r++)
        rows[r] = played_row(&s, r);
    for (size_t second = 0; second <= p.seconds; second++) {
        const bool is_over = second == p.seconds;
        const double now = p.started + (double)second;
        wander = 0.8 * wander + 0.03 * (played_uniform(&p.seed) - 0.5);
        if (!is_over)
            timeline_levels_add(levels, played_second(&p, &s, rows, now, exp(wander), &b));
        timeline_levels_work(levels, SIZE_MAX);
        if ((!is_over && second % HISTORY_INTERVAL_S) || (is_over && p.is_cut_off))
            continue;
        struct snapshot *snap = played_snapshot(&p, maker, viewer, &s, levels, now, is_over);
        struct timespec from, to;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        played_give(&o, is_over ? o.run_end : o.tick, snap);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        took += (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
    }
    o.close(o.self);
    stats_fini(&s);
    timeline_builder_fini(&b);
    timeline_levels_free(levels);
    snapshot_maker_free(maker);
    view_builder_free(viewer);
    free(rows);
    return took;
}
