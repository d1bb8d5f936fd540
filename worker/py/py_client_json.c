// SPDX-License-Identifier: MIT
/* JSON out: what json.dumps(value, allow_nan=False) writes, byte for byte, for the usual values.
 *
 * Problem: json.dumps with any option builds an encoder for each call, some 7 µs for a small body.
 * Design: exact dict, list, tuple, str, int, float, bool and None are written here; anything else
 * (subclasses, other keys than str, NaN, depth beyond a limit and so cycles) makes json_write give
 * up without an exception, and json's own encoder decides, with its own errors.
 */
#include "worker/py/py_client_json.h"

#include <math.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

static bool write_value(struct sbuf *out, PyObject *value, int depth);

static void write_unit(struct sbuf *out, unsigned unit)
{
    static const char hex[] = "0123456789abcdef";
    const char text[6] = {
        '\\', 'u', hex[unit >> 12], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]};
    sbuf_add(out, text, sizeof text);
}

static void write_char(struct sbuf *out, Py_UCS4 c)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (const char *s = shorts; *s; s += 2) {
        if ((Py_UCS4)(unsigned char)*s == c) {
            const char text[2] = {'\\', s[1]};
            sbuf_add(out, text, 2);
            return;
        }
    }
    if (c >= 0x10000) {
        write_unit(out, 0xD800 + ((unsigned)(c - 0x10000) >> 10));
        c = 0xDC00 + ((c - 0x10000) & 0x3FF);
    }
    write_unit(out, (unsigned)c);
}

static bool is_verbatim(Py_UCS4 c)
{
    return c >= ' ' && c < 0x7F && c != '"' && c != '\\';
}

static void write_text(struct sbuf *out, PyObject *text)
{
    const int kind = (int)PyUnicode_KIND(text);
    const void *units = PyUnicode_DATA(text);
    const Py_ssize_t len = PyUnicode_GET_LENGTH(text);
    sbuf_addc(out, '"');
    for (Py_ssize_t i = 0; i < len;) {
        Py_ssize_t end = i;
        while (kind == PyUnicode_1BYTE_KIND && end < len &&
               is_verbatim(((const unsigned char *)units)[end]))
            end++;
        sbuf_add(out, (const char *)units + i, (size_t)(end - i));
        i = end;
        if (i == len)
            break;
        const Py_UCS4 c = PyUnicode_READ(kind, units, i++);
        if (is_verbatim(c))
            sbuf_addc(out, (char)c);
        else
            write_char(out, c);
    }
    sbuf_addc(out, '"');
}

void json_write_integer(struct sbuf *out, long long number)
{
    char digits[24];
    char *at = digits + sizeof digits;
    unsigned long long rest =
        number < 0 ? 0ULL - (unsigned long long)number : (unsigned long long)number;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        *--at = '-';
    sbuf_add(out, at, (size_t)(digits + sizeof digits - at));
}

static bool write_integer(struct sbuf *out, PyObject *value)
{
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow)
        return false;
    json_write_integer(out, number);
    return true;
}

static bool write_float(struct sbuf *out, PyObject *value)
{
    const double number = PyFloat_AS_DOUBLE(value);
    char *text =
        isfinite(number) ? PyOS_double_to_string(number, 'r', 0, Py_DTSF_ADD_DOT_0, NULL) : NULL;
    if (!text)
        return false;
    sbuf_adds(out, text);
    PyMem_Free(text);
    return true;
}

static bool write_items(struct sbuf *out, PyObject *const *items, Py_ssize_t count, int depth)
{
    sbuf_addc(out, '[');
    for (Py_ssize_t i = 0; i < count; i++) {
        if (i)
            sbuf_add(out, ", ", 2);
        if (!write_value(out, items[i], depth))
            return false;
    }
    sbuf_addc(out, ']');
    return true;
}

static bool write_dict(struct sbuf *out, PyObject *dict, int depth)
{
    PyObject *key = NULL, *value = NULL;
    Py_ssize_t at = 0;
    bool is_first = true;
    sbuf_addc(out, '{');
    while (PyDict_Next(dict, &at, &key, &value)) {
        if (!PyUnicode_CheckExact(key))
            return false;
        if (!is_first)
            sbuf_add(out, ", ", 2);
        is_first = false;
        write_text(out, key);
        sbuf_add(out, ": ", 2);
        if (!write_value(out, value, depth))
            return false;
    }
    sbuf_addc(out, '}');
    return true;
}

static bool write_value(struct sbuf *out, PyObject *value, int depth)
{
    if (PyUnicode_CheckExact(value)) {
        write_text(out, value);
        return true;
    }
    if (PyLong_CheckExact(value))
        return write_integer(out, value);
    if (value == Py_None || value == Py_True || value == Py_False) {
        sbuf_adds(out, value == Py_None ? "null" : value == Py_True ? "true" : "false");
        return true;
    }
    if (PyFloat_CheckExact(value))
        return write_float(out, value);
    if (depth == MAX_DEPTH)
        return false;
    if (PyDict_CheckExact(value))
        return write_dict(out, value, depth + 1);
    if (PyList_CheckExact(value) || PyTuple_CheckExact(value))
        return write_items(out, PySequence_Fast_ITEMS(value), PySequence_Fast_GET_SIZE(value),
                           depth + 1);
    return false;
}

bool json_write(struct sbuf *out, PyObject *value)
{
    if (write_value(out, value, 0))
        return true;
    PyErr_Clear();
    return false;
}
