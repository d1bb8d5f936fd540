// SPDX-License-Identifier: MIT
/* py_health: how the worker itself is doing.
 *
 * Loop lag is measured by a probe: each PROBE_MS a timer queues an entry like everybody else's; how
 * late that runs is how late users run. The longest since the last question is the answer, and the
 * 99 % percentile of the last PROBES; a probe that is late already counts as it is, as the question
 * may come before it when a standstill ends. health_begin starts it, so that imports before the
 * loop runs do not count.
 *
 * Whoever shares a core with something busy is late by a few milliseconds at a time, which no probe
 * tells from work: the kernel counts it, for the thread that asks, which is the loop's.
 */
#include "worker/py/hub.h"
#include "worker/py/py_arrivals.h"
#include "worker/py/py_client_site.h"
#include "worker/py/py_mod.h"
#include "common/base/clk.h"
#include "common/base/quota.h"
#include "common/base/runq.h"
#include "common/base/thread.h"
#include <event2/event.h>
#include <event2/event_struct.h>
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROBE_MS = 50, PROBES = 200 /* ten seconds */ };

static struct probe {
    struct ready ready;
    struct event timer;
    uint64_t due_ns, longest_ns;
    uint64_t late_ns[PROBES]; /* a ring */
    unsigned count;           /* ever */
} probe;
static struct usage { /* of the processor */
    uint64_t at_ns, cpu_ns, waited_ns;
    double percent, throttled;
    double starved; /* negative: the kernel does not tell */
    struct quota_use quota;
} last;
static struct quota quota;

static void probe_arm(void)
{
    const struct timeval tv = {0, PROBE_MS * 1000};
    probe.due_ns = clk_mono_ns() + PROBE_MS * UINT64_C(1000000);
    evtimer_add(&probe.timer, &tv);
}

static uint64_t probe_late(uint64_t now)
{
    return now > probe.due_ns ? now - probe.due_ns : 0;
}

static void probe_note(uint64_t late)
{
    if (late > probe.longest_ns)
        probe.longest_ns = late;
    probe.late_ns[probe.count++ % PROBES] = late;
}

static void probe_run(struct ready *r)
{
    (void)r;
    probe_note(probe_late(clk_mono_ns()));
    probe_arm();
}

/* The one that is under way: what it is late by now is told, and its rest is only what follows. */
static void probe_ask(uint64_t now)
{
    const uint64_t late = probe_late(now);
    if (late < PROBE_MS * UINT64_C(1000000))
        return;
    probe_note(late);
    probe.due_ns = now;
}

static void probe_fired(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    hub_ready(&probe.ready);
}

static uint64_t cpu_ns(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return ((uint64_t)u.ru_utime.tv_sec + (uint64_t)u.ru_stime.tv_sec) * 1000000000u +
           ((uint64_t)u.ru_utime.tv_usec + (uint64_t)u.ru_stime.tv_usec) * 1000u;
}

static unsigned long long memory_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    if (fscanf(f, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    fclose(f);
    return resident * (unsigned long long)sysconf(_SC_PAGESIZE);
}

static int by_size(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double lag_p99_ms(void)
{
    uint64_t sorted[PROBES];
    const unsigned n = probe.count < PROBES ? probe.count : PROBES;
    if (!n)
        return 0;
    memcpy(sorted, probe.late_ns, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_size);
    return (double)sorted[(n * 99 + 99) / 100 - 1] / 1e6;
}

/* ---- descriptors ---- */

/* Linux 6.2 and newer tell how many there are by the folder's size. Before, they must be counted,
 * which takes milliseconds for ten thousands: a thread of its own does it when asked. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    bool is_running, is_asked;
    _Atomic unsigned long count;
} fds = {.lock = PTHREAD_MUTEX_INITIALIZER, .wanted = PTHREAD_COND_INITIALIZER};

static unsigned long count_fds(void)
{
    unsigned long count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the folder itself */
}

static void *run_counter(void *arg)
{
    for (;;) {
        pthread_mutex_lock(&fds.lock);
        while (!fds.is_asked)
            pthread_cond_wait(&fds.wanted, &fds.lock);
        fds.is_asked = false;
        pthread_mutex_unlock(&fds.lock);
        atomic_store(&fds.count, count_fds());
    }
    return arg;
}

/* In the child of a fork there is no such thread. */
static void forget_counter(void)
{
    fds.is_running = false;
    pthread_mutex_init(&fds.lock, NULL);
    pthread_cond_init(&fds.wanted, NULL);
}

static unsigned long open_fds(void)
{
    struct stat st;
    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
        return (unsigned long)st.st_size;
    if (!fds.is_running) {
        atomic_store(&fds.count, count_fds());
        fds.is_running = thread_start(NULL, run_counter, NULL);
    }
    pthread_mutex_lock(&fds.lock);
    fds.is_asked = true;
    pthread_cond_signal(&fds.wanted);
    pthread_mutex_unlock(&fds.lock);
    return atomic_load(&fds.count);
}

/* ---- the processor ---- */

/* Of less than that nothing can be said: the last answer stands. */
#define LEAST_NS UINT64_C(200000000)

/* Percent of the time since then in which the loop was ready to run, and did not. */
static double starved_since(const struct usage *then, uint64_t now, uint64_t waited_ns)
{
    const uint64_t more = waited_ns > then->waited_ns ? waited_ns - then->waited_ns : 0;
    const double percent = 100.0 * (double)more / (double)(now - then->at_ns);
    return percent < 100 ? percent : 100;
}

static void measure_usage(uint64_t now)
{
    if (now - last.at_ns < LEAST_NS)
        return;
    uint64_t waited_ns = 0;
    last.starved = runq_waited(&waited_ns) ? starved_since(&last, now, waited_ns) : -1;
    last.waited_ns = waited_ns;
    const uint64_t cpu = cpu_ns();
    const struct quota_use use = quota_read(&quota);
    last.percent = 100.0 * (double)(cpu - last.cpu_ns) / (double)(now - last.at_ns);
    const bool is_same = use.periods >= last.quota.periods && use.throttled >= last.quota.throttled;
    const uint64_t periods = is_same ? use.periods - last.quota.periods : 0;
    last.throttled = periods > 0 && last.quota.cores > 0
                         ? 100.0 * (double)(use.throttled - last.quota.throttled) / (double)periods
                         : 0;
    last.quota = use;
    last.at_ns = now;
    last.cpu_ns = cpu;
}

static PyObject *health_begin(PyObject *module, PyObject *none)
{
    (void)module, (void)none;
    if (!probe.due_ns)
        probe_arm();
    last = (struct usage){.at_ns = clk_mono_ns(), .cpu_ns = cpu_ns(), .quota = quota_read(&quota)};
    last.starved = runq_waited(&last.waited_ns) ? 0 : -1;
    Py_RETURN_NONE;
}

static PyObject *health(PyObject *module, PyObject *none)
{
    (void)module, (void)none;
    const uint64_t now = clk_mono_ns();
    if (!probe.due_ns)
        probe_arm();
    measure_usage(now);
    probe_ask(now);
    const double lag_ms = (double)probe.longest_ns / 1e6;
    probe.longest_ns = 0;
    struct fetch_engine *engine = site_engine();
    if (!engine)
        return NULL;
    return Py_BuildValue("{s:d,s:d,s:d,s:K,s:k,s:K,s:d,s:d,s:d,s:d}", "lag_ms", lag_ms,
                         "lag_p99_ms", lag_p99_ms(), "cpu_percent", last.percent, "memory_bytes",
                         memory_bytes(), "fds", open_fds(), "connections",
                         fetch_engine_counters(engine).connections_open, "cpu_limit",
                         last.quota.cores, "throttled", last.throttled, "starved", last.starved,
                         "late_starts", arrivals_late());
}

static PyObject *steady(PyObject *module, PyObject *none)
{
    (void)module, (void)none;
    return PyFloat_FromDouble(clk_steady());
}

static PyMethodDef methods[] = {
    {"steady", steady, METH_NOARGS,
     "unix seconds that no setting of the clock moves: what orders, rates and charts go by"},
    {"health", health, METH_NOARGS,
     "dict of lag_ms and cpu_percent since the last call, lag_p99_ms of ten seconds, memory_bytes, "
     "open fds and HTTP connections; cpu_limit: cores that the container may use (0: all), "
     "throttled: percent of the kernel's periods in which it was held back for that; starved: "
     "percent of the time in which it waited for a processor (negative: not known); late_starts: "
     "percent of arrivals that began more than 100 ms late though a user was free"},
    {"health_begin", health_begin, METH_NOARGS, "what was used before does not count"},
    {0},
};

int py_health_init(PyObject *module)
{
    last.at_ns = clk_mono_ns();
    last.cpu_ns = cpu_ns();
    last.starved = runq_waited(&last.waited_ns) ? 0 : -1;
    pthread_atfork(NULL, NULL, forget_counter);
    probe.ready.run = probe_run;
    evtimer_assign(&probe.timer, hub_base(), probe_fired, NULL);
    return PyModule_AddFunctions(module, methods);
}
