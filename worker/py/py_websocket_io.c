// SPDX-License-Identifier: MIT
/* How greenlets wait for a WebSocket, and what they send and get. */
#define PY_SSIZE_T_CLEAN
#include "worker/py/py_websocket.h"

#include <stddef.h>

#include "common/base/clk.h"

/* ---- waiting -------------------------------------------------------------------------------- */

static void on_late(struct deadline *d)
{
    struct wait *w = (struct wait *)((char *)d - offsetof(struct wait, deadline));
    w->is_late = true;
    hub_wake(&w->park);
}

void websocket_event(void *arg, unsigned what)
{
    struct websocket *s = arg;
    if (what & (WS_ARRIVED | WS_OVER | WS_GONE) && s->reading.is_on)
        hub_wake(&s->reading.park);
    if (what & (WS_SENT_ALL | WS_OVER | WS_GONE) && s->writing.is_on)
        hub_wake(&s->writing.park);
    if (what & WS_GONE && s->leaving.is_on)
        hub_wake(&s->leaving.park);
    if (what & (WS_PONGED | WS_OVER | WS_GONE) && s->session)
        hub_ready(&s->news);
}

static void wait_begin(struct websocket *s, struct wait *w, double seconds)
{
    w->is_late = false;
    if (seconds >= 0) {
        const double ms = seconds * 1000;
        w->deadline.fire = on_late;
        deadline_set(ws_deadlines(s->ws), &w->deadline,
                     ms < 1                    ? 1
                     : ms < (double)UINT32_MAX ? (uint32_t)(ms + 0.999)
                                               : UINT32_MAX,
                     clk_mono_ns());
    }
}

int websocket_wait_once(struct wait *w)
{
    w->is_on = true;
    const int rc = hub_park(&w->park);
    w->is_on = false;
    return rc;
}

int websocket_is_free(const struct wait *w)
{
    if (!w->is_on)
        return 0;
    hub_raise("ConcurrentObjectUseError", "another greenlet is waiting for this WebSocket already");
    return -1;
}

/* Until there is a message, or none will come. */
static struct ws_message *wait_message(struct websocket *s, double seconds)
{
    struct wait *w = &s->reading;
    struct ws_message *m = NULL;
    if (websocket_is_free(w) < 0)
        return NULL;
    wait_begin(s, w, seconds);
    int rc = 0;
    while (rc == 0 && !(m = ws_take(s->ws))) {
        if (ws_end(s->ws)->why != WS_IS_OPEN)
            rc = websocket_raise_end(s);
        else if (w->is_late)
            rc = websocket_raise(
                PyObject_CallFunction(ws_glue.timeout_error, "s", "Connection timed out"));
        else
            rc = websocket_wait_once(w);
    }
    deadline_clear(&w->deadline);
    return m;
}

struct ws_message *websocket_next(struct websocket *s, double seconds)
{
    struct ws_message *m = s->ws ? ws_take(s->ws) : NULL;
    if (!m && !s->ws)
        websocket_raise_end(s);
    if (!m && s->ws)
        m = wait_message(s, seconds);
    if (m)
        s->arrived_ns = m->arrived_ns;
    if (m && m->opcode < WS_CLOSE && !m->was_taken && s->session &&
        websocket_count(s, false, m->len, m->wire_bytes) < 0) {
        ws_message_free(m);
        m = NULL;
    }
    return m;
}

/* ---- sending -------------------------------------------------------------------------------- */

#define WAITING_MAX (1u << 20) /* bytes, while another greenlet waits for them to be sent */

static int wait_sent(struct websocket *s)
{
    struct wait *w = &s->writing;
    int rc = 0;
    if (w->is_on) /* it waits for these bytes as well */
        return ws_unsent(s->ws) <= WAITING_MAX
                   ? 0
                   : websocket_raise(PyObject_CallFunction(ws_glue.busy_error, "n",
                                                           (Py_ssize_t)ws_unsent(s->ws)));
    wait_begin(s, w, s->timeout);
    while (rc == 0 && ws_is_sending(s->ws)) {
        if (w->is_late)
            rc = websocket_raise(
                PyObject_CallFunction(ws_glue.timeout_error, "s", "sending timed out"));
        else
            rc = websocket_wait_once(w);
    }
    deadline_clear(&w->deadline);
    if (rc == 0 && ws_end(s->ws)->why != WS_IS_OPEN)
        rc = websocket_raise_end(s);
    return rc;
}

int websocket_send(struct websocket *s, enum ws_opcode opcode, bool is_last, const char *bytes,
                   size_t len)
{
    if (!s->ws)
        return websocket_raise_end(s);
    const uint64_t before = ws_numbers(s->ws).sent_bytes;
    switch (ws_send(s->ws, opcode, is_last, bytes, len)) {
    case WS_WAITING:
        if (wait_sent(s) < 0)
            return -1;
        break;
    case WS_UNSENT:
        return websocket_raise_end(s);
    case WS_WRITTEN:
        break;
    }
    if (s->session && is_last && !ws_is_control(opcode))
        return websocket_count(s, true, len, ws_numbers(s->ws).sent_bytes - before);
    return 0;
}

int websocket_bytes(PyObject *data, Py_buffer *view, const char **bytes, size_t *len, bool *is_text)
{
    Py_ssize_t n = 0;
    view->obj = NULL;
    *is_text = PyUnicode_Check(data);
    if (*is_text) {
        *bytes = PyUnicode_AsUTF8AndSize(data, &n);
        *len = (size_t)n;
        return *bytes ? 0 : -1;
    }
    if (PyObject_GetBuffer(data, view, PyBUF_SIMPLE) < 0)
        return -1;
    *bytes = view->buf;
    *len = (size_t)view->len;
    return 0;
}

/* ---- receiving ------------------------------------------------------------------------------ */

PyObject *websocket_object(const struct ws_message *m)
{
    if (m->opcode == WS_TEXT)
        return PyUnicode_DecodeUTF8(m->bytes, (Py_ssize_t)m->len, "strict");
    return PyBytes_FromStringAndSize(m->bytes, (Py_ssize_t)m->len);
}

int websocket_seconds(PyObject *value, double *seconds)
{
    if (!value || value == Py_None) {
        *seconds = -1;
        return 0;
    }
    *seconds = PyFloat_AsDouble(value);
    if (*seconds == -1 && PyErr_Occurred())
        return -1;
    if (*seconds >= 0)
        return 0;
    PyErr_SetString(PyExc_ValueError, "a time limit is a number of seconds");
    return -1;
}
