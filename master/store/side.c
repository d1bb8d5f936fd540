// SPDX-License-Identifier: MIT
#include "master/store/side.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/store/report_read.h"
#include "master/store/run_name.h"
#include "master/store/summary_file.h"
#include <stdlib.h>
#include <string.h>

#define LOGGER "katydid.history"
#define LONG_S 1200

static bool add(struct side *s, struct stored *one)
{
    if (!one || s->count == SIDE_MOST) {
        stored_close(one);
        return one != NULL;
    }
    s->list[s->count] = one;
    s->runs[s->count++] = (struct contrast_run){one->timeline, &one->stats, one->meta};
    return true;
}

static bool is_judged(void *arg, const struct stats *s, const struct tally *row)
{
    const struct side_ask *ask = arg;
    const struct stats *of = ask->like ? ask->like : s;
    const struct tally *t = ask->like ? stats_find(of, row->method, row->name) : row;
    for (size_t i = 0; t && i < ask->gate->count; i++)
        if (contrast_judges(&ask->gate->rules[i], t, of))
            return true;
    return false;
}

/* With the first run of the side as what those behind it are like. */
static struct side_ask settle(const struct side *s, const struct side_ask *ask)
{
    const struct stats *like = ask->like ? ask->like : s->count > 0 ? s->runs[0].stats : NULL;
    return (struct side_ask){ask->gate, like};
}

bool side_add(struct side *s, struct history *h, const json_t *run, const struct side_ask *given,
              char **why)
{
    const char *id = json_string_value(json_object_get(run, "id"));
    const bool is_long = json_number_value(json_object_get(run, "duration")) > LONG_S;
    struct side_ask ask = settle(s, given);
    const struct stored_part part = {.finest = is_long, .wants = is_judged, .arg = &ask};
    return add(s, history_open_run(h, id ? id : "", &part, why));
}

static bool ends_with(const char *text, const char *end)
{
    const size_t len = strlen(text), of_end = strlen(end);
    return len > of_end && strcmp(text + len - of_end, end) == 0;
}

bool side_is_file(const char *spec)
{
    return ends_with(spec, ".kdrun") || ends_with(spec, ".json") || ends_with(spec, ".html");
}

bool side_open(struct side *s, struct history *h, const char *spec, const struct side_ask *given,
               char **why)
{
    size_t i;
    const json_t *run;
    struct side_ask ask = settle(s, given);
    const struct stored_part tens = {.finest = 1, .wants = is_judged, .arg = &ask};
    if (ends_with(spec, ".json"))
        return add(s, summary_file_open(spec, why));
    if (ends_with(spec, ".html"))
        return add(s, report_read(spec, why));
    if (side_is_file(spec))
        return add(s, stored_open(spec, &tens, false, why));
    json_t *found = h ? history_find(h, spec, NULL, why) : NULL;
    json_array_foreach(found, i, run)
    {
        if (side_add(s, h, run, given, why))
            continue;
        if (json_array_size(found) == 1)
            break;
        log_warning(LOGGER, "Left out: %s", *why); /* the others may be whole */
        free(*why);
        *why = NULL;
    }
    if (found && s->count == 0 && !*why)
        *why = mem_strdup("its runs cannot be read");
    json_decref(found);
    return s->count > 0;
}

void side_close(struct side *s)
{
    for (size_t i = 0; i < s->count; i++)
        stored_close(s->list[i]);
    s->count = 0;
}

char *side_name(const struct side *s, const char *spec)
{
    return s->count == 1 ? run_name(s->runs[0].meta) : sbuf_words("%s: %zu runs", spec, s->count);
}

struct side_alike side_alike(struct history *h, const json_t *like)
{
    return (struct side_alike){h, h ? history_alike(h, like) : NULL};
}

void side_alike_fini(struct side_alike *a)
{
    json_decref(a->ids);
}

struct between side_between(void *alike, const char *method, const char *name,
                            enum contrast_figure f)
{
    const struct side_alike *a = alike;
    return history_between(a->history, a->ids, method, name, f);
}
