// SPDX-License-Identifier: MIT
#pragma once
/* happened: the events of a run (events.h) that came since the push before, for the marks on
 * others' charts: stages, thresholds that fail, workers that come and go. Pure. */
#include "master/data/events.h"
#include "master/sink/courier.h"

void happened_since(const struct moment *m, void (*take)(void *arg, const struct run_event *e),
                    void *arg);
