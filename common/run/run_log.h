// SPDX-License-Identifier: MIT
#pragma once
/* run_log: the log lines of a run and of the end. Their texts are Locust's where Locust has them:
 * people's scripts wait for them. */
#include "common/base/log.h"
#include "common/run/machine.h"

/* Names in the log lines: Locust's, for what reads them. */
#define LOGGER "locust.runners"
#define MAIN_LOGGER "locust.main"

/* The lines of a DO_TELL, one after the other; text is only valid in the call. */
typedef void run_log_sink(void *arg, enum log_level level, const char *logger, const char *text);
void run_log_to(const struct machine *m, const struct machine_action *a, run_log_sink *sink,
                void *arg);
/* ... into the log of this process. */
void run_log(const struct machine *m, const struct machine_action *a);
