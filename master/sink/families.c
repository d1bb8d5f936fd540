// SPDX-License-Identifier: MIT
/* families: every number there is of a run as points with labels. A family is here
 * once, for all formats. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/data/events.h"
#include "master/sink/families.h"
#include "master/sink/k6_rows.h"
#include "common/metric/failure_kind.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define KINDS_MOST 50    /* of failures with a series of their own */
#define SERIES_MOST 2000 /* of the script's metrics */
#define EVENTS_SHOWN 100 /* the newest */
#define EVENT_TIME "katydid_event_timestamp_seconds"
#define EVENT_HELP "When it happened, unix time"

const double point_shares[POINT_QUANTILES] = {0.5, 0.9, 0.95, 0.99};

/* ---- growing ----------------------------------------------------------------------------- */

#define GROW(list, count, cap)                                                                     \
    do {                                                                                           \
        if ((count) == (cap)) {                                                                    \
            (cap) = (cap) ? 2 * (cap) : 64;                                                        \
            (list) = mem_realloc((list), (cap) * sizeof *(list));                                  \
        }                                                                                          \
    } while (0)

static void begin(struct families *f, const char *name, enum family_type type, const char *unit,
                  const char *help)
{
    GROW(f->list, f->count, f->cap);
    f->list[f->count++] = (struct family){
        .name = name, .type = type, .unit = unit, .help = help, .first = f->point_count};
}

static struct point *add_point(struct families *f, double value)
{
    GROW(f->points, f->point_count, f->point_cap);
    struct point *p = &f->points[f->point_count++];
    *p = (struct point){.first_label = f->label_count, .value = value};
    f->list[f->count - 1].count++;
    return p;
}

static void add_label(struct families *f, const char *key, const char *value)
{
    struct point *p = &f->points[f->point_count - 1];
    if (!value || !*value || p->label_count + f->common_count + 1 >= POINT_LABELS)
        return;
    GROW(f->labels, f->label_count, f->label_cap);
    f->labels[f->label_count++] = (struct label){key, value};
    p->label_count++;
}

static char *own(struct families *f, char *text)
{
    GROW(f->texts, f->text_count, f->text_cap);
    f->texts[f->text_count++] = text;
    return text;
}

static void add_one(struct families *f, const char *key, const char *label, double value)
{
    add_point(f, value);
    if (key)
        add_label(f, key, label);
}

/* ---- rows -------------------------------------------------------------------------------- */

static void label_row(struct families *f, const struct sink_row *r)
{
    add_label(f, "method", r->method);
    add_label(f, "name", r->name);
    for (size_t i = 0; i < r->label_count; i++)
        add_label(f, r->labels[i].key, r->labels[i].value);
}

#define ROWS(f, name, of, member, help)                                                            \
    do {                                                                                           \
        begin(f, name, FAMILY_COUNTER, "", help);                                                  \
        for (size_t i = 0; i < (f)->run.of##_count; i++) {                                         \
            add_point(f, (double)(f)->run.of##s[i].member);                                        \
            label_row(f, &(f)->run.of##s[i]);                                                      \
        }                                                                                          \
    } while (0)

static void add_rows(struct families *f)
{
    ROWS(f, "katydid_requests", part, requests, "Finished requests, failed ones included");
    ROWS(f, "katydid_failures", part, failures, "Failed requests");
    ROWS(f, "katydid_cut", row, cut, "Requests that the end of the test cut off");
    ROWS(f, "katydid_discarded", row, discarded, "Requests answered but never judged");
    ROWS(f, "katydid_resent", row, resent, "Requests sent again after a connection closed");
    begin(f, "katydid_request_duration_seconds", FAMILY_HISTOGRAM, "seconds",
          "Response times, failed requests included");
    for (size_t i = 0; i < f->run.part_count; i++) {
        add_point(f, NAN)->row = &f->run.parts[i];
        label_row(f, &f->run.parts[i]);
    }
}

/* Entries of a kind are neighbours. */
static void add_failure_kinds(struct families *f, const struct snapshot *s, size_t names)
{
    size_t kinds = 0;
    uint64_t rest = 0;
    begin(f, "katydid_failure_kinds", FAMILY_COUNTER, "", "Failed requests by what failed");
    for (const struct failure *at = s->stats.failures, *next; at; at = next) {
        uint64_t count = 0;
        for (next = at; next && next->number == at->number; next = next->next)
            count += next->count;
        if (kinds++ >= (names < KINDS_MOST ? names : KINDS_MOST)) {
            rest += count;
            continue;
        }
        struct sbuf kind = {0};
        failure_kind_add(&kind, at->text);
        add_point(f, (double)count);
        add_label(f, "method", at->method);
        add_label(f, "name", at->name);
        add_label(f, "error_kind", own(f, sbuf_take(&kind)));
    }
    if (rest)
        add_one(f, "error_kind", STATS_OTHER, (double)rest);
}

static void add_totals(struct families *f)
{
    static const char *const phases[PHASES] = {"queue", "dns",  "connect", "tls",
                                               "send",  "wait", "receive"};
    static const char *const statuses[STATS_STATUSES] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    const struct tally_extra *e = &f->run.extra;
    begin(f, "katydid_request_phase_seconds", FAMILY_COUNTER, "seconds",
          "Where the time of requests went");
    for (size_t i = 0; i < PHASES; i++)
        add_one(f, "phase", phases[i], (double)e->phase_us[i] / 1e6);
    begin(f, "katydid_responses", FAMILY_COUNTER, "", "Answers by their status");
    for (size_t i = 0; i < STATS_STATUSES; i++)
        add_one(f, "status_class", statuses[i], (double)e->status[i]);
    begin(f, "katydid_bytes_sent", FAMILY_COUNTER, "bytes", "Bytes sent");
    add_one(f, NULL, NULL, (double)e->sent_bytes);
    begin(f, "katydid_bytes_received", FAMILY_COUNTER, "bytes", "Bytes received");
    add_one(f, NULL, NULL, (double)e->received_bytes);
}

/* ---- users, workers, thresholds ---------------------------------------------------------- */

/* Those that are dealt are of a class, the others of none yet. While there are more than there
 * shall be, who stays is not known. */
static void add_target(struct families *f, const struct view *v)
{
    uint32_t dealt = 0;
    for (size_t i = 0; i < v->class_count; i++)
        dealt += v->classes[i].dealt;
    const bool is_known = dealt <= v->target_users;
    begin(f, "katydid_users_target", FAMILY_GAUGE, "", "Users there shall be");
    add_one(f, NULL, NULL, is_known ? v->target_users - dealt : v->target_users);
    for (size_t i = 0; i < v->class_count; i++)
        add_one(f, "user_class", v->classes[i].name, is_known ? v->classes[i].dealt : 0);
}

static void add_users(struct families *f, const struct snapshot *s)
{
    const struct view *v = s->view;
    begin(f, "katydid_users", FAMILY_GAUGE, "", "Users there are");
    if (v->class_count == 0)
        add_one(f, NULL, NULL, v->users);
    for (size_t i = 0; i < v->class_count; i++)
        add_one(f, "user_class", v->classes[i].name, v->classes[i].users);
    add_target(f, v);
    begin(f, "katydid_valid", FAMILY_GAUGE, "",
          "1: workers keep up, so that what is measured is the target's");
    add_one(f, NULL, NULL, !v->is_saturated);
}

static bool is_there(const struct view_worker *w)
{
    return strcmp(w->state, "missing") != 0 && strcmp(w->state, "lost") != 0;
}

/* It cannot keep up now, or not all that it measured has come. */
static bool is_valid(const struct view *v, const struct view_worker *w)
{
    if (w->is_missing_some)
        return false;
    for (size_t i = 0; v->is_saturated && v->events && i < v->events->saturation_count; i++) {
        const struct saturation *s = &v->events->saturations[i];
        if (s->worker == (unsigned)w->index && s->to > v->now - SATURATED_NOW_S)
            return false;
    }
    return true;
}

static void add_workers(struct families *f, const struct view *v)
{
    begin(f, "katydid_worker_cpu_ratio", FAMILY_GAUGE, "", "Processor share of a worker");
    for (size_t i = 0; i < v->worker_count; i++)
        add_one(f, "worker", v->workers[i].id, v->workers[i].cpu_percent / 100);
    begin(f, "katydid_worker_loop_lag_seconds", FAMILY_GAUGE, "seconds",
          "How late a worker's event loop is");
    for (size_t i = 0; i < v->worker_count; i++)
        if (v->workers[i].loop_lag_ms >= 0)
            add_one(f, "worker", v->workers[i].id, v->workers[i].loop_lag_ms / 1000);
    begin(f, "katydid_worker_memory_bytes", FAMILY_GAUGE, "bytes", "Memory of a worker");
    for (size_t i = 0; i < v->worker_count; i++)
        add_one(f, "worker", v->workers[i].id, (double)v->workers[i].memory_bytes);
    begin(f, "katydid_worker_connected", FAMILY_GAUGE, "", "1: the worker is heard");
    for (size_t i = 0; i < v->worker_count; i++)
        add_one(f, "worker", v->workers[i].id, is_there(&v->workers[i]));
    begin(f, "katydid_worker_valid", FAMILY_GAUGE, "", "1: what the worker measures is valid");
    for (size_t i = 0; i < v->worker_count; i++)
        add_one(f, "worker", v->workers[i].id, is_valid(v, &v->workers[i]));
}

static void add_thresholds(struct families *f, const struct view *v)
{
    size_t i;
    json_t *t, *verdict = v->threshold_count && v->verdict ? json_loads(v->verdict, 0, NULL) : NULL;
    begin(f, "katydid_threshold_ok", FAMILY_GAUGE, "", "1: it holds, 0: not, NaN: no data");
    json_array_foreach(json_object_get(verdict, "thresholds"), i, t)
    {
        const char *text = json_string_value(json_object_get(t, "text"));
        const char *state = json_string_value(json_object_get(t, "state"));
        if (text && state)
            add_one(f, "threshold", own(f, mem_strdup(text)),
                    !strcmp(state, "pass")   ? 1
                    : !strcmp(state, "fail") ? 0
                                             : NAN);
    }
    json_decref(verdict);
}

/* ---- what happened ----------------------------------------------------------------------- */

static bool is_shown(const struct run_event *e)
{
    static const char *const kinds[] = {"start",    "stop",   "users", "stage",
                                        "scenario", "marker", "reset"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (!strcmp(e->kind, kinds[i]))
            return true;
    return false;
}

/* Of one that is there twice there is one series: the later one. */
static bool is_newest(const struct events_list *l, size_t i)
{
    for (size_t k = i + 1; k < l->count; k++)
        if (!strcmp(l->events[k].kind, l->events[i].kind) &&
            !strcmp(l->events[k].text, l->events[i].text))
            return false;
    return true;
}

/* Their times are values, so that a mark is where it belongs however seldom somebody looks. */
static void add_events(struct families *f, const struct events_list *l)
{
    size_t first = l ? l->count : 0, shown = 0;
    while (first && shown < EVENTS_SHOWN)
        shown += is_shown(&l->events[--first]) ? 1 : 0;
    begin(f, EVENT_TIME, FAMILY_GAUGE, "seconds", EVENT_HELP);
    for (size_t i = first; l && i < l->count; i++) {
        const struct run_event *e = &l->events[i];
        if (!is_shown(e) || !is_newest(l, i))
            continue;
        add_point(f, e->at);
        add_label(f, "kind", e->kind);
        add_label(f, "text", e->text);
    }
}

/* ---- what scripts count, and scenarios --------------------------------------------------- */

static void label_series(struct families *f, const struct series_row *r)
{
    for (size_t i = 0; i < r->tag_count; i++)
        add_label(f, r->tags[i].key, r->tags[i].value);
    if (r->is_other)
        add_label(f, "series", STATS_OTHER);
}

static void add_checks(struct families *f, const struct series_list *l)
{
    begin(f, "katydid_checks", FAMILY_COUNTER, "", "Checks of the script");
    for (size_t i = 0; i < l->count; i++) {
        const struct series_row *r = &l->rows[i];
        if (strcmp(r->metric, "checks") != 0)
            continue;
        for (int is_pass = 0; is_pass < 2; is_pass++) {
            add_point(f, (double)(is_pass ? r->trues : r->n - r->trues));
            label_series(f, r);
            add_label(f, "result", is_pass ? "pass" : "fail");
        }
    }
}

static bool has_family(const struct families *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (!strcmp(f->list[i].name, name))
            return true;
    return false;
}

/* iterations_due and its like are arrivals there. Two names of a script may differ in a dot only,
 * which these names have not. */
static const char *name_of(struct families *f, const struct series_row *r)
{
    struct sbuf name = {0};
    const bool is_arrival = !strncmp(r->metric, "iterations_", 11) && r->kind == METRIC_COUNTER;
    sbuf_addf(&name, "katydid_%s%s", is_arrival ? "arrivals_" : "metric_",
              is_arrival ? r->metric + 11 : r->metric);
    for (char *p = name.data; *p; p++)
        if (*p == '.')
            *p = '_';
    while (has_family(f, name.data))
        sbuf_adds(&name, "_2");
    return own(f, sbuf_take(&name));
}

static void add_series_point(struct families *f, const struct series_row *r)
{
    struct point *p;
    switch (r->kind) {
    case METRIC_COUNTER:
        add_point(f, r->sum);
        break;
    case METRIC_GAUGE:
        add_point(f, r->last);
        break;
    case METRIC_RATE:
        add_point(f, (double)r->trues);
        label_series(f, r);
        add_label(f, "result", "true");
        add_point(f, (double)(r->n - r->trues));
        label_series(f, r);
        add_label(f, "result", "false");
        return;
    case METRIC_TREND:
        p = add_point(f, r->mean);
        p->count = (double)r->n;
        p->sum = r->sum;
        for (size_t i = 0; i < POINT_QUANTILES; i++)
            p->quantiles[i] = r->quantile[i];
        break;
    }
    label_series(f, r);
}

/* Rows of a metric are neighbours. */
static void add_series(struct families *f, const struct series_list *l)
{
    static const enum family_type types[METRIC_KINDS] = {[METRIC_COUNTER] = FAMILY_COUNTER,
                                                         [METRIC_GAUGE] = FAMILY_GAUGE,
                                                         [METRIC_RATE] = FAMILY_COUNTER,
                                                         [METRIC_TREND] = FAMILY_SUMMARY};
    const char *open = "";
    for (size_t i = 0; i < l->count && i < SERIES_MOST; i++) {
        const struct series_row *r = &l->rows[i];
        if (!strcmp(r->metric, "checks"))
            continue;
        if (strcmp(r->metric, open) != 0)
            begin(f, name_of(f, r), types[r->kind], "", "Counted by the script or its scenarios");
        open = r->metric;
        add_series_point(f, r);
    }
}

/* ---- all of it --------------------------------------------------------------------------- */

static void add_common(struct families *f, const struct snapshot *s, const struct sink_spec *spec)
{
    f->common = mem_zalloc(POINT_LABELS * sizeof *f->common);
    f->common[f->common_count++] =
        (struct label){"testid", spec->test_id ? spec->test_id : s->view->run_id};
    for (char *const *tag = spec->tags; tag && *tag && f->common_count < POINT_LABELS / 2; tag++) {
        const char *value = strchr(*tag, '=');
        if (value && value[1])
            f->common[f->common_count++] =
                (struct label){own(f, mem_dup(*tag, (size_t)(value - *tag))), value + 1};
    }
}

static void add_info(struct families *f, const struct view *v)
{
    begin(f, "katydid_run", FAMILY_INFO, "", "The run");
    add_one(f, "version", v->version, 1);
    add_label(f, "locustfile", v->locustfile);
    add_label(f, "run", v->run_id);
    add_label(f, "host", v->host);
}

static size_t start(struct families *f, const struct snapshot *s, const struct sink_spec *spec)
{
    const size_t names = (size_t)sink_number(spec, "names");
    *f = (struct families){.started_at = s->stats.started_at, .now = s->view->now};
    f->bound_count = sink_bounds(spec, "buckets", f->bounds);
    sink_rows_init_by(&f->run, s, NULL, names, sink_labels(spec));
    add_common(f, s, spec);
    return names;
}

void families_init(struct families *f, const struct snapshot *s, const struct sink_spec *spec)
{
    const size_t names = start(f, s, spec);
    add_info(f, s->view);
    add_rows(f);
    add_failure_kinds(f, s, names);
    add_totals(f);
    add_users(f, s);
    add_workers(f, s->view);
    add_thresholds(f, s->view);
    add_events(f, s->view->events);
    if (s->view->series) {
        add_checks(f, s->view->series);
        add_series(f, s->view->series);
    }
}

static bool has_stop(const struct families *f)
{
    for (size_t i = 0; i < f->label_count; i++)
        if (!strcmp(f->labels[i].key, "kind") && !strcmp(f->labels[i].value, "stop"))
            return true;
    return false;
}

void families_add_stop(struct families *f, double at)
{
    if (has_stop(f))
        return;
    begin(f, EVENT_TIME, FAMILY_GAUGE, "seconds", EVENT_HELP);
    add_one(f, "kind", "stop", at);
}

void families_add_kept(struct families *f, const struct kept *kept)
{
    begin(f, "katydid_kept_bytes", FAMILY_GAUGE, "bytes",
          "Memory of what the master keeps of the run");
    for (size_t i = 0; i < KEPT_KINDS; i++)
        add_one(f, "what", kept->of[i].what, (double)kept->of[i].bytes);
    begin(f, "katydid_kept_limit_bytes", FAMILY_GAUGE, "bytes", "What that may become");
    for (size_t i = 0; i < KEPT_KINDS; i++)
        add_one(f, "what", kept->of[i].what, (double)kept->of[i].limit);
    begin(f, "katydid_heap_bytes", FAMILY_GAUGE, "bytes",
          "Memory that the master uses, and what lies free between it");
    add_one(f, "state", "used", (double)kept->heap.used);
    add_one(f, "state", "free", (double)kept->heap.unused);
}

/* ---- as k6 has it ------------------------------------------------------------------------ */

/* The next part that k6 counts as one of that kind; part_count: there is none. */
static size_t next_k6(const struct families *f, size_t i, enum k6_row kind)
{
    while (i < f->run.part_count && k6_row_of(f->run.parts[i].method) != kind)
        i++;
    return i;
}

static void add_k6_times(struct families *f, enum k6_row kind)
{
    begin(f, own(f, sbuf_words("k6_%s", k6_names_of(kind)->duration)), FAMILY_HISTOGRAM, "seconds",
          "Response times");
    for (size_t i = 0; (i = next_k6(f, i, kind)) < f->run.part_count; i++) {
        add_point(f, NAN)->row = &f->run.parts[i];
        label_row(f, &f->run.parts[i]);
    }
}

static void add_k6_counts(struct families *f, enum k6_row kind)
{
    const struct k6_names *names = k6_names_of(kind);
    if (!names->count)
        return;
    begin(f, own(f, sbuf_words("k6_%s", names->count)), FAMILY_COUNTER, "", "Finished requests");
    for (size_t i = 0; (i = next_k6(f, i, kind)) < f->run.part_count; i++) {
        add_point(f, (double)f->run.parts[i].requests);
        label_row(f, &f->run.parts[i]);
    }
    begin(f, own(f, sbuf_words("k6_%s_rate", names->failed)), FAMILY_GAUGE, "",
          "Share of failed requests");
    for (size_t i = 0; (i = next_k6(f, i, kind)) < f->run.part_count; i++) {
        const struct sink_row *r = &f->run.parts[i];
        if (!r->requests)
            continue;
        add_point(f, (double)r->failures / (double)r->requests);
        label_row(f, r);
    }
}

static void add_k6_rows(struct families *f)
{
    for (enum k6_row kind = 0; kind < K6_ROWS; kind++) {
        add_k6_counts(f, kind);
        add_k6_times(f, kind);
    }
}

static void add_k6_one(struct families *f, const char *name, enum family_type type, double value)
{
    begin(f, name, type, "", "As k6 has it");
    add_one(f, NULL, NULL, value);
}

static void add_k6_totals(struct families *f, const struct snapshot *s)
{
    const struct tally_extra *e = &f->run.extra;
    add_k6_one(f, "k6_data_sent", FAMILY_COUNTER, (double)e->sent_bytes);
    add_k6_one(f, "k6_data_received", FAMILY_COUNTER, (double)e->received_bytes);
    add_k6_one(f, "k6_vus", FAMILY_GAUGE, s->view->users);
    add_k6_one(f, "k6_vus_max", FAMILY_GAUGE, s->target_users);
}

static void add_k6_trend(struct families *f, const char *metric, const struct series_row *r)
{
    static const char *const stats[] = {"med", "p90", "p95", "p99"};
    for (size_t i = 0; i < POINT_QUANTILES; i++)
        add_k6_one(f, own(f, sbuf_words("k6_%s_%s", metric, stats[i])), FAMILY_GAUGE,
                   r->quantile[i] / 1000);
    add_k6_one(f, own(f, sbuf_words("k6_%s_avg", metric)), FAMILY_GAUGE, r->mean / 1000);
}

/* What k6 counts of WebSockets and streams of gRPC. Rows of a metric are neighbours. */
static void add_k6_protocol(struct families *f, const struct series_list *l, size_t i)
{
    const struct series_row *r = &l->rows[i];
    const bool is_first = i == 0 || strcmp(l->rows[i - 1].metric, r->metric) != 0;
    const bool is_whole = r->tag_count == 0 && !r->is_other;
    if (r->kind == METRIC_TREND && is_whole)
        add_k6_trend(f, r->metric, r);
    if (r->kind != METRIC_COUNTER)
        return;
    if (is_first)
        begin(f, own(f, sbuf_words("k6_%s", r->metric)), FAMILY_COUNTER, "", "As k6 has it");
    add_point(f, r->sum);
    label_series(f, r);
}

static void add_k6_series(struct families *f, const struct series_list *l)
{
    begin(f, "k6_checks_rate", FAMILY_GAUGE, "", "Share of checks that passed");
    for (size_t i = 0; i < l->count; i++)
        if (!strcmp(l->rows[i].metric, "checks") && l->rows[i].n) {
            add_point(f, (double)l->rows[i].trues / (double)l->rows[i].n);
            label_series(f, &l->rows[i]);
        }
    for (size_t i = 0; i < l->count; i++) {
        const struct series_row *r = &l->rows[i];
        const bool is_whole = r->tag_count == 0 && !r->is_other;
        if (is_whole && !strcmp(r->metric, "iterations"))
            add_k6_one(f, "k6_iterations", FAMILY_COUNTER, r->sum);
        if (is_whole && !strcmp(r->metric, "iteration_duration"))
            add_k6_trend(f, r->metric, r);
        if (!strncmp(r->metric, "ws_", 3) || !strncmp(r->metric, "grpc_", 5))
            add_k6_protocol(f, l, i);
    }
}

void families_init_k6(struct families *f, const struct snapshot *s, const struct sink_spec *spec)
{
    start(f, s, spec);
    add_k6_rows(f);
    add_k6_totals(f, s);
    if (s->view->series)
        add_k6_series(f, s->view->series);
}

void families_fini(struct families *f)
{
    sink_rows_fini(&f->run);
    for (size_t i = 0; i < f->text_count; i++)
        free(f->texts[i]);
    free(f->texts);
    free(f->list);
    free(f->points);
    free(f->labels);
    free(f->common);
    *f = (struct families){0};
}

/* What formats have for themselves. */
static bool is_reserved(const char *key)
{
    return !strncmp(key, "__", 2) || !strcmp(key, "le") || !strcmp(key, "quantile");
}

static size_t put_label(struct label *out, size_t count, struct label l)
{
    size_t at = count;
    if (is_reserved(l.key))
        return count;
    for (size_t i = 0; i < count; i++)
        if (!strcmp(out[i].key, l.key)) {
            out[i] = l;
            return count;
        }
    for (; at > 0 && strcmp(out[at - 1].key, l.key) > 0; at--)
        out[at] = out[at - 1];
    out[at] = l;
    return count + 1;
}

size_t families_labels(const struct families *f, const struct point *p,
                       struct label out[static POINT_LABELS])
{
    size_t count = 0;
    for (size_t i = 0; i < f->common_count; i++)
        count = put_label(out, count, f->common[i]);
    for (size_t i = 0; i < p->label_count; i++)
        count = put_label(out, count, f->labels[p->first_label + i]);
    return count;
}
