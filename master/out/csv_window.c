// SPDX-License-Identifier: MIT
/* csv_window: see the header. A new start time tells that the statistics were cleared or reset, and
 * then all is forgotten. */
#include "master/out/csv_window.h"
#include "common/base/handle.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include <stdlib.h>

#define WINDOW_TICKS 10

struct window {
    uint32_t number;                /* of its row; 0: the total */
    struct hist seen, sum;          /* up to the last tick; of the ticks in the ring */
    struct sbuf ring[WINDOW_TICKS]; /* packed differences; slot = its tick % WINDOW_TICKS */
    uint64_t tick;
    struct window *next;
};

#define CSV_WINDOWS_TAG 0x63737677u /* "csvw" */

struct csv_windows {
    uint32_t tag;
    struct map index; /* by number */
    struct window *list;
    double started_at;
};

static bool is_of(const void *value, const void *key)
{
    return ((const struct window *)value)->number == *(const uint32_t *)key;
}

static void forget_all(struct csv_windows *w)
{
    for (struct window *next, *i = w->list; i; i = next) {
        next = i->next;
        hist_fini(&i->seen);
        hist_fini(&i->sum);
        for (size_t k = 0; k < WINDOW_TICKS; k++)
            sbuf_fini(&i->ring[k]);
        free(i);
    }
    w->list = NULL;
    map_clear(&w->index);
}

struct csv_windows *csv_windows_new(void)
{
    struct csv_windows *w = mem_zalloc(sizeof *w);
    HANDLE_MADE(w, CSV_WINDOWS_TAG);
    return w;
}

void csv_windows_free(struct csv_windows *w)
{
    if (!w)
        return;
    HANDLE_IS(w, CSV_WINDOWS_TAG);
    forget_all(w);
    map_fini(&w->index);
    HANDLE_ENDS(w);
    free(w);
}

static struct window *window_of(struct csv_windows *w, const struct tally *t)
{
    uint64_t hash = map_hash(0, &t->number, sizeof t->number);
    struct window *found = map_find(&w->index, hash, is_of, &t->number);
    if (found)
        return found;
    found = mem_zalloc(sizeof *found);
    found->number = t->number;
    hist_init(&found->seen);
    hist_init(&found->sum);
    found->next = w->list;
    w->list = found;
    map_add(&w->index, hash, found);
    return found;
}

static void drop_oldest(struct window *i, struct sbuf *slot)
{
    if (!slot->len)
        return;
    struct hist old;
    hist_init(&old);
    hist_add_packed(&old, NULL, slot->data, slot->len);
    hist_subtract(&i->sum, &old);
    hist_fini(&old);
    sbuf_clear(slot);
}

void csv_windows_begin(struct csv_windows *w, const struct stats *s)
{
    HANDLE_IS(w, CSV_WINDOWS_TAG);
    if (w->started_at != s->started_at)
        forget_all(w);
    w->started_at = s->started_at;
}

const struct hist *csv_windows_advance(struct csv_windows *w, const struct tally *t)
{
    HANDLE_IS(w, CSV_WINDOWS_TAG);
    struct window *i = window_of(w, t);
    struct sbuf *slot = &i->ring[i->tick++ % WINDOW_TICKS];
    drop_oldest(i, slot);
    if (t->hist.count > i->seen.count) {
        struct hist news = hist_since(&t->hist, &i->seen);
        hist_pack(&news, slot);
        hist_merge(&i->sum, &news);
        hist_merge(&i->seen, &news);
        hist_fini(&news);
    }
    return i->sum.count ? &i->sum : NULL;
}
