// SPDX-License-Identifier: MIT
/* control: takes a run from its start to "stopped".
 *
 *   start: statistics cleared → test_start on the host → users dealt in batches → counts settle →
 *          spawning_complete
 *   stop:  test_stopping on the host → stop to the workers → every last report is in →
 *          "stopped" → test_stop on the host
 */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/core.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STOP_PATIENCE_S 60     /* beyond the stop timeout, as Locust */
#define CATCH_UP_S 600         /* beyond that, for a master that is behind */
#define LISTENER_PATIENCE_S 60 /* for test_stopping: then the workers are told all the same */
#define HIGH_RATE 100.0        /* users a second, of one process */
#define OUR_PATIENCE_S 10      /* for the word of our own workers that their users have started */

/* How long the counts of all workers may take after the last users were dealt. Ours tell when they
 * have started theirs, which takes a busy one some seconds for tens of thousands; of a stock one
 * only its next report tells.
 * LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP: seconds, or "x * WORKER_REPORT_INTERVAL". */
static double settle_time(const struct master *m)
{
    double patience = OUR_PATIENCE_S;
    for (size_t i = 0; i < m->roster.count; i++)
        if (worker_is_active(m->roster.workers[i]) && !m->roster.workers[i]->is_katydid)
            patience = 1.0;
    const char *text = getenv("LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP");
    char *end = NULL;
    double seconds = text ? strtod(text, &end) : patience;
    if (!text || end == text || !(seconds >= 0 && seconds < 3600))
        return patience;
    return strstr(end, "WORKER_REPORT_INTERVAL") ? 3.0 * seconds : seconds;
}

static void step_at(struct master *m, double at)
{
    m->step_at = at;
    master_schedule(m->step, fmax(0, at - master_now().mono));
}

static void make_dispatch(struct master *m)
{
    const struct script *s = &m->host.script;
    struct dispatch_class *classes = mem_zalloc((s->class_count + 1) * sizeof *classes);
    for (size_t i = 0; i < s->class_count; i++)
        classes[i] = (struct dispatch_class){s->classes[i].name, s->classes[i].weight,
                                             s->classes[i].fixed_count};
    m->dispatch = dispatch_new(classes, s->class_count);
    free(classes);
    for (size_t i = 0; i < m->roster.count; i++)
        if (worker_is_active(m->roster.workers[i]))
            dispatch_add_worker(m->dispatch, m->roster.workers[i]->id);
}

/* {"Shopper": 3, "Reader": 1} (4 total users) */
static void add_counts(const struct master *m, struct sbuf *text)
{
    unsigned sum = 0;
    sbuf_adds(text, "{");
    for (size_t c = 0; c < dispatch_class_count(m->dispatch); c++) {
        const char *name = dispatch_class_name(m->dispatch, c);
        unsigned users = roster_class_users(&m->roster, name);
        sbuf_adds(text, c ? ", " : "");
        sbuf_add_json(text, name, strlen(name));
        sbuf_addf(text, ": %u", users);
        sum += users;
    }
    sbuf_addf(text, "} (%u total users)", sum);
}

static void debug_step(const struct master *m)
{
    if (m->is_local || !log_enabled(LOG_DEBUG))
        return;
    struct sbuf text = {0};
    add_counts(m, &text);
    log_debug(LOGGER, "Sending spawn messages for %u total users to %zu worker(s)",
              dispatch_user_count(m->dispatch), dispatch_worker_count(m->dispatch));
    log_debug(LOGGER, "Currently spawned users: %s", text.data);
    sbuf_fini(&text);
}

/* Locust's advice, to those who call us by its name; it is none that we need. */
static void warn_of_rate(const struct master *m, size_t workers)
{
    if (m->o->is_locust && m->spawn_rate > HIGH_RATE * (double)(m->is_local ? 1 : workers))
        log_warning(
            LOGGER,
            "Your selected spawn rate is very high (>100%s), and this is known to sometimes "
            "cause issues. Do you really need to ramp up that fast?",
            m->is_local ? "" : "/worker");
}

static void log_aim(const struct master *m)
{
    size_t workers = roster_active_count(&m->roster);
    warn_of_rate(m, workers);
    if (m->is_local)
        log_info(LOGGER, "Ramping to %.0f users at a rate of %.2f per second", m->users,
                 m->spawn_rate);
    else
        log_info(LOGGER, "Sending spawn jobs of %.0f users at %.2f spawn rate to %zu ready workers",
                 m->users, m->spawn_rate, workers);
}

static void begin_dealing(struct master *m)
{
    if (m->run.state != RUN_SPAWNING || m->dispatch)
        return; /* stopped, while the listeners of test_start ran */
    make_dispatch(m);
    m->is_dealing = true;
    dispatch_aim(m->dispatch, m->run.target_users, m->run.spawn_rate,
                 (const char *const *)m->user_classes);
    step_at(m, master_now().mono);
}

const char *conduct_obstacle(const struct master *m)
{
    if (m->run.state == RUN_STOPPING)
        return "The last test is still stopping; try again in a moment.";
    if (roster_active_count(&m->roster) == 0)
        return "No worker is connected: start at least one, then start the test.";
    return NULL;
}

const char *conduct_start(struct master *m)
{
    const char *obstacle = conduct_obstacle(m);
    if (obstacle)
        return obstacle;
    log_aim(m);
    ingest_clear(m);
    away_forget(m);
    m->has_cpu_warning = false;
    m->is_redeal = false;
    m->autoquit_at = 0;
    uint64_t seed;
    master_random(&seed, sizeof seed);
    run_start(&m->run, (unsigned)m->users, m->spawn_rate, m->run_time_s, seed, master_now());
    conduct_watch_limit(m);
    events_add(m->events, m->run.started_at, "start", "%.0f users, %g per second", m->users,
               m->spawn_rate);
    script_send_state(m);
    show_publish(m);
    script_fire(m, "test_start", &(struct event_args){.run = m->run.id}, begin_dealing);
    return NULL;
}

void conduct_aim(struct master *m)
{
    if (!run_is_active(&m->run))
        return;
    m->is_redeal = false;
    log_aim(m);
    run_aim(&m->run, (unsigned)m->users, m->spawn_rate);
    events_add(m->events, master_now().unix_time, m->host.is_shape_on ? "stage" : "users",
               "%.0f users, %g per second", m->users, m->spawn_rate);
    m->settle_until = 0;
    if (m->dispatch) {
        dispatch_aim(m->dispatch, m->run.target_users, m->run.spawn_rate,
                     (const char *const *)m->user_classes);
        step_at(m, master_now().mono);
    }
    script_send_state(m);
    show_publish(m);
}

static void log_spawned(const struct master *m, bool is_complete)
{
    struct sbuf text = {0};
    add_counts(m, &text);
    log_info(LOGGER, "%s: %s",
             is_complete ? "All users spawned"
                         : "Spawning is complete and report waittime is expired, but not all "
                           "reports received from workers",
             text.data);
    sbuf_fini(&text);
}

/* Everybody who listens for it forgets the figures when the ramp is not to count (--reset-stats):
 * so where lost workers' users were dealt again, nobody hears of it. */
static void tell_spawned(struct master *m, unsigned users)
{
    if (m->is_redeal && m->o->reset_stats)
        return;
    script_fire(m, "spawning_complete", &(struct event_args){.user_count = &users}, NULL);
    for (size_t i = 0; i < m->roster.count; i++) {
        struct sbuf out = {0};
        if (!worker_is_active(m->roster.workers[i]))
            continue;
        proto_spawning_complete(&out, m->roster.workers[i]->id, users);
        post_bytes(m, m->roster.workers[i]->id, &out);
    }
}

static void spawned(struct master *m, bool is_complete)
{
    m->settle_until = 0;
    run_spawned(&m->run);
    tell_spawned(m, dispatch_user_count(m->dispatch));
    log_spawned(m, is_complete);
    if (m->o->reset_stats && !m->is_redeal) {
        log_info(LOGGER, "Resetting stats\n");
        ingest_reset(m);
    }
    m->is_redeal = false;
    script_send_state(m);
    show_publish(m);
}

void conduct_counts_changed(struct master *m)
{
    if (m->settle_until > 0 && m->run.state == RUN_SPAWNING &&
        roster_user_count(&m->roster) == dispatch_user_count(m->dispatch))
        spawned(m, true);
}

void conduct_step(struct master *m)
{
    struct run_clock now = master_now();
    if (!m->is_dealing || m->run.state != RUN_SPAWNING)
        return;
    if (m->settle_until > 0) {
        spawned(m, false);
        return;
    }
    double pause = dispatch_step(m->dispatch);
    post_changed(m);
    debug_step(m);
    if (pause >= 0) {
        step_at(m, fmax(m->step_at + pause, now.mono));
        return;
    }
    m->settle_until = now.mono + settle_time(m);
    step_at(m, m->settle_until);
    conduct_counts_changed(m);
}

/* Shares moved at once; what a lost worker ran is dealt again, at the spawn rate. */
void conduct_workers_changed(struct master *m)
{
    if (!m->is_dealing)
        return;
    post_changed(m);
    if (dispatch_is_done(m->dispatch))
        return;
    bool was_running = m->run.state == RUN_RUNNING || m->settle_until > 0;
    m->is_redeal |= m->run.state == RUN_RUNNING;
    m->settle_until = 0;
    if (!was_running)
        return;
    run_aim(&m->run, m->run.target_users, m->run.spawn_rate);
    step_at(m, master_now().mono);
}

static void tell_workers(struct master *m)
{
    if (m->run.state != RUN_STOPPING || !m->is_stop_untold)
        return;
    m->is_stop_untold = false;
    if (!m->is_local)
        log_debug(LOGGER, "Stopping...");
    run_await_stop(&m->run, m->o->stop_timeout_s + STOP_PATIENCE_S, master_now());
    hands_stop_all(m);
    conduct_check_stopped(m);
}

void conduct_stop(struct master *m)
{
    if (!run_is_active(&m->run))
        return;
    run_stop(&m->run, LISTENER_PATIENCE_S, master_now());
    event_del(m->step);
    m->is_dealing = false;
    m->settle_until = 0;
    m->is_test_over = false;
    m->is_stop_untold = true;
    script_end_shape(m);
    script_send_state(m);
    show_publish(m);
    script_fire(m, "test_stopping", &(struct event_args){0}, tell_workers);
}

static void test_over(struct master *m)
{
    m->is_test_over = true;
    finish_advance(m);
}

static void stopped(struct master *m)
{
    struct run_clock now = master_now();
    dispatch_free(m->dispatch);
    m->dispatch = NULL;
    timeline_users(m->timeline, now.unix_time, roster_user_count(&m->roster), 0);
    timeline_close(m->timeline, now.unix_time + 2); /* a reset may have begun the next second */
    timeline_work(m->timeline, true);
    for (size_t i = 0; i < m->roster.count; i++)
        events_worker_idle(m->events, m->roster.workers[i]->index);
    events_add(m->events, now.unix_time, "stop", "Test stopped%s%s", m->stop_reason[0] ? ": " : "",
               m->stop_reason);
    run_stopped(&m->run, now);
    if (m->has_cpu_warning)
        log_warning(LOGGER, "CPU usage threshold was exceeded on workers during the test!");
    if (m->o->autoquit_s >= 0 && !m->o->headless && m->is_auto)
        m->autoquit_at = now.mono + m->o->autoquit_s;
    script_send_state(m);
    show_publish(m);
    script_fire(m, "test_stop", &(struct event_args){0}, test_over);
}

void conduct_check_stopped(struct master *m)
{
    if (m->run.state == RUN_STOPPING && !m->is_stop_untold && hands_are_idle(m))
        stopped(m);
}

void conduct_end(struct master *m, const char *reason)
{
    if (m->o->headless) {
        log_info(MAIN_LOGGER, "%s, shutting down", reason);
        finish_begin(m, false);
        return;
    }
    log_info(MAIN_LOGGER, "%s, stopping test", reason);
    if (m->is_auto && m->o->autoquit_s >= 0)
        log_debug(MAIN_LOGGER, "Autoquit time limit set to %.0f seconds", m->o->autoquit_s);
    if (m->is_auto && m->o->autoquit_s < 0)
        log_info(MAIN_LOGGER, "--autoquit not specified, leaving web ui running indefinitely");
    conduct_stop(m);
}

void conduct_watch_limit(struct master *m)
{
    if (m->run.time_limit_at > 0)
        master_schedule(m->limit, fmax(0, m->run.time_limit_at - master_now().mono) + 0.0005);
}

void conduct_second(struct master *m)
{
    if (m->dispatch && m->is_dealing)
        post_changed(m);
    conduct_on_limit(m);
}

void conduct_on_limit(struct master *m)
{
    switch (run_due(&m->run, master_now().mono)) {
    case RUN_DUE_NOTHING:
        return;
    case RUN_DUE_TIME_LIMIT:
        if (m->finish == FINISH_NOT)
            conduct_end(m, "--run-time limit reached");
        return;
    case RUN_DUE_STOP_LIMIT:
        if (m->is_stop_untold) {
            log_error(LOGGER,
                      "A listener of test_stopping has not come back for %d s: the users are "
                      "stopped all the same",
                      LISTENER_PATIENCE_S);
            tell_workers(m);
            return;
        }
        if (inbox_is_behind(m) && master_now().mono < m->run.stop_limit_at + CATCH_UP_S)
            return; /* perhaps they have told, and it was not read yet */
        log_error(LOGGER, "Timeout waiting for all workers to stop");
        stopped(m);
        return;
    }
}
