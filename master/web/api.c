// SPDX-License-Identifier: MIT
/* api: the routes that read the timeline (docs/api.md), of the run that is on and of stored ones.
 *
 * What may take long is done in turns (turns.h). A closed range never changes: it has an ETag, and
 * who has it gets 304. */
#include "common/base/map.h"
#include "master/web/html_report.h"
#include "master/data/timeline_levels.h"
#include "master/web/timeline_json.h"
#include "master/web/reply.h"
#include "master/web/request.h"
#include "master/web/runs.h"
#include "master/web/turns.h"

#include <civetweb.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What an answer is of, if it can never change; else "". */
static void make_etag(char *etag, size_t size, const struct request *r, const struct view *v,
                      const struct settled_range *range)
{
    etag[0] = '\0';
    if (!range->is_complete || range->is_empty)
        return;
    uint64_t hash = map_hash(1, v->boot_id, strlen(v->boot_id));
    hash = map_hash(hash, v->run_id, strlen(v->run_id));
    hash = map_hash(hash, r->path, strlen(r->path));
    hash = map_hash(hash, &range->from, sizeof range->from);
    hash = map_hash(hash, &range->to, sizeof range->to);
    hash = map_hash(hash, &range->step, sizeof range->step);
    for (size_t i = 0; i < r->query.count; i++) {
        hash = map_hash(hash, r->query.fields[i].name, strlen(r->query.fields[i].name));
        hash = map_hash(hash, r->query.fields[i].value, strlen(r->query.fields[i].value));
    }
    snprintf(etag, size, "\"%016llx\"", (unsigned long long)hash);
}

typedef void (*answer_writer)(struct sbuf *out, const struct view *v, const struct query *q,
                              const struct settled_range *r);

static int answer(struct request *r, const struct query *q, struct settled_range range,
                  struct view *v, answer_writer write)
{
    char etag[24];
    struct sbuf out = {0};
    int status;
    make_etag(etag, sizeof etag, r, v, &range);
    if (etag[0] != '\0' && reply_is_known(r->conn, etag)) {
        view_unref(v);
        return reply_not_changed(r->conn, etag);
    }
    if (!turns_take()) {
        view_unref(v);
        return reply_error(r->conn, 503, "", TURNS_BUSY);
    }
    write(&out, v, q, &range);
    turns_give();
    view_unref(v); /* before sending: who reads slowly keeps no figures from being forgotten */
    if (etag[0] != '\0')
        status = reply_json_tagged(r->conn, etag, &out);
    else
        status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

/* The query and a view; false after an answer was sent. */
static bool begin(struct request *r, struct query *q, struct view **v, int *status)
{
    struct query_error e;
    if (!query_read(&r->query, q, &e)) {
        *status = reply_error(r->conn, 400, e.field, e.text);
        return false;
    }
    *v = request_view(r);
    *status = 503;
    return *v != NULL;
}

static int answer_whole(struct request *r, answer_writer write)
{
    struct query q;
    struct view *v;
    int status;
    if (!begin(r, &q, &v, &status))
        return status;
    return answer(r, &q, timeline_json_settle(v, &q), v, write);
}

static int answer_steps(struct request *r, uint32_t steps, answer_writer write)
{
    struct query q;
    struct view *v;
    int status;
    char text[160];
    if (!begin(r, &q, &v, &status))
        return status;
    struct settled_range range = timeline_json_settle_steps(v, &q, steps);
    int64_t seconds = range.to - range.from,
            most = q.step > 0 ? TIMELINE_JSON_STEPS_MAX : 2 * steps;
    if (!range.is_empty && seconds / range.step > most) {
        view_unref(v);
        snprintf(text, sizeof text, "That is more than %lld steps: give a step of %lld or more.",
                 (long long)most, (long long)(seconds / most + 1));
        return reply_error(r->conn, 400, "step", text);
    }
    return answer(r, &q, range, v, write);
}

static void write_range(struct sbuf *out, const struct view *v, const struct query *q,
                        const struct settled_range *r)
{
    (void)r;
    timeline_json_range(out, v, q);
}

static int get_range(struct request *r)
{
    return answer_whole(r, write_range);
}

static int get_series(struct request *r)
{
    return answer_steps(r, TIMELINE_JSON_STEPS, timeline_json_series);
}

static void write_heatmap(struct sbuf *out, const struct view *v, const struct query *q,
                          const struct settled_range *r)
{
    (void)r;
    timeline_json_heatmap(out, v, q);
}

static int get_heatmap(struct request *r)
{
    return answer_steps(r, TIMELINE_JSON_STEPS, write_heatmap);
}

static void write_distribution(struct sbuf *out, const struct view *v, const struct query *q,
                               const struct settled_range *r)
{
    (void)r;
    timeline_json_distribution(out, v, q);
}

static int get_distribution(struct request *r)
{
    return answer_whole(r, write_distribution);
}

static void write_sparks(struct sbuf *out, const struct view *v, const struct query *q,
                         const struct settled_range *r)
{
    (void)r;
    timeline_json_sparks(out, v, q);
}

static int get_sparks(struct request *r)
{
    return answer_whole(r, write_sparks);
}

static void write_failures(struct sbuf *out, const struct view *v, const struct query *q,
                           const struct settled_range *r)
{
    sbuf_addf(out,
              "{\"type\":\"failures\",\"from\":%lld,\"to\":%lld,\"complete\":%s,\"tick\":%llu,"
              "\"failures\":",
              (long long)r->from, (long long)r->to, r->is_complete ? "true" : "false",
              (unsigned long long)v->tick);
    timeline_json_failures(out, v, q);
    sbuf_addc(out, '}');
}

static int get_failures(struct request *r)
{
    return answer_whole(r, write_failures);
}

static int get_events(struct request *r)
{
    struct sbuf out = {0};
    struct view *v = request_view(r);
    if (v == NULL)
        return 503;
    sbuf_adds(&out, "{\"type\":\"events\",\"events\":");
    timeline_json_events(&out, v);
    sbuf_adds(&out, ",\"saturated\":");
    timeline_json_saturated(&out, v, 0, INT64_MAX);
    sbuf_addc(&out, '}');
    view_unref(v);
    int status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

/* ---- the report ---- */

/* One of the parts that only the main thread can write, or NULL: a report does without. */
static const char *part_between(struct request *r, enum document document, int64_t from, int64_t to,
                                struct sbuf *json)
{
    struct command c = {.kind = CMD_RENDER,
                        .document = document,
                        .out = json,
                        .since = (uint64_t)from,
                        .limit = (uint64_t)to};
    bool is_there = bridge_submit(r->bridge, &c, REQUEST_TIMEOUT_MS).is_ok && json->len > 0;
    return is_there ? json->data : NULL;
}

static const char *part(struct request *r, enum document document, struct sbuf *json)
{
    return part_between(r, document, 0, 0, json);
}

struct html_report_parts {
    bool has_samples, has_logs; /* asked for */
    struct sbuf script, samples, logs, metrics, plans;
};

static void name_file(const struct view *v, char *file, size_t size)
{
    struct tm at;
    time_t started = (time_t)(v->started_at > 0 ? v->started_at : v->now);
    localtime_r(&started, &at);
    snprintf(file, size, "Katydid_%04d-%02d-%02d-%02dh%02d_report.html", at.tm_year + 1900,
             at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min);
}

static void ask_main_thread(struct request *r, const struct view *v, const struct query *q,
                            struct html_report_ask *ask, struct html_report_parts *p)
{
    ask->script = part(r, DOCUMENT_SCRIPT, &p->script);
    if (p->has_samples)
        ask->samples = part(r, DOCUMENT_REPORT_SAMPLES, &p->samples);
    if (p->has_logs)
        ask->logs = part(r, DOCUMENT_REPORT_LOGS, &p->logs);
    if (v->series != NULL) {
        const struct settled_range whole = timeline_json_settle(v, q);
        ask->metrics = part_between(r, DOCUMENT_REPORT_METRICS, whole.from, whole.to, &p->metrics);
    }
    if (v->plan_count)
        ask->plans = part(r, DOCUMENT_SCENARIOS, &p->plans);
}

static const char *part_of_stored(const json_t *kept, const char *name, struct sbuf *out)
{
    const json_t *value = json_object_get(kept, name);
    char *text = json_is_object(value) ? json_dumps(value, JSON_COMPACT) : NULL;
    if (text != NULL)
        sbuf_adds(out, text);
    free(text);
    return out->data;
}

/* Its courses are of all of the run. A report does without what cannot be read. */
static void ask_stored(struct request *r, const struct query *q, struct html_report_ask *ask,
                       struct html_report_parts *p)
{
    struct runs_trouble t = {0};
    struct sbuf text = {0};
    json_t *kept =
        runs_kept(r->runs, r->piece, &text, &t) ? json_loadb(text.data, text.len, 0, NULL) : NULL;
    ask->script = part_of_stored(kept, "script", &p->script);
    if (p->has_samples)
        ask->samples = part_of_stored(kept, "samples", &p->samples);
    if (p->has_logs)
        ask->logs = part_of_stored(kept, "logs", &p->logs);
    if (!q->has_from && !q->has_to)
        ask->metrics = part_of_stored(kept, "metrics", &p->metrics);
    ask->plans = part_of_stored(kept, "scenarios", &p->plans);
    json_decref(kept);
    free(t.text);
    sbuf_fini(&text);
}

static int answer_report(struct request *r, bool is_download)
{
    struct query q;
    struct view *v;
    char file[96];
    struct sbuf out = {0};
    struct html_report_parts parts = {0};
    struct query_error e;
    int status;
    if (!query_flag(&r->query, "samples", &parts.has_samples, &e) ||
        !query_flag(&r->query, "logs", &parts.has_logs, &e))
        return reply_error(r->conn, 400, e.field, e.text);
    if (!begin(r, &q, &v, &status))
        return status;
    struct html_report_ask ask = {.from = q.has_from ? q.from : 0, .to = q.has_to ? q.to : 0};
    if (r->piece[0] != '\0') /* of which the main thread knows nothing */
        ask_stored(r, &q, &ask, &parts);
    else
        ask_main_thread(r, v, &q, &ask, &parts);
    bool is_mine = turns_take();
    bool is_made = is_mine && html_report_make(v, &ask, &out);
    if (is_mine)
        turns_give();
    name_file(v, file, sizeof file);
    view_unref(v);
    if (is_made)
        status = reply_html_report(r->conn, is_download ? file : NULL, &out);
    else
        status = reply_error(r->conn, 503, "",
                             is_mine ? "This katydid was built without its page (WEBUI=0), which a "
                                       "report is made of."
                                     : TURNS_BUSY);
    sbuf_fini(&parts.script);
    sbuf_fini(&parts.samples);
    sbuf_fini(&parts.logs);
    sbuf_fini(&parts.metrics);
    sbuf_fini(&parts.plans);
    sbuf_fini(&out);
    return status;
}

static int get_report(struct request *r)
{
    return answer_report(r, true);
}

/* Locust's: shown, unless it is to be downloaded. */
static int get_stats_report(struct request *r)
{
    const char *download = form_get(&r->query, "download");
    return answer_report(r, download != NULL && download[0] != '\0');
}

static int get_verdict(struct request *r)
{
    struct sbuf out = {0};
    struct view *v = request_view(r);
    if (v == NULL)
        return 503;
    sbuf_adds(&out, v->verdict);
    view_unref(v);
    const int status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

static int get_scenarios(struct request *r)
{
    struct sbuf out = {0};
    int status;
    if (request_render(r, DOCUMENT_SCENARIOS, &out, &status))
        status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

static const struct route ROUTES[] = {
    {"GET", "/api/v1/scenarios", get_scenarios},
    {"GET", "/api/v1/verdict", get_verdict},
    {"GET", "/api/v1/range", get_range},
    {"GET", "/api/v1/series", get_series},
    {"GET", "/api/v1/heatmap", get_heatmap},
    {"GET", "/api/v1/distribution", get_distribution},
    {"GET", "/api/v1/sparks", get_sparks},
    {"GET", "/api/v1/failures", get_failures},
    {"GET", "/api/v1/events", get_events},
    {"GET", "/api/v1/report", get_report},
    {"GET", "/stats/report", get_stats_report},
    {"GET", "/api/v1/runs/{run}/verdict", get_verdict},
    {"GET", "/api/v1/runs/{run}/range", get_range},
    {"GET", "/api/v1/runs/{run}/series", get_series},
    {"GET", "/api/v1/runs/{run}/heatmap", get_heatmap},
    {"GET", "/api/v1/runs/{run}/distribution", get_distribution},
    {"GET", "/api/v1/runs/{run}/sparks", get_sparks},
    {"GET", "/api/v1/runs/{run}/failures", get_failures},
    {"GET", "/api/v1/runs/{run}/events", get_events},
    {"GET", "/api/v1/runs/{run}/report", get_report},
};
const struct routes timeline_routes = {ROUTES, sizeof ROUTES / sizeof ROUTES[0]};
