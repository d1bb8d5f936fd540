// SPDX-License-Identifier: MIT
/* A wall clock that a test can set: preloaded, it moves CLOCK_REALTIME of one process (and of those
 * it starts) by the seconds that stand in the file named by CLOCK_SHIFT_FILE. Other clocks are
 * left alone, as they are when the clock of a machine is set. A second number there says for how
 * many seconds the machine was suspended, which moves CLOCK_BOOTTIME. The file is read at each
 * question that is 10 ms after the one before. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *t);
int gettimeofday(struct timeval *restrict t, void *restrict zone);

static _Atomic long shift_s, suspended_s;

static void look(void)
{
    static _Atomic int64_t read_at_ms;
    struct timespec mono;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &mono);
    const int64_t now_ms = (int64_t)mono.tv_sec * 1000 + mono.tv_nsec / 1000000;
    const char *path = getenv("CLOCK_SHIFT_FILE");
    if (!path || (read_at_ms != 0 && now_ms - read_at_ms < 10))
        return;
    read_at_ms = now_ms;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[32] = "";
    if (fd >= 0) {
        if (read(fd, text, sizeof text - 1) > 0) {
            char *second;
            shift_s = strtol(text, &second, 10);
            suspended_s = strtol(second, NULL, 10);
        }
        close(fd);
    }
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    const int rc = (int)syscall(SYS_clock_gettime, id, t);
    const bool is_wall = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
    if (rc == 0 && (is_wall || id == CLOCK_BOOTTIME)) {
        look();
        t->tv_sec += is_wall ? shift_s : suspended_s;
    }
    return rc;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *to)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to)
        *to = now.tv_sec;
    return now.tv_sec;
}
