// SPDX-License-Identifier: MIT
/* Headers of a call, and metadata.
 *
 * Calls of a method without metadata of their own, with the same time limit, have the same headers:
 * these are made once, and so is what HTTP/2 makes of them.
 */
#include "worker/py/py_grpc.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "worker/grpc/text.h"

/* Texts are put together first; they must not move under the headers. */
struct spot {
    uint32_t name, name_len, value, value_len;
};
struct making {
    struct sbuf text, spots;
};

static struct spot *next_spot(struct making *m)
{
    sbuf_reserve(&m->spots, sizeof(struct spot));
    struct spot *s = (struct spot *)(void *)(m->spots.data + m->spots.len);
    m->spots.len += sizeof *s;
    *s = (struct spot){.name = (uint32_t)m->text.len};
    return s;
}

static void put(struct making *m, const char *name, const char *value, size_t value_len)
{
    struct spot *s = next_spot(m);
    s->name_len = (uint32_t)strlen(name);
    sbuf_adds(&m->text, name);
    s->value = (uint32_t)m->text.len;
    s->value_len = (uint32_t)value_len;
    sbuf_add(&m->text, value, value_len);
}

static int refuse(PyObject *key, const char *why)
{
    PyErr_Format(PyExc_ValueError, "metadata %R: %s", key, why);
    return -1;
}

static int put_value(struct making *m, struct spot *s, PyObject *key, PyObject *value,
                     bool is_binary)
{
    Py_ssize_t len = 0;
    const char *bytes = NULL;
    if (PyBytes_Check(value)) {
        bytes = PyBytes_AS_STRING(value);
        len = PyBytes_GET_SIZE(value);
    } else if (PyUnicode_Check(value)) {
        bytes = PyUnicode_AsUTF8AndSize(value, &len);
    } else {
        return refuse(key, "a value is str, or bytes");
    }
    if (!bytes)
        return -1;
    if (is_binary)
        grpc_add_base64(&m->text, bytes, (size_t)len);
    else if (grpc_is_value(bytes, (size_t)len))
        sbuf_add(&m->text, bytes, (size_t)len);
    else
        return refuse(key, "a value that is no visible ASCII needs a key that ends in -bin");
    s->value_len = (uint32_t)m->text.len - s->value;
    return 0;
}

static int put_pair(struct making *m, PyObject *pair)
{
    Py_ssize_t len = 0;
    PyObject *parts = PySequence_Fast(pair, "metadata are pairs of key and value");
    if (!parts)
        return -1;
    int rc = -1;
    PyObject *key =
        PySequence_Fast_GET_SIZE(parts) == 2 ? PySequence_Fast_GET_ITEM(parts, 0) : NULL;
    const char *text = key && PyUnicode_Check(key) ? PyUnicode_AsUTF8AndSize(key, &len) : NULL;
    if (!text || !grpc_is_key(text, (size_t)len)) {
        if (!PyErr_Occurred())
            refuse(pair, "a key is lower case, digits, '-', '_' and '.'");
    } else {
        struct spot *s = next_spot(m);
        s->name_len = (uint32_t)len;
        sbuf_add(&m->text, text, (size_t)len);
        s->value = (uint32_t)m->text.len;
        rc = put_value(m, s, key, PySequence_Fast_GET_ITEM(parts, 1),
                       grpc_is_binary(text, (size_t)len));
    }
    Py_DECREF(parts);
    return rc;
}

static int put_metadata(struct making *m, PyObject *metadata)
{
    if (!metadata || metadata == Py_None)
        return 0;
    PyObject *items =
        PyDict_Check(metadata) ? PyDict_Items(metadata) : PySequence_List(metadata); /* new */
    int rc = items ? 0 : -1;
    for (Py_ssize_t i = 0; rc == 0 && i < PyList_GET_SIZE(items); i++)
        rc = put_pair(m, PyList_GET_ITEM(items, i));
    Py_XDECREF(items);
    return rc;
}

static struct grpc_head *head_of(struct making *m)
{
    struct grpc_head *head = mem_zalloc(sizeof *head);
    const struct spot *spots = (const struct spot *)(const void *)m->spots.data;
    head->refs = 1;
    head->count = m->spots.len / sizeof *spots;
    head->headers = mem_zalloc(head->count * sizeof *head->headers);
    head->text = sbuf_take(&m->text);
    for (size_t i = 0; i < head->count; i++)
        head->headers[i] =
            (struct fetch_header){head->text + spots[i].name, head->text + spots[i].value,
                                  spots[i].name_len, spots[i].value_len};
    return head;
}

static bool has_key(const struct making *m, const char *key)
{
    const struct spot *spots = (const struct spot *)(const void *)m->spots.data;
    const size_t count = m->spots.len / sizeof *spots, len = strlen(key);
    for (size_t i = 0; i < count; i++)
        if (spots[i].name_len == len && !memcmp(m->text.data + spots[i].name, key, len))
            return true;
    return false;
}

/* Unless the script has one. */
static bool put_trace(struct making *m, const struct trace_mark *mark)
{
    char value[TRACE_VALUE_LEN];
    if (!mark || has_key(m, "traceparent"))
        return false;
    py_trace_write(mark, value);
    put(m, "traceparent", value, sizeof value);
    return true;
}

static struct grpc_head *head_new(struct grpc_method *method, PyObject *metadata,
                                  uint64_t timeout_ns, enum grpc_coding coding,
                                  const struct trace_mark *mark)
{
    static const char accepted[] = "identity, deflate, gzip";
    struct making m = {0};
    char timeout[GRPC_TIMEOUT_ROOM];
    put(&m, "te", "trailers", 8);
    put(&m, "content-type", "application/grpc", 16);
    put(&m, "user-agent", PyUnicode_DATA(method->channel->user_agent),
        (size_t)PyUnicode_GET_LENGTH(method->channel->user_agent));
    put(&m, "grpc-accept-encoding", accepted, sizeof accepted - 1);
    if (coding)
        put(&m, "grpc-encoding", grpc_coding_name(coding), strlen(grpc_coding_name(coding)));
    if (timeout_ns)
        put(&m, "grpc-timeout", timeout, grpc_timeout_text(timeout_ns, timeout));
    struct grpc_head *head = NULL;
    if (put_metadata(&m, method->channel->metadata) == 0 && put_metadata(&m, metadata) == 0) {
        const bool is_traced = put_trace(&m, mark);
        head = head_of(&m);
        head->is_traced = is_traced;
    }
    sbuf_fini(&m.text);
    sbuf_fini(&m.spots);
    if (!head)
        return NULL;
    head->timeout_ns = timeout_ns;
    head->coding = coding;
    return head;
}

struct grpc_head *grpc_head_get(struct grpc_method *m, PyObject *metadata, uint64_t timeout_ns,
                                enum grpc_coding coding, const struct trace_mark *mark)
{
    if (mark || (metadata && metadata != Py_None))
        return head_new(m, metadata, timeout_ns, coding, mark);
    if (!m->head || m->head->timeout_ns != timeout_ns || m->head->coding != coding) {
        struct grpc_head *head = head_new(m, NULL, timeout_ns, coding, NULL);
        if (!head)
            return NULL;
        grpc_head_put(m->head);
        m->head = head;
    }
    m->head->refs++;
    return m->head;
}

void grpc_head_put(struct grpc_head *head)
{
    if (!head || --head->refs)
        return;
    free(head->kept.bytes);
    free(head->headers);
    free(head->text);
    free(head);
}

/* ---- of an answer --------------------------------------------------------------------------- */

/* Several values of one binary key may come joined by commas. */
static PyObject *binary_value(const char *text, size_t len)
{
    struct sbuf bytes = {0};
    PyObject *value = grpc_add_from_base64(&bytes, text, len)
                          ? PyBytes_FromStringAndSize(bytes.data, (Py_ssize_t)bytes.len)
                          : PyBytes_FromStringAndSize(text, (Py_ssize_t)len);
    sbuf_fini(&bytes);
    return value;
}

static int add_pair(PyObject *list, const struct fetch_header *h, const char *value, size_t len)
{
    PyObject *v = grpc_is_binary(h->name, h->name_len)
                      ? binary_value(value, len)
                      : PyUnicode_DecodeUTF8(value, (Py_ssize_t)len, "replace");
    PyObject *key = PyUnicode_FromStringAndSize(h->name, (Py_ssize_t)h->name_len);
    PyObject *pair =
        v && key ? PyObject_CallFunctionObjArgs(grpc_glue.metadatum, key, v, NULL) : NULL;
    Py_XDECREF(key);
    Py_XDECREF(v);
    const int rc = pair ? PyList_Append(list, pair) : -1;
    Py_XDECREF(pair);
    return rc;
}

static int add_header(PyObject *list, const struct fetch_header *h)
{
    const char *at = h->value, *const end = at + h->value_len;
    if (!grpc_is_binary(h->name, h->name_len))
        return add_pair(list, h, at, h->value_len);
    for (;;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        if (add_pair(list, h, at, (size_t)((comma ? comma : end) - at)) < 0)
            return -1;
        if (!comma)
            return 0;
        at = comma + 1;
    }
}

PyObject *grpc_metadata(const struct fetch_header *list, size_t count)
{
    PyObject *pairs = PyList_New(0);
    for (size_t i = 0; pairs && i < count; i++)
        if (!grpc_is_reserved(list[i].name, list[i].name_len) && add_header(pairs, &list[i]) < 0)
            Py_CLEAR(pairs);
    PyObject *all = pairs ? PyList_AsTuple(pairs) : NULL;
    Py_XDECREF(pairs);
    return all;
}
