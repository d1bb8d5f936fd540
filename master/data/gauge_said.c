// SPDX-License-Identifier: MIT
#include "master/data/gauge_said.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

void gauge_said_fini(struct gauge_said *g)
{
    for (size_t i = 0; i < g->series_count; i++)
        free(g->series[i].list);
    for (uint32_t i = 0; i < g->name_count; i++)
        free(g->names[i]);
    free(g->series);
    free(g->names);
    free(g->by_index);
    *g = (struct gauge_said){0};
}

static uint32_t place_of(struct gauge_said *g, const char *worker)
{
    uint32_t at = 0;
    while (at < g->name_count && strcmp(g->names[at], worker) != 0)
        at++;
    if (at == g->name_count) {
        g->names = mem_realloc(g->names, (g->name_count + 1) * sizeof *g->names);
        g->names[g->name_count++] = mem_strdup(worker);
    }
    return at;
}

/* An index may be given to another worker once its own is forgotten: the name decides. */
static uint32_t worker_at(struct gauge_said *g, unsigned index, const char *worker)
{
    if (index >= g->index_count) {
        const size_t count = index + index / 2 + 8;
        g->by_index = mem_realloc(g->by_index, count * sizeof *g->by_index);
        memset(g->by_index + g->index_count, 0, (count - g->index_count) * sizeof *g->by_index);
        g->index_count = count;
    }
    uint32_t *known = &g->by_index[index];
    if (!*known || strcmp(g->names[*known - 1], worker) != 0)
        *known = place_of(g, worker) + 1;
    return *known - 1;
}

static struct said_of *of_series(struct gauge_said *g, uint32_t series_id)
{
    if (series_id > g->series_count) {
        const size_t count = series_id + series_id / 2 + 16;
        g->series = mem_realloc(g->series, count * sizeof *g->series);
        memset(g->series + g->series_count, 0, (count - g->series_count) * sizeof *g->series);
        g->series_count = count;
    }
    return &g->series[series_id - 1];
}

void gauge_said_note(struct gauge_said *g, uint32_t series_id, unsigned index, const char *worker,
                     double value, double at)
{
    struct said_of *of = of_series(g, series_id);
    const uint32_t who = worker_at(g, index, worker);
    uint32_t i = 0;
    while (i < of->count && of->list[i].worker != who)
        i++;
    if (i == of->count) {
        if (g->count == SAID_MOST) {
            g->left_out++;
            return;
        }
        of->list = mem_realloc(of->list, (of->count + 1) * sizeof *of->list);
        of->list[of->count++] = (struct said){who, value, at};
        g->count++;
    } else if (at >= of->list[i].at) {
        of->list[i] = (struct said){who, value, at};
    }
}

const struct said *gauge_said_list(const struct gauge_said *g, uint32_t series_id, size_t *count)
{
    const struct said_of *of =
        series_id <= g->series_count ? &g->series[series_id - 1] : &(struct said_of){NULL, 0};
    *count = of->count;
    return of->list;
}
