// SPDX-License-Identifier: MIT
#include "worker/py/py_sample.h"

#include <stdio.h>
#include <string.h>

#include "common/metric/stats.h"
#include "common/wire/pack.h"
#include "worker/proto/mask.h"
#include "worker/py/py_client_session.h"

#define VALUE_MAX 1024
#define URL_MAX 4096

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

static size_t at_most(size_t count, size_t most)
{
    return count < most ? count : most;
}

static void pack_list(struct sbuf *out, const struct fetch_header *list, size_t count)
{
    for (const struct fetch_header *h = list; h < list + count; h++)
        pack_header(out, h->name, h->name_len, h->value, h->value_len);
}

/* Headers, and the trailers behind them. */
static void pack_headers(struct sbuf *out, struct sample_headers headers,
                         struct sample_headers trailers)
{
    const size_t first = at_most(headers.count, SAMPLE_HEADERS_MOST);
    const size_t then = at_most(trailers.count, SAMPLE_HEADERS_MOST - first);
    pack_array(out, first + then);
    pack_list(out, headers.list, first);
    pack_list(out, trailers.list, then);
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

static void pack_phases(struct sbuf *out, const struct measures *measures)
{
    static const char *const names[PHASES] = {"queue", "dns",  "connect", "tls",
                                              "send",  "wait", "receive"};
    pack_map(out, PHASES);
    for (unsigned p = 0; p < PHASES; p++) {
        pack_text(out, names[p]);
        pack_number(out, (double)measures->extra.phase_us[p] / 1000);
    }
}

void sample_pack(const struct sample *s, size_t body_most, struct sbuf *out)
{
    pack_map(out, 15);
    pack_text(out, "at");
    pack_number(out, s->at);
    pack_text(out, "kind");
    pack_text(out, s->kind);
    pack_text(out, "user");
    pack_text(out, is_given(s->user) ? Py_TYPE(s->user)->tp_name : "");
    pack_text(out, "method");
    pack_object_text(out, s->method, false);
    pack_text(out, "name");
    pack_object_text(out, s->name, false);
    pack_text(out, "url");
    pack_object_text(out, s->url, true);
    pack_text(out, "status");
    pack_whole(out, s->status > 0 ? (uint64_t)s->status : 0);
    pack_text(out, "time_ms");
    pack_number(out, (double)s->time_ns / 1e6);
    pack_text(out, "phases");
    pack_phases(out, s->measures);
    pack_text(out, "request_headers");
    pack_headers(out, s->asked, (struct sample_headers){NULL, 0});
    pack_text(out, "request_body");
    pack_body(out, s->sent.bytes, s->sent.len, body_most);
    pack_text(out, "response_headers");
    pack_headers(out, s->received, s->trailers);
    pack_text(out, "response_body");
    pack_body(out, s->answer.bytes, s->answer.len, body_most);
    pack_text(out, "trace");
    pack_text(out, s->trace);
    pack_text(out, "error");
    pack_text(out, s->error);
}
