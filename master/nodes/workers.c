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

static size_t active(const struct master *m)
{
    return roster_active_count(&m->machine.roster);
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
    struct worker *w = roster_get(&m->machine.roster, node);
    if (r->is_katydid)
        give_token(w);
    bool is_known = w && worker_is_active(w);
    bool was_missing = w && w->state == WORKER_MISSING;
    bool is_new = !w || (w->state != WORKER_STOPPING && !is_known);
    bool was_running = is_known && w->state != WORKER_READY;
    if (!w || !roster_join(&m->machine.roster, w, r->is_katydid)) {
        if (hands_may_log(m, LINES_REFUSED))
            log_error(LOGGER, "There are too many workers: %s is refused", node);
        return;
    }
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
    if (is_new && run_is_active(&m->machine.run))
        events_add(m->record.events, master_now().unix_time, "worker", "Worker %s joined", w->id);
    if (was_missing)
        away_back(m, w);
    run_on(m, &(struct machine_event){.kind = ON_WORKER_CAME,
                                      .worker = w,
                                      .was_running = was_running,
                                      .was_missing = was_missing});
    ask_loaded_anew(m);
}

/* After a restart of the master its workers are strangers that beat: ours come back when told to
 * reconnect, Locust's when told to stop. */
static void stray_heartbeat(struct master *m, const char *node)
{
    struct worker *w = roster_get(&m->machine.roster, node);
    if (!w || w->state == WORKER_GONE)
        return;
    w->stray_beats++;
    if (w->stray_beats == 1 && hands_may_log(m, LINES_STRANGER))
        log_info(LOGGER, "Worker %s is unknown to this master: asking it to connect anew", node);
    post_plain(m, w->stray_beats % STRAY_BEATS_UNTIL_STOP ? "reconnect" : "stop", node);
}

void hands_watch_cpu(struct master *m, struct worker *w)
{
    if (w->cpu_percent > m->tunables.cpu_warning_percent)
        run_on(m, &(struct machine_event){.kind = ON_WORKER_BUSY, .worker = w});
}

static enum beat beat_of(const char *state)
{
    return !strcmp(state, "ready")      ? BEAT_READY
           : !strcmp(state, "spawning") ? BEAT_SPAWNING
           : !strcmp(state, "running")  ? BEAT_RUNNING
                                        : BEAT_OTHER;
}

static void heal(struct master *m, struct worker *w, const char *state)
{
    if (hands_may_log(m, LINES_WORKERS))
        log_info(LOGGER, "Worker %s self-healed with heartbeat, setting state to %s.", w->id,
                 state);
    away_back(m, w);
    run_on(m, &(struct machine_event){.kind = ON_WORKER_BACK, .worker = w, .beat = beat_of(state)});
}

void hands_heartbeat(struct master *m, const char *node, const struct message_heartbeat *h,
                     const char *token)
{
    struct worker *w = roster_find(&m->machine.roster, node);
    if (!w || w->state == WORKER_UNKNOWN || w->state == WORKER_GONE) {
        stray_heartbeat(m, node);
        return;
    }
    if (!hands_know(w, token)) {
        m->record.trouble.stray++;
        return;
    }
    w->liveness = roster_liveness(&m->machine.roster);
    w->cpu_percent = h->cpu_percent;
    w->memory_bytes = h->memory_bytes ? h->memory_bytes : w->memory_bytes;
    if (w->state == WORKER_MISSING)
        heal(m, w, h->state);
    else
        run_on(m, &(struct machine_event){
                      .kind = ON_WORKER_BEAT, .worker = w, .beat = beat_of(h->state)});
    if (!w->is_katydid) /* ours tell in the reports of a run what that one used */
        hands_watch_cpu(m, w);
    post_plain(m, "heartbeat", node);
    if (!m->host.script.hears_beats)
        return;
    double now = master_now().unix_time;
    script_tell(m, "heartbeat_sent", &(struct event_args){.client_id = node, .timestamp = &now});
}

void hands_stopped(struct master *m, struct worker *w)
{
    if (!m->is_local && hands_may_log(m, LINES_WORKERS))
        log_write(m->machine.finish == FINISH_NOT ? LOG_INFO : LOG_DEBUG, LOGGER,
                  "%s (index %u) reported that it has stopped", w->id, w->index);
    w->liveness = roster_liveness(&m->machine.roster);
    run_on(m, &(struct machine_event){.kind = ON_WORKER_STOPPED, .worker = w});
}

void hands_quit(struct master *m, struct worker *w)
{
    run_on(m, &(struct machine_event){.kind = ON_WORKER_QUIT, .worker = w});
}

static void lose(struct master *m, struct worker *w, bool has_ended)
{
    away_lost(m, w);
    run_on(m, &(struct machine_event){.kind = ON_WORKER_LOST, .worker = w, .has_ended = has_ended});
}

/* One of our own processes ended. What it still sent is read first, its `quit` above all. */
void hands_process_ended(struct master *m, const char *node_id, int code)
{
    inbox_flush(m);
    struct worker *w = node_id ? roster_find(&m->machine.roster, node_id) : NULL;
    if (!w || !w->has_joined || w->state == WORKER_GONE)
        return;
    if (!m->is_local)
        log_error(LOGGER, "The process of worker %s (index %u) ended unexpectedly (%s %d)", w->id,
                  w->index, code > 128 ? "signal" : "exit code", code > 128 ? code - 128 : code);
    w->state = WORKER_GONE;
    lose(m, w, true);
}

/* Silent is who has said nothing in the mail that was read: not while there is unread one. */
static void lose_silent(struct master *m)
{
    if (m->inbox.has_unread)
        return;
    struct worker *missed[64];
    size_t count = roster_tick(&m->machine.roster, missed, sizeof missed / sizeof *missed);
    for (size_t i = 0; i < count; i++) {
        if (hands_may_log(m, LINES_WORKERS))
            log_info(LOGGER, "Worker %s failed to send heartbeat, setting state to missing.",
                     missed[i]->id);
        lose(m, missed[i], false);
    }
}

/* Our only process is not lost while it computes: should it end, we are told. But when all is to
 * end, what stands still must not keep the results from being written. */
static void watch_local(struct master *m)
{
    struct worker *w = roster_find(&m->machine.roster, m->host.node_id);
    if (!w || !m->host.is_alive)
        return;
    bool is_ending = m->machine.finish != FINISH_NOT && m->machine.finish < FINISH_CHILDREN;
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
    tell_left_out(m, mono);
}
