// SPDX-License-Identifier: MIT
/* See roster.h. */
#include "master/roster.h"
#include "common/base/mem.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void roster_fini(struct roster *r)
{
    for (size_t i = 0; i < r->count; i++) {
        classes_fini(r->workers[i]);
        free(r->workers[i]->id);
        free(r->workers[i]);
    }
    free(r->workers);
    map_fini(&r->by_id);
    memset(r, 0, sizeof *r);
}

static bool has_id(const void *value, const void *key)
{
    return !strcmp(((const struct worker *)value)->id, key);
}

struct worker *roster_find(struct roster *r, const char *id)
{
    return map_find(&r->by_id, map_hash(0, id, strlen(id)), has_id, id);
}

struct worker *roster_get(struct roster *r, const char *id)
{
    struct worker *w = roster_find(r, id);
    if (w || r->count - r->joined >= ROSTER_MAX_STRANGERS)
        return w;
    if (r->count == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 16;
        r->workers = mem_realloc(r->workers, r->cap * sizeof(struct worker *));
    }
    w = mem_zalloc(sizeof *w);
    w->id = mem_strdup(id);
    w->lag_ms = w->lag_p99_ms = w->fds = w->connections = -1;
    w->state = WORKER_UNKNOWN;
    r->workers[r->count++] = w;
    map_add(&r->by_id, map_hash(0, id, strlen(id)), w);
    return w;
}

bool roster_join(struct roster *r, struct worker *w, bool is_katydid)
{
    if (!w->has_joined) {
        if (r->joined == ROSTER_MAX)
            return false;
        w->has_joined = true;
        w->index = r->joined++;
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

unsigned roster_user_count(const struct roster *r)
{
    unsigned users = 0;
    for (size_t i = 0; i < r->count; i++)
        users += r->workers[i]->users;
    return users;
}

unsigned roster_class_users(const struct roster *r, const char *class_name)
{
    unsigned users = 0;
    for (size_t i = 0; i < r->count; i++)
        for (size_t c = 0; c < r->workers[i]->class_count; c++)
            if (!strcmp(r->workers[i]->classes[c].name, class_name))
                users += r->workers[i]->classes[c].users;
    return users;
}

size_t roster_tick(struct roster *r, struct worker **missed, size_t max)
{
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

void worker_set_users(struct worker *w, const struct class_users *classes, size_t n)
{
    bool is_same = n == w->class_count;
    for (size_t i = 0; is_same && i < n; i++)
        is_same = !strcmp(classes[i].name, w->classes[i].name);
    if (!is_same) {
        classes_fini(w);
        w->classes = mem_zalloc((n + 1) * sizeof *w->classes);
        w->class_count = n;
        for (size_t i = 0; i < n; i++)
            w->classes[i].name = mem_strdup(classes[i].name);
    }
    w->users = 0;
    for (size_t i = 0; i < n; i++) {
        w->classes[i].users = classes[i].users;
        w->users += classes[i].users;
    }
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
    for (size_t i = 0; i < r->count; i++) {
        r->workers[i]->clock.offset_s += by_s;
        r->workers[i]->clock.candidate_s += by_s;
    }
}

void worker_begin_run(struct worker *w)
{
    w->requests = 0;
    w->rps = 0;
    w->last_report_at = w->watched_report_at = 0;
    w->lost_at = 0;
    w->unreported_s = 0;
    w->owes_report = false;
    w->is_cpu_warned = false;
}
