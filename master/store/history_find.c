// SPDX-License-Identifier: MIT
/* history_find: which runs people mean. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/options/options.h"
#include "master/store/history.h"
#include "master/store/run_id.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct meant {
    struct history_filter filter;
    size_t back; /* latest~3: 3 */
    size_t count;
};

static const char *const WORDS[] = {"latest", "valid", "pinned:", "branch:", "profile:", "tag:"};

/* What stands behind the beginning of the word, or NULL. */
static const char *behind(const char *word, const char *beginning)
{
    const size_t len = strlen(beginning);
    return strncmp(word, beginning, len) == 0 ? word + len : NULL;
}

static bool read_number(const char *text, size_t *number)
{
    char *end;
    const long value = strtol(text, &end, 10);
    *number = value > 0 ? (size_t)value : 0;
    return *text && isdigit((unsigned char)*text) && !*end && value < 100000;
}

static bool read_word(const char *word, struct meant *m)
{
    const char *rest;
    if ((rest = behind(word, "pinned:")) && *rest)
        m->filter.pin = rest;
    else if ((rest = behind(word, "branch:")) && *rest)
        m->filter.branch = rest;
    else if ((rest = behind(word, "profile:")))
        m->filter.profile = rest;
    else if ((rest = behind(word, "tag:")) && *rest)
        m->filter.tag = rest;
    else if ((rest = behind(word, "latest~")))
        return read_number(rest, &m->back);
    else if (strcmp(word, "valid") == 0)
        m->filter.is_valid = true;
    else if (strlen(word) < RUN_ID_SIZE && isdigit((unsigned char)word[0]) && strlen(word) >= 4)
        m->filter.prefix = word;
    else if (isdigit((unsigned char)word[0]))
        return read_number(word, &m->count) && m->count > 0;
    else
        return strcmp(word, "latest") == 0;
    return true;
}

static const char *word_name(const void *of, size_t i)
{
    return ((const char *const *)of)[i];
}

static void say_unknown(const char *word, char **why)
{
    struct sbuf text = {0};
    const char *best =
        options_nearest_name(word, 0.5, word_name, WORDS, sizeof WORDS / sizeof *WORDS);
    sbuf_addf(&text,
              "'%s' is no run: give an id, latest, latest~3, pinned:NAME, branch:NAME, "
              "profile:NAME or tag:KEY=VALUE",
              word);
    if (best)
        sbuf_addf(&text, " (did you mean %s?)", best);
    *why = sbuf_take(&text);
}

/* Of one that goes on nothing can be said yet, unless it is named. */
static bool is_meant(const struct meant *m, const json_t *run)
{
    const char *state = json_string_value(json_object_get(run, "state"));
    return m->filter.pin || m->filter.prefix || strcmp(state ? state : "", "running") != 0;
}

/* Runs of one --repeat are one side. */
static bool is_of_same_series(const json_t *run, const json_t *like)
{
    const json_t *series = json_object_get(json_object_get(like, "tags"), "repeat");
    return series && json_equal(series, json_object_get(json_object_get(run, "tags"), "repeat"));
}

static bool is_like(const struct meant *m, const json_t *run, const json_t *like)
{
    static const char *const same[] = {"profile", "locustfile"};
    const json_t *itself = json_object_get(like, "run");
    if (itself && json_equal(itself, json_object_get(run, "run")))
        return false;
    if (is_of_same_series(run, like))
        return false;
    if (!like || m->filter.pin || m->filter.prefix || m->filter.profile)
        return true;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (!json_equal(json_object_get(run, same[i]), json_object_get(like, same[i])))
            return false;
    return true;
}

struct choosing {
    const struct meant *m;
    const json_t *like;
    json_t *chosen;
    size_t passed;
};

static bool choose(void *arg, json_t *run)
{
    struct choosing *c = arg;
    if (!is_meant(c->m, run) || !is_like(c->m, run, c->like) || c->passed++ < c->m->back)
        return true;
    json_array_append(c->chosen, run);
    return json_array_size(c->chosen) < c->m->count || c->m->filter.prefix;
}

/* m points into the words of spec, which are cut. */
static bool read_spec(char *spec, struct meant *m, char **why)
{
    char *rest = NULL, *word = strtok_r(spec, " ", &rest);
    bool is_good = word && read_word(word, m);
    while (is_good && (word = strtok_r(NULL, " ", &rest)))
        is_good = read_word(word, m);
    if (!is_good)
        say_unknown(word ? word : "", why);
    return is_good;
}

bool history_is_spec(const char *spec, char **why)
{
    struct meant m = {.count = 1};
    char *copy = mem_strdup(spec);
    const bool is_good = read_spec(copy, &m, why);
    free(copy);
    return is_good;
}

json_t *history_find(struct history *h, const char *spec, const json_t *like, char **why)
{
    struct meant m = {.count = 1};
    struct sbuf text = {0};
    char *copy = mem_strdup(spec);
    struct choosing c = {.m = &m, .like = like};
    if (read_spec(copy, &m, why)) {
        c.chosen = json_array();
        history_each(h, &m.filter, choose, &c);
        const size_t count = json_array_size(c.chosen);
        if (count == 0)
            sbuf_addf(&text,
                      "no run is stored that is '%s' (katydid runs list shows those there are)",
                      spec);
        else if (m.filter.prefix && count > 1)
            sbuf_addf(&text, "%zu runs begin with '%s'; give more of the id", count,
                      m.filter.prefix);
    }
    free(copy);
    if (text.len > 0) {
        json_decref(c.chosen);
        *why = sbuf_take(&text);
        return NULL;
    }
    return c.chosen;
}

#define NAMED_MOST 5 /* runs of a refusal that are named */

/* What changes or shows one run takes no guess at which. */
static char *several(const json_t *found, const char *spec)
{
    struct sbuf text = {0};
    const size_t count = json_array_size(found);
    sbuf_addf(&text, "'%s' means %zu runs; name one of them:", spec, count);
    for (size_t i = 0; i < count && i < NAMED_MOST; i++)
        sbuf_addf(&text, " %s", json_string_value(json_object_get(json_array_get(found, i), "id")));
    if (count > NAMED_MOST)
        sbuf_adds(&text, " …");
    return sbuf_take(&text);
}

json_t *history_find_one(struct history *h, const char *spec, bool *is_several, char **why)
{
    json_t *found = history_find(h, spec, NULL, why), *run = NULL;
    *is_several = json_array_size(found) > 1;
    if (*is_several)
        *why = several(found, spec);
    else
        run = json_incref(json_array_get(found, 0));
    json_decref(found);
    return run;
}
