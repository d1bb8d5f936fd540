// SPDX-License-Identifier: MIT
/* What is known of a call beyond its time: bytes, phases, and, for the few calls that are written
 * down, everything that was sent and received.
 *
 * A call that followed redirects is one request for the statistics: the bytes and phases of its
 * hops are added up. What no exchange accounts for (Python of the plain road) is in the queue
 * phase, so that the phases of a request are always its whole time.
 */
#include "worker/py/py_client_record.h"

#include <assert.h>

#include "common/base/clk.h"
#include "common/metric/stats.h"
#include "worker/py/py_sample.h"

static double seconds_ago(struct response *r)
{
    const struct fetch_response *got = r->got;
    if (r->history && PyList_CheckExact(r->history) && PyList_GET_SIZE(r->history)) {
        PyObject *first = PyList_GET_ITEM(r->history, 0);
        if (PyObject_TypeCheck(first, response_type))
            got = ((struct response *)first)->got;
    }
    return got ? (double)(clk_mono_ns() - got->times.start) / 1e9 : (double)r->duration_ns / 1e9;
}

double measure_wall_start(struct response *r)
{
    return clk_wall() - seconds_ago(r);
}

double measure_steady_start(struct response *r)
{
    return clk_steady() - seconds_ago(r);
}

static_assert((int)PHASE_QUEUE == FETCH_PHASE_QUEUE && (int)PHASE_RECEIVE == FETCH_PHASE_RECEIVE &&
                  (int)PHASES == FETCH_PHASES,
              "the statistics' phases are those of an exchange");

static void add_exchange(const struct response *r, struct tally_extra *extra)
{
    const struct fetch_response *got = r->got;
    if (!got)
        return;
    fetch_phases(&got->times, r->ended_ns, extra->phase_us);
    extra->sent_bytes += got->sent_bytes;
    extra->received_bytes += got->head_len + got->wire_body_len;
}

static void add_hops(const struct response *r, struct tally_extra *extra)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(r->history); i++) {
        PyObject *hop = PyList_GET_ITEM(r->history, i);
        if (PyObject_TypeCheck(hop, response_type))
            add_exchange((const struct response *)hop, extra);
    }
}

static unsigned status_class(const struct response *r)
{
    if (r->status < 100 || (r->got && r->got->error != FETCH_OK))
        return 0;
    return r->status < 600 ? (unsigned)r->status / 100 : 5;
}

void measure_response(const struct response *r, uint64_t time_us, struct measures *measures)
{
    struct tally_extra *extra = &measures->extra;
    measures_init(measures);
    extra->phased = 1;
    extra->status[status_class(r)] = 1;
    add_exchange(r, extra);
    if (r->history && PyList_CheckExact(r->history))
        add_hops(r, extra);
    uint64_t known_us = 0;
    for (unsigned p = 0; p < PHASES; p++)
        known_us += extra->phase_us[p];
    if (time_us != STATS_NO_TIME && time_us > known_us)
        extra->phase_us[PHASE_QUEUE] += time_us - known_us;
    if (r->got && r->got->times.first_byte)
        measures->part_us[PART_wait] = extra->phase_us[PHASE_WAIT];
}

/* ---- samples -------------------------------------------------------------------------------- */

static void take_asked(struct sample *s, const struct response *r,
                       struct fetch_header list[SAMPLE_HEADERS_MOST], char number[ASKED_NUMBER])
{
    const uint32_t all = r->asked ? r->asked->count : 0;
    const uint32_t count = all < SAMPLE_HEADERS_MOST ? all : SAMPLE_HEADERS_MOST;
    for (uint32_t i = 0; i < count; i++)
        list[i] = asked_header(r, i, number);
    s->asked = (struct sample_headers){list, count};
}

static void take_payload(struct sample *s, PyObject *payload)
{
    Py_ssize_t len = 0;
    if (payload && PyBytes_Check(payload)) {
        s->sent =
            (struct sample_text){PyBytes_AS_STRING(payload), (size_t)PyBytes_GET_SIZE(payload)};
    } else if (payload && PyUnicode_Check(payload)) {
        const char *text = PyUnicode_AsUTF8AndSize(payload, &len);
        if (!text)
            PyErr_Clear();
        s->sent = (struct sample_text){text, (size_t)len};
    }
}

static void take_answer(struct sample *s, const struct response *r)
{
    const struct fetch_response *got = r->got;
    if (got) {
        s->received = (struct sample_headers){got->headers, got->header_count};
        s->trailers = (struct sample_headers){got->trailers, got->trailer_count};
    }
    if (r->content && PyBytes_Check(r->content))
        s->answer = (struct sample_text){PyBytes_AS_STRING(r->content),
                                         (size_t)PyBytes_GET_SIZE(r->content)};
    else if (got && got->body)
        s->answer = (struct sample_text){got->body, got->body_len};
}

void measure_sample(struct response *r, const char *kind, const char *error, size_t body_max,
                    struct sbuf *out)
{
    char trace[TRACE_ID_ROOM], number[ASKED_NUMBER];
    struct fetch_header asked[SAMPLE_HEADERS_MOST];
    struct measures measures;
    PyObject *url = response_url(r);
    PyErr_Clear();
    py_trace_id(r, trace);
    measure_response(r, r->duration_ns / 1000, &measures);
    struct sample s = {.kind = kind,
                       .error = error,
                       .trace = *trace ? trace : NULL,
                       .user = r->session ? r->session->user : NULL,
                       .method = r->method,
                       .name = r->name,
                       .url = url,
                       .at = measure_steady_start(r),
                       .time_ns = r->duration_ns,
                       .status = r->status,
                       .measures = &measures};
    take_asked(&s, r, asked, number);
    take_payload(&s, r->payload);
    take_answer(&s, r);
    sample_pack(&s, body_max, out);
    Py_XDECREF(url);
}

/* describe(response, error or None, body_max) → a sample as msgpack. */
static PyObject *describe(PyObject *module, PyObject *args)
{
    struct response *r;
    const char *error;
    Py_ssize_t body_max;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!zn:describe", response_type, &r, &error, &body_max))
        return NULL;
    struct sbuf out = {0};
    measure_sample(r, error ? "failed" : "done", error, body_max > 0 ? (size_t)body_max : 0, &out);
    PyObject *bytes = PyBytes_FromStringAndSize(out.data, (Py_ssize_t)out.len);
    sbuf_fini(&out);
    return bytes;
}

int measure_init(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"describe", describe, METH_VARARGS,
         "describe(response, error, body_max): what was sent and received, as msgpack."},
        {NULL, NULL, 0, NULL},
    };
    return PyModule_AddFunctions(module, functions);
}
