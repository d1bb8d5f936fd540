// SPDX-License-Identifier: MIT
#include "master/verdict/threshold.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/options/options.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void threshold_init(struct threshold *t)
{
    *t = (struct threshold){.min_samples = 1};
}

void threshold_fini(struct threshold *t)
{
    char *texts[] = {t->text,   t->name, t->source,  t->metric,
                     t->method, t->row,  t->warning, t->scenario};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    for (size_t i = 0; i < t->tag_count; i++) {
        free(t->tags[i].key);
        free(t->tags[i].value);
    }
    free(t->tags);
    threshold_init(t);
}

static char *copy_of(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

void threshold_copy(struct threshold *to, const struct threshold *from)
{
    *to = *from;
    to->text = copy_of(from->text);
    to->name = copy_of(from->name);
    to->source = copy_of(from->source);
    to->metric = copy_of(from->metric);
    to->scenario = copy_of(from->scenario);
    to->method = copy_of(from->method);
    to->row = copy_of(from->row);
    to->warning = copy_of(from->warning);
    to->tags = NULL;
    if (from->tag_count > 0)
        to->tags = mem_zalloc(from->tag_count * sizeof *to->tags);
    for (size_t i = 0; i < from->tag_count; i++)
        to->tags[i] =
            (struct threshold_tag){mem_strdup(from->tags[i].key), mem_strdup(from->tags[i].value)};
}

bool threshold_is_time(const struct threshold *t)
{
    return t->stat == STAT_QUANTILE || t->stat == STAT_MEAN || t->stat == STAT_MIN ||
           t->stat == STAT_MAX || t->stat == STAT_STDEV;
}

const char *threshold_op_text(enum threshold_op op)
{
    static const char *const texts[] = {"<", "<=", ">", ">=", "==", "!="};
    return texts[op];
}

static const char *percentile(const char *format, double share, char *to, size_t size)
{
    char number[32];
    snprintf(number, sizeof number, "%.10g", share * 100);
    snprintf(to, size, "%s%s", format, number);
    return to;
}

const char *threshold_stat_name(const struct threshold *t, char *to, size_t size)
{
    static const char *const names[] = {
        "",      "avg",        "min",          "max",           "stdev",   "count",
        "rps",   "fail_ratio", "fails",        "apdex",         "status",  "cut",
        "sent",  "received",   "sent_rate",    "received_rate", "dropped", "late",
        "users", "worker_cpu", "loop_lag_p99", "rate",          "value"};
    if (t->stat == STAT_QUANTILE)
        return percentile(t->field == FIELD_CORRECTED ? "corrected_p" : "p", t->share, to, size);
    if (t->stat == STAT_LATE)
        return percentile("late_p", t->share, to, size);
    if (t->stat == STAT_APDEX)
        snprintf(to, size, "apdex(%gms)", t->parameter);
    else if (t->stat == STAT_STATUS)
        snprintf(to, size, t->parameter > 0 ? "status(%.0fxx)" : "status(none)", t->parameter);
    else
        snprintf(to, size, "%s", names[t->stat]);
    return to;
}

/* Of k6's key a row or group is made, and said already. */
static bool is_said(const struct threshold *t, const char *key)
{
    if (t->scope == SCOPE_GROUP)
        return strcmp(key, "group") == 0;
    return t->scope == SCOPE_ROWS && (strcmp(key, "name") == 0 || strcmp(key, "method") == 0);
}

static void add_tags(const struct threshold *t, struct sbuf *out)
{
    size_t count = 0;
    for (size_t i = 0; i < t->tag_count; i++)
        if (!is_said(t, t->tags[i].key))
            sbuf_addf(out, "%c%s:%s", count++ ? ',' : '{', t->tags[i].key, t->tags[i].value);
    sbuf_adds(out, count ? "}" : "");
}

char *threshold_scope_text(const struct threshold *t)
{
    struct sbuf out = {0};
    const char *row = t->row ? t->row : "";
    switch (t->scope) {
    case SCOPE_TOTAL:
        sbuf_adds(&out, "all requests");
        break;
    case SCOPE_HTTP:
        sbuf_adds(&out, "all HTTP requests");
        break;
    case SCOPE_ROWS:
        sbuf_addf(&out, "'%s%s%s'", t->method, *t->method ? " " : "", row);
        break;
    case SCOPE_METRIC:
        sbuf_adds(&out, t->metric);
        break;
    case SCOPE_TAGS:
        sbuf_adds(&out, t->tag_count ? "requests with " : "requests");
        break;
    case SCOPE_GROUP:
        sbuf_addf(&out, "group '%s'", row);
        break;
    case SCOPE_CLASS:
        sbuf_addf(&out, "class '%s'", row);
        break;
    case SCOPE_WORKER:
        sbuf_addf(&out, "worker '%s'", row);
        break;
    }
    add_tags(t, &out);
    sbuf_adds(&out, t->has_k6_times ? " without DNS, connecting and TLS" : "");
    return sbuf_take(&out);
}

void threshold_add_value(const struct threshold *t, double value, char *to, size_t size)
{
    static const char *const units[] = {"ms", " %", "/s", "", " B", " B/s", " %", ""};
    if (!isfinite(value))
        snprintf(to, size, "-");
    else if (t->unit == UNIT_RATIO)
        snprintf(to, size, "%.4g %%", value * 100);
    else if (t->unit == UNIT_MS || t->unit == UNIT_RATE || t->unit == UNIT_PERCENT)
        snprintf(to, size, fabs(value) < 1e9 ? "%.1f%s" : "%.6g%s", value, units[t->unit]);
    else
        snprintf(to, size, "%.10g%s", value, units[t->unit]);
}

/* What a `*` may stand for grows by one sign at a time, and only the last one's does. */
bool threshold_glob(const char *pattern, const char *text)
{
    const char *star = NULL, *from = NULL;
    while (*text) {
        const bool is_literal = *pattern == '\\' && pattern[1];
        if (*pattern == '*' && !is_literal) {
            star = ++pattern;
            from = text;
        } else if (*pattern && pattern[is_literal] == *text) {
            pattern += 1 + is_literal;
            text++;
        } else if (star) {
            pattern = star;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

const char *threshold_nearest(const char *word, const char *const *words, size_t count)
{
    const char *best = NULL;
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        const double l = options_likeness(word, words[i]);
        if (l > most) {
            most = l;
            best = words[i];
        }
    }
    return best;
}
