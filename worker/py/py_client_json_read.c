// SPDX-License-Identifier: MIT
/* JSON in: what json.loads(text) returns, for valid documents of moderate depth.
 *
 * Problem: json's scanner is C, but decodes the whole text first, boxes every position and pays for
 * hooks nobody set: some 60 ns for each small token.
 * Design: one pass over the UTF-8 bytes. Names of members come from a small cache, since the
 * answers of one target have the same names again and again. Whatever is not plainly valid (NaN,
 * huge numbers, lone surrogates, control characters, depth beyond a limit, any mistake) makes
 * json_read give up without an exception; json itself then decides and words the error.
 */
#include "worker/py/py_client_json.h"

#include "common/base/hex.h"

#include <endian.h>
#include <string.h>

enum { MAX_DEPTH = 64, NAME_SLOTS = 1024, MAX_NAME = 32, MAX_NUMBER = 40 };

struct reader {
    const char *at, *end;
    int depth;
};

static PyObject *read_value(struct reader *r);

static void skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* ---- strings -------------------------------------------------------------------------------- */

/* The unit of \uXXXX behind the u; negative when it is none, or half of a pair. */
static int read_unit(struct reader *r)
{
    int unit = 0;
    for (int i = 0; i < 4; i++) {
        const int digit = r->at < r->end ? hex_digit(*r->at++) : -1;
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static bool add_utf8(struct sbuf *out, unsigned c)
{
    char bytes[4];
    size_t len = 0;
    if (c < 0x80) {
        bytes[len++] = (char)c;
    } else if (c < 0x800) {
        bytes[len++] = (char)(0xC0 | c >> 6);
        bytes[len++] = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        bytes[len++] = (char)(0xE0 | c >> 12);
        bytes[len++] = (char)(0x80 | (c >> 6 & 63));
        bytes[len++] = (char)(0x80 | (c & 63));
    } else {
        bytes[len++] = (char)(0xF0 | c >> 18);
        bytes[len++] = (char)(0x80 | (c >> 12 & 63));
        bytes[len++] = (char)(0x80 | (c >> 6 & 63));
        bytes[len++] = (char)(0x80 | (c & 63));
    }
    sbuf_add(out, bytes, len);
    return true;
}

static bool read_unicode_escape(struct reader *r, struct sbuf *out)
{
    const int unit = read_unit(r);
    if (unit < 0 || (unit >= 0xDC00 && unit < 0xE000))
        return false;
    if (unit < 0xD800 || unit >= 0xE000)
        return add_utf8(out, (unsigned)unit);
    if (!take(r, '\\') || !take(r, 'u'))
        return false;
    const int low = read_unit(r);
    if (low < 0xDC00 || low >= 0xE000)
        return false;
    return add_utf8(out, 0x10000 + ((unsigned)(unit - 0xD800) << 10) + (unsigned)(low - 0xDC00));
}

static bool read_escape(struct reader *r, struct sbuf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->at == r->end)
        return false;
    const char c = *r->at++;
    if (c == 'u')
        return read_unicode_escape(r, out);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found)
        return false;
    sbuf_addc(out, to[found - from]);
    return true;
}

static bool is_plain_ascii(unsigned char c)
{
    return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

/* Of eight bytes in memory order the high bits of those that are not plain ASCII, right up to the
 * first one: a subtraction that borrows sets its byte's, and perhaps those behind it. */
static uint64_t find_other(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t borrowed =
        (bytes - ones * ' ') | ((bytes ^ ones * '"') - ones) | ((bytes ^ ones * '\\') - ones);
    return (borrowed | bytes) & ones * 0x80;
}

static const char *ascii_end(const char *at, const char *end)
{
    uint64_t bytes;
    for (; (size_t)(end - at) >= sizeof bytes; at += sizeof bytes) {
        memcpy(&bytes, at, sizeof bytes);
        const uint64_t other = find_other(le64toh(bytes));
        if (other)
            return at + (__builtin_ctzll(other) >> 3);
    }
    while (at < end && is_plain_ascii((unsigned char)*at))
        at++;
    return at;
}

/* The end of the bytes that stand for themselves. */
static const char *plain_end(const struct reader *r)
{
    const char *at = ascii_end(r->at, r->end);
    while (at < r->end && ((unsigned char)*at >= 0x80 || is_plain_ascii((unsigned char)*at)))
        at++;
    return at;
}

/* A string with escapes: unescaped into a buffer. */
static PyObject *read_escaped(struct reader *r)
{
    struct sbuf text = {0};
    bool is_good = true;
    while (is_good && !take(r, '"')) {
        const char *stop = plain_end(r);
        sbuf_add(&text, r->at, (size_t)(stop - r->at));
        r->at = stop;
        if (take(r, '\\'))
            is_good = read_escape(r, &text);
        else
            is_good = r->at < r->end && *r->at == '"';
    }
    PyObject *string = is_good ? PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.len, NULL) : NULL;
    sbuf_fini(&text);
    return string;
}

static PyObject *ascii_text(const char *bytes, Py_ssize_t len)
{
    if (len < 2) /* those are shared objects of the interpreter */
        return PyUnicode_DecodeUTF8(bytes, len, NULL);
    PyObject *string = PyUnicode_New(len, 0x7F);
    if (string)
        memcpy(PyUnicode_1BYTE_DATA(string), bytes, (size_t)len);
    return string;
}

static PyObject *read_string(struct reader *r)
{
    const char *start = r->at, *stop = ascii_end(start, r->end);
    if (stop < r->end && *stop == '"') {
        r->at = stop + 1;
        return ascii_text(start, stop - start);
    }
    stop = plain_end(r);
    if (stop == r->end || *stop != '"')
        return read_escaped(r);
    PyObject *string = PyUnicode_DecodeUTF8(start, stop - start, NULL);
    r->at = stop + 1;
    return string;
}

/* A member's name, from the cache when it was seen before. */
static PyObject *read_name(struct reader *r)
{
    static PyObject *names[NAME_SLOTS];
    const char *stop = plain_end(r);
    const size_t len = (size_t)(stop - r->at);
    if (stop == r->end || *stop != '"' || len > MAX_NAME)
        return read_string(r);
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)r->at[i]) * 16777619u;
    PyObject **slot = &names[(hash ^ hash >> 16) % NAME_SLOTS];
    if (*slot && (size_t)PyUnicode_GET_LENGTH(*slot) == len &&
        !memcmp(PyUnicode_DATA(*slot), r->at, len)) {
        r->at = stop + 1;
        return Py_NewRef(*slot);
    }
    PyObject *name = read_string(r);
    if (name && PyUnicode_IS_ASCII(name))
        Py_XSETREF(*slot, Py_NewRef(name));
    return name;
}

/* ---- numbers and words ---------------------------------------------------------------------- */

static bool skip_digits(struct reader *r)
{
    const char *start = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > start;
}

static PyObject *make_integer(const char *start, size_t len)
{
    const bool is_negative = *start == '-';
    long long number = 0;
    for (size_t i = is_negative; i < len; i++)
        number = number * 10 + (start[i] - '0');
    return PyLong_FromLongLong(is_negative ? -number : number);
}

static PyObject *make_number(const char *start, size_t len, bool is_float)
{
    char text[MAX_NUMBER + 1];
    if (!is_float && len < 18)
        return make_integer(start, len);
    if (len > MAX_NUMBER)
        return NULL;
    memcpy(text, start, len);
    text[len] = 0;
    if (!is_float)
        return PyLong_FromString(text, NULL, 10);
    const double number = PyOS_string_to_double(text, NULL, NULL);
    return PyErr_Occurred() ? NULL : PyFloat_FromDouble(number);
}

static PyObject *read_number(struct reader *r)
{
    const char *start = r->at;
    bool is_float = false;
    take(r, '-');
    if (!take(r, '0') && !skip_digits(r))
        return NULL;
    if (take(r, '.')) {
        is_float = true;
        if (!skip_digits(r))
            return NULL;
    }
    if (take(r, 'e') || take(r, 'E')) {
        is_float = true;
        if (!take(r, '-'))
            take(r, '+');
        if (!skip_digits(r))
            return NULL;
    }
    return make_number(start, (size_t)(r->at - start), is_float);
}

static PyObject *read_word(struct reader *r, const char *word, PyObject *value)
{
    const size_t len = strlen(word);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return NULL;
    r->at += len;
    return Py_NewRef(value);
}

/* ---- containers ----------------------------------------------------------------------------- */

static bool read_member(struct reader *r, PyObject *dict)
{
    skip_space(r);
    PyObject *name = take(r, '"') ? read_name(r) : NULL;
    if (!name)
        return false;
    skip_space(r);
    PyObject *value = take(r, ':') ? read_value(r) : NULL;
    const bool is_good = value && PyDict_SetItem(dict, name, value) == 0;
    Py_DECREF(name);
    Py_XDECREF(value);
    return is_good;
}

static bool read_item(struct reader *r, PyObject *list)
{
    PyObject *value = read_value(r);
    const bool is_good = value && PyList_Append(list, value) == 0;
    Py_XDECREF(value);
    return is_good;
}

static PyObject *read_container(struct reader *r, char close, PyObject *container,
                                bool (*read_one)(struct reader *r, PyObject *container))
{
    if (!container || ++r->depth > MAX_DEPTH)
        goto fail;
    skip_space(r);
    if (!take(r, close)) {
        do {
            if (!read_one(r, container))
                goto fail;
            skip_space(r);
        } while (take(r, ','));
        if (!take(r, close))
            goto fail;
    }
    r->depth--;
    return container;
fail:
    Py_XDECREF(container);
    return NULL;
}

static PyObject *read_value(struct reader *r)
{
    skip_space(r);
    if (r->at == r->end)
        return NULL;
    switch (*r->at) {
    case '"':
        r->at++;
        return read_string(r);
    case '{':
        r->at++;
        return read_container(r, '}', PyDict_New(), read_member);
    case '[':
        r->at++;
        return read_container(r, ']', PyList_New(0), read_item);
    case 't':
        return read_word(r, "true", Py_True);
    case 'f':
        return read_word(r, "false", Py_False);
    case 'n':
        return read_word(r, "null", Py_None);
    default:
        return read_number(r);
    }
}

PyObject *json_read(const char *text, Py_ssize_t len)
{
    struct reader r = {.at = text, .end = text + len};
    PyObject *value = read_value(&r);
    skip_space(&r);
    if (value && r.at != r.end)
        Py_CLEAR(value);
    PyErr_Clear();
    return value;
}
