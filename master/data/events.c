// SPDX-License-Identifier: MIT
#include "master/data/events.h"

#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define KINDS_MAX 16 /* of events */

enum cause { BY_CPU, BY_QUOTA, BY_STARVED, BY_LAG, BY_DELAY, CAUSES, BY_NOTHING = CAUSES };
static const char *const cause_words[CAUSES] = {"cpu", "quota", "starved", "lag", "delay"};

struct watched { /* a worker, by index */
    double bad_seconds, bad_since;
    double by_cause[CAUSES]; /* of the bad seconds */
    bool is_open;
    size_t span; /* its open one, among the saturations */
};

#define EVENTS_TAG 0x6576656eu /* "even" */

struct events {
    uint32_t tag;
    struct run_event events[EVENTS_MAX]; /* texts owned */
    struct saturation spans[EVENTS_SATURATED_MAX];
    size_t count, span_count;
    uint64_t total;
    struct watched *watched;
    size_t watched_count;
    struct events_list *list; /* as it is now, or NULL: has to be made anew */
};

struct events *events_new(void)
{
    struct events *e = mem_zalloc(sizeof *e);
    HANDLE_MADE(e, EVENTS_TAG);
    return e;
}

static void changed(struct events *e)
{
    events_list_unref(e->list);
    e->list = NULL;
}

void events_clear(struct events *e)
{
    HANDLE_IS(e, EVENTS_TAG);
    for (size_t i = 0; i < e->count; i++)
        free((void *)(uintptr_t)e->events[i].text);
    e->count = e->span_count = 0;
    e->total = 0;
    free(e->watched);
    e->watched = NULL;
    e->watched_count = 0;
    changed(e);
}

void events_free(struct events *e)
{
    if (!e)
        return;
    HANDLE_IS(e, EVENTS_TAG);
    events_clear(e);
    HANDLE_ENDS(e);
    free(e);
}

struct kind {
    const char *name;
    size_t count, oldest;
};

static struct kind *kind_of(struct kind *kinds, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    if (*count == KINDS_MAX)
        return NULL;
    kinds[*count] = (struct kind){.name = name};
    return &kinds[(*count)++];
}

/* What the kind that there is most of has to give: its oldest one. */
static void make_room(struct events *e)
{
    struct kind kinds[KINDS_MAX], *most = NULL;
    size_t count = 0;
    for (size_t i = 0; i < e->count; i++) {
        struct kind *k = kind_of(kinds, &count, e->events[i].kind);
        if (k && k->count++ == 0)
            k->oldest = i;
    }
    for (size_t i = 0; i < count; i++)
        if (!most || kinds[i].count > most->count)
            most = &kinds[i];
    size_t victim = most ? most->oldest : 0;
    free((void *)(uintptr_t)e->events[victim].text);
    memmove(&e->events[victim], &e->events[victim + 1], (--e->count - victim) * sizeof *e->events);
}

void events_add(struct events *e, double at, const char *kind, const char *format, ...)
{
    HANDLE_IS(e, EVENTS_TAG);
    struct sbuf text = {0};
    va_list args;
    va_start(args, format);
    sbuf_addv(&text, format, args);
    va_end(args);
    if (e->count == EVENTS_MAX)
        make_room(e);
    size_t place = e->count; /* markers may be set in the past */
    while (place > 0 && e->events[place - 1].at > at)
        place--;
    memmove(&e->events[place + 1], &e->events[place], (e->count - place) * sizeof *e->events);
    size_t len = text.data ? utf8_cut(text.data, text.len, EVENTS_TEXT_MAX) : 0;
    e->events[place] = (struct run_event){at, kind, mem_dup(text.data ? text.data : "", len)};
    e->count++;
    e->total++;
    sbuf_fini(&text);
    changed(e);
}

/* ---- saturation ---- */

static struct watched *watched_of(struct events *e, unsigned worker)
{
    if (worker >= e->watched_count) {
        size_t count = 2 * (size_t)worker + 8;
        e->watched = mem_realloc(e->watched, count * sizeof *e->watched);
        memset(e->watched + e->watched_count, 0, (count - e->watched_count) * sizeof *e->watched);
        e->watched_count = count;
    }
    return &e->watched[worker];
}

/* What it was for most of the time. */
static enum cause cause_of(const struct watched *w)
{
    enum cause most = BY_CPU;
    for (enum cause c = BY_CPU; c < CAUSES; c++)
        if (w->by_cause[c] > w->by_cause[most])
            most = c;
    return most;
}

/* cause: that of this second, whose figures are told. */
static void open_span(struct events *e, struct watched *w, double now, unsigned worker,
                      const char *name, const struct events_health *h, enum cause cause)
{
    size_t at = e->span_count;
    if (at == EVENTS_SATURATED_MAX) /* the last one stands for the rest */
        at--;
    else
        e->spans[e->span_count++] =
            (struct saturation){w->bad_since, now, worker, cause_words[cause_of(w)]};
    w->is_open = true;
    w->span = at;
    if (cause == BY_CPU)
        events_add(e, w->bad_since, "saturated",
                   "Worker %s: processor at %.0f %%, the measurement is not valid", name, h->cpu);
    else if (cause == BY_QUOTA)
        events_add(e, w->bad_since, "saturated",
                   "Worker %s: at the processor limit of its container (%.0f %% of %.3g cores, "
                   "throttled in %.0f %% of the time), the measurement is not valid",
                   name, h->cpu / h->cores, h->cores, h->throttled);
    else if (cause == BY_STARVED)
        events_add(
            e, w->bad_since, "saturated",
            "Worker %s: waited for a processor in %.0f %% of the time, which others used, the "
            "measurement is not valid",
            name, h->starved);
    else if (cause == BY_DELAY)
        events_add(e, w->bad_since, "saturated",
                   "Worker %s: %.3g %% of its arrivals began more than %.0f ms late though users "
                   "were free, the measurement is not valid",
                   name, h->late_starts, SATURATED_LAG_MS);
    else
        events_add(e, w->bad_since, "saturated",
                   "Worker %s: event loop %.0f ms late, the measurement is not valid", name,
                   h->lag_ms);
}

/* Who has little to do waits little in all, but each time that it wants to run. */
static bool is_starved(const struct events_health *h)
{
    return h->starved > SATURATED_STARVED ||
           (h->starved > SATURATED_STARVED_LIGHT && h->starved > h->cpu);
}

static enum cause cause_in(const struct events_health *h)
{
    if (h->cpu > SATURATED_CPU && (h->cores <= 0 || h->cores > 1))
        return BY_CPU;
    if (h->cores > 0 && (h->throttled > SATURATED_THROTTLED || h->cpu / h->cores > SATURATED_CPU))
        return BY_QUOTA;
    if (is_starved(h))
        return BY_STARVED;
    if (h->lag_ms > SATURATED_LAG_MS)
        return BY_LAG;
    return h->late_starts > SATURATED_LATE ? BY_DELAY : BY_NOTHING;
}

void events_watch(struct events *e, double now, unsigned worker, const char *name,
                  const struct events_health *h)
{
    HANDLE_IS(e, EVENTS_TAG);
    struct watched *w = watched_of(e, worker);
    const enum cause cause = cause_in(h);
    if (cause == BY_NOTHING) {
        events_worker_idle(e, worker);
        return;
    }
    /* A loop that stood still tells afterwards, a first report not from when it is; of the time
     * between it is late moments only. */
    const double seconds = fmax(fmax(1, h->lag_ms / 1000), cause == BY_LAG ? 0 : h->seconds);
    if (w->bad_seconds == 0)
        w->bad_since = now - seconds;
    w->bad_seconds += seconds;
    w->by_cause[cause] += seconds;
    const bool is_still = h->lag_ms >= SATURATED_STILL_MS;
    if (!w->is_open && (is_still || w->bad_seconds >= SATURATED_AFTER_S))
        open_span(e, w, now, worker, name, h, cause);
    if (w->is_open) {
        e->spans[w->span].to = now;
        e->spans[w->span].why = cause_words[cause_of(w)];
        changed(e);
    }
}

void events_worker_idle(struct events *e, unsigned worker)
{
    HANDLE_IS(e, EVENTS_TAG);
    if (worker >= e->watched_count)
        return;
    e->watched[worker] = (struct watched){.bad_seconds = 0};
}

bool events_is_saturated(const struct events *e, double now)
{
    HANDLE_IS(e, EVENTS_TAG);
    for (size_t i = 0; i < e->watched_count; i++)
        if (e->watched[i].is_open && e->spans[e->watched[i].span].to > now - SATURATED_NOW_S)
            return true;
    return false;
}

bool events_has_cause(const struct events *e, const char *why)
{
    HANDLE_IS(e, EVENTS_TAG);
    for (size_t i = 0; i < e->span_count; i++)
        if (strcmp(e->spans[i].why, why) == 0)
            return true;
    return false;
}

static int by_from(const void *a, const void *b)
{
    const struct saturation *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

double events_saturated_s(const struct events *e)
{
    HANDLE_IS(e, EVENTS_TAG);
    if (e->span_count == 0)
        return 0;
    struct saturation *spans = mem_dup(e->spans, e->span_count * sizeof *spans);
    double sum = 0, upto = 0;
    qsort(spans, e->span_count, sizeof *spans, by_from);
    for (size_t i = 0; i < e->span_count; i++) {
        double from = spans[i].from > upto ? spans[i].from : upto;
        if (spans[i].to > from)
            sum += spans[i].to - from;
        if (spans[i].to > upto)
            upto = spans[i].to;
    }
    free(spans);
    return sum;
}

bool events_restore_saturation(struct events *e, double from, double to, unsigned worker,
                               const char *why)
{
    HANDLE_IS(e, EVENTS_TAG);
    for (size_t i = 0; i < CAUSES && e->span_count < EVENTS_SATURATED_MAX; i++) {
        if (strcmp(cause_words[i], why) != 0)
            continue;
        e->spans[e->span_count++] = (struct saturation){from, to, worker, cause_words[i]};
        changed(e);
        return true;
    }
    return false;
}

/* ---- for readers ---- */

struct events_list *events_list_ref(struct events_list *l)
{
    __atomic_add_fetch(&l->refs, 1, __ATOMIC_RELAXED);
    return l;
}

void events_list_unref(struct events_list *l)
{
    if (l && __atomic_sub_fetch(&l->refs, 1, __ATOMIC_ACQ_REL) == 0)
        free(l);
}

/* One piece of memory: the head, the spans, the events, their texts. */
static struct events_list *make_list(const struct events *e)
{
    size_t spans = e->span_count * sizeof *e->spans, items = e->count * sizeof *e->events;
    size_t texts = 0;
    for (size_t i = 0; i < e->count; i++)
        texts += strlen(e->events[i].text) + 1;
    struct events_list *l = mem_zalloc(sizeof *l + spans + items + texts);
    struct saturation *to_spans = (struct saturation *)(l + 1);
    struct run_event *to = (struct run_event *)(to_spans + e->span_count);
    char *text = (char *)(to + e->count);
    *l = (struct events_list){1, e->total, e->count, e->span_count, to, to_spans};
    memcpy(to_spans, e->spans, spans);
    memcpy(to, e->events, items);
    for (size_t i = 0; i < e->count; i++) {
        size_t size = strlen(e->events[i].text) + 1;
        to[i].text = memcpy(text, e->events[i].text, size);
        text += size;
    }
    return l;
}

struct events_list *events_snapshot(struct events *e)
{
    HANDLE_IS(e, EVENTS_TAG);
    if (!e->list)
        e->list = make_list(e);
    return events_list_ref(e->list);
}
