// SPDX-License-Identifier: MIT
/* The client's part of _katydid: its types and functions, and what pylib binds into it.
 *
 * pylib calls bind_client(module) once, with the module that holds the Python functions and
 * classes named in GLUE_NAMES. Until then sessions cannot be made.
 */
#include "worker/py/py_client.h"
#include "common/base/addresses.h"
#include "worker/proto/sources.h"
#include "worker/py/py_client_glue.h"
#include "worker/py/py_client_record.h"
#include "worker/py/py_series.h"

#include <stdlib.h>

PyObject *client_hold;

static PyObject *bind_client(PyObject *module, PyObject *source)
{
    (void)module;
    if (glue_bind(source) < 0)
        return NULL;
    session_bound();
    Py_RETURN_NONE;
}

static PyObject *hold_requests(PyObject *module, PyObject *wait)
{
    (void)module;
    Py_XSETREF(client_hold, wait == Py_None ? NULL : Py_NewRef(wait));
    Py_RETURN_NONE;
}

static PyObject *client_counters(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    struct fetch_engine *engine = site_engine();
    if (!engine)
        return NULL;
    const struct fetch_counters c = fetch_engine_counters(engine);
    return Py_BuildValue("{sKsKsKsKsK}", "connections_opened", c.connections_opened,
                         "connections_reused", c.connections_reused, "connections_open",
                         c.connections_open, "dns_lookups", c.dns_lookups, "tls_resumed",
                         c.tls_resumed);
}

static PyObject *is_loop_thread(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyBool_FromLong(hub_base() && site_is_loop_thread());
}

static PyObject *source_addresses(PyObject *self, PyObject *args)
{
    const char *text;
    unsigned first;
    char *why = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "sI", &text, &first) || !site_engine())
        return NULL;
    struct addresses *list = addresses_read(text, &why);
    if (!list) {
        PyErr_SetString(PyExc_ValueError, why);
        free(why);
        return NULL;
    }
    fetch_engine_set_sources(site_engine(), list, first);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"bind_client", bind_client, METH_O, "Binds the Python half of the HTTP clients."},
    {"exchange", (PyCFunction)(void (*)(void))exchange_call, METH_VARARGS | METH_KEYWORDS,
     "Sends one prepared request; returns its response."},
    {"is_loop_thread", is_loop_thread, METH_NOARGS, "Whether the clients can send from here."},
    {"hold_requests", hold_requests, METH_O,
     "hold_requests(wait): calls wait(user of the session, or None) before each request; "
     "None: no more."},
    {"discard_bodies", exchange_discard_bodies, METH_O,
     "discard_bodies(whether): of requests that do not say so themselves."},
    {"source_addresses", source_addresses, METH_VARARGS,
     "source_addresses(list, first): the addresses connections come from; the next pool has that "
     "number."},
    {"client_counters", client_counters, METH_NOARGS, "Connection counters of this process."},
    {NULL, NULL, 0, NULL},
};

int py_client_init(PyObject *module)
{
    record_hook_events();
    py_series_before_report(client_count_http2);
    if (call_init() < 0 || session_init(module) < 0 || response_init(module) < 0 ||
        measure_init(module) < 0 || events_init(module) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
