// SPDX-License-Identifier: MIT
/* py_stack: a user's greenlet keeps its Python frames in less than a page.
 *
 * The frames of a greenlet lie in chunks, of which CPython takes the first when it runs its first
 * Python function: 16 KiB, one page of which is resident while a user waits, though its six frames
 * take 1.1 KB. Here a user brings a first chunk of its own, in which these and a task fit. What
 * they call beyond that gets a chunk of CPython's in addition, and gives it back when it returns,
 * for the next user to take while it is in the processor's caches.
 * CPython believes what a chunk says of its own size, and whoever ends a greenlet gives each to the
 * arena allocator, which is ours (arena.c).
 */
#include "worker/py/arena.h"
#include "worker/py/py_mod.h"

static PyObject *body; /* of every user's greenlet */

/* Before the first Python function of a greenlet: afterwards CPython has made a chunk. */
static void begin_small(PyThreadState *state)
{
    if (state->datastack_chunk)
        return;
    _PyStackChunk *chunk = arena_small_chunk();
    if (!chunk)
        return;
    chunk->previous = NULL;
    chunk->size = ARENA_SMALL;
    chunk->top = 0;
    state->datastack_chunk = chunk;
    state->datastack_limit = (PyObject **)(void *)((char *)chunk + ARENA_SMALL);
    state->datastack_top = &chunk->data[1]; /* a first chunk that looks empty would be popped */
}

static PyObject *run_user(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
    (void)module;
    begin_small(PyThreadState_Get());
    return PyObject_Vectorcall(body, args, (size_t)n, NULL);
}

/* Without a `self`: gevent shows a greenlet by the name of what it runs. */
static PyObject *small_stack(PyObject *module, PyObject *function)
{
    (void)module;
    static PyMethodDef def = {"_run_user", (PyCFunction)(void (*)(void))run_user, METH_FASTCALL,
                              NULL};
    Py_XSETREF(body, Py_NewRef(function));
    return PyCFunction_New(&def, NULL);
}

static PyMethodDef methods[] = {
    {"small_stack", small_stack, METH_O,
     "small_stack(function): what calls it, for the greenlets of users to run"},
    {0},
};

int py_stack_init(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
