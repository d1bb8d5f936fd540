// SPDX-License-Identifier: MIT
#pragma once
/* grammar: texts into thresholds: ours (grammar.c), k6's (grammar_k6.c), and tables (list.c).
 *
 *   threshold = [name ":"] subject op value [mode window] {"," action}
 *   subject   = stat ["of" selector]
 *
 * The whole text must fit. An error says the column and the nearest right word. Pure. */
#include "master/verdict/threshold.h"

/* 0; or -1 and *e, and then *t needs no threshold_fini. */
int threshold_parse(const char *text, struct threshold *t, struct threshold_error *e);
/* k6's: "http_req_duration{name:/cart}" and "p(95)<300". is_key: what is wrong is in the key. */
int threshold_parse_k6(const char *key, const char *expression, struct threshold *t,
                       struct threshold_error *e, bool *is_key);
bool threshold_is_k6_metric(const char *name, size_t len);

/* The parts of ours by themselves, into a threshold that threshold_init made; each text as a whole.
 */
int threshold_parse_stat(const char *text, struct threshold *t, struct threshold_error *e);
int threshold_parse_selector(const char *text, struct threshold *t, struct threshold_error *e);
int threshold_parse_op(const char *text, struct threshold *t, struct threshold_error *e);
int threshold_parse_value(const char *text, struct threshold *t, struct threshold_error *e);
int threshold_parse_seconds(const char *text, double *s, struct threshold_error *e);
/* What the parts say together: stat and scope must fit, and the limit the unit. column: of the part
 * that is told. */
int threshold_settle(struct threshold *t, struct threshold_error *e, size_t column);
int threshold_settle_limit(const struct threshold *t, struct threshold_error *e, size_t column);
/* Whether what follows from it fits together. It also notes what is odd. */
int threshold_settle_actions(struct threshold *t, struct threshold_error *e, size_t column);
/* Of the requests of that User class alone, and called like it if it has no name; what is of the
 * run as a whole, of a group, a worker or a metric of the script stays so. */
int threshold_take_class(struct threshold *t, const char *name, struct threshold_error *e);

/* Of http_req_duration: without what k6 leaves out. False: it is of something else. */
bool threshold_take_k6_times(struct threshold *t);

/* A metric of k6's as a stat of ours. aggregation: k6's. share: of p(N). */
struct k6_aggregation {
    const char *name;
    double share;
};
int threshold_take_k6(struct threshold *t, const char *metric, struct k6_aggregation a,
                      struct threshold_error *e);
/* k6's word for the stat of t, or NULL: it has none for it. */
const char *threshold_aggregation(const struct threshold *t);
/* goodput(…) is of that metric; what a worker is to count for it, or NULL: it is something else. */
#define THRESHOLD_GOODPUT "slo_goodput"
#define THRESHOLD_GOODPUT_TAG "slo"
const char *threshold_goodput(const struct threshold *t);
/* Tags "k:v,k2:v2", by k6's rules. 0, or -1 with the column within text. */
int threshold_take_tags(struct threshold *t, const char *text, size_t len,
                        struct threshold_error *e);
/* A decimal number as a whole: digits, a point, an exponent. */
bool threshold_number(const char *text, size_t len, struct threshold_limit *out);
__attribute__((format(printf, 3, 4))) int threshold_wrong(struct threshold_error *e, size_t column,
                                                          const char *format, ...);
