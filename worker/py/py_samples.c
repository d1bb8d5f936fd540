// SPDX-License-Identifier: MIT
/* A row's list of slowest times lies beside the statistics, found by the row's address, and gives
 * the row its threshold (notice_us). What is kept waits as msgpack, the oldest making room. */
#include "worker/py/py_samples.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/metric/stats.h"
#include "worker/py/py_client_record.h"
#include "worker/py/py_sample.h"
#include "worker/py/py_stats.h"

#include <stdlib.h>
#include <string.h>

#define SLOWEST 10           /* per row */
#define FAILED_PER_REPORT 10 /* samples */
#define SLOW_PER_REPORT 6
#define WAITING_MAX 200
#define BYTES_PER_REPORT (192u * 1024)

struct slowest {
    struct tally *row;
    uint64_t us[SLOWEST]; /* the least first */
    unsigned count;
};

static struct {
    struct map slowest;
    struct sbuf waiting[WAITING_MAX]; /* a ring; each one sample */
    unsigned first, count;
    unsigned failed_left, slow_left; /* until the next report */
} the = {.failed_left = FAILED_PER_REPORT, .slow_left = SLOW_PER_REPORT};

static uint64_t hash_of(const struct tally *row)
{
    return map_hash(0, &row, sizeof row);
}

static bool is_of_row(const void *value, const void *key)
{
    return ((const struct slowest *)value)->row == key;
}

static struct slowest *slowest_of(struct tally *row)
{
    struct slowest *s = map_find(&the.slowest, hash_of(row), is_of_row, row);
    if (!s) {
        s = mem_zalloc(sizeof *s);
        s->row = row;
        map_add(&the.slowest, hash_of(row), s);
    }
    return s;
}

static void remember(struct tally *row, uint64_t time_us)
{
    struct slowest *s = slowest_of(row);
    if (s->count == SLOWEST)
        memmove(s->us, s->us + 1, --s->count * sizeof *s->us);
    unsigned at = s->count++;
    for (; at > 0 && s->us[at - 1] > time_us; at--)
        s->us[at] = s->us[at - 1];
    s->us[at] = time_us;
    if (s->count == SLOWEST)
        row->notice_us = s->us[0];
}

void py_samples_forget(void)
{
    for (size_t i = 0; i < the.slowest.cap; i++) {
        struct slowest *s = the.slowest.slots[i].value;
        if (s)
            s->row->notice_us = 0;
        free(s);
    }
    map_clear(&the.slowest);
    while (the.count) {
        sbuf_fini(&the.waiting[the.first]);
        the.first = (the.first + 1) % WAITING_MAX;
        the.count--;
    }
}

static void wait_in_line(struct sbuf *sample)
{
    if (the.count == WAITING_MAX) {
        sbuf_fini(&the.waiting[the.first]);
        the.first = (the.first + 1) % WAITING_MAX;
        the.count--;
    }
    the.waiting[(the.first + the.count++) % WAITING_MAX] = *sample;
}

bool py_samples_want(const struct py_stats *stats, const struct py_stats_request *q)
{
    return (q->failure ? the.failed_left && q->new : the.slow_left && q->slow_row) &&
           py_stats_is_reported(stats);
}

static const char *kind_of(const struct py_stats_request *q)
{
    return q->failure ? "failed" : "slow";
}

static void keep(struct sbuf *sample, const struct py_stats_request *q)
{
    --*(q->failure ? &the.failed_left : &the.slow_left);
    wait_in_line(sample);
    if (!q->failure)
        remember(q->slow_row, q->time_us);
}

void py_samples_note(struct response *r, const struct py_stats_request *q)
{
    if (!py_samples_want(session_stats(r->session), q))
        return;
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    struct sbuf sample = {0};
    measure_sample(r, kind_of(q), q->new ? q->new->text : NULL, SAMPLE_BODY_MOST, &sample);
    keep(&sample, q);
    PyErr_Restore(type, value, trace); /* in place of what went wrong here */
}

void py_samples_keep(struct sample *s, const struct py_stats_request *q)
{
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    struct sbuf sample = {0};
    s->kind = kind_of(q);
    s->error = q->new ? q->new->text : NULL;
    sample_pack(s, SAMPLE_BODY_MOST, &sample);
    keep(&sample, q);
    PyErr_Restore(type, value, trace);
}

void py_samples_note_check(struct response *r, const char *text)
{
    if (!the.failed_left || !r->session || !py_stats_is_reported(session_stats(r->session)))
        return;
    struct sbuf sample = {0};
    measure_sample(r, "failed", text, SAMPLE_BODY_MOST, &sample);
    the.failed_left--;
    wait_in_line(&sample);
}

/* samples() → a msgpack array of what was kept since the last call, or None. */
static PyObject *samples(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    the.failed_left = FAILED_PER_REPORT;
    the.slow_left = SLOW_PER_REPORT;
    if (!the.count)
        Py_RETURN_NONE;
    struct sbuf all = {0};
    unsigned taken = 0;
    for (; taken < the.count && all.len < BYTES_PER_REPORT; taken++) {
        struct sbuf *one = &the.waiting[(the.first + taken) % WAITING_MAX];
        sbuf_add(&all, one->data, one->len);
        sbuf_fini(one);
    }
    the.first = (the.first + taken) % WAITING_MAX;
    the.count -= taken;
    const char head[] = {'\xdc', (char)(taken >> 8), (char)taken}; /* array of that many */
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(sizeof head + all.len));
    if (bytes) {
        memcpy(PyBytes_AS_STRING(bytes), head, sizeof head);
        memcpy(PyBytes_AS_STRING(bytes) + sizeof head, all.data, all.len);
    }
    sbuf_fini(&all);
    return bytes;
}

static PyMethodDef functions[] = {
    {"samples", samples, METH_NOARGS,
     "What was kept since the last call as a msgpack array of samples, or None."},
    {NULL, NULL, 0, NULL},
};

int py_samples_init(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
