// SPDX-License-Identifier: MIT
#include "worker/py/py_mod.h"
#include "worker/py/py_stripe.h"

#define NUMBERS 6

/* 0 and false where it is no number of that size. */
static uint64_t number_at(PyObject *list, Py_ssize_t i, uint64_t most, bool *is_good)
{
    const unsigned long long n = PyLong_AsUnsignedLongLong(PySequence_Fast_GET_ITEM(list, i));
    *is_good = *is_good && !PyErr_Occurred() && n <= most;
    return *is_good ? n : 0;
}

int py_stripe(PyObject *list, void *stripe)
{
    struct stripe s = {.from = 0};
    bool is_good = (PyList_Check(list) || PyTuple_Check(list)) && Py_SIZE(list) == NUMBERS;
    if (is_good) {
        s.from = number_at(list, 0, UINT64_MAX, &is_good);
        s.offset = (uint32_t)number_at(list, 1, UINT32_MAX, &is_good);
        s.stride = (uint32_t)number_at(list, 2, UINT32_MAX, &is_good);
        s.width = (uint32_t)number_at(list, 3, UINT32_MAX, &is_good);
        s.step = (uint32_t)number_at(list, 4, UINT32_MAX, &is_good);
        s.cycle = (uint32_t)number_at(list, 5, UINT32_MAX, &is_good);
    }
    *(struct stripe *)stripe = s;
    if (is_good && stripe_is_sound(&s))
        return 1;
    PyErr_Clear();
    PyErr_Format(PyExc_ValueError, "no share: %R", list);
    return 0;
}
