// SPDX-License-Identifier: MIT
/* The numbers of _katydid.Arrivals: series, and sums for the master. */
#include "worker/py/py_mod.h"
#include "worker/py/py_arrivals.h"
#include "worker/py/py_journal.h"
#include "worker/py/py_series.h"

#include "common/base/clk.h"

#include <string.h>

static void flush(struct counted *c)
{
    if (c->recent)
        py_series_count_at(c->series, (double)c->recent, (double)c->second);
    c->recent = 0;
}

void arrivals_count(struct arriving *a, enum iterations_number n, uint64_t more, uint64_t at_ns)
{
    struct counted *c = &a->numbers[n];
    const int64_t second = (int64_t)((double)at_ns / 1e9 + a->steady_s);
    if (second != c->second)
        flush(c);
    c->second = second;
    c->recent += more;
    c->all += more;
    if (__builtin_expect(py_journal_values_wanted, 0) && n == ITERATIONS_DROPPED && more)
        py_journal_dropped(c->series, more);
}

#define LATE_S 0.1

static struct {
    uint64_t all, late;
} began;

void arrivals_began(double late_s)
{
    began.all++;
    began.late += late_s > LATE_S;
}

double arrivals_late(void)
{
    const double percent = began.all ? 100.0 * (double)began.late / (double)began.all : 0;
    began.all = began.late = 0;
    return percent;
}

void arrivals_read_clocks(struct arriving *a)
{
    const struct clk_moment now = clk_now();
    a->steady_s = now.steady - now.mono;
}

void arrivals_tell(struct arriving *a)
{
    for (int i = 0; i < ITERATIONS_TOLD; i++) {
        flush(&a->numbers[i]);
        a->numbers[i].told = a->numbers[i].all;
    }
    arrivals_read_clocks(a);
}

/* [due, started, dropped, cut, repeated, interrupted, users, waiting, busy users, most that waited
 * at a time] of this worker, as counted until note() */
PyObject *arrivals_numbers(PyObject *self, PyObject *unused)
{
    const struct arriving *a = arriving_of(self);
    const struct counted *n = a->numbers;
    (void)unused;
    return Py_BuildValue("[KKKKKKIIII]", n[ITERATIONS_DUE].told, n[ITERATIONS_STARTED].told,
                         n[ITERATIONS_DROPPED].told, n[ITERATIONS_CUT].told,
                         n[ITERATIONS_REPEATED].told, n[ITERATIONS_INTERRUPTED].told, a->pool,
                         a->queued, a->entered - a->idle, a->most_waiting);
}

/* count(word, n): so many more, of iterations that others start. */
PyObject *arrivals_count_more(PyObject *self, PyObject *args)
{
    const char *word;
    unsigned long long n;
    if (!PyArg_ParseTuple(args, "sK:count", &word, &n))
        return NULL;
    for (int i = 0; i < ITERATIONS_TOLD; i++)
        if (!strcmp(iterations_metrics[i] + strlen("iterations_"), word)) {
            arrivals_count(arriving_of(self), (enum iterations_number)i, n, clk_mono_ns());
            Py_RETURN_NONE;
        }
    return PyErr_Format(PyExc_ValueError, "no number of iterations: %s", word);
}

static struct series *make_series(const char *metric, enum metric_kind kind, PyObject *scenario)
{
    enum metric_problem why;
    struct series_tags tags = {.count = 0};
    struct metric *m = series_metric(
        py_series_table(), metric,
        (struct metric_kind_of){kind, kind == METRIC_TREND ? "ms" : "", METRIC_SCALE}, &why);
    struct series *s = NULL;
    if (!m)
        PyErr_Format(PyExc_ValueError, "metric '%s' exists with another type, unit or scale",
                     metric);
    else if (series_tags_add(&tags, "scenario", scenario) == 0)
        s = series_tags_series(&tags, m);
    series_tags_fini(&tags);
    return s;
}

int arrivals_make_series(struct arriving *a)
{
    PyObject *name = PyUnicode_FromString(a->scenario.name);
    bool is_good = name != NULL;
    for (int i = 0; is_good && i < ITERATIONS_TOLD; i++)
        is_good = (a->numbers[i].series =
                       make_series(iterations_metrics[i], METRIC_COUNTER, name)) != NULL;
    is_good = is_good && (!scenario_is_open(&a->scenario) ||
                          (a->delay = make_series("start_delay", METRIC_TREND, name)) != NULL);
    if (is_good && a->scenario.executor == SCENARIO_FIND_KNEE)
        is_good = (a->time = make_series("iteration_time", METRIC_TREND, name)) != NULL;
    Py_XDECREF(name);
    return is_good ? 0 : -1;
}
