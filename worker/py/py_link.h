// SPDX-License-Identifier: MIT
#pragma once
/* py_link: _katydid.Link(endpoint, identity), the worker's end of the wire for Python.
 *
 *   send(bytes)          queues a payload; OSError when the queue is full
 *   recv() -> bytes      parks the calling greenlet until a payload is there; one at a time
 *   close(linger_ms=0)   waits that long for what was sent to leave; a parked recv raises OSError
 *   endpoint             as given
 *
 * _katydid.Server(endpoint) is a master's end, for masters in Python: send(node, bytes) raises
 * ConnectionError when no such node is connected; recv() -> (node, bytes); endpoint has the port
 * that was picked.
 */
#include <Python.h>

int py_link_init(PyObject *module);
