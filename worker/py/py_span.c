// SPDX-License-Identifier: MIT
#include "worker/py/py_span.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/protobuf.h"
#include "common/base/utf8.h"
#include "worker/proto/mask.h"

enum { IN_SCOPE = 2, STATUS_ERROR = 2 };
enum field { /* of Span */
             FIELD_TRACE = 1,
             FIELD_SPAN = 2,
             FIELD_PARENT = 4,
             FIELD_NAME = 5,
             FIELD_KIND = 6,
             FIELD_START = 7,
             FIELD_END = 8,
             FIELD_ATTRIBUTE = 9,
             FIELD_EVENT = 11,
             FIELD_LINK = 13,
             FIELD_STATUS = 15
};
enum value { VALUE_TEXT = 1, VALUE_NUMBER = 3 }; /* fields of AnyValue */

static void put_id(struct sbuf *b, unsigned field, uint64_t first, const uint64_t *second)
{
    unsigned char bytes[16];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(first >> (56 - 8 * i));
        bytes[8 + i] = second ? (unsigned char)(*second >> (56 - 8 * i)) : 0;
    }
    pb_bytes(b, field, bytes, second ? 16 : 8);
}

static void put_text(struct sbuf *b, unsigned field, const char *text, size_t len)
{
    struct sbuf clean = {0};
    utf8_add_clean(&clean, text, len);
    pb_bytes(b, field, clean.data ? clean.data : "", clean.len);
    sbuf_fini(&clean);
}

size_t span_open(struct sbuf *b, const struct trace_mark *mark, enum span_kind kind)
{
    const size_t at = pb_open(b, IN_SCOPE);
    put_id(b, FIELD_TRACE, mark->high, &mark->low);
    put_id(b, FIELD_SPAN, mark->span, NULL);
    if (mark->parent)
        put_id(b, FIELD_PARENT, mark->parent, NULL);
    pb_uint(b, FIELD_KIND, kind);
    return at;
}

void span_close(struct sbuf *b, size_t at)
{
    pb_close(b, at);
}

void span_name(struct sbuf *b, const char *name, size_t len)
{
    put_text(b, FIELD_NAME, name, len);
}

void span_times(struct sbuf *b, uint64_t start_ns, uint64_t end_ns)
{
    pb_fixed64(b, FIELD_START, start_ns);
    pb_fixed64(b, FIELD_END, end_ns);
}

void span_text(struct sbuf *b, const char *key, const char *text, size_t len)
{
    if (!len)
        return;
    const size_t at = pb_open(b, FIELD_ATTRIBUTE);
    pb_bytes(b, 1, key, strlen(key));
    const size_t any = pb_open(b, 2);
    put_text(b, VALUE_TEXT, text, len);
    pb_close(b, any);
    pb_close(b, at);
}

void span_word(struct sbuf *b, const char *key, const char *word)
{
    span_text(b, key, word, strlen(word));
}

void span_number(struct sbuf *b, const char *key, uint64_t number)
{
    const size_t at = pb_open(b, FIELD_ATTRIBUTE);
    pb_bytes(b, 1, key, strlen(key));
    const size_t any = pb_open(b, 2);
    pb_uint(b, VALUE_NUMBER, number);
    pb_close(b, any);
    pb_close(b, at);
}

void span_url(struct sbuf *b, const char *url, size_t len)
{
    struct sbuf masked = {0};
    mask_text(&masked, url, len < SPAN_URL_MOST ? len : SPAN_URL_MOST);
    span_text(b, "url.full", masked.data, masked.len);
    sbuf_fini(&masked);
}

void span_server(struct sbuf *b, const char *authority, size_t len, bool is_tls)
{
    const char *const end = authority + len;
    const char *const bracket = len && *authority == '[' ? memrchr(authority, ']', len) : NULL;
    const char *const from = bracket ? bracket : authority;
    const char *const colon = memrchr(from, ':', (size_t)(end - from));
    const char *const host = authority + (bracket != NULL);
    const char *const host_end = bracket ? bracket : colon ? colon : end;
    uint64_t port = 0;
    for (const char *c = colon ? colon + 1 : end; c < end && *c >= '0' && *c <= '9'; c++)
        port = port * 10 + (uint64_t)(*c - '0');
    span_text(b, "server.address", host, (size_t)(host_end - host));
    span_number(b, "server.port", colon ? port : is_tls ? 443 : 80);
}

void span_event(struct sbuf *b, const char *name, uint64_t at_ns)
{
    const size_t at = pb_open(b, FIELD_EVENT);
    pb_fixed64(b, 1, at_ns);
    pb_bytes(b, 2, name, strlen(name));
    pb_close(b, at);
}

void span_link(struct sbuf *b, const struct trace_mark *to)
{
    const size_t at = pb_open(b, FIELD_LINK);
    put_id(b, 1, to->high, &to->low);
    put_id(b, 2, to->span, NULL);
    pb_close(b, at);
}

void span_failure(struct sbuf *b, const char *failure, size_t len)
{
    struct sbuf masked = {0};
    const size_t at = pb_open(b, FIELD_STATUS);
    mask_text(&masked, failure, len < SPAN_TEXT_MOST ? len : SPAN_TEXT_MOST);
    put_text(b, 2, masked.data ? masked.data : "", masked.len);
    pb_uint(b, 3, STATUS_ERROR);
    pb_close(b, at);
    sbuf_fini(&masked);
}

const char *span_text_of(PyObject *o, size_t *len)
{
    Py_ssize_t size = 0;
    const char *text = o && PyUnicode_Check(o) ? PyUnicode_AsUTF8AndSize(o, &size) : NULL;
    if (!text)
        PyErr_Clear();
    *len = text ? (size_t)size : 0;
    return text ? text : "";
}
