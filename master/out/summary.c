// SPDX-License-Identifier: MIT
/* summary: katydid-summary/1 (docs/summary.schema.json): all that a run came to, histograms
 * included, so that others can merge and compare. */
#include "master/data/events.h"
#include "master/data/number_text.h"
#include "master/data/timeline_read.h"
#include "master/out/document.h"
#include "master/out/outputs.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void key(struct sbuf *out, const char *name)
{
    sbuf_addf(out, "%s\"%s\":", out->data[out->len - 1] == '{' ? "" : ",", name);
}

static void add_text(struct sbuf *out, const char *name, const char *text)
{
    key(out, name);
    sbuf_add_json(out, text ? text : "", text ? strlen(text) : 0);
}

static void add_number(struct sbuf *out, const char *name, double number)
{
    key(out, name);
    if (isfinite(number))
        sbuf_addf(out, "%.15g", number);
    else
        sbuf_adds(out, "null");
}

static void add_count(struct sbuf *out, const char *name, uint64_t number)
{
    key(out, name);
    sbuf_add_u64(out, number);
}

/* Bucket b: octave b >> 7, step b & 127 (docs/api.md). */
static void add_histogram(struct sbuf *out, const char *name, const struct hist *h)
{
    bool is_first = true;
    key(out, name);
    if (!h) {
        sbuf_adds(out, "null");
        return;
    }
    sbuf_addf(out, "{\"sub_bits\":%d,\"unit\":\"us\",\"buckets\":[", HIST_SUB_BITS);
    for (unsigned o = 0; o < HIST_OCTAVES; o++)
        for (unsigned i = 0; h->octave[o] && i < HIST_SUB_COUNT; i++)
            if (h->octave[o][i] > 0) {
                sbuf_addf(out, "%s[%u,%llu]", is_first ? "" : ",", o * HIST_SUB_COUNT + i,
                          (unsigned long long)h->octave[o][i]);
                is_first = false;
            }
    sbuf_adds(out, "]}");
}

static void add_percentiles(struct sbuf *out, const struct tally *t,
                            const struct tunables_shares *shares)
{
    static const double usual[] = {0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1};
    const bool is_usual = !shares || shares->count == 0;
    const size_t count = is_usual ? sizeof usual / sizeof *usual : shares->count;
    key(out, "percentiles");
    sbuf_addc(out, '{');
    for (size_t i = 0; i < count; i++) {
        char name[32];
        const double share = is_usual ? usual[i] : shares->of[i];
        snprintf(name, sizeof name, "%.10g", share * 100);
        add_number(out, name, t->hist.count ? tally_quantile_ms(t, share) : NAN);
    }
    sbuf_addc(out, '}');
}

static void add_statuses(struct sbuf *out, const struct tally *t)
{
    static const char *const names[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    key(out, "statuses");
    sbuf_addc(out, '{');
    for (size_t i = 0; i < STATS_STATUSES; i++)
        add_count(out, names[i], t->extra.status[i]);
    sbuf_addc(out, '}');
}

static void add_row(struct sbuf *out, const struct tally *t, const struct snapshot *s)
{
    const bool has_times = t->requests > t->none_requests && t->min_us <= t->max_us;
    sbuf_addc(out, '{');
    add_text(out, "method", t->method);
    add_text(out, "name", t->name);
    add_count(out, "requests", t->requests);
    add_count(out, "failures", t->failures);
    add_number(out, "fail_ratio", t->requests ? (double)t->failures / (double)t->requests : NAN);
    add_number(out, "rps", tally_total_rps(t, &s->stats));
    add_count(out, "cut", t->cut);
    add_count(out, "discarded", t->discarded);
    add_count(out, "resent", t->resent);
    add_count(out, "without_time", t->none_requests);
    add_number(out, "min_ms", has_times ? (double)t->min_us / 1000 : NAN);
    add_number(out, "max_ms", has_times ? (double)t->max_us / 1000 : NAN);
    add_number(out, "mean_ms", has_times ? tally_mean_ms(t) : NAN);
    add_percentiles(out, t, &s->wishes.tunables.report);
    add_count(out, "body_bytes", t->bytes);
    add_count(out, "sent_bytes", t->extra.sent_bytes);
    add_count(out, "received_bytes", t->extra.received_bytes);
    add_statuses(out, t);
    add_histogram(out, "histogram", &t->hist);
    add_histogram(out, "failed_histogram", t->failed);
    add_histogram(out, "wait_histogram", t->wait);
    add_histogram(out, "corrected_histogram", t->corrected);
    sbuf_addc(out, '}');
}

static void add_rows(struct sbuf *out, const struct snapshot *s)
{
    const struct tally **rows;
    const size_t count = stats_sorted(&s->stats, &rows);
    key(out, "total");
    add_row(out, &s->stats.total, s);
    key(out, "rows");
    sbuf_addc(out, '[');
    for (size_t i = 0; i < count; i++) {
        sbuf_adds(out, i ? "," : "");
        add_row(out, rows[i], s);
    }
    sbuf_addc(out, ']');
    free(rows);
}

static void add_json(struct sbuf *out, const char *name, const json_t *value, const char *none)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    key(out, name);
    sbuf_adds(out, text ? text : none);
    free(text);
}

/* Options of the locustfile's own; a secret one has null. */
static void add_options(struct sbuf *out, const json_t *script)
{
    size_t i;
    const json_t *option;
    key(out, "options");
    sbuf_addc(out, '{');
    json_array_foreach(json_object_get(script, "options"), i, option)
        add_json(out, document_text(option, "name"), json_object_get(option, "default"), "null");
    sbuf_addc(out, '}');
}

static void add_chosen(struct sbuf *out, const struct snapshot *s)
{
    json_t *script = json_loads(s->end.script ? s->end.script : "{}", 0, NULL);
    json_t *chosen = json_loads(s->end.chosen ? s->end.chosen : "{}", 0, NULL);
    add_json(out, "sha256", json_object_get(script, "sha256"), "null");
    add_text(out, "profile", document_text(chosen, "profile"));
    add_json(out, "tags", json_object_get(chosen, "tags"), "{}");
    add_options(out, script);
    json_decref(script);
    json_decref(chosen);
}

static void add_run(struct sbuf *out, const struct snapshot *s)
{
    const struct view *v = s->view;
    key(out, "run");
    sbuf_addc(out, '{');
    add_text(out, "id", v->run_id);
    add_number(out, "started", v->started_at);
    add_number(out, "ended", v->ended_at);
    add_number(out, "duration", s->run_age_s);
    add_text(out, "version", v->version);
    add_text(out, "locustfile", v->locustfile);
    add_text(out, "host", v->host);
    add_number(out, "users", s->wishes.users >= 0 ? s->wishes.users : NAN);
    add_number(out, "spawn_rate", s->wishes.spawn_rate >= 0 ? s->wishes.spawn_rate : NAN);
    add_number(out, "run_time", s->wishes.run_time_s);
    add_chosen(out, s);
    sbuf_addc(out, '}');
}

static const struct timeline_health *health_of(const struct timeline_health *list, size_t count,
                                               unsigned index)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].index == index)
            return &list[i];
    return NULL;
}

static bool was_valid(const struct view *v, const struct view_worker *w)
{
    if (w->is_missing_some)
        return false;
    for (size_t i = 0; v->events && i < v->events->saturation_count; i++)
        if (v->events->saturations[i].worker == (unsigned)w->index)
            return false;
    return true;
}

static void add_worker(struct sbuf *out, const struct view *v, const struct view_worker *w,
                       const struct timeline_health *h)
{
    sbuf_addc(out, '{');
    add_text(out, "id", w->id);
    add_number(out, "index", w->index);
    add_text(out, "state", w->state);
    add_count(out, "requests", w->requests);
    add_number(out, "cpu_mean", h && h->samples ? (double)h->cpu_sum / 10 / h->samples : NAN);
    add_number(out, "cpu_max", h ? (double)h->cpu_max / 10 : NAN);
    add_number(out, "lag_max_ms", h && h->has_lag ? (double)h->lag_us / 1000 : NAN);
    add_number(out, "lag_p99_ms", w->lag_p99_ms >= 0 ? w->lag_p99_ms : NAN);
    add_number(out, "memory_bytes", h ? (double)h->memory_kb * 1024 : NAN);
    sbuf_addf(out, ",\"valid\":%s}", was_valid(v, w) ? "true" : "false");
}

static void add_workers(struct sbuf *out, const struct view *v)
{
    struct timeline_health *list = NULL;
    struct timeline_plan plan = {0};
    size_t count = 0;
    if (v->timeline) {
        timeline_plan(v->timeline, v->timeline->since, INT64_MAX / 2, &plan);
        count = timeline_merge_healths(plan.blocks, plan.count, &list);
    }
    key(out, "workers");
    sbuf_addc(out, '[');
    for (size_t i = 0; i < v->worker_count; i++) {
        const struct view_worker *w = &v->workers[i];
        sbuf_adds(out, i ? "," : "");
        add_worker(out, v, w, health_of(list, count, (unsigned)w->index));
    }
    sbuf_addc(out, ']');
    timeline_plan_fini(&plan);
    free(list);
}

static void add_errors(struct sbuf *out, const struct stats *s)
{
    bool is_first = true;
    key(out, "errors");
    sbuf_addc(out, '[');
    for (const struct failure *f = s->failures; f; f = f->next) {
        sbuf_adds(out, is_first ? "{" : ",{");
        add_text(out, "method", f->method);
        add_text(out, "name", f->name);
        add_text(out, "text", f->text);
        add_count(out, "count", f->count);
        add_number(out, "first", f->first_at);
        add_number(out, "last", f->last_at);
        sbuf_addc(out, '}');
        is_first = false;
    }
    sbuf_addc(out, ']');
    key(out, "exceptions");
    sbuf_addc(out, '[');
    for (const struct exception *x = s->exceptions; x; x = x->next) {
        sbuf_adds(out, x == s->exceptions ? "{" : ",{");
        add_text(out, "type", x->type);
        add_text(out, "message", x->message);
        add_count(out, "count", x->count);
        sbuf_addc(out, '}');
    }
    sbuf_addc(out, ']');
}

static void add_verdict(struct sbuf *out, const json_t *verdict)
{
    key(out, "verdict");
    sbuf_addc(out, '{');
    add_number(out, "code", document_number(verdict, "code"));
    sbuf_addf(out, ",\"passed\":%s,\"valid\":%s",
              document_bool(verdict, "passed") ? "true" : "false",
              document_bool(verdict, "valid") ? "true" : "false");
    add_text(out, "reasons", document_text(verdict, "reasons"));
    sbuf_addc(out, '}');
    add_json(out, "thresholds", json_object_get(verdict, "thresholds"), "[]");
    key(out, "validity");
    sbuf_adds(out, "{");
    add_json(out, "invalid", json_object_get(verdict, "invalid"), "[]");
    sbuf_addc(out, '}');
}

/* As they are now: those that send have ended before this is written. */
static void add_outputs(struct sbuf *out, const struct snapshot *last)
{
    struct output_state states[OUTPUTS_MAX];
    const size_t count = last->end.outputs ? outputs_list(last->end.outputs, states) : 0;
    key(out, "outputs");
    sbuf_addc(out, '[');
    for (size_t i = 0; i < count; i++) {
        sbuf_adds(out, i ? ",{" : "{");
        add_text(out, "kind", states[i].name);
        if (states[i].sends)
            add_count(out, "sent", states[i].sent);
        add_count(out, "dropped", states[i].dropped);
        add_text(out, "last_error", states[i].trouble);
        sbuf_addc(out, '}');
        free(states[i].trouble);
    }
    sbuf_addc(out, ']');
}

void summary_write(const struct snapshot *last, struct sbuf *out)
{
    json_t *verdict = document_verdict(last);
    sbuf_addc(out, '{');
    add_text(out, "schema", "katydid-summary/1");
    add_run(out, last);
    add_verdict(out, verdict);
    key(out, "checks"); /* what scripts count themselves */
    series_list_json(last->end.series, "checks", out);
    key(out, "metrics");
    series_list_json_but(last->end.series, "checks", out);
    if (last->end.baseline) {
        key(out, "baseline");
        sbuf_adds(out, last->end.baseline);
    }
    if (last->end.plans) {
        key(out, "scenarios");
        sbuf_adds(out, last->end.plans);
    }
    add_rows(out, last);
    add_workers(out, last->view);
    add_errors(out, &last->stats);
    add_outputs(out, last);
    sbuf_adds(out, "}\n");
    json_decref(verdict);
}
