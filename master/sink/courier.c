// SPDX-License-Identifier: MIT
/* courier: see the header. All of it runs on the output's thread. */
#include "master/sink/courier.h"
#include "common/base/clk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define LOGGER "locust.runners"
#define PAUSE_LEAST_S 1.0
#define PAUSE_MOST_S 30.0
#define ASKED_MOST_S 120.0 /* of Retry-After */
#define BUFFER_BYTES (64u << 20)
#define DEAD_AFTER 3 /* failures in a row: at the end it is asked once more, not waited for */

struct courier {
    const struct courier_kind *kind;
    void *self;
    struct sink_spec *spec;
    const char *unit;             /* of the counts */
    bool (*has_more)(void *self); /* or NULL */
    double interval_s, timeout_s, buffer_s;
    struct output_counts counts;
    struct snapshot *last; /* that was packed; a reference */
    double last_at;
    bool is_ended; /* ... was the end of its run */
    bool is_tried;
    struct parcels waiting;
    unsigned failures;      /* in a row */
    double next_try;        /* monotonic */
    struct sbuf trouble;    /* of the last delivery, if it failed */
    struct sbuf lost;       /* why the last one that was dropped was */
    _Atomic double ends_by; /* monotonic: then all is to be over; 0: the end has not begun */
};

/* ---- parcels ----------------------------------------------------------------------------- */

struct parcel *parcels_add(struct parcels *list, int what)
{
    struct parcel *p = mem_zalloc(sizeof *p);
    p->what = what;
    p->count = 1;
    if (list->last)
        list->last->next = p;
    else
        list->first = p;
    list->last = p;
    list->count++;
    return p;
}

static void parcels_pop(struct parcels *list)
{
    struct parcel *p = list->first;
    list->first = p->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    list->bytes -= p->body.len;
    sbuf_fini(&p->body);
    free(p);
}

static void count_lost(struct courier *c, uint64_t count, const char *why)
{
    sbuf_clear(&c->lost);
    sbuf_adds(&c->lost, why);
    __atomic_add_fetch(&c->counts.dropped, count, __ATOMIC_RELAXED);
}

/* refused: of what it counts as; 0: all. */
static void drop_first(struct courier *c, uint64_t refused)
{
    const uint64_t all = c->waiting.first->count;
    const uint64_t lost = refused && refused < all ? refused : all;
    count_lost(c, lost, c->trouble.len ? c->trouble.data : "the receiver was away for too long");
    __atomic_add_fetch(&c->counts.sent, all - lost, __ATOMIC_RELAXED);
    parcels_pop(&c->waiting);
}

static double now_s(void)
{
    return (double)clk_mono_ns() / 1e9;
}

static void keep(struct courier *c, struct parcels *more)
{
    const double now = now_s();
    if (more->lost)
        count_lost(c, more->lost, more->why);
    while (more->first) {
        struct parcel *p = more->first;
        more->first = p->next;
        p->next = NULL;
        p->made_at = now;
        if (c->waiting.last)
            c->waiting.last->next = p;
        else
            c->waiting.first = p;
        c->waiting.last = p;
        c->waiting.count++;
        c->waiting.bytes += p->body.len;
    }
    while (c->waiting.first && c->waiting.first->next &&
           (c->waiting.bytes > BUFFER_BYTES || now - c->waiting.first->made_at > c->buffer_s))
        drop_first(c, 0);
}

/* ---- packing ----------------------------------------------------------------------------- */

static bool is_same_run(const struct courier *c, const struct snapshot *s)
{
    const struct snapshot *last = c->last;
    return last && last->run_number == s->run_number && last->stats.clears == s->stats.clears &&
           last->stats.started_at == s->stats.started_at;
}

static bool is_unchanged(const struct snapshot *a, const struct snapshot *b)
{
    const struct tally *x = &a->stats.total, *y = &b->stats.total;
    return x->requests == y->requests && x->failures == y->failures && x->cut == y->cut &&
           x->discarded == y->discarded && x->resent == y->resent;
}

static void pack(struct courier *c, const struct snapshot *s, bool is_last)
{
    const bool is_same = is_same_run(c, s);
    struct moment m = {.s = s,
                       .since = is_same ? c->last : NULL,
                       .before = c->last && c->last->run_number == s->run_number ? c->last : NULL,
                       .at = s->view->now,
                       .is_first = !c->last || c->last->run_number != s->run_number,
                       .is_end = !s->is_live || is_last};
    struct parcels made = {0};
    const bool has_more = c->has_more && c->has_more(c->self);
    if (s->run_number == 0 || (!has_more && is_same && c->is_ended && is_unchanged(c->last, s)))
        return;
    if (m.at <= c->last_at) /* one time is one point, for most receivers */
        m.at = c->last_at + 0.001;
    c->kind->pack(c->self, &m, &made);
    keep(c, &made);
    snapshot_unref(c->last);
    c->last = (struct snapshot *)(uintptr_t)s;
    snapshot_ref(c->last);
    c->last_at = m.at;
    c->is_ended = m.is_end;
}

/* ---- delivering -------------------------------------------------------------------------- */

static void note_failure(struct courier *c, const struct delivery_trouble *t)
{
    double pause_s = PAUSE_LEAST_S;
    for (unsigned i = 0; i < c->failures && pause_s < PAUSE_MOST_S; i++)
        pause_s *= 2;
    if (pause_s > PAUSE_MOST_S)
        pause_s = PAUSE_MOST_S;
    if (t->retry_after_s > pause_s)
        pause_s = t->retry_after_s < ASKED_MOST_S ? t->retry_after_s : ASKED_MOST_S;
    c->failures++;
    c->next_try = now_s() + pause_s;
}

static void set_trouble(struct courier *c, const struct delivery_trouble *t)
{
    sbuf_clear(&c->trouble);
    sbuf_adds(&c->trouble, t->why.data ? t->why.data : "it was not taken");
}

/* It speaks another way from now on: cumulative figures of now have all that waited. */
static void pack_anew(struct courier *c)
{
    struct parcels made = {0};
    const struct moment m = {.s = c->last, .at = c->last_at, .is_end = c->is_ended};
    while (c->waiting.first)
        parcels_pop(&c->waiting);
    c->kind->pack(c->self, &m, &made);
    keep(c, &made);
}

/* The first of what waits. Whether the next one may be tried at once. */
static bool deliver_one(struct courier *c, double timeout_s)
{
    struct delivery_trouble t = {0};
    const enum delivery d = c->kind->deliver(c->self, c->waiting.first, timeout_s, &t);
    switch (d) {
    case DELIVERED:
        __atomic_add_fetch(&c->counts.sent, c->waiting.first->count, __ATOMIC_RELAXED);
        parcels_pop(&c->waiting);
        c->failures = 0;
        sbuf_clear(&c->trouble);
        break;
    case DELIVERY_REFUSED:
        set_trouble(c, &t);
        drop_first(c, t.refused);
        break;
    case DELIVERY_LATER:
        note_failure(c, &t);
        set_trouble(c, &t);
        break;
    case DELIVERY_ANEW:
        pack_anew(c);
        break;
    }
    sbuf_fini(&t.why);
    return d != DELIVERY_LATER;
}

/* What comes late is for the flush, which has a limit for all of it. */
static void deliver(struct courier *c)
{
    while (c->waiting.first && now_s() >= c->next_try && c->ends_by <= 0)
        if (!deliver_one(c, c->timeout_s))
            return;
}

static int answer(const struct courier *c, char **why)
{
    if (c->trouble.len == 0)
        return 0;
    *why = mem_strdup(c->trouble.data);
    return -1;
}

/* ---- as an output ------------------------------------------------------------------------ */

static double interval_s(const void *self, const struct wishes *w)
{
    (void)w;
    return ((const struct courier *)self)->interval_s;
}

static int reach(struct courier *c, char **why)
{
    struct sbuf text = {0};
    c->is_tried = true;
    if (!c->kind->reach || c->kind->reach(c->self, c->timeout_s, &text) == 0)
        return 0;
    *why = text.data ? sbuf_take(&text) : mem_strdup("it is not there");
    return -1;
}

static int check(void *self, const struct snapshot *first, char **why)
{
    struct courier *c = self;
    (void)first;
    char *cause = NULL;
    if (!c->spec->is_required || reach(c, &cause) == 0)
        return 0;
    *why = sink_words(c->spec, "%s", cause);
    free(cause);
    return -1;
}

static int tick(void *self, const struct snapshot *s, char **why)
{
    struct courier *c = self;
    if (s->run_number == 0)
        return c->is_tried ? 0 : reach(c, why);
    pack(c, s, false);
    deliver(c);
    return answer(c, why);
}

static void hurry(void *self, double mono)
{
    ((struct courier *)self)->ends_by = mono + COURIER_END_S;
}

static void sleep_s(double s)
{
    const struct timespec t = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};
    nanosleep(&t, NULL);
}

/* Who was there until now is given time to come back; who was not is asked once. */
static void flush(struct courier *c, double until)
{
    const bool is_dead = c->failures >= DEAD_AFTER || (c->failures > 0 && c->counts.sent == 0);
    for (double left; c->waiting.first && (left = until - now_s()) > 0.05;) {
        if (deliver_one(c, left < c->timeout_s ? left : c->timeout_s))
            continue;
        left = until - now_s();
        const double pause_s = c->next_try - now_s();
        if (is_dead || left <= 0.1 || pause_s >= left)
            break;
        if (pause_s > 0)
            sleep_s(pause_s);
    }
    while (c->waiting.first)
        drop_first(c, 0);
}

static int run_end(void *self, const struct snapshot *last, char **why)
{
    struct courier *c = self;
    pack(c, last, true);
    flush(c, c->ends_by > 0 ? c->ends_by : last->mono + COURIER_END_S);
    if (c->lost.len > 0) {
        log_warning(LOGGER, "%s: %" PRIu64 " of %" PRIu64 " %s did not arrive: %s", c->spec->name,
                    c->counts.dropped, c->counts.dropped + c->counts.sent, c->unit, c->lost.data);
        *why = mem_strdup(c->lost.data);
    } else {
        log_debug(LOGGER, "%s: %" PRIu64 " %s", c->spec->name, c->counts.sent, c->unit);
    }
    return 0; /* what it could not tell others is no fault of the test */
}

static void close_it(void *self)
{
    struct courier *c = self;
    while (c->waiting.first)
        parcels_pop(&c->waiting);
    c->kind->close(c->self);
    snapshot_unref(c->last);
    sbuf_fini(&c->trouble);
    sbuf_fini(&c->lost);
    sink_spec_free(c->spec);
    free(c);
}

void *courier_self(void *output_self)
{
    return ((struct courier *)output_self)->self;
}

void courier_packs_more(void *output_self, const char *unit, bool (*has_more)(void *self))
{
    struct courier *c = output_self;
    c->unit = unit;
    c->has_more = has_more;
}

struct output courier_output(const struct courier_kind *kind, void *self, struct sink_spec *spec)
{
    struct courier *c = mem_zalloc(sizeof *c);
    c->kind = kind;
    c->self = self;
    c->spec = spec;
    c->unit = "pushes";
    c->interval_s = sink_number(spec, "interval");
    c->timeout_s = sink_number(spec, "timeout");
    c->buffer_s = sink_number(spec, "buffer");
    return (struct output){.name = spec->name,
                           .self = c,
                           .patience_s = COURIER_END_S + 5,
                           .ends_apart = true,
                           .each_run = true,
                           .counts = &c->counts,
                           .interval_s = interval_s,
                           .check = check,
                           .tick = tick,
                           .hurry = hurry,
                           .run_end = run_end,
                           .close = close_it};
}
