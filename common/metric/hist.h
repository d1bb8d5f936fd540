// SPDX-License-Identifier: MIT
#pragma once
/* hist: the one latency histogram of the project.
 *
 * Log-linear: values are whole microseconds, 1 us to 1 hour (larger values are clamped to one
 * hour). Below 256 us every microsecond has its own bucket; above, each power of two is cut into
 * 128 equal buckets, so the midpoint that a bucket reports is within 0.4 % of any value in it.
 * The buckets of one power of two form an "octave", allocated when first hit: an endpoint whose
 * latencies span three octaves costs three kilobytes, not thirty. Who keeps thousands of them that
 * have a few values each may have these in a list before any octave (hist_init_few).
 *
 * Histograms are merged by addition and nothing else; percentiles are never averaged.
 * Pure: no clock, no lock, no I/O. Not thread-safe; one owner each.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HIST_SUB_BITS 7
#define HIST_SUB_COUNT (1u << HIST_SUB_BITS) /* buckets in an octave */
#define HIST_OCTAVES 26                      /* two linear ones, then one a power of two */
#define HIST_MAX_US UINT64_C(3600000000)     /* one hour */

struct sbuf;

struct hist {
    uint64_t count;                 /* values in all octaves */
    uint64_t *octave[HIST_OCTAVES]; /* NULL until hit; HIST_SUB_COUNT counters each; owned */
    struct hist_few *few;           /* NULL, or all there is; owned */
    bool is_few;                    /* no octave has memory: what comes goes into `few` */
};

void hist_init(struct hist *h);
/* Up to 127 buckets take no octave, and are slower to add to: not where many values come.
 * Whoever reads the octaves himself does not see them. */
void hist_init_few(struct hist *h);
void hist_fini(struct hist *h);  /* releases its memory; h is as after hist_init */
void hist_clear(struct hist *h); /* zeroes the counters, keeps the memory */

static inline void hist_add(struct hist *h, uint64_t value_us, uint64_t n);
void hist_merge(struct hist *dst, const struct hist *src);
/* dst -= src, which was merged into it before; of what was not, nothing remains. */
void hist_subtract(struct hist *dst, const struct hist *src);
/* What a histogram gained since it was `old`. NULL, of either: empty. hist_fini. */
struct hist hist_since(const struct hist *now, const struct hist *old);

/* The value below or at which a share q (0..1) of the values lies, in microseconds: the
 * midpoint of the bucket that holds value number ceil(q * count). 0 when empty. */
uint64_t hist_quantile_us(const struct hist *h, double q);

/* Several of them at once, in one walk: shares must rise. */
void hist_quantiles_us(const struct hist *h, const double *shares, size_t count, uint64_t *us);

/* Samples at most value_us (whole buckets up to the one that holds it). */
uint64_t hist_count_upto(const struct hist *h, uint64_t value_us);

/* Walks the non-empty buckets upwards; the visitor gets the bucket's midpoint and its count. */
void hist_each(const struct hist *h, void (*visit)(void *arg, uint64_t mid_us, uint64_t n),
               void *arg);

/* Sparse encoding: of each non-empty bucket one byte, the gap to it and its count in four bits
 * each. A gap of 14 or more is 15, and what is above 14 follows as LEB128; a count above 15 is 0,
 * and what is above 16 follows likewise. Where they stand close, 14 for the gap says that a run of
 * buckets follows, 3 more than the other four bits say: their counts in four bits each, empty ones
 * among them (not the last), and behind these, for each that is 15, what is above. */
void hist_pack(const struct hist *h, struct sbuf *out);
/* Adds a packed histogram to dst. Returns 0, or -1 on malformed input (or when the counts would
 * overflow), and then dst is as it was. */
int hist_unpack_add(struct hist *dst, const void *bytes, size_t len);

/* The encoding of report v1: LEB128 pairs (gap, count). The second makes the other of it; 0, or -1
 * malformed, and then what is in out is of no use. */
void hist_pack_pairs(const struct hist *h, struct sbuf *out);
int hist_pack_of_pairs(const void *bytes, size_t len, struct sbuf *out);

/* The two halves of hist_unpack_add, for who must know that all of a report is good before the
 * first of it counts. Check: 0 with the number of values in *count, or -1 malformed. */
int hist_packed_check(const void *bytes, size_t len, uint64_t *count);
/* bytes must have passed hist_packed_check. also: NULL, or one more that they are added to. */
void hist_add_packed(struct hist *dst, struct hist *also, const void *bytes, size_t len);

/* What hist_add needs inline: it is most of what a request's statistics cost. Octave 0 is [0,128),
 * octave 1 [128,256), octave k >= 1 is [2^(k+6), 2^(k+7)) in 128 steps of 2^(k-1) microseconds. */
static inline unsigned hist_octave_of(uint64_t value_us)
{
    unsigned top = 63 - (unsigned)__builtin_clzll(value_us | (HIST_SUB_COUNT - 1));
    return top - (HIST_SUB_BITS - 1);
}

static inline unsigned hist_step_of(uint64_t value_us, unsigned octave)
{
    return (unsigned)(value_us >> (octave ? octave - 1 : 0)) & (HIST_SUB_COUNT - 1);
}

uint64_t *hist_octave_make(struct hist *h, unsigned octave);    /* its counters, zeroed when new */
void hist_add_new(struct hist *h, unsigned bucket, uint64_t n); /* its octave may have no memory */

static inline void hist_add(struct hist *h, uint64_t value_us, uint64_t n)
{
    if (value_us > HIST_MAX_US)
        value_us = HIST_MAX_US;
    if (__builtin_expect(n > UINT64_MAX - h->count, 0))
        return;
    const unsigned octave = hist_octave_of(value_us), step = hist_step_of(value_us, octave);
    uint64_t *steps = h->octave[octave];
    if (__builtin_expect(!steps, 0))
        hist_add_new(h, octave * HIST_SUB_COUNT + step, n);
    else
        steps[step] += n;
    h->count += n;
}
