// SPDX-License-Identifier: MIT
/* outputs: see the header. One mutex guards the queues and what is known of each output; it is held
 * for a few instructions, never while an output works or a line is logged. A thread takes the next
 * thing to do, works without the lock, and notes how it went; what it has to say about that is
 * logged by the main thread, when it looks. */
#include "master/out/outputs.h"
#include "common/base/clk.h"
#include "common/base/handle.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/thread.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOGGER "locust.runners"
#define TELL_AFTER_S 5.0 /* the end waits that long before it says for whom */

enum call { CALL_NONE, CALL_CHECK, CALL_OPEN, CALL_TICK, CALL_RUN_END, CALL_CLOSE };

struct line { /* an output, its thread and its queue */
    struct output o;
    struct outputs *all;
    pthread_t thread;
    pthread_cond_t wake;
    enum call wanted;       /* besides ticks; CALL_NONE: nothing */
    enum call call;         /* what the thread is at */
    enum call done;         /* the furthest it came: none, check, open, run_end or close */
    uint64_t busy_since;    /* ns */
    struct snapshot *given; /* for what is wanted; a reference */
    struct snapshot *queue[OUTPUTS_QUEUE_TICKS];
    size_t first, count, bytes;
    uint64_t ticks, dropped;
    char *trouble;    /* of the last tick, if it failed */
    char *last_words; /* of the last one that did */
    char *failed;     /* why check, open or run_end did */
    bool is_refused;  /* check or open failed */
    bool is_given_up; /* its thread may never come back */
    /* of the main thread alone */
    double next_at;    /* monotonic: when the next tick is due */
    bool is_live_told; /* a run was on at the last tick */
    bool is_slow_told, is_trouble_told, is_failure_told;
};

#define OUTPUTS_TAG 0x6f757470u /* "outp" */

struct outputs {
    uint32_t tag;
    pthread_mutex_t lock;
    pthread_cond_t news; /* some call is done */
    int fd;
    struct line *lines[OUTPUTS_MAX];
    size_t count;
    size_t left; /* threads that outputs_close did not wait for: the last one frees everything */
    /* of the main thread alone */
    struct snapshot *last; /* the end has begun */
    size_t ending;         /* the line that is at its run_end */
    bool is_open, has_failed;
    double waits_since; /* monotonic: for the line that ends; 0: not yet */
    bool is_wait_told;
};

struct outputs *outputs_new(void)
{
    struct outputs *all = mem_zalloc(sizeof *all);
    HANDLE_MADE(all, OUTPUTS_TAG);
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->news, NULL);
    all->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (all->fd < 0) {
        perror("eventfd");
        abort();
    }
    return all;
}

/* ---- the thread --------------------------------------------------------------------------- */

static struct snapshot *pop(struct line *l)
{
    struct snapshot *s = l->queue[l->first];
    l->first = (l->first + 1) % OUTPUTS_QUEUE_TICKS;
    l->count--;
    l->bytes -= s->bytes;
    return s;
}

/* With the lock held. Ticks come before the end, and only to who is open. */
static enum call next_call(struct line *l, struct snapshot **s)
{
    bool is_usable = l->done == CALL_OPEN && !l->is_refused;
    *s = NULL;
    while (l->count > 0 && !is_usable && l->wanted >= CALL_RUN_END) {
        snapshot_unref(pop(l)); /* nobody will ever want it */
        l->dropped++;
    }
    if (l->count > 0 && is_usable) {
        *s = pop(l);
        return CALL_TICK;
    }
    enum call next = l->wanted;
    if (next == CALL_NONE)
        return CALL_NONE;
    *s = l->given;
    l->given = NULL;
    l->wanted = CALL_NONE;
    return next;
}

static int perform(struct line *l, enum call call, const struct snapshot *s, char **why)
{
    const struct output *o = &l->o;
    int (*const function)(void *, const struct snapshot *, char **) = call == CALL_CHECK  ? o->check
                                                                      : call == CALL_OPEN ? o->open
                                                                      : call == CALL_TICK
                                                                          ? o->tick
                                                                          : o->run_end;
    return function && !l->is_refused ? function(o->self, s, why) : 0;
}

/* With the lock held. */
static void note(struct line *l, enum call call, int rc, char *why)
{
    if (call == CALL_TICK) {
        free(l->trouble);
        l->trouble = NULL;
        if (rc == 0) {
            free(why);
            return;
        }
        l->dropped += l->o.counts == NULL;
        l->trouble = mem_strdup(why);
        free(l->last_words);
        l->last_words = why;
        return;
    }
    l->done = call;
    if (rc == 0) {
        if (why) {
            free(l->last_words);
            l->last_words = why;
        }
        return;
    }
    l->is_refused = l->is_refused || call != CALL_RUN_END;
    free(l->failed);
    l->failed = why;
}

static void tell_main(struct outputs *all, enum call call)
{
    uint64_t one = 1;
    pthread_cond_broadcast(&all->news);
    while (call == CALL_RUN_END && write(all->fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* Its thread has come to its end. */
static void free_line(struct line *l)
{
    while (l->count > 0)
        snapshot_unref(pop(l));
    snapshot_unref(l->given);
    pthread_cond_destroy(&l->wake);
    free(l->trouble);
    free(l->last_words);
    free(l->failed);
    free(l);
}

static void free_all(struct outputs *all)
{
    for (size_t i = 0; i < all->count; i++)
        free_line(all->lines[i]);
    snapshot_unref(all->last);
    close(all->fd);
    pthread_cond_destroy(&all->news);
    pthread_mutex_destroy(&all->lock);
    HANDLE_ENDS(all);
    free(all);
}

static void *run_line(void *arg)
{
    struct line *l = arg;
    struct outputs *all = l->all;
    pthread_mutex_lock(&all->lock);
    for (;;) {
        struct snapshot *s;
        enum call call = next_call(l, &s);
        if (call == CALL_NONE) {
            pthread_cond_wait(&l->wake, &all->lock);
            continue;
        }
        if (call == CALL_CLOSE)
            break;
        l->call = call;
        l->busy_since = clk_mono_ns();
        pthread_mutex_unlock(&all->lock);
        char *why = NULL;
        int rc = perform(l, call, s, &why);
        snapshot_unref(s);
        pthread_mutex_lock(&all->lock);
        note(l, call, rc, why);
        l->call = CALL_NONE;
        tell_main(all, call);
    }
    l->call = CALL_CLOSE;
    pthread_mutex_unlock(&all->lock);
    l->o.close(l->o.self);
    pthread_mutex_lock(&all->lock);
    l->done = CALL_CLOSE;
    tell_main(all, CALL_CLOSE);
    bool is_last = all->left > 0 && --all->left == 0;
    pthread_mutex_unlock(&all->lock);
    if (is_last)
        free_all(all);
    return NULL;
}

void outputs_add(struct outputs *all, struct output o)
{
    HANDLE_IS(all, OUTPUTS_TAG);
    struct line *l = mem_zalloc(sizeof *l);
    assert(all->count < OUTPUTS_MAX && !all->is_open);
    l->o = o;
    l->all = all;
    pthread_cond_init(&l->wake, NULL);
    all->lines[all->count++] = l;
    if (!thread_start(&l->thread, run_line, l)) {
        perror("pthread_create");
        abort();
    }
}

/* ---- the main thread ------------------------------------------------------------------------ */

/* With the lock held. s may be NULL. */
static void want(struct line *l, enum call call, struct snapshot *s)
{
    snapshot_unref(l->given);
    if (s)
        snapshot_ref(s);
    l->given = s;
    l->wanted = call;
    pthread_cond_signal(&l->wake);
}

/* With the lock held: whether it came to `call`, or will not. */
static bool has_come_to(const struct line *l, enum call call)
{
    return l->done >= call || l->is_refused;
}

static uint64_t in_ns(double wait_s)
{
    return clk_mono_ns() + (uint64_t)(wait_s * 1e9);
}

/* With the lock held. Whether all came to it before `until`. */
static bool await_all(struct outputs *all, enum call call, uint64_t until)
{
    size_t there = 0;
    for (;;) {
        while (there < all->count && has_come_to(all->lines[there], call))
            there++;
        if (there == all->count)
            return true;
        if (clk_cond_wait(&all->news, &all->lock, until) == ETIMEDOUT)
            return false;
    }
}

/* With the lock held. */
static const struct line *first_refused(const struct outputs *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->lines[i]->is_refused)
            return all->lines[i];
    return NULL;
}

int outputs_open(struct outputs *all, struct snapshot *first, double wait_s, char **why)
{
    HANDLE_IS(all, OUTPUTS_TAG);
    static const enum call steps[] = {CALL_CHECK, CALL_OPEN};
    uint64_t until = in_ns(wait_s);
    const struct line *refused = NULL;
    pthread_mutex_lock(&all->lock);
    for (size_t step = 0; step < 2 && !refused; step++) {
        for (size_t i = 0; i < all->count; i++)
            want(all->lines[i], steps[step], first);
        await_all(all, steps[step], until);
        refused = first_refused(all);
    }
    if (refused)
        *why = mem_strdup(refused->failed);
    all->is_open = !refused;
    pthread_mutex_unlock(&all->lock);
    return refused ? -1 : 0;
}

static bool is_due(const struct line *l, double mono, bool is_live)
{
    const bool has_turned = l->o.each_run && is_live != l->is_live_told;
    return l->o.interval_s && (mono >= l->next_at || has_turned) && (is_live || !l->o.only_live);
}

bool outputs_are_due(const struct outputs *all, double mono, bool is_live, const struct wishes *w)
{
    HANDLE_IS(all, OUTPUTS_TAG);
    for (size_t i = 0; i < all->count && all->is_open && !all->last; i++)
        if (is_due(all->lines[i], mono, is_live) &&
            all->lines[i]->o.interval_s(all->lines[i]->o.self, w) > 0)
            return true;
    return false;
}

/* With the lock held. */
static void drop_oldest(struct line *l)
{
    snapshot_unref(pop(l));
    l->dropped++;
}

static void push(struct line *l, struct snapshot *s)
{
    while (l->count == OUTPUTS_QUEUE_TICKS ||
           (l->count > 0 && l->bytes + s->bytes > OUTPUTS_QUEUE_BYTES))
        drop_oldest(l);
    snapshot_ref(s);
    l->queue[(l->first + l->count++) % OUTPUTS_QUEUE_TICKS] = s;
    l->bytes += s->bytes;
    l->ticks++;
    pthread_cond_signal(&l->wake);
}

/* How a line is, for who talks about it without the lock. */
struct line_state {
    enum call call, done;
    uint64_t busy_since, ticks, dropped;
    char *trouble, *last_words, *failed; /* malloced, or NULL */
};

/* With the lock held. */
static struct line_state state_of(const struct line *l)
{
    return (struct line_state){.call = l->call,
                               .done = l->done,
                               .busy_since = l->busy_since,
                               .ticks = l->ticks,
                               .dropped = l->dropped,
                               .trouble = l->trouble ? mem_strdup(l->trouble) : NULL,
                               .last_words = l->last_words ? mem_strdup(l->last_words) : NULL,
                               .failed = l->failed ? mem_strdup(l->failed) : NULL};
}

static struct line_state look_at(struct line *l)
{
    pthread_mutex_lock(&l->all->lock);
    struct line_state state = state_of(l);
    pthread_mutex_unlock(&l->all->lock);
    return state;
}

static void state_fini(struct line_state *state)
{
    free(state->trouble);
    free(state->last_words);
    free(state->failed);
}

/* What is new, once. */
static void tell_news(struct line *l)
{
    struct line_state state = look_at(l);
    if (state.failed && !l->is_failure_told)
        log_error(LOGGER, "%s", state.failed);
    l->is_failure_told |= state.failed != NULL;
    if (state.trouble && !l->is_trouble_told)
        log_error(LOGGER, "%s: %s", l->o.name, state.trouble);
    l->is_trouble_told = state.trouble != NULL;
    bool is_slow = state.dropped > 0 && !state.trouble && !state.failed;
    if (is_slow && !l->is_slow_told)
        log_warning(LOGGER,
                    "%s: writing takes too long: what is not written in time is left out, and "
                    "counted; the test goes on",
                    l->o.name);
    l->is_slow_told |= state.dropped > 0;
    state_fini(&state);
}

void outputs_tick(struct outputs *all, struct snapshot *s)
{
    HANDLE_IS(all, OUTPUTS_TAG);
    for (size_t i = 0; i < all->count && all->is_open && !all->last; i++) {
        struct line *l = all->lines[i];
        double interval_s =
            is_due(l, s->mono, s->is_live) ? l->o.interval_s(l->o.self, &s->wishes) : 0;
        if (interval_s <= 0)
            continue;
        l->next_at = s->mono + interval_s - 0.1; /* a timer may be early */
        l->is_live_told = s->is_live;
        pthread_mutex_lock(&all->lock);
        push(l, s);
        pthread_mutex_unlock(&all->lock);
        tell_news(l);
    }
}

bool outputs_follow_runs(const struct outputs *all)
{
    HANDLE_IS(all, OUTPUTS_TAG);
    for (size_t i = 0; i < all->count && all->is_open && !all->last; i++)
        if (all->lines[i]->o.each_run)
            return true;
    return false;
}

void outputs_turn(struct outputs *all, struct snapshot *s)
{
    HANDLE_IS(all, OUTPUTS_TAG);
    for (size_t i = 0; i < all->count && all->is_open && !all->last; i++) {
        struct line *l = all->lines[i];
        if (!l->o.each_run)
            continue;
        l->is_live_told = s->is_live;
        pthread_mutex_lock(&all->lock);
        push(l, s);
        pthread_mutex_unlock(&all->lock);
    }
}

static bool is_idle(const struct line *l)
{
    return l->is_refused || (l->count == 0 && l->call == CALL_NONE && l->wanted == CALL_NONE);
}

bool outputs_settle(struct outputs *all, double wait_s)
{
    HANDLE_IS(all, OUTPUTS_TAG);
    uint64_t until = in_ns(wait_s);
    bool is_in_time = true;
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < all->count && is_in_time; i++)
        while (!is_idle(all->lines[i]) && is_in_time)
            is_in_time = clk_cond_wait(&all->news, &all->lock, until) != ETIMEDOUT;
    pthread_mutex_unlock(&all->lock);
    return is_in_time;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void begin_end(struct outputs *all)
{
    all->waits_since = 0;
    all->is_wait_told = false;
    if (all->ending == all->count || all->lines[all->ending]->o.ends_apart)
        return;
    pthread_mutex_lock(&all->lock);
    want(all->lines[all->ending], CALL_RUN_END, all->last);
    pthread_mutex_unlock(&all->lock);
}

static void begin_those_apart(struct outputs *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->lines[i]->o.hurry)
            all->lines[i]->o.hurry(all->lines[i]->o.self, all->last->mono);
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < all->count; i++)
        if (all->lines[i]->o.ends_apart)
            want(all->lines[i], CALL_RUN_END, all->last);
    pthread_mutex_unlock(&all->lock);
}

void outputs_run_end(struct outputs *all, struct snapshot *last)
{
    HANDLE_IS(all, OUTPUTS_TAG);
    snapshot_ref(last);
    all->last = last;
    begin_those_apart(all);
    begin_end(all);
}

int outputs_fd(const struct outputs *all)
{
    HANDLE_IS(all, OUTPUTS_TAG);
    return all->fd;
}

static void tell_dropped(const struct line *l, const struct line_state *state)
{
    if (state->dropped > 0)
        log_warning(LOGGER, "%s: %" PRIu64 " of %" PRIu64 " ticks were left out: %s", l->o.name,
                    state->dropped, state->ticks,
                    state->last_words ? state->last_words : "they could not be written in time");
}

/* The last words about an output. */
static void tell_end(struct outputs *all, struct line *l, const struct line_state *state)
{
    tell_dropped(l, state);
    if (state->failed && !l->is_failure_told)
        log_error(LOGGER, "%s", state->failed);
    all->has_failed |= state->failed != NULL;
}

static void give_up(struct outputs *all, struct line *l, const struct line_state *state,
                    double waited_s)
{
    tell_dropped(l, state);
    l->is_given_up = true;
    all->has_failed |= !l->o.is_extra;
    log_write(l->o.is_extra ? LOG_WARNING : LOG_ERROR, LOGGER,
              "%s: given up after %.0f s without an end: what it writes may not be complete",
              l->o.name, waited_s);
}

static void tell_wait(struct outputs *all, const struct line *l, double mono)
{
    if (all->waits_since <= 0)
        all->waits_since = mono;
    if (all->is_wait_told || l->o.patience_s <= 0 || mono - all->waits_since < TELL_AFTER_S)
        return;
    all->is_wait_told = true;
    log_warning(LOGGER,
                "Waiting for %s to be written: it is given up when a write takes %.0f s; CTRL+C "
                "ends without it",
                l->o.name, l->o.patience_s);
}

/* Whether the line that ends need not be waited for any more. */
static bool is_over(struct outputs *all, struct line *l, double mono)
{
    struct line_state state = look_at(l);
    double busy_s = state.call == CALL_NONE ? 0 : (double)(clk_mono_ns() - state.busy_since) / 1e9;
    bool is_done = state.done >= CALL_RUN_END;
    bool is_too_long = l->o.patience_s > 0 && busy_s >= l->o.patience_s;
    if (is_done)
        tell_end(all, l, &state);
    else if (is_too_long)
        give_up(all, l, &state, busy_s);
    else
        tell_wait(all, l, mono);
    state_fini(&state);
    return is_done || is_too_long;
}

bool outputs_are_done(struct outputs *all, double mono)
{
    HANDLE_IS(all, OUTPUTS_TAG);
    uint64_t wakes;
    while (read(all->fd, &wakes, sizeof wakes) < 0 && errno == EINTR)
        ;
    while (all->last && all->ending < all->count && is_over(all, all->lines[all->ending], mono)) {
        all->ending++;
        begin_end(all);
    }
    return all->last && all->ending == all->count;
}

bool outputs_have_failed(const struct outputs *all)
{
    HANDLE_IS(all, OUTPUTS_TAG);
    return all->has_failed;
}

static uint64_t counted(const uint64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

size_t outputs_list(struct outputs *all, struct output_state out[static OUTPUTS_MAX])
{
    HANDLE_IS(all, OUTPUTS_TAG);
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        struct line_state state = look_at(all->lines[i]);
        const struct output *o = &all->lines[i]->o;
        const char *trouble = state.failed                    ? state.failed
                              : state.trouble                 ? state.trouble
                              : o->counts && state.last_words ? state.last_words
                                                              : "";
        if (state.dropped > 0 || *trouble || o->counts)
            out[count++] = (struct output_state){
                .name = o->name,
                .sends = o->counts != NULL,
                .sent = o->counts ? counted(&o->counts->sent) : 0,
                .dropped = state.dropped + (o->counts ? counted(&o->counts->dropped) : 0),
                .trouble = mem_strdup(trouble)};
        state_fini(&state);
    }
    return count;
}

void outputs_close(struct outputs *all, double wait_s)
{
    if (!all)
        return;
    HANDLE_IS(all, OUTPUTS_TAG);
    uint64_t until = in_ns(wait_s);
    size_t left = 0;
    bool is_in_time = true;
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < all->count; i++)
        want(all->lines[i], CALL_CLOSE, NULL);
    for (size_t i = 0; i < all->count; i++) {
        const struct line *l = all->lines[i];
        while (l->done < CALL_CLOSE && !l->is_given_up && is_in_time)
            is_in_time = clk_cond_wait(&all->news, &all->lock, until) != ETIMEDOUT;
    }
    for (size_t i = 0; i < all->count; i++)
        left += all->lines[i]->done < CALL_CLOSE;
    for (size_t i = 0; i < all->count && left > 0; i++)
        pthread_detach(all->lines[i]->thread);
    all->left = left;
    pthread_mutex_unlock(&all->lock);
    if (left > 0)
        return;
    for (size_t i = 0; i < all->count; i++)
        pthread_join(all->lines[i]->thread, NULL);
    free_all(all);
}
