// SPDX-License-Identifier: MIT
/* workers: workers come, go, fall silent and return, and what that means for the run. */
#include "common/base/log.h"
#include "common/base/sbuf.h"
#include "master/core.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define STRAY_BEATS_UNTIL_STOP 4 /* a worker of Locust's answers "stop" by joining anew */
#define LINES_PER_SECOND 10      /* about workers, once as many were written as there may be */
#define LINES_TOLD_EVERY_S 10
#define IDLE_S 3.0              /* then the order that a worker does not follow is sent again */
#define STOCK_LAST_REPORT_S 4.0 /* one more reporting interval, and a bit */

static size_t active(const struct master *m)
{
    return roster_active_count(&m->roster);
}

/* Whoever reaches the port may send what he likes: that must not fill the log. */
bool hands_may_log(struct master *m, enum line_kind kind)
{
    bool is_ours = kind == LINES_WORKERS || kind == LINES_VERSION;
    return hush_allows(&m->lines[kind], master_now().mono, is_ours ? ROSTER_MAX : 1,
                       is_ours ? LINES_PER_SECOND : 1);
}

static void tell_left_out(struct master *m, double mono)
{
    static const char *const about[] = {
        [LINES_OLD] = "old workers",
        [LINES_REFUSED] = "workers that are too many",
        [LINES_STRANGER] = "unknown nodes",
        [LINES_VERSION] = "workers of other versions",
        [LINES_WORKERS] = "workers that come and go",
    };
    if (mono < m->lines_told_at + LINES_TOLD_EVERY_S)
        return;
    m->lines_told_at = mono;
    for (size_t kind = 0; kind < LINES_KINDS; kind++) {
        uint64_t count = hush_told(&m->lines[kind]);
        if (count > 0)
            log_warning(LOGGER, "%" PRIu64 " more log lines about %s were left out", count,
                        about[kind]);
    }
}

static void check_version(struct master *m, const char *node, const struct message_ready *r)
{
    if (r->version[0] == 0 || r->is_katydid || !strcmp(r->version, LOCUST_VERSION) ||
        !hands_may_log(m, LINES_VERSION))
        return;
    if (!strncmp(r->version, LOCUST_VERSION, 4))
        log_debug(LOGGER,
                  "A worker (%s) running a different patch version ('%s') connected, master "
                  "version is '" LOCUST_VERSION "'",
                  node, r->version);
    else
        log_warning(LOGGER,
                    "A worker (%s) running a different version (%s) connected, master version "
                    "is " LOCUST_VERSION,
                    node, r->version);
}

/* The worker lives under the run that is on: it gets its share of the users. */
static void take_in(struct master *m, struct worker *w)
{
    if (!m->dispatch || !run_is_active(&m->run))
        return;
    dispatch_add_worker(m->dispatch, w->id);
    dispatch_find_worker(m->dispatch, w->id)->is_changed = true;
    conduct_workers_changed(m);
}

/* It runs users that no test asks for. */
static void stop_stray(struct master *m, struct worker *w)
{
    w->state = WORKER_STOPPING;
    if (!m->is_local)
        log_debug(LOGGER, "Sending stop message to worker %s", w->id);
    post_plain(m, "stop", w->id);
}

/* Who knows a worker's name could speak in its place. Ours get a token when they join, and show it
 * with what ends them; once they have done so, nobody does without. */
static void give_token(struct worker *w)
{
    unsigned char bytes[16];
    bool is_another = w->state == WORKER_GONE || w->state == WORKER_UNKNOWN;
    if (w->token[0] && !is_another)
        return;
    master_random(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(w->token + 2 * i, 3, "%02x", bytes[i]);
    w->has_shown = false;
}

bool hands_know(struct worker *w, const char *token)
{
    bool is_right = token[0] && !strcmp(token, w->token);
    w->has_shown |= is_right;
    return is_right || !w->has_shown;
}

void hands_ready(struct master *m, const char *node, const struct message_ready *r)
{
    if (!r->is_accepted) {
        if (hands_may_log(m, LINES_OLD))
            log_error(LOGGER,
                      "An old (pre 2.0) worker tried to connect (%s). That's not going to work.",
                      node);
        return;
    }
    struct worker *w = roster_get(&m->roster, node);
    if (r->is_katydid)
        give_token(w);
    bool is_known = w && worker_is_active(w);
    bool was_missing = w && w->state == WORKER_MISSING;
    bool is_new = !w || (w->state != WORKER_STOPPING && !is_known);
    bool was_running = is_known && w->state != WORKER_READY;
    if (!w || !roster_join(&m->roster, w, r->is_katydid)) {
        if (hands_may_log(m, LINES_REFUSED))
            log_error(LOGGER, "There are too many workers: %s is refused", node);
        return;
    }
    if (was_running && r->is_katydid)
        w->state = WORKER_RUNNING; /* it only lost sight of us for a moment */
    w->is_reloading = false;
    check_version(m, node, r);
    struct sbuf ack = {0};
    proto_ack(&ack, node, w->index, r->is_katydid ? m->boot_id : NULL,
              r->is_katydid && !w->has_shown ? w->token : NULL);
    post_bytes(m, node, &ack);
    script_tell(m, "worker_connect", &(struct event_args){.client_id = w->id});
    if (!m->is_local && hands_may_log(m, LINES_WORKERS))
        log_write(is_new ? LOG_INFO : LOG_DEBUG, LOGGER,
                  "%s (index %u) reported as ready%s. %zu workers connected.", w->id, w->index,
                  is_new ? "" : " (duplicate message)", active(m));
    if (is_new && run_is_active(&m->run))
        events_add(m->events, master_now().unix_time, "worker", "Worker %s joined", w->id);
    if (was_missing)
        away_back(m, w);
    if (was_missing && r->is_katydid && !run_is_on(&m->run))
        stop_stray(m, w);
    take_in(m, w);
    conduct_check_stopped(m);
    ask_loaded_anew(m);
}

/* After a restart of the master its workers are strangers that beat: ours come back when told to
 * reconnect, Locust's when told to stop. */
static void stray_heartbeat(struct master *m, const char *node)
{
    struct worker *w = roster_get(&m->roster, node);
    if (!w || w->state == WORKER_GONE)
        return;
    w->stray_beats++;
    if (w->stray_beats == 1 && hands_may_log(m, LINES_STRANGER))
        log_info(LOGGER, "Worker %s is unknown to this master: asking it to connect anew", node);
    post_plain(m, w->stray_beats % STRAY_BEATS_UNTIL_STOP ? "reconnect" : "stop", node);
}

void hands_watch_cpu(struct master *m, struct worker *w)
{
    if (w->is_cpu_warned || w->cpu_percent <= m->tunables.cpu_warning_percent ||
        !run_is_active(&m->run))
        return;
    w->is_cpu_warned = m->has_cpu_warning = true;
    if (!m->is_local)
        log_warning(
            LOGGER,
            "Worker %s (index %u) exceeded cpu threshold (will only log this once per worker)",
            w->id, w->index);
}

static void heal(struct master *m, struct worker *w, const char *state)
{
    if (hands_may_log(m, LINES_WORKERS))
        log_info(LOGGER, "Worker %s self-healed with heartbeat, setting state to %s.", w->id,
                 state);
    bool is_running = strcmp(state, "ready") != 0;
    w->state = is_running ? WORKER_RUNNING : WORKER_READY;
    away_back(m, w);
    if (run_is_active(&m->run) && m->dispatch)
        take_in(m, w);
    else if (is_running)
        stop_stray(m, w);
}

/* It says "ready", and should have users: it ended them while it did not hear us, or its order was
 * lost. One that has only just got them may still say so. */
static void idle_beat(struct master *m, struct worker *w)
{
    double now = master_now().mono;
    struct dispatch_worker *d =
        m->dispatch && m->is_dealing ? dispatch_find_worker(m->dispatch, w->id) : NULL;
    if (!w->is_katydid || !d || d->load == 0 || w->state == WORKER_SPAWNING)
        return;
    if (w->idle_since <= 0)
        w->idle_since = now;
    if (w->state != WORKER_RUNNING && now - w->idle_since < IDLE_S)
        return;
    if (w->state == WORKER_RUNNING && hands_may_log(m, LINES_WORKERS))
        log_info(LOGGER, "Worker %s has ended its users: they are started again", w->id);
    w->state = WORKER_READY;
    w->idle_since = now;
    d->is_changed = true;
    conduct_workers_changed(m);
}

static void beat_of_active(struct master *m, struct worker *w, const char *state)
{
    bool is_running = !strcmp(state, "running");
    if (!is_running && strcmp(state, "spawning") != 0) {
        if (!strcmp(state, "ready"))
            idle_beat(m, w);
        return;
    }
    w->idle_since = 0;
    w->state = is_running ? WORKER_RUNNING : WORKER_SPAWNING;
    if (w->is_katydid && !run_is_on(&m->run))
        stop_stray(m, w);
}

void hands_heartbeat(struct master *m, const char *node, const struct message_heartbeat *h,
                     const char *token)
{
    struct worker *w = roster_find(&m->roster, node);
    if (!w || w->state == WORKER_UNKNOWN || w->state == WORKER_GONE) {
        stray_heartbeat(m, node);
        return;
    }
    if (!hands_know(w, token)) {
        m->trouble.stray++;
        return;
    }
    w->liveness = roster_liveness(&m->roster);
    w->cpu_percent = h->cpu_percent;
    w->memory_bytes = h->memory_bytes ? h->memory_bytes : w->memory_bytes;
    if (w->state == WORKER_MISSING)
        heal(m, w, h->state);
    else if (worker_is_active(w))
        beat_of_active(m, w, h->state);
    if (!w->is_katydid) /* ours tell in the reports of a run what that one used */
        hands_watch_cpu(m, w);
    post_plain(m, "heartbeat", node);
    if (!m->host.script.hears_beats)
        return;
    double now = master_now().unix_time;
    script_tell(m, "heartbeat_sent", &(struct event_args){.client_id = node, .timestamp = &now});
}

void hands_spawning(struct master *m, struct worker *w)
{
    if (worker_is_active(w))
        w->state = WORKER_SPAWNING;
    conduct_counts_changed(m);
}

/* The worker's users are no more; whoever is left takes them over. */
static void drop_users(struct master *m, struct worker *w)
{
    roster_set_users(&m->roster, w, NULL, 0);
    if (!m->dispatch || !run_is_active(&m->run))
        return;
    dispatch_remove_worker(m->dispatch, w->id);
    conduct_workers_changed(m);
}

void hands_stopped(struct master *m, struct worker *w)
{
    bool was_asked = w->state == WORKER_STOPPING;
    if (!m->is_local && hands_may_log(m, LINES_WORKERS))
        log_write(m->finish == FINISH_NOT ? LOG_INFO : LOG_DEBUG, LOGGER,
                  "%s (index %u) reported that it has stopped", w->id, w->index);
    if (!w->owes_ready)
        w->owes_since = master_now().mono;
    w->state = WORKER_STOPPING;
    w->owes_ready = true;
    w->liveness = roster_liveness(&m->roster);
    if (w->is_katydid)
        w->owes_report = false; /* it came before this */
    if (was_asked)
        roster_set_users(&m->roster, w, NULL, 0);
    else
        drop_users(m, w);
    conduct_check_stopped(m);
}

/* Lost ones are no orderly end: what was asked for did not happen. */
static void nobody_left(struct master *m, const char *how, bool is_loss)
{
    if (active(m) > 0 || !run_is_active(&m->run))
        return;
    m->is_deserted |= is_loss;
    log_info(LOGGER, "The last worker %s, stopping test.", how);
    if (m->o->headless)
        finish_begin(m, false);
    else
        conduct_stop(m);
}

void hands_quit(struct master *m, struct worker *w)
{
    w->state = WORKER_GONE;
    w->owes_report = w->owes_ready = false;
    drop_users(m, w);
    if (!m->is_local && hands_may_log(m, LINES_WORKERS))
        log_info(LOGGER, "Worker '%s' (index %u) quit. %zu workers ready.", w->id, w->index,
                 active(m));
    nobody_left(m, "quit", false);
    conduct_check_stopped(m);
}

static void lose(struct master *m, struct worker *w, const char *how)
{
    w->owes_report = w->owes_ready = false;
    away_lost(m, w);
    drop_users(m, w);
    nobody_left(m, how, true);
    conduct_check_stopped(m);
}

/* One of our own processes ended. What it still sent is read first, its `quit` above all. */
void hands_process_ended(struct master *m, const char *node_id, int code)
{
    inbox_flush(m);
    struct worker *w = node_id ? roster_find(&m->roster, node_id) : NULL;
    if (!w || !w->has_joined || w->state == WORKER_GONE)
        return;
    if (!m->is_local)
        log_error(LOGGER, "The process of worker %s (index %u) ended unexpectedly (%s %d)", w->id,
                  w->index, code > 128 ? "signal" : "exit code", code > 128 ? code - 128 : code);
    w->state = WORKER_GONE;
    lose(m, w, "ended unexpectedly");
}

void hands_stop_all(struct master *m)
{
    for (size_t i = 0; i < m->roster.count; i++) {
        struct worker *w = m->roster.workers[i];
        if (!worker_is_active(w))
            continue;
        w->state = WORKER_STOPPING;
        w->owes_report = true;
        w->owes_ready = false;
        w->owes_since = 0;
        bool is_to_quit = m->finish != FINISH_NOT && !w->is_katydid;
        post_plain(m, is_to_quit ? "quit" : "stop", w->id);
    }
}

bool hands_are_idle(struct master *m)
{
    for (size_t i = 0; i < m->roster.count; i++) {
        const struct worker *w = m->roster.workers[i];
        /* Nobody waits for it to be ready; a stock one first waits out the stop timeout. */
        bool is_quiet = w->owes_ready && (m->finish != FINISH_NOT || !w->is_katydid);
        if (w->owes_report || (w->state == WORKER_STOPPING && !is_quiet))
            return false;
    }
    return true;
}

/* A stock worker that says nothing more than "stopped" has nothing more to report. */
static void excuse_stock(struct master *m, double mono)
{
    for (size_t i = 0; i < m->roster.count; i++) {
        struct worker *w = m->roster.workers[i];
        if (w->owes_report && w->owes_since > 0 && mono - w->owes_since > STOCK_LAST_REPORT_S)
            w->owes_report = false;
    }
    conduct_check_stopped(m);
}

/* Silent is who has said nothing in the mail that was read: not while there is unread one. */
static void lose_silent(struct master *m)
{
    if (m->inbox.has_unread)
        return;
    struct worker *missed[64];
    size_t count = roster_tick(&m->roster, missed, sizeof missed / sizeof *missed);
    for (size_t i = 0; i < count; i++) {
        if (hands_may_log(m, LINES_WORKERS))
            log_info(LOGGER, "Worker %s failed to send heartbeat, setting state to missing.",
                     missed[i]->id);
        lose(m, missed[i], "went missing");
    }
}

/* Our only process is not lost while it computes: should it end, we are told. But when all is to
 * end, what stands still must not keep the results from being written. */
static void watch_local(struct master *m)
{
    struct worker *w = roster_find(&m->roster, m->host.node_id);
    if (!w || !m->host.is_alive)
        return;
    bool is_ending = m->finish != FINISH_NOT && m->finish < FINISH_CHILDREN;
    if (!is_ending)
        w->liveness = HANDS_LOCAL_PATIENCE_S;
    else if (--w->liveness == 0) {
        log_error(LOGGER, "The worker process has not answered for %d s: it is ended",
                  HANDS_LOCAL_PATIENCE_S);
        children_signal(&m->children, SIGKILL);
    }
}

void hands_second(struct master *m)
{
    if (m->is_local)
        watch_local(m);
    else
        lose_silent(m);
    double mono = master_now().mono;
    excuse_stock(m, mono);
    tell_left_out(m, mono);
}
