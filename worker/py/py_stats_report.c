// SPDX-License-Identifier: MIT
/* py_stats_report: what was counted since the last report, as bytes for the master.
 *
 * What is in a report counts as sent when the bytes exist; where there is no memory for them the
 * next report has it all. That they arrive is the caller's to see to (pylib/locust/_reports.py).
 */
#include "worker/py/py_stats_parts.h"

#include "common/base/sbuf.h"
#include "common/wire/report.h"

static PyObject *bytes_of(struct sbuf *packed)
{
    PyObject *bytes = PyBytes_FromStringAndSize(packed->data, (Py_ssize_t)packed->len);
    sbuf_fini(packed);
    return bytes;
}

static PyObject *take_report(struct py_stats *s, struct stats *table, struct sbuf *packed)
{
    PyObject *bytes = bytes_of(packed);
    if (bytes) /* else the next report has it all */
        py_stats_sent(s, table);
    return bytes;
}

static PyObject *report_method(PyObject *self, PyObject *unused)
{
    struct py_stats *s = (struct py_stats *)self;
    struct stats *table = py_stats_unsent(s);
    struct sbuf packed = {0};
    (void)unused;
    report_pack(table, &packed);
    return take_report(s, table, &packed);
}

/* Of all rows there are, new or NULL: the same for many reports. */
static PyObject *all_names(struct py_stats *s, uint32_t report)
{
    struct stats_names *names = &s->names;
    if (!names->bytes || names->last_row != s->live.last_row || names->clears != s->live.clears) {
        struct sbuf packed = {0};
        report_pack_names(&s->live, report, true, &packed);
        Py_XSETREF(names->bytes, bytes_of(&packed));
        names->last_row = s->live.last_row;
        names->clears = s->live.clears;
    }
    return Py_XNewRef(names->bytes);
}

/* (report, names that the master may not know, names of all rows); of the report: its number, and
 * whether the master takes the classes of exceptions. */
static PyObject *report_numbered_method(PyObject *self, PyObject *args)
{
    struct py_stats *s = (struct py_stats *)self;
    struct sbuf packed = {0}, some = {0};
    unsigned long n;
    int has_types;
    if (!PyArg_ParseTuple(args, "kp:report_numbered", &n, &has_types))
        return NULL;
    struct stats *table = py_stats_unsent(s);
    report_pack_numbered(table, &packed);
    if (has_types)
        report_pack_types(table, &packed);
    report_pack_names(table, (uint32_t)n, false, &some);
    PyObject *result = PyTuple_New(3);
    PyObject *parts[] = {bytes_of(&packed), bytes_of(&some), all_names(s, (uint32_t)n)};
    const bool is_made = result && parts[0] && parts[1] && parts[2];
    for (Py_ssize_t i = 0; i < 3; i++)
        if (is_made)
            PyTuple_SET_ITEM(result, i, parts[i]);
        else
            Py_XDECREF(parts[i]);
    if (!is_made) { /* the next report has it all */
        Py_XDECREF(result);
        return NULL;
    }
    py_stats_sent(s, table);
    return result;
}

static PyObject *names_heard_method(PyObject *self, PyObject *number)
{
    struct py_stats *s = (struct py_stats *)self;
    const unsigned long n = PyLong_AsUnsignedLongMask(number);
    if (n == (unsigned long)-1 && PyErr_Occurred())
        return NULL;
    report_names_heard(&s->live, (uint32_t)n);
    if (s->has_unsent)
        report_names_heard(&s->unsent, (uint32_t)n);
    Py_RETURN_NONE;
}

static PyObject *names_forget_method(PyObject *self, PyObject *unused)
{
    struct py_stats *s = (struct py_stats *)self;
    (void)unused;
    report_names_forget(&s->live);
    if (s->has_unsent)
        report_names_forget(&s->unsent);
    Py_RETURN_NONE;
}

static PyObject *report_locust_method(PyObject *self, PyObject *unused)
{
    struct py_stats *s = (struct py_stats *)self;
    struct stats *table = py_stats_unsent(s);
    struct sbuf packed = {0};
    (void)unused;
    sbuf_addc(&packed, '\x83'); /* msgpack: a map of the three pairs that follow */
    report_pack_locust(table, &packed);
    return take_report(s, table, &packed);
}

PyMethodDef py_stats_reports[] = {
    {"report", report_method, METH_NOARGS,
     "What was counted since the last report, as bytes in Katydid's dialect."},
    {"report_numbered", report_numbered_method, METH_VARARGS,
     "report_numbered(number, with_classes) → (the same with numbers for names, names that the "
     "master may not know, names of all rows)"},
    {"names_heard", names_heard_method, METH_O,
     "names_heard(number): the master has the names that came with that report."},
    {"names_forget", names_forget_method, METH_NOARGS,
     "The master is another one, or may be: it is told all names again."},
    {"report_locust", report_locust_method, METH_NOARGS,
     "The same as a msgpack map {stats, stats_total, errors} in Locust's dialect."},
    {NULL, NULL, 0, NULL},
};
