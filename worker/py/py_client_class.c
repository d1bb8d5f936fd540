// SPDX-License-Identifier: MIT
/* What a session's class, or the session itself, has overridden: its requests take the road that
 * calls that. */
#include "worker/py/py_client_glue.h"
#include "worker/py/py_client_session.h"

#include <limits.h>

/* What requests (or Locust) calls on self in the course of a request. */
static const char *const hooked_names[] = {"request", /* first */
                                           "send",
                                           "prepare_request",
                                           "get_adapter",
                                           "mount",
                                           "resolve_redirects",
                                           "rebuild_auth",
                                           "rebuild_method",
                                           "rebuild_proxies",
                                           "_build_url",
                                           "should_strip_auth",
                                           "get_redirect_target",
                                           "merge_environment_settings",
                                           "_send_request_safe_mode",
                                           "_has_own_agent",
                                           NULL};

#define HOOKED (sizeof hooked_names / sizeof *hooked_names - 1)
/* They as they were when our classes were bound: HttpSession's, FastHttpSession's. NULL: none. */
static PyObject *originals[2][HOOKED];
/* What was last found of each: new sessions come by the thousand. */
static struct class_look {
    PyTypeObject *type; /* borrowed; never looked into */
    unsigned version;
    bool is_plain, calls_request;
} looks[2];

static PyObject *class_attribute(PyTypeObject *type, const char *name)
{
    PyObject *value = PyObject_GetAttrString((PyObject *)type, name);
    PyErr_Clear();
    return value;
}

void session_bound(void)
{
    PyObject *const classes[] = {glue.session_class, glue.fast_session_class};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < HOOKED; i++)
            Py_XSETREF(originals[k][i],
                       class_attribute((PyTypeObject *)classes[k], hooked_names[i]));
}

static void look_at_class(PyTypeObject *type, bool is_fast, struct class_look *look)
{
    *look = (struct class_look){.type = type, .is_plain = true};
    for (size_t i = 0; i < HOOKED; i++) {
        PyObject *own = class_attribute(type, hooked_names[i]);
        const bool is_replaced = own != originals[is_fast][i];
        Py_XDECREF(own);
        if (is_replaced && i == 0)
            look->calls_request = true;
        else if (is_replaced)
            look->is_plain = false;
    }
    look->version = type->tp_version_tag; /* the lookups gave it one */
}

void session_look(struct session *s)
{
    PyTypeObject *type = Py_TYPE(s);
    struct class_look *look = &looks[s->is_fast];
    if (look->type != type || look->version != type->tp_version_tag || look->version == 0)
        look_at_class(type, s->is_fast, look);
    s->class_version = look->version ? look->version : UINT_MAX; /* none left: look each time */
    s->is_plain_class = look->is_plain && !s->is_hooked;
    s->calls_request = look->calls_request || s->has_request;
}

void session_look_at_name(struct session *s, PyObject *name)
{
    for (size_t i = 0; PyUnicode_Check(name) && i < HOOKED; i++)
        if (!PyUnicode_CompareWithASCIIString(name, hooked_names[i])) {
            *(i == 0 ? &s->has_request : &s->is_hooked) = true;
            session_look(s);
        }
}
