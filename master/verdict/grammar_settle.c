// SPDX-License-Identifier: MIT
/* grammar_settle: what both grammars end with: whether the parts of a threshold fit each other, and
 * what is odd about it. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/verdict/grammar.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int threshold_wrong(struct threshold_error *e, size_t column, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    e->column = column;
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return -1;
}

int threshold_settle_limit(const struct threshold *t, struct threshold_error *e, size_t column)
{
    const bool is_bounded = t->unit == UNIT_RATIO || t->unit == UNIT_PERCENT;
    const double most = t->unit == UNIT_RATIO ? 1 : 1e6;
    if (is_bounded && !t->is_k6 && !(t->limit.value >= 0 && t->limit.value <= most))
        return threshold_wrong(e, column, "a ratio is 0 to 1, or 0%% to 100%%: %g is none",
                               t->limit.value);
    return 0;
}

static void warn(struct threshold *t)
{
    const bool is_time = t->unit == UNIT_MS;
    struct sbuf text = {0};
    if (is_time && (t->op == OP_EQUAL || t->op == OP_NOT_EQUAL))
        sbuf_addf(&text, "a time is hardly ever exactly the same: %s makes a strange threshold",
                  threshold_op_text(t->op));
    free(t->warning);
    t->warning = text.data ? sbuf_take(&text) : NULL;
}

static bool is_of_workers(enum threshold_stat stat)
{
    return stat == STAT_USERS || stat == STAT_WORKER_CPU || stat == STAT_LOOP_LAG;
}

static bool is_of_arrivals(enum threshold_stat stat)
{
    return stat == STAT_DROPPED || stat == STAT_LATE;
}

/* Of requests by tags, class or group there are times, counts and failures. */
static bool is_kept_apart(const struct threshold *t)
{
    const bool is_kept = t->field == FIELD_TIME ||
                         (t->field == FIELD_CORRECTED && t->scope != SCOPE_GROUP); /* of requests */
    return is_of_arrivals(t->stat) || (threshold_is_time(t) && is_kept) || t->stat == STAT_COUNT ||
           t->stat == STAT_RPS || t->stat == STAT_FAILS || t->stat == STAT_FAIL_RATIO ||
           t->stat == STAT_RATE || t->stat == STAT_VALUE;
}

int threshold_settle(struct threshold *t, struct threshold_error *e, size_t column)
{
    char stat[40];
    threshold_stat_name(t, stat, sizeof stat);
    if (is_of_workers(t->stat) && t->scope != SCOPE_TOTAL && t->scope != SCOPE_WORKER)
        return threshold_wrong(e, column,
                               "%s is of the whole run, or of a worker: leave 'of ...' out", stat);
    if (is_of_arrivals(t->stat) && t->scope != SCOPE_TOTAL && t->scope != SCOPE_TAGS)
        return threshold_wrong(e, column,
                               "%s is of the whole run, or of a scenario: leave 'of ...' out, or "
                               "write {scenario:name}",
                               stat);
    if ((t->scope == SCOPE_TAGS || t->scope == SCOPE_CLASS || t->scope == SCOPE_GROUP) &&
        !is_kept_apart(t))
        return threshold_wrong(e, column,
                               "%s is not kept by tags, class or group: there are response times, "
                               "count, rps, fails and fail_ratio",
                               t->is_k6 && t->metric ? t->metric : stat);
    if ((t->stat == STAT_RATE || t->stat == STAT_VALUE) && t->scope != SCOPE_METRIC &&
        t->scope != SCOPE_TAGS)
        return threshold_wrong(e, column, "%s needs a metric: write %s of my_metric", stat, stat);
    warn(t);
    return 0;
}
