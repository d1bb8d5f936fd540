// SPDX-License-Identifier: MIT
/* downloads: what web threads cannot write from a view, because it takes the master's own state:
 * tables with every column, task ratios, logs. Written while a web thread waits for it. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"
#include "master/app/explain.h"
#include "master/data/json_out.h"
#include "master/data/series_course.h"
#include "master/data/series_list.h"
#include "master/out/csv_tables.h"
#include "master/web/html_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- /tasks -- */

static int by_name(const void *a, const void *b)
{
    const struct script_class *x = *(const struct script_class *const *)a;
    const struct script_class *y = *(const struct script_class *const *)b;
    return strcmp(x->name, y->name);
}

/* "tasks": {name: {"ratio": …, "tasks": {…}}}; ratios are multiplied by `whole`, those of inner
 * tasks by that of their set too when is_total. */
static void write_shares(struct json_out *j, const struct task_share *tasks, size_t count,
                         double whole, int is_total)
{
    json_out_open(j, "tasks", '{');
    for (size_t i = 0; i < count; i++) {
        const struct task_share *t = &tasks[i];
        double ratio = t->ratio * whole;
        json_out_open(j, t->name, '{');
        json_out_float(j, "ratio", ratio);
        if (t->task_count > 0)
            write_shares(j, t->tasks, t->task_count, is_total ? ratio : 1.0, is_total);
        json_out_close(j, '}');
    }
    json_out_close(j, '}');
}

static void write_ratios(struct json_out *j, const struct master *m,
                         const struct script_class *const *classes, size_t count, bool is_total)
{
    double users = 0;
    for (size_t i = 0; i < count; i++)
        users += roster_class_users(&m->machine.roster, classes[i]->name);
    json_out_open(j, is_total ? "total" : "per_class", '{');
    for (size_t i = 0; i < count; i++) {
        double share =
            roster_class_users(&m->machine.roster, classes[i]->name) / (users > 0 ? users : 1);
        json_out_open(j, classes[i]->name, '{');
        json_out_float(j, "ratio", share);
        write_shares(j, classes[i]->tasks.tasks, classes[i]->tasks.count, is_total ? share : 1.0,
                     is_total);
        json_out_close(j, '}');
    }
    json_out_close(j, '}');
}

/* With --class-picker only what was chosen for the last test is told of, as in Locust. */
static bool is_picked(const struct master *m, const char *name)
{
    if (!m->o->class_picker || m->nodes.host.script.has_shape || !m->machine.load.user_classes)
        return true;
    for (size_t i = 0; m->machine.load.user_classes[i]; i++)
        if (!strcmp(m->machine.load.user_classes[i], name))
            return true;
    return false;
}

static void write_tasks(const struct master *m, struct sbuf *out)
{
    struct json_out j;
    const struct script *s = &m->nodes.host.script;
    const struct script_class **sorted = mem_zalloc((s->class_count + 1) * sizeof *sorted);
    size_t count = 0;
    for (size_t i = 0; i < s->class_count; i++)
        if (is_picked(m, s->classes[i].name))
            sorted[count++] = &s->classes[i];
    qsort(sorted, count, sizeof *sorted, by_name);
    json_out_init(&j, out);
    json_out_open(&j, NULL, '{');
    write_ratios(&j, m, sorted, count, false);
    write_ratios(&j, m, sorted, count, true);
    json_out_close(&j, '}');
    free(sorted);
}

/* -- samples -- */

static void write_failure_samples(const struct master *m, uint64_t id, struct sbuf *out)
{
    const struct failure *f = m->record.stats.failures;
    while (f && f->number != id)
        f = f->next;
    samples_write(m->record.samples, f ? f->method : "", f ? f->name : "", f ? f->text : "", out);
}

static void write_row_samples(const struct master *m, uint64_t id, struct sbuf *out)
{
    const struct tally *t = m->record.stats.rows;
    while (t && t->number != id)
        t = t->next;
    samples_write(m->record.samples, t ? t->method : "", t ? t->name : "", NULL, out);
}

/* -- the locustfile: as the host told it, and why it could not be loaded anew -- */

static void write_script(const struct master *m, struct sbuf *out)
{
    static const char no_error[] = "\"error\":null}"; /* how it ends */
    const struct host *h = &m->nodes.host;
    const size_t tail = sizeof no_error - 1, len = h->script.about ? strlen(h->script.about) : 0;
    if (h->has_script && len > 0) {
        sbuf_add(out, h->script.about, len);
    } else if (m->reload.why && len > tail && !strcmp(h->script.about + len - tail, no_error)) {
        sbuf_add(out, h->script.about, len - tail);
        sbuf_adds(out, "\"error\":");
        sbuf_add_json(out, m->reload.whole, strlen(m->reload.whole));
        sbuf_addc(out, '}');
    } else {
        sbuf_adds(out, "{}");
    }
}

/* -- tables -- */

static void write_requests(const struct master *m, struct sbuf *out)
{
    const struct percentile_columns columns = percentile_columns(&m->tunables.report);
    csv_requests(&m->record.stats, &columns, out, sbuf_add_csv_no_formula);
}

/* -- metrics -- */

static void write_metrics(const struct master *m, const struct command *c)
{
    struct series_list *l =
        series_list_range(m->record.series, (int64_t)c->since, (int64_t)c->limit, SERIES_LIST_LIVE);
    sbuf_addf(c->out, "{\"type\":\"series\",\"from\":%llu,\"to\":%llu,\"left_out\":%zu,\"series\":",
              (unsigned long long)c->since, (unsigned long long)c->limit, l->left_out);
    series_list_json(l, NULL, c->out);
    sbuf_addc(c->out, '}');
    series_list_unref(l);
}

/* An object of texts as tags: how many, or -1. They belong to the object. */
static int read_tags(json_t *object, struct tag tags[static TAGS_MOST])
{
    int count = 0;
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return -1;
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value) || count == TAGS_MOST)
            return -1;
        tags[count++] = (struct tag){key, json_string_value(value)};
    }
    return count;
}

static struct command_result wrong_tags(const char *why)
{
    struct command_result r = {.field = "tags"};
    snprintf(r.text, sizeof r.text, "%s", why);
    return r;
}

static struct command_result write_course(const struct master *m, const struct command *c)
{
    struct tag tags[TAGS_MOST];
    json_t *object = c->json ? json_loads(c->json, 0, NULL) : NULL;
    const int count = c->json ? read_tags(object, tags) : 0;
    struct command_result r = {.is_ok = true};
    const struct series_course of = {.metric = c->text,
                                     .tags = c->json ? tags : NULL,
                                     .tag_count = count > 0 ? (size_t)count : 0,
                                     .from = (int64_t)c->since,
                                     .to = (int64_t)c->limit,
                                     .step = (uint32_t)c->id,
                                     .above = c->above};
    if (count < 0)
        r = wrong_tags("The tags are an object of texts: {\"check\": \"status is 200\"}.");
    else if (!series_course_json(m->record.series, &of, c->out))
        r = wrong_tags("That is more than can be added up at once: give the tags of one series, or "
                       "a shorter range.");
    json_decref(object);
    return r;
}

struct command_result downloads_write(struct master *m, const struct command *c)
{
    struct sbuf *out = c->out;
    switch (c->document) {
    case DOCUMENT_REQUESTS_CSV:
        write_requests(m, out);
        break;
    case DOCUMENT_FAILURES_CSV:
        csv_failures(&m->record.stats, out, sbuf_add_csv_no_formula);
        break;
    case DOCUMENT_EXCEPTIONS_CSV:
        csv_exceptions(&m->record.stats, out, sbuf_add_csv_no_formula);
        break;
    case DOCUMENT_TASKS:
        write_tasks(m, out);
        break;
    case DOCUMENT_LOGS:
        node_logs_write(m->node_logs, m->nodes.host.node_id, out);
        break;
    case DOCUMENT_SCRIPT:
        write_script(m, out);
        break;
    case DOCUMENT_LINES:
        logs_write(m->logs, c->since, c->limit, SIZE_MAX, out);
        break;
    case DOCUMENT_SAMPLES:
        write_failure_samples(m, c->id, out);
        break;
    case DOCUMENT_ROW_SAMPLES:
        write_row_samples(m, c->id, out);
        break;
    case DOCUMENT_CHECK_SAMPLES:
        samples_write_check(m->record.samples, c->text, out);
        break;
    case DOCUMENT_METRICS:
        write_metrics(m, c);
        break;
    case DOCUMENT_COURSE:
        return write_course(m, c);
    case DOCUMENT_THRESHOLDS:
        return explain_thresholds(c->json, out);
    case DOCUMENT_REPORT_METRICS:
        series_report_json(m->record.series, (int64_t)c->since, (int64_t)c->limit,
                           HTML_REPORT_METRICS_MAX, out);
        break;
    case DOCUMENT_REPORT_SAMPLES:
        samples_write_all(m->record.samples, HTML_REPORT_SAMPLES_MAX, out);
        break;
    case DOCUMENT_REPORT_LOGS:
        logs_write(m->logs, 0, SIZE_MAX, HTML_REPORT_LOGS_MAX, out);
        break;
    case DOCUMENT_SCENARIOS:
        plans_write_progress(m, out);
        break;
    case DOCUMENT_SCRAPE:
        *c->scrape = (struct scrape){
            .snapshot = results_snapshot(m), .write = receivers_scrape, .arg = &m->receivers};
        kept_count(&m->record, m->logs, &c->scrape->kept);
        break;
    }
    return (struct command_result){.is_ok = true};
}
