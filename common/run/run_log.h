// SPDX-License-Identifier: MIT
#pragma once
/* run_log: the log lines of a run and of the end. Their texts are Locust's where Locust has them:
 * people's scripts wait for them. */
#include "common/run/machine.h"

/* Names in the log lines: Locust's, for what reads them. */
#define LOGGER "locust.runners"
#define MAIN_LOGGER "locust.main"

void run_log(const struct machine *m, const struct machine_action *a); /* of a DO_TELL */
