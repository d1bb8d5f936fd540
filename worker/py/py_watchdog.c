// SPDX-License-Identifier: MIT
/* py_watchdog: tells which line of Python keeps the loop from everybody else, and for how long.
 *
 * A thread looks at the loop's pulse every LOOK_MS. When it has not moved for the limit, one report
 * with a traceback is made, and one more with the total once the loop runs again.
 * Reading the stack needs the GIL, so a second thread does it: it gets the GIL at once while Python
 * code runs or a call into C has released it; else when that call returns, with the calling line on
 * top. The first thread never waits for the GIL: it says meanwhile that such a call is going on,
 * and when it has not returned for DUMP_MS, has faulthandler write the stack, which needs no GIL: a
 * signal makes it do so, in the loop's own thread, which stands still meanwhile.
 *
 * It also sees to it that a worker whose parent has died ends, even if it is blocked: the kernel
 * sends a signal at once; who is still there ORPHAN_MS later is ended.
 */
#include "worker/py/loop.h"
#include "worker/py/py_mod.h"
#include "common/base/clk.h"
#include "common/base/log.h"
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 50, GRACE_MS = 150, DUMP_MS = 10000, ORPHAN_MS = 30000 };
enum { DUMP_MAX = 16 * 1024, DUMP_TRIES = 10 };

static const char logger[] = "katydid.watchdog";

static struct {
    pthread_t watcher, witness;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_running;
    bool must_end;         /* under lock */
    uint64_t asked;        /* under lock: the pulse a traceback is wanted of; 0 = none */
    uint64_t since_ns;     /* under lock: when that began */
    _Atomic uint64_t seen; /* the pulse a traceback was logged of */
    uint64_t limit_ns;
    PyThreadState *loop_state;
    pthread_t loop_thread;
    int stack;          /* where faulthandler writes; 0 = not opened yet */
    _Atomic int parent; /* whose end is ours; 0 = nobody's */
    int parent_signal;
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* One stretch of time in which the pulse did not move. Only the watcher's. */
struct episode {
    uint64_t pulse, since_ns;
    uint64_t orphan_ns; /* since when the parent is known to be dead; 0 = it lives */
    bool is_asked, is_named, is_dumped;
};

static double seconds_since(uint64_t since_ns)
{
    return (double)(clk_mono_ns() - since_ns) / 1e9;
}

static bool is_stuck_at(uint64_t pulse)
{
    return atomic_load(&loop_pulse.count) == pulse && !atomic_load(&loop_pulse.is_polling);
}

/* ---- the witness: has the GIL ---------------------------------------------------------------- */

/* The loop thread's stack as people know it, new reference; NULL with an exception. */
static PyObject *format_stack(void)
{
    PyObject *frame = (PyObject *)PyThreadState_GetFrame(dog.loop_state); /* new */
    if (!frame)
        return PyUnicode_FromString("  (not in Python code)");
    PyObject *module = PyImport_ImportModule("traceback"); /* new */
    PyObject *lines = module ? PyObject_CallMethod(module, "format_stack", "O", frame) : NULL;
    PyObject *empty = PyUnicode_FromString(""); /* new */
    PyObject *joined = lines && empty ? PyUnicode_Join(empty, lines) : NULL;
    PyObject *text = joined ? PyObject_CallMethod(joined, "rstrip", NULL) : NULL;
    Py_XDECREF(joined);
    Py_XDECREF(empty);
    Py_XDECREF(lines);
    Py_XDECREF(module);
    Py_DECREF(frame);
    return text;
}

static void testify(uint64_t pulse, uint64_t since_ns)
{
    if (!is_stuck_at(pulse))
        return;
    atomic_store(&dog.seen, pulse);
    PyObject *text = format_stack(); /* new */
    const char *stack = text ? PyUnicode_AsUTF8(text) : NULL;
    log_warning(logger,
                "a greenlet has kept the event loop for %.1f s; all other users wait for it\n"
                "Traceback (most recent call last):\n%s",
                seconds_since(since_ns), stack ? stack : "  (not available)");
    Py_XDECREF(text);
    PyErr_Clear();
}

static void *run_witness(void *arg)
{
    pthread_mutex_lock(&dog.lock);
    while (!dog.must_end) {
        if (dog.asked == 0) {
            pthread_cond_wait(&dog.changed, &dog.lock);
            continue;
        }
        uint64_t pulse = dog.asked, since_ns = dog.since_ns;
        dog.asked = 0;
        pthread_mutex_unlock(&dog.lock);
        PyGILState_STATE state = PyGILState_Ensure();
        testify(pulse, since_ns);
        PyGILState_Release(state);
        pthread_mutex_lock(&dog.lock);
    }
    pthread_mutex_unlock(&dog.lock);
    return arg;
}

/* ---- the watcher: never waits for the GIL ---------------------------------------------------- */

static int dump_signal(void)
{
    return SIGRTMAX - 1; /* nobody's by convention */
}

static int prepare_dump(void)
{
    if (dog.stack == 0)
        dog.stack = memfd_create("katydid-stack", MFD_CLOEXEC);
    PyObject *module = PyImport_ImportModule("faulthandler"); /* new */
    PyObject *done = module ? PyObject_CallMethod(module, "register", "iiii", dump_signal(),
                                                  dog.stack, 0, 0) /* this thread, no chain */
                            : NULL;
    Py_XDECREF(done);
    Py_XDECREF(module);
    return done ? 0 : -1;
}

/* The bytes that faulthandler wrote at our signal; 0 when the thread could not be reached. */
static ssize_t read_dump(char *text, size_t size)
{
    if (ftruncate(dog.stack, 0) || lseek(dog.stack, 0, SEEK_SET) ||
        pthread_kill(dog.loop_thread, dump_signal()))
        return 0;
    struct stat before = {0}, now = {0};
    for (int i = 0; i < DUMP_TRIES && (now.st_size == 0 || now.st_size != before.st_size); i++) {
        before = now;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
        if (fstat(dog.stack, &now))
            return 0;
    }
    return pread(dog.stack, text, size, 0);
}

static void log_dump(const struct episode *e)
{
    char text[DUMP_MAX + 1] = "";
    ssize_t len = read_dump(text, DUMP_MAX);
    while (len > 0 && text[len - 1] == '\n')
        len--;
    text[len > 0 ? len : 0] = '\0';
    log_warning(logger, "a call into C has kept the event loop for %.1f s and does not return\n%s",
                seconds_since(e->since_ns), text);
}

static void ask(struct episode *e)
{
    pthread_mutex_lock(&dog.lock);
    dog.asked = e->pulse;
    dog.since_ns = e->since_ns;
    pthread_cond_broadcast(&dog.changed);
    pthread_mutex_unlock(&dog.lock);
    e->is_asked = true;
}

static void watch(struct episode *e, uint64_t now)
{
    uint64_t stuck = now - e->since_ns;
    if (stuck < dog.limit_ns)
        return;
    if (!e->is_asked)
        ask(e);
    if (atomic_load(&dog.seen) == e->pulse)
        return;
    if (!e->is_named && stuck >= dog.limit_ns + GRACE_MS * UINT64_C(1000000)) {
        log_warning(logger,
                    "a greenlet has kept the event loop for %.1f s, in a call into C; all other "
                    "users wait for it. Its traceback follows when the call returns",
                    seconds_since(e->since_ns));
        e->is_named = true;
    }
    if (!e->is_dumped && stuck >= DUMP_MS * UINT64_C(1000000)) {
        log_dump(e);
        e->is_dumped = true;
    }
}

static void look_after_orphan(struct episode *e, uint64_t now)
{
    int parent = atomic_load(&dog.parent);
    if (parent == 0 || getppid() == parent)
        return;
    if (e->orphan_ns == 0)
        e->orphan_ns = now;
    else if (now - e->orphan_ns >= ORPHAN_MS * UINT64_C(1000000))
        _exit(128 + dog.parent_signal);
}

static void look(struct episode *e)
{
    uint64_t now = clk_mono_ns();
    look_after_orphan(e, now);
    if (is_stuck_at(e->pulse)) {
        watch(e, now);
        return;
    }
    if (e->is_named || (e->is_asked && atomic_load(&dog.seen) == e->pulse))
        log_warning(logger, "the event loop runs again; it stood still for %.1f s",
                    seconds_since(e->since_ns));
    *e = (struct episode){
        .pulse = atomic_load(&loop_pulse.count), .since_ns = now, .orphan_ns = e->orphan_ns};
}

static void *run_watcher(void *arg)
{
    struct episode e = {.since_ns = clk_mono_ns()};
    pthread_mutex_lock(&dog.lock);
    while (!dog.must_end) {
        clk_cond_wait(&dog.changed, &dog.lock, clk_mono_ns() + LOOK_MS * UINT64_C(1000000));
        pthread_mutex_unlock(&dog.lock);
        look(&e);
        pthread_mutex_lock(&dog.lock);
    }
    pthread_mutex_unlock(&dog.lock);
    return arg;
}

static void stop(void)
{
    if (!dog.is_running)
        return;
    pthread_mutex_lock(&dog.lock);
    dog.must_end = true;
    pthread_cond_broadcast(&dog.changed);
    pthread_mutex_unlock(&dog.lock);
    Py_BEGIN_ALLOW_THREADS pthread_join(dog.watcher, NULL);
    pthread_join(dog.witness, NULL);
    Py_END_ALLOW_THREADS dog.is_running = dog.must_end = false;
}

/* In the child of a fork there are no such threads. */
static void forget(void)
{
    dog.is_running = false;
    atomic_store(&dog.parent, 0);
}

static int start(double limit)
{
    dog.limit_ns = (uint64_t)(limit * 1e9);
    dog.loop_state = PyThreadState_Get();
    dog.loop_thread = pthread_self();
    dog.asked = 0;
    if (prepare_dump())
        return -1;
    int rc = pthread_create(&dog.witness, NULL, run_witness, NULL);
    if (rc == 0)
        rc = pthread_create(&dog.watcher, NULL, run_watcher, NULL);
    if (rc) { /* a witness alone does nothing */
        errno = rc;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    dog.is_running = true;
    return 0;
}

static PyObject *watchdog(PyObject *module, PyObject *args)
{
    (void)module;
    double limit;
    if (!PyArg_ParseTuple(args, "d:watchdog", &limit))
        return NULL;
    if (!hub_is_here() || isnan(limit) || limit > LOOP_MAX_SECONDS)
        return PyErr_Format(PyExc_ValueError, "watchdog: main thread only, and a sensible limit");
    PyObject *traceback = PyImport_ImportModule("traceback"); /* not in the middle of user code */
    if (!traceback)
        return NULL;
    Py_DECREF(traceback);
    stop();
    if (limit > 0 && start(limit))
        return NULL;
    Py_RETURN_NONE;
}

/* Asks for a signal at the parent's death; at once when it is dead already. */
static PyObject *follow_parent(PyObject *module, PyObject *args)
{
    (void)module;
    int pid, number;
    if (!PyArg_ParseTuple(args, "ii", &pid, &number))
        return NULL;
    if (prctl(PR_SET_PDEATHSIG, number))
        return PyErr_SetFromErrno(PyExc_OSError);
    dog.parent_signal = number;
    atomic_store(&dog.parent, pid);
    if (getppid() != pid)
        raise(number);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"follow_parent", follow_parent, METH_VARARGS,
     "follow_parent(pid, signal): be sent the signal when the parent process ends"},
    {"watchdog", watchdog, METH_VARARGS,
     "watchdog(seconds): log who keeps the loop longer than that; 0 ends it"},
    {0},
};

int py_watchdog_init(PyObject *module)
{
    pthread_atfork(NULL, NULL, forget);
    return PyModule_AddFunctions(module, methods);
}
