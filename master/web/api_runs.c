// SPDX-License-Identifier: MIT
/* api_runs: the table of stored runs: lists, what is known of one, notes, pins, comparisons. What a
 * stored run's page asks besides (its seconds, rows, failures) is answered where the same is
 * answered of the run that is on, by its view (runs.h).
 *
 * All of it happens on the server's threads. The list and the changes are one statement of SQLite
 * each; comparing reads whole files, and is done in a turn (turns.h). */
#include "common/base/mem.h"
#include "master/store/context.h"
#include "master/store/side.h"
#include "master/store/trend.h"
#include "master/web/timeline_json.h"
#include "master/web/query.h"
#include "master/web/reply.h"
#include "master/web/request.h"
#include "master/web/runs.h"
#include "master/web/turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_LIMIT 50
#define LIST_MOST 500
#define SKIP_MOST 1000000
#define BODY_MAX 16384
#define NOTE_MAX 4000
#define PIN_MAX 100

static int answer_json(struct request *r, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    struct sbuf out = {0};
    sbuf_adds(&out, text != NULL ? text : "null");
    sbuf_addc(&out, '\n');
    const int status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    free(text);
    json_decref(value);
    return status;
}

static int refuse(struct request *r, struct runs_trouble *t)
{
    const int status = reply_error(r->conn, t->status, "", t->text);
    free(t->text);
    return status;
}

/* ---- the list ---- */

static bool is_verdict(const char *word, struct query_error *e)
{
    static const char *const words[] = {"passed",    "failed",      "-",
                                        "not valid", "interrupted", "running"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (word == NULL || strcmp(words[i], word) == 0)
            return true;
    *e = (struct query_error){
        "verdict", "Give passed, failed, - (without thresholds), not valid, interrupted or "
                   "running."};
    return false;
}

static bool read_filter(const struct request *r, struct history_filter *f, struct query_error *e)
{
    static const char *const known[] = {"text",  "profile", "branch", "tag", "verdict",
                                        "valid", "limit",   "skip",   NULL};
    uint32_t limit = LIST_LIMIT, skip = 0, valid = 0;
    *f = (struct history_filter){
        .profile = form_get(&r->query, "profile"),
        .branch = form_get(&r->query, "branch"),
        .tag = form_get(&r->query, "tag"),
        .verdict = form_get(&r->query, "verdict"),
        .text = form_get(&r->query, "text"),
    };
    if (!query_knows(&r->query, known, e) ||
        !query_whole(&r->query, "limit", 1, LIST_MOST, &limit, e) ||
        !query_whole(&r->query, "skip", 0, SKIP_MOST, &skip, e) ||
        !query_whole(&r->query, "valid", 0, 1, &valid, e) || !is_verdict(f->verdict, e))
        return false;
    f->limit = limit;
    f->skip = skip;
    f->is_valid = valid == 1;
    return true;
}

static json_t *summaries(json_t *runs)
{
    json_t *list = json_array();
    const json_t *run;
    size_t i;
    json_array_foreach(runs, i, run) json_array_append_new(list, history_summary(run));
    json_decref(runs);
    return list;
}

/* Nothing that is stored yet is no error. */
static int answer_none(struct request *r, struct runs_trouble *t)
{
    if (t->status != 404)
        return refuse(r, t);
    json_t *answer =
        json_pack("{s:[],s:i,s:[],s:s}", "runs", "total", 0, "profiles", "notice", t->text);
    free(t->text);
    return answer_json(r, answer);
}

/* Runs whose masters are gone are read to the end and called interrupted. */
static void mend(struct history *h)
{
    json_t *orphans = history_orphans(h);
    if (json_array_size(orphans) > 0 && turns_take()) {
        history_mend(h, false, NULL);
        turns_give();
    }
    json_decref(orphans);
}

static int get_runs(struct request *r)
{
    struct runs_trouble t = {0};
    struct history_filter f;
    struct query_error e;
    if (!read_filter(r, &f, &e))
        return reply_error(r->conn, 400, e.field, e.text);
    struct history *h = runs_open(r->runs, &t);
    if (h == NULL)
        return answer_none(r, &t);
    mend(h);
    json_t *answer =
        json_pack("{s:o,s:I,s:o,s:s}", "runs", summaries(history_list(h, &f)), "total",
                  (json_int_t)history_count(h, &f), "profiles", history_profiles(h), "notice", "");
    history_close(h);
    return answer_json(r, answer);
}

/* ---- one ---- */

/* The run of the path, and the history it is in; NULL after an answer was sent. */
static json_t *begin(struct request *r, struct history **h, int *status)
{
    struct runs_trouble t = {0};
    *h = runs_open(r->runs, &t);
    json_t *run = *h != NULL ? runs_find(*h, r->piece, &t) : NULL;
    if (run != NULL)
        return run;
    history_close(*h);
    *status = refuse(r, &t);
    return NULL;
}

static int get_run(struct request *r)
{
    struct history *h;
    int status;
    json_t *run = begin(r, &h, &status);
    if (run == NULL)
        return status;
    json_object_set_new(run, "result", json_string(history_verdict(run)));
    json_object_set_new(run, "intervals",
                        history_metrics(h, json_string_value(json_object_get(run, "id"))));
    history_close(h);
    return answer_json(r, run);
}

/* Scenarios, courses of metrics, samples and log lines: what its page shows besides. */
static int get_kept(struct request *r)
{
    struct runs_trouble t = {0};
    struct sbuf out = {0};
    if (!runs_kept(r->runs, r->piece, &out, &t)) {
        sbuf_fini(&out);
        return refuse(r, &t);
    }
    sbuf_addc(&out, '\n');
    const int status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

#define OUTLINE_STEPS 400

static void write_outline(struct sbuf *out, const struct view *v)
{
    const struct query whole = {.has_all_columns = true};
    const struct settled_range r = timeline_json_settle_steps(v, &whole, OUTLINE_STEPS);
    sbuf_adds(out, ",\"series\":");
    timeline_json_series(out, v, &whole, &r);
    sbuf_adds(out, ",\"distribution\":");
    timeline_json_distribution(out, v, &whole);
    sbuf_adds(out, ",\"heatmap\":");
    timeline_json_heatmap(out, v, &whole);
}

/* What a run is compared by in pictures: of all requests, in one answer, from a small part of its
 * file. */
static int get_outline(struct request *r)
{
    struct history *h;
    struct runs_trouble t = {.status = 503};
    struct sbuf out = {0};
    int status;
    json_t *run = begin(r, &h, &status);
    if (run == NULL)
        return status;
    const bool is_mine = turns_take();
    struct view *v = is_mine ? runs_outline(h, run, &t) : NULL;
    if (v != NULL) {
        char *text = json_dumps(run, JSON_COMPACT);
        sbuf_addf(&out, "{\"run\":%s", text);
        write_outline(&out, v);
        sbuf_adds(&out, "}\n");
        view_unref(v);
        free(text);
    }
    if (is_mine)
        turns_give();
    else
        t.text = mem_strdup(TURNS_BUSY);
    json_decref(run);
    history_close(h);
    status = out.len > 0 ? reply_json(r->conn, 200, &out) : refuse(r, &t);
    sbuf_fini(&out);
    return status;
}

/* Takes why: the answer to a change that was refused, or of one that was made. */
static int answer_change(struct request *r, int rc, char *why, const char *done)
{
    struct command_result result = {.is_ok = rc == 0, .status = rc == 0 ? 200 : 409};
    snprintf(result.text, sizeof result.text, "%s", rc == 0 ? done : why);
    free(why);
    return request_answer_result(r, &result);
}

static int delete_run(struct request *r)
{
    struct history *h;
    int status;
    char *why = NULL;
    if (!request_is_command(r, &status))
        return status;
    json_t *run = begin(r, &h, &status);
    if (run == NULL)
        return status;
    const char *id = json_string_value(json_object_get(run, "id"));
    const int rc = history_remove(h, id, &why);
    if (rc == 0)
        runs_forget(r->runs, id);
    json_decref(run);
    history_close(h);
    return answer_change(r, rc, why, "The run is deleted.");
}

/* ---- changes ---- */

/* The one text that the body has, under that name; malloced. NULL after an answer was sent. */
static char *read_text(struct request *r, const char *name, size_t most, int *status)
{
    struct sbuf body = {0};
    char *text = NULL;
    if (request_command(r, BODY_MAX, &body, status)) {
        json_t *fields =
            json_loadb(body.data != NULL ? body.data : "", body.len, JSON_REJECT_DUPLICATES, NULL);
        const json_t *value = json_object_get(fields, name);
        if (!json_is_string(value) || json_object_size(fields) != 1)
            *status = reply_error(r->conn, 400, name, "Give one text under this name.");
        else if (json_string_length(value) > most)
            *status = reply_error(r->conn, 400, name, "That is too long.");
        else
            text = mem_strdup(json_string_value(value));
        json_decref(fields);
    }
    sbuf_fini(&body);
    return text;
}

typedef int (*run_change)(struct history *h, const char *id, const char *text, char **why);

static int change(struct request *r, const char *name, size_t most, run_change make)
{
    struct history *h;
    int status;
    char *why = NULL;
    char *text = read_text(r, name, most, &status);
    json_t *run = text != NULL ? begin(r, &h, &status) : NULL;
    if (run == NULL) {
        free(text);
        return status;
    }
    const int rc = make(h, json_string_value(json_object_get(run, "id")), text, &why);
    json_decref(run);
    history_close(h);
    free(text);
    return answer_change(r, rc, why, "Written down.");
}

static int post_note(struct request *r)
{
    return change(r, "text", NOTE_MAX, history_note);
}

static int post_pin(struct request *r)
{
    return change(r, "name", PIN_MAX, history_pin);
}

/* ---- comparing ---- */

/* In a turn. false and *why. */
static bool compare(const struct request *r, struct history *h, bool is_forced, struct sbuf *out,
                    char **why)
{
    struct side before = {.count = 0}, after = {.count = 0};
    struct contrast c;
    struct side_ask ask = {.gate = &gate_usual};
    bool is_open = side_open(&after, h, form_get(&r->query, "b"), &ask, why);
    if (is_open)
        ask.like = after.runs[0].stats;
    is_open = is_open && side_open(&before, h, form_get(&r->query, "a"), &ask, why);
    if (is_open) {
        struct side_alike alike = side_alike(h, after.runs[0].meta);
        contrast_make(&c, &(struct contrast_ask){.before = before.runs,
                                                 .before_count = before.count,
                                                 .after = after.runs,
                                                 .after_count = after.count,
                                                 .gate = &gate_usual,
                                                 .is_forced = is_forced,
                                                 .wants_curve = true,
                                                 .between = side_between,
                                                 .arg = &alike});
        json_t *context = context_of(&before.runs[0], &after.runs[0]);
        contrast_json(&c, context, out);
        json_decref(context);
        contrast_fini(&c);
        side_alike_fini(&alike);
    }
    side_close(&before);
    side_close(&after);
    return is_open;
}

/* A file is what the command line may name, not whoever reaches the page. */
static bool is_spec(const char *spec)
{
    return spec != NULL && spec[0] != '\0' && !side_is_file(spec);
}

static int get_compare(struct request *r)
{
    static const char words[] = "Give a run: its id, latest, pinned:NAME, branch:NAME …";
    static const char *const known[] = {"a", "b", "force", NULL};
    struct runs_trouble t = {0};
    struct query_error e;
    struct sbuf out = {0};
    uint32_t force = 0;
    char *why = NULL;
    if (!query_knows(&r->query, known, &e) || !query_whole(&r->query, "force", 0, 1, &force, &e))
        return reply_error(r->conn, 400, e.field, e.text);
    for (const char *const *name = (const char *const[]){"a", "b", NULL}; *name != NULL; name++)
        if (!is_spec(form_get(&r->query, *name)))
            return reply_error(r->conn, 400, *name, words);
    struct history *h = runs_open(r->runs, &t);
    if (h == NULL)
        return refuse(r, &t);
    const bool is_mine = turns_take();
    const bool is_made = is_mine && compare(r, h, force == 1, &out, &why);
    if (is_mine)
        turns_give();
    history_close(h);
    const int status = is_made    ? reply_json(r->conn, 200, &out)
                       : !is_mine ? reply_error(r->conn, 503, "", TURNS_BUSY)
                                  : reply_error(r->conn, 404, "", why != NULL ? why : "No run.");
    free(why);
    sbuf_fini(&out);
    return status;
}

/* ---- trends ---- */

static const char *given(const struct request *r, const char *name, const char *otherwise)
{
    const char *value = form_get(&r->query, name);
    return value != NULL ? value : otherwise;
}

static int get_trend(struct request *r)
{
    const char *metric = given(r, "metric", "p95"), *method = given(r, "method", ""),
               *name = given(r, "name", "");
    static const char *const known[] = {"metric", "profile", "locustfile", "method", "name", NULL};
    struct runs_trouble t = {0};
    struct query_error e;
    if (!query_knows(&r->query, known, &e))
        return reply_error(r->conn, 400, e.field, e.text);
    struct history *h = runs_open(r->runs, &t);
    if (h == NULL)
        return refuse(r, &t);
    json_t *points = history_trend(h, given(r, "profile", NULL), given(r, "locustfile", NULL),
                                   method, name, metric);
    json_t *profiles = history_profiles(h);
    history_close(h);
    if (points == NULL) {
        json_decref(profiles);
        return reply_error(r->conn, 400, "metric",
                           "Give one of p50, p75, p90, p95, p99, p999, mean, rps, fail_ratio.");
    }
    json_t *answer = trend_describe(points, strcmp(metric, "fail_ratio") == 0);
    json_object_set_new(answer, "metric", json_string(metric));
    json_object_set_new(answer, "method", json_string(method));
    json_object_set_new(answer, "name", json_string(name));
    json_object_set_new(answer, "points", points);
    json_object_set_new(answer, "profiles", profiles);
    return answer_json(r, answer);
}

static const struct route ROUTES[] = {
    {"GET", "/api/v1/runs", get_runs},
    {"GET", "/api/v1/runs/{run}", get_run},
    {"DELETE", "/api/v1/runs/{run}", delete_run},
    {"GET", "/api/v1/runs/{run}/kept", get_kept},
    {"GET", "/api/v1/runs/{run}/outline", get_outline},
    {"POST", "/api/v1/runs/{run}/note", post_note},
    {"POST", "/api/v1/runs/{run}/pin", post_pin},
    {"GET", "/api/v1/compare", get_compare},
    {"GET", "/api/v1/trend", get_trend},
};
const struct routes runs_routes = {ROUTES, sizeof ROUTES / sizeof ROUTES[0]};
