// SPDX-License-Identifier: MIT
#pragma once
/* k6_int: private to the k6_*.c files: metrics as `k6 run --summary-export` writes them, one after
 * the other. */
#include "master/data/series_list.h"
#include "master/out/document.h"

struct k6_writing {
    struct sbuf *out;
    const json_t *thresholds; /* of all metrics */
    size_t count;             /* of metrics so far */
};

struct k6_trend {
    double avg, min, med, max, p90, p95;
};

void k6_number(struct sbuf *out, const char *name, double number); /* not finite: 0 */
/* A metric, to which something is added between; its thresholds are added at its end. */
void k6_begin(struct k6_writing *w, const char *metric);
void k6_end(struct k6_writing *w, const char *metric);
/* Whole ones. */
void k6_trend(struct k6_writing *w, const char *metric, const struct k6_trend *t);
void k6_counter(struct k6_writing *w, const char *metric, double sum, double seconds);
void k6_rate(struct k6_writing *w, const char *metric, uint64_t trues, uint64_t total);
void k6_gauge(struct k6_writing *w, const char *metric, double value, double min, double max);

/* The key of a threshold in k6's words stands before its expression: how long it is; and whether it
 * is that one. */
size_t k6_key_len(const char *text);
bool k6_is_of(const json_t *threshold, const char *key, size_t len);

/* k6_series.c: what was counted in series, all tags together: checks, groups, iterations, metrics
 * of the script; and the tree of groups with their checks. series may be NULL. */
void k6_add_series(struct k6_writing *w, const struct series_list *series, double seconds);
bool k6_has_series(const struct series_list *series, const char *metric, size_t len);
void k6_add_groups(const struct series_list *series, struct sbuf *out);
