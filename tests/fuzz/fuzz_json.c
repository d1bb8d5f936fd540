// SPDX-License-Identifier: MIT
/* Any bytes as the JSON of an answer: what is read here is what Python's own json reads, and is
 * written as that writes it. */
#include "tests/fuzz/python_driver.h"
#include "worker/py/py_client_json.h"

static PyObject *loads, *dumps;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    loads = python_function("json", "loads");
    dumps = python_function("json", "dumps");
    return 0;
}

static void compare(PyObject *ours, const char *text, Py_ssize_t len)
{
    PyObject *theirs = PyObject_CallFunction(loads, "s#", text, len);
    MUST(theirs); /* json_read takes nothing that json refuses */
    PyObject *a = PyObject_Repr(ours), *b = PyObject_Repr(theirs);
    MUST(a && b && PyUnicode_Compare(a, b) == 0);
    Py_DECREF(a);
    Py_DECREF(b);
    Py_DECREF(theirs);
}

static void write_again(PyObject *value)
{
    struct sbuf out = {0};
    if (json_write(&out, value)) {
        PyObject *theirs = PyObject_CallOneArg(dumps, value);
        Py_ssize_t len;
        const char *text = theirs ? PyUnicode_AsUTF8AndSize(theirs, &len) : NULL;
        MUST(text && (size_t)len == out.len && !memcmp(text, out.data, out.len));
        Py_DECREF(theirs);
    }
    PyErr_Clear();
    sbuf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    PyObject *ours = json_read(copy, (Py_ssize_t)size);
    MUST(!PyErr_Occurred());
    if (ours) {
        compare(ours, copy, (Py_ssize_t)size);
        write_again(ours);
        Py_DECREF(ours);
    }
    free(copy);
    return 0;
}
