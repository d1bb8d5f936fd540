// SPDX-License-Identifier: MIT
/* gates: the thresholds of a test from all the places they are written in, as one list: the command
 * line and its files, the locustfile, and who started this run. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"
#include "common/run/exit_code.h"
#include "master/verdict/by_metric.h"
#include "master/verdict/grammar.h"
#include "master/verdict/measure.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_TAGS_MOST 8 /* as the workers have room for */

static int say(char *why)
{
    fprintf(stderr, "%s: error: %s\n", options_program(), why);
    free(why);
    return EXIT_USAGE;
}

static int take_json(struct threshold_list *list, const char *json, const char *source, char **why)
{
    json_error_t e;
    json_t *value = json_loads(json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &e);
    if (!value) {
        struct sbuf text = {0};
        sbuf_addf(&text, "%s:%d: column %d: %s: write it as JSON", source, e.line, e.column,
                  e.text);
        *why = sbuf_take(&text);
        return -1;
    }
    const int rc = threshold_list_json(list, value, source, why);
    json_decref(value);
    return rc;
}

/* The same of a file of JSON; where it is none, take_json says so. */
static int take_json_file(struct threshold_list *list, const char *json, const char *path,
                          char **why)
{
    json_t *value = json_loads(json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    char *marked = value ? threshold_list_mark(json) : NULL;
    const int rc = take_json(list, marked ? marked : json, path, why);
    free(marked);
    json_decref(value);
    return rc;
}

static int take_file(struct threshold_list *list, const char *path, bool is_project)
{
    struct sbuf text = {0}, json = {0};
    const size_t len = strlen(path);
    const bool is_toml = len >= 5 && strcmp(path + len - 5, ".toml") == 0;
    char *why = NULL;
    int rc = options_slurp(path, !is_project, &text);
    if (rc == 0 && text.len && is_toml)
        rc = options_toml_thresholds(path, text.data, text.len, is_project, &json);
    if (rc == 0 && json.data)
        rc = take_json(list, json.data, path, &why);
    else if (rc == 0 && text.data && !is_toml)
        rc = take_json_file(list, text.data, path, &why);
    if (why)
        rc = say(why);
    if (rc == 0 && !is_project && list->count == 0) {
        struct sbuf words = {0};
        sbuf_addf(&words, "%s: there is no threshold in it: write %s", path,
                  is_toml ? "tables [[threshold]]" : "a JSON list of thresholds");
        rc = say(sbuf_take(&words));
    }
    sbuf_fini(&json);
    sbuf_fini(&text);
    return rc;
}

int gates_open(struct master *m)
{
    struct threshold_list *list = &m->gates.given;
    char *why = NULL;
    for (char **text = m->o->threshold; text && *text; text++)
        if (threshold_list_text(list, *text, "--threshold", &why) != 0)
            return say(why);
    struct threshold_list of_file = {0};
    int rc = m->o->thresholds_file ? take_file(&of_file, m->o->thresholds_file, false) : 0;
    threshold_list_add_all(list, &of_file);
    threshold_list_fini(&of_file);
    if (rc == 0)
        rc = take_file(list, "pyproject.toml", true);
    if (rc == 0)
        gates_settle(m);
    return rc;
}

/* Warnings stand in the log once. */
static void warn(struct master *m, const struct threshold_list *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].warning && i >= m->gates.warned)
            log_warning(MAIN_LOGGER, "%s: '%s': %s", all->items[i].source, all->items[i].text,
                        all->items[i].warning);
    m->gates.warned = all->count > m->gates.warned ? all->count : m->gates.warned;
}

/* ---- tags that thresholds look at: workers keep requests apart by them ---- */

static size_t count_texts(char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

static bool is_listed(char *const *list, const char *key)
{
    const size_t len = strcspn(key, "=");
    for (; list && *list; list++)
        if (strcspn(*list, "=") == len && !strncmp(*list, key, len))
            return true;
    return false;
}

/* "key=value", where all of the run has that tag; else what was given. */
static const char *of_run(const struct options *o, const char *key)
{
    const size_t len = strcspn(key, "=");
    for (char **tag = o->run_tags; !key[len] && tag && *tag; tag++)
        if (strcspn(*tag, "=") == len && (*tag)[len] && !strncmp(*tag, key, len))
            return *tag;
    return key;
}

static void want_tag(struct master *m, const char *key)
{
    char ***list = &m->gates.series_tags;
    const size_t n = count_texts(*list);
    if (is_listed(*list, key))
        return;
    if (n >= SERIES_TAGS_MOST) {
        log_warning(MAIN_LOGGER,
                    "requests are kept apart by %d tags at most: not by '%s', which a threshold "
                    "needs",
                    SERIES_TAGS_MOST, key);
        return;
    }
    *list = mem_realloc(*list, (n + 2) * sizeof **list);
    (*list)[n] = mem_strdup(of_run(m->o, key));
    (*list)[n + 1] = NULL;
}

static void forget(char ***list)
{
    for (size_t i = 0; *list && (*list)[i]; i++)
        free((*list)[i]);
    free(*list);
    *list = NULL;
}

static void forget_tags(struct master *m)
{
    forget(&m->gates.series_tags);
    m->nodes.series_tags = NULL;
}

/* Every series has method and name. */
static void want_tags(struct master *m, const struct threshold_list *all)
{
    forget_tags(m);
    for (char **tag = m->o->series_tags; tag && *tag; tag++)
        want_tag(m, *tag);
    for (size_t i = 0; i < all->count; i++) {
        const struct threshold *t = &all->items[i];
        if (t->scope == SCOPE_CLASS)
            want_tag(m, "class");
        for (size_t k = 0; t->scope == SCOPE_TAGS && k < t->tag_count; k++)
            if (strcmp(t->tags[k].key, "method") != 0 && strcmp(t->tags[k].key, "name") != 0)
                want_tag(m, t->tags[k].key);
    }
    m->nodes.series_tags = m->gates.series_tags;
}

/* What a good answer is, by each threshold. */
static void want_goodputs(struct master *m, const struct threshold_list *all)
{
    size_t n = 0;
    forget(&m->gates.goodputs);
    for (size_t i = 0; i < all->count; i++) {
        const char *what = threshold_goodput(&all->items[i]);
        bool is_known = !what;
        for (size_t k = 0; k < n && !is_known; k++)
            is_known = !strcmp(m->gates.goodputs[k], what);
        if (is_known)
            continue;
        m->gates.goodputs = mem_realloc(m->gates.goodputs, (n + 2) * sizeof *m->gates.goodputs);
        m->gates.goodputs[n++] = mem_strdup(what);
        m->gates.goodputs[n] = NULL;
    }
    m->nodes.goodputs = m->gates.goodputs;
}

/* Workers count iterations only if somebody asks. */
static bool has_iterations(const struct threshold_list *all)
{
    for (size_t i = 0; i < all->count; i++) {
        const char *metric = all->items[i].metric;
        if (metric && (!strcmp(metric, "iterations") || !strcmp(metric, "iteration_duration")))
            return true;
    }
    return false;
}

/* What http_req_duration means to k6 is measured apart, and only if somebody asks. */
static bool take_k6_times(const struct options *o, struct threshold_list *all)
{
    bool has_some = false;
    for (size_t i = 0; o->k6_names && i < all->count; i++)
        has_some |= threshold_take_k6_times(&all->items[i]);
    return has_some;
}

void gates_settle(struct master *m)
{
    struct threshold_list all = {0};
    threshold_list_add_all(&all, &m->gates.given);
    threshold_list_add_all(&all, &m->gates.of_script);
    threshold_list_add_all(&all, &m->gates.asked);
    m->nodes.has_k6_times = take_k6_times(m->o, &all);
    verdict_set(m->judging.verdict, &all);
    want_tags(m, &all);
    want_goodputs(m, &all);
    free(m->gates.by_metric);
    m->gates.by_metric = thresholds_by_metric(&all);
    m->nodes.counts_iterations = has_iterations(&all);
    warn(m, &all);
    threshold_list_fini(&all);
}

/* ---- metrics of the script ---- */

static void take_metrics(struct master *m)
{
    const char *json = m->nodes.host.script.metrics;
    json_decref(m->gates.metrics);
    m->gates.metrics = json ? json_loads(json, 0, NULL) : NULL;
}

static const char *kind_of(const struct master *m, const char *metric)
{
    const char *kind = json_string_value(json_object_get(m->gates.metrics, metric));
    return kind ? kind : "";
}

bool gates_has_metric(const struct master *m, const char *metric)
{
    return *kind_of(m, metric) != '\0';
}

bool gates_has_counter(const struct master *m, const char *metric)
{
    return strcmp(kind_of(m, metric), "counter") == 0;
}

/* Why a metric of the script has no such stat, or NULL. */
static const char *refusal_of(const struct master *m, const struct threshold *t)
{
    static const char *const kinds[] = {[VERDICT_COUNTER] = "counter",
                                        [VERDICT_GAUGE] = "gauge",
                                        [VERDICT_RATE] = "rate",
                                        [VERDICT_TREND] = "trend"};
    for (size_t i = 0; t->scope == SCOPE_METRIC && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i], kind_of(m, t->metric)) == 0)
            return measure_refusal(t, (enum verdict_kind)i);
    return NULL;
}

static int check_kinds(const struct master *m, const struct threshold_list *list, char **why)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct threshold *t = &list->items[i];
        const char *refusal = refusal_of(m, t);
        if (!refusal)
            continue;
        struct sbuf words = {0};
        sbuf_addf(&words, "%s: '%.200s': %s is %s", t->source, t->text, t->metric, refusal);
        *why = sbuf_take(&words);
        return -1;
    }
    return 0;
}

int gates_take_script(struct master *m, char **why)
{
    const char *json = m->nodes.host.script.thresholds;
    struct threshold_list list = {0};
    *why = NULL;
    take_metrics(m);
    if (!json || (m->gates.script_json && strcmp(json, m->gates.script_json) == 0))
        return 0;
    int rc = take_json(&list, json, "locustfile", why);
    if (rc == 0)
        rc = check_kinds(m, &list, why);
    if (rc == 0) {
        free(m->gates.script_json);
        m->gates.script_json = mem_strdup(json);
        threshold_list_fini(&m->gates.of_script);
        m->gates.of_script = list;
        gates_settle(m);
    } else {
        threshold_list_fini(&list);
    }
    return rc;
}

int gates_script_came(struct master *m)
{
    char *why = NULL;
    if (gates_take_script(m, &why) != 0 || check_kinds(m, &m->gates.given, &why) != 0)
        return say(why);
    return 0;
}

/* What listeners add later counts as well; what is wrong with it then is told, and left out. */
void gates_follow(struct master *m)
{
    char *why = NULL;
    if (m->machine.is_open && gates_take_script(m, &why) != 0)
        log_error(MAIN_LOGGER, "%s", why);
    free(why);
}

bool gates_check(const char *json, char *why, size_t size)
{
    struct threshold_list list = {0};
    char *text = NULL;
    const bool is_good = take_json(&list, json, "thresholds", &text) == 0;
    if (text)
        snprintf(why, size, "%s", text);
    free(text);
    threshold_list_fini(&list);
    return is_good;
}

void gates_ask(struct master *m, const char *json)
{
    char *why = NULL;
    threshold_list_fini(&m->gates.asked);
    if (json && take_json(&m->gates.asked, json, "start", &why) != 0)
        log_warning(MAIN_LOGGER, "%s", why);
    free(why);
    gates_settle(m);
}

void gates_print(struct master *m)
{
    struct threshold_list all = {0};
    threshold_list_add_all(&all, &m->gates.given);
    threshold_list_add_all(&all, &m->gates.of_script);
    take_k6_times(m->o, &all);
    char *text = threshold_list_print(&all);
    fputs(text, stdout);
    fflush(stdout);
    free(text);
    threshold_list_fini(&all);
}

void gates_fini(struct master *m)
{
    threshold_list_fini(&m->gates.given);
    threshold_list_fini(&m->gates.of_script);
    threshold_list_fini(&m->gates.asked);
    free(m->gates.script_json);
    free(m->gates.by_metric);
    json_decref(m->gates.metrics);
    forget_tags(m);
    forget(&m->gates.goodputs);
}
