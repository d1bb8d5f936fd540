// SPDX-License-Identifier: MIT
#pragma once
/* clock: time and chance, as whoever makes the master passes them in. A test passes its own. */
#include "common/run/run.h"
#include <stddef.h>

struct clock {
    struct run_clock (*now)(void *arg); /* monotonic and steady seconds */
    double (*wall)(void *arg);          /* unix seconds: a label only */
    double (*boot)(void *arg);          /* seconds; goes on while the machine is suspended */
    void (*random)(void *arg, void *bytes, size_t len);
    void *arg;
};
