// SPDX-License-Identifier: MIT
#include "common/run/run_log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HIGH_RATE 100.0 /* users a second, of one process */

struct voice { /* where lines go */
    const struct machine *m;
    run_log_sink *sink;
    void *arg;
};

__attribute__((format(printf, 4, 5))) static void say(const struct voice *v, enum log_level level,
                                                      const char *logger, const char *format, ...)
{
    struct sbuf text = {0};
    va_list args;
    va_start(args, format);
    sbuf_addv(&text, format, args);
    va_end(args);
    v->sink(v->arg, level, logger, text.data ? text.data : "");
    sbuf_fini(&text);
}

/* {"Shopper": 3, "Reader": 1} (4 total users) */
static int by_name(const void *a, const void *b)
{
    return strcmp((*(struct class_total *const *)a)->name, (*(struct class_total *const *)b)->name);
}

static void add_count(struct sbuf *text, bool is_first, const char *name, uint64_t users)
{
    sbuf_adds(text, is_first ? "" : ", ");
    sbuf_add_json(text, name, strlen(name));
    sbuf_addf(text, ": %" PRIu64, users);
}

/* What the workers say that they run; those who deal outside have no other list. */
static uint64_t add_reported(const struct roster *r, struct sbuf *text)
{
    uint64_t sum = 0;
    struct class_total **sorted = mem_zalloc((r->class_count + 1) * sizeof *sorted);
    for (size_t c = 0; c < r->class_count; c++)
        sorted[c] = r->classes[c];
    qsort(sorted, r->class_count, sizeof *sorted, by_name);
    for (size_t c = 0; c < r->class_count; c++) {
        add_count(text, c == 0, sorted[c]->name, sorted[c]->users);
        sum += sorted[c]->users;
    }
    free(sorted);
    return sum;
}

static void add_counts(const struct machine *m, struct sbuf *text)
{
    uint64_t sum = 0;
    sbuf_adds(text, "{");
    for (size_t c = 0; m->dispatch && c < dispatch_class_count(m->dispatch); c++) {
        const char *name = dispatch_class_name(m->dispatch, c);
        const unsigned users = roster_class_users(&m->roster, name);
        add_count(text, c == 0, name, users);
        sum += users;
    }
    if (!m->dispatch)
        sum = add_reported(&m->roster, text);
    sbuf_addf(text, "} (%" PRIu64 " total users)", sum);
}

static void step(const struct voice *v)
{
    const struct machine *m = v->m;
    if (m->rules.is_local)
        return;
    struct sbuf text = {0};
    add_counts(m, &text);
    if (m->dispatch)
        say(v, LOG_DEBUG, LOGGER, "Sending spawn messages for %u total users to %zu worker(s)",
            dispatch_user_count(m->dispatch), dispatch_worker_count(m->dispatch));
    say(v, LOG_DEBUG, LOGGER, "Currently spawned users: %s", text.data);
    sbuf_fini(&text);
}

/* Locust's advice, to those who call us by its name; it is none that we need. */
static void warn_of_rate(const struct voice *v, size_t workers)
{
    const struct machine *m = v->m;
    const double processes = m->rules.is_local ? 1 : (double)workers;
    if (m->rules.is_locust && m->load.spawn_rate > HIGH_RATE * processes)
        say(v, LOG_WARNING, LOGGER,
            "Your selected spawn rate is very high (>100%s), and this is known to sometimes "
            "cause issues. Do you really need to ramp up that fast?",
            m->rules.is_local ? "" : "/worker");
}

static void aim(const struct voice *v)
{
    const struct machine *m = v->m;
    const size_t workers = roster_active_count(&m->roster);
    warn_of_rate(v, workers);
    if (m->rules.is_local)
        say(v, LOG_INFO, LOGGER, "Ramping to %.0f users at a rate of %.2f per second",
            m->load.users, m->load.spawn_rate);
    else
        say(v, LOG_INFO, LOGGER,
            "Sending spawn jobs of %.0f users at %.2f spawn rate to %zu ready workers",
            m->load.users, m->load.spawn_rate, workers);
}

static void spawned(const struct voice *v, bool is_complete)
{
    const struct machine *m = v->m;
    struct sbuf text = {0};
    add_counts(m, &text);
    say(v, LOG_INFO, LOGGER, "%s: %s",
        is_complete ? "All users spawned"
                    : "Spawning is complete and report waittime is expired, but not all "
                      "reports received from workers",
        text.data);
    sbuf_fini(&text);
}

static void end(const struct voice *v, enum end_reason reason)
{
    const struct machine *m = v->m;
    static const char *const reasons[] = {
        [END_TIME_LIMIT] = "--run-time limit reached",
        [END_SHAPE_OVER] = "Shape test completed",
        [END_SHAPE_FAILED] = "Shape test failed",
        [END_DONE] = "All iterations are done",
    };
    if (m->rules.is_headless) {
        say(v, LOG_INFO, MAIN_LOGGER, "%s, shutting down", reasons[reason]);
        return;
    }
    say(v, LOG_INFO, MAIN_LOGGER, "%s, stopping test", reasons[reason]);
    if (m->rules.is_auto && m->rules.autoquit_s >= 0)
        say(v, LOG_DEBUG, MAIN_LOGGER, "Autoquit time limit set to %.0f seconds",
            m->rules.autoquit_s);
    if (m->rules.is_auto && m->rules.autoquit_s < 0)
        say(v, LOG_INFO, MAIN_LOGGER,
            "--autoquit not specified, leaving web ui running indefinitely");
}

static void worker_quit(const struct voice *v, const struct worker *w)
{
    say(v, LOG_INFO, LOGGER, "Worker '%s' (index %u) quit. %zu workers ready.", w->id, w->index,
        roster_active_count(&v->m->roster));
}

static void busy_worker(const struct voice *v, const struct worker *w)
{
    say(v, LOG_WARNING, LOGGER,
        "Worker %s (index %u) exceeded cpu threshold (will only log this once per worker)", w->id,
        w->index);
}

static void leaving(const struct voice *v, int exit_code)
{
    say(v, LOG_INFO, MAIN_LOGGER, "Shutting down (exit code %d)", exit_code);
    say(v, LOG_DEBUG, MAIN_LOGGER, "Cleaning up runner...");
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
    [LINE_NO_WORKERS] = {LOG_ERROR, false, MAIN_LOGGER,
                         "No worker process is left: the test cannot begin"},
    [LINE_RELEASE] = {LOG_DEBUG, true, LOGGER, "Quitting..."},
    [LINE_SETUP] = {LOG_INFO, false, MAIN_LOGGER, "Setting the test up"},
    [LINE_SETUP_FAILED] = {LOG_ERROR, false, MAIN_LOGGER,
                           "The test could not be set up: it does not begin"},
    [LINE_UNDO] = {LOG_INFO, false, MAIN_LOGGER, "Running the test's teardown"},
    [LINE_UNDO_FAILED] = {LOG_ERROR, false, MAIN_LOGGER, "The test's teardown failed"},
};

static void gave_up(const struct voice *v)
{
    const struct machine *m = v->m;
    char how_many[96] = "";
    if (!m->rules.is_locust)
        snprintf(how_many, sizeof how_many, ": %zu of %zu came within %.0f s",
                 roster_active_count(&m->roster), m->expected, m->rules.max_wait_s);
    say(v, LOG_ERROR, MAIN_LOGGER, "Gave up waiting for workers to connect%s", how_many);
}

static void waiting(const struct voice *v, bool is_long)
{
    say(v, is_long ? LOG_INFO : LOG_DEBUG, "root",
        "Waiting for workers to be ready, %zu of %zu connected", roster_active_count(&v->m->roster),
        v->m->expected);
}

static void host_ended(const struct voice *v, const struct machine_action *a)
{
    say(v, LOG_ERROR, MAIN_LOGGER, "The %s ended unexpectedly (%s %d): the test cannot go on",
        v->m->rules.is_local ? "worker process" : "process that runs the locustfile's master side",
        a->signal ? "signal" : "exit code", a->signal ? a->signal : a->number);
}

static void with_values(const struct voice *v, const struct machine_action *a)
{
    if (a->line == LINE_AIM)
        aim(v);
    else if (a->line == LINE_STEP)
        step(v);
    else if (a->line == LINE_SPAWNED || a->line == LINE_UNSETTLED)
        spawned(v, a->line == LINE_SPAWNED);
    else if (a->line == LINE_SLOW_LISTENER)
        say(v, LOG_ERROR, LOGGER,
            "A listener of test_stopping has not come back for %d s: the users are stopped "
            "all the same",
            LISTENER_PATIENCE_S);
    else if (a->line == LINE_IDLE_WORKER)
        say(v, LOG_INFO, LOGGER, "Worker %s has ended its users: they are started again",
            a->worker->id);
    else if (a->line == LINE_BUSY_WORKER)
        busy_worker(v, a->worker);
    else if (a->line == LINE_WORKER_QUIT)
        worker_quit(v, a->worker);
    else if (a->line == LINE_END)
        end(v, a->reason);
    else if (a->line == LINE_SIGNAL && a->number == SIGINT)
        say(v, LOG_INFO, MAIN_LOGGER, "Exiting due to CTRL+C interruption");
    else if (a->line == LINE_SIGNAL)
        say(v, LOG_INFO, MAIN_LOGGER,
            a->number == SIGHUP ? "Got SIGHUP signal" : "Got SIGTERM signal");
    else if (a->line == LINE_GAVE_UP)
        gave_up(v);
    else if (a->line == LINE_WAITING)
        waiting(v, a->number);
    else if (a->line == LINE_HOST_ENDED)
        host_ended(v, a);
    else if (a->line == LINE_LEAVING)
        leaving(v, a->number);
}

void run_log_to(const struct machine *m, const struct machine_action *a, run_log_sink *sink,
                void *arg)
{
    const struct voice v = {m, sink, arg};
    if (lines[a->line].is_not_local && m->rules.is_local)
        return;
    if (lines[a->line].text)
        say(&v, lines[a->line].level, lines[a->line].logger, "%s", lines[a->line].text);
    else
        with_values(&v, a);
}

static void write_line(void *arg, enum log_level level, const char *logger, const char *text)
{
    (void)arg;
    if (log_enabled(level))
        log_write(level, logger, "%s", text);
}

void run_log(const struct machine *m, const struct machine_action *a)
{
    if (a->line != LINE_STEP || log_enabled(LOG_DEBUG))
        run_log_to(m, a, write_line, NULL);
}
