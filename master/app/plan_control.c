// SPDX-License-Identifier: MIT
/* plan_control: scenarios while they run: what the page asks to be changed, and how far they are. A
 * change counts a little later, so that all workers have it by then, for this run alone. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- changes -------------------------------------------------------------------------------- */

static struct command_result refuse(const char *field, const char *text)
{
    struct command_result r = {.is_ok = false};
    snprintf(r.text, sizeof r.text, "%s", text);
    snprintf(r.field, sizeof r.field, "%s", field);
    return r;
}

static struct command_result refuse_for(const char *field, char *why)
{
    const struct command_result r = refuse(field, why);
    free(why);
    return r;
}

static double now_of(const struct plans *p, size_t i)
{
    return master_now().mono - p->begun_at - (double)p->list.all[i]->start_ns / 1e9;
}

bool plans_is_paused(const struct plans *p, size_t i)
{
    return p->given && p->given[i].paused != NULL;
}

/* The scenario of this run is that text from now on; the next run begins with what was given. */
static bool replace(struct master *m, size_t i, const char *text, char **why)
{
    struct plans *p = &m->plans;
    struct scenario *fresh = mem_zalloc(sizeof *fresh);
    if (!scenario_read(fresh, text, why)) {
        free(fresh);
        return false;
    }
    if (!p->given)
        p->given = mem_zalloc((p->list.count + 1) * sizeof *p->given);
    if (!p->given[i].first)
        p->given[i].first = p->list.all[i];
    else {
        scenario_fini(p->list.all[i]);
        free(p->list.all[i]);
    }
    p->list.all[i] = fresh;
    free(p->texts[i]);
    p->texts[i] = mem_strdup(text);
    if (scenario_is_open(fresh))
        arrivals_begin(&p->walks[i], &fresh->plan);
    plans_deal_anew(m);
    return true;
}

/* words: what the chart is told. */
static struct command_result change(struct master *m, size_t i, const struct scenario *s,
                                    const struct scenario_change *c, const char *words)
{
    struct sbuf text = {0};
    char *why = NULL;
    const bool is_good = scenario_changed(s, c, &text, &why) && replace(m, i, text.data, &why);
    sbuf_fini(&text);
    if (!is_good)
        return refuse_for(c->level ? "rate" : "paused", why);
    struct command_result r = {.is_ok = true};
    snprintf(r.text, sizeof r.text, "Scenario '%s': %s", m->plans.list.all[i]->name, words);
    events_add(m->record.events, master_now().unix_time, "scenario", "%s", r.text);
    log_info(MAIN_LOGGER, "%s", r.text);
    return r;
}

static struct command_result pause(struct master *m, size_t i, int64_t at_ns, bool is_wanted)
{
    struct plans *p = &m->plans;
    if (is_wanted == plans_is_paused(p, i))
        return (struct command_result){.is_ok = true, .text = "It is so already"};
    if (is_wanted) {
        char *before = mem_strdup(p->texts[i]);
        const struct command_result r =
            change(m, i, p->list.all[i], &(struct scenario_change){.at_ns = at_ns}, "paused");
        if (r.is_ok) {
            p->given[i].paused = before;
            p->given[i].paused_ns = at_ns;
        } else {
            free(before);
        }
        return r;
    }
    struct scenario before;
    char *why = NULL;
    if (!scenario_read(&before, p->given[i].paused, &why))
        return refuse_for("paused", why);
    before.plan.ramp = &before.ramp;
    const struct command_result r =
        change(m, i, &before,
               &(struct scenario_change){
                   .at_ns = p->given[i].paused_ns,
                   .resumed_ns = at_ns > p->given[i].paused_ns ? at_ns : p->given[i].paused_ns + 1},
               "resumed");
    scenario_fini(&before);
    if (r.is_ok) {
        free(p->given[i].paused);
        p->given[i].paused = NULL;
    }
    return r;
}

static struct command_result set_level(struct master *m, size_t i, int64_t at_ns, json_t *rate,
                                       json_t *users)
{
    const struct plans *p = &m->plans;
    const bool is_open = scenario_is_open(p->list.all[i]);
    json_t *level = is_open ? rate : users;
    char text[64], words[96];
    if (!level || (rate && users))
        return refuse(is_open ? "rate" : "users",
                      is_open ? "It has a rate: give rate, such as \"20/s\", or paused."
                              : "It has users: give users, a whole number, or paused.");
    if (plans_is_paused(p, i))
        return refuse("paused", "It is paused: resume it first.");
    if (json_is_integer(level))
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(level));
    else if (json_is_real(level))
        snprintf(text, sizeof text, "%.6f", json_real_value(level));
    else
        snprintf(text, sizeof text, "%s", json_is_string(level) ? json_string_value(level) : "?");
    snprintf(words, sizeof words, "%s%s", text,
             !is_open                ? " users"
             : json_is_number(level) ? " per time unit"
                                     : "");
    return change(m, i, p->list.all[i], &(struct scenario_change){.at_ns = at_ns, .level = text},
                  words);
}

static bool is_known(const char *key)
{
    static const char *const known[] = {"name", "rate", "users", "paused"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(key, known[i]))
            return true;
    return false;
}

/* {"name", "rate" | "users" | "paused"} */
static struct command_result take(struct master *m, json_t *asked)
{
    struct plans *p = &m->plans;
    const char *key;
    json_t *value;
    json_object_foreach(asked, key, value) if (!is_known(key)) return refuse(
        key, "There is no such field: it takes name, and one of rate, users and paused.");
    const char *name = json_string_value(json_object_get(asked, "name"));
    json_t *paused = json_object_get(asked, "paused"), *rate = json_object_get(asked, "rate"),
           *users = json_object_get(asked, "users");
    size_t i = 0;
    if (!name)
        return refuse("name", "Give the name of a scenario.");
    if (!p->texts || p->begun_at <= 0 || !run_is_active(&m->machine.run))
        return refuse("", "No scenario runs.");
    while (i < p->list.count && strcmp(p->list.all[i]->name, name) != 0)
        i++;
    if (i == p->list.count)
        return refuse("name", "There is no scenario of that name.");
    if (now_of(p, i) <= 0)
        return refuse("name", "It has not begun.");
    if ((paused != NULL) + (rate != NULL) + (users != NULL) != 1 ||
        (paused && !json_is_boolean(paused)))
        return refuse("rate", "Give one of rate, users and paused (true or false).");
    const int64_t at_ns = (int64_t)((now_of(p, i) + PLANS_EPOCH_S) * 1e3) * 1000000;
    return paused ? pause(m, i, at_ns, json_is_true(paused)) : set_level(m, i, at_ns, rate, users);
}

struct command_result plans_control(struct master *m, const char *json)
{
    json_t *asked = json_loads(json ? json : "", JSON_REJECT_DUPLICATES, NULL);
    struct command_result r =
        json_is_object(asked) ? take(m, asked) : refuse("", "Write a JSON object.");
    if (!json_is_object(asked))
        r.status = 400;
    json_decref(asked);
    return r;
}
