// SPDX-License-Identifier: MIT
#pragma once
/* What pylib gives the clients: Python functions and classes, bound once (py_client_glue.c). */
#include <Python.h>

/* locust._http.glue: Python functions and classes the C core calls. Looked up once, at bind. */
/* By hand: clang-format stacks such lists into stairs, anew in every run. */
/* clang-format off */
#define GLUE_NAMES(X)                                                                              \
    X(make_headers) X(make_proxies) X(make_hooks) X(make_params) X(make_cookies) X(make_adapters)  \
    X(make_agent) X(adopt_cookies) X(jar_rows) X(jar_set) X(is_env_free) X(normal_url)             \
    X(fast_url) X(ca_file) X(plain_request) X(fast_plain_request) X(redirect) X(fast_redirect)     \
    X(make_request) X(make_raw) X(make_response_cookies) X(make_next) X(make_encoding)             \
    X(make_fast_headers) X(error) X(fast_error) X(root_error) X(http_error) X(bad_status)          \
    X(too_many_redirects) X(redirect_failed) X(fast_redirect_failed) X(plain_text) X(plain_json)   \
    X(plain_content) X(json_encode) X(case_insensitive_dict) X(http_basic_auth) X(locust_error)    \
    X(catch_response_error) X(response_error) X(user_context) X(response_class) X(session_class)   \
    X(fast_session_class) X(fast_response_class) X(fast_catch_class) X(default_headers)            \
    X(with_without_catch) X(success_not_entered) X(failure_not_entered) X(no_catch)                \
    X(fast_headers) X(bare_agent) X(fast_plain_text) X(fast_plain_json) X(fast_plain_content)      \
    X(make_fast_request)
/* clang-format on */
struct glue {
#define X(name) PyObject *name;
    GLUE_NAMES(X)
#undef X
};
extern struct glue glue;
extern PyObject *client_hold;    /* called before each request, or NULL; see hold_requests() */
int glue_bind(PyObject *source); /* the module that has them; -1: an exception */
int glue_need(void); /* -1 with an exception while locust.clients has not been imported */
