// SPDX-License-Identifier: MIT
#include "master/store/bootstrap.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BOOTSTRAP_TAG 0x626f6f74u /* "boot" */

struct bootstrap {
    uint32_t tag; /* handle.h */
    size_t blocks, buckets, draw_count;
    double block_s;
    double *count, *failed, *sum_us; /* of each block */
    double *mid_us;                  /* of each bucket */
    uint32_t *upto;                  /* [bucket][block]: values of the block up to the bucket */
    uint32_t *in_hist;               /* of each block */
    uint8_t *draws;                  /* [draw][block]: how often it was drawn */
};

/* ---- where a run is steady ---- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle(double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_value);
    return n ? x[n / 2] : 0;
}

/* A moment that stands out, wherever it is, is no beginning: it counts as far out as others are. */
#define OUT_MOST 4 /* deviations, as the median of them says */

static void hold_down(double *x, size_t n)
{
    double *sorted = mem_dup((const char *)x, (n + 1) * sizeof *x);
    const double at = middle(sorted, n);
    for (size_t i = 0; i < n; i++)
        sorted[i] = fabs(x[i] - at);
    const double most = OUT_MOST * 1.4826 * middle(sorted, n);
    for (size_t i = 0; i < n && most > 0; i++)
        x[i] = fmin(fmax(x[i], at - most), at + most);
    free(sorted);
}

/* A low score of the few batches at the end is chance, unless it is far lower. */
size_t bootstrap_transient(const double *means, size_t bins, double bin_s)
{
    const size_t per = bin_s >= 5 ? 1 : (size_t)ceil(5 / bin_s), n = bins / per;
    double *batch = mem_zalloc((n + 1) * sizeof *batch), sum = 0, squares = 0;
    double best = INFINITY, best_late = INFINITY;
    size_t cut = 0;
    for (size_t i = 0; i < n; i++)
        batch[i] = inference_mean(means + i * per, per);
    hold_down(batch, n);
    for (size_t i = n; i-- > 0;) { /* of what is from i on */
        const double left = (double)(n - i);
        sum += batch[i];
        squares += batch[i] * batch[i];
        const double score = (squares - sum * sum / left) / (left * left);
        if (n - i >= 5 && i > n / 2)
            best_late = fmin(best_late, score);
        if (i <= n / 2 && score <= best) {
            best = score;
            cut = i;
        }
    }
    free(batch);
    return best_late < best / 2 ? bins : cut * per;
}

size_t bootstrap_block(const double *means, size_t bins, double bin_s)
{
    const double mean = inference_mean(means, bins);
    double variance = 0;
    size_t lag = 1;
    for (size_t i = 0; i < bins; i++)
        variance += (means[i] - mean) * (means[i] - mean);
    for (; lag < bins / 4 && variance > 0; lag++) {
        double together = 0;
        for (size_t i = 0; i + lag < bins; i++)
            together += (means[i] - mean) * (means[i + lag] - mean);
        if (together <= 0)
            break;
    }
    const double wanted_s = fmax(2 * (double)lag * bin_s, BOOTSTRAP_BLOCK_MIN_S);
    size_t per = (size_t)ceil(wanted_s / bin_s);
    const size_t least = (bins + BOOTSTRAP_BLOCKS_MAX - 1) / BOOTSTRAP_BLOCKS_MAX;
    const size_t most = bins / BOOTSTRAP_BLOCKS_MIN;
    const size_t smallest = (size_t)ceil(BOOTSTRAP_BLOCK_MIN_S / bin_s);
    per = per > most ? most : per;
    per = per < least ? least : per;
    return per < smallest ? smallest : per;
}

/* ---- blocks ---- */

struct filling {
    struct bootstrap *b;
    size_t block, bucket;
};

static void note_bucket(void *arg, uint64_t mid_us, uint64_t n)
{
    struct bootstrap *b = arg;
    (void)n;
    if (b->buckets % 256 == 0)
        b->mid_us = mem_realloc(b->mid_us, (b->buckets + 256) * sizeof *b->mid_us);
    b->mid_us[b->buckets++] = (double)mid_us;
}

/* Buckets come in rising order. */
static void fill_bucket(void *arg, uint64_t mid_us, uint64_t n)
{
    struct filling *f = arg;
    while (f->b->mid_us[f->bucket] < (double)mid_us)
        f->bucket++;
    f->b->upto[f->bucket * f->b->blocks + f->block] = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static void accumulate(struct bootstrap *b)
{
    for (size_t k = 1; k < b->buckets; k++)
        for (size_t i = 0; i < b->blocks; i++)
            b->upto[k * b->blocks + i] += b->upto[(k - 1) * b->blocks + i];
    for (size_t i = 0; i < b->blocks && b->buckets; i++)
        b->in_hist[i] = b->upto[(b->buckets - 1) * b->blocks + i];
}

static uint64_t next(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static void draw(struct bootstrap *b, uint64_t seed)
{
    for (size_t r = 0; r < b->draw_count; r++)
        for (size_t i = 0; i < b->blocks; i++)
            b->draws[r * b->blocks + next(&seed) % b->blocks]++;
}

static void fill(struct bootstrap *b, const struct tally *bins, size_t per_block)
{
    struct hist whole, block;
    hist_init(&whole);
    for (size_t i = 0; i < b->blocks * per_block; i++)
        hist_merge(&whole, &bins[i].hist);
    hist_each(&whole, note_bucket, b);
    hist_fini(&whole);
    b->upto = mem_zalloc((b->buckets * b->blocks + 1) * sizeof *b->upto);
    for (size_t k = 0; k < b->blocks; k++) {
        struct filling f = {b, k, 0};
        hist_init(&block);
        for (size_t i = k * per_block; i < (k + 1) * per_block; i++) {
            hist_merge(&block, &bins[i].hist);
            b->count[k] += (double)bins[i].requests;
            b->failed[k] += (double)bins[i].failures;
            b->sum_us[k] += (double)bins[i].sum_us;
        }
        hist_each(&block, fill_bucket, &f);
        hist_fini(&block);
    }
    accumulate(b);
}

struct bootstrap *bootstrap_new(const struct tally *bins, size_t count, double bin_s,
                                size_t per_block, size_t draws, uint64_t seed)
{
    struct bootstrap *b = mem_zalloc(sizeof *b);
    HANDLE_MADE(b, BOOTSTRAP_TAG);
    b->blocks = per_block ? count / per_block : 0;
    b->block_s = bin_s * (double)per_block;
    b->count = mem_zalloc((b->blocks + 1) * sizeof *b->count);
    b->failed = mem_zalloc((b->blocks + 1) * sizeof *b->failed);
    b->sum_us = mem_zalloc((b->blocks + 1) * sizeof *b->sum_us);
    b->in_hist = mem_zalloc((b->blocks + 1) * sizeof *b->in_hist);
    b->draw_count = draws;
    b->draws = mem_zalloc(b->blocks * draws + 1);
    fill(b, bins, per_block);
    if (b->blocks)
        draw(b, seed);
    return b;
}

void bootstrap_free(struct bootstrap *b)
{
    if (!b)
        return;
    HANDLE_IS(b, BOOTSTRAP_TAG);
    free(b->count);
    free(b->failed);
    free(b->sum_us);
    free(b->in_hist);
    free(b->mid_us);
    free(b->upto);
    free(b->draws);
    HANDLE_ENDS(b);
    free(b);
}

size_t bootstrap_blocks(const struct bootstrap *b)
{
    HANDLE_IS(b, BOOTSTRAP_TAG);
    return b->blocks;
}

/* ---- figures ---- */

static double weighed(const double *of, const uint8_t *w, size_t blocks)
{
    double sum = 0;
    for (size_t i = 0; i < blocks; i++)
        sum += w ? of[i] * w[i] : of[i];
    return sum;
}

double bootstrap_requests(const struct bootstrap *b)
{
    HANDLE_IS(b, BOOTSTRAP_TAG);
    return weighed(b->count, NULL, b->blocks);
}

static double weighed_counts(const uint32_t *of, const uint8_t *w, size_t blocks)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < blocks; i++)
        sum += w ? (uint64_t)of[i] * w[i] : of[i];
    return (double)sum;
}

/* The statistic of one draw; w NULL: of the run itself. NaN: there is none. */
typedef double (*statistic)(const struct bootstrap *b, const uint8_t *w, double q);

/* The bucket that the quantile is in; there are n values. */
static size_t bucket_of(const struct bootstrap *b, const uint8_t *w, double q, double n)
{
    const double rank = fmax(1, ceil(q * n));
    size_t low = 0, high = b->buckets;
    while (low < high) {
        const size_t mid = (low + high) / 2;
        if (weighed_counts(b->upto + mid * b->blocks, w, b->blocks) < rank)
            low = mid + 1;
        else
            high = mid;
    }
    return low < b->buckets ? low : b->buckets - 1;
}

static double quantile(const struct bootstrap *b, const uint8_t *w, double q)
{
    const double n = weighed_counts(b->in_hist, w, b->blocks);
    return n >= 1 ? b->mid_us[bucket_of(b, w, q, n)] / 1e3 : NAN;
}

static double mean(const struct bootstrap *b, const uint8_t *w, double q)
{
    (void)q;
    const double n = weighed_counts(b->in_hist, w, b->blocks);
    return n > 0 ? weighed(b->sum_us, w, b->blocks) / n / 1e3 : NAN;
}

static double rate(const struct bootstrap *b, const uint8_t *w, double q)
{
    (void)q;
    return weighed(b->count, w, b->blocks) / (b->block_s * (double)b->blocks);
}

static double failed(const struct bootstrap *b, const uint8_t *w, double q)
{
    (void)q;
    const double n = weighed(b->count, w, b->blocks);
    return n > 0 ? weighed(b->failed, w, b->blocks) / n : NAN;
}

static const struct {
    statistic of;
    bool is_share;
} STATISTIC[] = {[BOOTSTRAP_QUANTILE] = {quantile, false},
                 [BOOTSTRAP_MEAN] = {mean, false},
                 [BOOTSTRAP_RATE] = {rate, false},
                 [BOOTSTRAP_FAILED] = {failed, true}};

/* Of each draw, of logarithms but for shares; NaN: there is none. */
static double *statistics(const struct bootstrap *b, enum bootstrap_statistic s, double q)
{
    double *x = mem_zalloc((b->draw_count + 1) * sizeof *x);
    for (size_t r = 0; r < b->draw_count; r++) {
        const double value = STATISTIC[s].of(b, b->draws + r * b->blocks, q);
        x[r] = STATISTIC[s].is_share ? value : value > 0 ? log(value) : NAN;
    }
    return x;
}

/* Takes x. Blocks that were drawn vary a little less than blocks do: B / (B - 1) mends that. */
static double spread(double *x, size_t draws, size_t blocks)
{
    size_t n = 0;
    for (size_t r = 0; r < draws; r++)
        if (isfinite(x[r]))
            x[n++] = x[r];
    const double sd = inference_sd(x, n) * sqrt((double)blocks / (double)(blocks - 1));
    free(x);
    return sd;
}

/* ---- what blocks remember ---- */

/* By how much each block pulls at the statistic, up to a factor; together they do not. */
static double *pulls(const struct bootstrap *b, enum bootstrap_statistic s, double q)
{
    double *pull = mem_zalloc((b->blocks + 1) * sizeof *pull), sum = 0, of = 0;
    const double values = weighed_counts(b->in_hist, NULL, b->blocks);
    const uint32_t *below =
        s == BOOTSTRAP_QUANTILE ? b->upto + bucket_of(b, NULL, q, values) * b->blocks : NULL;
    for (size_t i = 0; i < b->blocks; i++) {
        pull[i] = s == BOOTSTRAP_QUANTILE ? below[i]
                  : s == BOOTSTRAP_MEAN   ? b->sum_us[i]
                  : s == BOOTSTRAP_RATE   ? b->count[i]
                                          : b->failed[i];
        sum += pull[i];
    }
    for (size_t i = 0; i < b->blocks; i++)
        of += s == BOOTSTRAP_RATE ? 1 : s == BOOTSTRAP_FAILED ? b->count[i] : b->in_hist[i];
    for (size_t i = 0; i < b->blocks && of > 0; i++)
        pull[i] -= sum / of *
                   (s == BOOTSTRAP_RATE     ? 1
                    : s == BOOTSTRAP_FAILED ? b->count[i]
                                            : b->in_hist[i]);
    return pull;
}

static double length_of(const double *x, size_t n)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += x[i] * x[i];
    return sqrt(squares);
}

/* Drawn blocks are independent; blocks that are too short for it are not, and vary together by so
 * many times as much: 1 + 2 r, r the correlation of neighbours, whose estimate is low by 1 / B. */
static double togetherness(const double *pull, size_t blocks)
{
    const double length = length_of(pull, blocks);
    double with_next = 0;
    for (size_t i = 0; i + 1 < blocks; i++)
        with_next += pull[i] * pull[i + 1];
    const double r = length > 0 ? with_next / (length * length) + 1 / (double)blocks : 0;
    return sqrt(1 + 2 * fmax(0, r));
}

static double se_of(const struct bootstrap *b, enum bootstrap_statistic s, double q)
{
    double *pull = pulls(b, s, q);
    const double se =
        spread(statistics(b, s, q), b->draw_count, b->blocks) * togetherness(pull, b->blocks);
    free(pull);
    return se;
}

static struct figure figure_of(const struct bootstrap *b, enum bootstrap_statistic s, double q)
{
    struct figure f = {.value = NAN, .n = weighed(b->count, NULL, b->blocks)};
    if (b->blocks >= 2 && isfinite(f.value = STATISTIC[s].of(b, NULL, q)))
        f.se = se_of(b, s, q);
    return f;
}

/* So that both pull as much as the statistic gives way. */
static void scale(double *pull, size_t n, double to)
{
    const double length = length_of(pull, n);
    for (size_t i = 0; i < n; i++)
        pull[i] *= length > 0 ? to / length : 0;
}

double bootstrap_pair_se(const struct bootstrap *a, const struct bootstrap *b,
                         enum bootstrap_statistic s, double q)
{
    HANDLE_IS(a, BOOTSTRAP_TAG);
    HANDLE_IS(b, BOOTSTRAP_TAG);
    if (a->blocks != b->blocks || a->blocks < 2 || a->draw_count != b->draw_count || !a->buckets ||
        !b->buckets)
        return 0;
    double *x = statistics(a, s, q), *y = statistics(b, s, q);
    double *pull_x = pulls(a, s, q), *pull_y = pulls(b, s, q);
    scale(pull_x, a->blocks, inference_sd(x, a->draw_count));
    scale(pull_y, b->blocks, inference_sd(y, b->draw_count));
    for (size_t r = 0; r < b->draw_count; r++)
        y[r] -= x[r];
    for (size_t i = 0; i < b->blocks; i++)
        pull_y[i] -= pull_x[i];
    const double se = spread(y, a->draw_count, a->blocks) * togetherness(pull_y, a->blocks);
    free(x);
    free(pull_x);
    free(pull_y);
    return se;
}

struct figure bootstrap_quantile(const struct bootstrap *b, double q)
{
    HANDLE_IS(b, BOOTSTRAP_TAG);
    return figure_of(b, BOOTSTRAP_QUANTILE, q);
}

struct figure bootstrap_mean(const struct bootstrap *b)
{
    HANDLE_IS(b, BOOTSTRAP_TAG);
    return figure_of(b, BOOTSTRAP_MEAN, 0);
}

struct figure bootstrap_rate(const struct bootstrap *b)
{
    HANDLE_IS(b, BOOTSTRAP_TAG);
    return figure_of(b, BOOTSTRAP_RATE, 0);
}

/* Where none failed, three in n would hardly have gone unseen: that is its 95 % end. */
struct figure bootstrap_failed(const struct bootstrap *b)
{
    HANDLE_IS(b, BOOTSTRAP_TAG);
    struct figure f = figure_of(b, BOOTSTRAP_FAILED, 0);
    if (isfinite(f.value) && f.n > 0)
        f.se = fmax(f.se, 3 / f.n / 1.96);
    return f;
}
