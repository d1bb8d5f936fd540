// SPDX-License-Identifier: MIT
/* plan_control: scenarios while they run: what the page asks to be changed, and how far they are. A
 * change counts a little later, so that all workers have it by then, for this run alone. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"
#include "master/app/plan_knee.h"

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

static struct plan_given *given_of(struct plans *p, size_t i)
{
    if (!p->given)
        p->given = mem_zalloc((p->list.count + 1) * sizeof *p->given);
    return &p->given[i];
}

/* It is the scenario of this run from now on; the next run begins with what was given. */
static void install(struct master *m, size_t i, struct scenario *fresh, const char *text)
{
    struct plans *p = &m->plans;
    struct scenario *old = p->list.all[i];
    struct plan_given *given = given_of(p, i);
    fresh->follows = old->follows ? mem_strdup(old->follows) : NULL;
    if (!given->first) {
        given->first = old;
    } else {
        scenario_fini(old);
        free(old);
    }
    p->list.all[i] = fresh;
    free(p->texts[i]);
    p->texts[i] = mem_strdup(text);
    if (scenario_is_open(fresh))
        arrivals_begin(&p->walks[i], &fresh->plan);
}

static void put_level(const struct scenario *s, int64_t at_ns, struct sbuf *out)
{
    const double level = ramp_per_s(&s->ramp, at_ns);
    if (scenario_is_open(s))
        sbuf_addf(out, "%.6g/s", level);
    else
        sbuf_addf(out, "%.0f", level);
}

/* What was and what is, for the charts: "Rate of buy: 50/s → 80/s". */
static void tell_change(const struct scenario *was, const struct scenario *is,
                        const struct scenario_change *c, struct sbuf *out)
{
    const bool is_resumed = c->resumed_ns > c->at_ns;
    sbuf_addf(out, "%s of %s: ",
              c->stages               ? "Stages"
              : scenario_is_open(was) ? "Rate"
                                      : "Users",
              is->name);
    if (is_resumed)
        sbuf_adds(out, "paused");
    else
        put_level(was, c->at_ns, out);
    for (const char *stage = c->stages; stage && *stage; stage += strspn(stage, ",")) {
        const int len = (int)strcspn(stage, ",");
        sbuf_addf(out, ", %.*s", len, stage);
        stage += len;
    }
    if (c->stages)
        return;
    sbuf_adds(out, " → ");
    if (c->level || is_resumed)
        put_level(is, (is_resumed ? c->resumed_ns : c->at_ns) + 1, out);
    else
        sbuf_adds(out, c->is_end ? "ended" : "paused");
}

/* Those that follow it begin so much sooner (negative: later), and those that follow them; but for
 * those that have begun. */
static void bring_forward(struct master *m, size_t i, int64_t by_ns)
{
    struct plans *p = &m->plans;
    for (size_t j = 0; j < p->list.count; j++) {
        const struct scenario *s = p->list.all[j];
        if (!s->follows || strcmp(s->follows, p->list.all[i]->name) != 0 || now_of(p, j) >= 0)
            continue;
        struct scenario *fresh = mem_zalloc(sizeof *fresh);
        struct sbuf text = {0};
        char *why = NULL;
        scenario_with_start(s, s->start_ns - by_ns, &text);
        if (scenario_read(fresh, text.data, &why)) {
            install(m, j, fresh, text.data);
            bring_forward(m, j, by_ns); /* there is no circle (scenario_order) */
        } else {
            log_error(MAIN_LOGGER, "%s", why);
            free(fresh);
        }
        free(why);
        sbuf_fini(&text);
    }
}

/* The plan of the i-th is another one, which may end at another time. */
static void follow_end(struct master *m, size_t i, int64_t was_ns)
{
    const struct scenario *s = m->plans.list.all[i];
    struct plan_given *given = given_of(&m->plans, i);
    given->end_ns = s->is_endless ? was_ns : s->ramp.length_ns;
    if (given->end_ns != was_ns)
        bring_forward(m, i, was_ns - given->end_ns);
}

/* An event on the charts; words are freed. */
static struct command_result tell(struct master *m, struct sbuf *words)
{
    struct command_result r = {.is_ok = true};
    snprintf(r.text, sizeof r.text, "%s", words->data);
    events_add(m->record.events, master_now().unix_time, "scenario", "%s", r.text);
    log_info(MAIN_LOGGER, "%s", r.text);
    sbuf_fini(words);
    return r;
}

/* s: what is changed; that of the run, or what it was before a pause. */
static struct command_result change(struct master *m, size_t i, const struct scenario *s,
                                    const struct scenario_change *c)
{
    struct sbuf text = {0}, words = {0};
    struct scenario *fresh = mem_zalloc(sizeof *fresh);
    char *why = NULL;
    if (!scenario_changed(s, c, &text, &why) || !scenario_read(fresh, text.data, &why)) {
        free(fresh);
        sbuf_fini(&text);
        return refuse_for(c->stages             ? "stages"
                          : !c->level           ? "paused"
                          : scenario_is_open(s) ? "rate"
                                                : "users",
                          why);
    }
    tell_change(s, fresh, c, &words);
    const int64_t end_ns = given_of(&m->plans, i)->end_ns;
    const int64_t was_ns = end_ns ? end_ns : m->plans.list.all[i]->ramp.length_ns;
    install(m, i, fresh, text.data);
    follow_end(m, i, was_ns);
    plans_deal_anew(m);
    sbuf_fini(&text);
    return tell(m, &words);
}

static struct command_result end_one(struct master *m, size_t i, int64_t at_ns)
{
    const struct command_result r = change(
        m, i, m->plans.list.all[i], &(struct scenario_change){.at_ns = at_ns, .is_end = true});
    if (r.is_ok) {
        free(m->plans.given[i].paused);
        m->plans.given[i].paused = NULL;
    }
    return r;
}

static size_t place_of(const struct plans *p, const char *name)
{
    size_t i = 0;
    while (i < p->list.count && strcmp(p->list.all[i]->name, name) != 0)
        i++;
    return i;
}

const char *plans_end(struct master *m, const char *name)
{
    struct plans *p = &m->plans;
    const size_t i = place_of(p, name);
    if (!p->texts || i == p->list.count)
        return "there is no scenario of that name";
    if (scenario_is_counted(p->list.all[i]) || scenario_is_of_all(p->list.all[i]))
        return "it is of so many iterations";
    given_of(p, i)->is_to_end = true;
    return NULL;
}

/* Once it has begun. */
static bool takes_end(struct plans *p, size_t i)
{
    struct plan_given *given = p->given ? &p->given[i] : NULL;
    if (!given || !given->is_to_end || now_of(p, i) <= 0)
        return false;
    given->is_to_end = false;
    return true;
}

static int64_t soon_ns(const struct plans *p, size_t i)
{
    return (int64_t)((now_of(p, i) + PLANS_EPOCH_S) * 1e3) * 1000000;
}

bool plans_control_second(struct master *m)
{
    bool is_ended = false;
    if (!m->plans.texts || m->plans.begun_at <= 0 || !run_is_active(&m->machine.run))
        return false;
    knees_second(m);
    for (size_t i = 0; i < m->plans.list.count; i++)
        if (takes_end(&m->plans, i) || knees_take_end(&m->plans, i))
            is_ended |= end_one(m, i, soon_ns(&m->plans, i)).is_ok;
    return is_ended;
}

static struct command_result pause(struct master *m, size_t i, int64_t at_ns, bool is_wanted)
{
    struct plans *p = &m->plans;
    if (is_wanted == plans_is_paused(p, i))
        return (struct command_result){.is_ok = true, .text = "It is so already"};
    if (is_wanted) {
        char *before = mem_strdup(p->texts[i]);
        const struct command_result r =
            change(m, i, p->list.all[i], &(struct scenario_change){.at_ns = at_ns});
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
    const struct command_result r = change(
        m, i, &before,
        &(struct scenario_change){
            .at_ns = p->given[i].paused_ns,
            .resumed_ns = at_ns > p->given[i].paused_ns ? at_ns : p->given[i].paused_ns + 1});
    scenario_fini(&before);
    if (r.is_ok) {
        free(p->given[i].paused);
        p->given[i].paused = NULL;
    }
    return r;
}

static void put_scalar(json_t *value, struct sbuf *out)
{
    if (json_is_integer(value))
        sbuf_addf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        sbuf_addf(out, "%.6f", json_real_value(value));
    else
        sbuf_adds(out, json_is_string(value) ? json_string_value(value) : "?");
}

static struct command_result set_level(struct master *m, size_t i, int64_t at_ns, json_t *rate,
                                       json_t *users)
{
    const bool is_open = scenario_is_open(m->plans.list.all[i]);
    json_t *level = is_open ? rate : users;
    struct sbuf text = {0};
    if (!level)
        return refuse(is_open ? "rate" : "users",
                      is_open ? "It has a rate: give rate, such as \"20/s\", stages or paused."
                              : "It has users: give users, a whole number, stages or paused.");
    put_scalar(level, &text);
    const struct command_result r = change(
        m, i, m->plans.list.all[i], &(struct scenario_change){.at_ns = at_ns, .level = text.data});
    sbuf_fini(&text);
    return r;
}

/* "2m:80/s,10m:0/s", or [["2m", "80/s"], [600, "0/s"]]: durations without a unit are seconds. */
static void put_stages(json_t *stages, struct sbuf *out)
{
    size_t n;
    json_t *stage;
    if (json_is_string(stages))
        sbuf_adds(out, json_string_value(stages));
    json_array_foreach(stages, n, stage)
    {
        sbuf_adds(out, n ? "," : "");
        put_scalar(json_array_get(stage, 0), out);
        sbuf_addc(out, ':');
        put_scalar(json_array_get(stage, 1), out);
    }
}

static struct command_result set_stages(struct master *m, size_t i, int64_t at_ns, json_t *stages)
{
    struct sbuf text = {0};
    put_stages(stages, &text);
    const struct command_result r =
        change(m, i, m->plans.list.all[i],
               &(struct scenario_change){.at_ns = at_ns, .stages = text.data ? text.data : ""});
    sbuf_fini(&text);
    return r;
}

static void put_throttle(const struct scenario *s, int64_t at_ns, struct sbuf *out)
{
    const double per_s = scenario_throttle_per_s(s, at_ns);
    if (per_s < 0)
        sbuf_adds(out, "none");
    else
        sbuf_addf(out, "%.6g/s", per_s);
}

/* A rate, or stages as above; null: no limit any more. */
static struct command_result set_throttle(struct master *m, size_t i, int64_t at_ns,
                                          json_t *throttle)
{
    const struct scenario *was = m->plans.list.all[i];
    struct scenario *fresh = mem_zalloc(sizeof *fresh);
    struct sbuf rates = {0}, text = {0}, words = {0};
    char *why = NULL;
    if (json_is_array(throttle) || json_is_string(throttle))
        put_stages(throttle, &rates);
    else if (!json_is_null(throttle))
        put_scalar(throttle, &rates);
    sbuf_addf(&words, "Throttle of %s: ", was->name);
    put_throttle(was, at_ns, &words);
    const bool is_good = scenario_throttled(was, at_ns,
                                            json_is_null(throttle) ? NULL
                                            : rates.data           ? rates.data
                                                                   : "",
                                            &text, &why) &&
                         scenario_read(fresh, text.data, &why);
    sbuf_fini(&rates);
    if (!is_good) {
        free(fresh);
        sbuf_fini(&text);
        sbuf_fini(&words);
        return refuse_for("throttle", why);
    }
    sbuf_adds(&words, " → ");
    put_throttle(fresh, at_ns + 1, &words);
    install(m, i, fresh, text.data);
    plans_deal_anew(m);
    sbuf_fini(&text);
    return tell(m, &words);
}

static bool is_known(const char *key)
{
    static const char *const known[] = {"name",   "rate",  "users",   "stages",
                                        "paused", "ended", "throttle"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(key, known[i]))
            return true;
    return false;
}

/* {"name", "rate" | "users" | "stages" | "throttle" | "paused" | "ended"} */
static struct command_result take(struct master *m, json_t *asked)
{
    struct plans *p = &m->plans;
    const char *key;
    json_t *value;
    json_object_foreach(asked, key, value) if (!is_known(key)) return refuse(
        key, "There is no such field: it takes name, and one of rate, users, stages, throttle, "
             "paused and ended.");
    const char *name = json_string_value(json_object_get(asked, "name"));
    json_t *paused = json_object_get(asked, "paused"), *rate = json_object_get(asked, "rate"),
           *users = json_object_get(asked, "users"), *stages = json_object_get(asked, "stages"),
           *ended = json_object_get(asked, "ended"), *throttle = json_object_get(asked, "throttle");
    if (!name)
        return refuse("name", "Give the name of a scenario.");
    if (!p->texts || p->begun_at <= 0 || !run_is_active(&m->machine.run))
        return refuse("", "No scenario runs.");
    const size_t i = place_of(p, name);
    if (i == p->list.count)
        return refuse("name", "There is no scenario of that name.");
    if (now_of(p, i) <= 0)
        return refuse("name", "It has not begun.");
    if ((paused != NULL) + (rate != NULL) + (users != NULL) + (stages != NULL) + (ended != NULL) +
                (throttle != NULL) !=
            1 ||
        (paused && !json_is_boolean(paused)) || (ended && !json_is_true(ended)))
        return refuse("rate", "Give one of rate, users, stages, throttle, paused (true or false) "
                              "and ended (true).");
    const int64_t at_ns = soon_ns(p, i);
    if (ended)
        return end_one(m, i, at_ns);
    if (paused)
        return pause(m, i, at_ns, json_is_true(paused));
    if (plans_is_paused(p, i))
        return refuse("paused", "It is paused: resume it first.");
    if (throttle)
        return set_throttle(m, i, at_ns, throttle);
    return stages ? set_stages(m, i, at_ns, stages) : set_level(m, i, at_ns, rate, users);
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

/* ---- one after the other -------------------------------------------------------------------- */

static bool has_followers(const struct plans *p, const struct scenario *first)
{
    for (size_t i = 0; i < p->list.count; i++)
        if (p->list.all[i]->follows && !strcmp(p->list.all[i]->follows, first->name))
            return true;
    return false;
}

bool plans_follow_on(struct master *m)
{
    struct plans *p = &m->plans;
    bool is_moved = false;
    if (!p->texts || p->begun_at <= 0 || !run_is_active(&m->machine.run))
        return false;
    for (size_t i = 0; i < p->list.count; i++) {
        const struct scenario *s = p->list.all[i];
        const int64_t now_ns = (int64_t)((master_now().mono - p->begun_at + PLANS_EPOCH_S) * 1e9),
                      sooner_ns = s->start_ns + s->ramp.length_ns - now_ns;
        if (!scenario_is_counted(s) || s->is_endless || !ration_is_done(&p->rations[i]) ||
            !has_followers(p, s) || given_of(p, i)->is_followed)
            continue;
        given_of(p, i)->is_followed = true;
        if (sooner_ns > 0)
            bring_forward(m, i, sooner_ns);
        is_moved = true;
    }
    if (is_moved)
        plans_deal_anew(m);
    return is_moved;
}
