// SPDX-License-Identifier: MIT
/* _katydid.GrpcChannel, where calls go, and _katydid.GrpcMethod, what generated stubs call.
 *
 * A method of one request and one answer is called here from its arguments to its answer; those of
 * streams begin here (_start), and are what katydid.grpc makes of the call.
 */
#include "worker/py/py_arguments.h"
#include "worker/py/py_client_glue.h"
#include "worker/py/py_grpc.h"

#include <stddef.h>
#include <string.h>

#include "worker/grpc/text.h"

struct grpc_glue grpc_glue;

/* ---- channel -------------------------------------------------------------------------------- */

static int fill_tls(struct fetch_target *t, PyObject *tls)
{
    int verify = 1;
    t->tls = tls != Py_None;
    if (!t->tls)
        return 0;
    struct fetch_tls *p = &t->tls_profile;
    if (!PyArg_ParseTuple(tls, "pzzzz", &verify, &p->ca_file, &p->cert_file, &p->key_file,
                          &p->name))
        return -1;
    p->verify = verify;
    return 0;
}

static bool is_word(PyObject *text)
{
    return PyUnicode_IS_ASCII(text) &&
           grpc_is_value(PyUnicode_DATA(text), (size_t)PyUnicode_GET_LENGTH(text)) &&
           !memchr(PyUnicode_DATA(text), ' ', (size_t)PyUnicode_GET_LENGTH(text));
}

/* GrpcChannel(session, host, port, authority, user_agent, tls, max_send, max_receive, compression,
 * metadata, timeout); tls: None, or (verify, ca, certificate, key, name of the server), paths or
 * None. */
static PyObject *channel_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct session *session;
    const char *host;
    unsigned short port;
    PyObject *authority, *agent, *tls, *metadata;
    unsigned long long max_send, max_receive;
    int coding;
    double timeout;
    if (kwargs && PyDict_GET_SIZE(kwargs))
        return PyErr_Format(PyExc_TypeError, "GrpcChannel() takes no keyword arguments");
    if (!PyArg_ParseTuple(args, "O!sHUUOKKiOd:GrpcChannel", session_type, &session, &host, &port,
                          &authority, &agent, &tls, &max_send, &max_receive, &coding, &metadata,
                          &timeout))
        return NULL;
    if (!is_word(authority) || !PyUnicode_IS_ASCII(agent))
        return PyErr_Format(PyExc_ValueError, "not an authority: %R", authority);
    if (coding < 0 || coding >= GRPC_CODINGS)
        return PyErr_Format(PyExc_ValueError, "compression is one of grpc.Compression");
    struct fetch_engine *engine = site_engine();
    struct fetch_target target = {
        .host = host, .port = port, .protocols = client_protocols(HTTP2_ONLY)};
    if (!engine || fill_tls(&target, tls) < 0)
        return NULL;
    struct grpc_channel *c = (struct grpc_channel *)type->tp_alloc(type, 0);
    if (!c)
        return NULL;
    c->session = (struct session *)Py_NewRef((PyObject *)session);
    c->origin = fetch_origin_get(engine, &target);
    c->authority = Py_NewRef(authority);
    c->user_agent = Py_NewRef(agent);
    c->metadata = is_given(metadata) ? Py_NewRef(metadata) : NULL;
    c->root = PyUnicode_FromFormat("%s://%U", target.tls ? "https" : "http", authority);
    c->timeout = timeout;
    c->max_send = max_send < UINT32_MAX ? max_send : UINT32_MAX;
    c->max_receive = max_receive < UINT32_MAX ? max_receive : UINT32_MAX;
    c->coding = (enum grpc_coding)coding;
    if (!c->root)
        Py_CLEAR(c);
    return (PyObject *)c;
}

/* A user has its channel, whose session has the user. Nothing is cleared here: the session and the
 * user let go of each other, and calls need what they have until they are gone. */
static int channel_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct grpc_channel *c = (struct grpc_channel *)self;
    Py_VISIT((PyObject *)c->session);
    Py_VISIT(c->metadata);
    return 0;
}

static void channel_dealloc(PyObject *self)
{
    struct grpc_channel *c = (struct grpc_channel *)self;
    PyObject_GC_UnTrack(self);
    if (c->origin)
        fetch_origin_put(c->origin);
    Py_XDECREF((PyObject *)c->session);
    Py_XDECREF(c->authority);
    Py_XDECREF(c->user_agent);
    Py_XDECREF(c->metadata);
    Py_XDECREF(c->root);
    Py_TYPE(self)->tp_free(self);
}

PyTypeObject grpc_channel_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.GrpcChannel",
    .tp_doc = "Where gRPC calls go.",
    .tp_basicsize = sizeof(struct grpc_channel),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = channel_new,
    .tp_traverse = channel_traverse,
    .tp_dealloc = channel_dealloc,
};

/* ---- arguments ------------------------------------------------------------------------------ */

static struct argument list[] = {
    {"request", offsetof(struct grpc_args, request), NULL},
    {"timeout", offsetof(struct grpc_args, timeout), NULL},
    {"metadata", offsetof(struct grpc_args, metadata), NULL},
    {"credentials", offsetof(struct grpc_args, credentials), NULL},
    {"wait_for_ready", offsetof(struct grpc_args, wait_for_ready), NULL},
    {"compression", offsetof(struct grpc_args, compression), NULL},
    {"name", offsetof(struct grpc_args, name), NULL},
    {"tags", offsetof(struct grpc_args, tags), NULL},
    {"context", offsetof(struct grpc_args, context), NULL},
    {"ok", offsetof(struct grpc_args, ok), NULL},
    {"request_iterator", offsetof(struct grpc_args, request), NULL},
};
static const struct arguments arguments = {list, sizeof list / sizeof *list, 6};

static int parse(struct grpc_args *a, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    *a = (struct grpc_args){0};
    return arguments_parse(&arguments, a, args, count, kwnames);
}

/* ---- calls ---------------------------------------------------------------------------------- */

/* The request as bytes (new). */
static PyObject *serialized(const struct grpc_method *m, PyObject *request)
{
    PyObject *bytes =
        m->serialize ? PyObject_CallOneArg(m->serialize, request) : Py_NewRef(request);
    if (bytes && !PyBytes_Check(bytes)) {
        PyErr_Format(PyExc_TypeError, "a serialized message is bytes, not %s",
                     Py_TYPE(bytes)->tp_name);
        Py_CLEAR(bytes);
    }
    return bytes;
}

static int wait_while_held(const struct grpc_method *m)
{
    PyObject *hold = Py_NewRef(client_hold), *user = m->channel->session->user;
    PyObject *answer = PyObject_CallOneArg(hold, user ? user : Py_None);
    Py_DECREF(hold);
    Py_XDECREF(answer);
    return answer ? 0 : -1;
}

static struct rpc *begin(struct grpc_method *m, const struct grpc_args *a)
{
    if (client_hold && wait_while_held(m) < 0)
        return NULL;
    PyObject *message = m->is_in_pieces ? NULL : serialized(m, a->request);
    if (!message && !m->is_in_pieces)
        return NULL;
    struct rpc *c = grpc_call_new(m, a);
    if (c && grpc_begin(c, message) < 0) {
        c->is_recorded = true;
        Py_CLEAR(c);
    }
    Py_XDECREF(message);
    return c;
}

/* The answer; *call, where it is asked for, is the call (new). */
static PyObject *call_unary(struct grpc_method *m, const struct grpc_args *a, PyObject **call)
{
    if (m->is_stream || m->is_in_pieces)
        return PyErr_Format(PyExc_TypeError, "%U is of streams", m->path);
    struct rpc *c = begin(m, a);
    if (!c)
        return NULL;
    PyObject *answer = grpc_answer(c);
    if (answer && call)
        *call = Py_NewRef((PyObject *)c);
    Py_DECREF(c);
    return answer;
}

static PyObject *method_call(PyObject *self, PyObject *const *args, size_t nargs, PyObject *kwnames)
{
    struct grpc_args a;
    if (parse(&a, args, PyVectorcall_NARGS(nargs), kwnames) < 0)
        return NULL;
    return call_unary((struct grpc_method *)self, &a, NULL);
}

static PyObject *with_call(PyObject *self, PyObject *const *args, Py_ssize_t count,
                           PyObject *kwnames)
{
    struct grpc_args a;
    PyObject *call = NULL;
    if (parse(&a, args, count, kwnames) < 0)
        return NULL;
    PyObject *answer = call_unary((struct grpc_method *)self, &a, &call);
    return answer ? Py_BuildValue("(NN)", answer, call) : NULL;
}

/* _start(request, …): a call that has begun; of requests that come one by one, without any. */
static PyObject *start(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    struct grpc_args a;
    if (parse(&a, args, count, kwnames) < 0)
        return NULL;
    return (PyObject *)begin((struct grpc_method *)self, &a);
}

static PyObject *future(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    PyObject *call = start(self, args, count, kwnames);
    PyObject *object = call ? PyObject_CallOneArg(grpc_glue.future, call) : NULL;
    Py_XDECREF(call);
    return object;
}

/* ---- method --------------------------------------------------------------------------------- */

/* GrpcMethod(channel, path, serialize, deserialize, requests are a stream, answers are a stream) */
static PyObject *method_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *channel, *path, *serialize, *deserialize;
    int is_in_pieces = 0, is_stream = 0;
    if (kwargs && PyDict_GET_SIZE(kwargs))
        return PyErr_Format(PyExc_TypeError, "GrpcMethod() takes no keyword arguments");
    if (!PyArg_ParseTuple(args, "O!UOO|pp:GrpcMethod", &grpc_channel_type, &channel, &path,
                          &serialize, &deserialize, &is_in_pieces, &is_stream))
        return NULL;
    if (!is_word(path) || PyUnicode_ReadChar(path, 0) != '/')
        return PyErr_Format(PyExc_ValueError, "not a method: %R", path);
    struct grpc_method *m = (struct grpc_method *)type->tp_alloc(type, 0);
    if (!m)
        return NULL;
    m->vectorcall = method_call;
    m->channel = (struct grpc_channel *)Py_NewRef(channel);
    m->path = Py_NewRef(path);
    m->serialize = serialize == Py_None ? NULL : Py_NewRef(serialize);
    m->deserialize = deserialize == Py_None ? NULL : Py_NewRef(deserialize);
    m->is_in_pieces = is_in_pieces;
    m->is_stream = is_stream;
    return (PyObject *)m;
}

static int method_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct grpc_method *m = (struct grpc_method *)self;
    Py_VISIT((PyObject *)m->channel);
    Py_VISIT(m->serialize);
    Py_VISIT(m->deserialize);
    return 0;
}

static void method_dealloc(PyObject *self)
{
    struct grpc_method *m = (struct grpc_method *)self;
    PyObject_GC_UnTrack(self);
    grpc_head_put(m->head);
    Py_XDECREF((PyObject *)m->channel);
    Py_XDECREF(m->path);
    Py_XDECREF(m->url);
    Py_XDECREF(m->serialize);
    Py_XDECREF(m->deserialize);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *get_path(PyObject *self, void *unused)
{
    (void)unused;
    return Py_NewRef(((struct grpc_method *)self)->path);
}

static PyObject *get_serialize(PyObject *self, void *unused)
{
    (void)unused;
    PyObject *f = ((struct grpc_method *)self)->serialize;
    return Py_NewRef(f ? f : Py_None);
}

static PyObject *get_deserialize(PyObject *self, void *unused)
{
    (void)unused;
    PyObject *f = ((struct grpc_method *)self)->deserialize;
    return Py_NewRef(f ? f : Py_None);
}

#define WITH_KEYWORDS(f) ((PyCFunction)(void (*)(void))(f)), METH_FASTCALL | METH_KEYWORDS
static PyMethodDef methods[] = {
    {"with_call", WITH_KEYWORDS(with_call), "The answer, and its call."},
    {"future", WITH_KEYWORDS(future), "The call, as a future."},
    {"_start", WITH_KEYWORDS(start), "The call, which has begun."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"path", get_path, NULL, "/package.Service/Method", NULL},
    {"_serialize", get_serialize, NULL, "Makes bytes of a request, or None.", NULL},
    {"_deserialize", get_deserialize, NULL, "Makes an answer of bytes, or None.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject grpc_method_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.GrpcMethod",
    .tp_doc = "A method of a service: what generated stubs call.",
    .tp_basicsize = sizeof(struct grpc_method),
    .tp_flags =
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC,
    .tp_new = method_new,
    .tp_traverse = method_traverse,
    .tp_dealloc = method_dealloc,
    .tp_vectorcall_offset = offsetof(struct grpc_method, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_methods = methods,
    .tp_getset = attributes,
};

/* ---- the module ----------------------------------------------------------------------------- */

/* grpc_bind(codes, error, metadatum, future) */
static PyObject *bind(PyObject *module, PyObject *args)
{
    struct grpc_glue given;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!OOO:grpc_bind", &PyTuple_Type, &given.codes, &given.error,
                          &given.metadatum, &given.future))
        return NULL;
    if (PyTuple_GET_SIZE(given.codes) != GRPC_STATUS_COUNT)
        return PyErr_Format(PyExc_ValueError, "there are %d status codes", GRPC_STATUS_COUNT);
    Py_XSETREF(grpc_glue.codes, Py_NewRef(given.codes));
    Py_XSETREF(grpc_glue.error, Py_NewRef(given.error));
    Py_XSETREF(grpc_glue.metadatum, Py_NewRef(given.metadatum));
    Py_XSETREF(grpc_glue.future, Py_NewRef(given.future));
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"grpc_bind", bind, METH_VARARGS, "Binds the Python half of gRPC."},
    {NULL, NULL, 0, NULL},
};

int py_grpc_init(PyObject *module)
{
    if (arguments_init(&arguments) < 0 || PyModule_AddType(module, &grpc_channel_type) < 0 ||
        PyModule_AddType(module, &grpc_method_type) < 0 ||
        PyModule_AddType(module, &grpc_call_type) < 0)
        return -1;
    grpc_record_hook();
    return PyModule_AddFunctions(module, functions);
}
