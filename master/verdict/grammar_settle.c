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
    const bool is_vain = t->after_s > 0 && t->action != ACTION_STOP && !t->is_k6;
    if (is_time && (t->op == OP_EQUAL || t->op == OP_NOT_EQUAL))
        sbuf_addf(&text, "a time is hardly ever exactly the same: %s makes a strange threshold",
                  threshold_op_text(t->op));
    if (is_vain)
        sbuf_addf(&text,
                  "%safter= only delays a stop, and there is none: warmup= leaves seconds out",
                  text.len ? "; " : "");
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

int threshold_settle_actions(struct threshold *t, struct threshold_error *e, size_t column)
{
    if (t->action == ACTION_WARN && (t->said & SAID_NO_DATA) && t->no_data == NO_DATA_FAIL)
        return threshold_wrong(e, column,
                               "what only warns fails no run: leave out no_data=fail, or warn");
    warn(t);
    return 0;
}

/* ---- of a User class ---- */

/* The text that a pattern stands for. False: it stands for several. */
static bool is_plain(const char *pattern, struct sbuf *out)
{
    for (; *pattern; pattern++) {
        if (*pattern == '*')
            return false;
        pattern += *pattern == '\\' && pattern[1];
        sbuf_addc(out, *pattern);
    }
    return true;
}

static void add_tag(struct threshold *t, const char *key, const char *value)
{
    t->tags = mem_realloc(t->tags, (t->tag_count + 1) * sizeof *t->tags);
    t->tags[t->tag_count++] = (struct threshold_tag){mem_strdup(key), mem_strdup(value)};
}

static int add_row_tag(struct threshold *t, const char *key, const char *pattern,
                       struct threshold_error *e)
{
    struct sbuf value = {0};
    const bool is_good = is_plain(pattern, &value);
    if (is_good && value.len > 0)
        add_tag(t, key, value.data);
    sbuf_fini(&value);
    return is_good ? 0
                   : threshold_wrong(e, 0,
                                     "of a class a row has no *: name it whole, or write this "
                                     "threshold outside of the class");
}

/* Tags of k6's that were taken as a row are there still. */
static int tag_by_class(struct threshold *t, const char *name, struct threshold_error *e)
{
    if (t->tag_count == 0 && t->scope == SCOPE_ROWS &&
        (add_row_tag(t, "method", t->method, e) != 0 || add_row_tag(t, "name", t->row, e) != 0))
        return -1;
    if (t->field == FIELD_PASSED || t->field == FIELD_FAILED)
        t->field = FIELD_TIME; /* by a tag */
    add_tag(t, "class", name);
    t->scope = SCOPE_TAGS;
    return 0;
}

int threshold_take_class(struct threshold *t, const char *name, struct threshold_error *e)
{
    const bool is_of_requests = t->scope == SCOPE_TOTAL || t->scope == SCOPE_HTTP ||
                                t->scope == SCOPE_ROWS || t->scope == SCOPE_TAGS;
    if (!t->name)
        t->name = mem_strdup(name);
    if (!is_of_requests || is_of_workers(t->stat) || is_of_arrivals(t->stat))
        return 0;
    if (t->tag_count > 0 || t->scope == SCOPE_ROWS) {
        if (tag_by_class(t, name, e) != 0)
            return -1;
    } else {
        t->scope = SCOPE_CLASS;
        free(t->row);
        t->row = mem_strdup(name);
    }
    return threshold_settle(t, e, 0);
}
