// SPDX-License-Identifier: MIT
#include "master/store/sheet_heat.h"
#include "common/metric/stats.h"
#include "master/data/timeline_read.h"
#include "master/store/sheet_axes.h"
#include <math.h>

#define COLUMNS 60
#define ROWS 32
#define SHADES 8
#define STEPS_A_COLUMN 8
#define FULL 0.001 /* of all requests; less is not blown up to look like a difference */

struct heat {
    double low, high;          /* logarithms of microseconds: the edges */
    int64_t column_s, columns; /* that the longest run has */
    int64_t since;             /* of the run that is added */
    double share;              /* that one of its requests is, with the sign of its side */
    size_t column;
    uint32_t step;
    double cells[COLUMNS][ROWS];
};

static void add_bucket(void *arg, uint64_t mid_us, uint64_t n)
{
    struct heat *h = arg;
    const double at = (log(fmax((double)mid_us, 1)) - h->low) / fmax(h->high - h->low, 1e-9) * ROWS;
    const size_t row = at <= 0 ? 0 : at >= ROWS ? ROWS - 1 : (size_t)at;
    h->cells[h->column][row] += h->share * (double)n;
}

static void add_step(void *arg, const struct timeline_step *s)
{
    struct heat *h = arg;
    const int64_t column = (s->second + h->step / 2 - h->since) / h->column_s;
    h->column = column <= 0 ? 0 : column >= h->columns ? (size_t)h->columns - 1 : (size_t)column;
    hist_each(&s->sum->hist, add_bucket, h);
}

/* A column is made of several steps, for the runs begin at different seconds of theirs. */
static struct timeline_ask ask_of(const struct timeline_snap *t, uint32_t step)
{
    struct timeline_ask ask = {t->since, t->until, step, TIMELINE_TOTAL, COLUMNS};
    timeline_settle(t, &ask);
    return ask;
}

static bool has_answers(const struct contrast_run *run)
{
    const struct timeline_snap *t = run->timeline;
    return t && t->first > 0 && t->until > t->since && t->until > t->first &&
           run->stats->total.hist.count > 0;
}

static size_t count_of(const struct sheet_side *side)
{
    size_t count = 0;
    for (size_t i = 0; i < side->count; i++)
        count += has_answers(&side->runs[i]);
    return count;
}

static int64_t longest_of(const struct sheet_side *side)
{
    int64_t longest = 0;
    for (size_t i = 0; i < side->count; i++) {
        const struct timeline_snap *t = side->runs[i].timeline;
        if (has_answers(&side->runs[i]) && t->until - t->since > longest)
            longest = t->until - t->since;
    }
    return longest;
}

static uint32_t step_for(const struct sheet_side *side, uint32_t step)
{
    for (size_t i = 0; i < side->count; i++)
        if (has_answers(&side->runs[i]))
            step = ask_of(side->runs[i].timeline, step).step;
    return step;
}

static void set_steps(struct heat *h, const struct sheet_side *a, const struct sheet_side *b)
{
    const int64_t of_a = longest_of(a), of_b = longest_of(b), longest = of_a > of_b ? of_a : of_b;
    const int64_t column = (longest + COLUMNS - 1) / COLUMNS;
    h->step = (uint32_t)(column > STEPS_A_COLUMN ? column / STEPS_A_COLUMN : 1);
    h->step = step_for(b, step_for(a, h->step));
    h->column_s = (column + h->step - 1) / h->step * h->step;
    h->columns = (longest + h->column_s - 1) / h->column_s;
}

/* The shortest and the longest answers, ms. */
static void widen(const struct sheet_side *side, double *least, double *most)
{
    for (size_t i = 0; i < side->count; i++) {
        const struct tally *t = &side->runs[i].stats->total;
        if (!has_answers(&side->runs[i]))
            continue;
        *least = fmin(*least, tally_quantile_ms(t, 0));
        *most = fmax(*most, tally_quantile_ms(t, 1));
    }
}

/* Each run weighs as much as any other of its side, however many requests it had. */
static void add_side(struct heat *h, const struct sheet_side *side, double sign)
{
    const double weight = sign / (double)count_of(side);
    for (size_t i = 0; i < side->count; i++) {
        const struct contrast_run *run = &side->runs[i];
        if (!has_answers(run))
            continue;
        const struct timeline_ask ask = ask_of(run->timeline, h->step);
        h->since = run->timeline->since;
        h->share = weight / (double)run->stats->total.hist.count;
        timeline_read_steps(run->timeline, &ask, add_step, h);
    }
}

static double most_of(const struct heat *h)
{
    double most = 0;
    for (size_t x = 0; x < COLUMNS; x++)
        for (size_t y = 0; y < ROWS; y++)
            most = fmax(most, fabs(h->cells[x][y]));
    return most;
}

static int shade_of(double value, double most)
{
    return (int)ceil(SHADES * sqrt(fabs(value) / fmax(most, FULL)) - 0.5);
}

static void add_cell(struct sbuf *out, const struct axes *a, const struct heat *h, size_t x,
                     size_t y)
{
    const double step = (h->high - h->low) / ROWS;
    const double left = axes_x(a, (double)x * (double)h->column_s);
    const double right = axes_x(a, (double)(x + 1) * (double)h->column_s);
    const double top = axes_y(a, exp(h->low + (double)(y + 1) * step) / 1e3);
    const double bottom = axes_y(a, exp(h->low + (double)y * step) / 1e3);
    sbuf_addf(out, "M%.1f %.1fH%.1fV%.1fH%.1fz", left, top, right, bottom, left);
}

/* All cells of one shade are one path. */
static void add_shade(struct sbuf *out, const struct axes *a, const struct heat *h, double most,
                      int shade, bool is_after)
{
    struct sbuf path = {0};
    for (size_t x = 0; x < COLUMNS; x++)
        for (size_t y = 0; y < ROWS; y++)
            if (shade_of(h->cells[x][y], most) == shade && (h->cells[x][y] > 0) == is_after)
                add_cell(&path, a, h, x, y);
    if (path.len > 0)
        sbuf_addf(out, "<path %s opacity=\"%.2f\" d=\"%s\"/>\n",
                  is_after ? "class=\"hotter\"" : "fill=\"url(#hatch)\"",
                  0.12 + 0.88 * shade / SHADES, path.data);
    sbuf_fini(&path);
}

void sheet_add_heat(struct sbuf *out, const struct sheet_side *before,
                    const struct sheet_side *after)
{
    struct heat h = {0};
    double least = INFINITY, most_ms = 0;
    if (count_of(before) == 0 || count_of(after) == 0)
        return;
    widen(before, &least, &most_ms);
    widen(after, &least, &most_ms);
    h.low = log(fmax(least, 0.001) * 1e3);
    h.high = log(fmax(most_ms, fmax(least, 0.001) * 1.1) * 1e3);
    set_steps(&h, before, after);
    add_side(&h, before, -1);
    add_side(&h, after, 1);
    const double most = most_of(&h);
    const struct axes axes = {0, (double)(h.columns * h.column_s), exp(h.low) / 1e3,
                              exp(h.high) / 1e3, true};
    axes_begin(out, "Where the runs have more of their requests: filled, the later; hatched, the "
                    "earlier");
    sbuf_adds(out, "<defs><pattern id=\"hatch\" width=\"4\" height=\"4\" "
                   "patternUnits=\"userSpaceOnUse\"><path class=\"colder\" "
                   "d=\"M0 4L4 0M-1 1L1 -1M3 5L5 3\"/></pattern></defs>\n");
    axes_add_grid(out, &axes, " ms");
    axes_add_time(out, &axes);
    for (int shade = 1; shade <= SHADES; shade++) {
        add_shade(out, &axes, &h, most, shade, false);
        add_shade(out, &axes, &h, most, shade, true);
    }
    axes_end(out);
    sbuf_addf(out, "<p>The strongest cell is %.2g %% of all requests of a run.%s</p>\n", 100 * most,
              count_of(before) > 1 || count_of(after) > 1
                  ? " Of several runs a side it is the mean: each weighs the same."
                  : "");
}
