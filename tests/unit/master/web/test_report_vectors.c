// SPDX-License-Identifier: MIT
/* What the master answers about a run, and the report of the same run, in
 * tests/vectors/report.json: the page that reads a report is held to these answers
 * (webui/tests/unit/report-vectors.test.ts). KATYDID_WRITE_VECTORS=1 writes the file anew. */
#include "master/data/events.h"
#include "master/data/timeline.h"
#include "master/data/view_build.h"
#include "master/web/timeline_json.h"
#include "master/web/html_report_data.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH "tests/vectors/report.json"
#define NOW 1700000000
#define SECONDS 40
#define ROWS 4

struct run {
    struct stats stats;
    struct timeline *timeline;
    struct events *events;
    uint64_t dice;
};

static uint64_t roll(struct run *r, uint64_t sides)
{
    r->dice = r->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (r->dice >> 33) % sides;
}

static void add_request(struct run *r, struct tally *more, uint64_t us)
{
    bool has_failed = roll(r, 10) == 0;
    more->requests++;
    more->bytes += roll(r, 5000);
    more->sum_us += us;
    more->min_us = us < more->min_us ? us : more->min_us;
    more->max_us = us > more->max_us ? us : more->max_us;
    more->extra.status[has_failed ? 5 : 2]++;
    more->extra.sent_bytes += 100;
    more->extra.received_bytes += 2000 + roll(r, 100);
    more->extra.phased++;
    more->extra.phase_us[PHASE_CONNECT] += us / 10;
    more->extra.phase_us[PHASE_WAIT] += us - us / 10;
    hist_add(&more->hist, us, 1);
    for (unsigned part = 0; part < TALLY_PARTS; part++)
        if (part != PART_failed)
            hist_add(tally_part(more, part), us - us / 10, 1);
    more->failures += has_failed;
    if (has_failed)
        hist_add(tally_part(more, PART_failed), us, 1);
}

static void note_failures(struct run *r, const struct tally *row, uint64_t n, double at)
{
    char text[] = "503";
    const struct failure more = {.method = row->method,
                                 .name = row->name,
                                 .text = text,
                                 .count = n,
                                 .first_at = at,
                                 .last_at = at};
    if (n > 0)
        timeline_failure(r->timeline, stats_note_failure(&r->stats, &more)->number, &more);
}

static void count(struct run *r, struct tally *row, struct tally *more, double at)
{
    struct sbuf hist = {0}, part[TALLY_PARTS] = {0};
    struct tally_packed packed = {0};
    more->first_at = more->last_at = at;
    hist_pack(&more->hist, &hist);
    packed.hist = (struct packed_hist){hist.data, hist.len};
    for (size_t i = 0; i < TALLY_PARTS; i++) {
        if (more->part[i])
            hist_pack(more->part[i], &part[i]);
        packed.part[i] = (struct packed_hist){part[i].data, part[i].len};
    }
    tally_merge(row, more);
    tally_merge(&r->stats.total, more);
    timeline_row(r->timeline, row->number, more, &packed);
    note_failures(r, row, more->failures, at);
    sbuf_fini(&hist);
    for (size_t i = 0; i < TALLY_PARTS; i++)
        sbuf_fini(&part[i]);
}

/* "/wide" spreads over four powers of ten, "/rare" comes now and then, "/untimed" has no times. */
static void put_second(struct run *r, int second)
{
    static const char *const names[ROWS] = {"/shop/a", "/shop/wide", "/rare", "/untimed"};
    static const uint64_t n[ROWS] = {7, 12, 1, 2};
    for (size_t i = 0; i < ROWS; i++) {
        struct tally more, *row = stats_row(&r->stats, i == 1 ? "POST" : "GET", i == 1 ? 4 : 3,
                                            names[i], strlen(names[i]));
        if (i == 2 && second % 9 != 4)
            continue;
        tally_init(&more, NULL, NULL);
        for (uint64_t k = 0; k < n[i] && i != 3; k++)
            add_request(r, &more,
                        i == 1 ? 100 + (UINT64_C(1) << roll(r, 21)) + roll(r, 300)
                               : 4000 + roll(r, 2000));
        if (i == 3)
            more.requests = more.none_requests = n[i];
        more.cut = second == SECONDS - 1;
        count(r, row, &more, NOW + second + 0.5);
        tally_fini(&more);
    }
}

static struct view *view_of(struct run *r)
{
    struct view_builder *m = view_builder_new();
    struct view *v = view_builder_build(m,
                                        &(struct view){.now = NOW + SECONDS + 1,
                                                       .boot_id = "b",
                                                       .run_id = "r",
                                                       .state = "stopped",
                                                       .version = "1",
                                                       .locustfile = "f.py",
                                                       .started_at = NOW + 0.25,
                                                       .ended_at = NOW + SECONDS - 0.5,
                                                       .timeline = timeline_snapshot(r->timeline),
                                                       .events = events_snapshot(r->events)},
                                        &r->stats);
    view_builder_free(m);
    return v;
}

static struct view *make_run(struct run *r)
{
    stats_init(&r->stats, NOW, STATS_LIMITS_DEFAULT);
    r->timeline = timeline_new((size_t)64 << 20);
    r->events = events_new();
    timeline_clear(r->timeline, NOW);
    for (int s = 0; s < SECONDS; s++) {
        struct timeline_health h = {.index = 1,
                                    .samples = 1,
                                    .users_sum = 5,
                                    .cpu_sum = 300,
                                    .cpu_max = 300,
                                    .has_lag = true,
                                    .lag_us = 1500};
        timeline_report(r->timeline, 1, NOW + s, NOW + s + 1);
        put_second(r, s);
        timeline_users(r->timeline, NOW + s, 5, 6);
        timeline_health(r->timeline, NOW + s, &h);
        if (s >= 20 && s < 25)
            events_watch(r->events, NOW + s, 1, "w",
                         &(struct events_health){.cpu = 99, .lag_ms = 1});
    }
    timeline_close(r->timeline, NOW + SECONDS);
    timeline_work(r->timeline, true);
    return view_of(r);
}

static void end_run(struct run *r, struct view *v)
{
    view_unref(v);
    events_free(r->events);
    timeline_free(r->timeline);
    stats_fini(&r->stats);
}

typedef void answer(struct sbuf *out, const struct view *v, const struct query *q);

static void answer_series(struct sbuf *out, const struct view *v, const struct query *q)
{
    struct settled_range r = timeline_json_settle_steps(v, q, TIMELINE_JSON_STEPS);
    timeline_json_series(out, v, q, &r);
}

static void add_answer(struct sbuf *out, const struct view *v, const char *of, answer *add,
                       struct query q)
{
    q.has_from = q.has_to = q.has_all_columns = true;
    q.from += NOW;
    q.to += NOW;
    sbuf_addf(out,
              ",\n{\"of\":\"%s\",\"from\":%lld,\"to\":%lld,\"id\":%u,\"depth\":%u,\"answer\":", of,
              (long long)q.from, (long long)q.to, q.id, q.group);
    add(out, v, &q);
    sbuf_addc(out, '}');
}

static void add_answers(struct sbuf *out, const struct view *v)
{
    static const int64_t ranges[][2] = {{0, SECONDS}, {10, 30}, {39, 40}};
    sbuf_adds(out, "{}");
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const struct query q = {.from = ranges[i][0], .to = ranges[i][1]};
        add_answer(out, v, "range", timeline_json_range, q);
        add_answer(out, v, "failures", timeline_json_failures, q);
        for (uint32_t depth = 1; depth <= 2; depth++) {
            struct query grouped = q;
            grouped.has_group = true;
            grouped.group = depth;
            add_answer(out, v, "groups", timeline_json_range, grouped);
        }
        for (uint32_t id = 0; id <= ROWS; id++) {
            struct query of = q;
            of.id = id;
            add_answer(out, v, "distribution", timeline_json_distribution, of);
            add_answer(out, v, "heatmap", timeline_json_heatmap, of);
        }
    }
    for (uint32_t id = 0; id <= ROWS; id++)
        add_answer(out, v, "series", answer_series,
                   (struct query){.from = 0, .to = SECONDS, .id = id});
}

static void the_answers_are_those_of_the_file(void **state)
{
    (void)state;
    struct run r = {.dice = 1};
    struct sbuf made = {0}, kept = {0};
    char block[4096];
    struct view *v = make_run(&r);
    v->timeline->bytes = 0; /* what it costs is none of its answers */
    sbuf_adds(&made, "{\"report\":");
    html_report_data_add(&made, v, &(struct html_report_ask){0},
                         &(struct html_report_size){100, SIZE_MAX});
    sbuf_adds(&made, ",\n\"answers\":[");
    add_answers(&made, v);
    sbuf_adds(&made, "]}\n");
    end_run(&r, v);
    FILE *f = fopen(PATH, getenv("KATYDID_WRITE_VECTORS") ? "we" : "re");
    assert_non_null(f);
    if (getenv("KATYDID_WRITE_VECTORS")) {
        fwrite(made.data, 1, made.len, f);
        sbuf_add(&kept, made.data, made.len);
    } else {
        for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
            sbuf_add(&kept, block, n);
    }
    fclose(f);
    if (strcmp(made.data, kept.data) != 0)
        fail_msg("%s is of other answers: KATYDID_WRITE_VECTORS=1, and look at the difference",
                 PATH);
    sbuf_fini(&made);
    sbuf_fini(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_answers_are_those_of_the_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
