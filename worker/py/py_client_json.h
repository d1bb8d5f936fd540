// SPDX-License-Identifier: MIT
#pragma once
/* JSON as json.dumps writes it and json.loads reads it, in the common cases. */
#include <Python.h>
#include <stdbool.h>

#include "common/base/sbuf.h"

/* Appends value as json.dumps would; false (out is then garbage) when it is none of the usual. */
bool json_write(struct sbuf *out, PyObject *value);
void json_write_integer(struct sbuf *out, long long number);
/* json.loads of UTF-8 (new); NULL without an exception when it is not plainly valid. */
PyObject *json_read(const char *text, Py_ssize_t len);
