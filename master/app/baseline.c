// SPDX-License-Identifier: MIT
#include "master/app/baseline.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/run/exit_code.h"
#include "master/app/core.h"
#include "master/app/repeat.h"
#include "master/store/run_about.h"
#include "master/store/run_load.h"
#include "master/store/side.h"
#include "master/store/steady.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct baseline {
    struct gate gate;
    bool is_judged;
    const char *reason; /* static; NULL: nothing is held against this run */
    struct sbuf words;
    char *object;
};

/* given: what --baseline names, or NULL: the gate does. */
static int use_runs(struct baseline *b, const char *given)
{
    char *why = NULL;
    if (given && strlen(given) >= sizeof b->gate.baseline)
        why = sbuf_words("it is longer than %zu bytes", sizeof b->gate.baseline - 1);
    else if (given)
        memcpy(b->gate.baseline, given, strlen(given) + 1);
    if (why || (!side_is_file(b->gate.baseline) && !history_is_spec(b->gate.baseline, &why))) {
        char *words = sbuf_words("%s: %s", given ? "--baseline" : "--gate: baseline", why);
        free(why);
        return master_failure(EXIT_USAGE, words);
    }
    return 0;
}

int baseline_open(struct master *m)
{
    const struct options *o = m->o;
    char *why = NULL;
    struct gate gate;
    const int given = gate_given(&gate, o->gate_file, &why);
    if (given < 0)
        return master_failure(EXIT_USAGE, why);
    if (!o->baseline && given == GATE_USUAL)
        return 0;
    struct baseline *b = m->judging.baseline = mem_zalloc(sizeof *b);
    b->gate = gate;
    return use_runs(b, o->baseline);
}

void baseline_fini(struct master *m)
{
    if (m->judging.baseline) {
        sbuf_fini(&m->judging.baseline->words);
        free(m->judging.baseline->object);
    }
    free(m->judging.baseline);
}

static void add_load(const struct master *m, json_t *about)
{
    struct sbuf text = {0};
    plans_write_progress(m, &text);
    json_t *scenarios = json_loadb(text.data, text.len, 0, NULL);
    run_load_note(about, scenarios);
    json_decref(scenarios);
    sbuf_fini(&text);
}

static void add_script(const struct master *m, json_t *about)
{
    const char *text = m->nodes.host.script.about;
    json_t *script = text ? json_loads(text, 0, NULL) : NULL;
    const json_t *hash = json_object_get(script, "sha256");
    if (json_is_string(hash))
        json_object_set(about, "sha256", (json_t *)(uintptr_t)hash);
    json_decref(script);
}

static void add_span(json_t *list, double from, double to)
{
    json_array_append_new(list, json_pack("[f,f]", from, to));
}

/* When its workers could not keep up, or were lost with what they had counted. */
static json_t *spoilt(const struct master *m)
{
    struct events_list *events = events_snapshot(m->record.events);
    json_t *list = json_array();
    for (size_t i = 0; i < events->saturation_count; i++)
        add_span(list, events->saturations[i].from, events->saturations[i].to);
    for (const struct loss *l = m->record.losses.first; l; l = l->next)
        if (!l->is_settled)
            add_span(list, l->since, losses_end(l));
    events_list_unref(events);
    return list;
}

json_t *baseline_about(const struct master *m, bool is_valid)
{
    const struct options *o = m->o;
    const struct machine *k = &m->machine;
    const char *file = m->nodes.host.script.locustfile;
    size_t workers = 0;
    for (size_t i = 0; i < k->roster.count; i++)
        workers += k->roster.workers[i]->has_joined && k->roster.workers[i]->lost_at <= 0;
    json_t *machine = run_about_machine();
    const double run_s = run_age_s(&k->run, master_now());
    json_t *about = json_pack(
        "{s:s,s:s,s:s,s:f,s:f,s:f,s:f,s:b,s:i,s:i,s:o}", "run", k->run.id, "profile",
        o->profile ? o->profile : "", "locustfile", file ? file : o->locustfile, "users",
        (double)k->run.target_users, "spawn_rate", k->load.spawn_rate, "run_time",
        k->load.run_time_s, "duration", run_s, "valid", is_valid, "plans", (int)m->plans.list.count,
        "workers", (int)workers, "environment", run_about_environment(machine, workers));
    json_decref(machine);
    json_t *invalid = spoilt(m);
    steady_note_invalid(about, invalid);
    json_decref(invalid);
    if (m->plans.list.count > 0)
        add_load(m, about);
    if (m->plans.list.count > 0 && !plans_are_of_all(&m->plans)) { /* as they need them */
        json_object_set_new(about, "users", json_null());
        json_object_set_new(about, "spawn_rate", json_null());
    }
    add_script(m, about);
    run_about_seed(o, about);
    json_object_set_new(about, "tags", run_about_tags(o, repeat_id(m)));
    json_object_set_new(
        about, "host",
        json_string(k->load.host ? k->load.host : script_host(&m->nodes.host.script)));
    return about;
}

static void open_runs(struct side *side, struct history *h, const json_t *found,
                      const struct side_ask *ask)
{
    size_t i;
    const json_t *run;
    json_array_foreach(found, i, run)
    {
        char *why = NULL;
        if (!side_add(side, h, run, ask, &why))
            log_warning(MAIN_LOGGER, "--baseline: %s", why);
        free(why);
    }
}

/* Takes lines. */
static void describe(struct baseline *b, const char *answer, const char *why, json_t *lines)
{
    json_t *object = json_pack("{s:s,s:s,s:s,s:b,s:s,s:o}", "runs", b->gate.baseline, "answer",
                               answer, "cant_tell", gate_unsure_name(&b->gate), "failed",
                               b->reason != NULL, "why", why, "lines", lines);
    b->object = json_dumps(object, JSON_COMPACT);
    json_decref(object);
}

static void describe_contrast(struct baseline *b, const struct contrast *c)
{
    json_t *all = contrast_object(c);
    b->reason = contrast_reason(c);
    describe(b,
             c->refusal      ? "not compared"
             : c->worse > 0  ? contrast_answer_name(ANSWER_WORSE)
             : c->unsure > 0 ? contrast_answer_name(ANSWER_UNSURE)
                             : contrast_answer_name(ANSWER_FINE),
             c->refusal ? c->refusal : "", json_incref(json_object_get(all, "lines")));
    json_decref(all);
}

bool baseline_runs(const struct gate *g, struct history *h, const json_t *like,
                   const struct side_ask *ask, struct side *before, char **why)
{
    if (side_is_file(g->baseline))
        return side_open(before, h, g->baseline, ask, why);
    json_t *found = h ? history_find(h, g->baseline, like, why) : NULL;
    open_runs(before, h, found, ask);
    if (before->count == 0 && !*why)
        *why = mem_strdup(found ? "its runs cannot be read" : "no folder of runs");
    json_decref(found);
    return before->count > 0;
}

struct history *baseline_history(const char *given, char **why)
{
    char *folder = history_folder(history_is_off(given) ? NULL : given);
    struct history *h = folder ? history_open(folder, false, why) : NULL;
    free(folder);
    if (h)
        history_mend(h, false, NULL);
    return h;
}

/* Earlier runs of --repeat stand beside this one. */
static void compare(struct master *m, struct history *h, const json_t *like, char **why)
{
    struct baseline *b = m->judging.baseline;
    struct side before = {0}, earlier = {0};
    struct contrast c;
    struct side_alike alike = side_alike(h, like);
    struct timeline_snap *snap = timeline_snapshot(m->record.timeline);
    struct contrast_run after[SIDE_MOST + 1];
    size_t count = 0;
    json_t *repeated = h ? repeat_earlier(m, h) : json_array();
    struct side_ask ask = {.gate = &b->gate};
    const bool is_valid = json_is_true(json_object_get(like, "valid"));
    if (is_valid || json_array_size(repeated) == 0)
        ask.like = &m->record.stats;
    open_runs(&earlier, h, repeated, &ask);
    if (!ask.like)
        ask.like = earlier.count > 0 ? earlier.runs[0].stats : &m->record.stats;
    json_decref(repeated);
    if (earlier.count == 0 || is_valid)
        after[count++] = (struct contrast_run){snap, &m->record.stats, like};
    for (size_t i = 0; i < earlier.count; i++)
        after[count++] = earlier.runs[i];
    if (baseline_runs(&b->gate, h, like, &ask, &before, why)) {
        char *words = count > 1 ? sbuf_words("these %zu runs", count) : mem_strdup("this run");
        char *name = side_name(&before, b->gate.baseline);
        contrast_make(&c, &(struct contrast_ask){.before = before.runs,
                                                 .before_count = before.count,
                                                 .after = after,
                                                 .after_count = count,
                                                 .gate = &b->gate,
                                                 .between = h ? side_between : NULL,
                                                 .arg = &alike});
        describe_contrast(b, &c);
        contrast_markdown(&c, name, words, &b->words);
        contrast_fini(&c);
        free(name);
        free(words);
    }
    side_close(&before);
    side_close(&earlier);
    side_alike_fini(&alike);
    timeline_snap_unref(snap);
}

static void look_up(struct master *m, const json_t *like)
{
    struct baseline *b = m->judging.baseline;
    char *why = NULL, *none = NULL;
    struct history *h = baseline_history(m->o->history, &none);
    compare(m, h, like, &why);
    if (b->words.len == 0) {
        const char *words = none && !side_is_file(b->gate.baseline) ? none
                            : why                                   ? why
                                                                    : "no folder of runs";
        sbuf_addf(&b->words, "Not compared: there is no baseline: %s\n", words);
        describe(b, "no baseline", words, json_array());
    }
    history_close(h);
    free(none);
    free(why);
}

void baseline_judge(struct master *m, bool is_valid)
{
    struct baseline *b = m->judging.baseline;
    if (!b || b->is_judged)
        return;
    b->is_judged = true;
    if (repeat_goes_on(m))
        return;
    json_t *like = baseline_about(m, is_valid);
    look_up(m, like);
    json_decref(like);
}

const struct gate *baseline_gate(const struct master *m)
{
    return m->judging.baseline ? &m->judging.baseline->gate : &gate_usual;
}

const char *baseline_reason(const struct master *m)
{
    return m->judging.baseline ? m->judging.baseline->reason : NULL;
}

const char *baseline_object(const struct master *m)
{
    return m->judging.baseline ? m->judging.baseline->object : NULL;
}

const char *baseline_words(const struct master *m)
{
    return m->judging.baseline ? m->judging.baseline->words.data : NULL;
}
