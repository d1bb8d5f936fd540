// SPDX-License-Identifier: MIT
#pragma once
/* query: what is asked of the timeline, from the parameters of an address, checked. Pure.
 *
 * A range is [from, to): whole seconds; fractions widen it. What is absent is left to the answer:
 * all of the present statistics, a step that fits. Parameters that no answer knows are no error.
 */
#include "master/web/form.h"
#include <stdint.h>

#define QUERY_STEP_MAX 3600
#define QUERY_IDS_MAX 200
#define QUERY_POINTS_MAX 120
#define QUERY_WORKER_MAX 9999
#define QUERY_TIME_MAX 100000000000ll /* seconds: far beyond what a clock shows */

struct query {
    bool has_from, has_to, has_worker, has_group, has_all_columns;
    int64_t from, to;
    uint32_t step;   /* 0: absent */
    uint32_t id;     /* of a row; 0: the total */
    uint32_t worker; /* its index */
    uint32_t group;  /* parts of the path by which rows are merged (groups.h) */
    uint32_t points; /* 30 when absent */
    uint32_t ids[QUERY_IDS_MAX];
    size_t id_count;
};

struct query_error {
    const char *field; /* static */
    char text[160];    /* cause and mend */
};

/* true; false and *e. */
bool query_read(const struct form *f, struct query *q, struct query_error *e);
/* A whole number in [min, max]; untouched when absent. true; false and *e. */
bool query_whole(const struct form *f, const char *name, uint32_t min, uint32_t max,
                 uint32_t *number, struct query_error *e);
/* The same for large ones. */
bool query_count(const struct form *f, const char *name, uint64_t max, uint64_t *number,
                 struct query_error *e);
/* 0 or 1. */
bool query_flag(const struct form *f, const char *name, bool *is_set, struct query_error *e);
/* Whether there are no parameters but those, NULL behind the last; false and *e. */
bool query_knows(const struct form *f, const char *const *names, struct query_error *e);
