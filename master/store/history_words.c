// SPDX-License-Identifier: MIT
#include "master/store/history_words.h"
#include "common/base/mem.h"
#include "master/data/number_text.h"
#include "master/store/run_file.h"
#include "master/store/run_id.h"
#include "master/store/run_load.h"
#include "master/store/run_metric.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HISTORY_MIN 5 /* runs that say how much equal ones differ */
#define HISTORY_MOST 20

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const json_t *totals_of(const json_t *run)
{
    return json_object_get(run, "totals");
}

static int fail(char **why, const char *path, const char *what)
{
    struct sbuf text = {0};
    sbuf_addf(&text, "%s: %s", path, what);
    *why = sbuf_take(&text);
    return -1;
}

/* ---- mending ---- */

/* What its file says of it, of a killed master's what came of it; and its rows. */
static json_t *mended(struct stored *s, json_t **rows)
{
    json_t *interrupted = stored_mend(s, rows);
    if (strcmp(text_of(s->meta, "state"), "done") != 0)
        return interrupted;
    json_decref(interrupted);
    return json_incref(s->meta);
}

/* Figures with their intervals, from the seconds that its file has. */
static int put_metrics(struct history *h, const char *id, const struct stored *s,
                       const json_t *meta, const json_t *rows, char **why)
{
    const struct contrast_run run = {s->timeline, &s->stats, meta};
    json_t *metrics = run_metric_table(&run, rows);
    const int rc = history_put_metrics(h, id, metrics, why);
    json_decref(metrics);
    return rc;
}

/* Takes why. */
static void note_skipped(struct sbuf *skipped, bool is_in, char *why)
{
    if (!is_in && why && skipped)
        sbuf_addf(skipped, "%s\n", why);
    free(why);
}

/* Of a run that an older Katydid stored. */
static bool fill_in(struct history *h, const char *id, struct sbuf *skipped)
{
    char *why = NULL;
    struct stored *s = history_open_run(h, id, &stored_all, &why);
    json_t *rows = NULL, *meta = s ? mended(s, &rows) : NULL;
    const bool is_in = s && put_metrics(h, id, s, meta, rows, &why) == 0;
    json_decref(meta);
    json_decref(rows);
    stored_close(s);
    note_skipped(skipped, is_in, why);
    return is_in;
}

static bool take_in(struct history *h, const char *id, struct sbuf *skipped)
{
    char *path = history_path(h, id), *why = NULL;
    struct stored *s = stored_open(path, &stored_all, true, &why);
    json_t *rows = NULL, *meta = s ? mended(s, &rows) : NULL;
    const bool is_in = meta && history_put(h, meta, &why) == 0 &&
                       history_put_rows(h, id, rows, &why) == 0 &&
                       put_metrics(h, id, s, meta, rows, &why) == 0;
    json_decref(meta);
    json_decref(rows);
    stored_close(s);
    free(path);
    note_skipped(skipped, is_in, why);
    return is_in;
}

int history_mend(struct history *h, bool all, struct sbuf *skipped)
{
    json_t *ids = history_orphans(h), *id;
    size_t i;
    int mended = 0;
    if (all) {
        json_t *strangers = history_strangers(h);
        json_array_extend(ids, strangers);
        json_decref(strangers);
    }
    json_array_foreach(ids, i, id) mended += take_in(h, json_string_value(id), skipped);
    json_decref(ids);
    ids = all ? history_bare(h) : NULL;
    json_array_foreach(ids, i, id) mended += fill_in(h, json_string_value(id), skipped);
    json_decref(ids);
    return mended;
}

/* ---- files ---- */

static int copy_frames(struct run_file *from, struct run_file *to, bool with_traces)
{
    struct sbuf bytes = {0};
    int rc = 0;
    for (size_t i = 0; i < run_file_count(from) && rc == 0; i++) {
        const struct run_frame *f = run_file_frame(from, i);
        if (f->kind == RUN_TRACES && !with_traces)
            continue;
        rc = run_file_read(from, i, &bytes);
        if (rc == 0)
            rc = run_file_put(to, f, bytes.data ? bytes.data : "", bytes.len);
    }
    sbuf_fini(&bytes);
    return rc;
}

/* meta: put behind all; or NULL. */
static int copy_file(const char *from, const char *to, const json_t *meta, bool with_traces,
                     char **why)
{
    struct run_file *in = run_file_open(from), *out = in ? run_file_create(to) : NULL;
    char *text = meta ? json_dumps(meta, JSON_COMPACT) : NULL;
    int rc = in && out ? copy_frames(in, out, with_traces) : -1;
    if (rc == 0 && text)
        rc = run_file_put(out, &(struct run_frame){.kind = RUN_META}, text, strlen(text));
    if (rc == 0)
        rc = run_file_sync(out);
    if (rc != 0)
        fail(why, in ? to : from, strerror(errno));
    if (rc != 0 && out)
        unlink(to);
    run_file_close(in);
    run_file_close(out);
    free(text);
    return rc;
}

char *history_import(struct history *h, const char *path, char **why)
{
    struct stored *s = stored_open(path, &stored_all, false, why);
    if (!s)
        return NULL;
    char *id = mem_strdup(text_of(s->meta, "id"));
    stored_close(s);
    char *to = run_id_is(id) ? history_path(h, id) : NULL;
    json_t *there = to ? history_get(h, id) : NULL;
    bool is_in = false;
    if (!to)
        fail(why, path, "its run has no good id");
    else if (there)
        fail(why, path, "this run is there already");
    else
        is_in = copy_file(path, to, NULL, true, why) == 0 && take_in(h, id, NULL);
    json_decref(there);
    free(to);
    if (is_in)
        return id;
    if (!*why)
        fail(why, path, "it could not be taken in");
    free(id);
    return NULL;
}

int history_export(struct history *h, const char *id, const char *path, bool with_traces,
                   char **why)
{
    char *from = history_path(h, id);
    json_t *run = history_get(h, id);
    if (access(path, F_OK) == 0) {
        free(from);
        json_decref(run);
        return fail(why, path, "it is there already");
    }
    const int rc = copy_file(from, path, run, with_traces, why);
    json_decref(run);
    free(from);
    return rc;
}

struct stored *history_open_run(struct history *h, const char *id, const struct stored_part *part,
                                char **why)
{
    char *path = history_path(h, id);
    struct stored *s = stored_open(path, part, true, why);
    json_t *run = s ? history_get(h, id) : NULL;
    if (run) { /* it has what was added since */
        json_decref(s->meta);
        s->meta = run;
    }
    free(path);
    return s;
}

/* ---- how much runs differ ---- */

static bool is_like(const json_t *run, const json_t *like)
{
    static const char *const same[] = {"environment", "users", "profile", "locustfile", "host"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const json_t *a = json_object_get(run, same[i]), *b = json_object_get(like, same[i]);
        if (a && b && !json_is_null(a) && !json_is_null(b) && !json_equal(a, b))
            return false;
    }
    if (strcmp(text_of(json_object_get(run, "tags"), "target"),
               text_of(json_object_get(like, "tags"), "target")) != 0)
        return false;
    return !run_load_differs(run, like, NULL) && json_is_true(json_object_get(run, "valid")) &&
           strcmp(text_of(run, "state"), "done") == 0 &&
           strcmp(text_of(run, "run"), text_of(like, "run")) != 0;
}

json_t *history_alike(struct history *h, const json_t *like)
{
    json_t *alike = json_array(), *run;
    json_t *all = history_list(h, &(struct history_filter){.is_valid = true, .limit = 200});
    size_t i;
    json_array_foreach(all, i, run)
    {
        if (json_array_size(alike) < HISTORY_MOST && is_like(run, like))
            json_array_append(alike, json_object_get(run, "id"));
    }
    json_decref(all);
    return alike;
}

struct between history_between(struct history *h, const json_t *alike, const char *method,
                               const char *name, enum contrast_figure f)
{
    const bool is_share = f == FIGURE_FAIL_RATIO;
    struct between between = {.sd = is_share ? 0 : 0.05, .df = INFINITY, .is_assumed = true};
    double x[HISTORY_MOST];
    size_t i, n = 0;
    const json_t *id;
    json_array_foreach(alike, i, id)
    {
        const double value =
            history_row_figure(h, json_string_value(id), method, name, contrast_figure_name(f));
        if (n < HISTORY_MOST && isfinite(value) && (is_share || value > 0))
            x[n++] = is_share ? value : log(value);
    }
    if (n >= HISTORY_MIN)
        between = (struct between){.sd = inference_steady_sd(x, n), .df = (double)n - 1};
    return between;
}

/* ---- words ---- */

/* Far beyond what a clock shows; what somebody else stored may have any number. */
#define TIME_MOST 2e11

static void add_time(struct sbuf *out, double at)
{
    char text[32] = "-";
    struct tm local;
    const time_t second = at > 0 && at < TIME_MOST ? (time_t)at : 0;
    if (second > 0 && localtime_r(&second, &local))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local);
    sbuf_addf(out, "%-16s", text);
}

static void add_column(struct sbuf *out, int digits, const char *unit, double value)
{
    char text[32] = "-";
    if (isfinite(value))
        snprintf(text, sizeof text, "%.*f%s", digits, value, unit);
    sbuf_addf(out, " %8s", text);
}

const char *history_verdict(const json_t *run)
{
    const json_t *verdict = json_object_get(run, "verdict");
    if (strcmp(text_of(run, "state"), "done") != 0)
        return text_of(run, "state");
    if (!json_is_true(json_object_get(run, "valid")))
        return "not valid";
    if (json_is_true(json_object_get(verdict, "gate_failed")))
        return "failed";
    if (number_of(verdict, "thresholds") > 0)
        return json_is_true(json_object_get(verdict, "passed")) ? "passed" : "failed";
    return "-";
}

/* Scenarios have users as they need them: as many as there were at most. */
static double users_of(const json_t *run)
{
    return number_of(run, number_of(run, "plans") > 0 ? "users_most" : "users");
}

static void add_run(struct sbuf *out, const json_t *run)
{
    const json_t *totals = totals_of(run), *git = json_object_get(run, "git");
    const char *profile = text_of(run, "profile"), *pin = text_of(run, "pin");
    const double p95 = number_of(totals, "p95");
    struct sbuf words = {0};
    output_add_visible(out, text_of(run, "id"));
    sbuf_addc(out, ' ');
    add_time(out, number_of(run, "started"));
    add_column(out, 0, "", users_of(run));
    add_column(out, 0, "s", number_of(run, "duration"));
    add_column(out, 0, "", number_of(totals, "requests"));
    add_column(out, 1, "", number_of(totals, "rps"));
    add_column(out, p95 < 10 ? 2 : p95 < 100 ? 1 : 0, "ms", p95);
    add_column(out, 2, "%", 100 * number_of(totals, "fail_ratio"));
    output_add_visible(&words, history_verdict(run));
    sbuf_addf(out, "  %-11s ", words.data ? words.data : "");
    sbuf_clear(&words);
    output_add_visible(&words, text_of(git, "commit"));
    sbuf_addf(out, "%-8.8s ", words.data ? words.data : "");
    sbuf_fini(&words);
    output_add_visible(out, *profile ? profile : text_of(run, "locustfile"));
    if (*pin)
        sbuf_adds(out, "  pinned: ");
    output_add_visible(out, pin);
    if (*text_of(run, "note"))
        sbuf_adds(out, "  ");
    output_add_visible(out, text_of(run, "note"));
    sbuf_addc(out, '\n');
}

void history_table(const json_t *runs, struct sbuf *out)
{
    size_t i;
    const json_t *run;
    sbuf_addf(out, "%-26s %-16s %8s %8s %8s %8s %8s %8s  %-11s %-8s %s\n", "run", "started",
              "users", "time", "requests", "req/s", "p95", "failed", "verdict", "commit", "of");
    json_array_foreach(runs, i, run) add_run(out, run);
}

/* A cell as RFC 4180 has it; a spreadsheet shall not take it for a formula. */
static void add_cell(struct sbuf *out, const char *text)
{
    const bool is_formula = *text && strchr("=+-@", *text) && strcmp(text, "-") != 0;
    sbuf_adds(out, is_formula ? ",\"'" : ",\"");
    for (; *text; text++)
        sbuf_addf(out, *text == '"' ? "\"\"" : "%c", (unsigned char)*text < ' ' ? ' ' : *text);
    sbuf_addc(out, '"');
}

static void add_csv(struct sbuf *out, const json_t *run)
{
    static const char *const figures[] = {"requests", "rps", "mean", "p50",       "p90",
                                          "p95",      "p99", "p999", "fail_ratio"};
    output_add_utc(out, number_of(run, "started"));
    add_cell(out, text_of(json_object_get(run, "git"), "commit"));
    add_cell(out, text_of(json_object_get(run, "git"), "branch"));
    add_cell(out, text_of(run, "profile"));
    add_cell(out, text_of(run, "id"));
    add_cell(out, history_verdict(run));
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        const double value = number_of(totals_of(run), figures[i]);
        sbuf_addf(out, isfinite(value) ? ",%.10g" : ",", value);
    }
    const double counts[] = {users_of(run),
                             number_of(json_object_get(run, "iterations"), "started")};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        sbuf_addf(out, isfinite(counts[i]) ? ",%.0f" : ",", counts[i]);
    sbuf_addc(out, '\n');
}

void history_csv(const json_t *runs, struct sbuf *out)
{
    sbuf_adds(out, "time,commit,branch,profile,id,verdict,requests,rps,mean,p50,p90,p95,p99,p999,"
                   "fail_ratio,users,iterations\n");
    for (size_t i = json_array_size(runs); i-- > 0;)
        add_csv(out, json_array_get(runs, i));
}

json_t *history_summary(const json_t *run)
{
    static const char *const kept[] = {"id",       "run",        "state",     "started",    "ended",
                                       "ended_by", "duration",   "profile",   "locustfile", "host",
                                       "users",    "plans",      "workers",   "valid",      "note",
                                       "pin",      "tags",       "test_id",   "spark",      "bytes",
                                       "version",  "users_most", "iterations"};
    static const char *const figures[] = {"requests", "failures", "fail_ratio", "rps",
                                          "mean",     "p50",      "p95",        "p99"};
    json_t *s = json_object(), *value;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if ((value = json_object_get(run, kept[i])))
            json_object_set(s, kept[i], value);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if ((value = json_object_get(totals_of(run), figures[i])))
            json_object_set(s, figures[i], value);
    if ((value = json_object_get(run, "git")))
        json_object_update(s, value); /* commit, branch, dirty */
    json_object_set_new(s, "verdict", json_string(history_verdict(run)));
    return s;
}

void history_details(const json_t *run, struct sbuf *out)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)run, key, value)
    {
        char *text =
            json_is_string(value)
                ? mem_strdup(json_string_value(value))
                : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
        if (strcmp(key, "spark") != 0 && text && *text) {
            const size_t shown = output_add_visible(out, key);
            sbuf_addf(out, "%*s", shown < 12 ? (int)(13 - shown) : 1, "");
            output_add_visible(out, text);
            sbuf_addc(out, '\n');
        }
        free(text);
    }
}

/* ---- figures with their intervals ---- */

#define METRIC_ROWS 20

static void add_number(struct sbuf *out, const json_t *metric, const char *key)
{
    const enum contrast_figure f = contrast_figure_of(text_of(metric, "metric"));
    const double value = number_of(metric, key);
    if (f < FIGURES)
        contrast_add_value(out, f, value);
    else /* apdex */
        sbuf_addf(out, isfinite(value) ? "%.3f" : "-", value);
}

static void add_interval(struct sbuf *out, const json_t *metric)
{
    add_number(out, metric, "value");
    sbuf_adds(out, "  [");
    add_number(out, metric, "low");
    sbuf_adds(out, ", ");
    add_number(out, metric, "high");
    sbuf_adds(out, "]");
    if (!(number_of(metric, "blocks") > 0))
        sbuf_adds(out, "  by the number of requests alone");
    sbuf_addc(out, '\n');
}

static bool is_of_row(const json_t *metric)
{
    return *text_of(metric, "method") || *text_of(metric, "name");
}

/* The figure; of another row than the total its p95. false: it is not shown. */
static bool add_metric_name(struct sbuf *out, const json_t *metric)
{
    const char *figure = text_of(metric, "metric");
    if (!is_of_row(metric)) {
        sbuf_addf(out, "  %-11s", figure);
        return true;
    }
    if (strcmp(figure, "p95") != 0)
        return false;
    sbuf_adds(out, "  p95 of ");
    output_add_visible(out, text_of(metric, "method"));
    sbuf_addc(out, ' ');
    output_add_visible(out, text_of(metric, "name"));
    sbuf_adds(out, "  ");
    return true;
}

void history_metrics_table(const json_t *metrics, struct sbuf *out)
{
    const json_t *metric;
    size_t i, rows = 0;
    if (json_array_size(metrics) > 0)
        sbuf_adds(out, "\nFigures of the steady part, with 95 % intervals\n");
    json_array_foreach(metrics, i, metric)
    {
        const bool is_more = is_of_row(metric) && rows >= METRIC_ROWS;
        if (!is_more && add_metric_name(out, metric)) {
            rows += is_of_row(metric);
            add_interval(out, metric);
        }
    }
}
