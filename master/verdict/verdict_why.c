// SPDX-License-Identifier: MIT
/* verdict_why: the words of a threshold that has nothing to judge, with the name that was most
 * likely meant. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/verdict/verdict_int.h"
#include <stdlib.h>
#include <string.h>

static char *row_words(const struct row *r)
{
    struct sbuf b = {0};
    sbuf_addf(&b, "%s%s%s", r->method, *r->method ? " " : "", r->name);
    return sbuf_take(&b);
}

/* The name of a row that was most likely meant; malloced, or NULL. */
static char *nearest_row(const struct verdict *v, const struct threshold *t)
{
    struct sbuf wanted = {0};
    const char *name = t->scope == SCOPE_METRIC ? t->metric : t->row;
    const bool has_method = t->scope == SCOPE_ROWS && *t->method;
    sbuf_addf(&wanted, "%s%s%s", has_method ? t->method : "", has_method ? " " : "", name);
    char **names = mem_zalloc((v->row_count + 1) * sizeof *names);
    for (size_t i = 0; i < v->row_count; i++)
        names[i] = has_method ? row_words(&v->rows[i]) : mem_strdup(v->rows[i].name);
    const char *near = threshold_nearest(wanted.data, (const char *const *)names, v->row_count);
    const size_t at = near ? 0 : v->row_count;
    size_t i = at;
    while (i < v->row_count && names[i] != near)
        i++;
    char *words = i < v->row_count ? row_words(&v->rows[i]) : NULL;
    for (size_t k = 0; k < v->row_count; k++)
        free(names[k]);
    free(names);
    sbuf_fini(&wanted);
    return words;
}

/* What was most likely meant; malloced, or NULL. */
static char *nearest(const struct verdict *v, const struct threshold *t,
                     const struct verdict_feed *feed)
{
    const bool is_of_series = t->scope == SCOPE_METRIC || t->scope == SCOPE_TAGS ||
                              t->scope == SCOPE_CLASS || t->scope == SCOPE_GROUP;
    char *near = is_of_series && feed->nearest ? feed->nearest(feed->arg, t) : NULL;
    if (near || (t->scope != SCOPE_ROWS && t->scope != SCOPE_METRIC))
        return near;
    return nearest_row(v, t);
}

static void explain_absence(const struct verdict *v, const struct threshold *t, const char *yet,
                            const struct verdict_feed *feed, struct sbuf *out)
{
    char *scope = threshold_scope_text(t);
    if (t->scope == SCOPE_METRIC && t->tag_count == 0 && feed->is_made &&
        feed->is_made(feed->arg, t->metric)) {
        sbuf_addf(out, "nothing was counted in %s%s", scope, yet);
        free(scope);
        return;
    }
    char *near = nearest(v, t, feed);
    const char *what = t->scope == SCOPE_ROWS || t->scope == SCOPE_HTTP ? "row "
                       : t->scope == SCOPE_METRIC                       ? "metric "
                                                                        : "";
    sbuf_addf(out, "no %s%s%s", what, scope, yet);
    if (near)
        sbuf_addf(out, "; did you mean '%s'?", near);
    free(near);
    free(scope);
}

char *verdict_why_no_data(const struct verdict *v, const struct judged *j,
                          const struct verdict_feed *feed)
{
    const struct threshold *t = &j->threshold;
    const struct sum *s = &v->sums[j->sum];
    struct sbuf out = {0};
    if (v->until <= v->since)
        sbuf_adds(&out, "the run had no complete second");
    else if (!s->is_there && !verdict_is_gauge(t))
        explain_absence(v, t, "", feed, &out);
    else if (j->refusal)
        sbuf_addf(&out, "%s is %s", t->metric, j->refusal);
    else if (v->until - verdict_begin_of(v, s) < (int64_t)t->window_s ||
             v->until <= verdict_begin_of(v, s))
        sbuf_adds(&out, t->warmup_s > 0 ? "the run was shorter than warm-up and window"
                                        : "the run was shorter than the window");
    else if (j->streak > 0 && j->good == 0) /* of a `for`: with a good one it is a pass */
        sbuf_addf(&out, "only %u seconds had something to judge, and each violates it", j->streak);
    else if (t->min_samples > 1)
        sbuf_addf(&out, "fewer than %llu samples", (unsigned long long)t->min_samples);
    else
        sbuf_adds(&out, "nothing was measured");
    return sbuf_take(&out);
}

char *verdict_why_not_yet(const struct verdict *v, const struct judged *j,
                          const struct verdict_feed *feed)
{
    struct sbuf out = {0};
    if (j->refusal) {
        sbuf_addf(&out, "%s is %s", j->threshold.metric, j->refusal);
        return sbuf_take(&out);
    }
    if (v->sums[j->sum].is_there || verdict_is_gauge(&j->threshold))
        return NULL;
    explain_absence(v, &j->threshold, " yet", feed, &out);
    return sbuf_take(&out);
}

char *verdict_few_samples(const struct judged *j)
{
    struct sbuf out = {0};
    const struct threshold *t = &j->threshold;
    char stat[40];
    const double least = 1 / fmax(1 - t->share, 1e-9);
    if (t->mode == MODE_FOR && j->state == VERDICT_FAIL)
        return NULL; /* n is of its last second: what decided is that each of them violates */
    if (t->stat != STAT_QUANTILE || t->share <= 0.5 || t->share >= 1 || (double)j->n >= least - 0.5)
        return NULL;
    sbuf_addf(&out, "too few samples for %s: %llu, and it takes %.0f",
              threshold_stat_name(t, stat, sizeof stat), (unsigned long long)j->n, least);
    return sbuf_take(&out);
}
