// SPDX-License-Identifier: MIT
/* py_mod: puts the module _katydid together; reads like its table of contents. */
#include "worker/py/py_mod.h"
#include "worker/py/py_client.h"
#include "worker/py/py_grpc.h"
#include "worker/py/py_journal.h"
#include "worker/py/py_link.h"
#include "worker/py/py_samples.h"
#include "worker/py/py_series.h"
#include "worker/py/py_stats.h"
#include "worker/py/py_trace.h"
#include "worker/py/py_websocket.h"

static int exec(PyObject *module)
{
    int (*const parts[])(PyObject *) = {
        py_hub_init,      py_loop_init,     py_guest_init,          py_health_init,
        py_watchdog_init, py_stats_init,    py_link_init,           py_client_init,
        py_samples_init,  py_dispatch_init, py_lines_init,          py_series_init,
        py_metric_init,   py_group_init,    py_check_init,          py_tags_init,
        py_machine_init,  py_arrivals_init, py_late_init,           py_journal_init,
        py_trace_init,    py_grpc_init,     py_websocket_init,      py_throttle_init,
        py_process_init,  py_stack_init,    py_journal_values_init,
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i](module))
            return -1;
    return 0;
}

PyMODINIT_FUNC PyInit__katydid(void)
{
    static PyModuleDef_Slot slots[] = {{Py_mod_exec, exec}, {0}};
    static struct PyModuleDef def = {
        PyModuleDef_HEAD_INIT,
        .m_name = "_katydid",
        .m_doc = "The C core of a Katydid worker.",
        .m_slots = slots,
    };
    return PyModuleDef_Init(&def);
}
