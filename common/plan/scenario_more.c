// SPDX-License-Identifier: MIT
/* scenario_more: what scenarios have beside their load: names and values for their users, and who
 * is before whom; stages by the names of steps. */
#include "common/plan/profile.h"
#include "common/plan/scenario_int.h"
#include "common/base/hex.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- env and tags --------------------------------------------------------------------------- */

static char *decoded(const char *text)
{
    char *out = mem_strdup(text), *to = out;
    for (const char *p = text; *p; p++) {
        const int escaped = hex_escaped(p, strnlen(p, 3));
        *to++ = escaped > 0 ? (char)escaped : *p;
        p += escaped > 0 ? 2 : 0;
    }
    *to = '\0';
    return out;
}

bool scenario_take_pair(struct scenario *s, const char *key, const char *value)
{
    const bool is_tag = strncmp(key, "tag.", 4) == 0;
    if ((!is_tag && strncmp(key, "env.", 4) != 0) || !key[4])
        return false;
    s->pairs = mem_realloc(s->pairs, (s->pair_count + 1) * sizeof *s->pairs);
    s->pairs[s->pair_count++] = (struct scenario_pair){mem_strdup(key + 4), decoded(value), is_tag};
    return true;
}

void scenario_write_pairs(const struct scenario *s, struct sbuf *out)
{
    for (size_t i = 0; i < s->pair_count; i++) {
        const struct scenario_pair *pair = &s->pairs[i];
        sbuf_addf(out, ",%s.%s=", pair->is_tag ? "tag" : "env", pair->name);
        for (const char *p = pair->value; *p; p++)
            if (*p == ',' || *p == '%')
                sbuf_addf(out, "%%%02x", (unsigned)*p);
            else
                sbuf_addc(out, *p);
    }
}

void scenario_free_pairs(struct scenario *s)
{
    for (size_t i = 0; i < s->pair_count; i++) {
        free(s->pairs[i].name);
        free(s->pairs[i].value);
    }
    free(s->pairs);
}

/* ---- steps with names ------------------------------------------------------------------------ */

bool scenario_add_step(struct scenario *s, const char *step, struct ramp_rate *level, char **why)
{
    const struct profile_kind kind = {!scenario_is_open(s), s->keys.unit_ns};
    char *words = NULL;
    const bool is_good = profile_add(&s->ramp, step, &kind, level, &words);
    if (!is_good)
        scenario_refuse(why, s, "%s", words);
    free(words);
    return is_good;
}

/* ---- of all users ---------------------------------------------------------------------------- */

bool scenario_is_of_all(const struct scenario *s)
{
    return s->pool && !strcmp(s->pool, SCENARIO_OF_ALL);
}

/* ---- one after the other -------------------------------------------------------------------- */

static struct scenario *before(struct scenario *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(list[i]->name, name))
            return list[i];
    return NULL;
}

static char *obstacle(const struct scenario *first, const char *name)
{
    struct sbuf why = {0};
    if (!first)
        sbuf_addf(&why, "start_after=%s: there is no scenario of that name", name);
    else if (first->is_endless)
        sbuf_addf(&why, "start_after=%s: that one has no duration, and so no end", name);
    return why.len ? sbuf_take(&why) : NULL;
}

/* Whoever comes after one that is settled is settled next; who is left over goes in a circle. */
bool scenario_order(struct scenario *const *list, size_t count, size_t *bad, char **why)
{
    bool is_moved = true;
    *why = NULL;
    while (is_moved) {
        is_moved = false;
        for (*bad = 0; *bad < count; ++*bad) {
            struct scenario *s = list[*bad];
            const struct scenario *first =
                s->start_after ? before(list, count, s->start_after) : NULL;
            if (!s->start_after)
                continue;
            if ((*why = obstacle(first, s->start_after)))
                return false;
            if (first->start_after)
                continue;
            s->may_be_sooner = scenario_is_counted(first) || first->may_be_sooner;
            s->start_ns += first->start_ns + first->ramp.length_ns;
            free(s->follows);
            s->follows = s->start_after;
            s->start_after = NULL;
            is_moved = true;
        }
    }
    for (*bad = 0; *bad < count; ++*bad)
        if (list[*bad]->start_after) {
            *why = mem_strdup("start_after: these scenarios wait for one another");
            return false;
        }
    return true;
}

/* ---- classes -------------------------------------------------------------------------------- */

char *scenario_next_class(const char **classes, unsigned *weight)
{
    uint64_t given = 0;
    const char *text = *classes;
    if (!*text)
        return NULL;
    const size_t length = strcspn(text, "+");
    char *name = mem_zalloc(length + 1), *star;
    memcpy(name, text, length);
    if ((star = strchr(name, '*')) != NULL) {
        *star = '\0';
        if (!scenario_count(star + 1, SCENARIO_MOST_WEIGHT, &given) || !given)
            *name = '\0'; /* it is none */
    }
    *weight = (unsigned)given;
    *classes = text + length + (text[length] == '+' && text[length + 1]);
    return name;
}

bool scenario_take_class(struct scenario *s, const char *value, char **why)
{
    const char *rest = value;
    unsigned weight;
    char *name;
    bool is_good = true;
    s->user_class = mem_strdup(value);
    while (is_good && (name = scenario_next_class(&rest, &weight))) {
        is_good = *name && *rest != '+';
        free(name);
    }
    return is_good ||
           scenario_refuse(why, s,
                           "class=%s: write one User class, or several with weights from 1 "
                           "to %d: Buyer*3+Browser",
                           value, SCENARIO_MOST_WEIGHT);
}

void scenario_write_whose(const struct scenario *s, struct sbuf *out)
{
    if (s->user_class)
        sbuf_addf(out, ",class=%s", s->user_class);
    if (s->task)
        sbuf_addf(out, ",task=%s", s->task);
    if (s->pool)
        sbuf_addf(out, ",pool=%s", s->pool);
    if (s->throttle)
        sbuf_addf(out, ",throttle=%s", s->throttle);
}
