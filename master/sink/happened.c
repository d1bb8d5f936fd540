// SPDX-License-Identifier: MIT
/* happened: see the header. An event may be found out late, and stand before others that were told
 * already: so it is looked up in the list of the push before, which is in the same order. */
#include "master/sink/happened.h"
#include <string.h>

static bool is_in(const struct events_list *old, const struct run_event *e)
{
    size_t low = 0, high = old ? old->count : 0;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (old->events[mid].at < e->at)
            low = mid + 1;
        else
            high = mid;
    }
    for (; old && low < old->count && old->events[low].at <= e->at; low++)
        if (!strcmp(old->events[low].kind, e->kind) && !strcmp(old->events[low].text, e->text))
            return true;
    return false;
}

/* Whoever sends them knows these of the moment itself: a stop may stand here after the last push.
 */
static bool is_of_the_ends(const struct run_event *e)
{
    return !strcmp(e->kind, "start") || !strcmp(e->kind, "stop");
}

void happened_since(const struct moment *m, void (*take)(void *arg, const struct run_event *e),
                    void *arg)
{
    const struct events_list *now = m->s->view->events;
    const struct events_list *old = m->before ? m->before->view->events : NULL;
    if (!now || now == old)
        return;
    for (size_t i = 0; i < now->count; i++)
        if (!is_of_the_ends(&now->events[i]) && !is_in(old, &now->events[i]))
            take(arg, &now->events[i]);
}
