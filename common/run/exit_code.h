// SPDX-License-Identifier: MIT
#pragma once
/* exit_code: what the process tells its caller; docs/exit-codes.md in code. A worker that cannot
 * load its locustfile has codes of its own (64 to 67, 69), which the master passes on. */
#include <stdbool.h>

enum exit_code {
    EXIT_FAILED = 1,
    EXIT_UNHANDLED = 2, /* an error in a listener or greenlet */
    EXIT_USAGE = 2,     /* a wrong command line; Locust uses the same number for both */
    EXIT_CHECKS = 3,    /* one of locust-plugins' --check-... */
    EXIT_OF_OURS = 64,  /* from here on: Locust ends with 1, and so do we by the name `locust` */
    EXIT_ADDRESS = 68,
    EXIT_RESOLVE = 70,
    EXIT_FILES = 71,
    EXIT_NO_WORKERS = 72,
    EXIT_CERTIFICATE = 73,
    EXIT_OUTPUT_FILE = 74,
    EXIT_INVALID = 75,    /* the measurement, with --fail-on-invalid */
    EXIT_SETUP = 76,      /* the test could not be set up */
    EXIT_TEARDOWN = 77,   /* what it left could not be cleaned up */
    EXIT_DESERTED = 79,   /* the last worker was lost in the middle of the run */
    EXIT_WORSE = 94,      /* than the baseline */
    EXIT_THRESHOLDS = 99, /* one failed, or had no data */
};

/* What `locust` tells where `katydid` has a code of its own. */
static inline int exit_code_as(bool is_locust, int code)
{
    return is_locust && code >= EXIT_OF_OURS && code < 100 ? EXIT_FAILED : code;
}
