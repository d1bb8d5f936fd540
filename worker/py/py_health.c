// SPDX-License-Identifier: MIT
/* py_health: how the worker itself is doing.
 *
 * Loop lag is measured by a probe: each PROBE_MS a timer queues an entry like everybody else's; how
 * late that runs is how late users run. The longest since the last question is the answer, and the
 * 99 % percentile of the last PROBES. The first question starts it, so that imports before the loop
 * runs do not count.
 */
#include "worker/py/py_client.h"
#include "worker/py/py_mod.h"
#include "common/base/clk.h"
#include <event2/event.h>
#include <event2/event_struct.h>
#include <dirent.h>
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
static uint64_t last_wall_ns, last_cpu_ns;

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

static void probe_run(struct ready *r)
{
    (void)r;
    uint64_t late = probe_late(clk_mono_ns());
    if (late > probe.longest_ns)
        probe.longest_ns = late;
    probe.late_ns[probe.count++ % PROBES] = late;
    probe_arm();
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

/* Open descriptors. Linux 6.2 and newer tell by the folder's size; before, they are counted. */
static unsigned long open_fds(void)
{
    struct stat st;
    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
        return (unsigned long)st.st_size;
    unsigned long count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the folder itself */
}

static PyObject *health(PyObject *module, PyObject *none)
{
    (void)module, (void)none;
    if (!probe.due_ns)
        probe_arm();
    uint64_t wall = clk_mono_ns(), cpu = cpu_ns();
    double percent = wall > last_wall_ns
                         ? 100.0 * (double)(cpu - last_cpu_ns) / (double)(wall - last_wall_ns)
                         : 0;
    double lag_ms = (double)probe.longest_ns / 1e6;
    last_wall_ns = wall;
    last_cpu_ns = cpu;
    probe.longest_ns = 0;
    struct fetch_engine *engine = site_engine();
    if (!engine)
        return NULL;
    return Py_BuildValue("{s:d,s:d,s:d,s:K,s:k,s:K}", "lag_ms", lag_ms, "lag_p99_ms", lag_p99_ms(),
                         "cpu_percent", percent, "memory_bytes", memory_bytes(), "fds", open_fds(),
                         "connections", fetch_engine_counters(engine).connections_open);
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
     "open fds and HTTP connections"},
    {0},
};

int py_health_init(PyObject *module)
{
    last_wall_ns = clk_mono_ns();
    last_cpu_ns = cpu_ns();
    probe.ready.run = probe_run;
    evtimer_assign(&probe.timer, hub_base(), probe_fired, NULL);
    return PyModule_AddFunctions(module, methods);
}
