// SPDX-License-Identifier: MIT
/* Names and tags come from test code: nothing of them reaches the terminal as a control character.
 */
#include "master/out/series_tables.h"

#include "common/base/sbuf.h"
#include "master/data/number_text.h"

#include <stdlib.h>
#include <string.h>

#define CHECKS "checks"
#define GROUP_DURATION "group_duration"

static bool is_check(const struct series_row *r)
{
    return strcmp(r->metric, CHECKS) == 0;
}

static bool is_group(const struct series_row *r)
{
    return strncmp(r->metric, "group_", strlen("group_")) == 0 &&
           (r->is_other || series_row_tag(r, "group"));
}

/* Tags but the one that the name is of: {key:value,key:value}, or nothing. */
static void add_tags(struct sbuf *out, const struct series_row *r, const char *but)
{
    bool has_some = false;
    if (r->is_other)
        sbuf_adds(out, "{(other)}");
    for (size_t i = 0; i < r->tag_count; i++) {
        if (but && strcmp(r->tags[i].key, but) == 0)
            continue;
        sbuf_addf(out, "%c%s:%s", has_some ? ',' : '{', r->tags[i].key, r->tags[i].value);
        has_some = true;
    }
    sbuf_adds(out, has_some ? "}" : "");
}

static void add_name(struct sbuf *out, const struct series_row *r, const char *tag, size_t width)
{
    struct sbuf name = {0};
    const char *value = tag ? series_row_tag(r, tag) : r->metric;
    sbuf_adds(&name, value ? value : "");
    add_tags(&name, r, tag);
    const size_t shown = output_add_visible(out, name.data);
    for (size_t i = shown; i < width; i++)
        sbuf_addc(out, ' ');
    sbuf_fini(&name);
}

static void add_head(struct sbuf *out, const char *title, size_t width, const char *columns)
{
    sbuf_addf(out, "%-*s %s\n", (int)width, title, columns);
    for (size_t i = 0; i < width + 1 + strlen(columns); i++)
        sbuf_addc(out, '-');
    sbuf_addc(out, '\n');
}

static void add_check(struct sbuf *out, const struct series_row *r, size_t width)
{
    add_name(out, r, "check", width);
    sbuf_addf(out, " %10llu %10llu %8.2f%%\n", (unsigned long long)r->trues,
              (unsigned long long)(r->n - r->trues), 100 * (double)r->trues / (double)r->n);
}

void console_add_checks(struct sbuf *out, const struct series_list *l, size_t name_width)
{
    bool has_some = false;
    for (size_t i = 0; l && i < l->count; i++) {
        if (!is_check(&l->rows[i]) || !l->rows[i].n)
            continue;
        if (!has_some)
            add_head(out, "Checks", name_width, "    passed     failed    share");
        has_some = true;
        add_check(out, &l->rows[i], name_width);
    }
    sbuf_adds(out, has_some ? "\n" : "");
}

/* What is counted beside the duration of a group, under the same tags. */
static const struct series_row *beside(const struct series_list *l, const struct series_row *r,
                                       const char *metric)
{
    const char *group = series_row_tag(r, "group");
    for (size_t i = 0; i < l->count; i++) {
        const char *other = series_row_tag(&l->rows[i], "group");
        if (strcmp(l->rows[i].metric, metric) == 0 && l->rows[i].is_other == r->is_other &&
            (other && group ? strcmp(other, group) == 0 : other == group))
            return &l->rows[i];
    }
    return NULL;
}

void console_add_groups(struct sbuf *out, const struct series_list *l, size_t name_width)
{
    bool has_some = false;
    for (size_t i = 0; l && i < l->count; i++) {
        const struct series_row *r = &l->rows[i];
        if (strcmp(r->metric, GROUP_DURATION) != 0 || !r->n)
            continue;
        if (!has_some)
            add_head(out, "Groups (ms)", name_width,
                     "     count     failed      avg      p95      max busy avg");
        has_some = true;
        const struct series_row *busy = beside(l, r, "group_busy"),
                                *failed = beside(l, r, "group_failed");
        add_name(out, r, "group", name_width);
        sbuf_addf(out, " %10llu %10llu %8.0f %8.0f %8.0f %8.0f\n", (unsigned long long)r->n,
                  (unsigned long long)(failed ? failed->trues : 0), r->mean,
                  r->quantile[SERIES_P95], r->max, busy ? busy->mean : 0);
    }
    sbuf_adds(out, has_some ? "\n" : "");
}

static void add_numbers(struct sbuf *out, const struct series_row *r)
{
    switch (r->kind) {
    case METRIC_COUNTER:
        sbuf_addf(out, " sum %.10g%s%s (%llu values)", r->sum, *r->unit ? " " : "", r->unit,
                  (unsigned long long)r->n);
        break;
    case METRIC_GAUGE:
        sbuf_addf(out, " latest %.10g%s%s", r->last, *r->unit ? " " : "", r->unit);
        if (r->said_count > 1) {
            sbuf_adds(out, " (worker ");
            output_add_visible(out, series_row_latest(r)->worker);
            sbuf_addc(out, ')');
        }
        sbuf_addf(out, ", min %.10g, max %.10g", r->min, r->max);
        break;
    case METRIC_RATE:
        sbuf_addf(out, " %.2f%% true (%llu of %llu)", 100 * (double)r->trues / (double)r->n,
                  (unsigned long long)r->trues, (unsigned long long)r->n);
        break;
    case METRIC_TREND:
        sbuf_addf(out, " avg %.6g%s%s, min %.6g, med %.6g, p95 %.6g, p99 %.6g, max %.6g (%llu)",
                  r->mean, *r->unit ? " " : "", r->unit, r->min, r->quantile[SERIES_P50],
                  r->quantile[SERIES_P95], r->quantile[SERIES_P99], r->max,
                  (unsigned long long)r->n);
        break;
    }
    sbuf_addc(out, '\n');
}

void console_add_metrics(struct sbuf *out, const struct series_list *l, size_t name_width)
{
    bool has_some = false;
    for (size_t i = 0; l && i < l->count; i++) {
        const struct series_row *r = &l->rows[i];
        if (is_check(r) || is_group(r) || !r->n)
            continue;
        if (!has_some)
            add_head(out, "Metrics", name_width, "");
        has_some = true;
        add_name(out, r, NULL, name_width);
        add_numbers(out, r);
    }
    if (l && l->left_out)
        sbuf_addf(out, "%zu more series\n", l->left_out);
    sbuf_adds(out, has_some ? "\n" : "");
}

/* ---- CSV ---- */

static void add_tags_cell(struct sbuf *out, const struct series_row *r, const char *but)
{
    struct sbuf cell = {0};
    sbuf_adds(&cell, "");
    add_tags(&cell, r, but);
    sbuf_add_csv(out, cell.data ? cell.data : "");
    sbuf_fini(&cell);
}

void csv_checks(const struct series_list *l, struct sbuf *out)
{
    for (size_t i = 0; l && i < l->count; i++) {
        const struct series_row *r = &l->rows[i];
        const char *name = series_row_tag(r, "check");
        if (!is_check(r))
            continue;
        if (!out->len)
            sbuf_adds(out, "Check,Tags,Passed,Failed,First Failed,Last Failed\r\n");
        sbuf_add_csv(out, name ? name : "(other)");
        sbuf_addc(out, ',');
        add_tags_cell(out, r, "check");
        sbuf_addf(out, ",%llu,%llu,%lld,%lld\r\n", (unsigned long long)r->trues,
                  (unsigned long long)(r->n - r->trues), (long long)r->times.first_false,
                  (long long)r->times.last_false);
    }
}

void csv_metrics(const struct series_list *l, struct sbuf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "rate", "trend"};
    for (size_t i = 0; l && i < l->count; i++) {
        const struct series_row *r = &l->rows[i];
        if (is_check(r))
            continue;
        if (!out->len)
            sbuf_adds(out,
                      "Metric,Tags,Type,Unit,Count,True,Sum,Average,Min,Max,Latest,50%,90%,95%,"
                      "99%\r\n");
        sbuf_add_csv(out, r->metric);
        sbuf_addc(out, ',');
        add_tags_cell(out, r, NULL);
        sbuf_addf(out, ",%s,", kinds[r->kind]);
        sbuf_add_csv(out, r->unit);
        sbuf_addf(out, ",%llu,%llu,%.10g,%.10g,%.10g,%.10g,%.10g", (unsigned long long)r->n,
                  (unsigned long long)r->trues, r->sum, r->mean, r->min, r->max, r->last);
        for (size_t q = 0; q < SERIES_QUANTILES; q++)
            sbuf_addf(out, ",%.10g", r->quantile[q]);
        sbuf_adds(out, "\r\n");
    }
}
