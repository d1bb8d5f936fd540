// SPDX-License-Identifier: MIT
/* plans_options: what options change of the scenarios, wherever these are written: which of them
 * run, from which stage on, with how many users. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- which of them -------------------------------------------------------------------------- */

static bool is_among(char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (!strcmp(*names, name))
            return true;
    return false;
}

static struct scenario *scenario_named(const struct plan_list *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++)
        if (!strcmp(l->all[i]->name, name))
            return l->all[i];
    return NULL;
}

static bool refuse_name(const struct plan_list *l, const char *option, const char *name, char **why)
{
    struct sbuf words = {0};
    sbuf_addf(&words, "%s: there is no scenario '%s'", option, name);
    for (size_t i = 0; i < l->count; i++)
        sbuf_addf(&words, "%s%s", i ? ", " : ": there is ", l->all[i]->name);
    *why = sbuf_take(&words);
    return false;
}

/* --scenario-only: the others are as if they had not been given. */
static bool keep_only(struct plan_list *l, char *const *names, char **why)
{
    size_t kept = 0;
    for (char *const *name = names; name && *name; name++)
        if (!scenario_named(l, *name))
            return refuse_name(l, "--scenario-only", *name, why);
    for (size_t i = 0; names && i < l->count; i++) {
        struct scenario *s = l->all[i];
        if (is_among(names, s->name)) {
            l->all[kept++] = s;
        } else {
            scenario_fini(s);
            free(s);
        }
    }
    if (names)
        l->count = kept;
    for (size_t i = 0; names && i < l->count; i++)
        if (l->all[i]->start_after && !scenario_named(l, l->all[i]->start_after)) {
            free(l->all[i]->start_after);
            l->all[i]->start_after = NULL;
        }
    return true;
}

/* ---- others than they were written ---------------------------------------------------------- */

/* *s is what the text says from now on; it is freed. */
static bool rewrite(struct scenario *s, struct sbuf *text, char **why)
{
    struct scenario fresh;
    const bool is_good = scenario_read(&fresh, text->data, why);
    sbuf_fini(text);
    if (!is_good)
        return false;
    fresh.start_after = s->start_after;
    s->start_after = NULL;
    scenario_fini(s);
    *s = fresh;
    s->plan.ramp = &s->ramp;
    return true;
}

static bool refuse_by(const char *option, char **why)
{
    struct sbuf words = {0};
    sbuf_addf(&words, "%s: %s", option, *why);
    free(*why);
    *why = sbuf_take(&words);
    return false;
}

/* The only one that has stages. */
static struct scenario *with_stages(const struct plan_list *l, char **why)
{
    struct scenario *found = NULL;
    struct sbuf words = {0};
    size_t count = 0;
    for (size_t i = 0; i < l->count; i++)
        if (l->all[i]->keys.stages) {
            sbuf_addf(&words, "%s%s", count++ ? ", " : "--from-stage: write NAME=NUMBER of one of ",
                      l->all[i]->name);
            found = l->all[i];
        }
    if (count == 1) {
        sbuf_fini(&words);
        return found;
    }
    *why = count ? sbuf_take(&words) : mem_strdup("--from-stage: no scenario has stages");
    return NULL;
}

/* NUMBER, or NAME=NUMBER */
static bool begin_later(const struct plan_list *l, const char *given, char **why)
{
    const char *equals = strrchr(given, '=');
    struct sbuf name = {0}, text = {0};
    sbuf_add(&name, given, equals ? (size_t)(equals - given) : 0);
    struct scenario *s =
        equals ? scenario_named(l, name.data ? name.data : "") : with_stages(l, why);
    bool is_good = s != NULL;
    if (!is_good && equals)
        refuse_name(l, "--from-stage", name.data ? name.data : "", why);
    sbuf_fini(&name);
    if (!is_good)
        return false;
    if (s->keys.is_later) {
        sbuf_addf(&text, "--from-stage: scenario '%s' does not begin with its first stage as it is",
                  s->name);
        *why = sbuf_take(&text);
        return false;
    }
    scenario_write(s, &text);
    sbuf_addf(&text, ",from_stage=%s", equals ? equals + 1 : given);
    return rewrite(s, &text, why) || refuse_by("--from-stage", why);
}

/* ---- users ---------------------------------------------------------------------------------- */

bool plans_have_level(const struct plan_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (scenario_has_level(l->all[i]))
            return true;
    return false;
}

static bool set_users(struct scenario *s, unsigned users, double spawn_rate, char **why)
{
    struct sbuf text = {0};
    if (users == 0) {
        sbuf_addf(&text, "scenario '%s' would have no user", s->name);
        *why = sbuf_take(&text);
        return false;
    }
    scenario_with_users(s, users, spawn_rate, &text);
    return rewrite(s, &text, why);
}

/* --users and --spawn-rate are those of all scenarios of so many users together, which share them
 * as they are written. */
static bool share_users(const struct plan_list *l, const struct options *o, char **why)
{
    double sum = 0, seen = 0;
    unsigned dealt = 0;
    for (size_t i = 0; i < l->count; i++)
        sum += scenario_has_level(l->all[i]) ? l->all[i]->users : 0;
    const double users = o->users >= 0 ? (double)o->users : sum;
    for (size_t i = 0; i < l->count; i++) {
        struct scenario *s = l->all[i];
        if (!scenario_has_level(s))
            continue;
        const double part = s->users / sum;
        seen += part;
        const unsigned upto = (unsigned)floor(users * seen + 0.5), own = upto - dealt;
        dealt = upto;
        if (!set_users(s, own, o->spawn_rate >= 0 ? o->spawn_rate * part : 0, why))
            return refuse_by("--users and --spawn-rate", why);
    }
    return true;
}

void plans_tell_users(const struct plans *p)
{
    for (size_t i = 0; i < p->list.count; i++)
        if (scenario_has_level(p->list.all[i]))
            log_info(MAIN_LOGGER, "Scenario '%s' has %u users, by --users and --spawn-rate",
                     p->list.all[i]->name, p->list.all[i]->users);
}

bool plans_take_options(struct plan_list *l, const struct options *o, char **why)
{
    if (!keep_only(l, o->scenario_only, why))
        return false;
    for (size_t i = 0; i < l->count; i++)
        l->all[i]->is_fresh |=
            o->fresh_user && scenario_is_open(l->all[i]) && !scenario_is_of_all(l->all[i]);
    for (char **given = o->from_stage; l->count && given && *given; given++)
        if (!begin_later(l, *given, why))
            return false;
    return (o->users < 0 && o->spawn_rate < 0) || share_users(l, o, why);
}
