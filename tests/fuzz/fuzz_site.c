// SPDX-License-Identifier: MIT
/* Any text as a URL, of a request or of where an answer sends us: what is taken for a host in
 * normal form is the same to Python's own urlsplit, and what needs no escapes has none to make. */
#include "tests/fuzz/python_driver.h"
#include "common/base/utf8.h"
#include "worker/py/py_client_site.h"

static PyObject *urlsplit;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    urlsplit = python_function("urllib.parse", "urlsplit");
    site_init();
    return 0;
}

static void compare(const char *url, Py_ssize_t root_len)
{
    PyObject *parts = PyObject_CallFunction(urlsplit, "s", url);
    if (!parts) { /* it looks into an address in brackets; with us the resolver does */
        PyErr_Clear();
        MUST(strchr(url, '['));
        return;
    }
    PyObject *scheme = PyObject_GetAttrString(parts, "scheme"),
             *netloc = PyObject_GetAttrString(parts, "netloc");
    MUST(scheme && netloc);
    PyObject *root = PyUnicode_FromFormat("%U://%U", scheme, netloc);
    MUST(root && PyUnicode_GET_LENGTH(root) == root_len);
    MUST(!strncmp(PyUnicode_AsUTF8(root), url, (size_t)root_len));
    Py_DECREF(root);
    Py_DECREF(scheme);
    Py_DECREF(netloc);
    Py_DECREF(parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (utf8_valid_prefix((const char *)data, size) != size) /* Python's texts are valid */
        return 0;
    char *url = fuzz_text(data, size);
    const Py_ssize_t len = (Py_ssize_t)strlen(url), root_len = site_root_length(url, len);
    struct sbuf quoted = {0};
    MUST(root_len >= 0 && root_len <= len);
    if (root_len) {
        MUST(site_is_absolute(url) && (root_len == len || url[root_len] == '/'));
        if (!strncmp(url, "http:", 5) || !strncmp(url, "https:", 6))
            compare(url, root_len);
    }
    if (site_is_normal_target(url, len) || site_is_token(url, len))
        MUST(!strpbrk(url, " \t\r\n"));
    if (site_is_fast_target(url, len))
        MUST(!strpbrk(url, " \r\n"));
    site_quote_plus(&quoted, url, len);
    MUST(quoted.len >= (size_t)len && quoted.len <= 3 * (size_t)len);
    MUST(!quoted.len || !memchr(quoted.data, '&', quoted.len));
    sbuf_fini(&quoted);
    free(url);
    return 0;
}
