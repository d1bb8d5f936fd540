// SPDX-License-Identifier: MIT
/* registry: workers come, go, fall silent and return, and what that means for the run. */
#include "common/base/clk.h"
#include "common/base/log.h"
#include "common/base/sbuf.h"
#include "common/plan/weights.h"
#include "master/nodes/nodes.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define STRAY_BEATS_UNTIL_STOP 4 /* a worker of Locust's answers "stop" by joining anew */

static size_t active(const struct nodes *n)
{
    return roster_active_count(&n->machine->roster);
}

static void check_version(struct nodes *n, const char *node, const struct message_ready *r)
{
    if (r->version[0] == 0 || r->is_katydid || !strcmp(r->version, LOCUST_VERSION) ||
        !nodes_may_log(n, LINES_VERSION))
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
static void give_token(const struct clock *clock, struct worker *w)
{
    unsigned char bytes[16];
    bool is_another = w->state == WORKER_GONE || w->state == WORKER_UNKNOWN;
    if (w->token[0] && !is_another)
        return;
    clock->random(clock->arg, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(w->token + 2 * i, 3, "%02x", bytes[i]);
    w->has_shown = w->has_signed = false;
}

bool registry_knows(struct worker *w, const char *token)
{
    bool is_right = token[0] && !strcmp(token, w->token);
    w->has_shown |= is_right;
    return is_right || !w->has_shown;
}

bool registry_counts(struct worker *w, const char *token)
{
    const bool is_right = token[0] && !strcmp(token, w->token);
    w->has_shown |= is_right;
    w->has_signed |= is_right;
    return is_right || !w->has_signed;
}

void registry_forget_token(struct worker *w)
{
    w->token[0] = 0;
    w->has_shown = w->has_signed = false;
}

void registry_ready(struct nodes *n, const char *node, const struct message_ready *r)
{
    if (!r->is_accepted) {
        if (nodes_may_log(n, LINES_OLD))
            log_error(LOGGER,
                      "An old (pre 2.0) worker tried to connect (%s). That's not going to work.",
                      node);
        return;
    }
    struct worker *w = roster_get(&n->machine->roster, node);
    if (r->is_katydid)
        give_token(n->clock, w);
    bool is_known = w && worker_is_active(w);
    bool was_missing = w && w->state == WORKER_MISSING;
    bool is_new = !w || (w->state != WORKER_STOPPING && !is_known);
    bool was_running = is_known && w->state != WORKER_READY;
    if (!w || !roster_join(&n->machine->roster, w, r->is_katydid)) {
        if (nodes_may_log(n, LINES_REFUSED))
            log_error(LOGGER, "There are too many workers: %s is refused", node);
        return;
    }
    if (n->weights && !w->weight)
        w->weight = weights_of(n->weights, w->id, w->index);
    w->is_reloading = false;
    w->set_up = 0; /* perhaps it is another process */
    check_version(n, node, r);
    struct sbuf ack = {0};
    proto_ack(&ack, node, w->index, r->is_katydid ? n->boot_id : NULL,
              r->is_katydid && !w->has_shown ? w->token : NULL);
    outbox_bytes(n, node, &ack);
    if (is_new || n->machine->finish == FINISH_NOT) /* else it says that its users are gone */
        script_tell(n, "worker_connect", &(struct event_args){.client_id = w->id});
    if (!n->is_local && nodes_may_log(n, LINES_WORKERS))
        log_write(is_new ? LOG_INFO : LOG_DEBUG, LOGGER,
                  "%s (index %u) reported as ready%s. %zu workers connected.", w->id, w->index,
                  is_new ? "" : " (duplicate message)", active(n));
    if (is_new && run_is_active(&n->machine->run))
        events_add(n->record->events, nodes_now(n).unix_time, "worker", "Worker %s joined", w->id);
    if (was_missing)
        absence_back(n, w);
    nodes_on(n, &(struct machine_event){.kind = ON_WORKER_CAME,
                                        .worker = w,
                                        .was_running = was_running,
                                        .was_missing = was_missing});
    n->above.loaded(n->above.arg, false);
}

/* After a restart of the master its workers are strangers that beat: ours come back when told to
 * reconnect, Locust's when told to stop. */
static void stray_heartbeat(struct nodes *n, const char *node)
{
    struct worker *w = roster_get(&n->machine->roster, node);
    if (!w || w->state == WORKER_GONE)
        return;
    w->stray_beats++;
    if (w->stray_beats == 1 && nodes_may_log(n, LINES_STRANGER))
        log_info(LOGGER, "Worker %s is unknown to this master: asking it to connect anew", node);
    outbox_plain(n, w->stray_beats % STRAY_BEATS_UNTIL_STOP ? "reconnect" : "stop", node);
}

void registry_watch_cpu(struct nodes *n, struct worker *w)
{
    if (w->cpu_percent > n->tunables->cpu_warning_percent)
        nodes_on(n, &(struct machine_event){.kind = ON_WORKER_BUSY, .worker = w});
}

static enum beat beat_of(const char *state)
{
    return !strcmp(state, "ready")      ? BEAT_READY
           : !strcmp(state, "spawning") ? BEAT_SPAWNING
           : !strcmp(state, "running")  ? BEAT_RUNNING
                                        : BEAT_OTHER;
}

static void heal(struct nodes *n, struct worker *w, const char *state)
{
    if (nodes_may_log(n, LINES_WORKERS))
        log_info(LOGGER, "Worker %s self-healed with heartbeat, setting state to %s.", w->id,
                 state);
    absence_back(n, w);
    nodes_on(n,
             &(struct machine_event){.kind = ON_WORKER_BACK, .worker = w, .beat = beat_of(state)});
}

static void answer(struct nodes *n, const char *node, double clock)
{
    struct sbuf out = {0};
    proto_beat(&out, node, clock, nodes_now(n).mono, clk_machine());
    outbox_bytes(n, node, &out);
}

void registry_heartbeat(struct nodes *n, const char *node, const struct message_heartbeat *h,
                        const char *token)
{
    struct worker *w = roster_find(&n->machine->roster, node);
    if (!w || w->state == WORKER_UNKNOWN || w->state == WORKER_GONE) {
        stray_heartbeat(n, node);
        return;
    }
    if (!registry_knows(w, token)) {
        n->record->trouble.stray++;
        return;
    }
    w->liveness = roster_liveness(&n->machine->roster);
    w->order.heard = h->order;
    w->order.shares = h->shares;
    w->cpu_percent = h->cpu_percent;
    w->memory_bytes = h->memory_bytes ? h->memory_bytes : w->memory_bytes;
    if (w->state == WORKER_MISSING)
        heal(n, w, h->state);
    else
        nodes_on(n, &(struct machine_event){
                        .kind = ON_WORKER_BEAT, .worker = w, .beat = beat_of(h->state)});
    if (!w->is_katydid) /* ours tell in the reports of a run what that one used */
        registry_watch_cpu(n, w);
    w->clock_error_ms = h->clock_error_ms;
    answer(n, node, h->clock);
    if (!n->host.script.hears_beats)
        return;
    double now = nodes_now(n).unix_time;
    script_tell(n, "heartbeat_sent", &(struct event_args){.client_id = node, .timestamp = &now});
}

void registry_stopped(struct nodes *n, struct worker *w)
{
    if (!n->is_local && nodes_may_log(n, LINES_WORKERS))
        log_write(n->machine->finish == FINISH_NOT ? LOG_INFO : LOG_DEBUG, LOGGER,
                  "%s (index %u) reported that it has stopped", w->id, w->index);
    w->liveness = roster_liveness(&n->machine->roster);
    nodes_on(n, &(struct machine_event){.kind = ON_WORKER_STOPPED, .worker = w});
}

/* Whoever keeps accounts of what workers have (rows of data). */
void registry_gone(struct nodes *n, const struct worker *w)
{
    if (n->is_local || !n->host.is_alive)
        return;
    struct sbuf out = {0};
    proto_gone(&out, w->id, n->host.node_id);
    outbox_bytes(n, n->host.node_id, &out);
}

static void lose(struct nodes *n, struct worker *w, bool has_ended)
{
    absence_lost(n, w);
    registry_gone(n, w);
    nodes_on(n,
             &(struct machine_event){.kind = ON_WORKER_LOST, .worker = w, .has_ended = has_ended});
}

/* Of another machine: those that we started ourselves end as our children. */
void registry_ended_early(struct nodes *n, const char *node, int code)
{
    if (nodes_may_log(n, LINES_STRANGER))
        log_error(LOGGER, "Worker %s ended before it could join (exit code %d)", node, code);
}

/* What it still sent was read before, its `quit` above all. */
void registry_process_ended(struct nodes *n, const char *node_id, int code)
{
    struct worker *w = node_id ? roster_find(&n->machine->roster, node_id) : NULL;
    if (!w || !w->has_joined || w->state == WORKER_GONE)
        return;
    if (!n->is_local)
        log_error(LOGGER, "The process of worker %s (index %u) ended unexpectedly (%s %d)", w->id,
                  w->index, code > 128 ? "signal" : "exit code", code > 128 ? code - 128 : code);
    w->state = WORKER_GONE;
    lose(n, w, true);
}

/* A process of ours that ends its users is not lost while it computes: should it end, we are told,
 * and a stop has a limit of its own. Given up it would be ended before all of its users have. */
static void await_children(struct nodes *n)
{
    struct roster *r = &n->machine->roster;
    for (size_t i = 0; i < r->count; i++) {
        struct worker *w = r->workers[i];
        if (w->state == WORKER_STOPPING && w->owes_report && children_has(&n->children, w->id))
            w->liveness = roster_liveness(r);
    }
}

/* Silent is who has said nothing in the mail that was read: not while there is unread one. */
static void lose_silent(struct nodes *n)
{
    if (n->inbox.has_unread)
        return;
    await_children(n);
    struct worker *missed[64];
    size_t count = roster_tick(&n->machine->roster, missed, sizeof missed / sizeof *missed);
    for (size_t i = 0; i < count; i++) {
        if (nodes_may_log(n, LINES_WORKERS))
            log_info(LOGGER, "Worker %s failed to send heartbeat, setting state to missing.",
                     missed[i]->id);
        lose(n, missed[i], false);
    }
}

/* Our only process is not lost while it computes: should it end, we are told. But when all is to
 * end, what stands still must not keep the results from being written. */
static void watch_local(struct nodes *n)
{
    struct worker *w = roster_find(&n->machine->roster, n->host.node_id);
    if (!w || !n->host.is_alive)
        return;
    bool is_ending = n->machine->finish != FINISH_NOT && n->machine->finish < FINISH_CHILDREN;
    if (!is_ending)
        w->liveness = REGISTRY_LOCAL_PATIENCE_S;
    else if (--w->liveness == 0) {
        log_error(LOGGER, "The worker process has not answered for %d s: it is ended",
                  REGISTRY_LOCAL_PATIENCE_S);
        children_signal(&n->children, SIGKILL);
    }
}

void registry_second(struct nodes *n)
{
    if (n->is_local)
        watch_local(n);
    else
        lose_silent(n);
    double mono = nodes_now(n).mono;
    nodes_tell_left_out(n, mono);
}
