// SPDX-License-Identifier: MIT
/* results: which outputs a run has, by the options, and the snapshots that they are given. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/data/series_course.h"
#include "master/out/build_server.h"
#include "master/out/document.h"
#include "master/store/run_about.h"
#include "master/store/run_writer.h"
#include "master/app/baseline.h"
#include "master/app/core.h"
#include "master/app/plan_knee.h"
#include "master/app/repeat.h"
#include "common/run/exit_code.h"
#include "master/web/timeline_json.h"
#include "master/web/html_report.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_WAIT_S 2    /* a disk that takes longer holds no start up */
#define REACH_WAIT_S 12  /* who must be there may take its timeout */
#define BEGIN_WAIT_S 0.5 /* for the first table, which stands above the lines of the start */
#define FORCE_WAIT_S 2   /* for what is being written, when the end is forced */

/* Of each stored run; docs/history.md. */
#define KEPT_SAMPLES_MAX (256u << 10)
#define KEPT_LOGS_MAX (128u << 10)
#define KEPT_LINES_MAX 1000

/* ---- snapshots ---- */

static struct wishes wishes_of(const struct master *m)
{
    const struct options *o = m->o;
    bool is_quiet = o->skip_log_setup;
    return (struct wishes){
        .tunables = m->tunables,
        .users = m->machine.load.users,
        .spawn_rate = m->machine.load.spawn_rate,
        .run_time_s = m->machine.load.run_time_s,
        .has_tables = !is_quiet && !o->only_summary && (o->print_stats || o->headless),
        .has_summary = !is_quiet && !o->json_file,
        .has_json = o->json,
        .has_check_cases = o->junit_checks,
        .json_file = o->json_file,
        .html_file = o->html_file,
    };
}

static struct snapshot *take(struct master *m, const struct snapshot *end)
{
    struct snapshot head = end ? *end : (struct snapshot){0};
    struct run_clock now = master_now();
    head.mono = now.mono;
    head.view = bridge_view(m->bridge);
    head.wishes = wishes_of(m);
    head.run_age_s = run_age_s(&m->machine.run, now);
    head.run_number = m->machine.run.number;
    head.target_users = m->machine.run.target_users;
    head.is_live = run_is_on(&m->machine.run);
    head.is_begun =
        m->machine.is_auto_begun || m->machine.run.number > 0 || (m->o->print_stats && m->web);
    struct snapshot *s = snapshot_build(m->record.snapshots, &head, &m->record.stats);
    snapshot_add_parts(s, m->record.part_snapshots, &m->record.parts);
    return s;
}

static struct snapshot *take_now(struct master *m)
{
    publish_view(m);
    return take(m, NULL);
}

struct snapshot *results_snapshot(struct master *m)
{
    return take(m, NULL);
}

static void tick(struct master *m)
{
    struct snapshot *s = take(m, NULL);
    outputs_tick(m->outputs, s);
    snapshot_unref(s);
}

/* ---- what the numbers leave out ---- */

static void add_losses(const struct master *m, struct sbuf *text)
{
    for (const struct loss *l = m->record.losses.first; l; l = l->next) {
        losses_write(l, true, text);
        sbuf_adds(text, "\n\n");
    }
    if (m->record.losses.left_out > 0)
        sbuf_addf(text, "%zu more times a worker was lost.\n\n", m->record.losses.left_out);
    if (m->machine.is_deserted)
        sbuf_adds(text, "The test ended before its time: its last worker was lost. Measurement not "
                        "valid for the time in which it was not heard.\n\n");
}

/* A limit of a container is easily lifted, a neighbour moved, when one knows of it. */
static const char *words_if(const struct master *m, const char *why, const char *words)
{
    return events_has_cause(m->record.events, why) ? words : "";
}

static void add_saturation(const struct master *m, struct sbuf *text)
{
    double seconds = events_saturated_s(m->record.events);
    if (seconds > 0)
        sbuf_addf(text,
                  "Measurement not valid for %.0f s: a worker could not keep up (processor above "
                  "%.0f %%, %s%s%sor event loop more than %.0f ms late), so the times above hold "
                  "its own delay as well. Use more workers, or fewer users%s.\n\n",
                  ceil(seconds), SATURATED_CPU,
                  words_if(m, "quota", "throttled by the processor limit of its container, "),
                  words_if(m, "starved", "kept waiting for a processor that others used, "),
                  words_if(m, "delay", "arrivals begun too late, "), SATURATED_LAG_MS,
                  words_if(m, "starved", "; give it processors that nothing else uses"));
}

static void add_delay(const struct master *m, struct sbuf *text)
{
    double seconds = inbox_behind_s(&m->nodes);
    if (seconds > 0)
        sbuf_addf(text,
                  "The master could not keep up with its workers for %.0f s: figures came up to "
                  "%.0f s late. All of them are in the tables above; give the master more "
                  "processor time for charts that are exact to the second.\n\n",
                  ceil(seconds), ceil(m->nodes.inbox.longest_s));
}

static char *remarks(const struct master *m)
{
    struct sbuf text = {0};
    judging_lines(m, &text);
    knees_tell(m, &text);
    add_losses(m, &text);
    add_saturation(m, &text);
    add_delay(m, &text);
    if (baseline_words(m))
        sbuf_addf(&text, "%s\n", baseline_words(m));
    return text.data;
}

/* ---- the report ---- */

static bool make_report(const struct snapshot *last, struct sbuf *html)
{
    const struct html_report_ask ask = {.script = last->end.script,
                                        .samples = last->end.samples,
                                        .logs = last->end.logs,
                                        .metrics = last->end.metrics,
                                        .plans = last->end.plans};
    return html_report_make(last->view, &ask, html);
}

/* What was counted in series in all of the run, with its courses, and the scenarios; or NULL. */
static void write_courses(const struct master *m, const struct view *v, struct sbuf *metrics,
                          struct sbuf *plans)
{
    const struct query whole = {0};
    const struct settled_range r = timeline_json_settle(v, &whole);
    if (v->series)
        series_report_json(m->record.series, r.from, r.to, HTML_REPORT_METRICS_MAX, metrics);
    if (m->plans.list.count)
        plans_write_progress(m, plans);
}

/* Those with a value; what comes later counts. */
static void put_tags(json_t *to, char *const *tags)
{
    for (; tags && *tags; tags++) {
        const char *value = strchr(*tags, '=');
        if (value)
            json_object_setn_new(to, *tags, (size_t)(value - *tags), json_string(value + 1));
    }
}

/* What people chose for the run, beyond what the view has. */
static char *chosen(const struct master *m)
{
    struct sbuf out = {0};
    const char *profile = m->o->profile ? m->o->profile : "";
    json_t *tags = json_object();
    put_tags(tags, m->o->run_tags);
    put_tags(tags, m->o->series_tags);
    char *text = json_dumps(tags, JSON_COMPACT);
    sbuf_adds(&out, "{\"profile\":");
    sbuf_add_json(&out, profile, strlen(profile));
    sbuf_addf(&out, ",\"tags\":%s}", text);
    free(text);
    json_decref(tags);
    return sbuf_take(&out);
}

static void keep_courses(const struct master *m, struct snapshot *last)
{
    struct sbuf metrics = {0}, plans = {0};
    struct view *v = bridge_view(m->bridge);
    write_courses(m, v, &metrics, &plans);
    view_unref(v);
    last->end.metrics = metrics.data;
    last->end.plans = plans.data;
}

static bool is_stored(const struct options *o)
{
    return !o->no_history && !history_is_off(o->history);
}

/* What a stored run opens with besides its figures. */
static void keep_traces(const struct master *m, struct snapshot *last)
{
    struct sbuf samples = {0}, logs = {0};
    samples_write_all(m->record.samples, KEPT_SAMPLES_MAX, &samples);
    logs_write(m->logs, 0, KEPT_LINES_MAX, KEPT_LOGS_MAX, &logs);
    if (!last->end.script && m->nodes.host.has_script && m->nodes.host.script.about)
        last->end.script = mem_strdup(m->nodes.host.script.about);
    last->end.kept_samples = samples.data;
    last->end.kept_logs = logs.data;
}

static struct snapshot *take_last(struct master *m)
{
    struct snapshot last = {.end.remarks = remarks(m),
                            .end.outputs = m->outputs,
                            .end.series = record_series(&m->record, true)};
    struct sbuf samples = {0}, logs = {0};
    if ((m->o->html_file || m->o->summary_file) && m->nodes.host.has_script &&
        m->nodes.host.script.about)
        last.end.script = mem_strdup(m->nodes.host.script.about);
    if (m->o->html_file && m->o->html_samples)
        samples_write_all(m->record.samples, HTML_REPORT_SAMPLES_MAX, &samples);
    if (m->o->html_file && m->o->html_logs)
        logs_write(m->logs, 0, SIZE_MAX, HTML_REPORT_LOGS_MAX, &logs);
    last.end.chosen = chosen(m);
    last.end.compared = baseline_words(m) ? mem_strdup(baseline_words(m)) : NULL;
    last.end.baseline = baseline_object(m) ? mem_strdup(baseline_object(m)) : NULL;
    last.end.samples = samples.data;
    last.end.logs = logs.data;
    publish_view(m);
    if (m->o->html_file || m->o->summary_file || is_stored(m->o))
        keep_courses(m, &last);
    if (is_stored(m->o))
        keep_traces(m, &last);
    return take(m, &last);
}

bool results_html_report(struct master *m, struct sbuf *html)
{
    publish_view(m);
    struct view *v = bridge_view(m->bridge);
    struct sbuf metrics = {0}, plans = {0};
    write_courses(m, v, &metrics, &plans);
    const struct html_report_ask ask = {
        .script = m->nodes.host.script.about, .metrics = metrics.data, .plans = plans.data};
    bool is_made = html_report_make(v, &ask, html);
    view_unref(v);
    sbuf_fini(&metrics);
    sbuf_fini(&plans);
    return is_made;
}

/* ---- from the start to the end ---- */

static void add_document(struct master *m, const char *option, const char *path,
                         document_write *write)
{
    if (path)
        outputs_add(m->outputs, document_output(option, path, write));
}

/* By the name locust nothing is said that Locust does not say, unless somebody asks for it. */
static bool is_on_github(const struct master *m)
{
    const char *there = getenv("GITHUB_ACTIONS");
    return m->o->github || (there && strcmp(there, "true") == 0 && !m->o->is_locust);
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value;
}

static void add_build_servers(struct master *m)
{
    if (m->o->is_locust)
        return;
    if (is_set("TF_BUILD"))
        outputs_add(m->outputs, build_server_output("azure", azure_write));
    if (is_set("TEAMCITY_VERSION"))
        outputs_add(m->outputs, build_server_output("teamcity", teamcity_write));
}

static void add_documents(struct master *m)
{
#define DOCUMENT(option, field, write) add_document(m, option, m->o->field, write);
#include "master/out/documents.def"
#undef DOCUMENT
    if (is_on_github(m))
        outputs_add(m->outputs,
                    github_output(getenv("GITHUB_STEP_SUMMARY"), getenv("GITHUB_OUTPUT")));
    add_build_servers(m);
}

/* {"profile", "test_id", "note", "tags"} as they were given. */
static json_t *about_run(const struct master *m)
{
    const struct options *o = m->o;
    json_t *about =
        json_pack("{s:s,s:s,s:s,s:o}", "profile", o->profile ? o->profile : "", "test_id",
                  o->test_id ? o->test_id : "", "note", o->run_note ? o->run_note : "", "tags",
                  run_about_tags(o, repeat_id(m)));
    run_about_seed(o, about);
    return about;
}

static void add_history(struct master *m)
{
    const struct options *o = m->o;
    char *folder = is_stored(o) ? history_folder(o->history) : NULL;
    if (folder)
        outputs_add(m->outputs, history_output(&(struct history_wish){
                                    .folder = folder,
                                    .about = about_run(m),
                                    .keep = {.runs = (size_t)o->history_keep,
                                             .days = o->history_days,
                                             .megabytes = o->history_mb},
                                    .source = o->no_git ? NULL : o->locustfile,
                                }));
    free(folder);
}

enum {
    OWN_OUTPUTS = 6, /* at most, below: JSON, console, CSV, GitHub, HTML, history */
    DOCUMENTS = 0
#define DOCUMENT(option, field, write) +1
#include "master/out/documents.def"
#undef DOCUMENT
};
static_assert(OWN_OUTPUTS + DOCUMENTS + RECEIVERS_MOST <= OUTPUTS_MAX, "each has its place");

/* In the order of the end: what stands on standard output comes before the tables. */
static int add_outputs(struct master *m)
{
    outputs_add(m->outputs, json_output());
    outputs_add(m->outputs, console_output());
    if (m->o->csv_prefix)
        outputs_add(m->outputs, csv_output(m->o->csv_prefix, m->o->csv_full_history));
    if (m->o->csv_prefix && m->o->csv_full_history)
        m->history_file = csv_history_file(m->o->csv_prefix);
    const int rc = receivers_add(m); /* documents tell of what they sent */
    add_documents(m);
    outputs_add(m->outputs, html_output(make_report));
    add_history(m);
    return rc;
}

static bool is_due(const struct master *m, double mono)
{
    const struct wishes w = wishes_of(m);
    return outputs_are_due(m->outputs, mono, run_is_on(&m->machine.run), &w);
}

/* What could not be logged cannot be told in the log. */
static int log_code(const struct master *m)
{
    if (m->o->logfile)
        log_settle(FORCE_WAIT_S);
    int error = m->o->logfile ? log_error_number() : 0;
    if (error == 0)
        return 0;
    log_printf("%s: --logfile: cannot write %s: %s; lines are missing in it", options_program(),
               m->o->logfile, strerror(error));
    return EXIT_OUTPUT_FILE;
}

static void end_is_written(struct master *m)
{
    const int code = log_code(m);
    const bool has_failed = m->outputs && outputs_have_failed(m->outputs);
    void (*const is_written)(struct master *, int) = m->is_written;
    m->is_written = NULL;
    is_written(m, has_failed ? EXIT_OUTPUT_FILE : code);
}

static void advance(struct master *m)
{
    if (m->is_written && outputs_are_done(m->outputs, master_now().mono))
        end_is_written(m);
}

static void on_news(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    advance(arg);
}

int results_open(struct master *m)
{
    char *why = NULL;
    m->outputs = outputs_new();
    int rc = add_outputs(m);
    if (rc != 0)
        return rc;
    struct snapshot *first = take_now(m);
    rc = outputs_open(m->outputs, first, m->o->out_required ? REACH_WAIT_S : OPEN_WAIT_S, &why);
    snapshot_unref(first);
    if (rc != 0) {
        log_printf("%s: %s", options_program(), why);
        free(why);
        return EXIT_OUTPUT_FILE;
    }
    m->outputs_event = event_new(m->base, outputs_fd(m->outputs), EV_READ | EV_PERSIST, on_news, m);
    event_add(m->outputs_event, NULL);
    return 0;
}

/* Locust prints the empty table too. */
void results_begin(struct master *m)
{
    publish_view(m);
    tick(m);
    outputs_settle(m->outputs, BEGIN_WAIT_S);
}

void results_second(struct master *m)
{
    if (m->outputs && m->machine.finish <= FINISH_STOP && is_due(m, master_now().mono))
        tick(m);
    advance(m);
}

void results_run_over(struct master *m)
{
    if (!m->outputs || !outputs_follow_runs(m->outputs))
        return;
    struct snapshot over = {0};
    publish_view(m);
    if (is_stored(m->o)) {
        keep_courses(m, &over);
        keep_traces(m, &over);
    }
    struct snapshot *s = take(m, &over);
    outputs_turn(m->outputs, s);
    snapshot_unref(s);
}

void results_end(struct master *m, void (*is_written)(struct master *m, int code))
{
    uint64_t late = m->record.trouble.late;
    m->is_written = is_written;
    if (late > 0)
        log_debug(LOGGER, "%llu reports of earlier runs were dropped", (unsigned long long)late);
    if (!m->outputs) {
        end_is_written(m);
        return;
    }
    struct snapshot *last = take_last(m);
    outputs_run_end(m->outputs, last);
    snapshot_unref(last);
}

/* The end is forced: what was measured goes out if it does so soon. */
static void hurry(struct master *m)
{
    double until = master_now().mono + FORCE_WAIT_S;
    if (!m->is_written && is_due(m, until)) {
        publish_view(m);
        tick(m);
    }
    for (double now = 0; now < until; now = master_now().mono) {
        bool is_done = outputs_settle(m->outputs, 0.1);
        if (m->is_written ? outputs_are_done(m->outputs, now) : is_done)
            return;
    }
}

void results_close(struct master *m)
{
    if (m->outputs_event)
        event_free(m->outputs_event);
    if (m->outputs)
        hurry(m);
    outputs_close(m->outputs, FORCE_WAIT_S);
    m->outputs = NULL;
    free(m->history_file);
    m->history_file = NULL;
}
