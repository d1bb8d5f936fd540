// SPDX-License-Identifier: MIT
/* What is known of a call beyond its time: bytes, phases, and, for the few calls that are written
 * down, everything that was sent and received.
 *
 * A call that followed redirects is one request for the statistics: the bytes and phases of its
 * hops are added up. What no exchange accounts for (Python of the plain road) is in the queue
 * phase, so that the phases of a request are always its whole time.
 */
#include "worker/py/py_client.h"

#include <msgpack.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/stats/stats.h"
#include "common/wire/report_parts.h"
#include "worker/http/mask.h"

#define HEADERS_MAX 64 /* of a sample */
#define VALUE_MAX 1024
#define URL_MAX 4096

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

void measure_response(const struct response *r, uint64_t time_us, struct tally_extra *extra)
{
    *extra = (struct tally_extra){.phased = 1};
    extra->status[status_class(r)] = 1;
    add_exchange(r, extra);
    if (r->history && PyList_CheckExact(r->history))
        add_hops(r, extra);
    uint64_t known_us = 0;
    for (unsigned p = 0; p < PHASES; p++)
        known_us += extra->phase_us[p];
    if (time_us != STATS_NO_TIME && time_us > known_us)
        extra->phase_us[PHASE_QUEUE] += time_us - known_us;
}

/* ---- samples -------------------------------------------------------------------------------- */

static void pack_key(msgpack_packer *pk, const char *key)
{
    report_pack_text(pk, key);
}

static void pack_bytes(msgpack_packer *pk, const char *text, size_t len)
{
    msgpack_pack_str(pk, len);
    if (len)
        msgpack_pack_str_body(pk, text, len);
}

/* nil for NULL. */
static void pack_masked(msgpack_packer *pk, const char *text, size_t len)
{
    struct sbuf masked = {0};
    if (!text) {
        msgpack_pack_nil(pk);
        return;
    }
    mask_text(&masked, text, len);
    pack_bytes(pk, masked.data, masked.len);
    sbuf_fini(&masked);
}

static void pack_body(msgpack_packer *pk, const char *body, size_t len, size_t max)
{
    if (body && memchr(body, 0, len < max ? len : max)) {
        char what[64];
        snprintf(what, sizeof what, "(%zu bytes that are no text)", len);
        report_pack_text(pk, what);
        return;
    }
    pack_masked(pk, body, len < max ? len : max);
}

static void pack_header(msgpack_packer *pk, const char *name, size_t name_len, const char *value,
                        size_t value_len)
{
    msgpack_pack_array(pk, 2);
    pack_bytes(pk, name, name_len < VALUE_MAX ? name_len : VALUE_MAX);
    if (mask_is_secret(name, name_len))
        report_pack_text(pk, MASKED);
    else
        pack_masked(pk, value, value_len < VALUE_MAX ? value_len : VALUE_MAX);
}

/* The header lines of a head that was sent, behind its first line. */
static void pack_sent_headers(msgpack_packer *pk, const char *head, size_t len)
{
    const char *ends[HEADERS_MAX + 1];
    size_t count = 0;
    for (const char *at = head; at && count <= HEADERS_MAX;) {
        const char *end = memmem(at, len - (size_t)(at - head), "\r\n", 2);
        if (!end || (count && end == at))
            break;
        ends[count++] = end;
        at = end + 2;
    }
    msgpack_pack_array(pk, count ? count - 1 : 0);
    for (size_t i = 1; i < count; i++) {
        const char *line = ends[i - 1] + 2;
        const char *colon = memchr(line, ':', (size_t)(ends[i] - line));
        const char *name_end = colon ? colon : ends[i];
        const char *value = colon ? colon + 1 : ends[i];
        while (value < ends[i] && *value == ' ')
            value++;
        pack_header(pk, line, (size_t)(name_end - line), value, (size_t)(ends[i] - value));
    }
}

static void pack_received_headers(msgpack_packer *pk, const struct fetch_response *got)
{
    const size_t count = !got                              ? 0
                         : got->header_count < HEADERS_MAX ? got->header_count
                                                           : HEADERS_MAX;
    msgpack_pack_array(pk, count);
    for (size_t i = 0; i < count; i++) {
        const struct fetch_header *h = &got->headers[i];
        pack_header(pk, h->name, h->name_len, h->value, h->value_len);
    }
}

static void pack_object_text(msgpack_packer *pk, PyObject *object, bool is_masked)
{
    Py_ssize_t len = 0;
    PyObject *str = object ? PyObject_Str(object) : NULL;
    PyObject *bytes = str ? PyUnicode_AsEncodedString(str, "utf-8", "backslashreplace") : NULL;
    char *text = NULL;
    if (!bytes || PyBytes_AsStringAndSize(bytes, &text, &len) < 0) {
        PyErr_Clear();
        msgpack_pack_nil(pk);
    } else if (is_masked) {
        pack_masked(pk, text, (size_t)len < URL_MAX ? (size_t)len : URL_MAX);
    } else {
        pack_bytes(pk, text, (size_t)len < URL_MAX ? (size_t)len : URL_MAX);
    }
    Py_XDECREF(bytes);
    Py_XDECREF(str);
}

static void pack_payload(msgpack_packer *pk, PyObject *payload, size_t max)
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
    pack_body(pk, text, (size_t)len, max);
}

static void pack_content(msgpack_packer *pk, const struct response *r, size_t max)
{
    if (r->content && PyBytes_Check(r->content))
        pack_body(pk, PyBytes_AS_STRING(r->content), (size_t)PyBytes_GET_SIZE(r->content), max);
    else if (r->got && r->got->body)
        pack_body(pk, r->got->body, r->got->body_len, max);
    else
        msgpack_pack_nil(pk);
}

static void pack_phases(msgpack_packer *pk, const struct response *r)
{
    static const char *const names[PHASES] = {"queue", "dns",  "connect", "tls",
                                              "send",  "wait", "receive"};
    struct tally_extra extra;
    measure_response(r, r->duration_ns / 1000, &extra);
    msgpack_pack_map(pk, PHASES);
    for (unsigned p = 0; p < PHASES; p++) {
        pack_key(pk, names[p]);
        msgpack_pack_double(pk, (double)extra.phase_us[p] / 1000);
    }
}

void measure_sample(struct response *r, const char *kind, const char *error, size_t body_max,
                    struct sbuf *out)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, report_to_sbuf);
    PyObject *url = response_url(r);
    PyErr_Clear();
    msgpack_pack_map(&pk, 14);
    pack_key(&pk, "at");
    msgpack_pack_double(&pk, record_wall_start(r));
    pack_key(&pk, "kind");
    report_pack_text(&pk, kind);
    pack_key(&pk, "user");
    report_pack_text(
        &pk, r->session && is_given(r->session->user) ? Py_TYPE(r->session->user)->tp_name : "");
    pack_key(&pk, "method");
    pack_object_text(&pk, r->method, false);
    pack_key(&pk, "name");
    pack_object_text(&pk, r->name, false);
    pack_key(&pk, "url");
    pack_object_text(&pk, url, true);
    Py_XDECREF(url);
    pack_key(&pk, "status");
    msgpack_pack_int(&pk, r->status > 0 ? r->status : 0);
    pack_key(&pk, "time_ms");
    msgpack_pack_double(&pk, (double)r->duration_ns / 1e6);
    pack_key(&pk, "phases");
    pack_phases(&pk, r);
    pack_key(&pk, "request_headers");
    pack_sent_headers(&pk, r->sent, r->sent_len);
    pack_key(&pk, "request_body");
    pack_payload(&pk, r->payload, body_max);
    pack_key(&pk, "response_headers");
    pack_received_headers(&pk, r->got);
    pack_key(&pk, "response_body");
    pack_content(&pk, r, body_max);
    pack_key(&pk, "error");
    if (error)
        report_pack_text(&pk, error);
    else
        msgpack_pack_nil(&pk);
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
