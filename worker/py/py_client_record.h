// SPDX-License-Identifier: MIT
#pragma once
/* Recording: what becomes of a finished request (py_client_record.c), and its measures and sample
 * (py_client_measure.c). */
#include "worker/py/py_client_response.h"

struct measures;
/* What the statistics know of a finished call beyond its time: the answer, bytes and phases, of
 * redirects that led to it too. */
void measure_response(const struct response *r, uint64_t time_us, struct measures *measures);
/* Appends one sample (docs/wire.md) as msgpack: what was sent and received, secrets masked, bodies
 * up to body_max bytes. error: text or NULL. */
void measure_sample(struct response *r, const char *kind, const char *error, size_t body_max,
                    struct sbuf *out);
/* When the first request of the chain began: the date, for user code; and where it belongs on our
 * time axis. */
double measure_wall_start(struct response *r);
double measure_steady_start(struct response *r);
int measure_init(PyObject *module);

PyObject *record_meta(struct response *r); /* borrowed; made when asked for */
/* Tells the listeners (or the statistics) how r ended. -1 with what a listener raised. */
int record_outcome(struct response *r, PyObject *exception);
int record_fire(struct response *r);            /* the event, by request_meta as it is */
int record_default_outcome(struct response *r); /* by error and status */
/* A call that has no with block: by its __exit__ where code replaced that, as Locust's client
 * does. */
int record_without_block(struct response *r);
bool record_is_bad_status(const struct response *r);
PyObject *record_bad_status(struct response *r); /* new: what a FastHttpSession's is reported as */
PyObject *record_enter(struct response *r, PyObject *unused);
PyObject *record_exit(struct response *r, PyObject *const *args, Py_ssize_t count);
PyObject *record_success(struct response *r, PyObject *unused);
PyObject *record_failure(struct response *r, PyObject *why);
PyObject *record_raise_for_status(struct response *r, PyObject *unused);
void record_lost(struct response *r); /* never judged: discarded, if the target may have it */
/* Counts what the target has of r beside what is reported. Keeps an exception that is set. */
void record_aside(struct response *r, enum py_stats_aside what, unsigned n);
int record_aside_of(struct session *s, PyObject *method, PyObject *name, enum py_stats_aside what,
                    unsigned n);
void record_hook_events(void); /* tells the statistics what an event of ours knows */
