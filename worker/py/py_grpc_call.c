// SPDX-License-Identifier: MIT
/* _katydid.GrpcCall: one call, as Python asks it; the names are those of grpc.Call. What begins
 * with an underscore is for katydid.grpc, which makes iterators and futures of it. */
#include "worker/py/py_grpc.h"

#include "common/base/clk.h"

static struct rpc *self_of(PyObject *self)
{
    return (struct rpc *)self;
}

/* Counts a call that is over. error (new, or NULL): what it stands for. -1 with an exception. */
static int conclude(struct rpc *c, PyObject **error)
{
    *error = c->status == GRPC_OK ? NULL : grpc_error(c);
    if (c->status != GRPC_OK && !*error)
        return -1;
    if (grpc_record(c, *error) == 0)
        return 0;
    Py_CLEAR(*error);
    return -1;
}

/* NULL with the exception of a call that has failed; None else. */
static PyObject *raise_or_none(struct rpc *c)
{
    PyObject *error = NULL;
    if (conclude(c, &error) < 0)
        return NULL;
    if (!error)
        Py_RETURN_NONE;
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
    return NULL;
}

/* ---- messages ------------------------------------------------------------------------------- */

/* Raises StopIteration at a good end. */
static PyObject *receive(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct rpc *c = self_of(self);
    PyObject *bytes = grpc_receive(c), *message = bytes ? grpc_deserialized(c, bytes) : NULL;
    Py_XDECREF(bytes);
    if (message || PyErr_Occurred())
        return message;
    PyObject *end = raise_or_none(c);
    Py_XDECREF(end);
    if (end)
        PyErr_SetNone(PyExc_StopIteration);
    return NULL;
}

PyObject *grpc_answer(struct rpc *c)
{
    PyObject *bytes = grpc_finish(c);
    if (!bytes && PyErr_Occurred())
        return NULL;
    PyObject *answer = bytes ? grpc_deserialized(c, bytes) : NULL, *done = raise_or_none(c);
    Py_XDECREF(bytes);
    if (!done)
        Py_CLEAR(answer);
    Py_XDECREF(done);
    return answer;
}

static PyObject *finish(PyObject *self, PyObject *unused)
{
    (void)unused;
    return grpc_answer(self_of(self));
}

static PyObject *send(PyObject *self, PyObject *message)
{
    if (message != Py_None && !PyBytes_Check(message))
        return PyErr_Format(PyExc_TypeError, "a serialized message is bytes, not %s",
                            Py_TYPE(message)->tp_name);
    const int rc = grpc_send(self_of(self), message == Py_None ? NULL : message);
    return rc < 0 ? NULL : PyBool_FromLong(rc);
}

/* ---- grpc.Call ------------------------------------------------------------------------------ */

static int wait_end(struct rpc *c)
{
    PyObject *error = NULL;
    if (grpc_await_end(c) < 0 || conclude(c, &error) < 0)
        return -1;
    Py_XDECREF(error);
    return 0;
}

static PyObject *code(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct rpc *c = self_of(self);
    return wait_end(c) < 0 ? NULL : Py_NewRef(PyTuple_GET_ITEM(grpc_glue.codes, c->status));
}

static PyObject *details(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct rpc *c = self_of(self);
    if (wait_end(c) < 0)
        return NULL;
    return PyUnicode_DecodeUTF8(c->details.data ? c->details.data : "", (Py_ssize_t)c->details.len,
                                "replace");
}

/* A head that is all there is has what else would be in trailers. */
static bool is_trailers_only(const struct fetch_response *r)
{
    return !r->trailer_count && grpc_header(r->headers, r->header_count, "grpc-status");
}

static PyObject *initial_metadata(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct rpc *c = self_of(self);
    if (grpc_await_head(c) < 0)
        return NULL;
    const struct fetch_response *r = c->fetch ? fetch_response(c->fetch) : NULL;
    return r && !is_trailers_only(r) ? grpc_metadata(r->headers, r->header_count)
                                     : grpc_metadata(NULL, 0);
}

static PyObject *trailing_metadata(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct rpc *c = self_of(self);
    if (wait_end(c) < 0)
        return NULL;
    const struct fetch_response *r = c->fetch ? fetch_response(c->fetch) : NULL;
    if (!r)
        return grpc_metadata(NULL, 0);
    return is_trailers_only(r) ? grpc_metadata(r->headers, r->header_count)
                               : grpc_metadata(r->trailers, r->trailer_count);
}

static PyObject *is_active(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(!self_of(self)->is_over);
}

static PyObject *time_remaining(PyObject *self, PyObject *unused)
{
    (void)unused;
    const struct rpc *c = self_of(self);
    const uint64_t now = clk_mono_ns();
    if (!c->deadline_ns)
        Py_RETURN_NONE;
    return PyFloat_FromDouble(now < c->deadline_ns ? (double)(c->deadline_ns - now) / 1e9 : 0);
}

/* What a script ends by itself is no failure of the server's. */
static PyObject *stop(struct rpc *c, enum grpc_status s, const char *why, bool is_failure)
{
    const bool was_over = c->is_over;
    grpc_stop(c, s, why);
    if (!was_over) {
        PyObject *error = is_failure ? grpc_error(c) : NULL;
        const int rc = is_failure && !error ? -1 : grpc_record(c, error);
        Py_XDECREF(error);
        if (rc < 0)
            return NULL;
    }
    return PyBool_FromLong(!was_over);
}

static PyObject *cancel(PyObject *self, PyObject *unused)
{
    (void)unused;
    return stop(self_of(self), GRPC_CANCELLED, "Locally cancelled by application!", false);
}

/* _fail(text): the requests of the script cannot be had. */
static PyObject *fail(PyObject *self, PyObject *text)
{
    const char *why = PyUnicode_AsUTF8(text);
    return why ? stop(self_of(self), GRPC_UNKNOWN, why, true) : NULL;
}

static PyObject *abandon(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (!self_of(self)->is_over)
        grpc_abandon(self_of(self));
    Py_RETURN_NONE;
}

static PyObject *get_name(PyObject *self, void *unused)
{
    (void)unused;
    return Py_NewRef(self_of(self)->name);
}

static PyObject *get_user(PyObject *self, void *unused)
{
    (void)unused;
    PyObject *user = self_of(self)->method->channel->session->user;
    return Py_NewRef(user ? user : Py_None);
}

static PyObject *get_text(PyObject *self, void *unused)
{
    (void)unused;
    return grpc_failure_text(self_of(self));
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    struct rpc *c = self_of(self);
    Py_VISIT((PyObject *)c->method);
    Py_VISIT(c->tags);
    Py_VISIT(c->context);
    Py_VISIT(c->ok);
    Py_VISIT(c->metadata);
    return 0;
}

static void dealloc(PyObject *self)
{
    struct rpc *c = self_of(self);
    PyObject_GC_UnTrack(self);
    if (c->fetch && !c->is_recorded)
        grpc_abandon(c);
    fetch_free(c->fetch);
    grpc_head_put(c->head);
    scratch_give(&c->out);
    grpc_reader_fini(&c->in);
    sbuf_fini(&c->details);
    Py_XDECREF(c->message);
    Py_XDECREF(c->metadata);
    Py_XDECREF(c->name);
    Py_XDECREF(c->tags);
    Py_XDECREF(c->context);
    Py_XDECREF(c->ok);
    Py_XDECREF((PyObject *)c->method);
    PyObject_GC_Del(self);
}

static PyMethodDef methods[] = {
    {"code", code, METH_NOARGS, "The status, when it is there."},
    {"details", details, METH_NOARGS, "What was said of the status."},
    {"initial_metadata", initial_metadata, METH_NOARGS, "What came before the messages."},
    {"trailing_metadata", trailing_metadata, METH_NOARGS, "What came with the status."},
    {"is_active", is_active, METH_NOARGS, "Whether there is no status yet."},
    {"time_remaining", time_remaining, METH_NOARGS, "Seconds up to the deadline, or None."},
    {"cancel", cancel, METH_NOARGS, "Ends it. Whether it was not over."},
    {"_receive", receive, METH_NOARGS, "The next message; StopIteration: no more."},
    {"_finish", finish, METH_NOARGS, "The answer."},
    {"_send", send, METH_O, "_send(bytes, or None for the end): False: the call is over."},
    {"_fail", fail, METH_O, "_fail(why): it ends with UNKNOWN."},
    {"_abandon", abandon, METH_NOARGS, "Nobody wants it any more."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"name", get_name, NULL, "Of its row.", NULL},
    {"_user", get_user, NULL, "Whose it is, or None.", NULL},
    {"_text", get_text, NULL, "Of its failure.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject grpc_call_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.GrpcCall",
    .tp_doc = "A call of gRPC.",
    .tp_basicsize = sizeof(struct rpc),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_HAVE_GC,
    .tp_dealloc = dealloc,
    .tp_traverse = traverse,
    .tp_methods = methods,
    .tp_getset = attributes,
};
