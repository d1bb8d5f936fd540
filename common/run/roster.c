// SPDX-License-Identifier: MIT
/* See roster.h. */
#include "common/run/roster.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROSTER_TAG 0x726f7374u /* "rost" */

static void classes_fini(struct worker *w)
{
    for (size_t i = 0; i < w->class_count; i++)
        free(w->classes[i].name);
    free(w->classes);
    w->classes = NULL;
    w->class_count = 0;
}

int roster_liveness(const struct roster *r)
{
    return r->liveness ? (int)r->liveness : ROSTER_LIVENESS;
}

static void worker_free(struct worker *w)
{
    classes_fini(w);
    free(w->id);
    free(w);
}

void roster_fini(struct roster *r)
{
    HANDLE_USED(r, ROSTER_TAG);
    for (size_t i = 0; i < r->count; i++)
        worker_free(r->workers[i]);
    for (size_t i = 0; i < r->class_count; i++) {
        free(r->classes[i]->name);
        free(r->classes[i]);
    }
    free(r->workers);
    free(r->classes);
    free(r->free_indexes);
    map_fini(&r->by_id);
    map_fini(&r->by_class);
    memset(r, 0, sizeof *r);
}

static bool has_id(const void *value, const void *key)
{
    return !strcmp(((const struct worker *)value)->id, key);
}

struct worker *roster_find(struct roster *r, const char *id)
{
    HANDLE_USED(r, ROSTER_TAG);
    return map_find(&r->by_id, map_hash(0, id, strlen(id)), has_id, id);
}

static void add_id(struct roster *r, struct worker *w)
{
    map_add(&r->by_id, map_hash(0, w->id, strlen(w->id)), w);
}

static void give_index_back(struct roster *r, unsigned index)
{
    if (r->free_count == r->free_cap) {
        r->free_cap = r->free_cap ? 2 * r->free_cap : 16;
        r->free_indexes = mem_realloc(r->free_indexes, r->free_cap * sizeof *r->free_indexes);
    }
    r->free_indexes[r->free_count++] = index;
}

static unsigned take_index(struct roster *r)
{
    if (r->free_count == 0)
        return r->indexes++;
    unsigned index = r->free_indexes[0];
    memmove(r->free_indexes, r->free_indexes + 1, --r->free_count * sizeof *r->free_indexes);
    return index;
}

/* Forgets up to max entries of this kind, the oldest first. Returns how many it were. */
static size_t forget(struct roster *r, bool has_joined, enum worker_state state, size_t max)
{
    size_t kept = 0, forgotten = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct worker *w = r->workers[i];
        if (forgotten == max || w->has_joined != has_joined || w->state != state) {
            r->workers[kept++] = w;
            continue;
        }
        forgotten++;
        roster_set_users(r, w, NULL, 0);
        if (has_joined) {
            give_index_back(r, w->index);
            r->joined--;
        }
        worker_free(w);
    }
    r->count = kept;
    map_clear(&r->by_id);
    for (size_t i = 0; i < r->count; i++)
        add_id(r, r->workers[i]);
    return forgotten;
}

struct worker *roster_get(struct roster *r, const char *id)
{
    HANDLE_USED(r, ROSTER_TAG);
    struct worker *w = roster_find(r, id);
    if (w)
        return w;
    if (r->count - r->joined >= ROSTER_MAX_STRANGERS)
        forget(r, false, WORKER_UNKNOWN, ROSTER_MAX_STRANGERS / 2);
    if (r->count == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 16;
        r->workers = mem_realloc(r->workers, r->cap * sizeof(struct worker *));
    }
    w = mem_zalloc(sizeof *w);
    w->id = mem_strdup(id);
    w->lag_ms = w->lag_p99_ms = w->fds = w->connections = w->starved = w->clock_error_ms = -1;
    w->state = WORKER_UNKNOWN;
    r->workers[r->count++] = w;
    add_id(r, w);
    return w;
}

static bool has_room(struct roster *r)
{
    return r->joined < ROSTER_MAX || forget(r, true, WORKER_GONE, SIZE_MAX) > 0 ||
           forget(r, true, WORKER_MISSING, ROSTER_MAX / 10) > 0;
}

bool roster_join(struct roster *r, struct worker *w, bool is_katydid)
{
    HANDLE_IS(r, ROSTER_TAG);
    if (!w->has_joined) {
        if (!has_room(r))
            return false;
        w->has_joined = true;
        w->index = take_index(r);
        r->joined++;
    }
    w->is_katydid = is_katydid;
    w->state = WORKER_READY;
    w->liveness = roster_liveness(r);
    w->stray_beats = 0;
    w->owes_ready = false;
    return true;
}

bool worker_is_active(const struct worker *w)
{
    return w->state == WORKER_READY || w->state == WORKER_SPAWNING || w->state == WORKER_RUNNING;
}

const char *worker_state_name(const struct worker *w)
{
    static const char *const names[] = {
        [WORKER_UNKNOWN] = "lost",      [WORKER_READY] = "ready",
        [WORKER_SPAWNING] = "spawning", [WORKER_RUNNING] = "running",
        [WORKER_STOPPING] = "stopping", [WORKER_MISSING] = "missing",
        [WORKER_GONE] = "lost",
    };
    return w->state == WORKER_STOPPING && w->owes_ready ? "stopped" : names[w->state];
}

size_t roster_active_count(const struct roster *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        count += worker_is_active(r->workers[i]);
    return count;
}

static bool has_name(const void *value, const void *key)
{
    return !strcmp(((const struct class_total *)value)->name, key);
}

static struct class_total *find_class(const struct roster *r, const char *name)
{
    return map_find(&r->by_class, map_hash(0, name, strlen(name)), has_name, name);
}

static struct class_total *get_class(struct roster *r, const char *name)
{
    struct class_total *c = find_class(r, name);
    if (c || r->class_count == ROSTER_MAX_CLASSES)
        return c;
    if (r->class_count == r->class_cap) {
        r->class_cap = r->class_cap ? 2 * r->class_cap : 16;
        r->classes = mem_realloc(r->classes, r->class_cap * sizeof *r->classes);
    }
    c = mem_zalloc(sizeof *c);
    c->name = mem_strdup(name);
    r->classes[r->class_count++] = c;
    map_add(&r->by_class, map_hash(0, name, strlen(name)), c);
    return c;
}

static unsigned shown(uint64_t users)
{
    return users < UINT_MAX ? (unsigned)users : UINT_MAX;
}

unsigned roster_user_count(const struct roster *r)
{
    return shown(r->users);
}

unsigned roster_class_users(const struct roster *r, const char *class_name)
{
    const struct class_total *c = find_class(r, class_name);
    return c ? shown(c->users) : 0;
}

size_t roster_tick(struct roster *r, struct worker **missed, size_t max)
{
    HANDLE_USED(r, ROSTER_TAG);
    size_t count = 0;
    for (size_t i = 0; i < r->count && count < max; i++) {
        struct worker *w = r->workers[i];
        if (!worker_is_active(w) && w->state != WORKER_STOPPING)
            continue;
        if (--w->liveness < -1) {
            w->state = WORKER_MISSING;
            missed[count++] = w;
        }
    }
    return count;
}

static void set_classes(struct worker *w, const struct class_users *classes, size_t n)
{
    bool is_same = n == w->class_count;
    for (size_t i = 0; is_same && i < n; i++)
        is_same = !strcmp(classes[i].name, w->classes[i].name);
    if (is_same)
        return;
    classes_fini(w);
    w->classes = mem_zalloc((n + 1) * sizeof *w->classes);
    w->class_count = n;
    for (size_t i = 0; i < n; i++)
        w->classes[i].name = mem_strdup(classes[i].name);
}

enum direction { ADD, TAKE_AWAY };

static void count_users(struct roster *r, const struct worker *w, enum direction direction)
{
    r->users += direction == ADD ? w->users : -(uint64_t)w->users;
    for (size_t i = 0; i < w->class_count; i++) {
        struct class_total *c = get_class(r, w->classes[i].name);
        uint64_t users = w->classes[i].users;
        if (c)
            c->users += direction == ADD ? users : -users;
    }
}

void roster_set_users(struct roster *r, struct worker *w, const struct class_users *classes,
                      size_t n)
{
    HANDLE_USED(r, ROSTER_TAG);
    count_users(r, w, TAKE_AWAY);
    set_classes(w, classes, n);
    w->users = 0;
    for (size_t i = 0; i < n; i++) {
        w->classes[i].users = classes[i].users;
        w->users += classes[i].users;
    }
    count_users(r, w, ADD);
}

bool worker_take_report(struct worker *w, const char *epoch, uint64_t seq)
{
    if (strcmp(w->epoch, epoch) != 0) {
        snprintf(w->epoch, sizeof w->epoch, "%s", epoch);
        w->clock = (struct worker_clock){0}; /* another process, perhaps on another machine */
        w->top_seq = seq;
        w->seen = 1;
        return true;
    }
    if (seq > w->top_seq) {
        uint64_t ahead = seq - w->top_seq;
        w->seen = ahead < 64 ? w->seen << ahead | 1 : 1;
        w->top_seq = seq;
        return true;
    }
    uint64_t behind = w->top_seq - seq;
    if (behind >= 64 || w->seen >> behind & 1)
        return false;
    w->seen |= UINT64_C(1) << behind;
    return true;
}

void worker_begin_gap(struct worker *w)
{
    if (w->gap.is_open && (!w->gap.epoch[0] || !strcmp(w->gap.epoch, w->epoch))) {
        w->gap.is_back = false; /* what was not reported before the first one is still to come */
        return;
    }
    w->gap = (struct worker_gap){.is_open = true, .top_seq = w->top_seq};
    snprintf(w->gap.epoch, sizeof w->gap.epoch, "%s", w->epoch);
}

void worker_end_gap(struct worker *w, double at)
{
    w->gap.is_back = true;
    w->gap.is_passed = false;
    w->gap.end_at = at;
}

bool worker_fills_gap(struct worker *w, double sent_at)
{
    struct worker_gap *gap = &w->gap;
    uint64_t since = w->top_seq - gap->top_seq;
    bool had_reported = gap->epoch[0] != '\0'; /* if not, all of them belong to the gap */
    if (!w->is_katydid || !gap->is_back || (had_reported && strcmp(w->epoch, gap->epoch) != 0))
        return false;
    gap->is_passed |= sent_at + w->clock.offset_s >= gap->end_at;
    return gap->is_passed && since < 64 && !(~w->seen & ((UINT64_C(1) << since) - 1));
}

#define CLOCK_ABSURD_S 1e8 /* years: no clock at all */
#define CLOCK_AGREED 3
#define CLOCK_AGREED_WITHIN_S 0.5 /* reports that were held up come a second apart */

int64_t worker_clock_shift(struct worker *w, double now, double sent_at, double trusted_s)
{
    struct worker_clock *c = &w->clock;
    double offset = now - sent_at;
    if (!(fabs(offset) < CLOCK_ABSURD_S))
        return 0;
    if (!c->is_known || offset < c->offset_s) {
        *c = (struct worker_clock){.is_known = true, .offset_s = offset};
    } else if (c->agreed && fabs(offset - c->candidate_s) < CLOCK_AGREED_WITHIN_S) {
        if (++c->agreed == CLOCK_AGREED)
            *c = (struct worker_clock){.is_known = true, .offset_s = c->candidate_s};
    } else {
        c->candidate_s = offset;
        c->agreed = 1;
    }
    return fabs(c->offset_s) > trusted_s ? (int64_t)rint(c->offset_s) : 0;
}

void roster_clock_moved(struct roster *r, double by_s)
{
    HANDLE_USED(r, ROSTER_TAG);
    for (size_t i = 0; i < r->count; i++) {
        r->workers[i]->clock.offset_s += by_s;
        r->workers[i]->clock.candidate_s += by_s;
    }
}

void worker_begin_run(struct worker *w)
{
    w->requests = 0;
    w->has_load = false;
    w->rps = 0;
    w->last_report_at = 0;
    w->lost_at = 0;
    w->owes_report = false;
    w->is_cpu_warned = false;
    w->gap.is_open = false;
}
