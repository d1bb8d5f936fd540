// SPDX-License-Identifier: MIT
/* verdict: see the header. Thresholds that look at the same rows from the same moment on share one
 * sum, to which a second is added once; a window is read anew, from the longest blocks there are.
 */
#include "master/verdict/verdict.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/verdict/measure.h"
#include "master/verdict/verdict_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VERDICT_TAG 0x76657264u /* "verd" */

const char *verdict_state_name(enum verdict_state s)
{
    static const char *const names[] = {"not yet", "pass", "fail", "no data"};
    return names[s];
}

struct verdict *verdict_new(void)
{
    struct verdict *v = mem_zalloc(sizeof *v);
    HANDLE_MADE(v, VERDICT_TAG);
    hist_init(&v->scratch);
    return v;
}

/* ---- thresholds ---- */

static void judged_zero(struct judged *j)
{
    struct threshold t = j->threshold;
    const size_t sum = j->sum;
    double *ring = j->ring;
    free(j->why);
    *j = (struct judged){.threshold = t, .sum = sum, .ring = ring};
    j->value = j->failed_value = j->gauge_most = NAN;
    j->is_valid = true;
    for (unsigned i = 0; ring && i < t.window_s; i++)
        ring[i] = NAN;
}

static void sum_fini(struct sum *s)
{
    free(s->rows);
    tally_fini(&s->all);
    tally_fini(&s->second);
    tally_fini(&s->window);
}

static void forget_thresholds(struct verdict *v)
{
    for (size_t i = 0; i < v->count; i++) {
        free(v->judged[i].why);
        free(v->judged[i].ring);
        threshold_fini(&v->judged[i].threshold);
    }
    for (size_t i = 0; i < v->sum_count; i++)
        sum_fini(&v->sums[i]);
    free(v->judged);
    free(v->sums);
    v->judged = NULL;
    v->sums = NULL;
    v->count = v->sum_count = 0;
}

static void forget_rows(struct verdict *v)
{
    for (size_t i = 0; i < v->row_count; i++) {
        free(v->rows[i].method);
        free(v->rows[i].name);
    }
    v->row_count = 0;
}

void verdict_free(struct verdict *v)
{
    if (!v)
        return;
    HANDLE_IS(v, VERDICT_TAG);
    forget_thresholds(v);
    forget_rows(v);
    free(v->rows);
    hist_fini(&v->scratch);
    HANDLE_ENDS(v);
    free(v);
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool fits(const struct threshold *t, const struct row *r)
{
    switch (t->scope) {
    case SCOPE_HTTP:
        return tally_http_method(r->method);
    case SCOPE_ROWS:
        return (!*t->method || threshold_glob(t->method, r->method)) &&
               (threshold_glob(t->row, r->name) || strcmp(t->row, r->name) == 0);
    case SCOPE_GROUP:
        return strcmp(r->method, "GROUP") == 0 && threshold_glob(t->row, r->name);
    case SCOPE_METRIC: /* a row that is called like it, where there is no such metric */
        return t->tag_count == 0 && strcmp(t->metric, r->name) == 0;
    case SCOPE_TOTAL:
    case SCOPE_TAGS:
    case SCOPE_CLASS:
    case SCOPE_WORKER:
        break;
    }
    return false;
}

static void sum_add_row(struct sum *s, const struct row *r)
{
    if (!fits(s->of, r))
        return;
    s->rows = mem_realloc(s->rows, (s->row_count + 1) * sizeof *s->rows);
    s->rows[s->row_count++] = r->id;
    s->is_there = true;
}

static bool is_sum_of(const struct sum *s, const struct threshold *t)
{
    const struct threshold *o = s->of;
    if (o->scope != t->scope || s->warmup_s > t->warmup_s || s->warmup_s < t->warmup_s)
        return false;
    if (o->tag_count > 0 || t->tag_count > 0)
        return false; /* what has these tags is there, or not, by itself */
    if (t->scope == SCOPE_METRIC)
        return is_same(o->metric, t->metric);
    return is_same(o->method, t->method) && is_same(o->row, t->row);
}

static size_t sum_for(struct verdict *v, const struct threshold *t)
{
    for (size_t i = 0; i < v->sum_count; i++)
        if (is_sum_of(&v->sums[i], t))
            return i;
    struct sum *s = &v->sums[v->sum_count];
    *s = (struct sum){.of = t, .warmup_s = t->warmup_s, .is_there = t->scope == SCOPE_TOTAL};
    tally_init(&s->all, NULL, NULL);
    tally_init(&s->second, NULL, NULL);
    tally_init(&s->window, NULL, NULL);
    if (t->scope == SCOPE_TOTAL) {
        s->rows = mem_zalloc(sizeof *s->rows);
        s->row_count = 1;
    }
    for (size_t i = 0; i < v->row_count; i++)
        sum_add_row(s, &v->rows[i]);
    return v->sum_count++;
}

static bool has_same_tags(const struct threshold *a, const struct threshold *b)
{
    if (a->tag_count != b->tag_count)
        return false;
    for (size_t i = 0; i < a->tag_count; i++)
        if (strcmp(a->tags[i].key, b->tags[i].key) != 0 ||
            strcmp(a->tags[i].value, b->tags[i].value) != 0)
            return false;
    return true;
}

static bool is_kept(const struct judged *old, const struct threshold *t)
{
    const struct threshold *o = &old->threshold;
    return strcmp(o->text, t->text) == 0 && has_same_tags(o, t) && o->warmup_s >= t->warmup_s &&
           o->warmup_s <= t->warmup_s && is_same(o->row, t->row) && o->scope == t->scope;
}

/* What a threshold knew goes over to its like. A sum of the new list begins with that of an old
 * one; where there is none, with what is told from now on. */
static void keep(struct verdict *v, struct judged *old, size_t old_count, struct sum *old_sums)
{
    for (size_t i = 0; i < v->count; i++) {
        struct judged *j = &v->judged[i];
        for (size_t k = 0; k < old_count; k++) {
            struct judged *o = &old[k];
            if (!is_kept(o, &j->threshold))
                continue;
            struct threshold t = j->threshold;
            const size_t sum = j->sum;
            double *ring = o->ring ? mem_dup(o->ring, t.window_s * sizeof *ring) : NULL;
            free(j->ring);
            *j = *o;
            j->threshold = t;
            j->sum = sum;
            j->ring = ring;
            j->why = o->why ? mem_strdup(o->why) : NULL;
            if (v->sums[sum].all.requests == 0)
                tally_merge(&v->sums[sum].all, &old_sums[o->sum].all);
            break;
        }
    }
}

void verdict_set(struct verdict *v, const struct threshold_list *list)
{
    HANDLE_IS(v, VERDICT_TAG);
    struct verdict old = *v;
    v->count = list->count;
    v->sum_count = 0;
    v->judged = mem_zalloc((list->count + 1) * sizeof *v->judged);
    v->sums = mem_zalloc((list->count + 1) * sizeof *v->sums);
    for (size_t i = 0; i < list->count; i++) {
        struct judged *j = &v->judged[i];
        threshold_copy(&j->threshold, &list->items[i]);
        if (verdict_is_gauge(&j->threshold) && j->threshold.window_s)
            j->ring = mem_zalloc(j->threshold.window_s * sizeof *j->ring);
        j->sum = sum_for(v, &j->threshold);
        judged_zero(j);
    }
    keep(v, old.judged, old.count, old.sums);
    forget_thresholds(&old);
}

size_t verdict_count(const struct verdict *v)
{
    return v->count;
}

/* ---- a run ---- */

void verdict_begin(struct verdict *v, int64_t second, double after)
{
    HANDLE_IS(v, VERDICT_TAG);
    forget_rows(v);
    for (size_t i = 0; i < v->sum_count; i++) {
        struct sum *s = &v->sums[i];
        tally_zero(&s->all);
        tally_zero(&s->second);
        s->window_s = 0;
        s->is_there = s->of->scope == SCOPE_TOTAL;
        s->row_count = s->is_there;
    }
    for (size_t i = 0; i < v->count; i++)
        judged_zero(&v->judged[i]);
    v->since = v->until = second;
    v->begin_at = (double)second + after;
    v->end_at = 0;
    v->is_over = false;
}

void verdict_tail(struct verdict *v, double stopped_at)
{
    v->end_at = stopped_at;
}

void verdict_row(struct verdict *v, uint32_t id, const char *method, const char *name)
{
    HANDLE_IS(v, VERDICT_TAG);
    if (v->row_count == v->row_cap) {
        v->row_cap = v->row_cap ? 2 * v->row_cap : 64;
        v->rows = mem_realloc(v->rows, v->row_cap * sizeof *v->rows);
    }
    struct row *r = &v->rows[v->row_count++];
    *r = (struct row){id, mem_strdup(method), mem_strdup(name)};
    for (size_t i = 0; i < v->sum_count; i++)
        sum_add_row(&v->sums[i], r);
}

/* ---- a second ---- */

static void read_rows(struct sum *s, const struct verdict_feed *feed, int64_t from, int64_t to,
                      struct tally *into)
{
    tally_zero(into);
    if (s->of->scope == SCOPE_WORKER)
        s->is_there |= feed->worker && feed->worker(feed->arg, s->of->row, from, to, into);
    else
        for (size_t i = 0; i < s->row_count; i++)
            feed->read(feed->arg, s->rows[i], from, to, into);
}

static void advance_sum(struct verdict *v, struct sum *s, const struct verdict_feed *feed,
                        int64_t from)
{
    s->window_s = 0;
    read_rows(s, feed, from, v->until, &s->second);
    if (from >= verdict_begin_of(v, s))
        tally_merge(&s->all, &s->second);
}

static bool is_of_metric(const struct threshold *t)
{
    return t->scope == SCOPE_METRIC || t->scope == SCOPE_TAGS || t->scope == SCOPE_CLASS ||
           t->scope == SCOPE_GROUP || t->stat == STAT_DROPPED || t->stat == STAT_LATE;
}

/* The seconds [*from, until) that are judged now; false: not yet. */
static bool range_of(const struct verdict *v, const struct judged *j, int64_t second, int64_t *from)
{
    const struct threshold *t = &j->threshold;
    const int64_t begin = verdict_begin_of(v, &v->sums[j->sum]);
    *from = t->mode == MODE_ALL   ? begin
            : t->mode == MODE_FOR ? second
                                  : v->until - (int64_t)t->window_s;
    const bool is_whole = *from >= begin;
    if (*from < begin)
        *from = begin;
    return *from < v->until && (t->mode != MODE_OVER || is_whole) &&
           (t->mode != MODE_FOR || is_whole);
}

static const struct tally *tally_of(struct verdict *v, struct judged *j, int64_t from,
                                    const struct verdict_feed *feed)
{
    struct sum *s = &v->sums[j->sum];
    const struct threshold *t = &j->threshold;
    if (t->mode == MODE_ALL)
        return &s->all;
    if (t->mode == MODE_FOR)
        return &s->second;
    if (s->window_s != t->window_s) {
        read_rows(s, feed, from, v->until, &s->window);
        s->window_s = t->window_s;
    }
    return &s->window;
}

static double mean_of_ring(const struct judged *j)
{
    double sum = 0, n = 0;
    for (unsigned i = 0; i < j->threshold.window_s; i++)
        if (isfinite(j->ring[i])) {
            sum += j->ring[i];
            n++;
        }
    return n > 0 ? sum / n : NAN;
}

/* Of a gauge: each second's value; in a window their mean; of the whole run the most, but of users
 * the number there is. */
static struct measured measure_gauge(struct verdict *v, struct judged *j,
                                     const struct verdict_feed *feed)
{
    const struct threshold *t = &j->threshold;
    const char *worker = t->scope == SCOPE_WORKER ? t->row : NULL;
    const double now = feed->gauge ? feed->gauge(feed->arg, t->stat, worker) : NAN;
    if (isfinite(now))
        j->gauge_most = fmax(now, j->gauge_most);
    if (j->ring)
        j->ring[(uint64_t)v->until % t->window_s] = now;
    const bool is_last =
        t->mode == MODE_FOR || (t->mode == MODE_ALL && t->stat == STAT_USERS && t->parameter <= 0);
    const double value = is_last ? now : t->mode == MODE_ALL ? j->gauge_most : mean_of_ring(j);
    return (struct measured){value, isfinite(value), 0, 0};
}

/* How long there was load in them: it neither began nor ended with a full second. */
static double seconds_of(const struct verdict *v, int64_t from)
{
    const double begin = fmax((double)from, v->begin_at);
    const double end = v->end_at > begin ? fmin((double)v->until, v->end_at) : (double)v->until;
    return end - begin;
}

static struct measured measure(struct verdict *v, struct judged *j, int64_t from,
                               const struct verdict_feed *feed)
{
    const struct threshold *t = &j->threshold;
    struct verdict_metric metric = {.scale = 1, .factor = 1};
    const double seconds = seconds_of(v, from);
    if (verdict_is_gauge(t))
        return measure_gauge(v, j, feed);
    if (is_of_metric(t) && feed->metric && feed->metric(feed->arg, t, from, v->until, &metric)) {
        v->sums[j->sum].is_there = true;
        measure_unit(t, &metric, j->unit, sizeof j->unit);
        j->refusal = t->scope == SCOPE_METRIC ? measure_refusal(t, metric.kind) : NULL;
        return measure_metric(t, &metric, seconds);
    }
    if (t->stat == STAT_DROPPED && t->scope == SCOPE_TOTAL)
        return (struct measured){0, 0, 0, 0}; /* where users wait for answers nothing is due */
    if (!v->sums[j->sum].is_there)
        return (struct measured){NAN, 0, 0, 0};
    return measure_tally(t, tally_of(v, j, from, feed), seconds, &v->scratch);
}

/* Counts, and how many of them a second, are something to judge even where they are 0. */
static bool has_data(const struct threshold *t, const struct measured *m)
{
    static const bool counts[] = {
        [STAT_COUNT] = true,         [STAT_FAILS] = true,    [STAT_RPS] = true,
        [STAT_CUT] = true,           [STAT_STATUS] = true,   [STAT_RATE] = true,
        [STAT_SENT] = true,          [STAT_RECEIVED] = true, [STAT_SENT_RATE] = true,
        [STAT_RECEIVED_RATE] = true, [STAT_DROPPED] = true};
    const bool is_count = t->stat < sizeof counts && counts[t->stat] && m->of == 0;
    return isfinite(m->value) && (m->n >= t->min_samples || (is_count && t->min_samples <= 1));
}

static void remember(struct judged *j, double value)
{
    j->spark[(j->spark_at + j->spark_count) % SPARK] = value;
    if (j->spark_count < SPARK)
        j->spark_count++;
    else
        j->spark_at = (j->spark_at + 1) % SPARK;
}

static void fail(struct judged *j, int64_t second, const struct measured *m)
{
    j->state = VERDICT_FAIL;
    if (j->failed_at == 0) {
        j->failed_at = second;
        j->failed_value = m->value;
        j->failed_n = m->n;
        j->is_turned = true;
    }
}

/* Every second violated, but there were too few of them to say so. */
static bool is_undecided(const struct judged *j)
{
    return j->threshold.mode == MODE_FOR && j->good == 0 && j->streak < j->threshold.window_s;
}

/* What a `for` window comes down to is the best of its seconds: one that violates alone is told in
 * the spark only, until there are enough of them. */
static bool is_excused(const struct judged *j)
{
    return j->threshold.mode == MODE_FOR && j->streak > 0 && j->good > 0;
}

static bool violates(struct judged *j, const struct measured *m, unsigned seconds)
{
    const struct threshold *t = &j->threshold;
    const bool holds = measure_holds(t, m);
    j->good += holds;
    if (t->mode != MODE_FOR)
        return !holds;
    j->streak = holds ? 0 : j->streak + seconds;
    return j->streak >= t->window_s;
}

/* Nothing was counted yet: 'rps > 1, stop' does not end the test before the first answer. If that
 * stays so, it fails at the end. */
static bool is_too_early(const struct judged *j, const struct measured *m, bool is_bad)
{
    return is_bad && m->n == 0 && m->of == 0 && j->threshold.mode == MODE_ALL &&
           !verdict_is_gauge(&j->threshold);
}

static void judge(struct verdict *v, struct judged *j, int64_t second,
                  const struct verdict_feed *feed)
{
    const struct threshold *t = &j->threshold;
    int64_t from = 0;
    const bool is_of_load = t->mode != MODE_ALL || (verdict_is_gauge(t) && j->told > 0);
    if ((is_of_load && v->end_at > 0) || (t->mode == MODE_ALL && j->has_stopped))
        return; /* what stopped the test stays; its last seconds, with ever fewer users, are no
                   window's, nor a level's that has others */
    if (!range_of(v, j, second, &from))
        return;
    const struct measured m = measure(v, j, from, feed);
    if (!has_data(t, &m))
        return;
    j->told++;
    remember(j, m.value);
    const bool is_bad = violates(j, &m, (unsigned)(v->until - second));
    if (j->is_sticky)
        return;
    if (is_bad || !is_excused(j)) {
        j->value = m.value;
        j->n = m.n;
    }
    j->from = t->mode == MODE_FOR ? v->until - (int64_t)t->window_s : from;
    j->to = v->until;
    j->is_early = is_too_early(j, &m, is_bad);
    if (j->is_early)
        j->state = VERDICT_NOT_YET;
    else if (is_bad)
        fail(j, second, &m);
    else
        j->state = is_undecided(j) ? VERDICT_NOT_YET : VERDICT_PASS;
    j->is_sticky = is_bad && t->mode != MODE_ALL;
}

/* A misspelt row is told while it can still be mended. Names are compared after 2, 4, 8 … seconds
 * only: there may be thousands. */
static void follow_absence(const struct verdict *v, struct judged *j, int64_t second,
                           const struct verdict_feed *feed)
{
    int64_t from;
    const bool is_there = v->sums[j->sum].is_there && !j->refusal;
    if (is_there || j->seconds >= j->why_at) {
        free(j->why);
        j->why = NULL;
    }
    if (is_there || j->seconds < j->why_at ||
        (is_of_metric(&j->threshold) && !range_of(v, j, second, &from)))
        return;
    j->why_at = 2 * j->seconds;
    if (j->seconds > 1)
        j->why = verdict_why_not_yet(v, j, feed);
}

void verdict_second(struct verdict *v, int64_t second, unsigned seconds,
                    const struct verdict_feed *feed)
{
    HANDLE_IS(v, VERDICT_TAG);
    if (v->is_over || second < v->until)
        return;
    v->until = second + seconds;
    for (size_t i = 0; i < v->sum_count; i++)
        advance_sum(v, &v->sums[i], feed, second);
    for (size_t i = 0; i < v->count; i++) {
        struct judged *j = &v->judged[i];
        j->seconds += seconds;
        judge(v, j, second, feed);
        follow_absence(v, j, second, feed);
        if (j->state != VERDICT_NOT_YET && feed->is_valid)
            j->is_valid = feed->is_valid(feed->arg, j->from, j->to);
    }
}

/* ---- the end ---- */

void verdict_end(struct verdict *v, const struct verdict_feed *feed)
{
    HANDLE_IS(v, VERDICT_TAG);
    if (v->is_over)
        return;
    v->is_over = true;
    for (size_t i = 0; i < v->count; i++) {
        struct judged *j = &v->judged[i];
        free(j->why);
        j->why = NULL;
        if (j->is_early)
            fail(j, v->until - 1, &(struct measured){j->value, j->n, 0, 0});
        if (j->state == VERDICT_NOT_YET) {
            j->state = VERDICT_NO_DATA;
            j->why = verdict_why_no_data(v, j, feed);
            continue;
        }
        j->why = verdict_few_samples(j);
        if (feed->is_valid)
            j->is_valid = feed->is_valid(feed->arg, j->from, j->to);
    }
}

/* ---- what came out ---- */

static bool is_failed(const struct judged *j)
{
    const struct threshold *t = &j->threshold;
    return t->action != ACTION_WARN && (j->state == VERDICT_FAIL || (j->state == VERDICT_NO_DATA &&
                                                                     t->no_data == NO_DATA_FAIL));
}

/* The ring of values, turned so that the oldest comes first. */
static void straighten(struct judged *j)
{
    double copy[SPARK] = {0};
    for (size_t i = 0; i < j->spark_count; i++)
        copy[i] = j->spark[(j->spark_at + i) % SPARK];
    memcpy(j->spark, copy, j->spark_count * sizeof *copy);
    j->spark_at = 0;
}

struct verdict_result verdict_result(const struct verdict *v, size_t index)
{
    struct judged *j = &v->judged[index];
    straighten(j);
    return (struct verdict_result){.threshold = &j->threshold,
                                   .state = j->state,
                                   .value = j->value,
                                   .n = j->n,
                                   .is_valid = j->is_valid,
                                   .is_failed = is_failed(j),
                                   .has_stopped = j->has_stopped,
                                   .failed_at = j->failed_at,
                                   .failed_value = j->failed_value,
                                   .failed_n = j->failed_n,
                                   .unit = j->unit,
                                   .why = j->why ? j->why : "",
                                   .spark = j->spark,
                                   .spark_count = j->spark_count};
}

int verdict_turned(struct verdict *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->judged[i].is_turned) {
            v->judged[i].is_turned = false;
            return (int)i;
        }
    return -1;
}

int verdict_stops(struct verdict *v)
{
    for (size_t i = 0; i < v->count; i++) {
        struct judged *j = &v->judged[i];
        const bool is_due = (double)(v->until - v->since) > j->threshold.after_s;
        if (j->state != VERDICT_FAIL || j->has_stopped || !is_due ||
            j->threshold.action != ACTION_STOP || v->is_over)
            continue;
        j->has_stopped = true;
        return (int)i;
    }
    return -1;
}

size_t verdict_failed(const struct verdict *v)
{
    size_t n = 0;
    for (size_t i = 0; i < v->count; i++)
        n += is_failed(&v->judged[i]);
    return n;
}
