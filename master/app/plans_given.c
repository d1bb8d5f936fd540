// SPDX-License-Identifier: MIT
/* plans_given: the scenarios from the places they are written in, fitted to the locustfile's
 * classes. What the command line has goes before what the locustfile has. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/plan/profile.h"
#include "common/run/exit_code.h"
#include "master/app/core.h"
#include "master/app/replay.h"
#include "master/app/scenario_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AMONG_THEM                                                                                 \
    "--iterations and --ips are about all users: they do not go with scenarios, which have "       \
    "iterations and rates of their own"

static char *about(const struct scenario *s, const char *why)
{
    struct sbuf text = {0};
    sbuf_addf(&text, "scenario '%s': %s", s->name, why);
    return sbuf_take(&text);
}

static int say(char *why)
{
    fprintf(stderr, "%s: error: %s\n", options_program(), why);
    free(why);
    return EXIT_USAGE;
}

/* ---- a list of them ------------------------------------------------------------------------- */

static bool take(struct plan_list *l, const char *text, char **why)
{
    struct scenario *s = mem_zalloc(sizeof *s);
    l->all = mem_realloc(l->all, (l->count + 1) * sizeof *l->all);
    l->all[l->count++] = s;
    char *resolved = replay_resolved(text, why);
    const bool is_good = resolved && scenario_read(s, resolved, why);
    free(resolved);
    if (!is_good)
        return false;
    for (size_t k = 0; k + 1 < l->count; k++)
        if (!strcmp(s->name, l->all[k]->name)) {
            *why = about(s, "this name is given twice");
            return false;
        }
    return true;
}

void plans_forget(struct plan_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        scenario_fini(l->all[i]);
        free(l->all[i]);
    }
    free(l->all);
    *l = (struct plan_list){0};
}

static bool take_object(struct plan_list *l, const json_t *object, char **why)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        char *text = scenario_json_text(name, value, why);
        const bool is_good = text && take(l, text, why);
        free(text);
        if (!is_good)
            return false;
    }
    return true;
}

/* With chance there may be one arrival or none: which it is, is known when there is a seed. */
static bool starts_something(const struct scenario *s, char **why)
{
    struct sbuf words = {0};
    if (!scenario_is_open(s) || s->plan.count || s->plan.kind == ARRIVALS_POISSON)
        return true;
    sbuf_addf(&words,
              "no arrival would be due: its rate makes %.3g of one in all that time; raise it, or "
              "let it last longer",
              ramp_arrivals(&s->ramp, s->ramp.area));
    *why = about(s, words.data);
    sbuf_fini(&words);
    return false;
}

static bool settle(struct plan_list *l, const struct options *o, char **why)
{
    size_t bad;
    if (!plans_take_options(l, o, why))
        return false;
    for (size_t i = 0; i < l->count; i++)
        if (!starts_something(l->all[i], why))
            return false;
    char *words = NULL;
    const bool is_good = scenario_order(l->all, l->count, &bad, &words);
    if (!is_good)
        *why = about(l->all[bad], words);
    free(words);
    return is_good;
}

/* ---- the locustfile's classes --------------------------------------------------------------- */

static const struct script_class *class_named(const struct script *script, const char *name,
                                              size_t len)
{
    for (size_t c = 0; c < script->class_count; c++)
        if (strlen(script->classes[c].name) == len && !strncmp(script->classes[c].name, name, len))
            return &script->classes[c];
    return NULL;
}

/* The only one that has a task of that name; or NULL. */
static const struct script_class *class_with(const struct script *script, const char *task)
{
    const struct script_class *found = NULL;
    for (size_t c = 0; c < script->class_count; c++) {
        const struct task_list *tasks = &script->classes[c].tasks;
        for (size_t t = 0; t < tasks->count; t++)
            if (!strcmp(tasks->tasks[t].name, task)) {
                if (found)
                    return NULL;
                found = &script->classes[c];
                break;
            }
    }
    return found;
}

/* exec may name a class, a task, or both: Buyer, buy, Buyer.buy. */
static void find_class(const struct script *script, struct scenario *s)
{
    const struct script_class *found = NULL;
    const char *point = s->task ? strchr(s->task, '.') : NULL;
    if (point && (found = class_named(script, s->task, (size_t)(point - s->task)))) {
        char *task = mem_strdup(point + 1);
        free(s->task);
        s->task = task;
    } else if (s->task && (found = class_named(script, s->task, strlen(s->task)))) {
        free(s->task);
        s->task = NULL;
    } else if (s->task) {
        found = class_with(script, s->task);
    }
    if (!found && script->class_count == 1)
        found = &script->classes[0];
    if (found)
        s->user_class = mem_strdup(found->name);
}

/* class=Buyer,task=Buyer.buy; the class of the task may be a base of it. */
static void leave_class_out(struct scenario *s)
{
    const char *point = s->task ? strrchr(s->task, '.') : NULL;
    if (!point)
        return;
    char *task = mem_strdup(point + 1);
    free(s->task);
    s->task = task;
}

static char *no_class(const struct script *script, const struct scenario *s, const char *name)
{
    struct sbuf why = {0};
    const char **names = mem_zalloc((script->class_count + 1) * sizeof *names);
    for (size_t c = 0; c < script->class_count; c++)
        names[c] = script->classes[c].name;
    const char *near = name ? threshold_nearest(name, names, script->class_count) : NULL;
    free(names);
    if (near)
        sbuf_addf(&why, "there is no User class named '%s': did you mean %s?", name, near);
    else if (name)
        sbuf_addf(&why, "there is no User class named '%s'", name);
    else
        sbuf_adds(&why, "it is for one User class: give class=");
    sbuf_adds(&why, " (the locustfile has ");
    for (size_t c = 0; c < script->class_count; c++)
        sbuf_addf(&why, "%s%s", c ? ", " : "", script->classes[c].name);
    sbuf_adds(&why, script->class_count ? ")" : "none)");
    char *text = about(s, why.data);
    sbuf_fini(&why);
    return text;
}

static void add_near(struct sbuf *why, const char *word, char *const *names, size_t count)
{
    const char *near = threshold_nearest(word, (const char *const *)names, count);
    if (near)
        sbuf_addf(why, ": did you mean %s?", near);
    for (size_t i = 0; i < count && !near; i++)
        sbuf_addf(why, "%s%s", i ? ", " : ": it has ", names[i]);
}

/* NULL: it is one of its tasks, or what else may be one; else why not. */
static char *wrong_task(const struct script_class *c, const struct scenario *s)
{
    size_t count = 0, others = 0;
    while (c->callables && c->callables[others])
        others++;
    char **names = mem_zalloc((c->tasks.count + others + 1) * sizeof *names);
    for (size_t t = 0; t < c->tasks.count; t++)
        names[count++] = c->tasks.tasks[t].name;
    for (size_t i = 0; i < others; i++)
        names[count++] = c->callables[i];
    bool is_there = !s->task || !c->callables;
    for (size_t i = 0; i < count && !is_there; i++)
        is_there = !strcmp(names[i], s->task);
    struct sbuf why = {0};
    if (!is_there) {
        sbuf_addf(&why, "%s has no task named '%s'", c->name, s->task);
        add_near(&why, s->task, names,
                 threshold_nearest(s->task, (const char *const *)names, count) ? count
                                                                               : c->tasks.count);
    }
    free(names);
    return is_there ? NULL : sbuf_take(&why);
}

/* A class that is there, which has that task. False, and *why. */
static bool check_class(const struct script *script, const struct scenario *s, const char *name,
                        char **why)
{
    const struct script_class *c = name ? class_named(script, name, strlen(name)) : NULL;
    if (!c) {
        *why = no_class(script, s, name);
        return false;
    }
    char *words = c->has_tests ? mem_strdup("its class is made of test functions, which are no "
                                            "iterations of a scenario")
                               : wrong_task(c, s);
    *why = words ? about(s, words) : NULL;
    free(words);
    return !*why;
}

/* Of several classes, one at least is to come. */
static bool check_weights(const struct script *script, const struct scenario *s, char **why)
{
    const char *rest = s->user_class;
    unsigned weight;
    char *name;
    double sum = 0;
    if (!scenario_is_mixed(s))
        return true;
    while ((name = scenario_next_class(&rest, &weight))) {
        sum += weight ? weight : class_named(script, name, strlen(name))->weight;
        free(name);
    }
    if (!(sum > 0))
        *why = about(s, "all of its classes have the weight 0: say how often each is to come, such "
                        "as class=Buyer*3+Browser");
    return sum > 0;
}

static bool check_classes(const struct script *script, const struct scenario *s, char **why)
{
    const char *rest = s->user_class ? s->user_class : "";
    unsigned weight;
    char *name = scenario_next_class(&rest, &weight);
    bool is_good = check_class(script, s, name, why);
    free(name);
    while (is_good && (name = scenario_next_class(&rest, &weight))) {
        is_good = check_class(script, s, name, why);
        free(name);
    }
    return is_good && check_weights(script, s, why);
}

static bool has_class(const struct scenario *s, const char *name)
{
    const char *rest = s->user_class;
    unsigned weight;
    char *each;
    bool is_found = false;
    while ((each = scenario_next_class(&rest, &weight))) {
        is_found |= !strcmp(each, name);
        free(each);
    }
    return is_found;
}

/* The users of the second scenario of a class are counted by themselves; so are those of several
 * classes, as each is one of all of them. */
static void name_pool(const struct plan_list *l, size_t i)
{
    struct scenario *s = l->all[i];
    free(s->pool);
    s->pool = scenario_is_mixed(s) ? mem_strdup(s->user_class) : NULL;
    for (size_t k = 0; k < i; k++)
        if (!strcmp(l->all[k]->user_class, s->user_class)) {
            struct sbuf name = {0};
            free(s->pool);
            sbuf_addf(&name, "%s:%s", s->user_class, s->name);
            s->pool = sbuf_take(&name);
        }
}

static bool fit(const struct script *script, struct plan_list *l, char **why)
{
    for (size_t i = 0; i < l->count; i++) {
        struct scenario *s = l->all[i];
        if (scenario_is_of_all(s))
            continue;
        if (s->user_class)
            leave_class_out(s);
        else
            find_class(script, s);
        if (!check_classes(script, s, why))
            return false;
        name_pool(l, i);
    }
    return true;
}

/* ---- where they come from ------------------------------------------------------------------- */

static char *from(const char *place, char *why)
{
    struct sbuf words = {0};
    sbuf_addf(&words, "%s: %s", place, why);
    free(why);
    return sbuf_take(&words);
}

/* --rate, --rate-ramp: the scenario 'rate'. */
static bool take_rate(struct plan_list *l, const struct options *o, char **why)
{
    struct sbuf text = {0};
    const char *dots = o->rate_ramp ? strstr(o->rate_ramp, "..") : NULL;
    const char *colon = dots ? strchr(dots, ':') : NULL;
    bool is_good = true;
    if (o->rate_ramp && !colon) {
        sbuf_addf(&text, "'%s' is no ramp: write FROM..TO:DURATION, such as 10/s..200/s:2m",
                  o->rate_ramp);
        *why = sbuf_take(&text);
        return false;
    }
    if (colon)
        sbuf_addf(&text, "rate:ramping-arrival-rate:rate=%.*s,stages=%s:%.*s,forever:%.*s",
                  (int)(dots - o->rate_ramp), o->rate_ramp, colon + 1, (int)(colon - dots - 2),
                  dots + 2, o->rate ? (int)strlen(o->rate) : (int)(colon - dots - 2),
                  o->rate ? o->rate : dots + 2);
    else if (o->rate)
        sbuf_addf(&text, "rate:constant-arrival-rate:rate=%s", o->rate);
    if (text.len)
        is_good = take(l, text.data, why);
    sbuf_fini(&text);
    return is_good;
}

/* --stages: the scenario 'stages', of users, unless its first step is of rates. */
static bool take_stages(struct plan_list *l, const struct options *o, char **why)
{
    struct sbuf text = {0};
    if (!o->stages)
        return true;
    sbuf_addf(&text, "stages:%s:stages=%s",
              profile_is_of_rates(o->stages) ? "ramping-arrival-rate" : "ramping-vus", o->stages);
    const bool is_good = take(l, text.data, why);
    sbuf_fini(&text);
    return is_good;
}

/* Six decimals, in digits: no exponent. */
static void put_decimal(struct sbuf *out, double number)
{
    char digits[64];
    snprintf(digits, sizeof digits, "%.6f", number);
    char *end = digits + strlen(digits) - 1;
    while (*end == '0')
        *end-- = '\0';
    sbuf_adds(out, digits);
}

/* --iterations, --ips: about all users that there are. */
static bool take_of_all(struct plan_list *l, const struct options *o, char **why)
{
    struct sbuf text = {0};
    bool is_good = true;
    if (o->iterations > 0) {
        sbuf_addf(&text,
                  "iterations:shared-iterations:graceful_stop=0,pool=" SCENARIO_OF_ALL
                  ",iterations=%.0f",
                  (double)o->iterations);
        is_good = take(l, text.data, why);
    }
    if (is_good && o->ips > 0) {
        sbuf_fini(&text);
        sbuf_adds(&text,
                  "ips:constant-arrival-rate:graceful_stop=0,on_busy=queue,pool=" SCENARIO_OF_ALL
                  ",rate=");
        put_decimal(&text, o->ips);
        sbuf_adds(&text, "/s");
        is_good = take(l, text.data, why);
    }
    sbuf_fini(&text);
    return is_good;
}

static json_t *read_file(const char *path, char **why)
{
    struct sbuf text = {0};
    json_error_t e;
    json_t *value = NULL;
    const size_t len = strlen(path);
    if (options_slurp(path, true, &text) != 0)
        return NULL;
    if (len >= 5 && !strcmp(path + len - 5, ".toml")) {
        value = options_toml_document(path, text.data ? text.data : "", text.len);
    } else {
        value = json_loadb(text.data ? text.data : "", text.len, JSON_REJECT_DUPLICATES, &e);
        if (!value) {
            struct sbuf words = {0};
            sbuf_addf(&words, "%d: column %d: %s: write it as JSON", e.line, e.column, e.text);
            *why = sbuf_take(&words);
        }
    }
    sbuf_fini(&text);
    return value;
}

/* The scenarios by name, or all of it as k6 has it: in "scenarios". False without *why: after a
 * message. */
static bool take_file(struct plan_list *l, const char *path, char **why)
{
    json_t *file = read_file(path, why);
    const json_t *inner = json_object_get(file, "scenarios");
    if (!file)
        return false;
    bool is_good = take_object(l, inner ? inner : file, why);
    if (is_good && !l->count) {
        *why = mem_strdup("there is no scenario in it");
        is_good = false;
    }
    json_decref(file);
    return is_good;
}

int plans_open(struct master *m)
{
    char *why = NULL;
    const char *path = m->o->scenarios_file;
    struct plan_list *l = &m->plans.list;
    if (path && !take_file(l, path, &why))
        return why ? say(from(path, why)) : EXIT_USAGE;
    for (char **text = m->o->scenario; text && *text; text++)
        if (!take(l, *text, &why))
            return say(from("--scenario", why));
    if (!take_rate(l, m->o, &why))
        return say(from(m->o->rate_ramp ? "--rate-ramp" : "--rate", why));
    if (!take_stages(l, m->o, &why))
        return say(from("--stages", why));
    if (l->count && (m->o->iterations > 0 || m->o->ips > 0))
        return say(mem_strdup(AMONG_THEM));
    if (!take_of_all(l, m->o, &why))
        return say(from(m->o->iterations > 0 ? "--iterations" : "--ips", why));
    if (!l->count && m->o->scenario_only) /* they may be the locustfile's */
        return 0;
    return settle(l, m->o, &why) ? 0 : say(why);
}

static bool read_script(const struct script *script, const struct options *o, struct plan_list *l,
                        char **why)
{
    json_t *object = script->scenarios ? json_loads(script->scenarios, 0, NULL) : NULL;
    const bool is_good = take_object(l, object, why) && settle(l, o, why);
    json_decref(object);
    return is_good;
}

static bool is_without_scenarios(const struct script *script)
{
    json_t *object = script->scenarios ? json_loads(script->scenarios, 0, NULL) : NULL;
    const bool is_empty = json_object_size(object) == 0;
    json_decref(object);
    return is_empty;
}

bool plans_are_of_all(const struct plans *p)
{
    return p->list.count && scenario_is_of_all(p->list.all[0]);
}

bool plans_take_script(struct master *m, char **why)
{
    struct plans *p = &m->plans;
    const struct script *script = &m->nodes.host.script;
    struct plan_list fresh = {0};
    const bool is_scripts = p->is_scripts || p->list.count == 0;
    *why = NULL;
    bool is_good = !is_scripts || read_script(script, m->o, &fresh, why);
    struct plan_list *l = is_scripts ? &fresh : &p->list;
    is_good = is_good && fit(script, l, why);
    if (is_good && plans_are_of_all(p) && !is_without_scenarios(script)) {
        *why = mem_strdup(AMONG_THEM);
        is_good = false;
    }
    if (is_good && l->count && !plans_are_of_all(p) && script->has_shape) {
        *why = about(l->all[0], "it does not go with the load shape of the locustfile");
        is_good = false;
    }
    if (is_good && is_scripts) {
        plans_forget(&p->list);
        p->list = fresh;
        p->is_scripts = fresh.count > 0;
    } else if (!is_good) {
        plans_forget(&fresh);
    }
    return is_good;
}

static char *misuse(const struct master *m)
{
    const struct plans *p = &m->plans;
    if (p->list.count && !plans_are_of_all(p) && (m->o->users >= 0 || m->o->spawn_rate >= 0) &&
        !plans_have_level(&p->list))
        return mem_strdup("--users and --spawn-rate are for scenarios of so many users "
                          "(constant-vus, Users), of which there is none: of the others the keys "
                          "users and max_users, or stages, say how many there are");
    if (m->o->from_stage && !p->list.count)
        return mem_strdup("--from-stage: there is no scenario, and so there are no stages");
    if (m->o->show_plan && !p->list.count)
        return mem_strdup("--show-plan: there is no scenario: give --scenario, or the locustfile "
                          "`scenarios`");
    return NULL;
}

/* Those that no scenario has do not run: that is not to be found out afterwards. */
static void tell_idle(const struct master *m)
{
    const struct script *script = &m->nodes.host.script;
    const struct plan_list *l = &m->plans.list;
    for (size_t c = 0; !plans_are_of_all(&m->plans) && l->count && c < script->class_count; c++) {
        bool is_used = false;
        for (size_t i = 0; i < l->count; i++)
            is_used |= has_class(l->all[i], script->classes[c].name);
        if (!is_used)
            log_info(MAIN_LOGGER, "%s has no scenario: it does not run", script->classes[c].name);
    }
}

/* Thresholds that stop a scenario: that there is one. */
static char *nothing_to_stop(const struct master *m)
{
    const struct verdict *v = m->judging.verdict;
    const struct plan_list *l = &m->plans.list;
    for (size_t i = 0; i < verdict_count(v); i++) {
        const struct threshold *t = verdict_result(v, i).threshold;
        const struct scenario *s = NULL;
        for (size_t k = 0; t->scenario && k < l->count && !s; k++)
            s = strcmp(l->all[k]->name, t->scenario) ? NULL : l->all[k];
        if (!t->scenario || (s && !scenario_is_counted(s)))
            continue;
        struct sbuf words = {0};
        sbuf_addf(&words, "%s: '%s': ", t->source, t->text);
        if (s)
            sbuf_addf(&words, "scenario '%s' is of so many iterations: it ends with them",
                      t->scenario);
        else
            sbuf_addf(&words, "there is no scenario '%s'", t->scenario);
        return sbuf_take(&words);
    }
    return NULL;
}

int plans_script_came(struct master *m)
{
    char *why = NULL;
    if (!plans_take_script(m, &why))
        return say(why);
    why = misuse(m);
    if (!why)
        why = nothing_to_stop(m);
    if (why)
        return say(why);
    tell_idle(m);
    if (m->o->users >= 0 || m->o->spawn_rate >= 0)
        plans_tell_users(&m->plans);
    return 0;
}

void plans_print(const struct master *m)
{
    for (size_t i = 0; i < m->plans.list.count; i++) {
        struct sbuf line = {0};
        scenario_describe(m->plans.list.all[i], &line);
        puts(line.data);
        sbuf_fini(&line);
    }
    fflush(stdout);
}
