// SPDX-License-Identifier: MIT
#include "common/run/run_log.h"
#include "common/base/log.h"
#include "common/base/sbuf.h"
#include <signal.h>
#include <string.h>

#define HIGH_RATE 100.0 /* users a second, of one process */

/* {"Shopper": 3, "Reader": 1} (4 total users) */
static void add_counts(const struct machine *m, struct sbuf *text)
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

static void step(const struct machine *m)
{
    if (m->rules.is_local || !log_enabled(LOG_DEBUG))
        return;
    struct sbuf text = {0};
    add_counts(m, &text);
    log_debug(LOGGER, "Sending spawn messages for %u total users to %zu worker(s)",
              dispatch_user_count(m->dispatch), dispatch_worker_count(m->dispatch));
    log_debug(LOGGER, "Currently spawned users: %s", text.data);
    sbuf_fini(&text);
}

/* Locust's advice, to those who call us by its name; it is none that we need. */
static void warn_of_rate(const struct machine *m, size_t workers)
{
    const double processes = m->rules.is_local ? 1 : (double)workers;
    if (m->rules.is_locust && m->load.spawn_rate > HIGH_RATE * processes)
        log_warning(
            LOGGER,
            "Your selected spawn rate is very high (>100%s), and this is known to sometimes "
            "cause issues. Do you really need to ramp up that fast?",
            m->rules.is_local ? "" : "/worker");
}

static void aim(const struct machine *m)
{
    const size_t workers = roster_active_count(&m->roster);
    warn_of_rate(m, workers);
    if (m->rules.is_local)
        log_info(LOGGER, "Ramping to %.0f users at a rate of %.2f per second", m->load.users,
                 m->load.spawn_rate);
    else
        log_info(LOGGER, "Sending spawn jobs of %.0f users at %.2f spawn rate to %zu ready workers",
                 m->load.users, m->load.spawn_rate, workers);
}

static void spawned(const struct machine *m, bool is_complete)
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

static void end(const struct machine *m, enum end_reason reason)
{
    static const char *const reasons[] = {
        [END_TIME_LIMIT] = "--run-time limit reached",
        [END_SHAPE_OVER] = "Shape test completed",
        [END_SHAPE_FAILED] = "Shape test failed",
    };
    if (m->rules.is_headless) {
        log_info(MAIN_LOGGER, "%s, shutting down", reasons[reason]);
        return;
    }
    log_info(MAIN_LOGGER, "%s, stopping test", reasons[reason]);
    if (m->rules.is_auto && m->rules.autoquit_s >= 0)
        log_debug(MAIN_LOGGER, "Autoquit time limit set to %.0f seconds", m->rules.autoquit_s);
    if (m->rules.is_auto && m->rules.autoquit_s < 0)
        log_info(MAIN_LOGGER, "--autoquit not specified, leaving web ui running indefinitely");
}

static void worker_quit(const struct machine *m, const struct worker *w)
{
    log_info(LOGGER, "Worker '%s' (index %u) quit. %zu workers ready.", w->id, w->index,
             roster_active_count(&m->roster));
}

static void busy_worker(const struct worker *w)
{
    log_warning(LOGGER,
                "Worker %s (index %u) exceeded cpu threshold (will only log this once per worker)",
                w->id, w->index);
}

static void leaving(int exit_code)
{
    log_info(MAIN_LOGGER, "Shutting down (exit code %d)", exit_code);
    log_debug(MAIN_LOGGER, "Cleaning up runner...");
}

/* A run on one machine is told of as Locust tells of its LocalRunner, which has no workers. */
static const struct {
    enum log_level level;
    bool is_not_local;
    const char *logger, *text; /* NULL: it has values, see below */
} lines[MACHINE_LINES] = {
    [LINE_RESET] = {LOG_INFO, false, LOGGER, "Resetting stats\n"},
    [LINE_STOPPING] = {LOG_DEBUG, true, LOGGER, "Stopping..."},
    [LINE_STOP_TIMEOUT] = {LOG_ERROR, false, LOGGER, "Timeout waiting for all workers to stop"},
    [LINE_BUSY_WORKERS] = {LOG_WARNING, false, LOGGER,
                           "CPU usage threshold was exceeded on workers during the test!"},
    [LINE_BUSY_WORKER] = {.is_not_local = true},
    [LINE_WORKER_QUIT] = {.is_not_local = true},
    [LINE_LAST_QUIT] = {LOG_INFO, false, LOGGER, "The last worker quit, stopping test."},
    [LINE_LAST_MISSING] = {LOG_INFO, false, LOGGER, "The last worker went missing, stopping test."},
    [LINE_LAST_ENDED] = {LOG_INFO, false, LOGGER,
                         "The last worker ended unexpectedly, stopping test."},
    [LINE_AUTOQUIT] = {LOG_INFO, false, MAIN_LOGGER, "--autoquit time reached, shutting down"},
    [LINE_TEARDOWN] = {LOG_DEBUG, false, MAIN_LOGGER, "Running teardowns..."},
    [LINE_RELEASE] = {LOG_DEBUG, true, LOGGER, "Quitting..."},
};

static void with_values(const struct machine *m, const struct machine_action *a)
{
    if (a->line == LINE_AIM)
        aim(m);
    else if (a->line == LINE_STEP)
        step(m);
    else if (a->line == LINE_SPAWNED || a->line == LINE_UNSETTLED)
        spawned(m, a->line == LINE_SPAWNED);
    else if (a->line == LINE_SLOW_LISTENER)
        log_error(LOGGER,
                  "A listener of test_stopping has not come back for %d s: the users are stopped "
                  "all the same",
                  LISTENER_PATIENCE_S);
    else if (a->line == LINE_IDLE_WORKER)
        log_info(LOGGER, "Worker %s has ended its users: they are started again", a->worker->id);
    else if (a->line == LINE_BUSY_WORKER)
        busy_worker(a->worker);
    else if (a->line == LINE_WORKER_QUIT)
        worker_quit(m, a->worker);
    else if (a->line == LINE_END)
        end(m, a->reason);
    else if (a->line == LINE_SIGNAL && a->number == SIGINT)
        log_info(MAIN_LOGGER, "Exiting due to CTRL+C interruption");
    else if (a->line == LINE_SIGNAL)
        log_info(MAIN_LOGGER, a->number == SIGHUP ? "Got SIGHUP signal" : "Got SIGTERM signal");
    else if (a->line == LINE_LEAVING)
        leaving(a->number);
}

void run_log(const struct machine *m, const struct machine_action *a)
{
    if (lines[a->line].is_not_local && m->rules.is_local)
        return;
    if (lines[a->line].text)
        log_write(lines[a->line].level, lines[a->line].logger, "%s", lines[a->line].text);
    else
        with_values(m, a);
}
