// SPDX-License-Identifier: MIT
#pragma once
/* py_journal_parts: what py_journal.c (requests), py_journal_values.c (values of other metrics) and
 * py_journal_source.c (whose they are) share; nobody else. With the GIL. */
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "worker/journal/journal.h"

struct tags;

extern struct journal_files {
    struct journals *journals;
    PyObject *run_tags; /* dict that all have; owned */
    uint64_t ahead_us;  /* unix time less that of the monotonic clock */
    unsigned waiting;   /* threads that wait for room */
    bool is_ended;      /* the files are being closed: what comes now is in none of them */
} journal_files;
void journal_files_wait(struct journals *js, unsigned which); /* without the GIL */

struct source_text {
    struct journal_text text;
    PyObject *keep; /* owned, or NULL */
};
/* Of any object, by its str; None and what has none are "". */
struct source_text sources_text(PyObject *o);
void sources_pack(struct sbuf *texts, PyObject *o);

struct sources { /* tags, the nearest first; each a dict that is not empty, or NULL; owned */
    PyObject *request, *user, *sample, *run;
};
/* The user's code may run in all of these. user, tags: or NULL, None. */
void sources_get(struct sources *from, PyObject *user, PyObject *tags);
void sources_drop(struct sources *from);
/* Class, scenario and group. more: tags that win, or NULL. */
void sources_pack_user(struct sbuf *texts, const struct sources *from, const struct tags *more,
                       PyObject *class, PyObject *group);
/* All others. */
void sources_pack_tags(struct sbuf *texts, const struct sources *from, const struct tags *more);

PyObject *sources_class(PyObject *user); /* borrowed, or NULL: its name */
uint32_t sources_number(PyObject *user); /* which all of its sessions have; 0: it is none */
void sources_init(void);                 /* may leave an exception */

/* py_journal_values.c: beginning and end of the files. */
void py_journal_values_open(void);
void py_journal_values_forget(void); /* which places have which tags */
void py_journal_values_close(void);
