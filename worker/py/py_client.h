// SPDX-License-Identifier: MIT
#pragma once
/* py_client: the Python-visible HTTP clients. What all py_client_*.c files share; after Python.h.
 *
 * One C core serves two faces: HttpSession (requests' manners) and FastHttpSession (those of
 * geventhttpclient). The types here are bases; the classes people see are Python subclasses in
 * pylib (locust.clients, locust.contrib.fasthttp), so isinstance, overriding and new attributes
 * work as with the originals.
 *
 * Fast and plain road: a call that uses only what this file set understands is formatted, sent and
 * recorded in C. Anything else (hooks, custom auth, mounted adapters, files, proxies …) takes the
 * plain road: the real requests.Session machinery in pylib, whose adapter sends by
 * `_katydid.exchange` over the same connections. Functions that may have to give up the fast road
 * return ROAD_PLAIN and have no effect then.
 *
 * The headers stand on each other in this order: jar, json and glue alone; site, session, call,
 * response, record. Down them a request goes; a finished one is recorded from py_client_request.c.
 * What a response can be asked later (its with block, its text, its report) are methods of its
 * type, in py_client_response.c, on top of all; what those below read off one is in
 * py_client_parts.c.
 *
 * Everything runs on the loop thread with the GIL. Memory a libevent callback can reach (struct
 * park) is inside the Response, which the parked greenlet owns.
 */
#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"

/* CPython 3.11 wants char **, and does not write to it. */
#define KEYWORD_NAMES(names) ((char **)(uintptr_t)(names))

/* A buffer for a while, with the memory of one that was given back. Python may run, and another
 * request begin, between any two writes: so no two users ever share one. */
struct sbuf scratch_take(void);
void scratch_give(struct sbuf *buffer); /* empties it; nothing for an empty one */

enum road { ROAD_FAST, ROAD_PLAIN, ROAD_ERROR }; /* ERROR: a Python exception is set */

int py_client_init(PyObject *module);
int session_init(PyObject *module);
int response_init(PyObject *module);
int call_init(void);
int events_init(PyObject *module);
