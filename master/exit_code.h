// SPDX-License-Identifier: MIT
#pragma once
/* exit_code: what the process tells its caller; docs/exit-codes.md in code. A worker that cannot
 * load its locustfile has codes of its own (64 to 67, 69), which the master passes on. */
enum exit_code {
    EXIT_FAILED = 1,
    EXIT_UNHANDLED = 2, /* an error in a listener or greenlet */
    EXIT_USAGE = 2,     /* a wrong command line; Locust uses the same number for both */
    EXIT_ADDRESS = 68,
    EXIT_RESOLVE = 70,
    EXIT_FILES = 71,
    EXIT_NO_WORKERS = 72,
    EXIT_CERTIFICATE = 73,
    EXIT_OUTPUT_FILE = 74,
};
