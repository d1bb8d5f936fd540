// SPDX-License-Identifier: MIT
/* Text, JSON and headers of a Response, by requests' rules.
 *
 * The common cases (UTF-8 or Latin-1 by the Content-Type, valid JSON) are done here; for anything
 * else requests' own code runs over the same attributes, so charset guessing and error texts are
 * requests' by construction.
 */
#include "worker/py/py_client_glue.h"
#include "worker/py/py_client_json.h"
#include "worker/py/py_client_response.h"

#include <string.h>
#include <strings.h>

static bool is_fast(const struct response *r)
{
    return r->session && r->session->is_fast;
}

/* ---- headers -------------------------------------------------------------------------------- */

static int add_header(PyObject *store, PyObject *name, PyObject *value)
{
    PyObject *lower = PyObject_CallMethod(name, "lower", NULL);
    PyObject *old = lower ? PyDict_GetItemWithError(store, lower) : NULL;
    PyObject *joined = NULL;
    if (old) { /* repeated: the first spelling, values joined */
        joined = PyUnicode_FromFormat("%U, %U", PyTuple_GET_ITEM(old, 1), value);
        value = joined;
        name = PyTuple_GET_ITEM(old, 0);
    }
    PyObject *pair = lower && value ? PyTuple_Pack(2, name, value) : NULL;
    const int result = pair ? PyObject_SetItem(store, lower, pair) : -1;
    Py_XDECREF(pair);
    Py_XDECREF(joined);
    Py_XDECREF(lower);
    return result;
}

static PyObject *make_dict(const struct fetch_header *lines, size_t count)
{
    PyObject *headers = PyObject_CallNoArgs(glue.case_insensitive_dict);
    PyObject *store = headers ? PyObject_GetAttrString(headers, "_store") : NULL;
    for (size_t i = 0; i < count && store; i++) {
        const struct fetch_header *h = &lines[i];
        PyObject *name = PyUnicode_DecodeLatin1(h->name, h->name_len, NULL);
        PyObject *value = PyUnicode_DecodeLatin1(h->value, h->value_len, NULL);
        if (!name || !value || add_header(store, name, value) < 0)
            Py_CLEAR(store);
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    if (!store)
        Py_CLEAR(headers);
    Py_XDECREF(store);
    return headers;
}

PyObject *response_make_headers(struct response *r)
{
    if (is_fast(r))
        return PyObject_CallOneArg(glue.make_fast_headers, (PyObject *)r);
    const bool is_there = r->got && !r->error;
    return make_dict(is_there ? r->got->headers : NULL, is_there ? r->got->header_count : 0);
}

PyObject *response_make_trailers(struct response *r)
{
    const bool is_there = r->got && !r->error;
    return make_dict(is_there ? r->got->trailers : NULL, is_there ? r->got->trailer_count : 0);
}

/* ---- encoding ------------------------------------------------------------------------------- */

enum charset { CHARSET_NONE, CHARSET_LATIN1, CHARSET_UTF8, CHARSET_OTHER };

static bool has_part(const char *text, size_t len, const char *part)
{
    const size_t part_len = strlen(part);
    for (size_t i = 0; i + part_len <= len; i++)
        if (!strncasecmp(text + i, part, part_len))
            return true;
    return false;
}

/* get_encoding_from_headers for the usual forms of Content-Type. */
static enum charset header_charset(const struct response *r)
{
    const struct fetch_header *h = response_header(r, "content-type", NULL);
    if (!h)
        return CHARSET_NONE;
    const char *rest = memchr(h->value, ';', h->value_len);
    const size_t len = rest ? (size_t)(rest - h->value) : h->value_len;
    if (rest) {
        const size_t rest_len = h->value_len - len;
        if (rest_len == 15 && !strncasecmp(rest, "; charset=utf-8", 15))
            return CHARSET_UTF8;
        return CHARSET_OTHER;
    }
    if (len == 16 && !memcmp(h->value, "application/json", 16))
        return CHARSET_UTF8;
    if (has_part(h->value, len, "text"))
        return CHARSET_LATIN1;
    return has_part(h->value, len, "application/json") ? CHARSET_UTF8 : CHARSET_NONE;
}

PyObject *response_make_encoding(struct response *r)
{
    if (!r->got || r->error || is_fast(r))
        Py_RETURN_NONE;
    return PyObject_CallOneArg(glue.make_encoding, (PyObject *)r);
}

/* ---- text ----------------------------------------------------------------------------------- */

static bool is_named(PyObject *encoding, const char *name)
{
    return PyUnicode_CompareWithASCIIString(encoding, name) == 0;
}

static enum charset charset_of(const struct response *r)
{
    if (!r->encoding || (is_fast(r) && r->encoding == Py_None))
        return header_charset(r);
    if (!PyUnicode_Check(r->encoding))
        return CHARSET_OTHER;
    if (is_named(r->encoding, "utf-8") || is_named(r->encoding, "UTF-8"))
        return CHARSET_UTF8;
    return is_named(r->encoding, "ISO-8859-1") ? CHARSET_LATIN1 : CHARSET_OTHER;
}

/* The body when it is here and nobody replaced it. */
static bool body_of(const struct response *r, const char **body, Py_ssize_t *len)
{
    if (!r->got || r->is_stream || r->error)
        return false;
    if (r->content) {
        if (!PyBytes_CheckExact(r->content))
            return false;
        *body = PyBytes_AS_STRING(r->content);
        *len = PyBytes_GET_SIZE(r->content);
        return true;
    }
    *body = r->got->body ? r->got->body : "";
    *len = (Py_ssize_t)r->got->body_len;
    return true;
}

PyObject *response_text(struct response *r, void *closure)
{
    (void)closure;
    const char *body = NULL;
    Py_ssize_t len = 0;
    if (body_of(r, &body, &len)) {
        if (len == 0)
            return PyUnicode_FromString("");
        const enum charset charset = charset_of(r);
        if (charset == CHARSET_UTF8)
            return PyUnicode_DecodeUTF8(body, len, "replace");
        if (charset == CHARSET_LATIN1)
            return PyUnicode_DecodeLatin1(body, len, "replace");
    }
    return PyObject_CallOneArg(is_fast(r) ? glue.fast_plain_text : glue.plain_text, (PyObject *)r);
}

/* ---- json ----------------------------------------------------------------------------------- */

PyObject *response_json(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    struct response *r = (struct response *)self;
    const char *body = NULL;
    Py_ssize_t len = 0;
    const bool has_arguments = count || (kwnames && PyTuple_GET_SIZE(kwnames));
    const enum charset charset = charset_of(r);
    if (!has_arguments && (charset == CHARSET_UTF8 || charset == CHARSET_NONE) &&
        body_of(r, &body, &len) && len > 3 && body[0] && body[1] && (uint8_t)body[0] < 0x80) {
        PyObject *value = json_read(body, len);
        if (value)
            return value;
    }
    PyObject *function =
        PyObject_GetAttrString(is_fast(r) ? glue.fast_plain_json : glue.plain_json, "__get__");
    PyObject *bound = function ? PyObject_CallOneArg(function, self) : NULL;
    Py_XDECREF(function);
    PyObject *value = bound ? PyObject_Vectorcall(bound, args, (size_t)count, kwnames) : NULL;
    Py_XDECREF(bound);
    return value;
}
