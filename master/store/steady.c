// SPDX-License-Identifier: MIT
#include "master/store/steady.h"
#include "common/base/mem.h"
#include <stdlib.h>
#include <string.h>

#define SEED UINT64_C(20240229)

static size_t level_of(const struct timeline_snap *t, size_t coarsest)
{
    static const int64_t most_s[] = {1200, 4 * 3600};
    size_t level = 0;
    while (level < coarsest &&
           (t->until - t->first > most_s[level] || t->levels[level].covers_from > t->since))
        level++;
    return level;
}

static void list_bins(struct steady *s, const struct timeline_snap *t, size_t level)
{
    static const double spans[] = {1, 10, 60};
    const struct timeline_block *b;
    s->bin_s = spans[level];
    for (int64_t at = t->since; (b = timeline_snap_after(t, level, at));
         at = timeline_block_span(b)->start + timeline_block_span(b)->span) {
        if (s->count % 256 == 0)
            s->bins = mem_realloc(s->bins, (s->count + 256) * sizeof(void *));
        s->bins[s->count++] = b;
    }
}

/* From where all users are there to where the first of them are stopped. */
static void cut_ends(struct steady *s)
{
    uint32_t most = 0;
    size_t from = 0, to = s->count;
    for (size_t i = 0; i < s->count; i++)
        if (timeline_block_span(s->bins[i])->users > most)
            most = timeline_block_span(s->bins[i])->users;
    while (from < to && timeline_block_span(s->bins[from])->users < most)
        from++;
    while (to > from && timeline_block_span(s->bins[to - 1])->users < most)
        to--;
    from += from < to; /* the second in which the last one came */
    s->count = to - from;
    if (s->count) /* else there may be no bins at all */
        memmove(s->bins, s->bins + from, s->count * sizeof(void *));
}

/* ---- what load generators spoilt ---- */

#define SPOILT_MOST 200     /* spans that are kept of a run */
#define LEFT_OUT_SHARE 0.05 /* of the steady part */

void steady_note_invalid(json_t *meta, const json_t *invalid)
{
    json_t *spans = json_array();
    const json_t *span;
    size_t i;
    json_array_foreach(invalid, i, span)
    {
        json_array_append_new(spans,
                              json_pack("[O,O]", json_array_get(span, 0), json_array_get(span, 1)));
    }
    const size_t count = json_array_size(spans);
    if (count > 0 && count <= SPOILT_MOST)
        json_object_set(meta, "invalid", spans);
    json_decref(spans);
}

static bool is_spoilt(const json_t *spans, const struct timeline_span *bin)
{
    const json_t *span;
    size_t i;
    json_array_foreach(spans, i, span)
    {
        if (i < SPOILT_MOST &&
            json_number_value(json_array_get(span, 0)) < (double)(bin->start + bin->span) &&
            json_number_value(json_array_get(span, 1)) > (double)bin->start)
            return true;
    }
    return false;
}

static void leave_out_spoilt(struct steady *s)
{
    const json_t *spans = json_object_get(s->run->meta, "invalid");
    const size_t all = s->count;
    if (json_array_size(spans) == 0)
        return;
    s->count = 0;
    for (size_t i = 0; i < all; i++)
        if (!is_spoilt(spans, timeline_block_span(s->bins[i])))
            s->bins[s->count++] = s->bins[i];
    s->left_out = all - s->count;
}

bool steady_is_valid(const struct steady *s)
{
    const double all = (double)(s->left_out + s->count);
    if (json_is_true(json_object_get(s->run->meta, "valid")))
        return true;
    return s->run->timeline && json_array_size(json_object_get(s->run->meta, "invalid")) > 0 &&
           (double)s->left_out <= LEFT_OUT_SHARE * all;
}

/* ---- without an initial transient ---- */

static double *mean_of_bins(const struct steady *s)
{
    double *means = mem_zalloc((s->count + 1) * sizeof *means);
    struct tally t;
    tally_init(&t, NULL, NULL);
    for (size_t i = 0; i < s->count; i++) {
        tally_zero(&t);
        timeline_block_add(s->bins[i], TIMELINE_TOTAL, &t);
        means[i] = t.hist.count ? (double)t.sum_us / (double)t.hist.count : (i ? means[i - 1] : 0);
    }
    tally_fini(&t);
    return means;
}

void steady_find(struct steady *s, const struct contrast_run *run, size_t number,
                 enum steady_bins coarsest)
{
    *s = (struct steady){.run = run, .seed = SEED + number};
    if (!run->timeline)
        return;
    list_bins(s, run->timeline, level_of(run->timeline, coarsest));
    cut_ends(s);
    leave_out_spoilt(s);
    double *means = mean_of_bins(s);
    const size_t cut = bootstrap_transient(means, s->count, s->bin_s);
    if (cut < s->count) { /* else nothing is cut: it is refused elsewhere */
        s->count -= cut;
        memmove(s->bins, s->bins + cut, s->count * sizeof(void *));
        s->per_block = bootstrap_block(means + cut, s->count, s->bin_s);
    }
    free(means);
}

void steady_fini(struct steady *s)
{
    free(s->bins);
    s->bins = NULL;
}

size_t steady_blocks(const struct steady *s)
{
    return s->per_block ? s->count / s->per_block : 0;
}

struct bootstrap *steady_bootstrap(const struct steady *s, uint32_t id, size_t draws)
{
    struct tally *bins = mem_zalloc((s->count + 1) * sizeof *bins);
    for (size_t i = 0; i < s->count; i++) {
        tally_init(&bins[i], NULL, NULL);
        timeline_block_add(s->bins[i], id, &bins[i]);
    }
    struct bootstrap *b = bootstrap_new(bins, s->count, s->bin_s, s->per_block, draws, s->seed);
    for (size_t i = 0; i < s->count; i++)
        tally_fini(&bins[i]);
    free(bins);
    return b;
}
