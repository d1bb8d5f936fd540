// SPDX-License-Identifier: MIT
/* What is read off a Response by those who make, record and describe it: they stand below the type
 * itself (py_client_response.c), whose methods call them. */
#include "worker/py/py_client_response.h"

#include <string.h>
#include <strings.h>

struct response *response_new(PyTypeObject *type)
{
    struct response *r = (struct response *)type->tp_alloc(type, 0);
    if (r)
        r->status = -1;
    return r;
}

const struct fetch_header *response_header(const struct response *r, const char *name,
                                           const struct fetch_header *after)
{
    if (!r->got || r->error)
        return NULL;
    const struct fetch_header *end = r->got->headers + r->got->header_count;
    const size_t len = strlen(name);
    for (const struct fetch_header *h = after ? after + 1 : r->got->headers; h < end; h++)
        if (h->name_len == len && !strncasecmp(h->name, name, len))
            return h;
    return NULL;
}

PyObject *response_url(struct response *r)
{
    if (r->url)
        return Py_NewRef(r->url);
    if (!r->site || !r->target || (r->error && !r->session->is_fast))
        Py_RETURN_NONE;
    return PyUnicode_Concat(r->site->root, r->target);
}

PyObject *response_reason(struct response *r)
{
    if (r->reason)
        return Py_NewRef(r->reason);
    if (!r->got || r->error)
        Py_RETURN_NONE;
    return PyUnicode_DecodeLatin1(r->got->reason, (Py_ssize_t)r->got->reason_len, NULL);
}

bool response_add_pair(PyObject *list, const struct fetch_header *h)
{
    PyObject *name = PyUnicode_DecodeLatin1(h->name, h->name_len, NULL);
    PyObject *value = PyUnicode_DecodeLatin1(h->value, h->value_len, NULL);
    PyObject *pair = name && value ? PyTuple_Pack(2, name, value) : NULL;
    const bool is_good = pair && PyList_Append(list, pair) == 0;
    Py_XDECREF(name);
    Py_XDECREF(value);
    Py_XDECREF(pair);
    return is_good;
}
