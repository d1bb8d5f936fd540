// SPDX-License-Identifier: MIT
#include "common/base/runq.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

bool runq_read(const char *path, uint64_t *ns)
{
    char text[96];
    uint64_t ran, waited, slices;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    text[len > 0 ? len : 0] = 0;
    if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &ran, &waited, &slices) != 3)
        return false;
    *ns = waited;
    return ran > 0 || slices > 0; /* "0 0 0": it is built without, or told not to count */
}

bool runq_waited(uint64_t *ns)
{
    return runq_read("/proc/thread-self/schedstat", ns);
}
