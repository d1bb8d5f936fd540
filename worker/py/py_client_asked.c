// SPDX-License-Identifier: MIT
/* What was asked: method and headers of a request, for as long as its response lives.
 *
 * The exchange may have to send it again, the next hop of a redirect begins with it, and user code
 * may look at it at any time. One allocation holds the list and its texts: nothing of it belongs to
 * Python objects, which the caller may change or drop while the request is under way.
 */
#include "worker/py/py_client_response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

static const char *copy(char **to, const char *text, size_t len)
{
    char *at = *to;
    memcpy(at, text, len);
    *to += len;
    return at;
}

static bool is_method(const struct asked *a, const char *name)
{
    return a->method_len == strlen(name) && !memcmp(a->method, name, a->method_len);
}

static bool is_idempotent(const struct asked *a)
{
    static const char *const methods[] = {"GET", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (is_method(a, methods[i]))
            return true;
    return false;
}

struct asked *asked_ref(struct asked *a)
{
    a->refs++;
    return a;
}

void asked_put(struct asked *a)
{
    if (!a || --a->refs)
        return;
    if (a->kept)
        free(a->kept->bytes);
    free(a->kept);
    free(a);
}

struct asked *asked_new(const char *method, size_t method_len, const struct fetch_header *headers,
                        size_t count)
{
    size_t len = method_len;
    for (size_t i = 0; i < count; i++)
        len += headers[i].name_len + headers[i].value_len;
    struct asked *a = mem_realloc(NULL, sizeof *a + count * sizeof *headers + len);
    char *to = (char *)(a->headers + count);
    a->method = copy(&to, method, method_len);
    a->method_len = (uint32_t)method_len;
    a->count = (uint32_t)count;
    a->refs = 1;
    a->kept = NULL;
    a->is_head = is_method(a, "HEAD");
    a->is_idempotent = is_idempotent(a);
    for (size_t i = 0; i < count; i++) {
        a->headers[i] = headers[i];
        a->headers[i].name = copy(&to, headers[i].name, headers[i].name_len);
        if (headers[i].value)
            a->headers[i].value = copy(&to, headers[i].value, headers[i].value_len);
    }
    return a;
}

/* Borrowed from the pair. */
static int read_pair(PyObject *pair, struct fetch_header *h)
{
    if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2 ||
        !PyBytes_Check(PyTuple_GET_ITEM(pair, 0)) || !PyBytes_Check(PyTuple_GET_ITEM(pair, 1))) {
        PyErr_SetString(PyExc_TypeError, "headers are pairs of bytes");
        return -1;
    }
    PyObject *name = PyTuple_GET_ITEM(pair, 0), *value = PyTuple_GET_ITEM(pair, 1);
    *h = (struct fetch_header){PyBytes_AS_STRING(name), PyBytes_AS_STRING(value),
                               (uint32_t)PyBytes_GET_SIZE(name), (uint32_t)PyBytes_GET_SIZE(value)};
    return 0;
}

struct asked *asked_of_pairs(PyObject *method, PyObject *pairs)
{
    Py_ssize_t method_len = 0;
    const char *text = PyUnicode_AsUTF8AndSize(method, &method_len);
    const size_t count = (size_t)PyList_GET_SIZE(pairs);
    if (!text)
        return NULL;
    struct fetch_header *headers = mem_zalloc((count + 1) * sizeof *headers);
    struct asked *a = NULL;
    size_t n = 0;
    while (n < count && read_pair(PyList_GET_ITEM(pairs, (Py_ssize_t)n), &headers[n]) == 0)
        n++;
    if (n == count)
        a = asked_new(text, (size_t)method_len, headers, count);
    free(headers);
    return a;
}

const struct fetch_header *asked_find(const struct asked *a, const char *name)
{
    const size_t len = strlen(name);
    for (uint32_t i = 0; i < a->count; i++)
        if (a->headers[i].name_len == len && !strncasecmp(a->headers[i].name, name, len))
            return &a->headers[i];
    return NULL;
}

void asked_request(const struct response *r, struct fetch_request *q)
{
    const struct asked *a = r->asked;
    Py_ssize_t path_len = 0;
    q->origin = r->site->origin;
    q->is_forwarded = r->site->is_forwarded;
    q->method = a->method;
    q->method_len = a->method_len;
    q->authority = r->site->authority;
    q->authority_len = r->site->authority_len;
    q->path = PyUnicode_AsUTF8AndSize(r->target, &path_len);
    q->path_len = (size_t)path_len;
    q->headers = a->headers;
    q->header_count = a->count;
    q->kept = a->kept;
}

/* What the Host of a request without its own says. */
static size_t host_len(const struct response *r)
{
    return fetch_host_len(r->site->authority, r->site->authority_len, r->site->is_tls);
}

void asked_host(const struct response *r, const char **host, size_t *len)
{
    const struct fetch_header *h = asked_find(r->asked, "host");
    const bool is_own = h && h->value;
    *host = is_own ? h->value : r->site->authority;
    *len = is_own ? h->value_len : host_len(r);
}

struct fetch_header asked_header(const struct response *r, uint32_t i, char number[ASKED_NUMBER])
{
    struct fetch_header h = r->asked->headers[i];
    if (h.value)
        return h;
    if (h.name_len == sizeof "Host" - 1) {
        h.value = r->site->authority;
        h.value_len = (uint32_t)host_len(r);
        return h;
    }
    h.value = number;
    h.value_len = (uint32_t)snprintf(number, ASKED_NUMBER, "%zu", r->body_len);
    return h;
}

PyObject *asked_pairs(const struct response *r)
{
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list && i < r->asked->count; i++) {
        char number[ASKED_NUMBER];
        const struct fetch_header h = asked_header(r, i, number);
        if (!response_add_pair(list, &h))
            Py_CLEAR(list);
    }
    return list;
}
