// SPDX-License-Identifier: MIT
/* embed: one isolated CPython in this process.
 *
 * Isolated, so that the user's environment cannot break the worker; of the PYTHON* variables only
 * PYTHONPATH (katydid_boot), PYTHONDONTWRITEBYTECODE and PYTHONUNBUFFERED count. The program is the
 * Python that was built for, whose library this one is linked with, so that its packages are found:
 * KATYDID_PYTHON, or where that is empty, the private environment beside the programs
 * (setup/python.py). An active virtual environment is added by katydid_boot. UTF-8 mode always.
 * katydid_boot is found beside the executable: ../lib/katydid/pylib when installed,
 * ../worker/pylib (one or two levels up) in the source tree; KATYDID_PYLIB wins.
 */
#include "worker/py/embed.h"
#include "worker/net/tls.h"
#include "worker/py/arena.h"
#include "worker/py/py_mod.h"
#include "worker/py/py_process.h"
#include <limits.h>
#include <libgen.h>
#include <stdbool.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CODE_BROKEN = 1 };

static int fail(PyStatus status)
{
    fprintf(stderr, "katydid-worker: cannot start Python: %s%s%s\n", status.func ? status.func : "",
            status.func ? ": " : "", status.err_msg ? status.err_msg : "unknown error");
    return PyStatus_IsExit(status) ? status.exitcode : CODE_BROKEN;
}

/* ---- where our Python files are ------------------------------------------------------------- */

static bool has(const char *dir, const char *file)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", dir, file);
    return len < (int)sizeof path && access(path, R_OK) == 0;
}

static bool has_boot(const char *dir)
{
    return has(dir, "katydid_boot/__init__.py");
}

/* The first of these folders, relative to that of the executable, that has the file. */
static bool find_beside(char out[PATH_MAX], const char *const *folders, const char *file)
{
    char exe[PATH_MAX], path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (len < 0)
        return false;
    exe[len] = '\0';
    const char *dir = dirname(exe);
    for (; *folders; folders++) {
        int n = snprintf(path, sizeof path, "%s/%s", dir, *folders);
        if (n < (int)sizeof path && has(path, file))
            return realpath(path, out) != NULL;
    }
    return false;
}

static bool find_pylib(char out[PATH_MAX])
{
    static const char *const beside[] = {"../lib/katydid/pylib", "../share/katydid/pylib",
                                         "../worker/pylib", "../../worker/pylib", NULL};
    const char *given = getenv("KATYDID_PYLIB");
    if (given && *given)
        return realpath(given, out) != NULL;
    return find_beside(out, beside, "katydid_boot/__init__.py");
}

static bool find_python(char out[PATH_MAX])
{
    static const char *const beside[] = {"../lib/katydid/venv-python/bin", "venv-python/bin",
                                         "../venv-python/bin", NULL};
    char dir[PATH_MAX];
    int len = 0;
    if (*KATYDID_PYTHON)
        len = snprintf(out, PATH_MAX, "%s", KATYDID_PYTHON);
    else if (find_beside(dir, beside, "python3"))
        len = snprintf(out, PATH_MAX, "%s/python3", dir);
    return len > 0 && len < PATH_MAX;
}

/* ---- start ---------------------------------------------------------------------------------- */

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

static PyStatus preinitialize(void)
{
    PyPreConfig pre;
    PyPreConfig_InitIsolatedConfig(&pre);
    pre.utf8_mode = 1;
#ifdef KATYDID_SANITIZE
    pre.allocator = PYMEM_ALLOCATOR_MALLOC;
#endif
    return Py_PreInitialize(&pre);
}

static PyStatus configure(PyConfig *config, int argc, char **argv)
{
    PyConfig_InitIsolatedConfig(config);
    config->parse_argv = 0;
    config->user_site_directory = !is_set("VIRTUAL_ENV") && !is_set("PYTHONNOUSERSITE");
    config->write_bytecode = !is_set("PYTHONDONTWRITEBYTECODE");
    config->buffered_stdio = !is_set("PYTHONUNBUFFERED");
    char python[PATH_MAX];
    if (!find_python(python))
        return PyStatus_Error("its private Python environment is missing; reinstall Katydid");
    PyStatus status = PyConfig_SetBytesString(config, &config->program_name, python);
    if (!PyStatus_Exception(status))
        status = PyConfig_SetBytesArgv(config, argc, argv);
    return status;
}

static PyStatus start_python(int argc, char **argv)
{
    PyStatus status = preinitialize();
    if (PyStatus_Exception(status))
        return status;
    arena_install();
    if (PyImport_AppendInittab("_katydid", PyInit__katydid) < 0)
        return PyStatus_NoMemory();
    PyConfig config;
    status = configure(&config, argc, argv);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    return status;
}

/* ---- run ------------------------------------------------------------------------------------ */

static int insert_path(const char *pylib)
{
    PyObject *path = PySys_GetObject("path");         /* borrowed */
    PyObject *dir = PyUnicode_DecodeFSDefault(pylib); /* new */
    int rc = path && dir ? PyList_Insert(path, 0, dir) : -1;
    Py_XDECREF(dir);
    return rc;
}

static PyObject *call_boot(enum embed_mode mode, int argc, char **argv)
{
    PyObject *args = PyList_New(0); /* new */
    for (int i = 0; args && i < argc; i++) {
        PyObject *word = PyUnicode_DecodeFSDefault(argv[i]); /* new */
        if (!word || PyList_Append(args, word))
            Py_CLEAR(args);
        Py_XDECREF(word);
    }
    PyObject *boot = args ? PyImport_ImportModule("katydid_boot") : NULL; /* new */
    const char *func = mode == EMBED_WORKER ? "run_worker" : "run_script";
    PyObject *result = boot ? PyObject_CallMethod(boot, func, "O", args) : NULL;
    Py_XDECREF(boot);
    Py_XDECREF(args);
    return result;
}

/* The current exception in one line: katydid_boot reports everything else itself. */
static void report_error(void)
{
    PyObject *type, *value, *tb;
    PyErr_Fetch(&type, &value, &tb);
    PyErr_NormalizeException(&type, &value, &tb);
    PyObject *text = value ? PyObject_Str(value) : NULL; /* new */
    const char *message = text ? PyUnicode_AsUTF8(text) : NULL;
    fprintf(stderr, "katydid-worker: cannot start: %s: %s\n",
            type ? ((PyTypeObject *)type)->tp_name : "error", message ? message : "unknown");
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(tb);
    PyErr_Clear();
}

static int run(enum embed_mode mode, int argc, char **argv)
{
    char pylib[PATH_MAX];
    if (!find_pylib(pylib) || !has_boot(pylib)) {
        fprintf(stderr,
                "katydid-worker: its Python files are missing: no katydid_boot in %s. "
                "Reinstall Katydid, or set KATYDID_PYLIB to its pylib folder.\n",
                is_set("KATYDID_PYLIB") ? getenv("KATYDID_PYLIB") : "../lib/katydid/pylib");
        return CODE_BROKEN;
    }
    PyObject *result = insert_path(pylib) ? NULL : call_boot(mode, argc, argv);
    long code = result ? PyLong_AsLong(result) : -1;
    if (PyErr_Occurred()) {
        report_error();
        code = CODE_BROKEN;
    }
    Py_XDECREF(result);
    return (int)code & 0xff;
}

/* ---- end ------------------------------------------------------------------------------------ */

static int finalize(int code)
{
    py_process_end_soon(code);
    int rc = Py_FinalizeEx();
    py_process_settle();
    return rc < 0 && code == 0 ? 120 : code; /* as python does when flushing fails */
}

int embed_run(enum embed_mode mode, int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* isolated Python leaves that to its host */
    py_process_raise_limit();
    tls_keep_buffers();
    PyStatus status = start_python(argc, argv);
    if (PyStatus_Exception(status))
        return fail(status);
    int code = run(mode, argc, argv);
    return finalize(code);
}

void embed_print_version(const char *name)
{
    const char *version = Py_GetVersion(); /* "3.11.2 (main, …) [GCC …]" */
    printf("%s (Python %.*s)\n", name, (int)strcspn(version, " "), version);
    fflush(stdout);
}
