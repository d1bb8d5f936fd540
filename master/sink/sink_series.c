// SPDX-License-Identifier: MIT
#include "master/sink/sink_series.h"

#include <string.h>

const struct series_row *sink_series_before(const struct series_list *old, size_t *at,
                                            const struct series_row *r)
{
    for (; old && *at < old->count; (*at)++) {
        const struct series_row *o = &old->rows[*at];
        int order = strcmp(o->metric, r->metric);
        for (size_t i = 0; order == 0 && i < o->tag_count && i < r->tag_count; i++) {
            order = strcmp(o->tags[i].key, r->tags[i].key);
            if (order == 0)
                order = strcmp(o->tags[i].value, r->tags[i].value);
        }
        if (order == 0 && o->tag_count == r->tag_count && o->is_other == r->is_other)
            return o;
        if (order > 0)
            return NULL;
    }
    return NULL;
}

void sink_series_each(const struct moment *m, void (*tell)(void *arg, const struct series_gain *g),
                      void *arg)
{
    const struct series_list *now = m->s->view->series;
    const struct series_list *old = m->since ? m->since->view->series : NULL;
    size_t at = 0;
    for (size_t i = 0; now && i < now->count; i++) {
        const struct series_row *r = &now->rows[i], *was = sink_series_before(old, &at, r);
        const bool is_of_it = was && was->n <= r->n; /* else it began anew */
        const struct series_gain g = {.row = r,
                                      .count = r->n - (is_of_it ? was->n : 0),
                                      .trues = r->trues - (is_of_it ? was->trues : 0),
                                      .sum = r->sum - (is_of_it ? was->sum : 0)};
        if (g.count)
            tell(arg, &g);
    }
}
