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
#include <stdio.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/metric/stats.h"
#include "common/wire/pack.h"
#include "worker/proto/mask.h"

#define HEADERS_MAX 64 /* of a sample */

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
#define VALUE_MAX 1024
#define URL_MAX 4096

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

/* nil for NULL. */
static void pack_masked(struct sbuf *out, const char *text, size_t len)
{
    struct sbuf masked = {0};
    if (!text) {
        pack_nil(out);
        return;
    }
    mask_text(&masked, text, len);
    pack_chars(out, masked.data, masked.len);
    sbuf_fini(&masked);
}

static void pack_body(struct sbuf *out, const char *body, size_t len, size_t max)
{
    if (body && memchr(body, 0, len < max ? len : max)) {
        char what[64];
        snprintf(what, sizeof what, "(%zu bytes that are no text)", len);
        pack_text(out, what);
        return;
    }
    pack_masked(out, body, len < max ? len : max);
}

static void pack_header(struct sbuf *out, const char *name, size_t name_len, const char *value,
                        size_t value_len)
{
    pack_array(out, 2);
    pack_chars(out, name, name_len < VALUE_MAX ? name_len : VALUE_MAX);
    if (mask_is_secret(name, name_len))
        pack_text(out, MASKED);
    else
        pack_masked(out, value, value_len < VALUE_MAX ? value_len : VALUE_MAX);
}

static void pack_asked_headers(struct sbuf *out, const struct response *r)
{
    const uint32_t all = r->asked ? r->asked->count : 0;
    const uint32_t count = all < HEADERS_MAX ? all : HEADERS_MAX;
    pack_array(out, count);
    for (uint32_t i = 0; i < count; i++) {
        char number[ASKED_NUMBER];
        const struct fetch_header h = asked_header(r, i, number);
        pack_header(out, h.name, h.name_len, h.value, h.value_len);
    }
}

static void pack_received_headers(struct sbuf *out, const struct fetch_response *got)
{
    const size_t count = !got                              ? 0
                         : got->header_count < HEADERS_MAX ? got->header_count
                                                           : HEADERS_MAX;
    pack_array(out, count);
    for (size_t i = 0; i < count; i++) {
        const struct fetch_header *h = &got->headers[i];
        pack_header(out, h->name, h->name_len, h->value, h->value_len);
    }
}

static void pack_object_text(struct sbuf *out, PyObject *object, bool is_masked)
{
    Py_ssize_t len = 0;
    PyObject *str = object ? PyObject_Str(object) : NULL;
    PyObject *bytes = str ? PyUnicode_AsEncodedString(str, "utf-8", "backslashreplace") : NULL;
    char *text = NULL;
    if (!bytes || PyBytes_AsStringAndSize(bytes, &text, &len) < 0) {
        PyErr_Clear();
        pack_nil(out);
    } else if (is_masked) {
        pack_masked(out, text, (size_t)len < URL_MAX ? (size_t)len : URL_MAX);
    } else {
        pack_chars(out, text, (size_t)len < URL_MAX ? (size_t)len : URL_MAX);
    }
    Py_XDECREF(bytes);
    Py_XDECREF(str);
}

static void pack_payload(struct sbuf *out, PyObject *payload, size_t max)
{
    Py_ssize_t len = 0;
    const char *text = NULL;
    if (payload && PyBytes_Check(payload)) {
        text = PyBytes_AS_STRING(payload);
        len = PyBytes_GET_SIZE(payload);
    } else if (payload && PyUnicode_Check(payload)) {
        text = PyUnicode_AsUTF8AndSize(payload, &len);
        if (!text)
            PyErr_Clear();
    }
    pack_body(out, text, (size_t)len, max);
}

static void pack_content(struct sbuf *out, const struct response *r, size_t max)
{
    if (r->content && PyBytes_Check(r->content))
        pack_body(out, PyBytes_AS_STRING(r->content), (size_t)PyBytes_GET_SIZE(r->content), max);
    else if (r->got && r->got->body)
        pack_body(out, r->got->body, r->got->body_len, max);
    else
        pack_nil(out);
}

static void pack_phases(struct sbuf *out, const struct response *r)
{
    static const char *const names[PHASES] = {"queue", "dns",  "connect", "tls",
                                              "send",  "wait", "receive"};
    struct measures measures;
    measure_response(r, r->duration_ns / 1000, &measures);
    pack_map(out, PHASES);
    for (unsigned p = 0; p < PHASES; p++) {
        pack_text(out, names[p]);
        pack_number(out, (double)measures.extra.phase_us[p] / 1000);
    }
}

void measure_sample(struct response *r, const char *kind, const char *error, size_t body_max,
                    struct sbuf *out)
{
    char trace[TRACE_ID_ROOM];
    PyObject *url = response_url(r);
    PyErr_Clear();
    py_trace_id(r, trace);
    pack_map(out, 15);
    pack_text(out, "at");
    pack_number(out, measure_steady_start(r));
    pack_text(out, "kind");
    pack_text(out, kind);
    pack_text(out, "user");
    pack_text(out,
              r->session && is_given(r->session->user) ? Py_TYPE(r->session->user)->tp_name : "");
    pack_text(out, "method");
    pack_object_text(out, r->method, false);
    pack_text(out, "name");
    pack_object_text(out, r->name, false);
    pack_text(out, "url");
    pack_object_text(out, url, true);
    Py_XDECREF(url);
    pack_text(out, "status");
    pack_whole(out, r->status > 0 ? (uint64_t)r->status : 0);
    pack_text(out, "time_ms");
    pack_number(out, (double)r->duration_ns / 1e6);
    pack_text(out, "phases");
    pack_phases(out, r);
    pack_text(out, "request_headers");
    pack_asked_headers(out, r);
    pack_text(out, "request_body");
    pack_payload(out, r->payload, body_max);
    pack_text(out, "response_headers");
    pack_received_headers(out, r->got);
    pack_text(out, "response_body");
    pack_content(out, r, body_max);
    pack_text(out, "trace");
    pack_text(out, *trace ? trace : NULL);
    pack_text(out, "error");
    pack_text(out, error);
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
