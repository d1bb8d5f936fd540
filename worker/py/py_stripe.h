// SPDX-License-Identifier: MIT
#pragma once
/* py_stripe: a share, as the master says it. Include after Python.h. */
#include "common/plan/stripe.h"

/* For "O&": the list [from, offset, stride, width, step, cycle] into a struct stripe. 0: it is
 * none, with an exception. */
int py_stripe(PyObject *list, void *stripe);
