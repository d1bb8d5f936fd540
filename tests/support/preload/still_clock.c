// SPDX-License-Identifier: MIT
/* A clock that stands where a test sets it: preloaded, every clock of the process shows what
 * still_clock_ns holds, once that is not 0. For code that takes its time from the machine and is
 * to be held to exact seconds (tests/pylib/test_vectors.py). */
#define _GNU_SOURCE
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int64_t still_clock_ns;

int clock_gettime(clockid_t id, struct timespec *t);

int clock_gettime(clockid_t id, struct timespec *t)
{
    if (still_clock_ns == 0)
        return (int)syscall(SYS_clock_gettime, id, t);
    *t = (struct timespec){still_clock_ns / 1000000000, still_clock_ns % 1000000000};
    return 0;
}
