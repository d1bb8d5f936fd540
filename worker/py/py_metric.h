// SPDX-License-Identifier: MIT
#pragma once
/* py_metric: what C counts in a metric that Python code holds. After Python.h. */
struct series;

/* The series of a _katydid.Metric with these tags (a dict or None). NULL with an exception. */
struct series *py_metric_series(PyObject *metric, PyObject *tags);
